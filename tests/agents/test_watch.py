"""The watcher sees every write, and says "look yourself" when it may have missed one."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import psutil
import pytest
from project import wait_for

from engine import watch_area, watch_process
from engine.watch import RESTARTS, Watcher

DEADLINE = 15.0


class Seen:
    """What the watcher told, by name; `looks` counts the requests to look."""

    def __init__(self) -> None:
        self.paths: dict[str, set[str]] = {}
        self.looks: dict[str, int] = {}
        self.polled: list[tuple[str, str]] = []

    def __call__(self, name: str, paths: frozenset[str]) -> None:
        self.paths.setdefault(name, set()).update(paths)
        if not paths:
            self.looks[name] = self.looks.get(name, 0) + 1


async def until(what: Callable[[], bool]) -> None:
    """Wait on the loop until `what` is true; TimeoutError after DEADLINE seconds."""
    async with asyncio.timeout(DEADLINE):
        while not what():
            await asyncio.sleep(0.005)


async def watched(watcher: Watcher, seen: Seen, name: str, root: Path) -> None:
    """Watch a root and wait until its changes are seen."""
    looks = seen.looks.get(name, 0)
    watcher.add(name, root)
    await until(lambda: seen.looks.get(name, 0) > looks)


def with_watcher(play: Callable[[Watcher, Seen], Coroutine[object, object, None]]) -> None:
    async def main() -> None:
        seen = Seen()
        watcher = Watcher(seen, lambda name, why: seen.polled.append((name, why)))
        watcher.start(asyncio.get_running_loop())
        try:
            await play(watcher, seen)
        finally:
            await asyncio.to_thread(watcher.close)

    before = psutil.Process().children()
    asyncio.run(main())
    assert psutil.Process().children() == before


def test_what_is_written_into_a_new_directory_is_always_seen(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        await watched(watcher, seen, "w1", tmp_path)
        for n in range(100):
            folder = tmp_path / f"d{n}" / "deep"
            folder.mkdir(parents=True)
            (folder / "f").write_text("x")
        await until(lambda: {f"d{n}/deep/f" for n in range(100)} <= seen.paths["w1"])
        (tmp_path / "d7" / "deep" / "late").write_text("x")
        await until(lambda: "d7/deep/late" in seen.paths["w1"])

    with_watcher(play)


def test_a_tree_that_is_moved_in_is_seen_and_a_tree_that_is_moved_out(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        root, outside = tmp_path / "root", tmp_path / "outside" / "tree"
        root.mkdir()
        (outside / "below").mkdir(parents=True)
        (outside / "below" / "f").write_text("x")
        (outside / "loop").symlink_to(tmp_path)
        await watched(watcher, seen, "w1", root)
        outside.rename(root / "tree")
        await until(lambda: {"tree/below/f", "tree/loop"} <= seen.paths["w1"])
        seen.paths["w1"].clear()
        (root / "tree").rename(outside)
        await until(lambda: "tree" in seen.paths["w1"])

    with_watcher(play)


def test_a_removed_tree_is_seen(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        for n in range(20):
            (tmp_path / "tree" / f"d{n}").mkdir(parents=True)
            (tmp_path / "tree" / f"d{n}" / "f").write_text("x")
        await watched(watcher, seen, "w1", tmp_path)
        shutil.rmtree(tmp_path / "tree")
        await until(lambda: "tree" in seen.paths["w1"])

    with_watcher(play)


def test_a_file_is_told_by_its_own_path_also_when_links_lead_to_it(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        root, linked = tmp_path / "root", tmp_path / "linked"
        (root / "a").mkdir(parents=True)
        (root / "again").symlink_to(".")
        for n in range(10):
            (root / f"link{n}").symlink_to("a")
        linked.symlink_to(root)
        await watched(watcher, seen, "w1", linked)
        (root / "a" / "f").write_text("x")
        (root / "g").write_text("x")
        await until(lambda: seen.paths["w1"] >= {"a/f", "g"})
        assert seen.paths["w1"] == {"a/f", "g"}

    with_watcher(play)


def test_renames_and_deletes_are_seen_and_removed_roots_are_not(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "old.txt").write_text("x")
            await watched(watcher, seen, name, tmp_path / name)
        (tmp_path / "one" / "old.txt").rename(tmp_path / "one" / "new.txt")
        await until(lambda: {"old.txt", "new.txt"} <= seen.paths["one"])
        watcher.remove("two")
        (tmp_path / "two" / "late.txt").write_text("x")
        seen.paths["one"].clear()
        (tmp_path / "one" / "new.txt").unlink()
        (tmp_path / "one" / "draft").write_text("x")
        os.replace(tmp_path / "one" / "draft", tmp_path / "one" / "last.txt")
        await until(lambda: {"new.txt", "last.txt"} <= seen.paths["one"])
        assert not seen.paths["two"]

    with_watcher(play)


def test_git_is_ignored_at_every_depth(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        (tmp_path / ".git").mkdir()
        (tmp_path / "sub" / ".git").mkdir(parents=True)
        await watched(watcher, seen, "w1", tmp_path)
        (tmp_path / ".git" / "index").write_text("x")
        (tmp_path / "sub" / ".git" / "HEAD").write_text("x")
        (tmp_path / "new" / ".git").mkdir(parents=True)
        (tmp_path / "new" / ".git" / "HEAD").write_text("x")
        (tmp_path / ".gitignore").write_text("x")
        (tmp_path / "new" / "f").write_text("x")
        await until(lambda: {".gitignore", "new/f"} <= seen.paths["w1"])
        assert not [path for path in seen.paths["w1"] if ".git" in path.split("/")]

    with_watcher(play)


def test_many_roots_are_told_apart(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        roots = {f"w{n}": tmp_path / f"w{n}" for n in range(16)}
        for name, root in roots.items():
            root.mkdir()
            watcher.add(name, root)
        await until(lambda: seen.looks.keys() == roots.keys())
        for name, root in roots.items():
            (root / f"{name}.txt").write_text("x")
        await until(lambda: all(seen.paths[name] == {f"{name}.txt"} for name in roots))

    with_watcher(play)


def test_a_root_added_again_is_watched_anew(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        root = tmp_path / "w1"
        root.mkdir()
        await watched(watcher, seen, "w1", root)
        shutil.rmtree(root)
        root.mkdir()
        await watched(watcher, seen, "w1", root)
        (root / "f").write_text("x")
        await until(lambda: "f" in seen.paths["w1"])

    with_watcher(play)


def test_very_many_changes_are_a_request_to_look(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        (tmp_path / "root").mkdir()
        (tmp_path / "tree").mkdir()
        for n in range(watch_process.MANY + 1):
            (tmp_path / "tree" / str(n)).touch()
        await watched(watcher, seen, "w1", tmp_path / "root")
        (tmp_path / "tree").rename(tmp_path / "root" / "tree")
        await until(lambda: seen.looks["w1"] > 1)
        assert not seen.paths["w1"]

    with_watcher(play)


def test_a_killed_watching_process_is_started_again_and_a_look_is_asked_for(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        await watched(watcher, seen, "w1", tmp_path)
        assert watcher.pid is not None
        psutil.Process(watcher.pid).kill()
        await until(lambda: seen.looks["w1"] == 2)
        (tmp_path / "after.txt").write_text("x")
        await until(lambda: "after.txt" in seen.paths["w1"])

    with_watcher(play)


def test_when_the_watching_process_keeps_dying_its_roots_are_polled(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        await watched(watcher, seen, "w1", tmp_path)
        for _ in range(RESTARTS + 1):
            killed = watcher.pid
            assert killed is not None
            psutil.Process(killed).kill()
            await until(lambda killed=killed: watcher.pid != killed)  # type: ignore[misc]
        looks = seen.looks["w1"]
        await until(lambda: seen.looks["w1"] > looks)
        watcher.add("w2", tmp_path)
        assert seen.looks["w2"] == 1

    with_watcher(play)


def test_a_root_that_cannot_be_watched_is_polled_until_it_is_removed(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        watcher.add("gone", tmp_path / "missing")
        watcher.add("here", tmp_path)
        await until(lambda: seen.looks.get("gone", 0) == 2)
        watcher.remove("gone")
        assert seen.looks["here"] == 1

    with_watcher(play)


def git_in(root: Path, *args: str) -> None:
    """Run git."""
    subprocess.run(["git", *args], cwd=root, check=True, capture_output=True)


def watches(watcher: Watcher) -> int:
    """How many directories the watching process has the kernel watch."""
    lines = [line for file in Path(f"/proc/{watcher.pid}/fdinfo").iterdir() for line in file.read_text().splitlines()]
    return sum(line.startswith("inotify wd:") for line in lines)


def test_what_git_ignores_costs_no_watches_and_everything_else_is_seen(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        git_in(tmp_path, "init", "-q")
        (tmp_path / ".gitignore").write_text("node_modules/\n")
        for n in range(50):
            (tmp_path / "node_modules" / f"m{n}").mkdir(parents=True)
        for folder in ("src/deep", "packages/a/src", "packages/a/node_modules/x", "empty"):
            (tmp_path / folder).mkdir(parents=True)
        await watched(watcher, seen, "w1", tmp_path)
        assert watches(watcher) < 12
        (tmp_path / "node_modules" / "m1" / "f").write_text("x")
        written = {"top", "src/deep/f", "packages/f", "packages/a/f", "packages/a/src/f", "empty/f"}
        for path in written:
            (tmp_path / path).write_text("x")
        await until(lambda: written <= seen.paths["w1"])
        assert not [path for path in seen.paths["w1"] if "node_modules" in path]
        (tmp_path / "new" / "deep").mkdir(parents=True)
        (tmp_path / "packages" / "b").mkdir()
        looks = seen.looks["w1"]
        await until(lambda: seen.looks["w1"] > looks)
        for path in ("new/deep/f", "packages/b/f"):
            (tmp_path / path).write_text("x")
        await until(lambda: {"new/deep/f", "packages/b/f"} <= seen.paths["w1"])

    with_watcher(play)


def test_an_ignored_tree_that_comes_later_gives_its_watches_back(tmp_path: Path) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        git_in(tmp_path, "init", "-q")
        (tmp_path / ".gitignore").write_text("node_modules/\n")
        (tmp_path / "src").mkdir()
        await watched(watcher, seen, "w1", tmp_path)
        for n in range(200):
            (tmp_path / "node_modules" / f"m{n}").mkdir(parents=True)
        await until(lambda: seen.looks["w1"] > 1 and watches(watcher) < 10)
        (tmp_path / "src" / "f").write_text("x")
        await until(lambda: "src/f" in seen.paths["w1"])

    with_watcher(play)


def test_a_root_that_is_not_watched_is_told_of_once_and_looked_at_the_less_often_the_longer_it_takes(
    tmp_path: Path,
) -> None:
    async def play(watcher: Watcher, seen: Seen) -> None:
        watcher.add("gone", tmp_path / "missing")
        await until(lambda: seen.looks.get("gone", 0) == 1)
        watcher.looked("gone", 100.0)
        await until(lambda: seen.looks["gone"] == 2)
        timer = watcher._polled["gone"]
        assert timer is not None
        assert timer.when() - asyncio.get_running_loop().time() > 5
        assert [name for name, _ in seen.polled] == ["gone"]
        assert "missing" in seen.polled[0][1]

    with_watcher(play)


def test_the_share_of_one_user_is_divided_among_roots() -> None:
    share = watch_area.Share(limit=100)
    share.take("w1", 50)
    with pytest.raises(watch_area.NoWatches, match="40 directories, and 25 more can be watched"):
        share.take("w2", 40)
    share.take("w2", 25)
    share.take("w1", 20)
    share.give_back("w2")
    share.take("w3", 55)


LIMIT = "echo 5 > /proc/sys/user/max_inotify_watches && exec "


def test_a_reached_limit_of_watches_is_told(tmp_path: Path) -> None:
    for n in range(10):
        (tmp_path / f"d{n}").mkdir()
    own_limits = ["unshare", "-U", "-r", "/bin/sh", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*own_limits, f"{LIMIT} true"], capture_output=True).returncode
    ):
        pytest.skip("no user namespaces here, so no inotify limit of our own")
    process = subprocess.Popen(
        [*own_limits, f"{LIMIT} {sys.executable} -c 'from engine.watch_process import main; main()'"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f'{{"name": "w1", "root": "{tmp_path}"}}\n')
        process.stdin.flush()
        assert "11 directories, and 3 more can be watched" in process.stdout.readline()


def test_the_watching_process_ends_with_its_engine(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path; from engine.watch import Watcher\n"
        "async def main():\n"
        "    ready = asyncio.Event()\n"
        "    watcher = Watcher(lambda name, paths: ready.set())\n"
        "    watcher.start(asyncio.get_running_loop()); watcher.add('w1', Path(sys.argv[1]))\n"
        "    await ready.wait(); print(watcher.pid, flush=True); os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        pid = int(engine.stdout.readline())
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, DEADLINE)
