"""The one table of what keys do on the conflict screen: it makes the bindings, the key bar and the help."""

from __future__ import annotations

from dataclasses import dataclass

from engine.conflict_model import Take

DECIDE, MOVE, LOOK, GO = "Decide", "Move", "Look", "Go on"


@dataclass(frozen=True, slots=True)
class ConflictKey:
    """`bar` orders the key bar (0: not there); `pinned` keys stay in a narrow one."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: str
    bar: int = 0
    pinned: bool = False


TAKES: dict[str, Take] = {
    "landed": Take.LANDED,
    "branch": Take.BRANCH,
    "both": Take.BOTH,
    "both_reversed": Take.BOTH_REVERSED,
    "neither": Take.NEITHER,
    "base": Take.BASE,
}
CONFLICT_KEYS = (
    ConflictKey("landed", ("o",), "landed", "take what landed (git calls it ours)", DECIDE, 1, True),
    ConflictKey("branch", ("t",), "branch", "take what the task wrote (git calls it theirs)", DECIDE, 2, True),
    ConflictKey("both", ("b",), "both", "the lines of both, landed first", DECIDE, 3),
    ConflictKey("both_reversed", ("B",), "both, turned", "the lines of both, the task's first", DECIDE),
    ConflictKey("neither", ("n",), "neither", "drop both sides; of a whole file: no such file", DECIDE, 4),
    ConflictKey("base", ("i",), "base", "as it was before both changed it", DECIDE),
    ConflictKey("pick", ("space",), "line", "pick or unpick the line under the cursor", DECIDE, 5),
    ConflictKey("accept", ("y",), "accept", "accept what is remembered or proposed here", DECIDE),
    ConflictKey("accept_all", ("Y",), "accept all", "accept everything that is remembered or proposed", DECIDE),
    ConflictKey("ask", ("A",), "ask the agent", "let the merge agent propose how to settle what is open", DECIDE),
    ConflictKey("edit", ("e",), "edit", "write the hunk in $EDITOR", DECIDE, 6),
    ConflictKey("edit_file", ("E",), "edit file", "write the whole file in $EDITOR", DECIDE),
    ConflictKey("all_landed", ("O",), "all landed", "take what landed in every hunk of this file", DECIDE),
    ConflictKey("all_branch", ("T",), "all branch", "take the task's side in every hunk of this file", DECIDE),
    ConflictKey("open", ("u",), "leave open", "forget the decision here", DECIDE),
    ConflictKey("undo", ("z",), "undo", "take the last step back", DECIDE, 8),
    ConflictKey("redo", ("Z",), "redo", "do the last step taken back again", DECIDE),
    ConflictKey("next", ("right_square_bracket",), "next", "the next hunk", MOVE),
    ConflictKey("previous", ("left_square_bracket",), "previous", "the hunk before", MOVE),
    ConflictKey("next_open", ("right_curly_bracket", "tab"), "next open", "the next hunk that is not settled", MOVE, 7),
    ConflictKey("previous_open", ("left_curly_bracket", "shift+tab"), "open before", "the one before", MOVE),
    ConflictKey("show_base", ("v",), "base", "show each hunk as it was before both changed it", LOOK),
    ConflictKey("explain", ("x",), "explain", "which commits of which tasks made each side", LOOK, 9),
    ConflictKey("failure", ("f",), "failure", "the output of the tests that were red with this resolution", LOOK),
    ConflictKey("help", ("question_mark",), "help", "all keys", LOOK, 12, True),
    ConflictKey("finish", ("w",), "finish", "hand it over: checks and tests run, then it lands", GO, 10, True),
    ConflictKey("leave", ("escape", "q"), "leave", "what was decided is kept", GO, 11),
)
KEY_NAMES = {
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "right_curly_bracket": "}",
    "left_curly_bracket": "{",
    "question_mark": "?",
    "escape": "esc",
    "shift+tab": "⇧tab",
}
