"""The demo's shop, plan and scripted agent, without an engine: git and real processes only."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pathspec import GitIgnoreSpec

from aurora_tui.demo import Demo, build
from engine.config import load_plan
from engine.errors import RepoError
from engine.plan import Contract
from engine.prompt import compose

AT_ONCE = 1000.0
TESTS_AT_BASE = 15
AFTER_SPEC = ("backend", "frontend", "release")
BACKWARDS = ("spec", "stock", "discounts", "frontend", "backend", "docs", "settings", "cart-total", "rename-price")
NEW_TESTS = {
    "rename-price": 1,
    "cart-total": 4,
    "settings": 3,
    "backend": 3,
    "frontend": 3,
    "discounts": 3,
    "stock": 3,
    "search": 3,
}
PLAYS = Path(__file__).parents[2] / "aurora_tui" / "demo" / "plays"
TASKS = (
    "spec",
    "rename-price",
    "cart-total",
    "settings",
    "docs",
    "backend",
    "frontend",
    "discounts",
    "stock",
    "assets",
    "search",
    "release",
)


def git(folder: Path, *arguments: str) -> str:
    """What git prints; the test fails when git does."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def shell(command: str, folder: Path, **more: str) -> tuple[bool, str]:
    """Run a command of the plan: whether it succeeds, and what it prints."""
    merged, environment = subprocess.STDOUT, {**os.environ, **more}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=merged, text=True
    )
    return done.returncode == 0, done.stdout


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@dataclass(frozen=True)
class Played:
    """One attempt of the scripted agent, its work committed."""

    code: int
    output: str
    commit: str
    paths: tuple[str, ...]
    tree: Path


class Shop:
    """A demo to play in: worktrees beside its repository, and what its plan says."""

    def __init__(self, demo: Demo, trees: Path) -> None:
        self.demo, self.trees = demo, trees
        self.plan: dict[str, Any] = yaml.safe_load(demo.plan.read_text(encoding="utf-8"))
        self.count = 0

    def tree(self, start: str, branch: str | None = None) -> Path:
        """A worktree at `start`, on a new branch or on none."""
        self.count += 1
        path = self.trees / f"tree{self.count}"
        git(self.demo.repo, "worktree", "add", "-q", *(["-b", branch] if branch else ["--detach"]), str(path), start)
        return path

    def play(self, task: str, tree: Path, attempt: int = 1, prompt: str = "", mock: str = "") -> Played:
        """One attempt as the engine runs it: the plan's own command, then a commit of what is left."""
        start = git(tree, "rev-parse", "HEAD")
        prompt_file = self.trees / f"{tree.name}.prompt.md"
        prompt_file.write_text(prompt or "do it", encoding="utf-8")
        command = self.plan["agents"]["script"]["command"].replace("{prompt_file}", str(prompt_file))
        environment = {**os.environ, "AURORA_TASK": task, "AURORA_ATTEMPT": str(attempt)}
        environment |= {"AURORA_MOCK_ORDERS_API": mock} if mock else {}
        merged = subprocess.STDOUT
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=merged, text=True
        )
        git(tree, "add", "-A")
        if git(tree, "status", "--porcelain"):
            git(tree, "commit", "-q", "-m", f"{task}, attempt {attempt}")
        changed = tuple(git(tree, "diff", "--name-only", start, "HEAD").splitlines())
        return Played(done.returncode, done.stdout, git(tree, "rev-parse", "HEAD"), changed, tree)

    @contextmanager
    def mock(self, tree: Path) -> Iterator[str]:
        """The mock of the contract as the plan serves it; where it answers."""
        with self.served(self.contract.mock or "", tree, 0) as address:
            yield address

    @contextmanager
    def served(self, command: str, tree: Path, port: int) -> Iterator[str]:
        """A server of the plan; where it says it answers."""
        environment, quiet = {**os.environ, "AURORA_PORT": str(port)}, subprocess.DEVNULL
        whole = ["/bin/sh", "-c", f"exec {command.removeprefix('exec ')}"]
        with subprocess.Popen(
            whole, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=quiet, text=True
        ) as server:
            assert server.stdout is not None
            try:
                yield server.stdout.readline().strip().split()[-1].rstrip("/")
            finally:
                server.terminate()

    def verified(self, tree: Path) -> tuple[bool, str]:
        """Whether the shop in a worktree, really started, keeps the contract."""
        with self.served(self.contract.serve or "", tree, free_port()) as address:
            return shell(self.contract.verify or "", tree, AURORA_SERVICE=address)

    @property
    def contract(self) -> Contract:
        """The contract of the plan, with the commands of its kind."""
        (found,) = load_plan(self.demo.plan, root=self.demo.repo, target="main").contracts
        return found

    def merged(self, *commits: str) -> Path:
        """A worktree with all of them merged one after the other; the test fails on a conflict."""
        tree = self.tree(commits[0])
        for commit in commits[1:]:
            git(tree, "merge", "-q", "--no-edit", "--no-ff", commit)
        return tree

    def tests(self, tree: Path) -> tuple[bool, str]:
        """The integration test of the plan."""
        return shell(self.plan["integration_test"], tree)

    def prompt(self, task: str) -> str:
        """What the engine tells the agent of a first attempt."""
        plan = load_plan(self.demo.plan, root=self.demo.repo, target="main")
        spec = next(spec for spec in plan.tasks if spec.id == task)
        contracts = [c for c in plan.contracts if c.name in {*spec.implements, *spec.consumes}]
        nothing: tuple[str, ...] = ()
        return compose(
            spec, claims=spec.files, held_by_others=(), failures=nothing, note="", landed_since=(), contracts=contracts
        )

    def task(self, name: str) -> dict[str, Any]:
        return next(task for task in self.plan["tasks"] if task["id"] == name)


