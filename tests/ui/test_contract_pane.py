"""Contracts on the screen: what is shown, what the keys do, and who is told."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from contract_project import API, CONSUME, IMPLEMENT, ContractProject
from project import wait_for
from screen import play, shown, until, until_shown
from snapshots import breach, busy_run, contract, contract_run, mock, snapshot, task
from stage import PROFILE, run_of
from still import app_of
from textual.pilot import Pilot

from aurora_tui.actions import BY_ID, Place, Situation
from aurora_tui.app import AuroraApp
from aurora_tui.news import news
from aurora_tui.opening import open_run
from engine.diff_model import DiffHunk, DiffLine, FileDiff, branch_diff
from engine.intents import AmendContract, Intent, RejectBreach, Shutdown
from engine.model import ContractView, LockMode, LockView, Snapshot, TaskState
from engine.repo import Repo
from widgets.contract_list import ContractList
from widgets.contract_pane import rows_of
from widgets.contract_words import standing

Page = Pilot[object]
S = TaskState


@dataclass
class Seen:
    """The screen after some keys, and what was sent."""

    sent: list[Intent]
    text: str
    place: Place
    tab: Place
    contract: ContractView | None
    rows: int


def after(keys: str, repo: Repo, *waits: str, run: Snapshot | None = None) -> Seen:
    """Press keys (blanks between them) on a run with contracts."""
    app, still = app_of(run or contract_run(), repo)
    seen: list[Seen] = []

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: app.main.moment)
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause()
        await until_shown(pilot, *waits)
        main, text = app.main, " ".join(shown(app).split())
        rows = main.query_one(ContractList).count_rows()
        seen.append(Seen(still.sent, text, main.place, main.tab, main.contract(), rows))

    play(app, scene)
    return seen[0]


def plain(intents: list[Intent]) -> list[Intent]:
    """The intents without their moment."""
    return [replace(each, at=0.0) for each in intents]


def test_no_contracts_no_pane_but_5_says_what_it_would_show(repo: Repo) -> None:
    assert "Contract" not in after("2", repo, run=busy_run()).text
    after("5", repo, "5 Contracts", "The plan has no contracts.", run=busy_run())


def test_amending_asks_with_no_focused_and_names_who_is_checked_again(repo: Repo) -> None:
    assert after("5 A enter", repo).sent == []
    words = after("5 A", repo, "Let auth change orders?").text
    assert "version 2" in words
    assert "told and checked again" in words
    sent = after("5 A y", repo).sent
    assert plain(sent) == [AmendContract(at=0.0, contract="orders", task="auth")]


@pytest.mark.parametrize(("typed", "note"), [("enter", ""), ("n o enter", "no")])
def test_rejecting_asks_and_takes_a_note(typed: str, note: str, repo: Repo) -> None:
    sent = after(f"5 R y {typed}", repo).sent
    assert plain(sent) == [RejectBreach(at=0.0, contract="orders", task="auth", note=note)]


def test_leaving_the_note_rejects_nothing(repo: Repo) -> None:
    assert after("5 R y escape", repo).sent == []


def test_settling_a_breach_offers_both_and_a_look(repo: Repo) -> None:
    sent = after("4 g c 2 y", repo).sent
    assert plain(sent) == [AmendContract(at=0.0, contract="orders", task="auth")]
    seen = after("4 g c 1", repo, "A amend", "changes contracts/orders.yaml")
    assert (seen.sent, seen.place) == ([], Place.CONTRACTS)


def test_on_a_contract_without_breach_the_keys_say_why_they_do_nothing(repo: Repo) -> None:
    seen = after("5 G A", repo, "no branch changes this contract")
    assert seen.sent == []
    assert seen.contract == contract_run().contracts[1]


def test_every_action_on_a_breach_needs_one() -> None:
    for name in ("amend", "reject"):
        assert BY_ID[name].reason(Situation(Place.CONTRACTS, busy_run())) == "the plan has no contracts"
        assert BY_ID[name].reason(Situation(Place.CONTRACTS, contract_run(), read_only=True))


def test_the_main_pane_shows_the_contract_while_the_list_has_the_focus(repo: Repo) -> None:
    assert after("1 5", repo, "written by", "0 orders").tab is Place.CONTRACT
    assert after("1 5 2", repo, "0 models").tab is Place.DIFF
    bracket = "right_square_bracket"
    seen = after(f"1 {bracket} {bracket} {bracket}", repo, "0 orders")
    assert (seen.place, seen.tab) == (Place.WORKERS, Place.CONTRACT)


def test_a_lock_of_a_contract_leaves_the_task_in_view(repo: Repo) -> None:
    frozen = LockView("contracts/orders.yaml", LockMode.READS, "contract orders", 0.0, False, (), False)
    run = snapshot(task("auth", S.RUNNING, worker="w1"), contracts=(contract("orders"),), locks=(frozen,))
    app, _ = app_of(run, repo)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: app.main.shown_task)
        await pilot.press("3")
        await until(pilot, lambda: app.main.place is Place.LOCKS)
        assert app.main.shown_task == "auth"

    play(app, scene)


def test_the_change_of_a_breach_is_shown(repo: Repo) -> None:
    path = repo.root / "contracts"
    path.mkdir(exist_ok=True)
    commits = []
    for text in ("openapi: 3.1.0\n", "openapi: 3.1.0\ninfo: new\n"):
        (path / "orders.yaml").write_text(text)
        (repo.root / "other.txt").write_text(text)
        subprocess.run(["git", "add", "-A"], cwd=repo.root, check=True)
        who = ["-c", "user.name=D", "-c", "user.email=d@example.org"]
        subprocess.run(["git", *who, "commit", "-qm", "x"], cwd=repo.root, check=True)
        commits.append(repo.resolve("HEAD"))
    found = breach("auth", "contracts/orders.yaml", base=commits[0], commit=commits[1])
    run = replace(contract_run(), contracts=(contract("orders", breaches=(found,)),))
    assert "other.txt" not in after("5", repo, "+ info: new", run=run).text


def test_the_editor_opens_the_contracts_file(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", f"echo opened > {tmp_path}/said; true")
    monkeypatch.setattr(AuroraApp, "suspend", lambda self: self.batch_update())
    after("5 G e", repo, "is not in")
    assert not (tmp_path / "said").exists()
    shown = contract_run().contracts[0].files[0]
    (repo.root / shown).parent.mkdir(parents=True, exist_ok=True)
    (repo.root / shown).write_text("openapi: 3.1.0\n")
    monkeypatch.setenv("VISUAL", f"printf '%s ' > {tmp_path}/said")
    after("5 e", repo)
    wait_for((tmp_path / "said").exists)
    assert (tmp_path / "said").read_text().split() == ["+1", str(repo.root / shown)]


def test_a_breach_is_shown_in_its_colours() -> None:
    lines = (DiffLine("-", 1, 0, "name: 'a'  # old"), DiffLine("+", 0, 1, "name: 'b'"), DiffLine(" ", 2, 2, "\tx: 1"))
    file = FileDiff("a.yaml", added=1, removed=1, hunks=(DiffHunk(1, 2, 1, 2, "", lines),))
    found = breach("auth", "a.yaml")
    rows = rows_of(
        contract("orders", breaches=(found,)), {}, {found: branch_diff("auth", (file,), live=False, at=0.0)}, 0.0, 80
    )
    added = next(row for row in rows if row and row[0] == ("   + ", "added"))
    assert "".join(text for text, _ in added) == "   + name: 'b'"
    assert ("b", "syn-string") in added
    assert any(text.startswith("# old") and style == "syn-comment" for row in rows for text, style in row)


def test_settled_breaches_leave_the_list_and_stay_in_the_pane(repo: Repo) -> None:
    old = (breach("auth", "a.yaml", state="rejected"), breach("ui", "b.yaml", state="amended"))
    run = snapshot(task("auth", S.RUNNING, worker="w1"), contracts=(contract("orders", 2, breaches=old),))
    assert after("5", repo, "− rejected", "✓ amended", "❄ frozen v2", run=run).rows == 1


def test_where_a_contract_stands_is_a_word_and_a_glyph() -> None:
    assert standing(contract("a", 3))[0] == "❄ frozen v3"
    assert standing(contract("a", 0))[0] == "○ not yet"
    assert standing(contract("a", 2, frozen=False))[0] == "✗ not frozen"


def told(before: Snapshot, now: Snapshot) -> list[tuple[str, bool]]:
    """What the toasts say, and whether they call."""
    return [(item.text, item.calls) for item in news(before, now)]


def with_contract(of: ContractView) -> Snapshot:
    """A run with one contract."""
    return snapshot(contracts=(of,))


def test_the_developer_hears_of_versions_breaches_and_dead_mocks() -> None:
    before, now = snapshot(task("auth", S.RUNNING)), snapshot(task("auth", S.CONFLICT, "changes it", breach="orders"))
    assert told(before, now) == [("≠ auth changes the frozen contract orders (c rules on it)", True)]
    first, second = with_contract(contract("orders", 0)), with_contract(contract("orders", 1))
    assert told(first, second) == [("❄ the contract orders is frozen as version 1", False)]
    alive = with_contract(contract("orders", mocks=(mock("ui"),)))
    dead = with_contract(contract("orders", mocks=(mock("ui", "dead", words="it ended with 3"),)))
    assert told(alive, dead) == [("✗ the mock of orders for ui is dead: it ended with 3", False)]
    assert told(dead, dead) == []


@pytest.mark.slow
@pytest.mark.parametrize(("keys", "version"), [(("A", "y"), 2), (("R", "y", "enter"), 1)])
def test_a_real_breach_is_ruled_on_by_keys(
    keys: tuple[str, ...], version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = ContractProject(tmp_path)
    monkeypatch.chdir(project.root)
    mark = tmp_path / "once"
    mend = f"sleep 1; git checkout main -- {API}"
    breaks = f"[ -e {mark} ] && {{ {mend}; }} || sed -i s/username/login/ {API}; touch {mark}; {IMPLEMENT}"
    project.contract_plan(backend=breaks, frontend=CONSUME.replace("asked.txt", API))
    app = AuroraApp(lambda: open_run(str(project.file)), PROFILE)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: app.main.moment and app.main.moment.tasks["backend"].breach)
        await pilot.press("5", "j")
        await until_shown(pilot, "≠ breach", "+ field login", "- field username")
        await pilot.press(*keys)
        await until(pilot, lambda: all(t.state is S.LANDED for t in run_of(pilot).tasks))
        await until(pilot, lambda: run_of(pilot).contracts[0].version == version)
        await until_shown(pilot, f"❄ frozen v{version}")

    try:
        play(app, scene)
    finally:
        own = app.bridge.opened.own if app.bridge is not None else None
        if own is not None and not own.wait(0):
            own.send(Shutdown(at=time.time(), mode="stop"))
            own.wait(30)
        project.kill_everything()
    assert ("login" in project.git("show", f"main:{API}")) is (version == 2)
