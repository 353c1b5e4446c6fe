"""Every error Aurora shows a person.

AuroraError
├── ConfigError      aurora.yaml or a command line is wrong          exit 2
├── RepoError        the repository cannot be used, or git failed     exit 2
│   └── GitError     one git command failed, with its own words
├── Refused          an intent that makes no sense in this state      exit 2
├── EngineError      the engine is busy elsewhere, gone or damaged    exit 2
└── InvalidTransition  a bug: an illegal state change, with the story
"""

from __future__ import annotations


class AuroraError(Exception):
    """One sentence for the person, and optionally a `hint` that says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(AuroraError):
    """The configuration or the command line is wrong; the message names file, line and key."""


class RepoError(AuroraError):
    """The repository cannot be used as it is."""


class GitError(RepoError):
    """A git command failed; `stderr` holds git's own words, `code` its exit status."""

    def __init__(self, message: str, hint: str | None = None, *, stderr: str = "", code: int = 1) -> None:
        super().__init__(message, hint)
        self.stderr = stderr
        self.code = code


class Refused(AuroraError):
    """What was asked makes no sense in the present state; nothing was changed."""


class EngineError(AuroraError):
    """The engine cannot be reached or started, or its journal is damaged."""


class InvalidTransition(AuroraError):
    """An illegal change of a task's state: always a bug in the rules. Carries the task's story."""

    def __init__(self, task: str, before: str, after: str, story: tuple[str, ...]) -> None:
        lines = "\n".join(f"  {line}" for line in story)
        super().__init__(f"task {task} cannot go from {before} to {after}\n{lines}")
        self.story = story
