"""What `aurora status` and its kin print: golden pictures of hand-made runs, and laws that hold for any run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from snapshots import NOW, STARTED, bound, busy_run, landing, lock, merge, snapshot, task, verdict_on

from aurora_tui.render import views
from aurora_tui.render.changes import changes, opening, pulse
from aurora_tui.render.closing import closing
from aurora_tui.render.look import Look
from aurora_tui.render.story import story
from aurora_tui.render.tree import tree
from aurora_tui.render.words import remedies
from engine.model import ProfileView, Snapshot, TaskState
from widgets.text import cut, duration, wrap
from widgets.words import GLYPHS


def clock(at: float) -> str:
    """Seconds since the run began."""
    return f"{round(at - STARTED):4}s"


NARROW = Look(width=80, now=NOW, clock=clock)
WIDE = Look(width=120, now=NOW, clock=clock)


def drawn(lines: list[str]) -> str:
    """A picture as the tests hold it."""
    return "\n" + "\n".join(lines) + "\n"


STATUS = """
shop:main
run r1 · 1/11 landed, 1 conflict, 1 paused, 1 running, 2 testing, 2 queued, 2
waiting, 1 failed · workers 2/4 · heavy 1/2 · $1.13 of $20.00 · 12m 31s

TASK     STATE       WHY                                             TIME   COST
stock    ≠ conflict  conflicts with landed work in                12m 11s
                     shop/models.py and shop/stock.py
ui       ‖ paused    frozen: wrote src/auth/session.py, which      7m 31s
                     auth holds, +3 −0 in 1 file
auth     ► running   on w1, +120 −8 in 2 files                     8m 21s  $0.62
search   ◐ testing   tested with prices                           10m 51s  $0.20
prices   ◐ testing   tested with search                           10m 21s
models   ○ queued    waits for auth (running)
日本語   ○ queued    waits for a free worker
docs     ◦ waiting   needs auth, ui
release  ◦ waiting   needs docs, stock
old      ✗ failed    the agent exited with 3                       1m 00s
spec     ✓ landed    in main as 3f2a9c1d3                          4m 00s  $0.31

Testing: search, prices (2 of 2 branches)

HEAVY        OWNER             COMMAND         SINCE
► runs       integration test  pytest -q         31s
○ 1 in line  auth              docker build .    31s

needs you  stock: conflicts with landed work in shop/models.py and shop/stock.py
  aurora resolve stock           shows the conflict, hunk by hunk
  aurora resolve stock --landed  keeps what has landed
  aurora resolve stock --branch  keeps what stock wrote
  aurora resolve stock --union   keeps the lines of both
  aurora resolve stock --edit    opens your editor
  aurora resume ui               lets it go on
  aurora log old                 shows what the agent said
  aurora retry old               tries again
"""

GRAPH = """
spec              ✓ landed    in main as 3f2a9c1d3
├─ auth           ► running   on w1, +120 −8 in 2 files; 2 tasks wait for it
│  └─ docs        ◦ waiting   needs auth, ui
│     └─ release  ◦ waiting   needs docs, stock
├─ ui             ‖ paused    frozen: wrote src/auth/session.py, which auth
                              holds, +3 −0 in 1 file
└─ models         ○ queued    waits for auth (running)
search            ◐ testing   tested with prices
prices            ◐ testing   tested with search
stock             ≠ conflict  conflicts with landed work in shop/models.py and
                              shop/stock.py
日本語            ○ queued    waits for a free worker
old               ✗ failed    the agent exited with 3

