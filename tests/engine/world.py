"""A simulated world for the machine: answers its effects in any order, with a clock, agents, git and tests of its own.

A tree is the frozenset of (task, commit) merged into it; a test is red when the tree holds one of the `bad` sets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine import effects as ef
from engine import events as ev
from engine.machine import Machine
from engine.model import TaskState, Verdict
from engine.plan import Plan, Settings, TaskSpec
from engine.pressure import CALM, Load
from engine.snapshot import SnapshotMaker

Choose = Callable[[int], int]
"""`choose(n)` picks a number from 0 to n - 1."""


@dataclass
class Agent:
    """A running agent: what it will still write, and how it will exit.

    A `hooked` one asks before each write (`asking`), writes what it `may`, and is seen later (`unseen`).
    """

    effect: ef.StartAgent
    writes: list[str]
    code: int
    watched: bool = True
    paused: bool = False
    stopped: bool = False
    used: int = 0
    seen: int = 0
    touched: set[str] = field(default_factory=set)
    hooked: bool = False
    asking: str = ""
    may: str = ""
    denied: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


def make_plan(tasks: list[TaskSpec], workers: int = 4, **settings: object) -> Plan:
    """A plan with an integration test."""
    base = Settings(target="main", workers=workers, integration_test="test", **settings)  # type: ignore[arg-type]
    return Plan(base, tuple(tasks))


class World:
    """Drives a machine until nothing is pending; every answer is one step chosen by `choose`."""

    def __init__(
        self,
        plan: Plan,
        choose: Choose = lambda n: 0,
        writes: dict[str, list[str]] | None = None,
        fails: set[tuple[str, int]] = frozenset(),  # type: ignore[assignment]
        bad: tuple[frozenset[tuple[str, int]], ...] = (),
        conflicts: set[tuple[str, int]] = frozenset(),  # type: ignore[assignment]
        files: tuple[str, ...] = (),
        hooked: bool = False,
        troubles: dict[tuple[str, int], str] | None = None,
        idle: set[tuple[str, int]] = frozenset(),  # type: ignore[assignment]
        load: Load = CALM,
        costs: float = 0.0,
        clashes: set[tuple[str, int]] = frozenset(),  # type: ignore[assignment]
    ) -> None:
        """`troubles` are attempts whose provider does not let them work, `idle` those that end without a change;
        failing attempts of `clashes` met a port that was taken; a step of an agent `costs` so many dollars."""
        self.machine = Machine()
        self.choose = choose
        self.writes = writes or {}
        self.fails, self.bad, self.conflicts = fails, bad, conflicts
        self.hooked = hooked
        self.asks = 0
        self.written: dict[tuple[str, int], list[str]] = {}
        self.troubles, self.idle, self.costs = troubles or {}, idle, costs
        self.clashes = clashes
        self.spent = 0.0
        self.now = 0.0
        self.pending: list[ef.Effect] = []
        self.told: list[ef.Effect] = []
        self.agents: dict[str, Agent] = {}
        self.trees: dict[str, frozenset[tuple[str, int]]] = {"base": frozenset()}
        self.tested: set[str] = set()
        self.target = "base"
        self.made = 0
        self.log: list[ev.Event] = []
        self.landed_at: dict[str, float] = {}
        self.most_at_once = 0
        self.tests_run = 0
        self.ran: set[tuple[str, int]] = set()
        self.deliver(ev.RunStarted(at=0.0, run="r1", plan=plan, repo="shop", tip="base", files=files, load=load))

    # --- driving ---

    def deliver(self, event: ev.Event) -> None:
        """Give the machine one event; check its invariants after it."""
        self.log.append(event)
        new = self.machine.handle(event)
        self.pending.extend(new)
        self.told.extend(new)
        for effect in new:
            self._observe(effect)
        self.machine.check()
        active = [r for r in self.machine.state.with_worker() if not r.frozen]
        self.most_at_once = max(self.most_at_once, len(active))

    def _observe(self, effect: ef.Effect) -> None:
        if isinstance(effect, ef.PrepareWorktree):
            needs = self.machine.state.graph.needs(effect.task)
            not_landed = [n for n in needs if self.machine.state.tasks[n].state is not TaskState.LANDED]
            assert not not_landed, f"{effect.task} started before {not_landed} landed"
        if isinstance(effect, ef.Land):
            assert name_of(self.trees[effect.commit]) in self.tested, "lands a tree that was never tested green"

    def run(self, limit: int = 20_000) -> None:
        """Answer effects in the chosen order until none is left and no agent can move."""
        for _ in range(limit):
            if not self.step():
                return
        raise AssertionError("the world does not come to rest")

    def step(self) -> bool:
        """One answer; False when nothing can move."""
        movable = [agent for agent in self.agents.values() if agent.watched and (not agent.paused or agent.stopped)]
        choices = len(self.pending) + len(movable)
        if not choices:
            return False
        self.now += 1.0
        n = self.choose(choices)
        if n < len(self.pending):
            self.answer(self.pending.pop(self._in_order(n)))
        else:
            self.act(movable[n - len(self.pending)])
        return True

    def _in_order(self, n: int) -> int:
        """Signals to one agent keep their order, as in the runner."""
        signals = (ef.PauseAgent, ef.ResumeAgent, ef.StopAgent)
        chosen = self.pending[n]
        if not isinstance(chosen, signals):
            return n
        return next(i for i, e in enumerate(self.pending) if isinstance(e, signals) and e.task == chosen.task)

    # --- agents ---

    def act(self, agent: Agent) -> None:
        """The agent writes one more file, or exits."""
        effect = agent.effect
        if self.costs:
            agent.used += 1
            self._say_used(agent)
        if self.troubles.get((effect.task, effect.attempt)) == "rate_limit" and not agent.seen:
            agent.seen = 1
            self.deliver(ev.AgentLimited(at=self.now, task=effect.task, attempt=effect.attempt, seen=1, seconds=3))
            return
        if agent.hooked and not agent.stopped and self._act_hooked(agent):
            return
        if agent.writes and not agent.stopped:
            path = agent.writes.pop(0)
            agent.touched.add(path)
            self.deliver(ev.FilesTouched(at=self.now, task=effect.task, attempt=effect.attempt, paths=(path,)))
            return
        del self.agents[effect.task]
        if agent.hooked:
            self.written[effect.task, effect.attempt] = sorted(agent.touched)
        self.spent += agent.used * self.costs
        key = (effect.task, effect.attempt)
        self.deliver(
            ev.AgentExited(
                at=self.now,
                task=effect.task,
                attempt=effect.attempt,
                code=-15 if agent.stopped else agent.code,
                active=1.0,
                cost=agent.used * self.costs,
                tokens=agent.used,
                judged=key in self.troubles or key in self.idle,
                trouble=self.troubles.get(key, ""),
                trouble_words="the provider says no",
                said="Shall I?" if key in self.idle else "",
                tail="EADDRINUSE" if key in self.clashes else "",
            )
        )

    def _say_used(self, agent: Agent) -> None:
        effect, cost = agent.effect, agent.used * self.costs
        self.deliver(
            ev.UsageCounted(at=self.now, task=effect.task, attempt=effect.attempt, cost=cost, tokens=agent.used)
        )

    def _act_hooked(self, agent: Agent) -> bool:
        """One step of an agent that asks first: it gives up waiting, writes, is seen, or asks; False at its end."""
        task, attempt = agent.effect.task, agent.effect.attempt
        if agent.asking:
            ask, gone = agent.asking, bool(self.choose(2))
            if gone:
                self._denied(agent)
                agent.asking = ""
            self.deliver(ev.WriteAskEnded(at=self.now, task=task, attempt=attempt, ask=ask, gone=gone))
        elif agent.may:
            agent.touched.add(agent.may)
            agent.unseen.append(agent.may)
            agent.may = ""
        elif agent.unseen and self.choose(2):
            paths, agent.unseen = tuple(agent.unseen), []
            self.deliver(ev.FilesTouched(at=self.now, task=task, attempt=attempt, paths=paths))
        elif agent.writes:
            self.asks += 1
            agent.asking = f"ask{self.asks}"
            paths = (agent.writes[0],)
            self.deliver(ev.WriteAsked(at=self.now, task=task, attempt=attempt, ask=agent.asking, paths=paths))
        else:
            return False
        return True

    def _denied(self, agent: Agent) -> None:
        """It goes on without the file."""
        agent.denied.append(agent.writes.pop(0))

    def _AnswerWrite(self, e: ef.AnswerWrite) -> None:
        agent = self.agents.get(e.task)
        if agent is None or agent.effect.attempt != e.attempt or agent.asking != e.ask:
            return
        agent.asking = ""
        if e.allowed:
            agent.may = agent.writes.pop(0)
        else:
            self._denied(agent)

    def answer(self, effect: ef.Effect) -> None:
        """Carry one effect out."""
        kind = type(effect).__name__
        getattr(self, f"_{kind}", lambda _: None)(effect)

    def _PrepareWorktree(self, e: ef.PrepareWorktree) -> None:
        self.deliver(
            ev.WorktreeReady(at=self.now, task=e.task, attempt=e.attempt, path="/w", base=e.onto, start=e.start)
        )

    def crash(self, changed: Plan | None = None) -> None:
        """Lose the engine and everything it had under way; agents live on. A new one replays and continues."""
        plan = changed or self.machine.state.plan
        self.machine = Machine()
        for event in self.log:
            self.machine.handle(event)
        self.pending.clear()
        for agent in self.agents.values():
            agent.watched = False
            agent.asking = ""
        self.deliver(ev.RunContinued(at=self.now, plan=plan, tip=self.target))

    def _StartAgent(self, e: ef.StartAgent) -> None:
        old = self.agents.get(e.task)
        if old is not None and old.effect.attempt == e.attempt:
            old.watched = True
            self._say_started(e, adopted=True)
            return
        assert (e.task, e.attempt) not in self.ran, f"attempt {e.attempt} of {e.task} would run twice"
        self.ran.add((e.task, e.attempt))
        writes = list(self.writes.get(e.task, [f"{e.task}.txt"]))
        self.agents[e.task] = Agent(e, writes, 1 if (e.task, e.attempt) in self.fails else 0, hooked=self.hooked)
        self._say_started(e, adopted=False)

    def _say_started(self, e: ef.StartAgent, adopted: bool) -> None:
        self.deliver(
            ev.AgentStarted(
                at=self.now, task=e.task, attempt=e.attempt, pid=1, start_ticks=1, boot_id="b", adopted=adopted
            )
        )

    def _PauseAgent(self, e: ef.PauseAgent) -> None:
        if self._runs(e):
            self.agents[e.task].paused = True
            self.deliver(ev.AgentPaused(at=self.now, task=e.task, attempt=e.attempt, processes=3))

    def _ResumeAgent(self, e: ef.ResumeAgent) -> None:
        if self._runs(e):
            self.agents[e.task].paused = False

    def _StopAgent(self, e: ef.StopAgent) -> None:
        if self._runs(e):
            self.agents[e.task].stopped = True

    def _runs(self, e: ef.PauseAgent | ef.ResumeAgent | ef.StopAgent) -> bool:
        return e.task in self.agents and self.agents[e.task].effect.attempt == e.attempt

    def _UpdateWorktree(self, e: ef.UpdateWorktree) -> None:
        self.deliver(ev.WorktreeUpdated(at=self.now, task=e.task, attempt=e.attempt, onto=e.onto))

    def _CaptureAttempt(self, e: ef.CaptureAttempt) -> None:
        commit = f"{e.task}@{e.attempt}"
        if (e.task, e.attempt) in self.idle:
            self._capture_nothing(e)
            return
        self.trees[commit] = frozenset({(e.task, e.attempt)})
        paths = tuple(self.written.get((e.task, e.attempt), self.writes.get(e.task, [f"{e.task}.txt"])))
        self.deliver(
            ev.AttemptCaptured(
                at=self.now, task=e.task, attempt=e.attempt, commit=commit, kept=f"refs/{commit}", paths=paths
            )
        )

    def _capture_nothing(self, e: ef.CaptureAttempt) -> None:
        record = self.machine.state.tasks[e.task]
        paths = record.paths if record.attempt.first != record.attempt.base else ()
        commit = record.attempt.first
        self.deliver(
            ev.AttemptCaptured(
                at=self.now, task=e.task, attempt=e.attempt, commit=commit, kept=f"refs/{commit}", paths=paths
            )
        )

    def _WakeAt(self, e: ef.WakeAt) -> None:
        if e.at == self.machine.state.wake_at:
            self.now = max(self.now, e.at)
            self.deliver(ev.TimeCame(at=self.now))

    def _TestAttempt(self, e: ef.TestAttempt) -> None:
        self.deliver(
            ev.AttemptTested(
                at=self.now, task=e.task, attempt=e.attempt, verdict=Verdict.PASSED, command="t", seconds=1.0
            )
        )

    # --- merging ---

    def _BuildChain(self, e: ef.BuildChain) -> None:
        if e.target != self.target:
            self.deliver(ev.TargetMoved(at=self.now, commit=self.target))
            return
        steps, conflicts, tree = [], {}, self.trees[e.base]
        for task, commit in e.branches:
            if any(part in self.conflicts for part in self.trees[commit]):
                conflicts[task] = ("shared.txt",)
                continue
            tree = tree | self.trees[commit]
            self.made += 1
            merged = f"m{self.made}"
            self.trees[merged] = tree
            steps.append(ev.ChainStep(task, commit, merged, name_of(tree)))
        self.deliver(
            ev.ChainBuilt(
                at=self.now,
                candidate=e.candidate,
                base=e.base,
                base_tree=name_of(self.trees[e.base]),
                steps=tuple(steps),
                conflicts=conflicts,
            )
        )

    def _TestCandidate(self, e: ef.TestCandidate) -> None:
        self.tests_run += 1
        tree = self.trees[e.commit]
        assert name_of(tree) == e.tree
        red = any(bad <= tree for bad in self.bad)
        if not red:
            self.tested.add(e.tree)
        self.deliver(
            ev.CandidateTested(
                at=self.now,
                candidate=e.candidate,
                commit=e.commit,
                tree=e.tree,
                verdict=Verdict.FAILED if red else Verdict.PASSED,
                seconds=1.0,
                command="test",
                tail="1 failed" if red else "",
            )
        )

    def _Land(self, e: ef.Land) -> None:
        if e.previous != self.target:
            self.deliver(ev.TargetMoved(at=self.now, commit=self.target))
            return
        self.target = e.commit
        self.deliver(ev.Landed(at=self.now, candidate=e.candidate, commit=e.commit, previous=e.previous))

    def _Resolve(self, e: ef.Resolve) -> None:
        if e.how == "rules":
            self.deliver(ev.ResolutionFailed(at=self.now, task=e.task, reason="nothing is remembered"))
            return
        self.made += 1
        commit = f"x{self.made}"
        self.trees[commit] = frozenset({(e.task, 1000 + self.made)})
        self.deliver(ev.ConflictResolved(at=self.now, task=e.task, commit=commit, onto=e.onto, how=e.how))

    def _Propose(self, e: ef.Propose) -> None:
        self.made += 1
        commit = f"x{self.made}"
        self.trees[commit] = frozenset({(e.task, 1000 + self.made)})
        if self.choose(2):
            self.deliver(ev.ResolutionFailed(at=self.now, task=e.task, reason="it left markers"))
            return
        self.deliver(ev.ResolutionProposed(at=self.now, task=e.task, proposed=1))
        if e.accept:
            self.deliver(ev.ConflictResolved(at=self.now, task=e.task, commit=commit, onto=e.onto, how="merge agent"))

    def _CancelPropose(self, e: ef.CancelPropose) -> None:
        self.pending = [one for one in self.pending if not (isinstance(one, ef.Propose) and one.task == e.task)]

    # --- looking ---

    def state_of(self, task: str) -> TaskState:
        """Where a task stands."""
        return self.machine.state.tasks[task].state

    def lines(self) -> list[str]:
        """Everything that happened and where every task stands, to read when a property fails."""
        state = self.machine.state
        tasks = [f"{r.id} {r.state} ({r.reason}) {r.attempt}" for r in state.tasks.values()]
        return [*map(str, self.log), *tasks, str(state.queue), str(state.landing), str(list(self.agents.values()))]

    def snapshot(self):  # type: ignore[no-untyped-def]
        """The snapshot a front end would see."""
        return SnapshotMaker().make(self.machine.state)


def name_of(tree: frozenset[tuple[str, int]]) -> str:
    """The object id of a tree."""
    return "tree:" + ",".join(f"{task}@{n}" for task, n in sorted(tree))