def number_of_tests(output: str) -> int:
    found = re.search(r"Ran (\d+) tests", output)
    assert found, output
    return int(found[1])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("demo")
    return Shop(build(folder / "made", speed=AT_ONCE), folder)


@pytest.fixture(scope="module")
def played(shop: Shop) -> dict[str, Played]:
    """Every task played once and alone, from the earliest commit it can start from."""
    spec = shop.play("spec", shop.tree("main"))
    trees = {task: shop.tree(spec.commit if task in AFTER_SPEC else "main") for task in TASKS if task != "spec"}
    with shop.mock(trees["frontend"]) as mock, ThreadPoolExecutor(3) as pool:
        rest = pool.map(lambda task: shop.play(task, trees[task], prompt=shop.prompt(task), mock=mock), trees)
        done = {"spec": spec, **dict(zip(trees, rest, strict=True))}
        done["overstepping"] = done["frontend"]
        before = git(shop.demo.repo, "rev-parse", "main")
        git(shop.demo.repo, "merge", "-q", "--ff-only", spec.commit)
        done["frontend"] = shop.play("frontend", trees["frontend"], attempt=2, mock=mock)
        git(shop.demo.repo, "reset", "-q", "--hard", before)
        return done


@pytest.fixture
def own_shop(shop: Shop, tmp_path: Path) -> Shop:
    """A shop whose main branch the test may move."""
    repo = tmp_path / "boreal"
    git(tmp_path, "clone", "-q", "--template=", str(shop.demo.repo), str(repo))
    for key in ("user.name", "user.email"):
        git(repo, "config", key, git(shop.demo.repo, "config", key))
    return Shop(Demo(tmp_path, repo, repo / "aurora.yaml", shop.demo.agent), tmp_path)


# --- the shop as it is built ---------------------------------------------------------------------------------------


