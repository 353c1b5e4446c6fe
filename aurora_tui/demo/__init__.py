"""The demo: a throw-away shop, a plan for it, and scripted agents that need no key."""

from aurora_tui.demo.builder import Demo, build

__all__ = ["Demo", "build"]
