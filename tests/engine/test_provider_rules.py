"""What the machine does about limits, money, refused keys and questions, against the simulated world."""

from __future__ import annotations

import pytest
from world import World, make_plan

from engine import effects as ef
from engine import events as ev
from engine import intents
from engine.clients.reports import Usage
from engine.errors import Refused
from engine.model import TaskState
from engine.plan import AgentProfile, Allowance, TaskSpec


def task(name: str, *files: str, **more: object) -> TaskSpec:
    return TaskSpec(id=name, prompt=f"do {name}", files=files or (f"{name}.txt",), agent="script", **more)  # type: ignore[arg-type]


def plan(*tasks: TaskSpec, **settings: object):  # type: ignore[no-untyped-def]
    profiles = (AgentProfile("script", preset="claude"), AgentProfile("other", preset="codex"))
    return make_plan(list(tasks), agents=profiles, **settings)


def starts(world: World, name: str) -> list[int]:
    return [e.attempt for e in world.log if isinstance(e, ev.AgentStarted) and e.task == name]


def until_working(world: World, *names: str) -> None:
    while not all(world.machine.state.tasks[name].attempt.active_at is not None for name in names):
        assert world.step()


def exit_of(world: World, name: str, **more: object) -> ev.AgentExited:
    del world.agents[name]
    attempt = world.machine.state.tasks[name].attempts
    return ev.AgentExited(at=world.now, task=name, attempt=attempt, code=0, active=1.0, **more)  # type: ignore[arg-type]


# --- asking -------------------------------------------------------------------------------------------------------


def test_an_agent_that_changes_nothing_asks_and_no_try_is_used_up() -> None:
    world = World(plan(task("a", retries=1), task("b", after=("a",))), idle={("a", 1)})
    world.run()
    view = world.snapshot().task("a")
    assert view.state is TaskState.FAILED
    assert view.asks == "Shall I?"
    assert world.machine.state.tasks["a"].tries_left == 1
    assert world.snapshot().exit_code == 3
    assert world.snapshot().needs_person[0].startswith("a: its agent changed nothing: Shall I? (answer with `aurora")
    world.deliver(intents.MessageTask(at=world.now, task="a", text="Yes."))
    world.run()
    assert world.state_of("a") is world.state_of("b") is TaskState.LANDED
    assert world.snapshot().task("a").asks == ""
    assert world.snapshot().exit_code == 0


def test_a_question_survives_a_new_engine_and_is_not_asked_again() -> None:
    world = World(plan(task("a", retries=1)), idle={("a", 1)})
    world.run()
    world.crash()
    world.run()
    assert starts(world, "a") == [1]
    assert world.snapshot().task("a").asks == "Shall I?"
    world.deliver(intents.DropTask(at=world.now, task="a"))
    assert world.state_of("a") is TaskState.DROPPED
    assert world.snapshot().task("a").asks == ""


def test_a_fix_attempt_that_changes_nothing_asks_instead_of_failing_again() -> None:
    world = World(plan(task("a", retries=3)), bad=(frozenset({("a", 1)}),), idle={("a", 2)})
    world.run()
    assert world.snapshot().task("a").asks == "Shall I?"
    assert world.machine.state.tasks["a"].tries_left == 2


def test_a_shell_command_that_changes_nothing_fails_as_ever() -> None:
    world = World(plan(task("a", retries=0)), writes={"a": []})
    world.run()
    assert world.state_of("a") is TaskState.FAILED
    assert world.snapshot().task("a").reason == "the agent changed nothing"
    assert world.snapshot().exit_code == 1


# --- troubles -----------------------------------------------------------------------------------------------------


def test_a_rate_limit_costs_no_try_and_the_task_goes_on_by_itself_from_its_work() -> None:
    world = World(plan(task("a", retries=0)), troubles={("a", 1): "rate_limit", ("a", 2): "rate_limit"})
    world.run()
    assert world.state_of("a") is TaskState.LANDED
    assert starts(world, "a") == [1, 2, 3]
    again = [e for e in world.log if isinstance(e, ev.WorktreeReady)][1]
    assert again.start == "a@1"


