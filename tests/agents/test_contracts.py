"""Contracts in real runs: both halves at once, breaches, amendments, bad mocks, a killed engine."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from contract_project import API, ASK, IMPLEMENT, PYTHON, SERVE, WRITE, ContractProject
from project import wait_for

from engine.config import load_plan
from engine.contracts import service
from engine.intents import PauseTask, ResumeTask, Shutdown
from engine.model import TaskState
from engine.repo import Repo
from engine.session import LocalEngine, start_engine

pytestmark = pytest.mark.slow
BREACH = f"{IMPLEMENT}; printf 'field email\\n' > {API}"
GATE = 'until test -e "{gate}"; do sleep 0.05; done'


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ContractProject]:
    made = ContractProject(tmp_path)
    yield made
    made.kill_everything()


Start = Callable[[ContractProject], LocalEngine]


@pytest.fixture
def engine() -> Iterator[Start]:
    """Starts an engine of this process on a project's plan; it ends with the test."""
    started: list[LocalEngine] = []

    def start(project: ContractProject) -> LocalEngine:
        plan = load_plan(project.file, root=project.root, target="main")
        started.append(start_engine(Repo.open(project.root), plan))
        return started[-1]

    yield start
    for one in started:
        one.send(Shutdown(at=0.0, mode="stop"))
        one.wait(30)


def mock_of(handle: LocalEngine) -> Any:
    """The mock that is served, or None."""
    [contract] = handle.snapshot().contracts
    return contract.mocks[0] if contract.mocks else None


def state_of(handle: LocalEngine, task: str) -> TaskState:
    """Where a task stands."""
    return handle.snapshot().task(task).state


def breached(project: ContractProject, task: str) -> bool:
    """True when a task has changed the contract: seen while it works, which freezes it, or when it had ended."""
    return project.states().get(task) in ("paused", "conflict")


def gate(project: ContractProject, name: str) -> Path:
    """A file agents wait for."""
    return project.file.parent / name


def mocks(project: ContractProject) -> list[psutil.Process]:
    """The mocks that run, without their supervisors."""
    return [one for one in project.processes("mock.py") if "supervisor.py" not in " ".join(one.cmdline())]


def test_both_halves_work_at_once_and_meet(project: ContractProject) -> None:
    here, there = gate(project, "backend-works"), gate(project, "frontend-works")
    project.contract_plan(
        backend=f"touch {here}; {GATE.format(gate=there)}; {IMPLEMENT}",
        frontend=f"touch {there}; {GATE.format(gate=here)}; {ASK} > frontend.txt",
        integration_test="test -f README.md",
    )
    out = project.run()
    assert "version 1" in out
    assert project.git("show", "main:frontend.txt") == "field username"
    contract = project.contract()
    assert (contract["frozen"], contract["version"]) == (True, 1)
    assert [mock["state"] for mock in contract["mocks"]] == ["ended"]
    assert not project.processes("mock.py")


def test_verify_catches_a_field_renamed_on_one_side(project: ContractProject) -> None:
    project.contract_plan(backend="echo email > backend.txt")
    out = project.run(code=1)
    assert "its own test failed: test" in out
    assert "backend.txt" not in project.files()
    assert project.states() == {"spec": "landed", "backend": "failed", "frontend": "landed"}


def test_verify_speaks_to_the_really_started_service(project: ContractProject) -> None:
    asked = "urllib.request.urlopen(os.environ['AURORA_SERVICE'] + '/backend.txt').read()"
    ask = f"import os, urllib.request; print({asked}.decode())"
    verify = f'test "$({PYTHON} -c "{ask}")" = username'
    project.contract_plan(contract={"serve": SERVE, "health": "/backend.txt", "verify": verify})
    project.run()
    assert project.states()["backend"] == "landed"
    assert not project.processes("http.server")


def test_a_service_that_does_not_start_is_said_with_its_output(project: ContractProject) -> None:
    project.contract_plan(contract={"serve": "echo no database; exit 3", "verify": "true"})
    out = project.run(code=1)
    assert "its own test failed: echo no database; exit 3" in out
    log = project.log_of("backend.1.test.log").read_text()
    assert "ended with 3" in log
    assert "no database" in log


