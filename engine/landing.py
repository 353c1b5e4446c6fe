"""Move the target: into the user's checkout only by a fast-forward that git itself refuses if anything is in the way.

The ref moves by compare-and-swap. Where the target is checked out, `git merge --ff-only --no-overwrite-ignore` runs in
that checkout, and the result is looked at afterwards: whoever switched branches in that very moment gets the branch
back as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.checkout import checkouts, head_of, operation_in, rebased_in
from engine.errors import AuroraError, RepoError
from engine.git import GitResult, telling_line
from engine.merging import merge
from engine.repo import Repo
from engine.updating import FAST_FORWARD, paths_in

SWITCH = ("checkout", "-q", "--no-overwrite-ignore")
LANDING = "aurora: land"
NAMED_PATHS = 3
IN_THE_WAY = {
    "Your local changes": "local changes",
    "untracked working tree files": "untracked files",
    "following directories would lose": "untracked files",
    "index.lock": "another git command is at work",
    "not uptodate": "local changes",
}


class LandingBlocked(AuroraError):
    """The target's checkout is in the way; nothing was changed. `reason` is the sentence to show."""

    @property
    def reason(self) -> str:
        """Why it cannot land now."""
        return self.message


class TargetChanged(AuroraError):
    """The target is not where it was expected: somebody else moved it to `commit`."""

    def __init__(self, target: str, commit: str) -> None:
        super().__init__(f"{target} was moved to {commit[:9]} by somebody else")
        self.commit = commit


@dataclass(frozen=True, slots=True)
class Home:
    """A checkout that has the target: `git_dir` of its HEAD, its folder `path`."""

    git_dir: Path
    path: Path


def land(repo: Repo, target: str, new: str, old: str) -> None:
    """Move the branch `target` from `old` to its descendant `new`; done already is done.

    LandingBlocked (nothing changed, try again later) or TargetChanged. The target's checkout follows, if there is one.
    """
    ref = f"refs/heads/{target}"
    if not _is_at(repo, target, old, new):
        return
    if not repo.is_ancestor(old, new):
        raise RepoError(f"{new[:9]} does not contain {old[:9]}: landing it would lose work")
    home = _home(repo, ref)
    if home is not None:
        _forward(repo, home, target, new, old)
    elif not repo.move_ref(ref, new, old, LANDING) or _checked_out_meanwhile(repo, ref, new, old):
        land(repo, target, new, old)


def _is_at(repo: Repo, target: str, old: str, new: str) -> bool:
    """False when the target is at `new` already; TargetChanged when it is elsewhere."""
    now = repo.find(f"refs/heads/{target}")
    if now is None:
        raise LandingBlocked(f"the branch {target} is gone", f"make it again: `git branch {target} {old[:9]}`")
    if now not in (old, new):
        raise TargetChanged(target, now)
    return now == old


def _home(repo: Repo, ref: str) -> Home | None:
    """The one checkout that is on `ref`; LandingBlocked when it is busy, missing, or not the only one."""
    homes = [Home(git_dir, path) for git_dir, path in checkouts(repo) if ref in (head_of(git_dir), rebased_in(git_dir))]
    branch = ref.removeprefix("refs/heads/")
    if len(homes) > 1:
        places = " and ".join(str(home.path) for home in homes[:NAMED_PATHS])
        raise LandingBlocked(f"{branch} is checked out in {places}", "switch all but one to another branch")
    for home in homes:
        if not home.path.is_dir():
            raise LandingBlocked(f"{branch} is checked out in {home.path}, which is gone", "`git worktree prune`")
        if operation := operation_in(home.git_dir):
            raise LandingBlocked(
                f"a {operation} is unfinished in {home.path}", f"finish it: `git {operation} --continue` or `--abort`"
            )
    return homes[0] if homes else None


def _forward(repo: Repo, home: Home, target: str, new: str, old: str) -> None:
    result = _in_home(repo, home, (*FAST_FORWARD, new), LANDING)
    if result.code == 0 and repo.find(f"refs/heads/{target}") == new:
        return
    if result.code == 0:
        _give_back(repo, home, new, old)
        raise LandingBlocked(f"{home.path} changed branches in this very moment", "it is tried again")
    if not _is_at(repo, target, old, new):
        return
    raise _blocked(home, result)


def _give_back(repo: Repo, home: Home, new: str, old: str) -> None:
    """Undo a fast-forward that met another branch than the target, because its checkout switched meanwhile."""
    last = _in_home(repo, home, ("log", "--walk-reflogs", "-2", "--format=%H %gs", "HEAD", "--")).lines
    if len(last) == 2 and last[0].startswith(f"{new} {LANDING}") and last[1].startswith(old):
        on = (head_of(home.git_dir) or "").removeprefix("refs/heads/")
        _in_home(repo, home, (*SWITCH, *(("--no-track", "-B", on) if on else ("--detach",)), old))


def _in_home(repo: Repo, home: Home, words: tuple[str, ...], why: str = "aurora") -> GitResult:
    return repo.git(*words, cwd=home.path, check=False, env={"GIT_REFLOG_ACTION": why})