def test_while_a_profile_is_limited_nobody_of_it_starts_and_others_go_on() -> None:
    tasks = [task("a"), task("b"), task("c"), TaskSpec(id="d", prompt="d", files=("d.txt",), agent="other")]
    world = World(plan(*tasks, workers=2))
    until_working(world, "a", "b")
    world.deliver(ev.AgentLimited(at=world.now, task="a", attempt=1, seen=1, seconds=30, words="429"))
    view = next(p for p in world.snapshot().profiles if p.name == "script")
    assert (view.limit, view.until, view.words) == (0, world.now + 30, "429")
    world.deliver(exit_of(world, "a"))
    while (effect := next((e for e in world.pending if not isinstance(e, ef.WakeAt)), None)) is not None:
        world.pending.remove(effect)
        world.answer(effect)
    assert starts(world, "d") == [1]
    assert starts(world, "c") == []
    assert world.snapshot().task("c").reason == "agent script has to wait (429)"
    assert world.snapshot().task("c").until == world.now + 30
    assert not world.snapshot().idle
    world.deliver(ev.TimeCame(at=world.now + 30))
    world.run()
    assert world.state_of("c") is TaskState.LANDED


def test_an_agent_that_tries_again_by_itself_says_so_and_from_the_third_time_on_no_other_one_starts() -> None:
    world = World(plan(*(task(name) for name in "abcd"), workers=4))
    until_working(world, *"abcd")
    for seen in (1, 2, 3):
        words = f"the provider answers 500, try {seen}/10"
        world.deliver(ev.AgentRetries(at=world.now, task="a", attempt=1, seen=seen, words=words, seconds=4.0))
        view = world.snapshot().task("a")
        assert (view.reason, view.waits, view.until) == (words, words, world.now + 4.0)
        assert world.machine.state.limits.get("script") is None or seen == 3
    assert world.machine.state.limits["script"].places == 2
    told = list(world.machine.state.stories["a"])[-2:]
    assert told[0] == "the provider answers 500, try 1/10: it tries again by itself"
    assert told[1].startswith("script has trouble with its provider (the provider answers 500, try 3/10): no other one")
    world.deliver(ev.AgentGoesOn(at=world.now, task="a", attempt=1))
    assert (world.snapshot().task("a").waits, world.snapshot().task("a").reason) == ("", "on w1")
    assert world.machine.state.tasks["a"].attempt.retries == 0


def test_an_agent_that_its_provider_leaves_without_an_answer_for_long_leaves_its_worker_to_others() -> None:
    """It goes on by itself, from its work and with its conversation, when its profile may."""
    world = World(plan(task("a"), TaskSpec(id="b", prompt="b", files=("b.txt",), agent="other"), workers=1))
    until_working(world, "a")
    world.deliver(ev.SessionKnown(at=world.now, task="a", attempt=1, session="s1"))
    world.deliver(ev.AgentLimited(at=world.now, task="a", attempt=1, seen=1, words="429"))
    world.deliver(ev.AgentStuck(at=world.now, task="a", attempt=1, trouble="rate_limit", words="429, for 120 s"))
    world.run()
    assert world.state_of("a") is world.state_of("b") is TaskState.LANDED
    assert (resumed(world).task, resumed(world).session) == ("a", "s1")
    order = [event.task for event in world.log if isinstance(event, ev.AgentStarted)]
    assert order == ["a", "b", "a"]


def test_a_person_may_try_at_once_what_waits_for_a_limit() -> None:
    world = World(plan(task("a", retries=0)), troubles={("a", 1): "rate_limit"})
    while world.state_of("a") is not TaskState.QUEUED or not world.machine.state.tasks["a"].attempts:
        assert world.step()
    world.deliver(intents.RetryTask(at=world.now, task="a"))
    assert world.machine.answer == "agent script is tried at once"
    assert world.state_of("a") is TaskState.RUNNING