def test_the_shop_is_a_clean_repository_and_green(shop: Shop) -> None:
    repo = shop.demo.repo
    assert git(repo, "status", "--porcelain") == ""
    assert git(repo, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    green, output = shop.tests(repo)
    assert green
    assert number_of_tests(output) == TESTS_AT_BASE
    assert git(repo, "status", "--porcelain") == ""


def test_every_task_of_the_plan_has_a_play_and_every_play_a_task(shop: Shop) -> None:
    assert [task["id"] for task in shop.plan["tasks"]] == list(TASKS)
    assert sorted(path.name for path in PLAYS.iterdir()) == sorted(f"{task}.play.tmpl" for task in TASKS)
    assert sys.executable in shop.plan["integration_test"]


def test_every_template_has_the_one_ending_that_is_packaged() -> None:
    files = [path for path in PLAYS.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.suffix for path in files if path.parent != PLAYS.parent} == {".tmpl"}


def test_a_demo_is_never_built_over_another_one(shop: Shop) -> None:
    with pytest.raises(RepoError, match="exists already"):
        build(shop.demo.folder)


def test_the_environment_of_a_hook_does_not_lead_git_astray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    demo = build(tmp_path / "it's here", speed=2.5)
    monkeypatch.delenv("GIT_DIR")
    assert git(demo.repo, "log", "--format=%an") == "Robin Lindqvist"
    (profile,) = load_plan(demo.plan, root=demo.repo, target="main").settings.agents
    command = profile.command or ""
    assert shell(command.replace("{prompt_file}", "--help"), tmp_path)[0]
    assert "--speed 2.5" in command


# --- every task alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_a_task_alone_is_green(shop: Shop, played: dict[str, Played], task: str) -> None:
    done = played[task]
    assert done.code == 0, done.output
    green, output = shop.tests(done.tree)
    assert green, output
    assert number_of_tests(output) == TESTS_AT_BASE + NEW_TESTS.get(task, 0)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_writes_what_it_claims_and_two_one_thing_more(shop: Shop, played: dict[str, Played], task: str) -> None:
    spec, done = shop.task(task), played["overstepping" if task == "frontend" else task]
    claimed = GitIgnoreSpec.from_lines([*spec["files"], *spec.get("shared", [])])
    undeclared = [path for path in done.paths if not claimed.match_file(path)]
    assert done.paths
    assert undeclared == {"docs": ["shop/config.py"], "frontend": ["contracts/orders.yaml"]}.get(task, [])


def test_the_contract_is_complete_and_the_backend_keeps_it(shop: Shop, played: dict[str, Played]) -> None:
    assert shop.contract.kind == "openapi"
    assert shell(shop.contract.check or "", played["spec"].tree) == (True, "contracts/orders.yaml: 2 operations\n")
    kept, output = shop.verified(played["spec"].tree)
    assert not kept
    assert "POST /api/orders: answered 404" in output
    assert shop.verified(played["backend"].tree) == (True, "2 operations answer as contracts/orders.yaml says\n")


def test_a_field_the_backend_calls_otherwise_is_found(shop: Shop, played: dict[str, Played]) -> None:
    tree = shop.tree(played["backend"].commit)
    orders = tree / "shop" / "orders.py"
    orders.write_text(orders.read_text(encoding="utf-8").replace('"customer": order[0]', '"client": order[0]'))
    kept, output = shop.verified(tree)
    assert not kept
    assert "`customer` is missing; there is `client`, which the contract does not name" in output


def test_the_frontend_asks_the_mock_and_tests_with_what_it_answered(played: dict[str, Played]) -> None:
    done = played["overstepping"]
    assert "GET http://127.0.0.1:" in done.output
    order = json.loads((done.tree / "tests" / "order.json").read_text(encoding="utf-8"))
    assert order["lines"][0]["name"] == "Midnight Sun"


def test_the_frontend_oversteps_once_and_takes_it_back(played: dict[str, Played]) -> None:
    first, second = played["overstepping"], played["frontend"]
    assert "contracts/orders.yaml" in first.paths
    assert second.paths == ("contracts/orders.yaml",)
    assert git(second.tree, "diff", "--stat", played["spec"].commit, "--", "contracts") == ""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("task", "made"), [("assets", "static/shop.css"), ("release", "dist/boreal-1.4.0.tar.gz")])
def test_builds_go_through_make(played: dict[str, Played], task: str, made: str) -> None:
    assert f"running make {task}" in played[task].output
    assert (played[task].tree / made).is_file()


# --- what happens between tasks ------------------------------------------------------------------------------------


def test_the_two_that_meet_in_config_merge_cleanly_in_both_orders(shop: Shop, played: dict[str, Played]) -> None:
    assert {"shop/config.py"} == set(played["settings"].paths) & set(played["docs"].paths)
    for pair in (("settings", "docs"), ("docs", "settings")):
        green, output = shop.tests(shop.merged(*(played[task].commit for task in pair)))
        assert green, output


def wait_for(text: str, path: Path) -> None:
    """Until the file holds the text; the test fails after ten seconds."""
    deadline = time.monotonic() + 10
    while text not in path.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"{path} never held {text!r}"
        time.sleep(0.01)


@pytest.mark.slow
def test_a_frozen_agent_goes_on_where_it_was_brought_up_to_date(
    shop: Shop, played: dict[str, Played], tmp_path: Path
) -> None:
    tree = shop.tree("main")
    prompt = tmp_path / "prompt.md"
    prompt.write_text("do it", encoding="utf-8")
    command = [sys.executable, "-I", str(shop.demo.agent), "--speed", "20", str(prompt)]
    with subprocess.Popen(command, cwd=tree, env={**os.environ, "AURORA_TASK": "docs"}) as agent:
        try:
            wait_for('"delivery"', tree / "shop" / "config.py")
            agent.send_signal(signal.SIGSTOP)
            git(tree, "add", "-A")
            git(tree, "commit", "-q", "-m", "frozen")
            git(tree, "merge", "-q", "--no-edit", played["settings"].commit)
            agent.send_signal(signal.SIGCONT)
            assert agent.wait(timeout=30) == 0
        finally:
            agent.kill()
    green, output = shop.tests(tree)
    assert green, output
    config = (tree / "shop" / "config.py").read_text(encoding="utf-8")
    assert "from_environment" in config
    assert config.count('"delivery",') == 1


