"""The first start in a repository without a plan: what this is, and two ways to begin."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Button, Static

from widgets.text import flat

WORDMARK = """\
░▒▓█▓▒░ ░▒▓█▓▒░ ░▒▓█▓▒░
      a u r o r a"""
ABOUT = (
    "Several coding agents, one git repository, no collisions. Each task gets its own worktree and branch; files are"
    " locked while a task edits them; only a merged tree that passed your tests lands."
)


class Welcome(Screen[str]):
    """Dismissed with `init`, `demo` or `quit`."""

    DEFAULT_CSS = """
    Welcome { align: center middle; background: $background; }
    Welcome #welcome { width: 72; max-width: 96%; height: auto; max-height: 100%; padding: 0 1; }
    Welcome #mark { color: $primary; text-style: bold; width: auto; margin-bottom: 1; }
    Welcome #about { margin-bottom: 1; }
    Welcome #where { color: $text-muted; margin-bottom: 1; }
    Welcome Button { width: 100%; content-align: left middle; margin-bottom: 1; }
    Welcome.-low #mark { display: none; }
    Welcome.-low #where { display: none; }
    Welcome.-low Button { margin-bottom: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "choose('init')", "init", show=False),
        Binding("d", "choose('demo')", "demo", show=False),
        Binding("q,escape,ctrl+c", "choose('quit')", "quit", show=False),
        Binding("down,j", "app.focus_next", "next", show=False),
        Binding("up,k", "app.focus_previous", "before", show=False),
    ]

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__()
        self._where = f"{flat(reason)} ({flat(folder)})"

    def compose(self) -> ComposeResult:
        """The mark, three sentences, three ways on."""
        with Vertical(id="welcome"):
            yield Static(WORDMARK, id="mark", markup=False)
            yield Static(ABOUT, id="about", markup=False)
            yield Static(self._where, id="where", markup=False)
            yield Button("i  write a starter aurora.yaml here", id="init", variant="primary", flat=True)
            yield Button("d  see the demo (throw-away repository, no key needed)", id="demo", flat=True)
            yield Button("q  quit", id="quit", flat=True)

    def on_mount(self) -> None:
        """Enter writes the starter."""
        self.query_one("#init").focus()

    def on_resize(self) -> None:
        """Only what fits."""
        self.set_class(self.size.height < 20, "-low")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A way on was clicked."""
        self.dismiss(event.button.id)

    def action_choose(self, way: str) -> None:
        """A way on was typed."""
        self.dismiss(way)