def test_the_same_report_read_again_by_a_new_engine_is_not_counted_twice() -> None:
    world = World(plan(task("a")))
    until_working(world, "a")
    limited = ev.AgentLimited(at=world.now, task="a", attempt=1, seen=1, words="429")
    world.deliver(limited)
    strikes = world.machine.state.limits["script"].strikes
    world.crash()
    until_working(world, "a")
    world.now += 1000
    world.deliver(ev.AgentLimited(at=world.now, task="a", attempt=1, seen=1, words="429"))
    assert world.machine.state.limits["script"].strikes == strikes


def test_a_refused_key_stops_the_profile_with_one_sentence_until_a_person_says_go() -> None:
    world = World(plan(task("a", retries=0), task("b"), workers=1), troubles={("a", 1): "auth"})
    world.run()
    snapshot = world.snapshot()
    assert [t.state for t in snapshot.tasks] == [TaskState.QUEUED, TaskState.QUEUED]
    sentence = "agent script is not let in (the provider says no): log in, then `aurora retry a`"
    assert snapshot.needs_person == (sentence,)
    assert snapshot.idle
    assert snapshot.exit_code == 3
    assert snapshot.task("b").reason == sentence
    world.deliver(intents.RetryTask(at=world.now, task="b"))
    world.run()
    assert world.state_of("a") is world.state_of("b") is TaskState.LANDED


def test_an_agent_that_is_stuck_with_its_key_is_ended_and_its_work_kept() -> None:
    world = World(plan(task("a", retries=0)))
    until_working(world, "a")
    world.deliver(ev.AgentStuck(at=world.now, task="a", attempt=1, trouble="auth", words="401"))
    assert any(isinstance(e, ef.StopAgent) for e in world.pending)
    world.run()
    assert world.state_of("a") is TaskState.QUEUED
    assert world.machine.state.tasks["a"].kept
    assert world.machine.state.tasks["a"].continue_from == "a@1"


def test_the_providers_errors_are_spared_three_times_and_then_cost_a_try() -> None:
    world = World(plan(task("a", retries=1)), troubles={("a", n): "server" for n in range(1, 6)})
    world.run()
    assert starts(world, "a") == [1, 2, 3, 4, 5]
    assert world.state_of("a") is TaskState.FAILED
    assert world.snapshot().task("a").reason == "the agent failed: the provider says no, 5 times"
    waits = [line for line in world.machine.state.stories["a"] if "has trouble with its provider" in line]
    assert len(waits) == 5


def test_one_that_another_of_its_kind_kept_from_starting_starts_again_at_once() -> None:
    world = World(plan(task("a", retries=0)), troubles={("a", 1): "busy", ("a", 2): "busy"})
    world.run()
    assert starts(world, "a") == [1, 2, 3]
    assert world.state_of("a") is TaskState.LANDED
    assert "another one of it was in its way" in "\n".join(world.machine.state.stories["a"])


def test_an_overlong_conversation_is_not_resumed() -> None:
    world = World(plan(task("a", retries=1)), troubles={("a", 1): "overflow"})
    until_working(world, "a")
    world.deliver(ev.SessionKnown(at=world.now, task="a", attempt=1, session="s1"))
    world.run()
    assert world.state_of("a") is TaskState.LANDED
    assert world.machine.state.tasks["a"].attempt.session == ""


# --- conversations ------------------------------------------------------------------------------------------------


def resumed(world: World) -> ef.StartAgent:
    return next(e for e in reversed(world.told) if isinstance(e, ef.StartAgent))


