"""What a front end sees of an engine at work, and what it may say: in its own process and through the socket."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from project import Project, wait_for

from engine.config import load_plan
from engine.control import connect
from engine.doing_agents import LiveAttempt
from engine.errors import Refused
from engine.handle import EngineHandle
from engine.intents import HandOverLock, Intent, MessageTask, NarrowLock, PauseTask, ResumeTask, Shutdown
from engine.model import TaskState, TaskView
from engine.repo import Repo
from engine.session import LocalEngine, start_engine
from engine.updating import MergeResult
from engine.worktrees import Worktrees

SOON = 30.0


@pytest.fixture
def engines() -> Iterator[list[LocalEngine]]:
    """The engines a test starts; none outlives it."""
    started: list[LocalEngine] = []
    yield started
    for engine in started:
        engine.send(Shutdown(at=0.0, mode="stop"))
        engine.wait(SOON)


def start(project: Project, engines: list[LocalEngine]) -> LocalEngine:
    """An engine of this process on the project's plan."""
    repo = Repo.open(project.root)
    engines.append(start_engine(repo, load_plan(project.file, root=project.root, target="main")))
    return engines[-1]


def tell(handle: EngineHandle, intent: Intent) -> str:
    """What the engine answers."""
    return handle.send(intent).result(SOON)


def size_of(task: TaskView) -> tuple[int, int, tuple[str, ...]]:
    """How much a task has changed."""
    return task.added, task.removed, task.paths


def until(file: Path) -> str:
    """A script line that waits for a file."""
    return f"while [ ! -e {file} ]; do sleep 0.02; done\n"


def test_what_a_running_agent_has_changed_so_far(project: Project, engines: list[LocalEngine], tmp_path: Path) -> None:
    go, end = tmp_path / "go", tmp_path / "end"
    first = "echo 'line0 = 7' > models.py; printf 'one\ntwo\nthree' > new.txt\n"
    again = "echo 'line1 = 8' >> models.py; rm new.txt\n"
    files = ["models.py", "new.txt"]
    project.plan([{"id": "a", "files": files, "run": first + until(go) + again + until(end)}])
    engine = start(project, engines)
    wait_for(lambda: size_of(engine.snapshot().task("a")) == (4, 40, ("models.py", "new.txt")))
    assert engine.snapshot().task("a").state is TaskState.RUNNING
    assert engine.snapshot().task("a").base == project.git("rev-parse", "main")
    go.touch()
    wait_for(lambda: size_of(engine.snapshot().task("a"))[:2] == (2, 40))
    end.touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)
    assert size_of(engine.snapshot().task("a")) == (2, 40, ("models.py",))


def test_the_clock_stands_while_an_agent_is_paused(
    project: Project, engines: list[LocalEngine], tmp_path: Path
) -> None:
    project.plan([{"id": "a", "files": ["a.txt"], "run": until(tmp_path / "go") + "echo > a.txt"}], workers=1)
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().workers[0].active_at)
    tell(engine, PauseTask(at=0.0, task="a"))
    worker = engine.snapshot().workers[0]
    assert worker.active_at is None
    assert 0 < worker.active < SOON
    assert worker.elapsed(time.time() + 1000) == worker.active
    tell(engine, ResumeTask(at=0.0, task="a"))
    assert engine.snapshot().workers[0].active == worker.active
    (tmp_path / "go").touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)
    assert worker.active <= engine.snapshot().task("a").active < SOON


def test_the_clock_goes_on_while_there_is_no_engine(
    project: Project, engines: list[LocalEngine], tmp_path: Path
) -> None:
    project.plan([{"id": "a", "files": ["a.txt"], "run": until(tmp_path / "go") + "echo > a.txt"}], workers=1)
    first = start(project, engines)
    began = wait_for(lambda: first.snapshot().workers[0].active_at)
    assert isinstance(began, float)
    first.close()
    wait_for(lambda: time.time() > began + 0.5)
    engine = start(project, engines)
    assert engine.snapshot().workers[0].active_at == began
    wait_for(lambda: any("adopted" in line for line in engine.story("a")))
    ran = time.time() - began
    (tmp_path / "go").touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)
    assert engine.snapshot().task("a").active >= ran - 0.1


