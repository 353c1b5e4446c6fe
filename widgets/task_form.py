"""The form for one more task: a prompt, and as much of the rest as the developer wants to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.suggester import Suggester
from textual.widgets import Button, Input, Label, Static, TextArea

from widgets.dialog import Dialog
from widgets.path_completion import complete
from widgets.text import flat

Fields = dict[str, object]
LISTS = ("files", "shared", "reads", "after")


class Completing(Suggester):
    """Suggests the first of what a function finds."""

    def __init__(self, found: Callable[[str], Sequence[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._found = found

    async def get_suggestion(self, value: str) -> str | None:
        """The text after the right arrow key."""
        found = self._found(value)
        return found[0] if found and value else None


class TaskForm(Dialog[Fields]):
    """The fields that were filled in, as `aurora.yaml` has them; None when the form was left. `check` says why
    they will not do, then the form stays."""

    DEFAULT_CSS = """
    TaskForm > #box { max-width: 100; height: 90%; max-height: 30; }
    TaskForm #fields { height: 1fr; }
    TaskForm TextArea { height: 6; border: tall $foreground 20%; background: $background; }
    TaskForm TextArea:focus { border: tall $primary; }
    TaskForm .row { height: 1; margin-top: 1; }
    TaskForm .row Label { width: 11; color: $text-muted; }
    TaskForm .row Input { border: none; height: 1; padding: 0 1; width: 1fr; }
    TaskForm .row Input:focus { border: none; background: $primary 20%; }
    TaskForm #completions { height: 1; color: $text-muted; }
    TaskForm #ends { height: auto; align-horizontal: right; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "take", "add", show=False, priority=True)]
    keys_help: ClassVar[str] = "tab next · → completes · ctrl+s adds · esc leaves"
    ROWS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("files", "src/auth/**, app.py: edited by this task alone"),
        ("after", "tasks that must have landed before"),
        ("id", "made from the prompt when empty"),
        ("agent", ""),
        ("priority", "0; higher runs first"),
        ("shared", "files others may edit too"),
        ("reads", "files nobody may edit meanwhile"),
        ("test", "a command that must pass on its branch"),
    )

    def __init__(
        self,
        files: Sequence[str],
        tasks: Sequence[str],
        agents: Sequence[str],
        default_agent: str,
        check: Callable[[Fields], str] = lambda fields: "",
    ) -> None:
        super().__init__("Add a task")
        self._files, self._tasks, self._agents = sorted(files), sorted(tasks), sorted(agents)
        self._default_agent, self._check = default_agent, check

    def compose_box(self) -> ComposeResult:
        """The prompt, the rows, what is wrong, and the buttons."""
        with VerticalScroll(id="fields", can_focus=False):
            yield Label("What is to be done? (the agent's prompt)", markup=False)
            prompt = TextArea(id="prompt", tab_behavior="focus", show_line_numbers=False)
            prompt.cursor_blink = False
            yield prompt
            for name, hint in self.ROWS:
                with Horizontal(classes="row"):
                    yield Label(name, markup=False)
                    yield self._line(name, hint)
        yield Static("", id="completions", markup=False)
        yield Static("", id="fault", classes="fault", markup=False)
        with Horizontal(id="ends"):
            yield Button("Add (ctrl+s)", id="add", variant="primary", flat=True)

    def _line(self, name: str, hint: str) -> Input:
        hint = f"{self._default_agent} (there are {', '.join(self._agents)})" if name == "agent" else hint
        line = Input(placeholder=flat(hint), id=f"field-{name}", suggester=Completing(self._completer(name)))
        line.cursor_blink = False
        return line

    def _completer(self, name: str) -> Callable[[str], Sequence[str]]:
        if name in ("files", "shared", "reads"):
            return lambda value: complete(value, self._files)
        words = {"after": self._tasks, "agent": self._agents}.get(name, [])
        return lambda value: complete(value, words)

    def on_mount(self) -> None:
        """Begin with the prompt."""
        self.query_one("#prompt").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What it may become."""
        name = (event.input.id or "").removeprefix("field-")
        found = self._completer(name)(event.value) if event.value else []
        self.query_one("#completions", Static).update("  ".join(flat(text) for text in found))

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.focus_next()

    def on_button_pressed(self) -> None:
        """The button."""
        self.action_take()

    def fields(self) -> Fields:
        """What was filled in."""
        given: Fields = {"prompt": self.query_one("#prompt", TextArea).text.strip()}
        for name, _ in self.ROWS:
            value = self.query_one(f"#field-{name}", Input).value.strip()
            if value:
                parts = [part.strip() for part in value.split(",") if part.strip()]
                given[name] = parts if name in LISTS else _number(value) if name == "priority" else value
        return given

    def action_take(self) -> None:
        """Take it if it is right."""
        fields = self.fields()
        fault = self._check(fields) if fields["prompt"] else "the prompt is missing: say what is to be done"
        if fault:
            self.query_one("#fault", Static).update(flat(fault))
        else:
            self.dismiss(fields)


def _number(text: str) -> object:
    """A number where it is one; the plan's own check says what is wrong with anything else."""
    try:
        return int(text)
    except ValueError:
        return text