def test_a_message_resumes_the_conversation_where_it_was_with_what_it_had_used() -> None:
    world = World(plan(task("a")))
    until_working(world, "a")
    world.deliver(ev.SessionKnown(at=world.now, task="a", attempt=1, session="s1"))
    world.deliver(intents.MessageTask(at=world.now, task="a", text="Be brief."))
    while world.pending:
        world.answer(world.pending.pop(0))
    world.deliver(exit_of(world, "a", judged=True, usage=Usage(10, 20, 5)))
    world.run()
    effect = resumed(world)
    assert (effect.attempt, effect.session, effect.used_before) == (2, "s1", Usage(10, 20, 5))
    assert "Be brief." in effect.short_prompt
    assert "do a" not in effect.short_prompt
    assert "do a" in effect.prompt
    assert world.state_of("a") is TaskState.LANDED


def test_a_conversation_that_is_gone_is_begun_anew_and_costs_no_try() -> None:
    world = World(plan(task("a", retries=0)), troubles={("a", 2): "other"})
    until_working(world, "a")
    world.deliver(ev.SessionKnown(at=world.now, task="a", attempt=1, session="s1"))
    world.deliver(intents.MessageTask(at=world.now, task="a", text="Be brief."))
    world.run()
    assert starts(world, "a") == [1, 2, 3]
    assert resumed(world).session == ""
    assert "Be brief." in resumed(world).prompt
    assert world.state_of("a") is TaskState.LANDED


def test_a_conversation_is_not_resumed_in_another_worktree() -> None:
    """It remembers paths of the first one, and would edit there."""
    world = World(plan(task("a"), task("b"), workers=2))
    until_working(world, "a", "b")
    world.deliver(ev.SessionKnown(at=world.now, task="b", attempt=1, session="s2"))
    assert world.machine.state.tasks["b"].attempt.worker == "w2"
    world.deliver(intents.SetWorkers(at=world.now, workers=1))
    world.deliver(intents.MessageTask(at=world.now, task="b", text="Be brief."))
    world.run()
    effect = next(e for e in reversed(world.told) if isinstance(e, ef.StartAgent) and e.task == "b")
    assert (effect.worker, effect.session) == ("w1", "")


# --- money --------------------------------------------------------------------------------------------------------


def used(world: World, name: str, cost: float, tokens: int = 0, **more: object) -> None:
    attempt = world.machine.state.tasks[name].attempts
    world.deliver(ev.UsageCounted(at=world.now, task=name, attempt=attempt, cost=cost, tokens=tokens, **more))  # type: ignore[arg-type]


def test_usage_is_a_total_that_replaces_the_one_before_and_agrees_with_the_end() -> None:
    world = World(plan(task("a")))
    until_working(world, "a")
    used(world, "a", 1.0, 100, estimated=True)
    used(world, "a", 0.75, 120)
    assert (world.snapshot().cost, world.snapshot().tokens) == (0.75, 120)
    assert not world.snapshot().task("a").estimated
    used(world, "a", 0.76, 125, estimated=True)
    assert world.snapshot().task("a").estimated
    world.deliver(exit_of(world, "a", cost=0.8, tokens=130))
    assert not world.snapshot().task("a").estimated
    assert (world.snapshot().cost, world.snapshot().tokens) == (0.8, 130)
    assert world.snapshot().task("a").cost == 0.8


def test_the_run_warns_at_80_percent_and_starts_nothing_at_100() -> None:
    world = World(plan(task("a"), task("b"), workers=1, budget_usd=10.0))
    until_working(world, "a")
    used(world, "a", 7.9)
    assert not any("of the budget" in line for line in world.machine.state.stories["a"])
    used(world, "a", 8.5)
    assert "85% of the budget of $10 is spent ($8.50)" in world.machine.state.stories["a"]
    used(world, "a", 10.5)
    assert world.machine.state.tasks["a"].state is TaskState.RUNNING
    world.deliver(exit_of(world, "a", cost=10.5))
    world.run()
    assert world.state_of("a") is TaskState.LANDED
    assert world.state_of("b") is TaskState.QUEUED
    assert world.snapshot().needs_person == ("the budget of $10 is spent ($10.50)",)