def test_the_output_of_the_integration_test_can_be_read_while_it_runs(
    project: Project, engines: list[LocalEngine], tmp_path: Path
) -> None:
    test = f"echo begins; {until(tmp_path / 'go').strip()}; echo ends"
    project.plan([{"id": "a", "files": ["a.txt"], "run": "echo > a.txt"}], integration_test=test)
    engine = start(project, engines)
    folder = Repo.open(project.root).aurora_dir
    assert engine.snapshot().merge.log == ""
    log = folder / str(wait_for(lambda: engine.snapshot().merge.log))
    wait_for(lambda: log.exists() and log.read_text() == "begins\n")
    assert engine.snapshot().merge.phase == "testing"
    (tmp_path / "go").touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)
    assert log.read_text() == "begins\nends\n"
    assert engine.snapshot().merge.log == ""


def test_a_message_reaches_the_next_attempt_which_goes_on_from_the_work(
    project: Project, engines: list[LocalEngine], tmp_path: Path
) -> None:
    script = (
        "if [ $AURORA_ATTEMPT = 1 ]; then echo half > a.txt; " + until(tmp_path / "never").strip() + "; fi\n"
        "test -e a.txt && cp $AURORA_PROMPT_FILE " + f"{tmp_path}/prompt; echo whole >> a.txt"
    )
    project.plan([{"id": "a", "files": ["a.txt"], "run": script}])
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("a").paths == ("a.txt",))
    with closing(wait_for(lambda: connect(Repo.open(project.root).aurora_dir))) as remote:  # type: ignore[type-var]
        assert "goes on from its work" in tell(remote, MessageTask(at=0.0, task="a", text="write the rest"))
        wait_for(lambda: remote.snapshot().task("a").state is TaskState.LANDED)
    assert (project.root / "a.txt").read_text() == "half\nwhole\n"
    assert "write the rest" in (tmp_path / "prompt").read_text()
    task = engine.snapshot().task("a")
    assert (task.attempt, len(task.kept)) == (2, 2)


def test_single_locks_are_moved_through_the_socket(
    project: Project, engines: list[LocalEngine], tmp_path: Path
) -> None:
    wait = until(tmp_path / "go")
    project.plan(
        [
            {"id": "a", "files": ["src/**", "a.txt"], "run": wait + "echo > a.txt"},
            {"id": "b", "files": ["src/b.py"], "run": "mkdir -p src; echo > src/b.py"},
            {"id": "c", "files": ["a.txt"], "run": wait + "echo >> a.txt"},
        ]
    )
    engine = start(project, engines)
    with closing(wait_for(lambda: connect(Repo.open(project.root).aurora_dir))) as remote:  # type: ignore[type-var]
        with pytest.raises(Refused, match="does not lie within"):
            tell(remote, NarrowLock(at=0.0, task="a", pattern="src/**", narrower="**"))
        tell(remote, NarrowLock(at=0.0, task="a", pattern="src/**", narrower="src/api/**"))
        wait_for(lambda: remote.snapshot().task("b").state is TaskState.LANDED)
        assert remote.snapshot().task("a").state is TaskState.RUNNING
        assert tell(remote, HandOverLock(at=0.0, task="a", pattern="a.txt", to="c")) == "a.txt belongs to c now"
        assert {lock.pattern: lock.holder for lock in engine.snapshot().locks}["a.txt"] == "c"
        assert any("was handed the lock on a.txt by a" in line for line in remote.story("c"))


def test_who_is_attached_is_seen_by_the_engine_and_marks_it_dirty(
    project: Project, engines: list[LocalEngine], tmp_path: Path
) -> None:
    project.plan([{"id": "a", "files": ["a.txt"], "run": until(tmp_path / "go")}])
    engine = start(project, engines)
    folder, seen = Repo.open(project.root).aurora_dir, list[tuple[bool, ...]]()
    wait_for(lambda: engine.snapshot().workers[0].active_at)
    engine.on_dirty(lambda: seen.append(tuple(who.read_only for who in engine.attached())))
    with closing(wait_for(lambda: connect(folder, read_only=True))) as guest:  # type: ignore[type-var]
        assert guest.attached() == engine.attached() == ()
        guest.on_dirty(lambda: None)
        wait_for(lambda: (True,) in seen)
        wait_for(lambda: [who.read_only for who in guest.attached()] == [True])
        with pytest.raises(Refused, match="attached read-only"):
            tell(guest, PauseTask(at=0.0, task="a"))
    wait_for(lambda: seen and seen[-1] == ())
    assert engine.snapshot().task("a").state is TaskState.RUNNING