# --- breaches -----------------------------------------------------------------------------------------------------


def test_a_breach_is_stopped_shown_rejected_and_fixed(project: ContractProject) -> None:
    told = "grep -q 'mind the clients' $AURORA_PROMPT_FILE && grep -q '+field email' $AURORA_PROMPT_FILE"
    fix = f"{told} && git checkout -q main -- {API}"
    project.contract_plan(backend=f'if [ "$AURORA_ATTEMPT" = 1 ]; then {BREACH}; else {fix}; fi')
    out = project.run(code=3)
    assert "changes the frozen contract api in contracts/api.txt" in out
    assert "aurora contract reject api backend" in out
    assert "+field email" in project.aurora("contract", "diff", "api")
    assert "backend.txt" not in project.files()
    assert "is sent back" in project.aurora("contract", "reject", "api", "backend", "--note", "mind the clients")
    project.run()
    assert project.git("show", f"main:{API}") == "field username"
    assert project.states()["backend"] == "landed"
    assert project.contract()["breaches"][0]["state"] == "rejected"
    assert project.contract()["version"] == 1


def test_an_amendment_while_the_consumer_works_lands_both(project: ContractProject) -> None:
    told = gate(project, "told")
    first = f"touch half.txt; {GATE.format(gate=told)}; {ASK} > frontend.txt"
    again = f"grep -q '+field email' $AURORA_PROMPT_FILE && {ASK} > frontend.txt"
    amended = f"printf 'field email\\n' > {API}; {IMPLEMENT}"
    project.contract_plan(backend=amended, frontend=f'if [ "$AURORA_ATTEMPT" = 1 ]; then {first}; else {again}; fi')
    run = project.start_run()
    wait_for(lambda: breached(project, "backend"))
    assert "version 2 when it lands" in project.aurora("contract", "amend", "api", "backend")
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 0, out
    assert project.git("show", f"main:{API}") == "field email"
    assert project.git("show", "main:frontend.txt") == "field email"
    assert "half.txt" in project.files()
    assert project.contract()["version"] == 2
    assert "told of version 2" in project.aurora("story", "frontend")


def test_a_finished_consumer_is_checked_again_before_it_lands(project: ContractProject) -> None:
    """Its own test is green for version 1 and red for version 2: it does not land on top of version 2."""
    seen, done = gate(project, "seen"), gate(project, "done")
    project.contract_plan(
        backend=f"{GATE.format(gate=seen)}; printf 'field email\\n' > {API}; {IMPLEMENT}",
        frontend=f"{ASK} > frontend.txt; touch {seen}; {GATE.format(gate=done)}",
        more=(),
    )
    plan = project.file.read_text().replace("- id: frontend", f"- id: frontend\n  test: cmp frontend.txt {API}")
    project.file.write_text(plan)
    run = project.start_run()
    wait_for(lambda: breached(project, "backend"))
    project.aurora("contract", "amend", "api", "backend")
    done.touch()
    out, _ = run.communicate(timeout=60)
    assert project.states()["backend"] == "landed", out
    assert project.states()["frontend"] == "failed", out
    assert "frontend.txt" not in project.files()


def test_a_worker_that_writes_to_a_frozen_file_is_frozen_until_you_rule(project: ContractProject) -> None:
    project.contract_plan(backend=f"{BREACH}; {GATE.format(gate=gate(project, 'never'))}")
    run = project.start_run()
    wait_for(lambda: project.states().get("backend") == "paused")
    assert "held by contract api" in project.aurora("status")
    assert "contract api" in project.aurora("locks")
    assert "+field email" in project.aurora("contract", "diff", "api", "backend")
    refused = project.aurora("resume", "backend", "--take", code=2)
    assert "aurora contract amend api backend" in refused
    gate(project, "never").touch()
    project.aurora("contract", "amend", "api", "backend")
    out, _ = run.communicate(timeout=60)
    assert "contract amend" not in out or run.returncode in (0, 1), out
    assert project.contract()["breaches"][0]["state"] == "amended"