def test_at_the_limit_agents_are_paused_where_that_is_wished_and_a_person_lets_them_finish() -> None:
    world = World(plan(task("a"), task("b"), workers=2, budget_tokens=1000, at_limit="pause"))
    until_working(world, "a", "b")
    used(world, "a", 0.0, 1000)
    assert world.state_of("a") is world.state_of("b") is TaskState.PAUSED
    assert world.snapshot().task("b").reason == "paused: the budget of 1,000 tokens is spent (1,000)"
    world.run()
    assert world.snapshot().exit_code == 3
    world.deliver(intents.ResumeAll(at=world.now))
    used(world, "a", 0.0, 1100)
    world.run()
    assert world.state_of("a") is world.state_of("b") is TaskState.LANDED


def test_a_raised_budget_lets_paused_agents_go_on() -> None:
    world = World(plan(task("a"), budget_usd=1.0, at_limit="pause"))
    until_working(world, "a")
    used(world, "a", 1.0)
    assert world.state_of("a") is TaskState.PAUSED
    raised = plan(task("a"), budget_usd=5.0, at_limit="pause")
    world.deliver(ev.RunContinued(at=world.now, plan=raised, tip="base"))
    world.run()
    assert world.state_of("a") is TaskState.LANDED


def test_an_attempt_over_its_own_limit_is_ended_with_its_work_kept_and_the_next_goes_on() -> None:
    world = World(plan(task("a", retries=1), attempt_budget=Allowance(usd=2.0)))
    until_working(world, "a")
    assert resumed(world).max_usd == 2.0
    used(world, "a", 2.1)
    assert any(isinstance(e, ef.StopAgent) for e in world.pending)
    world.run()
    assert starts(world, "a") == [1, 2]
    assert world.state_of("a") is TaskState.LANDED
    assert any(
        "the attempt's budget of $2 is spent ($2.10); tries again" in x for x in world.machine.state.stories["a"]
    )


def test_an_agent_that_was_done_before_it_could_be_ended_has_done_its_work() -> None:
    world = World(plan(task("a", retries=0), attempt_budget=Allowance(usd=2.0)))
    until_working(world, "a")
    used(world, "a", 2.1)
    world.deliver(exit_of(world, "a", judged=True, cost=2.1))
    world.run()
    assert world.state_of("a") is TaskState.LANDED


def test_a_task_over_its_own_limit_ends_and_a_person_may_allow_it_as_much_again() -> None:
    world = World(plan(task("a", retries=5, budget=Allowance(usd=3.0)), task_budget=Allowance(usd=1.0)))
    until_working(world, "a")
    used(world, "a", 2.5)
    assert "83% of its budget of $3 is spent ($2.50)" in world.machine.state.stories["a"]
    used(world, "a", 3.0)
    world.deliver(exit_of(world, "a", cost=3.0))
    world.run()
    assert world.state_of("a") is TaskState.FAILED
    assert (
        world.snapshot().task("a").reason.startswith("its budget of $3 is spent ($3.00); its work is kept under refs/")
    )
    world.deliver(intents.RetryTask(at=world.now, task="a"))
    world.run()
    assert world.state_of("a") is TaskState.LANDED


def test_a_task_that_is_ready_again_but_has_spent_its_budget_waits_for_a_word() -> None:
    world = World(plan(task("a", retries=5), task_budget=Allowance(tokens=100)), bad=(frozenset({("a", 1)}),))
    until_working(world, "a")
    world.deliver(exit_of(world, "a", tokens=100))
    world.run()
    assert world.state_of("a") is TaskState.QUEUED
    assert world.snapshot().exit_code == 3
    assert world.snapshot().needs_person == (
        "a: its budget of 100 tokens is spent (100) (`aurora retry a` allows it as much again)",
    )
    world.deliver(intents.RetryTask(at=world.now, task="a"))
    world.run()
    assert world.state_of("a") is TaskState.LANDED


def test_a_ready_task_that_nothing_holds_back_cannot_be_retried() -> None:
    world = World(plan(task("a"), task("b"), workers=1))
    with pytest.raises(Refused):
        world.deliver(intents.RetryTask(at=world.now, task="b"))
