"""Conflicts settled without a person: by what is remembered, else by their syntax. The result is tested as any is."""

from __future__ import annotations

from dataclasses import replace

from engine.conflict_desk import Desk
from engine.conflict_model import WHOLE, Source
from engine.repo import Repo
from engine.syntax_merge import merged_by_syntax

WORDS = {
    Source.REMEMBERED: "as it was settled before",
    Source.SYNTAX: "by its syntax",
    Source.AGENT: "by the merge agent",
}


def settle_by_rules(repo: Repo, run: str, task: str, branch_commit: str, onto: str) -> tuple[str, str] | None:
    """The merge commit that settles everything, and in words by what; None when something is left for a person.

    What could be settled of it then stands as a proposal on the desk. RepoError when git cannot merge.
    """
    desk = Desk.open(repo, run, task, branch_commit, onto)
    settlement = desk.settlement
    if any(one.source is Source.PERSON for one in settlement.decisions.values()):
        return None
    for file in settlement.conflict.files:
        if any(settlement.decision(key) is None for key in settlement.conflict.decision_keys() if key[0] == file.path):
            by_syntax = merged_by_syntax(file)
            known = {key for key in settlement.decisions if key[0] == file.path}
            if not known or all(key[1] != WHOLE for key in by_syntax):
                settlement.decisions |= {key: one for key, one in by_syntax.items() if key not in known}
    if any(settlement.decision(key) is None for key in settlement.conflict.decision_keys()):
        desk.save()
        return None
    return accept_all(desk)


def accept_all(desk: Desk) -> tuple[str, str]:
    """Accept everything that is proposed: the merge commit, and in words by what it was settled."""
    settlement = desk.settlement
    settlement.decide_all({key: replace(one, accepted=True) for key, one in settlement.decisions.items()})
    sources = dict.fromkeys(one.source for one in settlement.decisions.values())
    return desk.finish(), " and ".join(WORDS[source] for source in sources if source in WORDS)
