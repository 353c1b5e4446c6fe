"""The form for one more task: a prompt, and as much of the rest as the developer wants to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Button, Input, Label, Static, TextArea

from engine.text import clean
from widgets.ask_line import Line
from widgets.completions import Completions, Taken
from widgets.dialog import Dialog
from widgets.path_completion import complete_names, complete_paths
from widgets.text import expanded, flat

Fields = dict[str, object]
Complete = Callable[[str], Sequence[str]]
LISTS = ("files", "shared", "reads", "after")
PATHS = ("files", "shared", "reads")


def no_check(fields: Fields) -> str:
    """Everything is right."""
    return ""


class Completing(Suggester):
    """Suggests the first of what a function finds."""

    def __init__(self, found: Complete) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._found = found

    async def get_suggestion(self, value: str) -> str | None:
        """The line as the right arrow key would make it."""
        return next((text for text in self._found(value) if text.startswith(value)), None) if value else None


class Prompt(TextArea):
    """Several lines; the down key on the last one goes on to the next field."""

    def on_mount(self) -> None:
        """A blinking cursor costs output all the time."""
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        """Clean what comes from outside, then let TextArea insert it."""
        event.text = "\n".join(expanded(line) for line in clean(event.text.replace("\r\n", "\n")).split("\n"))

    def action_cursor_down(self, select: bool = False) -> None:
        """Down, or on."""
        before = self.cursor_location
        super().action_cursor_down(select)
        if not select and self.cursor_location == before:
            self.screen.focus_next()


class Rows(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The fields; the arrows move between them and do not scroll."""


