"""`A` on the conflict screen: the merge agent is asked, and what it proposes comes onto the open screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen import shown, until, until_shown
from stage import Stage, run_of, until_state
from textual.pilot import Pilot

from engine.model import TaskState

pytestmark = pytest.mark.slow
S = TaskState
CHANGE = "sed -i 's/^line5 = .*/line5 = {0}/' models.py"
SETTLE = r"sed -i '/^<<<<<<<\|^=======\|^>>>>>>>\|^|||||||/d; /^line5/d; /^line4 /a line5 = both' models.py"


def plan(stage: Stage, script: str, **settings: object) -> None:
    """`one` lands, then `two` conflicts with it while `three` keeps the run going."""
    file = stage.project.file
    (file.parent / "merge.sh").write_text(script)
    after = f"while ! grep -q one {stage.project.root}/models.py; do sleep 0.02; done; "
    stage.project.plan(
        [
            {"id": "one", "shared": ["models.py"], "run": CHANGE.format("one")},
            {"id": "two", "shared": ["models.py"], "run": after + CHANGE.format("two")},
            {"id": "three", "files": ["three"], "run": stage.gated("end")},
        ],
        workers=3,
        **settings,
    )
    text = file.read_text()
    file.write_text(text.replace("agents:\n", f"agents:\n  merger: {{command: 'sh {file.parent}/merge.sh'}}\n"))


async def open_conflict(pilot: Pilot[object]) -> None:
    """The conflict screen of `two`."""
    await until_state(pilot, "two", S.CONFLICT)
    await until(pilot, lambda: not run_of(pilot).task("two").resolving)
    await pilot.press("4", "g")
    await until_shown(pilot, "≠ conflict")
    while pilot.app.screen.__class__.__name__ != "ConflictScreen":
        await pilot.press("c")
        await pilot.pause(0.2)
    await until_shown(pilot, "0 of 1 settled")


def test_its_proposals_come_onto_the_open_screen_and_land_when_accepted(stage: Stage, tmp_path: Path) -> None:
    second = tmp_path / "second"
    plan(stage, f"if [ ! -e {second} ]; then touch {second}; exit 1; fi\n{SETTLE}", merge_agent="merger")

    async def scene(pilot: Pilot[object]) -> None:
        await open_conflict(pilot)
        await pilot.press("A")
        await until_shown(pilot, "the merge agent proposes 1 resolution", "line5 = both")
        await pilot.press("Y", "w")
        await until_state(pilot, "two", S.LANDED)
        assert "line5 = both" in stage.project.git("show", "main:models.py")

    stage.play(scene)


def test_it_is_seen_at_work_and_what_it_ends_with_is_said(stage: Stage, tmp_path: Path) -> None:
    second = tmp_path / "second"
    wait = stage.gated("agent")
    plan(
        stage, f"if [ -e {second} ]; then {wait}; fi\ntouch {second}; echo no quota left; exit 1", merge_agent="merger"
    )

    async def scene(pilot: Pilot[object]) -> None:
        await open_conflict(pilot)
        await pilot.press("A")
        await until_shown(pilot, "merger works on a resolution")
        await pilot.press("A")
        await until_shown(pilot, "merger works on it already")
        stage.open_gate("agent")
        await until_shown(pilot, "no quota left")
        assert "0 of 1 settled" in shown(pilot.app)

    stage.play(scene)


def test_without_one_the_key_says_why(stage: Stage) -> None:
    plan(stage, "true")

    async def scene(pilot: Pilot[object]) -> None:
        await open_conflict(pilot)
        await pilot.press("A")
        await until_shown(pilot, "no merge agent is configured")

    stage.play(scene)