# --- the contract's files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [f"git rm -q {API}", f"git mv {API} contracts/other.txt", f": > {API}"],
    ids=["deleted", "renamed", "emptied"],
)
def test_an_author_that_leaves_no_contract_does_not_land(project: ContractProject, spoil: str) -> None:
    project.contract_plan(
        spec=f"{WRITE}; git add .; git commit -qm x; {spoil}; echo x > other.txt", contract={"check": "true"}
    )
    out = project.run(code=1)
    assert "leaves the contract api without contracts/api.txt" in out
    assert project.states() == {"spec": "failed", "backend": "waiting", "frontend": "waiting"}
    assert project.git("for-each-ref", "--format=%(refname)", "refs/aurora/r1/spec/")


def test_an_amendment_that_deletes_the_contract_is_refused(project: ContractProject) -> None:
    project.contract_plan(backend=f"{IMPLEMENT}; git rm -q {API}", locks={"on_collision": "allow"})
    project.run(code=3)
    refused = project.aurora("contract", "amend", "api", "backend", code=2)
    assert "without contracts/api.txt" in refused


def test_two_tasks_that_change_the_contract_are_ruled_on_one_by_one(project: ContractProject) -> None:
    project.contract_plan(
        backend=f"printf 'field email\\n' > {API}; {IMPLEMENT}",
        more=({"id": "docs", "after": ["spec"], "run": f"printf 'field mail\\n' > {API}"},),
    )
    project.run(code=3)
    assert {one["task"] for one in project.contract()["breaches"]} == {"backend", "docs"}
    project.aurora("contract", "amend", "api", "backend")
    project.aurora("drop", "docs")
    project.run(code=1)
    assert project.contract()["version"] == 2
    assert project.git("show", f"main:{API}") == "field email"
    assert "field mail" in project.git("show", f"refs/aurora/r1/docs/1:{API}")


def test_a_contract_deleted_on_the_target_holds_its_users_and_says_so(project: ContractProject) -> None:
    project.contract_plan(frontend="exit 1", backend="exit 1")
    project.run(code=1)
    project.git("rm", "-q", API)
    project.commit("no contract")
    out = project.run(code=3)
    assert project.states() == {"spec": "landed", "backend": "waiting", "frontend": "waiting"}
    assert "contract api: spec has landed, but main has no contracts/api.txt" in out
    assert "aurora retry spec" in out
    project.write(API, "field username\n")
    project.commit("there again")
    project.contract_plan()
    project.run()
    assert project.contract()["frozen"]


# --- mocks that misbehave -----------------------------------------------------------------------------------------


def test_a_mock_that_ends_at_once_fails_its_task_and_says_why(project: ContractProject) -> None:
    project.contract_plan(contract={"mock": "echo no schema; exit 4"})
    out = project.run(code=1)
    assert "the mock of api ended with 4 (no schema)" in out
    assert project.states() == {"spec": "landed", "backend": "landed", "frontend": "failed"}
    assert project.contract()["mocks"][0]["state"] == "dead"
    assert project.contract()["mocks"][0]["restarts"] == 1


def test_a_mock_on_the_wrong_port_fails_its_task_and_says_where_it_listens(project: ContractProject) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        wrong = probe.getsockname()[1]
    project.contract_plan(contract={"mock": f"exec {PYTHON} -m http.server --bind 127.0.0.1 {wrong}"})
    out = project.run(code=1)
    assert f"listens on port {wrong} instead of $AURORA_PORT" in out
    assert not project.processes("http.server")