What is left takes at least 8m 20s: src/auth/** serialises 2 tasks: more workers
cannot help
"""

LOCKS = """
PATTERN         MODE              HOLDER          SINCE  WAITING
src/auth/**     exclusive         auth           2m 31s  models, ui
docs/**         exclusive         ui (‖ paused)  2m 31s
shop/models.py  exclusive, grown  stock          2m 31s
"""

QUEUE = """
#  TASK    PRIORITY   TAKES  WHY
1  models         5  1m 00s  waits for auth (running)
2  日本語            1m 00s  waits for a free worker

Testing: search, prices (2 of 2 branches)
What is left takes at least 8m 20s: src/auth/** serialises 2 tasks: more workers cannot help
"""

CLOSING = """
TASK   STATE       REASON                                 TIME   COST  COMMIT
spec   ✓ landed    in main as 3f2a9c1d3                 4m 00s  $0.31  3f2a9c1d3
stock  ≠ conflict  conflicts with landed work in       12m 11s         ab12ab12a
                   shop/models.py and shop/stock.py
old    ✗ failed    the agent exited with 3              1m 00s

3 tasks: 1 landed, 1 failed, 1 conflict · 12m 31s · $1.13 of $20.00 · main at
3f2a9c1d3

What helps:
  aurora resolve stock           shows the conflict, hunk by hunk
  aurora resolve stock --landed  keeps what has landed
  aurora resolve stock --branch  keeps what stock wrote
  aurora resolve stock --union   keeps the lines of both
  aurora resolve stock --edit    opens your editor
  aurora log old                 shows what the agent said
  aurora retry old               tries again
  aurora run                     then goes on with the run
"""


def ended() -> Snapshot:
    """The busy run when only three of its tasks are left and nothing moves."""
    run = busy_run()
    return replace(run, tasks=tuple(run.task(name) for name in ("spec", "stock", "old")), idle=True)


def test_status_shows_everything_and_what_helps() -> None:
    assert drawn(views.status(busy_run(), NARROW, live=True)) == STATUS


def test_graph_is_a_tree_with_reasons_and_the_bound() -> None:
    assert drawn(views.graph(busy_run(), NARROW)) == GRAPH


def test_locks_with_waiters_come_first() -> None:
    assert drawn(views.locks(busy_run(), NARROW)) == LOCKS


def test_queue_says_what_holds_a_task() -> None:
    assert drawn(views.queue(busy_run(), WIDE)) == QUEUE


def test_closing_table_ends_with_what_helps() -> None:
    assert drawn(closing(ended(), NARROW)) == CLOSING


def test_closing_of_a_run_without_trouble_has_no_advice() -> None:
    done = snapshot(task("a", TaskState.LANDED, "in main as 3f2a9c1d3", landed="3f2a9c1d" * 5))
    assert (
        drawn(closing(done, NARROW))
        == """
TASK  STATE     REASON                COMMIT
a     ✓ landed  in main as 3f2a9c1d3  3f2a9c1d3

1 task: 1 landed · 12m 31s · main at 3f2a9c1d3
"""
    )


def test_without_an_engine_status_says_so_and_how_to_go_on() -> None:
    lines = views.status(snapshot(task("a")), replace(NARROW, now=NOW + 90), live=False)
    assert lines[1] == "run r1, no engine · last seen 1m 30s ago · 0/1 landed, 1 queued"
    assert lines[-1] == "  aurora run  goes on with the run"


def test_paused_holder_that_blocks_others_is_flagged() -> None:
    run = busy_run()
    stuck = replace(run, locks=(replace(run.locks[1], holder="ui", holder_paused=True),))
    assert "ui (‖ paused)  2m 31s  models, ui (paused holder blocks 2)" in views.locks(stuck, WIDE)[1]


def test_empty_views_say_that_they_are_empty() -> None:
    nothing = snapshot()
    assert views.locks(nothing, NARROW) == ["no locks are held"]
    assert views.queue(nothing, NARROW) == ["no task is queued"]
    assert views.graph(nothing, NARROW) == ["the plan has no tasks"]
    assert views.plain_graph({}, {}, NARROW) == ["the plan has no tasks"]


# --- the lines of a headless run ------------------------------------------------------------------------------------


def test_opening_counts_what_has_landed() -> None:
    assert opening(busy_run(), NARROW) == [" 751s  run r1 on shop:main: 11 tasks, 4 workers, 1 landed already"]


def test_first_look_leaves_out_what_is_not_under_way() -> None:
    told = changes(None, busy_run(), NARROW)
    assert [line.split()[1] for line in told] == ["auth", "ui", "search", "prices", "stock", "old"]


def test_every_change_is_one_line_in_the_order_it_happened() -> None:
    before = snapshot(task("auth", TaskState.RUNNING, "on w1", attempt=1), task("ui"))
    after = snapshot(
        task("auth", TaskState.LANDED, "in main as 3f2a9c1d3", since=NOW, attempt=1),
        task("ui", TaskState.RUNNING, "on w2", since=NOW - 9, attempt=1),
        merge=merge(tests=(verdict_on("auth", at=NOW - 1),), landings=(landing("auth"),)),
    )
    assert (
        drawn(changes(before, after, NARROW))
        == """
 742s  ui    ► running   on w2
 750s  main  ✓ tests     passed in 3.2s with auth
 751s  auth  ✓ landed    in main as 3f2a9c1d3
 751s  main  ✓ moved     to 3f2a9c1d3 with auth
"""
    )


def test_nothing_new_is_no_line() -> None:
    assert changes(busy_run(), busy_run(), NARROW) == []


def test_a_new_reason_alone_is_no_line_but_a_new_attempt_is() -> None:
    first = snapshot(task("auth", TaskState.RUNNING, "on w1", attempt=1))
    assert changes(first, snapshot(task("auth", TaskState.RUNNING, "goes on", attempt=1)), NARROW) == []
    again = snapshot(task("auth", TaskState.RUNNING, "on w1, attempt 2", attempt=2))
    assert changes(first, again, NARROW) == ["   0s  auth  ► running   on w1, attempt 2"]


def test_red_tests_show_the_end_of_their_output() -> None:
    output = "\n".join(f"line {n}" for n in range(20)) + "\n\x1b[31mFAILED\x1b[0m\n"
    after = snapshot(task("auth"), merge=merge(tests=(verdict_on("auth", verdict="failed", tail=output),)))
    told = changes(snapshot(task("auth")), after, NARROW)
    assert told[0] == " 751s  main  ✗ tests     failed in 3.2s with auth: pytest -q"
    assert told[1] == "          | line 13"
    assert told[-1] == "          | FAILED"


def test_a_landing_that_waits_and_one_taken_back_are_told() -> None:
    before = snapshot(task("auth"), merge=merge(landings=(landing("auth"),)))
    after = snapshot(
        task("auth"),
        merge=merge(landings=(landing("auth", undone=True),)),
        needs_person=("landing of auth: a.py has local changes",),
    )
    assert (
        drawn(changes(before, after, NARROW))
        == """
 751s  main  − undone    the landing of auth was taken back
 751s  main  ≠ waits     landing of auth: a.py has local changes
"""
    )


def test_a_conflict_is_told_once() -> None:
    stock = task("stock", TaskState.CONFLICT, "conflicts with landed work in a.py")
    after = snapshot(stock, needs_person=("stock: conflicts with landed work in a.py",))
    assert len(changes(snapshot(task("stock")), after, NARROW)) == 1


def test_pulse_is_one_line() -> None:
    assert pulse(snapshot(task("a", TaskState.RUNNING)), NARROW) == [" 751s  … 0/1 landed, 1 running, 12m 31s"]


def test_story_wraps_and_numbers() -> None:
    told = story(task("ui", TaskState.RUNNING, "on w1"), ["added: Work on ui.", "word " * 30], NARROW)
    assert told[:4] == ["ui  ► running  on w1", "Work on ui.", "", "   1  added: Work on ui."]
    assert told[4].startswith("   2  word word")
    assert told[5].startswith("      word word")


# --- what helps -----------------------------------------------------------------------------------------------------


def commands(run: Snapshot, *, live: bool) -> list[str]:
    """The commands that help."""
    return [remedy.command for remedy in remedies(run, live=live)]


def test_every_way_into_trouble_has_a_way_out() -> None:
    blocked = snapshot(task("a", TaskState.TESTING), merge=merge(landing_blocked="a.py has local changes"))
    red = snapshot(task("a", TaskState.MERGING), merge=merge(target_red="pytest"))
    assert commands(blocked, live=True) == ["git status"]
    assert commands(blocked, live=False) == ["git status", "aurora run"]
    assert commands(red, live=True) == ["git log main"]
    assert commands(snapshot(task("a"), paused_all=True), live=True) == ["aurora resume --all"]
    assert commands(snapshot(task("a"), workers_limit=0), live=True) == ["aurora workers 4"]


def test_a_frozen_worker_needs_a_ruling_and_an_engine() -> None:
    run = snapshot(task("a", TaskState.PAUSED, worker="w1"))
    frozen = replace(run, workers=(replace(run.workers[0], frozen=True),))
    assert commands(frozen, live=True) == ["aurora resume a --allow", "aurora resume a --take"]
    assert commands(run, live=True) == ["aurora resume a"]
    assert commands(frozen, live=False) == ["aurora run"]


def test_of_many_conflicts_only_the_first_is_spelled_out() -> None:
    run = snapshot(task("a", TaskState.CONFLICT), task("b", TaskState.CONFLICT))
    assert commands(run, live=True)[4:] == ["aurora resolve a --edit", "aurora resolve b …"]


# --- laws -------------------------------------------------------------------------------------------------------------


def all_views(run: Snapshot, look: Look) -> list[str]:
    """Every line of every view."""
    parts = [
        views.status(run, look, live=True),
        views.graph(run, look),
        views.plain_graph({t.id: t.after for t in run.tasks}, {t.id: t.prompt for t in run.tasks}, look),
        views.locks(run, look),
        views.queue(run, look),
        closing(run, look),
        changes(None, run, look),
        pulse(run, look),
    ]
    return [line for part in parts for line in part]


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_passes_the_right_edge(width: int) -> None:
    for line in all_views(busy_run(), replace(NARROW, width=width)):
        assert cell_len(line) <= width, line


def test_ascii_changes_letters_and_no_cell() -> None:
    plain = replace(busy_run(), tasks=tuple(t for t in busy_run().tasks if t.id != "日本語"), queue=("models",))
    fancy = all_views(plain, NARROW)
    ascii_lines = all_views(plain, replace(NARROW, ascii=True))
    assert [cell_len(line) for line in ascii_lines] == [cell_len(line) for line in fancy]
    assert all(line.isascii() for line in ascii_lines)


def test_every_state_has_a_glyph_of_one_cell_also_in_ascii() -> None:
    look = replace(NARROW, ascii=True)
    assert set(GLYPHS) == set(TaskState)
    letters = {state: look.finish([glyph])[0] for state, glyph in GLYPHS.items()}
    assert all(cell_len(GLYPHS[state]) == cell_len(letter) == 1 for state, letter in letters.items())
    assert len(set(letters.values())) == len(TaskState)
    assert "".join(letters.values()).isascii()


def test_colours_come_on_top_of_the_same_text() -> None:
    painted = views.status(busy_run(), replace(NARROW, colour=True), live=True)
    assert any("\x1b[" in line for line in painted)
    bare = [replace_codes(line) for line in painted]
    assert bare == views.status(busy_run(), NARROW, live=True)


def replace_codes(line: str) -> str:
    """A line without its colours."""
    for code in ("0", "1", "2", "31", "32", "33", "36"):
        line = line.replace(f"\x1b[{code}m", "")
    return line


def test_outside_text_cannot_reach_the_terminal() -> None:
    evil = "\x1b]52;c;aGk=\x07x\x1b[2J\nnext\x9b31m\r"
    run = snapshot(
        task("a", TaskState.FAILED, evil, prompt=evil),
        merge=merge(tests=(verdict_on("a", verdict="failed", tail=evil),)),
        needs_person=(evil,),
        bound=bound(9.0, evil),
    )
    lines = [*all_views(run, NARROW), *changes(snapshot(task("a")), run, NARROW), *story(run.task("a"), [evil], NARROW)]
    assert all(letter.isprintable() for line in lines for letter in line)


letters = st.text(alphabet=st.sampled_from("ab é日🙂-."), min_size=1, max_size=60)


@settings(max_examples=200)
@given(text=letters, width=st.integers(1, 40), lines=st.integers(1, 4))
def test_cut_and_wrap_stay_in_their_cells(text: str, width: int, lines: int) -> None:
    assert cell_len(cut(text, width)) <= width
    wrapped = wrap(text, max(2, width), lines)
    assert len(wrapped) <= lines
    assert all(cell_len(line) <= max(2, width) for line in wrapped)
    if not any(line.endswith("…") for line in wrapped):
        assert "".join(wrapped).replace(" ", "") == text.replace(" ", "")


@st.composite
def dependencies(draw: st.DrawFn) -> dict[str, list[str]]:
    """Tasks in any order, each after some that stand before it in a hidden order."""
    count = draw(st.integers(1, 8))
    hidden = draw(st.permutations([f"t{n}" for n in range(count)]))
    after = {
        name: draw(st.lists(st.sampled_from(hidden[:n]), unique=True)) if n else [] for n, name in enumerate(hidden)
    }
    return {name: after[name] for name in sorted(after)}


@given(after=dependencies())
def test_a_tree_has_every_task_once_below_one_it_comes_after(after: dict[str, list[str]]) -> None:
    lines = tree(after)
    assert sorted(line.task for line in lines) == sorted(after)
    above: list[str] = []
    for line in lines:
        depth = len(line.drawn) // 3
        del above[depth:]
        parents = {above[-1]} if depth else set()
        assert set(line.also_after) | parents == set(after[line.task])
        assert not parents & set(line.also_after)
        above.append(line.task)


def test_a_chain_of_a_thousand_tasks_leaves_room_for_words() -> None:
    after = {f"t{n}": ([f"t{n - 1}"] if n else []) for n in range(1000)}
    assert max(len(line.drawn) for line in tree(after)) <= 26


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (0.04, "0.0s"), (3.21, "3.2s"), (9.96, "10s"), (59.4, "59s"), (245, "4m 05s"), (4800, "1h 20m")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_status_says_until_when_an_agent_is_held_back() -> None:
    held = ProfileView("claude", 2, 2, NOW + 60, "429 too many requests")
    over = ProfileView("codex", 0, 2, NOW - 1, "overloaded")
    shown = drawn(views.status(snapshot(profiles=(held, over)), NARROW, live=True))
    assert f"agent claude waits until {clock(NOW + 60)}: 429 too many requests" in shown
    assert "codex" not in shown


def test_a_run_without_a_screen_says_who_has_to_wait_once_and_until_when() -> None:
    before = snapshot(task("auth", TaskState.RUNNING, "on w1"))
    held = snapshot(task("auth", TaskState.RUNNING, "on w1"), profiles=(ProfileView("claude", 1, 0, NOW + 60, "429"),))
    (line,) = changes(before, held, NARROW)
    assert line.endswith(f"agent claude waits until {clock(NOW + 60).strip()}: 429")
    longer = replace(held, profiles=(ProfileView("claude", 1, 0, NOW + 90, "429"),))
    assert changes(held, longer, NARROW) == []


def test_status_says_until_when_a_task_waits() -> None:
    waits = replace(task("auth", TaskState.QUEUED, "agent claude has to wait (429)"), until=NOW + 60)
    shown = drawn(views.status(snapshot(waits), NARROW, live=True))
    assert f"agent claude has to wait (429), until {clock(NOW + 60).strip()}" in " ".join(shown.split())


def test_the_lock_table_says_at_which_file_an_agent_stands() -> None:
    stands = lock("models/**", "owner", "guest", "schema", asking=(("guest", "models/b.py"),))
    assert "guest (at models/b.py), schema" in drawn(views.locks(snapshot(task("owner"), locks=(stands,)), NARROW))
