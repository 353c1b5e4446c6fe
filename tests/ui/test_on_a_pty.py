"""The real command on a real terminal that misbehaves: what it loses is the picture, never the work."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project, wait_for
from pty_terminal import DEADLINE, PtyTerminal

pytestmark = pytest.mark.slow
LEAVE_AND_STOP = "q3"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A small repository; nothing that runs for it outlives the test."""
    made = Project(tmp_path)
    yield made
    made.kill_everything()


def screen(project: Project, columns: int = 120, lines: int = 36) -> PtyTerminal:
    """`aurora run` on a terminal."""
    command = [sys.executable, "-m", "aurora_tui", "run", str(project.file)]
    return PtyTerminal(command, project.root, columns, lines, {"NO_COLOR": ""})


def landed(project: Project) -> bool:
    """Every task has landed, as another process sees it."""
    states = project.states()
    return bool(states) and set(states.values()) == {"landed"}


def shows(terminal: PtyTerminal, columns: int, lines: int, words: bytes) -> bool:
    """Make the window that size (from another one, so that it is told); whether the words came within a second."""
    seen = len(terminal.chunks)
    terminal.resize(columns + 1, lines)
    terminal.resize(columns, lines)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        if any(words in chunk.data for chunk in terminal.chunks[seen:]):
            return True
        time.sleep(0.01)
    return False


def gated(folder: Path, name: str, then: str) -> str:
    """A script that waits until a file is there."""
    return f"while [ ! -e {folder / name} ]; do sleep 0.02; done; {then}"


def test_a_terminal_that_stops_reading_stops_the_picture_only(project: Project, tmp_path: Path) -> None:
    chatter = "for n in $(seq 1 3000); do echo line $n of a lot of output; done; "
    plan = [{"id": f"t{n}", "files": [f"f{n}"], "run": f"{chatter} echo x > f{n}"} for n in range(6)]
    plan.insert(0, {"id": "first", "files": ["first"], "run": gated(tmp_path, "go", "echo x > first")})
    project.plan(plan, workers=1)
    with screen(project) as terminal:
        terminal.wait_for(b"Workers")
        wait_for(lambda: project.states().get("first") == "running")
        terminal.stop_reading()
        (tmp_path / "go").touch()
        wait_for(lambda: landed(project))
        assert terminal.process.poll() is None
        terminal.go_on_reading()
        terminal.wait_for(b"7/7", since=len(terminal.chunks))
        terminal.type("q")
        assert terminal.process.wait(30) == 0


def test_a_storm_of_sizes_crashes_nothing(project: Project, tmp_path: Path) -> None:
    project.plan([{"id": "alpha", "files": ["a"], "run": gated(tmp_path, "go", "echo a > a")}])
    sizes = [(1, 1), (1, 50), (2, 2), (39, 9), (40, 10), (60, 10), (100, 11), (300, 100), (99, 24), (120, 3)]
    dice = random.Random(7)
    with screen(project) as terminal:
        terminal.wait_for(b"alpha")
        for columns, lines in [*sizes, *((dice.randint(1, 200), dice.randint(1, 60)) for _ in range(100))]:
            terminal.resize(columns, lines)
            terminal.type(dice.choice("12340jkv]"))
        wait_for(lambda: shows(terminal, 31, 8, b"31\xc3\x978"))
        wait_for(lambda: shows(terminal, 118, 35, b"Merges"))
        (tmp_path / "go").touch()
        wait_for(lambda: landed(project))
        assert terminal.process.poll() is None


def test_a_lost_terminal_ends_the_picture_and_the_run_goes_on(project: Project, tmp_path: Path) -> None:
    plan = [{"id": "alpha", "files": ["a"], "run": gated(tmp_path, "go", "echo a > a")}]
    project.plan([*plan, {"id": "beta", "after": ["alpha"], "files": ["b"], "run": "echo b > b"}])
    with screen(project) as terminal:
        terminal.wait_for(b"alpha")
        wait_for(lambda: project.states().get("alpha") == "running")
        terminal.hang_up()
        (tmp_path / "go").touch()
        wait_for(lambda: {"a", "b"} <= project.files())
        assert terminal.process.wait(60) == 0


def test_detaching_leaves_a_run_that_can_be_attached_to(project: Project, tmp_path: Path) -> None:
    project.plan([{"id": "alpha", "files": ["a"], "run": gated(tmp_path, "go", "echo a > a")}])
    with screen(project) as terminal:
        terminal.wait_for(b"alpha")
        wait_for(lambda: project.states().get("alpha") == "running")
        agents = {p.pid for p in project.processes("alpha.sh")}
        terminal.type("d")
        terminal.wait_for(b"goes on in the background")
        assert terminal.process.wait(30) == 0
    command = [sys.executable, "-m", "aurora_tui", "attach"]
    wait_for(lambda: "running" in project.says("status"))
    with PtyTerminal(command, project.root) as again:
        again.wait_for(b"alpha")
        assert agents & {p.pid for p in project.processes("alpha.sh")}  # a fork of the moment is gone since
        (tmp_path / "go").touch()
        wait_for(lambda: "a" in project.files())
        again.type("q")
        assert again.process.wait(30) == 0


def test_nothing_an_agent_writes_reaches_the_terminal_raw(project: Project, tmp_path: Path) -> None:
    evil = r"printf '\033]52;c;RVZJTA==\007\033]2;EVILTITLE\007\033[2Jplain EVILTEXT\302\233 5n\n'"
    name = r"""$(printf 'x\033]2;EVILNAME\007y')"""
    script = f'{evil}; echo {evil} > "{name}"; {gated(tmp_path, "go", "true")}'
    project.plan([{"id": "alpha", "run": script}])
    with screen(project) as terminal:
        terminal.wait_for(b"EVILTEXT")
        terminal.wait_for(b"EVILNAME")
        terminal.press("0]", b"EVILTEXT", DEADLINE)
        terminal.press("]", b"started", DEADLINE)
        raw = terminal.output
        (tmp_path / "go").touch()
    for sequence in (b"\x1b]52;c;RVZJTA", b"\x1b]2;EVIL", b"\x1b[2Jplain", b"\xc2\x9b"):
        assert sequence not in raw


def test_leaving_with_stop_leaves_no_process_behind(project: Project, tmp_path: Path) -> None:
    project.plan([{"id": "alpha", "files": ["a"], "run": gated(tmp_path, "go", "true")}])
    with screen(project) as terminal:
        terminal.wait_for(b"alpha")
        wait_for(lambda: project.processes("alpha.sh"))
        terminal.press("\x03", b"Leave Aurora", 10)
        terminal.type("3")
        assert terminal.process.wait(30) == 130
    wait_for(lambda: not project.processes())


def test_a_closed_stdin_does_not_open_a_screen(project: Project) -> None:
    project.plan([{"id": "alpha", "files": ["a"], "run": "echo a > a"}])
    command = [sys.executable, "-m", "aurora_tui", "run", str(project.file)]
    done = subprocess.run(command, cwd=project.root, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert b"\x1b[?1049h" not in done.stdout + done.stderr
    assert "a" in project.files()