def test_a_mock_that_dies_is_started_again_then_its_task_is_held(project: ContractProject, engine: Start) -> None:
    project.contract_plan(frontend=f"{GATE.format(gate=gate(project, 'go'))}; {ASK} > frontend.txt")
    handle = engine(project)
    for restarts in range(2):
        wait_for(lambda n=restarts: (one := mock_of(handle)) and one.state == "healthy" and one.restarts == n)
        port = mock_of(handle).port
        for process in mocks(project):
            process.send_signal(signal.SIGKILL)
    wait_for(lambda: state_of(handle, "frontend") is TaskState.PAUSED)
    assert mock_of(handle).state == "dead"
    assert "the mock of api ended with -9" in handle.snapshot().task("frontend").reason
    assert handle.snapshot().exit_code == 3
    handle.send(ResumeTask(at=0.0, task="frontend")).result(30)
    wait_for(lambda: mock_of(handle).state == "healthy")
    assert mock_of(handle).port == port
    gate(project, "go").touch()
    wait_for(lambda: state_of(handle, "frontend") is TaskState.LANDED)


def test_a_mock_that_never_starts_fails_its_task(
    project: ContractProject, engine: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "START_SECONDS", 0.5)
    project.contract_plan(contract={"mock": "exec sleep 60"}, backend="sleep 0")
    handle = engine(project)
    wait_for(lambda: state_of(handle, "frontend") is TaskState.FAILED)
    assert "the mock of api did not answer on port" in handle.snapshot().task("frontend").reason
    assert not project.processes("sleep 60")


def test_a_mock_that_floods_its_log_fills_no_disk(project: ContractProject, engine: Start) -> None:
    project.contract_plan(frontend=f"{GATE.format(gate=gate(project, 'go'))}; {ASK} > frontend.txt")
    program = gate(project, "mock.py")
    noise = "import threading\ndef shout():\n    for _ in range(6000): print('x' * 1000, flush=True)\n"
    program.write_text(f"{noise}threading.Thread(target=shout, daemon=True).start()\n{program.read_text()}")
    handle = engine(project)
    wait_for(lambda: (one := mock_of(handle)) and "floods" in one.words)
    gate(project, "go").touch()
    wait_for(lambda: state_of(handle, "frontend") is TaskState.LANDED)
    assert project.log_of("frontend.1.mock-api.log").stat().st_size < 5 << 20


def test_a_mock_is_paused_with_its_worker(project: ContractProject, engine: Start) -> None:
    project.contract_plan(frontend=f"{GATE.format(gate=gate(project, 'go'))}; {ASK} > frontend.txt")
    handle = engine(project)
    wait_for(lambda: state_of(handle, "frontend") is TaskState.RUNNING and handle.snapshot().task("frontend").worker)
    wait_for(lambda: (one := mock_of(handle)) and one.state == "healthy")
    handle.send(PauseTask(at=0.0, task="frontend")).result(30)
    wait_for(lambda: {one.status() for one in mocks(project)} == {"stopped"})
    handle.send(ResumeTask(at=0.0, task="frontend")).result(30)
    gate(project, "go").touch()
    wait_for(lambda: state_of(handle, "frontend") is TaskState.LANDED)


def test_a_killed_engine_leaves_the_mock_to_its_agent_and_the_next_one_ends_it(project: ContractProject) -> None:
    up = gate(project, "up")
    wait = GATE.format(gate=gate(project, "go"))
    project.contract_plan(frontend=f"touch {up}; {wait}; {ASK} > frontend.txt")
    run = project.start_run()
    wait_for(lambda: up.exists() and project.states().get("backend") == "landed")
    before = {process.pid for process in project.processes("mock.py")}
    assert before
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=10)
    assert {process.pid for process in project.processes("mock.py")} == before
    again = project.start_run()
    wait_for(lambda: "adopted" in project.says("story", "frontend"))
    assert {process.pid for process in project.processes("mock.py")} == before
    gate(project, "go").touch()
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0, out
    assert not project.processes("mock.py")


def test_a_killed_engine_whose_agent_ends_leaves_no_mock(project: ContractProject) -> None:
    up = gate(project, "up")
    wait = GATE.format(gate=gate(project, "go"))
    project.contract_plan(frontend=f"touch {up}; {wait}; {ASK} > frontend.txt")
    run = project.start_run()
    wait_for(up.exists)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=10)
    assert project.processes("mock.py")
    gate(project, "go").touch()
    wait_for(lambda: not project.processes("mock.py"))
    project.run()
    assert project.git("show", "main:frontend.txt") == "field username"
