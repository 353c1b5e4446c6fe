"""Whole runs: the real command, real git, real processes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from project import Project, wait_for


def spans(folder: Path) -> dict[str, tuple[float, float]]:
    """When each script that logs with `log` began and ended, by name."""
    found: dict[str, tuple[float, float]] = {}
    for file in folder.glob("*.span"):
        begin, end = file.read_text().split()
        found[file.stem] = (float(begin), float(end))
    return found


def timed(folder: Path, name: str, seconds: float) -> str:
    """A script that adds a file and notes when it began and ended."""
    return (
        f"b=$(date +%s.%N); echo {name} > {name}.txt; sleep {seconds}; echo $b $(date +%s.%N) > {folder}/{name}.span\n"
    )


def most_at_once(of: dict[str, tuple[float, float]]) -> int:
    """The largest number of spans that overlap."""
    return max(sum(b <= moment < e for b, e in of.values()) for moment, _ in of.values())


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def test_disjoint_tasks_run_four_at_a_time_and_all_land(project: Project, tmp_path: Path) -> None:
    names = [f"t{n}" for n in range(8)]
    project.plan(
        [{"id": n, "files": [f"{n}.txt"], "run": timed(tmp_path, n, 1)} for n in names],
        workers=4,
        integration_test="test -e README.md",
    )
    out = project.run()
    assert "t7" in out
    assert {f"{n}.txt" for n in names} <= project.files()
    seen = spans(tmp_path)
    assert most_at_once(seen) == 4
    assert project.git("status", "--porcelain") == ""
    assert {f"{n}.txt" for n in names} <= {path.name for path in project.root.iterdir()}


def test_overlapping_claims_never_run_together_and_disjoint_ones_do(project: Project, tmp_path: Path) -> None:
    project.write("src/a.py", "")
    project.write("src/b.py", "")
    project.commit("sources")
    project.plan(
        [
            {"id": "all", "files": ["src/**", "all.txt"], "run": timed(tmp_path, "all", 0.5)},
            {"id": "a", "files": ["src/a.py", "a.txt"], "run": "test -e all.txt\n" + timed(tmp_path, "a", 1)},
            {"id": "b", "files": ["src/b.py", "b.txt"], "run": "test -e all.txt\n" + timed(tmp_path, "b", 1)},
        ]
    )
    project.run()
    seen = spans(tmp_path)
    assert not overlap(seen["all"], seen["a"])
    assert not overlap(seen["all"], seen["b"])
    assert overlap(seen["a"], seen["b"])


def test_uncommitted_changes_stay_and_the_landing_goes_on_by_itself(project: Project) -> None:
    project.write("models.py", "my unsaved thoughts\n")
    project.write("notes.txt", "untracked\n")
    project.plan([{"id": "edit", "files": ["models.py"], "run": "echo 'line0 = 100' > models.py"}])
    run = project.start_run("--wait", "60")
    wait_for(lambda: "local changes" in project.says("status"))
    assert (project.root / "models.py").read_text() == "my unsaved thoughts\n"
    project.git("checkout", "models.py")
    assert run.wait(60) == 0
    assert (project.root / "models.py").read_text() == "line0 = 100\n"
    assert (project.root / "notes.txt").read_text() == "untracked\n"


def test_a_landing_that_cannot_be_waited_for_exits_3_and_lands_next_time(project: Project) -> None:
    project.write("models.py", "my unsaved thoughts\n")
    project.plan([{"id": "edit", "files": ["models.py"], "run": "echo 'line0 = 100' > models.py"}])
    assert "models.py" in project.run("--wait", "0", code=3)
    assert (project.root / "models.py").read_text() == "my unsaved thoughts\n"
    project.git("checkout", "models.py")
    project.run()
    assert (project.root / "models.py").read_text() == "line0 = 100\n"


def test_a_tasks_test_that_met_a_taken_port_is_run_again_on_the_same_try(project: Project, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    busy = f"echo x >> {runs}; [ $(wc -l < {runs}) = 2 ] || {{ echo 'bind: Address already in use'; exit 1; }}"
    red = f"echo y >> {runs}.red; echo 'wrong sum'; exit 1"
    plan = [{"id": "served", "files": ["a"], "run": "echo a > a", "test": busy}]
    plan += [{"id": "wrong", "files": ["b"], "run": "echo b > b", "test": red}]
    project.plan(plan)
    project.aurora("run", "--headless", str(project.file), code=1)
    assert project.states() == {"served": "landed", "wrong": "failed"}
    assert runs.read_text() == "x\nx\n"
    assert (tmp_path / "runs.red").read_text() == "y\n"


def test_a_failing_integration_test_ejects_the_culprit_and_lands_the_rest(project: Project) -> None:
    project.plan(
        [
            {"id": "good", "files": ["good.txt"], "run": "echo > good.txt"},
            {"id": "bad", "files": ["bad.txt"], "run": "echo > bad.txt"},
            {"id": "fine", "files": ["fine.txt"], "run": "echo > fine.txt"},
        ],
        integration_test="! test -e bad.txt",
    )
    out = project.run(code=1)
    assert "bad" in out
    assert {"good.txt", "fine.txt"} <= project.files()
    assert "bad.txt" not in project.files()
    assert project.git("for-each-ref", "refs/aurora/r1/bad/1", "--format=%(refname)")


def test_a_fix_attempt_gets_the_output_and_lands(project: Project) -> None:
    project.plan(
        [
            {
                "id": "fix",
                "files": ["fix.txt"],
                "retries": 1,
                "run": "if grep -q 'needs-a-fix' $AURORA_PROMPT_FILE; then echo right > fix.txt; "
                "else echo wrong > fix.txt; fi",
            }
        ],
        integration_test="grep -q right fix.txt 2>/dev/null || test ! -e fix.txt || { echo needs-a-fix; false; }",
    )
    project.run()
    assert project.git("show", "main:fix.txt") == "right"


def test_the_later_of_two_that_fail_together_sees_what_the_other_changed(project: Project) -> None:
    look = "$(sed -n 's/^what one changed: //p' $AURORA_PROMPT_FILE | head -1)"
    project.plan(
        [
            {"id": "one", "files": ["a.txt"], "run": "echo a > a.txt"},
            {
                "id": "two",
                "files": ["b.txt"],
                "retries": 1,
                "run": f"sleep 0.3; echo b > b.txt; if {look} | grep -q '^+a$'; then echo fixed > b.txt; fi",
            },
        ],
        workers=2,
        integration_test="! test -e a.txt || ! test -e b.txt || grep -q fixed b.txt || { echo together; false; }",
    )
    project.run()
    assert project.git("show", "main:b.txt") == "fixed"


def test_a_conflict_waits_for_a_person_and_is_resolved_by_command(project: Project) -> None:
    change = "sed -i 's/^line5 = .*/line5 = {0}/' models.py"
    project.plan(
        [
            {"id": "one", "shared": ["models.py"], "run": change.format("one")},
            {"id": "two", "shared": ["models.py"], "run": change.format("two")},
        ],
        workers=2,
    )
    out = project.run(code=3)
    assert "aurora resolve" in out
    loser = next(task for task, state in project.states().items() if state == "conflict")
    winner = "two" if loser == "one" else "one"
    shown = project.aurora("resolve", loser)
    assert "0 of 1 settled" in shown
    assert f"      < line5 = {winner}\n      > line5 = {loser}\n" in shown
    assert f"of {winner}" in project.aurora("resolve", loser, "--explain")
    assert "still open" in project.aurora("resolve", loser, "--finish", code=2)
    assert "is not in conflict" in project.aurora("resolve", loser, "--take", "both", "--file", "other", code=2)
    assert "1 of 1 settled" in project.aurora("resolve", loser, "--take", "landed")
    assert "0 of 1 settled" in project.aurora("resolve", loser, "--undo")
    reverse = ("--take", "both-reversed", "--file", "models.py", "--hunk", "1")
    assert "● hunk 1 at line 6: both-reversed" in project.aurora("resolve", loser, *reverse)
    assert "merged and tested again" in project.aurora("resolve", loser, "--finish")
    project.run()
    landed = project.git("show", "main:models.py")
    assert f"line5 = {loser}\nline5 = {winner}\n" in landed
    assert not list((project.root / ".git/aurora/resolving").iterdir())


def test_an_undeclared_write_freezes_the_worker_until_the_holder_landed(project: Project, tmp_path: Path) -> None:
    go = tmp_path / "go"
    project.plan(
        [
            {
                "id": "holder",
                "files": ["models.py"],
                "run": f"sed -i 's/^line1 = .*/line1 = 11/' models.py; while [ ! -e {go} ]; do sleep 0.05; done",
            },
            {
                "id": "stray",
                "files": ["docs/**"],
                "run": "mkdir -p docs; echo doc > docs/x.md; sed -i 's/^line30 = .*/line30 = 33/' models.py; "
                f"while [ ! -e {go} ]; do sleep 0.05; done; grep -c 'line1 = 11' models.py > docs/seen.txt || true",
            },
        ],
        workers=2,
    )
    run = project.start_run()
    wait_for(lambda: "frozen" in project.says("status"))
    assert "models.py" in project.aurora("status")
    go.touch()
    assert run.wait(60) == 0
    landed = project.git("show", "main:models.py")
    assert "line1 = 11" in landed
    assert "line30 = 33" in landed
    assert project.git("show", "main:docs/seen.txt") == "1"


def test_ctrl_c_exits_130_leaves_no_process_and_keeps_all_work(project: Project, tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = f"echo half > half.txt; setsid sleep 300 & touch {started}; sleep 300"
    project.plan([{"id": "long", "files": ["half.txt"], "run": script}])
    run = project.start_run()
    wait_for(started.exists)
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 130, out
    assert [p for p in project.processes() if p.pid != os.getpid()] == []
    assert project.git("show", "refs/aurora/r1/long/1:half.txt") == "half"
    (tmp_path / "scripts" / "long.sh").write_text("echo whole > half.txt")
    project.run()
    assert project.git("show", "main:half.txt") == "whole"


def test_a_killed_engine_leaves_the_agents_alive_and_the_next_adopts_them(project: Project, tmp_path: Path) -> None:
    go, count = tmp_path / "go", tmp_path / "count"
    script = f"echo x >> {count}; while [ ! -e {go} ]; do sleep 0.05; done; echo done > $AURORA_TASK.txt"
    project.plan([{"id": name, "files": [f"{name}.txt"], "run": script} for name in ("a", "b")])
    run = project.start_run()
    wait_for(lambda: count.exists() and len(count.read_text()) == 4)
    run.kill()
    run.wait()
    assert len(project.processes("scripts")) >= 2
    again = project.start_run()
    wait_for(lambda: "adopted" in project.says("story", "a"))
    go.touch()
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0, out
    assert count.read_text() == "x\nx\n"
    assert {"a.txt", "b.txt"} <= project.files()


def test_a_run_is_done_once_and_only_what_changed_runs_again(project: Project, tmp_path: Path) -> None:
    count = tmp_path / "count"
    tasks = [{"id": n, "files": [f"{n}.txt"], "run": f"echo {n} >> {count}; date +%N > {n}.txt"} for n in ("a", "b")]
    project.plan(list(tasks))
    project.run()
    project.run()
    assert sorted(count.read_text().split()) == ["a", "b"]
    tasks[1]["prompt"] = "do it otherwise"
    project.plan(list(tasks))
    project.run()
    assert sorted(count.read_text().split()) == ["a", "b", "b"]
    project.run("--fresh")
    assert sorted(count.read_text().split()) == ["a", "a", "b", "b", "b"]


def test_steering_a_running_engine_from_another_terminal(project: Project, tmp_path: Path) -> None:
    counter, go = tmp_path / "counter", tmp_path / "go"
    script = f"while [ ! -e {go} ]; do echo x >> {counter}; sleep 0.01; done; echo a > a.txt"
    project.plan([{"id": "a", "files": ["a.txt"], "run": script}], workers=1)
    run = project.start_run()
    wait_for(lambda: counter.exists() and counter.stat().st_size > 20)
    project.aurora("pause", "a")
    wait_for(lambda: "paused" in project.says("status"))
    size = counter.stat().st_size
    wait_for(lambda: "stopped" in project.says("story", "a"))
    size = counter.stat().st_size
    project.aurora("add", "write b", "--id", "b", "--files", "b.txt")
    (tmp_path / "scripts" / "b.sh").write_text("echo b > b.txt")
    assert counter.stat().st_size == size
    project.aurora("priority", "b", "7")
    project.aurora("workers", "2")
    wait_for(lambda: "b.txt" in project.files())
    project.aurora("resume", "a")
    wait_for(lambda: counter.stat().st_size > size)
    go.touch()
    assert run.wait(60) == 0
    assert {"a.txt", "b.txt"} <= project.files()


def test_undo_takes_the_last_landing_back_and_retry_lands_it_again(project: Project) -> None:
    before = project.git("rev-parse", "main")
    project.plan([{"id": "a", "files": ["a.txt"], "run": "date +%N > a.txt"}])
    project.run()
    assert f"the landing of a is undone by moving back to {before[:9]}" in project.aurora("undo")
    assert project.git("rev-parse", "main") == before
    assert not (project.root / "a.txt").exists()
    project.aurora("retry", "a")
    project.run()
    assert "a.txt" in project.files()


def test_headless_json_prints_the_journals_events(project: Project) -> None:
    project.plan([{"id": "a", "files": ["a.txt"], "run": "echo > a.txt"}])
    lines = [json.loads(line) for line in project.run("--json").splitlines()]
    kinds = [line["event"] for line in lines]
    assert kinds[0] == "RunStarted"
    assert kinds[-1] in ("Landed", "Shutdown")
    assert "AgentExited" in kinds


FAKE_DOCKER = """#!/bin/sh
echo "start $$ $(date +%s.%N)" >> {log}
case "$1" in ps) exit 0;; esac
sleep {seconds}
echo "end $$ $(date +%s.%N)" >> {log}
"""


def builds(log: Path) -> int:
    """The most builds that ran at once, by the fake's own log."""
    running, most = set(), 0
    for line in log.read_text().splitlines():
        kind, pid, _ = line.split()
        (running.add if kind == "start" else running.discard)(pid)
        most = max(most, len(running))
    return most


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake docker first on PATH; the path of its log."""
    tools, log = tmp_path / "tools", tmp_path / "docker.log"
    tools.mkdir()
    (tools / "docker").write_text(FAKE_DOCKER.format(log=log, seconds=0.4))
    (tools / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return log


def test_six_agents_build_two_at_a_time_and_ps_never_waits(project: Project, tmp_path: Path, docker: Path) -> None:
    names = [f"t{n}" for n in range(6)]
    script = "b=$(date +%s.%N); docker build . ; docker ps; echo > $AURORA_TASK.txt; "
    project.plan(
        [
            {"id": n, "files": [f"{n}.txt"], "run": f"{script} echo $b $(date +%s.%N) > {tmp_path}/{n}.span"}
            for n in names
        ],
        workers=6,
        max_concurrency=2,
        heavy=["docker build"],
    )
    project.run()
    log = docker.read_text().splitlines()
    assert sum(line.startswith("end") for line in log) == 6
    assert most_at_once(spans(tmp_path)) == 6
    builds_only = [line for line in log if line.split()[1] in {e.split()[1] for e in log if e.startswith("end")}]
    only = tmp_path / "builds.log"
    only.write_text("\n".join(builds_only))
    assert builds(only) == 2


def test_a_killed_build_frees_its_slot(project: Project, tmp_path: Path, docker: Path) -> None:
    stuck = (docker.parent / "tools" / "docker").read_text().replace("sleep 0.4", "sleep 300")
    (docker.parent / "tools" / "docker").write_text(stuck)
    script = "docker build . ; echo > $AURORA_TASK.txt"
    project.plan(
        [{"id": n, "files": [f"{n}.txt"], "run": script} for n in ("a", "b")],
        workers=2,
        max_concurrency=1,
        heavy=["docker build"],
    )
    run = project.start_run()
    for landed in (1, 2):
        wait_for(lambda n=landed: docker.exists() and docker.read_text().count("start") == n)
        pid = int(docker.read_text().splitlines()[-1].split()[1])
        wait_for(lambda: "docker build" in project.aurora("status"))
        build = psutil.Process(pid)
        for process in (build, *build.children()):
            process.kill()
    assert run.wait(60) == 0


def test_two_equal_tasks_take_half_the_time(project: Project) -> None:
    tasks = [{"id": n, "files": [f"{n}.txt"], "run": f"sleep 1.5; echo > {n}.txt"} for n in ("back", "front")]
    project.plan(list(tasks), workers=1)
    begun = time.monotonic()
    project.run()
    one_after_the_other = time.monotonic() - begun
    project.plan([{**t, "prompt": "again", "run": t["run"] + f"; date > {t['id']}.txt"} for t in tasks], workers=2)
    begun = time.monotonic()
    project.run()
    together = time.monotonic() - begun
    assert together < 0.75 * one_after_the_other
