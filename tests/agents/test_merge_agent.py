"""The merge agent in real runs: a person accepts what it proposes; alone it lands only where wished, and green."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from project import Project, wait_for

CHANGE = "sed -i 's/^line5 = .*/line5 = {0}/' models.py"
SETTLE = r"sed -i '/^<<<<<<<\|^=======\|^>>>>>>>\|^|||||||/d; /^line5/d; /^line4 /a line5 = both' models.py"
TESTS = "! grep -q '^<<<<' models.py"


def plan(project: Project, agent: str, **settings: object) -> None:
    """Two tasks that change the same line, and a merge agent that is a shell script."""
    script = project.file.parent / "merge.sh"
    script.write_text(agent)
    project.plan(
        [
            {"id": "one", "prompt": "write one", "shared": ["models.py"], "run": CHANGE.format("one")},
            {"id": "two", "prompt": "write two", "shared": ["models.py"], "run": CHANGE.format("two")},
        ],
        workers=2,
        merge_agent="merger",
        **settings,
    )
    text = project.file.read_text()
    project.file.write_text(
        text.replace("agents:\n", f"agents:\n  merger: {{command: 'sh {script} {{prompt_file}}'}}\n")
    )


def loser_of(project: Project) -> str:
    """The task that is in conflict."""
    return next(task for task, state in project.states().items() if state == "conflict")


def reason(project: Project, task: str) -> str:
    """Why it is where it is."""
    tasks = json.loads(project.says("status", "--json"))["tasks"]
    return next(str(one["reason"]) for one in tasks if one["id"] == task)


def prompt_of(project: Project) -> str:
    """What the merge agent was told."""
    return next(project.root.glob(".git/aurora/runs/*/*.merge-agent.prompt")).read_text()


def line5(project: Project) -> list[str]:
    """The line both changed, as it landed."""
    return [line for line in project.git("show", "main:models.py").splitlines() if line.startswith("line5")]


def test_what_it_proposes_lands_when_a_person_accepts_it(project: Project) -> None:
    plan(project, SETTLE, integration_test=TESTS)
    project.run(code=3)
    loser = loser_of(project)
    assert reason(project, loser) == "merger proposes a resolution: accept or change what it wrote"
    assert len(line5(project)) == 1
    told = prompt_of(project)
    assert f"The branch of task `{loser}`" in told
    assert "`models.py`: 1 conflict\n" in told
    assert "## What task one was asked\nwrite one" in told
    assert "## What task two was asked\nwrite two" in told
    shown = project.aurora("resolve", loser)
    assert "0 of 1 settled" in shown
    assert "merge agent" in shown
    project.aurora("resolve", loser, "--accept", "--finish")
    project.run()
    assert line5(project) == ["line5 = both"]
    assert "1 by a merge agent" in project.git("log", "--format=%s", "main")


def test_it_is_accepted_alone_when_that_is_wished_and_the_tests_pass(project: Project) -> None:
    use = """; echo '{"usd": 0.5, "tokens": 7}' > $AURORA_USAGE_FILE"""
    plan(project, SETTLE + use, integration_test=TESTS, auto_accept=True)
    project.run()
    assert line5(project) == ["line5 = both"]
    status = project.status()
    assert status["cost"] == 0.5
    assert status["tokens"] == 7


def test_what_is_red_comes_back_to_a_person(project: Project) -> None:
    plan(project, SETTLE, integration_test=f"{TESTS} && ! grep -q both models.py", auto_accept=True)
    out = project.run(code=3)
    assert "settle it again" in out
    loser = loser_of(project)
    assert len(line5(project)) == 1
    assert "1 of 1 settled" in project.aurora("resolve", loser)
    project.aurora("resolve", loser, "--take", "landed", "--file", "models.py", "--finish")
    project.run()


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("true", "it left models.py unsettled"),
        ("sed -i '/^=======/d' models.py", "it left models.py unsettled"),
        ("rm models.py", "it left models.py unsettled"),
        ("rm models.py; ln -s /etc/passwd models.py", "it left models.py unsettled"),
        (f"{SETTLE}; echo x > other.txt", "it changed what is not in conflict: other.txt"),
        (f"{SETTLE}; echo x >> README.md; git commit -qam x", "it changed what is not in conflict: README.md"),
        (f"{SETTLE}; echo no money; exit 3", "it ended with 3: no money"),
        ("nonesuch", "it ended with 127"),
    ],
)
def test_what_it_must_not_do_is_told_and_nothing_of_it_is_taken(project: Project, agent: str, words: str) -> None:
    plan(project, agent, integration_test=TESTS, auto_accept=True)
    project.run(code=3)
    loser = loser_of(project)
    assert f"the merge agent merger proposes nothing: {words}" in reason(project, loser)
    assert "merge agent" not in project.aurora("resolve", loser)
    assert len(line5(project)) == 1


def test_one_that_commits_its_work_is_understood(project: Project) -> None:
    plan(project, f"{SETTLE}; git -c user.name=M -c user.email=m@x commit -qam merged", integration_test=TESTS)
    project.run(code=3)
    assert "proposes a resolution" in reason(project, loser_of(project))


def test_a_killed_engine_asks_it_again(project: Project, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    plan(project, f"echo begun >> {tmp_path}/begun; while [ ! -e {gate} ]; do sleep 0.02; done\n{SETTLE}")
    run = project.start_run()
    wait_for((tmp_path / "begun").exists)
    run.kill()
    run.wait()
    wait_for(lambda: not project.processes("merge.sh"))
    gate.touch()
    project.run(code=3)
    assert (tmp_path / "begun").read_text() == "begun\nbegun\n"
    assert "proposes a resolution" in reason(project, loser_of(project))


def test_a_person_who_decides_first_ends_it(project: Project, tmp_path: Path) -> None:
    plan(project, f"touch {tmp_path}/begun; sleep 1000")
    run = project.start_run()
    wait_for((tmp_path / "begun").exists)
    loser = loser_of(project)
    assert "merger works on a resolution" in reason(project, loser)
    assert "being resolved already" in project.aurora("resolve", loser, "--ask", code=2)
    project.aurora("resolve", loser, "--take", "branch", "--finish")
    assert run.wait(30) == 0
    assert line5(project) == [f"line5 = {loser}"]
    assert not project.processes("merge.sh")


def test_it_is_asked_again_by_command(project: Project, tmp_path: Path) -> None:
    plan(project, f"[ -e {tmp_path}/again ] || exit 1\n{SETTLE}")
    project.run(code=3)
    loser = loser_of(project)
    (tmp_path / "again").touch()
    assert "no engine runs here" in project.aurora("resolve", loser, "--ask", code=2)
    project.aurora("add", "waits", "--id", "three", "--agent", "script")
    (project.file.parent / "scripts" / "three.sh").write_text(f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    run = project.start_run()
    wait_for(lambda: project.states().get("three") == "running")
    assert "merger is asked" in project.aurora("resolve", loser, "--ask")
    wait_for(lambda: "proposes a resolution" in reason(project, loser))
    (tmp_path / "go").touch()
    run.wait(30)
    assert "merge agent" in project.aurora("resolve", loser)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"merge_agent": "nobody"}, "unknown agent `nobody`"),
        ({"auto_accept": True, "integration_test": "true"}, "auto_accept: belongs to a merge agent"),
        ({"auto_accept": True, "merge_agent": "script"}, "auto_accept: needs tests"),
    ],
)
def test_what_cannot_be_meant_is_refused(project: Project, settings: dict[str, object], words: str) -> None:
    project.plan([{"id": "one"}], **settings)
    assert words in project.run(code=2)
