"""The watcher sees every write, and says "look yourself" when it may have missed one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

from engine.watch import Watcher

DEADLINE = 15.0


class Seen:
    """What the watcher told, by name; `[]` marks a request to look."""

    def __init__(self) -> None:
        self.paths: dict[str, set[str]] = {}
        self.looks: dict[str, int] = {}

    def __call__(self, name: str, paths: frozenset[str]) -> None:
        self.paths.setdefault(name, set()).update(paths)
        if not paths:
            self.looks[name] = self.looks.get(name, 0) + 1


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not what():
            await asyncio.sleep(0.01)


def with_watcher(play: Callable[[Watcher, Seen], Coroutine[object, object, None]]) -> None:
    async def main() -> None:
        seen = Seen()
        watcher = Watcher(seen)
        watcher.start(asyncio.get_running_loop())
        try:
            await play(watcher, seen)
        finally:
            await asyncio.to_thread(watcher.close)

    asyncio.run(main())


def test_new_directories_lose_nothing_and_git_is_ignored(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        (tmp_path / ".git").mkdir()
        watcher.add("w1", tmp_path)
        await until(lambda: seen.looks.get("w1", 0) > 0)
        for n in range(30):
            folder = tmp_path / f"d{n}" / "deep"
            folder.mkdir(parents=True)
            (folder / "f.txt").write_text("x")
        (tmp_path / ".git" / "index").write_text("x")
        (tmp_path / "d0" / "deep" / "g.txt").write_text("x")
        wanted = {f"d{n}/deep/f.txt" for n in range(30)} | {"d0/deep/g.txt"}
        await until(lambda: wanted <= seen.paths["w1"])
        assert not any(path.startswith(".git") for path in seen.paths["w1"])

    with_watcher(play)


def test_renames_and_deletes_are_seen_and_removed_roots_are_not(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "old.txt").write_text("x")
            watcher.add(name, tmp_path / name)
        await until(lambda: len(seen.looks) == 2)
        (tmp_path / "one" / "old.txt").rename(tmp_path / "one" / "new.txt")
        await until(lambda: {"old.txt", "new.txt"} <= seen.paths["one"])
        watcher.remove("two")
        (tmp_path / "two" / "late.txt").write_text("x")
        (tmp_path / "one" / "new.txt").unlink()
        (tmp_path / "one" / "last.txt").write_text("x")
        await until(lambda: "last.txt" in seen.paths["one"])
        assert "late.txt" not in seen.paths["two"]

    with_watcher(play)


def test_a_killed_watching_process_is_started_again_and_a_look_is_asked_for(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        watcher.add("w1", tmp_path)
        await until(lambda: seen.looks.get("w1", 0) == 1)
        assert watcher._process is not None
        watcher._process.kill()
        await until(lambda: seen.looks["w1"] >= 2)
        (tmp_path / "after.txt").write_text("x")
        await until(lambda: "after.txt" in seen.paths["w1"])

    with_watcher(play)


def test_a_root_that_cannot_be_watched_is_polled(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        watcher.add("gone", tmp_path / "missing")
        await until(lambda: seen.looks.get("gone", 0) >= 2)

    with_watcher(play)