def test_the_two_that_need_models_would_conflict_without_a_lock(shop: Shop, played: dict[str, Played]) -> None:
    assert "shop/models.py" in {*shop.task("discounts")["files"]} & {*shop.task("stock")["files"]}
    alone = [played[task].commit for task in ("discounts", "stock")]
    with pytest.raises(AssertionError, match=r"CONFLICT.*shop/models\.py"):
        shop.merged(*alone)
    second = shop.play("stock", shop.tree(played["discounts"].commit))
    assert second.code == 0, second.output
    assert "shop/models.py" in second.paths


PAIR = [("rename-price", "cart-total"), ("cart-total", "rename-price")]


@pytest.mark.parametrize(("first", "second"), PAIR)
@pytest.mark.parametrize("up_to_date", [True, False], ids=["merged by the engine", "merged by the agent"])
def test_the_later_of_the_red_pair_repairs_itself(
    own_shop: Shop, played: dict[str, Played], first: str, second: str, up_to_date: bool
) -> None:
    repo = own_shop.demo.repo
    git(repo, "merge", "-q", "--no-ff", "-m", first, played[first].commit)
    red = own_shop.merged("main", played[second].commit)
    green, output = own_shop.tests(red)
    assert not green
    assert "module 'shop.pricing' has no attribute 'price_of'" in output

    tree = own_shop.tree(git(red, "rev-parse", "HEAD") if up_to_date else played[second].commit)
    again = own_shop.play(second, tree, attempt=2, prompt=f"Your last attempt was red.\n\n{output}")
    assert again.code == 0, again.output
    assert "unit_price" in git(tree, "grep", "-n", "pricing[.]", "--", "shop/cart.py")
    git(repo, "merge", "-q", "--no-ff", "-m", second, again.commit)
    green, output = own_shop.tests(repo)
    assert green, output


def test_all_of_it_together_is_green(shop: Shop, played: dict[str, Played]) -> None:
    tree = shop.tree(played["spec"].commit)
    for task in (name for name in TASKS if name not in ("spec", "stock")):
        git(tree, "merge", "-q", "--no-edit", "--no-ff", played[task].commit)
    red, output = shop.tests(tree)
    assert not red
    for task, prompt in (("cart-total", output), ("stock", "")):
        again = shop.play(task, tree, attempt=2 if prompt else 1, prompt=prompt)
        assert again.code == 0, again.output
    green, output = shop.tests(tree)
    assert green, output
    assert number_of_tests(output) == TESTS_AT_BASE + sum(NEW_TESTS.values())
    assert shop.verified(tree)[0]


@pytest.mark.slow
@pytest.mark.parametrize("order", [TASKS, BACKWARDS], ids=["as planned", "backwards"])
def test_one_after_the_other_nothing_needs_repair(
    shop: Shop, played: dict[str, Played], order: tuple[str, ...]
) -> None:
    tree = shop.tree("main")
    with shop.mock(played["spec"].tree) as mock:
        for task in order:
            done = shop.play(task, tree, mock=mock)
            assert done.code == 0, done.output
    green, output = shop.tests(tree)
    assert green, output
    assert number_of_tests(output) == TESTS_AT_BASE + sum(NEW_TESTS[task] for task in order if task in NEW_TESTS)


@pytest.mark.parametrize("task", ["spec", "rename-price", "docs", "backend", "stock", "assets"])
def test_a_second_attempt_without_a_red_test_changes_nothing(shop: Shop, played: dict[str, Played], task: str) -> None:
    again = shop.play(task, shop.tree(played[task].commit), attempt=2)
    assert again.code == 0, again.output
    assert again.paths == ()


# --- the agent -------------------------------------------------------------------------------------------------------


def test_a_task_without_a_play_is_refused(shop: Shop) -> None:
    nobody = shop.play("nobody", shop.tree("main"))
    assert nobody.code == 2
    assert "no play for the task 'nobody'" in nobody.output
