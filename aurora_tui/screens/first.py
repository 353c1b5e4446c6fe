"""The first start in a repository without a plan."""

from __future__ import annotations

import os

from aurora_tui import terminal


def ask_first(folder: str) -> str:
    """Show the welcome; `init`, `demo` or `quit`."""
    profile = terminal.prepare(os.environ)
    from textual.app import App

    from aurora_tui.themes import THEMES
    from widgets.welcome import Welcome

    class FirstApp(App[str]):
        """Nothing but the welcome."""

        ENABLE_COMMAND_PALETTE = False

        def on_mount(self) -> None:
            """Show it."""
            for theme in THEMES:
                self.register_theme(theme)
            self.theme = profile.theme if profile.theme in self.available_themes else terminal.DARK
            self.push_screen(Welcome(folder, "There is no aurora.yaml here yet."), self.exit)

    return FirstApp().run() or "quit"
