"""Real agents behind the Agent Client Protocol: asked for every edit, told why not, stopped, answered."""

from __future__ import annotations

import pytest
from client_project import TalkingProject
from project import wait_for

pytest.importorskip("acp", reason="agents behind ACP are not tested: pip install 'aurora-tui[acp]'")
pytestmark = [pytest.mark.clients, pytest.mark.slow]


def heard(parlour: TalkingProject, words: str) -> bool:
    """Whether the model was told these words, by whomever."""
    return any(words in turn.text for exchange in parlour.api.exchanges for turn in exchange.turns)


def test_a_held_file_is_refused_and_its_holder_named_in_the_conversation(parlour: TalkingProject) -> None:
    writes = [
        "READ models.py",
        "EDIT models.py: line0 = 0 => taken",
        "WRITE lib/more.py: m = 2",
        "EDIT README.md: shop => the shop",
    ]
    parlour.ask(
        {"id": "owner", "files": ["models*.py"], "prompt": ["The owner.", "HOLD owner", "WRITE models2.py: m"]},
        {"id": "guest", "files": ["lib/**"], "prompt": ["The guest.", "READ README.md", *writes]},
        locks={"wait": "1s"},
    )
    run = parlour.start_run()
    wait_for(lambda: heard(parlour, "models.py is held by task owner"))
    parlour.api.release("owner")
    assert run.wait(timeout=60) == 0
    assert {"lib/more.py", "models2.py"} <= parlour.files()
    assert parlour.text("README.md") == "the shop"
    assert parlour.text("models.py").startswith("line0 = 0")
    story = parlour.says("story", "guest")
    assert "denied models.py: held by owner" in story
    assert "took README.md" in story


def test_a_stop_cancels_and_leaves_nothing(parlour: TalkingProject) -> None:
    go = parlour.home / "go"
    prompt = ["Wait.", "WRITE before.txt: b", f"RUN python3 wait.py {go}", "WRITE after.txt: a"]
    parlour.ask({"id": "long", "files": ["*.txt"], "prompt": prompt})
    run = parlour.start_run()
    wait_for(lambda: any("wait.py" in one.command[1:2] for one in parlour.family()))
    parlour.aurora("stop", "long")
    assert run.wait(timeout=60) == 1
    assert parlour.processes() == []
    assert "before.txt" in parlour.files("refs/aurora/r1/long/1")


def test_a_question_is_answered_and_a_refused_key_is_said(parlour: TalkingProject) -> None:
    """Whoever has forgotten the conversation is told the whole task anew."""
    parlour.ask(
        {"id": "asks", "files": ["a.txt"], "prompt": ["The question.", "READ README.md", "SAY Which one?"]},
        {"id": "shut", "files": ["c.txt"], "prompt": ["The shut door.", "FAIL 401 0"], "agent": "other"},
    )
    parlour.run(code=3)
    why = {name: task["reason"] for name, task in parlour.tasks().items()}
    assert "Which one?" in why["asks"]
    assert "agent other is not let in" in why["shut"]
    parlour.aurora("message", "asks", "The second one.\nWRITE a.txt: second")
    parlour.run(code=3)
    assert parlour.text("a.txt") == "second"
    turns = [turn.text for turn in parlour.api.about("The second one.")[0].turns]
    assert any("The question." in text for text in turns)