class TaskForm(Dialog[Fields]):
    """The fields that were filled in, as `aurora.yaml` has them; None when the form was left.

    `check` says why they will not do, then the form stays. `given` fills fields in, as `fields` returns them.
    """

    DEFAULT_CSS = """
    TaskForm > #box { max-width: 100; height: 80%; max-height: 26; padding: 0 1; }
    TaskForm.-low > #box { max-width: 100; height: 100%; }
    TaskForm #fields { height: 1fr; }
    TaskForm Prompt {
        height: 1fr; min-height: 6; padding: 0 1; background: $surface;
        border: round $foreground 25%; border-title-color: $text-muted;
    }
    TaskForm.-low Prompt { min-height: 4; }
    TaskForm Prompt:focus { border: round $primary; border-title-color: $text-primary; }
    TaskForm Prompt:ansi { border: round ansi_bright_black; background: ansi_default; }
    TaskForm Prompt:ansi:focus { border: round ansi_cyan; }
    TaskForm Prompt, TaskForm #fields {
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; scrollbar-color: $foreground 25%;
        scrollbar-background: $surface; scrollbar-background-hover: $surface; scrollbar-background-active: $surface;
    }
    TaskForm Prompt:ansi .text-area--cursor { background: ansi_white; color: ansi_black; text-style: none; }
    TaskForm .row { height: 1; padding: 0 1; }
    TaskForm .row Label { width: 10; color: $text-muted; }
    TaskForm .row.now Label { color: $text-primary; text-style: bold; }
    TaskForm .row Line, TaskForm .row Line:focus { border: none; height: 1; padding: 0 1; width: 1fr; }
    TaskForm .row Line { background: $background; }
    TaskForm .row Line:focus { background: $primary 18%; }
    TaskForm .row Line:ansi, TaskForm .row Line:ansi:focus { border: none; background: ansi_default; }
    TaskForm .row Line:ansi:focus { text-style: underline; }
    TaskForm Completions { padding: 0 1 0 11; }
    TaskForm #fault { padding: 0 2; max-height: 3; display: none; }
    TaskForm #ends { height: 1; align-horizontal: right; }
    TaskForm #ends Button {
        width: auto; min-width: 10; height: 1; border: none; line-pad: 1; padding: 0 1;
        background: $panel; color: $foreground; text-style: none; margin-right: 1;
    }
    TaskForm #ends Button:hover { background: $foreground 20%; }
    TaskForm #ends Button:focus { background: $primary; color: $background; text-style: bold; }
    TaskForm #ends Button:ansi { background: ansi_default; color: ansi_default; text-style: bold; }
    TaskForm #ends Button:ansi:focus { text-style: bold reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "take", "add", show=False, priority=True),
        Binding("ctrl+n", "complete", "next completion", show=False),
        Binding("down", "app.focus_next", "next", show=False),
        Binding("up", "app.focus_previous", "before", show=False),
    ]
    keys_help: ClassVar[str] = "tab next · ctrl+s add · esc leave"
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
        check: Callable[[Fields], str] = no_check,
        given: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__("Add a task")
        self._files = sorted(path for path in files if path.isprintable())
        self._names = {"after": sorted(tasks), "agent": sorted(agents)}
        self._default_agent, self._check, self._given = default_agent, check, dict(given or {})
        self.draft: Fields = {}
        """What had been typed when the form was left without adding the task."""

    def compose_box(self) -> ComposeResult:
        """The prompt, the rows, what they may become, what is wrong, and the button."""
        with Rows(id="fields"):
            prompt = Prompt(clean(self._text_of("prompt")), id="prompt", highlight_cursor_line=False)
            prompt.border_title = Content("What is to be done? (the prompt)")
            yield prompt
            for name, hint in self.ROWS:
                with Horizontal(classes="row"):
                    yield Label(name, markup=False)
                    yield self._line(name, hint)
        yield Completions(beside=True, hint="→ or ctrl+n")
        yield Static("", id="fault", classes="fault", markup=False)
        with Horizontal(id="ends"):
            yield Button(Content("Add the task"), id="add")

    def _line(self, name: str, hint: str) -> Line:
        if name == "agent":
            hint = f"{self._default_agent} (there are {', '.join(self._names['agent'])})" if self._default_agent else ""
        suggester = Completing(lambda value: self._found(name, value))
        line = Line(flat(self._text_of(name)), placeholder=flat(hint), id=f"field-{name}", suggester=suggester)
        line.select_on_focus = False
        return line

    def _text_of(self, name: str) -> str:
        value = self._given.get(name, "")
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    def _found(self, name: str, value: str) -> Sequence[str]:
        """What a field may be completed to."""
        if name in PATHS:
            return complete_paths(value, self._files)
        return complete_names(value, self._names.get(name, ()))

    def on_mount(self) -> None:
        """Begin at the prompt's end."""
        prompt = self.query_one(Prompt)
        prompt.move_cursor(prompt.document.end)
        prompt.focus()

    # --- completions ---

    def on_descendant_focus(self) -> None:
        """Another field, which may become something else."""
        for row in self.query(".row"):
            row.set_class(row.query_one(Line) is self.focused, "now")
        self._offer()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What it may become now."""
        if event.value != self.query_one(Completions).cycle.text:
            self._offer()

    def _offer(self) -> None:
        below, line = self.query_one(Completions), self.focused
        name = (line.id or "").removeprefix("field-") if isinstance(line, Line) else ""
        found = self._found(name, line.value) if isinstance(line, Line) else ()
        below.cycle.offer(line.value if isinstance(line, Line) else "", found)
        below.show()

    def action_complete(self) -> None:
        """The next completion."""
        below, line = self.query_one(Completions), self.focused
        if isinstance(line, Line) and below.cycle.found:
            line.put(below.cycle.step(1))
            below.refresh()

    def on_taken(self, message: Taken) -> None:
        """A completion was clicked."""
        if isinstance(self.focused, Line):
            self.focused.put(message.text)

    # --- taking it ---

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.focus_next()

    def on_button_pressed(self) -> None:
        """The button."""
        self.action_take()

    def fields(self) -> Fields:
        """What was filled in; `priority` stays a text where it is no whole number."""
        prompt = clean(self.query_one(Prompt).text).strip()
        given: Fields = {"prompt": prompt} if prompt else {}
        for name, _ in self.ROWS:
            value = self.query_one(f"#field-{name}", Line).value.strip()
            parts = [part.strip() for part in value.split(",") if part.strip()]
            if parts:
                given[name] = parts if name in LISTS else _number(value) if name == "priority" else value
        return given

    def action_leave(self) -> None:
        """No task; what was typed can be given to the next form."""
        self.draft = self.fields()
        self.dismiss(None)

    def action_take(self) -> None:
        """Take it if it is right."""
        fields = self.fields()
        fault = _fault(fields) or self._check(fields)
        if not fault:
            self.dismiss(fields)
            return
        if "prompt" not in fields:
            self.query_one(Prompt).focus()
        words = self.query_one("#fault", Static)
        words.update(f"✗ {flat(fault)}")
        words.display = True


def _number(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return text


def _fault(fields: Fields) -> str:
    """What the form itself can see is wrong."""
    if "prompt" not in fields:
        return "the prompt is missing: say what is to be done"
    return "" if isinstance(fields.get("priority", 0), int) else "priority: a whole number, please: 5, 0, -3"