def _checked_out_meanwhile(repo: Repo, ref: str, new: str, old: str) -> bool:
    """When somebody checked the target out just before its ref moved, put the ref back: files and ref move together."""
    for git_dir, path in checkouts(repo):
        if (
            head_of(git_dir) == ref
            and repo.git("diff-index", "--cached", "--quiet", old, cwd=path, check=False).code == 0
        ):
            return repo.move_ref(ref, old, new, "aurora: land again")
    return False


def _blocked(home: Home, result: GitResult) -> LandingBlocked:
    what = next((words for sign, words in IN_THE_WAY.items() if sign in result.err), telling_line(result))
    paths = paths_in(result.err)
    named = ", ".join(paths[:NAMED_PATHS]) + (
        f" and {len(paths) - NAMED_PATHS} more" if len(paths) > NAMED_PATHS else ""
    )
    if paths:
        return LandingBlocked(f"{what} in {home.path} would be overwritten: {named}", "commit, stash or move them away")
    return LandingBlocked(f"{home.path}: {what}", "it is tried again")


# --- taking back --------------------------------------------------------------------------------------------------


def undo(repo: Repo, target: str, landing: str, previous: str) -> tuple[str, bool]:
    """Take a landing back: (where the target is now, whether by a revert commit).

    A landing that is the newest commit and was never pushed is simply moved back; otherwise a commit that reverts it
    is made in memory and landed. LandingBlocked when a checkout is in the way, RepoError when later work conflicts.
    """
    ref = f"refs/heads/{target}"
    now = repo.resolve(ref)
    if now == previous:
        return previous, False
    if now == landing and not _pushed(repo, landing):
        _move_back(repo, target, landing, previous)
        return previous, False
    commit = _revert(repo, target, now, landing, previous)
    land(repo, target, commit, now)
    return commit, True


def _pushed(repo: Repo, commit: str) -> bool:
    return bool(repo.git("for-each-ref", "--count=1", f"--contains={commit}", "refs/remotes/").out)


def _move_back(repo: Repo, target: str, landing: str, previous: str) -> None:
    ref = f"refs/heads/{target}"
    home = _home(repo, ref)
    if home is None:
        if not repo.move_ref(ref, previous, landing, "aurora: undo"):
            raise TargetChanged(target, repo.resolve(ref))
        return
    result = _in_home(repo, home, (*SWITCH, "--no-track", "-B", target, previous), "aurora: undo")
    if result.code != 0:
        raise _blocked(home, result)
    last = repo.git("log", "--walk-reflogs", "-2", "--format=%H", ref, "--").lines
    if len(last) == 2 and last[1] != landing:
        _in_home(repo, home, (*SWITCH, "--no-track", "-B", target, last[1]), "aurora: undo")
        raise TargetChanged(target, last[1])


def _revert(repo: Repo, target: str, now: str, landing: str, previous: str) -> str:
    if not repo.is_ancestor(landing, now):
        raise RepoError(f"{landing[:9]} is not in {target} any more: there is nothing to take back")
    base = repo.commit_tree(repo.tree_of(landing), [], "base")
    ours = repo.commit_tree(repo.tree_of(now), [base], "ours")
    theirs = repo.commit_tree(repo.tree_of(previous), [base], "theirs")
    merged = merge(repo, ours, theirs)
    if merged.tree is None:
        named = ", ".join(merged.conflicts[:NAMED_PATHS])
        raise RepoError(f"later commits build on {landing[:9]}: {named}", f"`git revert -m 1 {landing[:9]}` by hand")
    if merged.tree == repo.tree_of(now):
        raise RepoError(f"{landing[:9]} was taken back already: {target} holds nothing of it")
    return repo.commit_tree(
        merged.tree, [now], f"Take back {landing[:9]}\n\nThis reverts all that landed as {landing}."
    )


def landed_proof(repo: Repo, task_commit: str, target: str) -> bool:
    """True when the work of a commit is proven to be in the branch `target`: by ancestry, or by equal patch-ids
    (rebased or cherry-picked commit by commit, or squashed into one)."""
    tip = repo.resolve(f"refs/heads/{target}")
    if repo.is_ancestor(task_commit, tip):
        return True
    base = repo.merge_base(task_commit, tip)
    if base is None:
        return False
    commits = repo.git("cherry", tip, task_commit).lines
    if commits and all(line.startswith("-") for line in commits):
        return True
    squashed = _patch_ids(repo, repo.diff_text(base, task_commit))
    newer = repo.git("rev-list", "--no-merges", f"{base}..{tip}").out
    landed = repo.git("diff-tree", "--stdin", "-r", "-p", "-M", "--no-ext-diff", "--no-textconv", input=newer).out
    return bool(squashed) and squashed <= _patch_ids(repo, landed)


def _patch_ids(repo: Repo, diff: bytes) -> frozenset[str]:
    lines = repo.git("patch-id", "--stable", input=diff).lines
    return frozenset(line.split(" ")[0] for line in lines)
