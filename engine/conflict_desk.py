"""One task's conflict on somebody's desk: decided hunk by hunk, kept half done, finished as a merge commit.

Nothing here moves a ref or touches a checkout. What is half done needs no object of its own: decisions are kept as
text, the two commits are held by the target and by refs/aurora, and git's merge of them is made again when it is
needed. The commit of `finish` is held by nothing until the engine keeps it under refs/aurora; git prunes loose
objects only after two weeks, and Aurora's own git commands never collect garbage.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.conflict_files import Found, conflict_of
from engine.conflict_model import WHOLE, ConflictFile, Decision, Key, Settlement, Source, Take, decoded
from engine.conflict_text import Labels, file_text, hunk_text, marker_left, side_texts, size_for
from engine.errors import RepoError
from engine.explaining import Made, explain
from engine.half_done import digests_of, half_done_of, read_half_done, settlement_of, write_half_done
from engine.remembered import Remembered
from engine.repo import Repo
from engine.resolving import settled_commit

__all__ = ["Desk", "Made", "half_done_file"]


PROPOSED = "proposed.json"


def half_done_file(repo: Repo, task: str) -> Path:
    """Where the half-done work of a task is kept."""
    return repo.aurora_dir / "resolving" / f"{task}.json"


@dataclass(slots=True)
class Desk:
    """One task's conflict while it is being settled. All methods block."""

    repo: Repo
    run: str
    found: Found
    settlement: Settlement

    @classmethod
    def open(cls, repo: Repo, run: str, task: str, branch_commit: str, tip: str) -> Desk:
        """The conflict of a task's commit with the tip, with what was decided of it before.

        Half-done work on the same commit is gone on with; if the tip has moved, with what is in conflict as it was.
        What is remembered stands as a proposal once. RepoError when there is nothing to settle or git cannot merge.
        """
        found = conflict_of(repo, task, branch_commit, tip)
        if found is None:
            hint = f"`aurora resolve {task} --branch` merges it as it is"
            raise RepoError(f"{task} does not conflict with what has landed", hint)
        kept = read_half_done(half_done_file(repo, task))
        kept = kept if kept is not None and kept.branch_commit == branch_commit else None
        settlement = settlement_of(found.conflict, kept)
        seen = set() if kept is None else set(kept.digests.values())
        digests = digests_of(found.conflict)
        new = [key for key in found.conflict.decision_keys() if digests[key] not in seen]
        settlement.decisions.update(Remembered.of(repo).proposals(settlement, new))
        desk = cls(repo, run, found, settlement)
        desk.take_proposals()
        return desk

    @property
    def labels(self) -> Labels:
        """What the sides are called where no file is meant: by their tasks."""
        landed = [task for file in self.settlement.conflict.files for task in file.landed_by]
        return labels_of(tuple(dict.fromkeys(landed)), self.settlement.conflict.task)

    def propose(self, decisions: Mapping[Key, Decision]) -> None:
        """Leave proposals for whoever has this conflict on the desk, now or later."""
        proposed = Settlement(self.settlement.conflict, dict(decisions))
        write_half_done(self._scratch / PROPOSED, half_done_of(proposed))

    def take_proposals(self) -> int:
        """Put what was left by `propose` on everything that is undecided, as one step that can be undone; how much."""
        path = self._scratch / PROPOSED
        left = read_half_done(path)
        if left is None:
            return 0
        known = self.settlement.decisions
        new: dict[Key, Decision | None] = {
            key: one
            for key, one in settlement_of(self.settlement.conflict, left).decisions.items()
            if self.settlement.decision(key) is None and not (key[1] == WHOLE and any(k[0] == key[0] for k in known))
        }
        if new:
            self.settlement.decide_all(new)
        self.save()
        path.unlink(missing_ok=True)
        return len(new)

    def save(self) -> None:
        """Keep what is decided so far, with its steps."""
        write_half_done(self._file, half_done_of(self.settlement))

    def discard(self) -> None:
        """Forget the half-done work."""
        self._file.unlink(missing_ok=True)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def explain(self, key: Key) -> tuple[Made, ...]:
        """The commits since the base that made the lines of a hunk, or changed the file, newest first."""
        return explain(self.repo, self.settlement, key)

    def finish(self) -> str:
        """Write the merge commit (parents: the branch's commit, then the landed side) and remember each resolution.

        The half-done work stays, for the case that the tests turn out red. RepoError names what is open or has
        conflict markers left; nothing is written then.
        """
        self._require_settled()
        commit = settled_commit(self.repo, self.found, self.settlement, self._message())
        Remembered.of(self.repo).remember_all(self.settlement)
        self.save()
        return commit

    def editor_file(self, key: Key) -> Path:
        """A scratch file for an editor: a hunk or a whole file as it stands, with labelled markers where it is open.

        RepoError when there is no text to edit.
        """
        file = self.settlement.conflict.file(key[0])
        path = self._scratch / ("whole" if key[1] == WHOLE else f"hunk-{key[1] + 1}") / Path(key[0]).name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self._whole_text(file) if key[1] == WHOLE else self._hunk_text(file, key)
        path.write_bytes("".join(text).encode("utf-8", "surrogateescape"))
        return path

    def read_back(self, key: Key, file: Path) -> Decision:
        """The decision that what was edited stands for; RepoError while a conflict marker is left in it."""
        lines = decoded(file.read_bytes())
        conflicted = self.settlement.conflict.file(key[0])
        if left := marker_left(lines, side_texts(conflicted), size_for(conflicted)):
            raise RepoError(f"{key[0]} still has conflict markers: {left}", "settle every part, then save again")
        return Decision(Take.EDITED, lines)

    # --- inside ---

    @property
    def _file(self) -> Path:
        return half_done_file(self.repo, self.settlement.conflict.task)

    @property
    def _scratch(self) -> Path:
        return self._file.with_suffix("")

    def _hunk_text(self, file: ConflictFile, key: Key) -> tuple[str, ...]:
        result = self.settlement.hunk_lines(key)
        labels = labels_of(file.landed_by, self.settlement.conflict.task)
        return hunk_text(self.settlement.hunk(key), labels, size_for(file)) if result is None else result

    def _whole_text(self, file: ConflictFile) -> tuple[str, ...]:
        decision = self.settlement.decisions.get((file.path, WHOLE))
        if decision is not None and decision.take is Take.EDITED:
            return decision.lines
        if file.parts and decision is None:
            labels = labels_of(file.landed_by, self.settlement.conflict.task)
            return file_text(file, self.settlement.decisions, labels)
        sides = {Take.LANDED: file.landed, Take.BRANCH: file.branch, Take.BASE: file.base}
        chosen = sides.get(decision.take) if decision is not None else None
        side = chosen or file.landed or file.branch
        if side is None or side.content is None or b"\0" in side.content:
            raise RepoError(f"{file.path} has no text to edit", "take one of its sides")
        return decoded(side.content)

    def _require_settled(self) -> None:
        still = self.settlement.open_keys()
        if not still:
            return
        proposed = sum(self.settlement.decision(key) is not None for key in still)
        paths = list(dict.fromkeys(path for path, _ in still))
        more = f" and {len(paths) - 3} more files" if len(paths) > 3 else ""
        hint = f"{proposed} of them only wait to be accepted" if proposed else "decide each of them first"
        count = "1 conflict is" if len(still) == 1 else f"{len(still)} conflicts are"
        raise RepoError(f"{count} still open: {', '.join(paths[:3])}{more}", hint)

    def _message(self) -> str:
        task = self.settlement.conflict.task
        sources = [one.source for one in self.settlement.decisions.values()]
        count = [f"{sources.count(source)} by {WORDS[source]}" for source in Source if source in sources]
        return f"Merge landed work into {task}, conflicts settled: {', '.join(count)}\n\n" + (
            f"Aurora-Task: {task}\nAurora-Run: {self.run}\n"
        )


WORDS = {
    Source.PERSON: "hand",
    Source.REMEMBERED: "an earlier resolution",
    Source.SYNTAX: "a syntax-aware merge",
    Source.AGENT: "a merge agent",
}


def labels_of(landed_by: tuple[str, ...], task: str) -> Labels:
    """What the two sides of a file are called."""
    return Labels(f"landed: {', '.join(landed_by[:3]) or 'the target'}", f"branch: {task}")
