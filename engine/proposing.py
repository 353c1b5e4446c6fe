"""What a merge agent is given of a conflict, and what of its work is taken as proposals. Blocks; decides nothing.

The agent finds the merged tree in a worktree of its own, with labelled markers where something is open. Whatever it
does there, only texts without markers at paths in conflict become proposals, and nothing counts until it is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.checkout import Checkout, checkout_at
from engine.conflict_desk import Desk, labels_of
from engine.conflict_model import WHOLE, ConflictFile, Decision, Key, Kind, Source, Take, decoded, encoded
from engine.conflict_text import aligned, file_text, marker_left, side_texts, size_for
from engine.errors import RepoError
from engine.resolving import tree_with
from engine.text import clean

MAX_PROMPT_CHARACTERS = 4_000
ABOUT = """A merge has conflicts. Settle them so that what both sides were written for still works.
The branch of task `{task}` is merged with what has landed{by}. The files hold git's merge; where the two sides
disagree they hold both, and what stood there before both, between conflict markers."""
RULES = """## Rules
- Edit only the files named above; a change of any other file makes the whole proposal void.
- Replace every conflict marker and what it holds by the merged text. Leave the lines around them as they are.
- A file that should not exist any more is deleted; one that should stay in another form is edited.
- Do not commit, do not push. Nobody can answer questions. What you cannot decide, leave with its markers."""
BY_NAME = (Kind.SUBMODULE, Kind.FILE_DIRECTORY, Kind.RENAME_RENAME, Kind.SYMLINK, Kind.BINARY, Kind.MODE)
"""Conflicts that are about names, modes or bytes: a person decides them."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the agent works on: the commit its worktree stands on, and the files it is to settle."""

    commit: str
    files: tuple[ConflictFile, ...]


def give(desk: Desk) -> Given:
    """Write the merged tree as a commit nothing refers to, with markers only where something is open. RepoError when no
    text is left to settle."""
    settlement, repo = desk.settlement, desk.repo
    texts = [file for file in settlement.conflict.files if _is_text(file)]
    files = tuple(file for file in texts if _open(desk, file))
    if not files:
        raise RepoError("what is in conflict is not text, or is decided already", "settle it by hand")
    chosen: dict[str, tuple[str, str] | None] = {}
    for file in texts:
        if file.parts:
            labels = labels_of(file.landed_by, settlement.conflict.task)
            content = encoded(file_text(file, settlement.decisions, labels))
            mode = next(side.mode for side in (file.landed, file.branch) if side is not None)
            chosen[file.path] = (mode, repo.git("hash-object", "-w", "--stdin", input=content).text)
    tree = tree_with(repo, desk.found.merged.draft, chosen)
    parents = [settlement.conflict.branch_commit, settlement.conflict.onto]
    return Given(repo.commit_tree(tree, parents, "A merge with its conflicts, for a merge agent"), files)


def _is_text(file: ConflictFile) -> bool:
    contents = [side.content for side in (file.landed, file.branch) if side is not None]
    return file.kind not in BY_NAME and all(content is not None and b"\0" not in content for content in contents)


def _open(desk: Desk, file: ConflictFile) -> bool:
    keys = [key for key in desk.settlement.conflict.decision_keys() if key[0] == file.path]
    return any(desk.settlement.decision(key) is None for key in keys)


def merge_prompt(desk: Desk, given: Given, prompts: Mapping[str, str]) -> str:
    """What the agent is told; `prompts` are the tasks' own words by their ids."""
    task = desk.settlement.conflict.task
    landed = tuple(dict.fromkeys(other for file in given.files for other in file.landed_by))
    told = "\n".join(_told(file) for file in given.files)
    asked = [(name, prompts.get(name, "").strip()[:MAX_PROMPT_CHARACTERS]) for name in (task, *landed)]
    sections = [
        ABOUT.format(task=task, by=_by(landed)),
        f"## Files to settle\n{told}",
        RULES,
        *(f"## What task {name} was asked\n{words}" for name, words in asked if words),
    ]
    return "\n\n".join(sections) + "\n"


def _by(landed: Sequence[str]) -> str:
    return f" (by {', '.join(landed[:5])})" if landed else ""


def _told(file: ConflictFile) -> str:
    count = len(file.hunks)
    what = f"{count} conflict{'s' * (count != 1)}" if count else f"{file.kind}: {file.words}"
    return f"- `{clean(file.path)}`: {what}"


def proposals(desk: Desk, given: Given, worktree: Path) -> tuple[dict[Key, Decision], str]:
    """What the agent's work in its worktree proposes, and in words why the rest is none.

    RepoError when it changed what is not in conflict: then nothing of it is taken.
    """
    checkout = checkout_at(worktree)
    touched = checkout.touched(given.commit)
    wanted = {file.path for file in given.files}
    if strays := sorted(set(touched) - wanted):
        shown = ", ".join(clean(path) for path in strays[:3])
        raise RepoError(f"it changed what is not in conflict: {shown}", "nothing of it is taken")
    found: dict[Key, Decision] = {}
    left: list[str] = []
    for file in given.files:
        decisions = _proposed(checkout, file, worktree / file.path) if file.path in touched else {}
        found |= decisions
        if not decisions:
            left.append(clean(file.path))
    return found, f"it left {', '.join(left[:3])} unsettled" if left else ""


def _proposed(checkout: Checkout, file: ConflictFile, path: Path) -> dict[Key, Decision]:
    if path.is_symlink() or path.is_dir():
        return {}
    if not path.exists():
        return _deleted(file)
    lines = decoded(_as_stored(checkout, file.path))
    if any("\0" in line for line in lines) or marker_left(lines, side_texts(file), size_for(file)):
        return {}
    if file.parts:
        return aligned(file, lines, Source.AGENT, accepted=False)
    return {(file.path, WHOLE): Decision(Take.EDITED, lines, source=Source.AGENT, accepted=False)}


def _deleted(file: ConflictFile) -> dict[Key, Decision]:
    """The side that has no such file, where there is one."""
    take = Take.LANDED if file.landed is None else Take.BRANCH if file.branch is None else None
    return {} if take is None else {(file.path, WHOLE): Decision(take, source=Source.AGENT, accepted=False)}


def _as_stored(checkout: Checkout, name: str) -> bytes:
    """A file of the worktree as git would store it: line endings and filters undone."""
    blob = checkout.git("hash-object", "-w", "--", name).text
    return checkout.git("cat-file", "blob", blob).out
