"""The journal: every event of every run, appended to SQLite before its effects run. State is its replay.

One writer (the engine that holds the repository's lock), any number of readers (WAL).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine import events
from engine.errors import EngineError
from engine.model import Verdict
from engine.wire import decode_event, encode_event, kind_of

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL, task TEXT, kind TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_run ON events (run, seq);
CREATE INDEX IF NOT EXISTS events_of_task ON events (run, task, seq);
"""


class Journal:
    """The events of one repository. Raises EngineError when the file is damaged or of another version.

    Methods may be called from any one thread at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _explained(path):
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=10.0)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._require_version()
        self._db.executescript(_SCHEMA)

    def _require_version(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise EngineError(
                f"the journal {self.path} was written by another version of Aurora (format {version})",
                "use that version, or move the file away to begin anew; branches and refs are not touched",
            )
        if version == 0:
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def append(self, run: str, batch: Sequence[events.Event]) -> int:
        """Store events in one transaction, durably; returns the last sequence number."""
        rows = [(run, e.at, getattr(e, "task", None), kind_of(e), encode_event(e)) for e in batch]
        with _explained(self.path), self._db:
            self._db.executemany("INSERT INTO events (run, at, task, kind, body) VALUES (?, ?, ?, ?, ?)", rows)
            (last,) = self._db.execute("SELECT max(seq) FROM events").fetchone()
        return int(last or 0)

    def runs(self) -> tuple[str, ...]:
        """Ids of all runs, oldest first."""
        with _explained(self.path):
            rows = self._db.execute("SELECT run FROM events GROUP BY run ORDER BY min(seq)").fetchall()
        return tuple(run for (run,) in rows)

    def events(self, run: str, after: int = 0) -> Iterator[tuple[int, events.Event]]:
        """The events of a run in order, with their sequence numbers."""
        with _explained(self.path):
            rows = self._db.execute(
                "SELECT seq, kind, body FROM events WHERE run = ? AND seq > ? ORDER BY seq", (run, after)
            ).fetchall()
        for seq, kind, body in rows:
            yield seq, decode_event(kind, body)

    def proven(self, surroundings: str, since: float, most: int = 300) -> tuple[str, ...]:
        """Trees whose last full test run in these surroundings, not before `since`, was green, newest first."""
        with _explained(self.path):
            rows = self._db.execute(
                "SELECT max(seq), json_extract(body, '$.tree'), json_extract(body, '$.verdict') FROM events"
                " WHERE kind = 'CandidateTested' AND at >= ? AND json_extract(body, '$.surroundings') = ?"
                " AND json_array_length(body, '$.only') = 0 GROUP BY 2 ORDER BY 1 DESC",
                (since, surroundings),
            ).fetchall()
        return tuple(tree for _, tree, verdict in rows if verdict == Verdict.PASSED.value)[:most]

    def rows_since(self, seq: int, limit: int = 1000) -> tuple[tuple[int, str, str], ...]:
        """Raw rows after `seq` as (seq, kind, JSON body)."""
        with _explained(self.path):
            rows = self._db.execute(
                "SELECT seq, kind, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
            ).fetchall()
        return tuple((int(s), str(k), str(b)) for s, k, b in rows)

    def last_seq(self) -> int:
        """The newest sequence number, 0 when empty."""
        with _explained(self.path):
            (last,) = self._db.execute("SELECT max(seq) FROM events").fetchone()
        return int(last or 0)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into a sentence that says what is safe."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise EngineError(f"the disk is full: {path} cannot be written", "free some space and run again") from error
        raise EngineError(
            f"the journal {path} cannot be used: {error}",
            "your branches and everything under refs/aurora are safe; move the journal away to begin a new run",
        ) from error
