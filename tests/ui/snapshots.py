"""Hand-made snapshots for tests of what is drawn: say what matters, the rest is plausible."""

from __future__ import annotations

from dataclasses import replace

from engine.model import (
    BoundView,
    BreachView,
    ContractView,
    LandingView,
    LockMode,
    LockView,
    MergeView,
    MockView,
    SlotView,
    Snapshot,
    TaskState,
    TaskView,
    TestRunView,
    WorkerView,
)

STARTED = 1_000_000.0
NOW = STARTED + 751.0

_TASK = TaskView(
    id="",
    prompt="",
    state=TaskState.QUEUED,
    reason="ready",
    since=STARTED,
    agent="script",
    priority=0,
    attempt=0,
    branch="",
    worker="",
    after=(),
    needs=(),
    held_by=(),
    claims=(),
    queue_place=0,
    started=None,
    finished=None,
    active=0.0,
    commit="",
    landed="",
    paths=(),
    added=0,
    removed=0,
    cost=0.0,
    tokens=0,
    estimate=60.0,
    blocks=0,
    conflicts=(),
    kept=(),
)

_SNAPSHOT = Snapshot(
    version=1,
    at=NOW,
    run="r1",
    started=STARTED,
    repo="shop",
    target="main",
    target_commit="3f2a9c1d" * 5,
    workers_limit=4,
    paused_all=False,
    workers=(),
    tasks=(),
    queue=(),
    locks=(),
    merge=MergeView((), (), "idle", "", "", "", (), ()),
    slots_limit=4,
    slots=(),
    cost=0.0,
    tokens=0,
    budget_usd=None,
    budget_tokens=None,
    bound=BoundView(0.0, "none", "nothing is left to run", ()),
    idle=False,
    stopping=False,
    needs_person=(),
)


def task(id: str, state: TaskState = TaskState.QUEUED, reason: str = "ready", **rest: object) -> TaskView:
    """One task; it has a branch and a prompt of its own."""
    made = replace(_TASK, id=id, state=state, reason=reason, branch=f"feat/{id}", prompt=f"Work on {id}.")
    return replace(made, **rest)  # type: ignore[arg-type]


def snapshot(*tasks: TaskView, **rest: object) -> Snapshot:
    """A run of these tasks; its workers and its queue follow from them."""
    queue = sorted((t for t in tasks if t.queue_place), key=lambda t: t.queue_place)
    workers = tuple(
        WorkerView(t.worker, t.id, "working", t.state is TaskState.PAUSED, False, 100, STARTED)
        for t in tasks
        if t.worker
    )
    made = replace(_SNAPSHOT, tasks=tasks, queue=tuple(t.id for t in queue), workers=workers)
    return replace(made, **rest)  # type: ignore[arg-type]


def merge(**rest: object) -> MergeView:
    """A merge queue."""
    return replace(_SNAPSHOT.merge, **rest)  # type: ignore[arg-type]


def verdict_on(*tasks: str, verdict: str = "passed", at: float = NOW, tail: str = "") -> TestRunView:
    """One test of one tree."""
    return TestRunView("c1", tasks, "c" * 40, "t" * 40, verdict, 3.2, at, "pytest -q", tail)


def landing(*tasks: str, commit: str = "3f2a9c1d" * 5, at: float = NOW, undone: bool = False) -> LandingView:
    """One move of the target."""
    return LandingView(tasks, commit, "0" * 40, at, undone)


def lock(pattern: str, holder: str, *waiters: str, **rest: object) -> LockView:
    """One exclusive lock."""
    made = LockView(pattern, LockMode.EXCLUSIVE, holder, STARTED + 600, False, waiters, False)
    return replace(made, **rest)  # type: ignore[arg-type]


def slot(owner: str, command: str, *, place: int = 0) -> SlotView:
    """A heavy command that holds a slot, or stands at `place` in the line."""
    return SlotView(f"{owner}-1", owner, command, 100, place == 0, STARTED + 720, place, ())


def bound(seconds: float, sentence: str) -> BoundView:
    """What the rest takes at least."""
    return BoundView(seconds, "lock", sentence, ())


