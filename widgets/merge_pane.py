"""The merge queue: what is tested now and what it prints, what conflicts, verdicts, and what has landed."""

from __future__ import annotations

from engine.model import LandingView, MergeView, TaskState, TestRunView, Verdict
from widgets.columns import Column
from widgets.look import Piece
from widgets.moment import Moment
from widgets.table_view import TableView
from widgets.text import duration, expanded, flat, names
from widgets.words import GLYPHS, STYLES

VERDICTS: dict[str, Piece] = {
    Verdict.PASSED: ("✓ passed", "good"),
    Verdict.FAILED: ("✗ failed", "bad"),
    Verdict.TIMEOUT: ("◔ timed out", "warn"),
    Verdict.ERROR: ("✗ error", "bad"),
}
PHASES = {"testing": "◐ testing", "merging": "⇄ merging", "landing": "↑ landing"}


def verdict_piece(verdict: str) -> Piece:
    """A verdict as it is shown, with its style; one that is not known as it is."""
    return VERDICTS.get(verdict, (verdict, ""))


class MergePane(TableView):
    """From top to bottom: trouble, the chain at work, what waits for it, then the newest verdicts and landings."""

    moment: Moment | None = None

    def show(self, moment: Moment) -> None:
        """Another moment of the run."""
        self.moment = moment
        self._rows = dict(self._rows_of(moment))
        took = any(cells[2][0] for cells in self._rows.values())
        self.set_columns(
            (
                Column("what", 11),
                Column("tasks", 16, stretch=True),
                Column("took", 5 if took else 0, right=True, drop=1),
                Column("commit", 7 if moment.snapshot.merge.tests else 0, drop=2),
            )
        )
        self.set_keys(list(self._rows))
        landed = sum(1 for task in moment.snapshot.tasks if task.state is TaskState.LANDED)
        self.set_note(f"{landed} of {len(moment.snapshot.tasks)} landed")

    def empty_text(self) -> str:
        """Nothing has come so far."""
        return "Nothing to merge yet. A finished branch is merged, tested and landed here." if self.moment else ""

    def cells(self, key: str) -> list[Piece]:
        """What the row says."""
        return self._rows[key]

    @property
    def selected_task(self) -> str:
        """The task of the row, or the first of its tasks."""
        parts = (self.selected_key or "").split("\0")
        return parts[2] if len(parts) > 2 and self.moment and parts[2] in self.moment.tasks else ""

    @property
    def selected_test(self) -> TestRunView | None:
        """The test run under the cursor."""
        key = self.selected_key or ""
        if not key.startswith("test\0") or self.moment is None:
            return None
        return next((t for t in self.moment.snapshot.merge.tests if _test_key(t) == key), None)

    @property
    def on_live_test(self) -> bool:
        """True on the rows of the test under way, when it writes a log."""
        kind = (self.selected_key or "").split("\0")[0]
        merge = self.moment.snapshot.merge if self.moment is not None else None
        return kind in ("phase", "tail") and merge is not None and merge.phase == "testing" and bool(merge.log)

    # --- rows: (key, cells), the key is kind NUL what NUL task ---

    def _rows_of(self, moment: Moment) -> list[tuple[str, list[Piece]]]:
        merge = moment.snapshot.merge
        return [
            *self._trouble(moment),
            *self._at_work(moment, merge),
            *self._waiting(merge),
            *self._past(moment, merge),
        ]

    def _trouble(self, moment: Moment) -> list[tuple[str, list[Piece]]]:
        merge, rows = moment.snapshot.merge, []
        if merge.target_red:
            words = f"{moment.snapshot.target} itself is red: {flat(merge.target_red)}"
            rows.append(("red\0", _row(("✗ red", "bad"), (words, "bad"))))
        if merge.landing_blocked:
            rows.append(("blocked\0", _row(("‖ blocked", "warn"), (flat(merge.landing_blocked), "warn"))))
        for task in moment.snapshot.tasks:
            if task.state is TaskState.CONFLICT:
                glyph = f"{GLYPHS[task.state]} {'breach' if task.breach else 'conflict'}"
                words = f"{task.id}: {flat(', '.join(task.conflicts) or task.reason)}"
                rows.append((f"conflict\0\0{task.id}", _row((glyph, STYLES[task.state]), (words, "warn"))))
        return rows

    def _at_work(self, moment: Moment, merge: MergeView) -> list[tuple[str, list[Piece]]]:
        if not merge.chain:
            return []
        first = merge.chain[0]
        what = f"{names(merge.chain, 4)}" + (f" ({flat(merge.detail)})" if merge.detail else "")
        rows = [(f"phase\0\0{first}", _row((PHASES.get(merge.phase, merge.phase), "live"), (what, "strong")))]
        tail = moment.test_lines if merge.phase == "testing" else ()
        rows += [(f"tail\0{n}", _row(("", ""), (flat(expanded(line)), "dim"))) for n, line in enumerate(tail)]
        return rows

    def _waiting(self, merge: MergeView) -> list[tuple[str, list[Piece]]]:
        later = [task for task in merge.waiting if task not in merge.chain]
        return [(f"waiting\0\0{task}", _row(("○ next", "dim"), (task, ""))) for task in later]

    def _past(self, moment: Moment, merge: MergeView) -> list[tuple[str, list[Piece]]]:
        """Landings and tests that did not pass, newest first."""
        red = [test for test in merge.tests if test.verdict != Verdict.PASSED]
        past = [(landing.at, _landing_rows(landing)) for landing in merge.landings]
        past += [(test.at, [(_test_key(test), _test_cells(test))]) for test in red]
        past.sort(key=lambda entry: -entry[0])
        return [row for _, rows in past for row in rows]


def _row(what: Piece, words: Piece, took: str = "", commit: str = "") -> list[Piece]:
    return [what, words, (took, "dim"), (commit, "dim")]


def _landing_rows(landing: LandingView) -> list[tuple[str, list[Piece]]]:
    what: Piece = ("↺ undone", "warn") if landing.undone else ("✓ landed", "good")
    return [
        (f"landed\0{landing.commit}\0{task}", _row(what, (task, ""), commit=landing.commit[:7]))
        for task in landing.tasks
    ]


def _test_key(test: TestRunView) -> str:
    return f"test\0{test.candidate}/{test.commit}/{test.at}\0{test.tasks[-1] if test.tasks else ''}"


def _test_cells(test: TestRunView) -> list[Piece]:
    return _row(
        verdict_piece(test.verdict),
        (names(test.tasks, 4) or "the target alone", ""),
        duration(test.seconds),
        test.commit[:7],
    )
