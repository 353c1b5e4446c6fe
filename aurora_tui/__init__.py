"""The `aurora` command: the only place that knows both the engine and the screen."""

from aurora_tui._rooms import keep_own_rooms

keep_own_rooms()