def test_what_landed_is_not_taken_for_a_change_while_a_worktree_is_brought_up_to_date(
    project: Project, engines: list[LocalEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that began after the merge into a frozen worktree, and before the word that it is done, ends later."""
    go, end = tmp_path / "go", tmp_path / "end"
    seen: set[str] = set()
    merge_into, touched = Worktrees.merge_into, Worktrees.touched

    def updated() -> bool:
        return "brought up to date with what landed" in " ".join(engines[0].story("writer"))

    def slow_look(self: Worktrees, path: Path, base: str, only: Collection[str] = ()) -> tuple[str, ...]:
        found = touched(self, path, base, only)
        seen.update(found)
        if "api.txt" in found and path.name == live().effect.worker:
            wait_for(updated)
        return found

    def look_in_between(self: Worktrees, path: Path, base: str, onto: str, message: str) -> MergeResult:
        merged = merge_into(self, path, base, onto, message)
        runner = engines[0]._runner
        runner.loop.call_soon_threadsafe(runner.watching._paths_changed, path.name, frozenset())
        wait_for(lambda: "api.txt" in seen)
        return merged

    def live() -> LiveAttempt:
        return engines[0]._runner.agents.live["writer"]

    monkeypatch.setattr(Worktrees, "touched", slow_look)
    monkeypatch.setattr(Worktrees, "merge_into", look_in_between)
    write = f"touch {tmp_path}/begun; echo y > y.txt; echo mine >> models.py\n"
    project.plan(
        [
            {"id": "spec", "files": ["api.txt"], "run": until(tmp_path / "begun") + "echo api > api.txt"},
            {"id": "holder", "files": ["models.py"], "run": until(go) + "sed -i 1s/0/7/ models.py"},
            {"id": "writer", "run": write + until(end)},
        ],
        contracts={"api": {"files": ["api.txt"], "by": "spec"}},
    )
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().contracts[0].frozen and engine.snapshot().task("writer").state == "paused")
    seen.clear()
    go.touch()
    wait_for(lambda: updated() and not live().looking)
    end.touch()
    wait_for(lambda: engine.snapshot().task("writer").state is TaskState.LANDED)
    assert not engine.snapshot().contracts[0].breaches
    assert not [words for words in engine.story("writer") if "api.txt" in words]


def test_a_file_that_is_renamed_in_a_moment_is_no_claim(
    project: Project, engines: list[LocalEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs write beside a file and rename it over the file: only the file itself counts."""
    monkeypatch.setattr("engine.passing.SECONDS", 600.0)
    go, end = tmp_path / "go", tmp_path / "end"
    writes = f"echo 1 > new.py.tmp.7.3c4d; echo 2 > seen.py\n{until(go)}mv new.py.tmp.7.3c4d new.py\n{until(end)}"
    project.plan([{"id": "a", "files": ["a.py"], "run": writes}])
    engine = start(project, engines)
    wait_for(lambda: "seen.py" in held(engine))
    assert held(engine) == {"a.py", "seen.py"}
    go.touch()
    wait_for(lambda: "new.py" in held(engine))
    end.touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)
    assert not any(".tmp" in line for line in engine.story("a"))


def test_a_file_that_is_named_like_that_and_stays_is_a_claim_and_so_is_one_that_was_removed(
    project: Project, engines: list[LocalEngine], tmp_path: Path
) -> None:
    end = tmp_path / "end"
    project.plan([{"id": "a", "files": ["a.py"], "run": f"echo 1 > b.py.tmp; rm models.py\n{until(end)}"}])
    engine = start(project, engines)
    wait_for(lambda: held(engine) == {"a.py", "b.py.tmp", "models.py"})
    end.touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)


def held(engine: LocalEngine) -> set[str]:
    """What is locked."""
    return {lock.pattern.lstrip("/") for lock in engine.snapshot().locks}
