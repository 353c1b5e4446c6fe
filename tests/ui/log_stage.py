"""A screen with the output and the story of a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from screen import text_of
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from engine.log_file import LogFile
from widgets.look import Piece
from widgets.output_pane import OutputPane
from widgets.story_pane import StoryPane

LARGE, SMALL = (80, 24), (40, 12)


class CountingPane(OutputPane):
    """Counts the rows it makes."""

    made = 0

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        self.made += 1
        return super().row_pieces(index, width)


class Page(App[None]):
    """Nothing but the two panes, one of them visible."""

    CSS = "LineView { height: 1fr; } .hidden { display: none; }"

    def compose(self) -> ComposeResult:
        yield CountingPane()
        yield StoryPane(classes="hidden")
        yield Static("below", markup=False)


class Log:
    """A log on the disk, written here and shown in the pane."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "auth.1.log"
        self.path.touch()
        self.file = LogFile(self.path)

    def add(self, text: str) -> None:
        with self.path.open("ab") as file:
            file.write(text.encode())
        while self.file.grow():
            pass

    def number(self, first: int, last: int, words: str = "line") -> None:
        self.add("".join(f"{words} {n}\n" for n in range(first, last + 1)))


class Stage:
    """The panes on a screen, and what a person sees of them."""

    def __init__(self, pilot: Pilot[None], log: Log) -> None:
        self.pilot, self.log = pilot, log
        self.output = pilot.app.query_one(CountingPane)
        self.story = pilot.app.query_one(StoryPane)

    @property
    def screen(self) -> list[str]:
        return text_of(self.pilot.app)

    @property
    def body(self) -> list[str]:
        """The lines of the output, without heading and scrollbar."""
        width = self.output.page_width
        strips = self.pilot.app.screen._compositor.render_strips()[1 : self.output.size.height]
        return [strip.crop(0, width).text.rstrip() for strip in strips]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def settle(self) -> None:
        await self.pilot.pause()

    async def grow(self, text: str) -> int:
        """The log and the pane grow; how many rows were made for it."""
        self.log.add(text)
        before = self.output.made
        self.output.grown()
        await self.pilot.pause()
        return self.output.made - before

    async def show(self) -> None:
        self.output.show(self.log.file, "attempt 1", "nothing was printed yet")
        await self.pilot.pause()

    async def tell(self, *lines: str, title: str = "auth") -> None:
        self.output.add_class("hidden")
        self.story.remove_class("hidden")
        self.story.show(lines, title, "nothing happened yet")
        await self.pilot.pause()
        self.story.focus()

    def marked(self, style: str) -> list[str]:
        """The texts on the screen in the colours of a style."""
        wanted = self.output.style_of(style).bgcolor
        strips = self.pilot.app.screen._compositor.render_strips()
        return [s.text for strip in strips for s in strip if s.style and s.style.bgcolor == wanted]


Scene = Callable[[Stage], Awaitable[None]]
Play = Callable[..., None]


def player(folder: Path) -> Play:
    """Plays a scene on a screen of a size; the log is in the folder."""

    def run(scene: Scene, size: tuple[int, int] = LARGE) -> None:
        async def main() -> None:
            async with Page().run_test(size=size) as pilot:
                stage = Stage(pilot, log)
                stage.output.focus()
                await scene(stage)

        log = Log(folder)
        try:
            asyncio.run(main())
        finally:
            log.file.close()

    return run
