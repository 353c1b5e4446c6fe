"""A port or name that is taken costs no try: other ones are used."""

from __future__ import annotations

import pytest
from world import World, make_plan

from engine import effects as ef
from engine import events as ev
from engine.model import TaskState
from engine.plan import TaskSpec
from engine.rules_clash import clash_of
from engine.workplaces import MOST_TEST_LANES, MOST_WORKERS, PORTS_PER_WORKER, SHIFTED_WORKERS, first_port


def clashing(times: int, retries: int = 0) -> tuple[World, list[ef.StartAgent]]:
    """A task whose first attempts meet a taken port; the agents that were started."""
    attempts = {("a", n) for n in range(1, times + 1)}
    plan = make_plan([TaskSpec("a", "do a", files=("a.py",), agent="script", retries=retries, test="test a")])
    world = World(plan, fails=attempts, clashes=attempts)
    agents, tests = [], []
    while True:
        agents += [effect for effect in world.pending if isinstance(effect, ef.StartAgent) and effect not in agents]
        tests += [effect for effect in world.pending if isinstance(effect, ef.TestAttempt) and effect not in tests]
        if not world.step():
            assert [test.shift for test in tests] == [agents[-1].shift][: len(tests)]
            return world, agents


def test_another_attempt_with_other_ports_costs_no_try() -> None:
    world, agents = clashing(times=2)
    assert world.state_of("a") is TaskState.LANDED
    assert [agent.shift for agent in agents] == [0, 1, 2]
    assert "$AURORA_PORT" in agents[1].prompt
    told = "\n".join(world.machine.state.stories["a"])
    assert "met a port or name that is taken (EADDRINUSE)" in told
    assert "no retry is used up" in told


def test_who_meets_it_again_and_again_has_failed() -> None:
    world, agents = clashing(times=9, retries=1)
    assert len(agents) == 4, "two more for nothing, one retry"
    assert world.state_of("a") is TaskState.FAILED


@pytest.mark.parametrize(
    ("more", "met"),
    [
        ({"code": 1}, True),
        ({"code": 0}, False),
        ({"code": -9}, False),
        ({"code": 143, "timed_out": True}, False),
        ({"code": 1, "tail": "assert 1 == 2"}, False),
    ],
)
def test_only_an_agent_that_ended_by_itself_met_it(more: dict[str, object], met: bool) -> None:
    given = {"tail": "listen EADDRINUSE: address already in use :::3000", **more}
    assert bool(clash_of(ev.AgentExited(at=0.0, task="a", attempt=1, active=1.0, **given))) == met  # type: ignore[arg-type]


def test_no_two_that_run_at_once_share_ports_or_have_those_of_outgoing_connections() -> None:
    names = [f"w{n}" for n in range(1, SHIFTED_WORKERS)] + ["merge"] + [f"test-{n}" for n in range(1, MOST_TEST_LANES)]
    taken = [first_port(name, shift) for name in names for shift in range(3)]
    taken.remove(first_port("merge"))
    taken.remove(first_port("merge"))
    assert len(set(taken)) == len(taken)
    assert all(port % PORTS_PER_WORKER == 0 for port in taken)
    assert max(taken) + PORTS_PER_WORKER < 32768
    assert first_port(f"w{MOST_WORKERS - 1}", 2) < first_port("merge")