def busy_run() -> Snapshot:
    """A run in the middle: something of everything."""
    s = TaskState
    return snapshot(
        task(
            "spec",
            s.LANDED,
            "in main as 3f2a9c1d3",
            started=STARTED,
            finished=STARTED + 240,
            cost=0.31,
            landed="3f2a9c1d" * 5,
        ),
        task(
            "auth",
            s.RUNNING,
            "on w1",
            worker="w1",
            after=("spec",),
            started=STARTED + 250,
            paths=("a.py", "b.py"),
            added=120,
            removed=8,
            cost=0.62,
            blocks=2,
            attempt=1,
        ),
        task(
            "ui",
            s.PAUSED,
            "frozen: wrote src/auth/session.py, which auth holds",
            worker="w2",
            after=("spec",),
            held_by=("auth",),
            started=STARTED + 300,
            paths=("src/auth/session.py",),
            added=3,
            attempt=1,
        ),
        task("search", s.TESTING, "tested with prices", started=STARTED + 100, cost=0.2, attempt=1),
        task("prices", s.TESTING, "tested with search", started=STARTED + 130, attempt=2),
        task(
            "stock",
            s.CONFLICT,
            "conflicts with landed work in shop/models.py and shop/stock.py",
            conflicts=("shop/models.py", "shop/stock.py"),
            started=STARTED + 20,
            commit="ab12" * 10,
        ),
        task(
            "models",
            s.QUEUED,
            "waits for auth (running)",
            held_by=("auth",),
            queue_place=1,
            priority=5,
            after=("spec",),
        ),
        task("docs", s.WAITING, "needs auth, ui", after=("auth", "ui"), needs=("auth", "ui")),
        task("日本語", s.QUEUED, "waits for a free worker", queue_place=2),
        task("release", s.WAITING, "needs docs, stock", after=("docs", "stock"), needs=("docs", "stock")),
        task("old", s.FAILED, "the agent exited with 3", started=STARTED + 5, finished=STARTED + 65, attempt=2),
        locks=(
            lock("docs/**", "ui", holder_paused=True),
            lock("src/auth/**", "auth", "models", "ui"),
            lock("shop/models.py", "stock", grown=True),
        ),
        merge=merge(chain=("search", "prices"), phase="testing", detail="2 of 2 branches"),
        slots=(slot("integration test", "pytest -q"), slot("auth", "docker build .", place=1)),
        slots_limit=2,
        cost=1.13,
        budget_usd=20.0,
        bound=bound(500.0, "src/auth/** serialises 2 tasks: more workers cannot help"),
        needs_person=("stock: conflicts with landed work in shop/models.py and shop/stock.py",),
    )


def mock(task: str, state: str = "healthy", port: int = 41873, **rest: object) -> MockView:
    """The mock of a contract for one consumer."""
    made = MockView(task, "w2", port, 4242, state, STARTED + 300)
    return replace(made, **rest)  # type: ignore[arg-type]


def breach(task: str, *paths: str, state: str = "open", **rest: object) -> BreachView:
    """A branch that changes a frozen contract."""
    made = BreachView(task, 1, paths, "b" * 40, "c" * 40, STARTED + 600, state)
    return replace(made, **rest)  # type: ignore[arg-type]


def contract(name: str, version: int = 1, **rest: object) -> ContractView:
    """A contract, frozen when it has a version."""
    made = ContractView(
        name=name,
        kind="openapi",
        files=(f"contracts/{name}.yaml",),
        by="spec",
        frozen=version > 0,
        version=version,
        digest="9f2c41d07a3b" if version else "",
        since=STARTED + 240 if version else 0.0,
        reason=f"frozen as version {version}" if version else "spec writes it",
        implementers=("auth",),
        consumers=("ui", "search"),
        check="openapi check contracts/orders.yaml",
        verify="pytest tests/contract",
    )
    return replace(made, **rest)  # type: ignore[arg-type]


def contract_run() -> Snapshot:
    """A busy run whose plan has contracts: one frozen, breached and mocked, one still to be written."""
    run = busy_run()
    words = "changes the frozen contract orders: contracts/orders.yaml"
    tasks = tuple(
        replace(each, state=TaskState.CONFLICT, reason=words, breach="orders", worker="") if each.id == "auth" else each
        for each in run.tasks
    )
    mocks = (mock("ui"), mock("search", "restarting", 41874, restarts=2, words="it ended with 1"))
    orders = contract("orders", mocks=mocks, breaches=(breach("auth", "contracts/orders.yaml"),))
    billing = contract("billing", 0, by="models", implementers=("docs",), consumers=(), reason="models is queued")
    return replace(
        run,
        tasks=tasks,
        workers=run.workers[1:],
        contracts=(orders, billing),
        needs_person=(f"auth: {words}",),
    )
