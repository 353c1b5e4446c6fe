"""Real keys on the real app with a real engine, real git and real processes: what each key does to the run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from project import wait_for
from screen import play, shown, until, until_shown
from stage import Stage, run_of, until_state
from textual.pilot import Pilot

from aurora_tui.app import Ended
from engine.model import TaskState
from widgets.merge_pane import MergePane
from widgets.task_form import Prompt

pytestmark = pytest.mark.slow
S = TaskState
Page = Pilot[object]


def test_space_stops_the_whole_process_tree_and_its_clock_and_lets_it_go_on(stage: Stage) -> None:
    script = stage.gated("a", "echo a > a.txt", before="sh -c 'while :; do sleep 0.01; done' & child=$!")
    stage.project.plan([{"id": "alpha", "files": ["a.txt"], "run": script + "\nkill $child"}], workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("a"))
        await pilot.press("1", "space")
        await until_state(pilot, "alpha", S.PAUSED)
        await until_shown(pilot, "paused by you")
        tree = stage.agents("alpha.sh")
        await until(pilot, lambda: all(each.status() == psutil.STATUS_STOPPED for each in tree))
        worker = run_of(pilot).workers[0]
        assert worker.active_at is None
        stood = stage.ticks("a")
        await pilot.press("space")
        await until(pilot, lambda: stage.ticks("a") > stood)
        stage.open_gate("a")
        await until_state(pilot, "alpha", S.LANDED)

    stage.play(scene)


def test_the_queue_obeys_the_keys(stage: Stage) -> None:
    names = ["one", "two", "three"]
    plan = [{"id": "first", "files": ["f"], "run": stage.gated("go", "echo f > f")}]
    plan += [{"id": name, "files": [name], "run": f"echo {name} > {name}"} for name in names]
    stage.project.plan(plan, workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))
        await pilot.press("2", "G")
        await until_shown(pilot, "three")
        await pilot.press("K", "K")
        await until(pilot, lambda: run_of(pilot).queue == ("three", "one", "two"))
        await pilot.press("g", "J")
        await until(pilot, lambda: run_of(pilot).queue == ("one", "three", "two"))
        await pilot.press("G", "p", "backspace", "9", "enter")
        await until(pilot, lambda: run_of(pilot).queue == ("two", "one", "three"))
        stage.open_gate("go")
        await until_state(pilot, "three", S.LANDED)

    stage.play(scene)
    log = stage.project.git("log", "--format=%s", "--reverse", "--first-parent", "main")
    order = [line for line in names if line in log]
    assert len(order) == 3
    assert log.index("two") < log.index("one") < log.index("three")


def test_plus_and_minus_resize_the_pool(stage: Stage) -> None:
    plan = [{"id": n, "files": [n], "run": stage.gated(n, f"echo {n} > {n}")} for n in ("a", "b", "c")]
    stage.project.plan(plan, workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("a"))
        await pilot.press("plus", "plus")
        await until(pilot, lambda: stage.ticks("b") and stage.ticks("c"))
        await pilot.press("minus", "minus")
        await until(pilot, lambda: run_of(pilot).workers_limit == 1)
        assert sum(1 for worker in run_of(pilot).workers if worker.task) == 3
        for name in ("a", "b", "c"):
            stage.open_gate(name)
        await until(pilot, lambda: all(task.state is S.LANDED for task in run_of(pilot).tasks))

    stage.play(scene)


def test_a_task_is_added_by_the_form_and_wrong_ones_say_why(stage: Stage) -> None:
    stage.project.plan([{"id": "first", "files": ["f"], "run": stage.gated("go", "echo f > f")}], workers=1)
    scripts = stage.project.file.parent / "scripts"
    (scripts / "write-the-manual.sh").write_text("echo manual > manual.md")

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))
        await pilot.press("a")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "prompt")
        await pilot.press(*"Write the")
        await pilot.press("escape")
        await until_shown(pilot, "no task was added")
        await pilot.press("a")
        await until_shown(pilot, "Write the")
        await pilot.press("space", *"manual")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any(task.prompt == "Write the manual" for task in run_of(pilot).tasks))
        await pilot.press("a")
        await until_shown(pilot, "Add a task")
        assert pilot.app.screen.query_one(Prompt).text == ""
        await pilot.press("escape")
        stage.open_gate("go")
        await until(pilot, lambda: all(task.state is S.LANDED for task in run_of(pilot).tasks))

    stage.play(scene)
    assert "manual.md" in stage.project.files()


def test_drop_asks_and_enter_means_no(stage: Stage) -> None:
    plan = [{"id": "first", "files": ["f"], "run": stage.gated("go", "echo f > f")}]
    stage.project.plan([*plan, {"id": "later", "files": ["l"], "run": "echo l > l"}], workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))
        await pilot.press("2", "x")
        await until_shown(pilot, "Drop later?")
        await pilot.press("enter")
        await until(pilot, lambda: "Drop later?" not in shown(pilot.app))
        assert run_of(pilot).task("later").state is S.QUEUED
        await pilot.press("x", "y")
        await until_state(pilot, "later", S.DROPPED)
        stage.open_gate("go")
        await until_state(pilot, "first", S.LANDED)

    stage.play(scene)


def test_undo_takes_the_last_landing_back(stage: Stage) -> None:
    stage.project.plan([{"id": "only", "files": ["o"], "run": "echo o > o"}], workers=1)
    before = stage.project.git("rev-parse", "main")

    async def scene(pilot: Page) -> None:
        await until_state(pilot, "only", S.LANDED)
        await pilot.press("4", "u")
        await until_shown(pilot, "Undo the landing of only?")
        await pilot.press("y")
        await until(pilot, lambda: run_of(pilot).merge.landings[-1].undone)

    stage.play(scene)
    assert stage.project.git("rev-parse", "main") == before


def test_locks_are_released_and_handed_over(stage: Stage) -> None:
    plan = [
        {"id": "holder", "files": ["x.txt", "y.txt"], "run": stage.gated("go", "echo h > x.txt")},
        {"id": "wants-x", "files": ["x.txt"], "run": stage.gated("x", "echo w >> x.txt")},
        {"id": "wants-y", "files": ["y.txt"], "run": stage.gated("y", "echo w > y.txt")},
    ]
    stage.project.plan(plan, workers=3)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))
        await until(pilot, lambda: len(run_of(pilot).locks) == 2)
        await pilot.press("3", "g")
        await until(pilot, lambda: "x.txt" in str(pilot.app.main.situation().lock))  # type: ignore[attr-defined]
        await pilot.press("R")
        await until_shown(pilot, "Take x.txt away from holder?")
        await pilot.press("y")
        await until(pilot, lambda: stage.ticks("x"))
        locks = {lock.pattern: lock.holder for lock in run_of(pilot).locks}
        assert locks == {"x.txt": "wants-x", "y.txt": "holder"}
        table = pilot.app.main.query_one("#locks")  # type: ignore[attr-defined]
        await until(pilot, lambda: table.select_key("holder\0y.txt\0exclusive"))
        await pilot.press("H", "enter")
        await until(pilot, lambda: {k.pattern: k.holder for k in run_of(pilot).locks}["y.txt"] == "wants-y")
        await until(pilot, lambda: stage.ticks("y"))
        for gate in ("y", "go", "x"):
            stage.open_gate(gate)
        await until(pilot, lambda: run_of(pilot).idle)

    stage.play(scene)


def test_a_collision_is_ruled_on(stage: Stage) -> None:
    write = "sed -i 's/^line1 = .*/line1 = 11/' models.py"
    plan = [
        {"id": "holder", "files": ["models.py"], "run": stage.gated("holder")},
        {"id": "intruder", "files": ["b.txt"], "run": stage.gated("intruder", "echo b > b.txt", before=write)},
    ]
    stage.project.plan(plan, workers=2)

    async def scene(pilot: Page) -> None:
        await until_state(pilot, "intruder", S.PAUSED)
        await until_shown(pilot, "❄ frozen")
        await pilot.press("1", "g")
        if pilot.app.main.shown_task != "intruder":  # type: ignore[attr-defined]
            await pilot.press("j")
        await pilot.press("c")
        await until_shown(pilot, "let both edit")
        await pilot.press("j", "enter")
        await until_state(pilot, "intruder", S.RUNNING)
        stage.open_gate("holder")
        stage.open_gate("intruder")
        await until(pilot, lambda: run_of(pilot).idle)

    stage.play(scene)


def test_a_message_makes_the_agent_go_on_from_its_work(stage: Stage) -> None:
    script = 'cp "$AURORA_PROMPT_FILE" prompt.$AURORA_ATTEMPT\n' + stage.gated("go", "echo done > done")
    stage.project.plan([{"id": "alpha", "files": ["prompt.*", "done"], "run": script}], workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))
        await pilot.press("1", "m", *"use tabs", "enter")
        await until(pilot, lambda: run_of(pilot).task("alpha").attempt == 2)
        stage.open_gate("go")
        await until_state(pilot, "alpha", S.LANDED)

    stage.play(scene)
    assert "use tabs" in stage.project.git("show", "main:prompt.2")
    assert "prompt.1" in stage.project.files()


def test_the_diff_follows_the_agent(stage: Stage) -> None:
    write = "printf 'first\\n' > new.txt"
    script = stage.gated("one", "printf 'second line\\n' >> new.txt", before=write) + "\n" + stage.gated("two")
    stage.project.plan([{"id": "alpha", "files": ["new.txt"], "run": script}], workers=1)

    async def scene(pilot: Page) -> None:
        await until_shown(pilot, "new.txt", "first")
        assert "second line" not in shown(pilot.app)
        stage.open_gate("one")
        await until_shown(pilot, "second line")
        stage.open_gate("two")
        await until_state(pilot, "alpha", S.LANDED)
        await until_shown(pilot, "second line")

    stage.play(scene)


def test_output_and_story_of_the_selected_task(stage: Stage) -> None:
    evil = r"printf '\033]52;c;aGVsbG8=\007tit\033]2;gone\007le \033[31mred\033[0m 日本語\r\n'"
    script = stage.gated("go", "echo a > a.txt", before=evil)
    stage.project.plan([{"id": "alpha", "files": ["a.txt"], "run": script}], workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))
        await pilot.press("0", "right_square_bracket")
        await until_shown(pilot, "title red 日本語")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "running")
        stage.open_gate("go")
        await until_shown(pilot, "landed")

    stage.play(scene)


def test_a_disabled_key_says_why(stage: Stage) -> None:
    stage.project.plan([{"id": "only", "files": ["o"], "run": "echo o > o"}], workers=1)

    async def scene(pilot: Page) -> None:
        await until_state(pilot, "only", S.LANDED)
        await pilot.press("4", "x")
        await until_shown(pilot, "only is landed")

    stage.play(scene)


def test_quit_stops_the_agents_when_told_to_and_keeps_their_work(stage: Stage) -> None:
    script = stage.gated("go", before="echo half > half.txt")
    stage.project.plan([{"id": "alpha", "files": ["half.txt"], "run": script}], workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))
        await pilot.press("q")
        await until_shown(pilot, "Leave Aurora?", "go on in the background")
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: pilot.app.return_value is not None)

    ended = stage.play(scene)
    assert isinstance(ended, Ended)
    assert (ended.code, ended.background) == (130, False)
    assert not stage.agents("alpha.sh")
    assert "half.txt" in stage.project.files("refs/aurora/r1/alpha/1")


def test_quit_waits_for_the_agents_when_told_to(stage: Stage) -> None:
    plan = [{"id": "alpha", "files": ["a"], "run": stage.gated("go", "echo a > a")}]
    stage.project.plan([*plan, {"id": "later", "files": ["l"], "run": "echo l > l"}], workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))
        await pilot.press("q", "j", "enter")
        await until(pilot, lambda: run_of(pilot).workers_limit == 0)
        stage.open_gate("go")
        await until(pilot, lambda: pilot.app.return_value is not None)

    ended = stage.play(scene)
    assert isinstance(ended, Ended)
    assert "a" in stage.project.files()
    assert "l" not in stage.project.files()


def test_a_guest_sees_the_same_and_steers_only_when_allowed(stage: Stage) -> None:
    stage.project.plan([{"id": "alpha", "files": ["a"], "run": stage.gated("go", "echo a > a")}], workers=1)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: stage.ticks("go"))

        async def looking(guest: Page) -> None:
            await until_state(guest, "alpha", S.RUNNING)
            await until_shown(guest, "read-only")
            await guest.press("1", "space")
            await until_shown(guest, "this terminal is attached read-only")
            await until(guest, lambda: "looks on" in " ".join(pilot.app.notes()))  # type: ignore[attr-defined]

        async def steering(guest: Page) -> None:
            await until_state(guest, "alpha", S.RUNNING)
            await guest.press("1", "space")
            await until_state(guest, "alpha", S.PAUSED)
            await guest.press("q")
            await until(guest, lambda: guest.app.return_value is not None)

        await in_a_thread(pilot, lambda: play(stage.guest(read_only=True), looking))
        await in_a_thread(pilot, lambda: play(stage.guest(), steering))
        await until_state(pilot, "alpha", S.PAUSED)
        await pilot.press("1", "space")
        stage.open_gate("go")
        await until_state(pilot, "alpha", S.LANDED)

    stage.play(scene)


async def in_a_thread(pilot: Page, work: object) -> None:
    """Run another app on another thread while this one goes on."""
    import asyncio

    assert callable(work)
    await asyncio.to_thread(work)


def test_when_the_engine_elsewhere_has_ended_the_end_of_the_run_is_shown(stage: Stage) -> None:
    stage.project.plan([{"id": "alpha", "files": ["a"], "run": stage.gated("go", "echo a > a")}])
    engine = stage.project.start_run()
    wait_for(lambda: stage.ticks("go"))
    guest = stage.guest()
    engine_gone: list[int] = []

    async def scene(pilot: Page) -> None:
        await until_state(pilot, "alpha", S.RUNNING)
        assert guest.bridge is not None
        guest.bridge._over = True  # the last news do not arrive
        stage.open_gate("go")
        engine_gone.append(await asyncio.to_thread(engine.wait, 60))
        await until_shown(pilot, "engine ended", "all 1 task landed")
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.return_value is not None)

    ended = play(guest, scene)
    assert isinstance(ended, Ended)
    assert (engine_gone, ended.code) == ([0], 0)


def test_no_engine_to_attach_to_is_an_error_with_a_hint(stage: Stage, tmp_path: Path) -> None:
    ended = play(stage.guest(), lambda pilot: until_end(pilot))
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert "no engine runs" in ended.error.message


async def until_end(pilot: Page) -> None:
    """Wait until the app has ended by itself."""
    await until(pilot, lambda: pilot.app.return_value is not None)


def test_enter_on_a_test_shows_all_it_printed_while_it_runs_and_afterwards(stage: Stage) -> None:
    wait = f"while [ ! -e {stage.gates}/t ]; do sleep 0.02; done"
    test = f"seq 1 400; echo sum $((500+1)); {wait}; echo sum is wrong; exit 1"
    plan = [{"id": "alpha", "files": ["a"], "run": "echo a > a"}]
    stage.project.plan(plan, integration_test=f"[ ! -e a ] || {{ {test}; }}")

    async def scene(pilot: Page) -> None:
        await until_shown(pilot, "◐ testing")
        await pilot.press("4", "g", "enter")
        await until_shown(pilot, "under test: alpha")
        await pilot.press("escape")
        stage.open_gate("t")
        await until_state(pilot, "alpha", S.FAILED)
        pane = pilot.app.main.query_one(MergePane)
        await until(pilot, lambda: any(key.startswith("test\0") for key in pane.keys))
        pane.select_key(next(key for key in pane.keys if key.startswith("test\0")))
        await pilot.press("enter")
        await until_shown(pilot, "sum is wrong")
        await until_shown(pilot, "sum 501")
        await pilot.press("g")
        await until_shown(pilot, "$ [ ! -e a ]")
        await pilot.press("escape")
        logs = list(stage.project.root.parent.rglob("*.test.log"))
        assert logs
        for log in logs:
            log.unlink()
        await pilot.press("enter")
        await until_shown(pilot, "sum 501")
        await pilot.press("g")
        await until_shown(pilot, "cannot be read (No such file")

    stage.play(scene)
