"""An agent that asks, refuses or is not let in has not done its task, whatever its exit code; what it is told helps."""

from __future__ import annotations

import pytest
from client_project import ClientProject
from model_api.dialect import INPUT, OUTPUT

pytestmark = [pytest.mark.clients, pytest.mark.slow]


def test_no_work_is_no_success_and_an_answer_goes_into_the_same_conversation(shop: ClientProject) -> None:
    shop.ask(
        {"id": "asks", "files": ["a.txt"], "prompt": ["The question.", "READ README.md", "SAY Which one?"]},
        {"id": "refuses", "files": ["b.txt"], "prompt": ["The refusal.", "REFUSE"]},
        {"id": "shut", "files": ["c.txt"], "prompt": ["The shut door.", "FAIL 401 0"], "agent": "other"},
    )
    said = shop.run(code=3)
    why = {name: task["reason"] for name, task in shop.tasks().items()}
    assert "Which one?" in why["asks"]
    assert "I cannot help with that." in why["refuses"]
    assert "agent other is not let in" in why["shut"]
    assert "log in" in why["shut"]
    assert len(shop.api.about("The shut door.")) <= 8
    assert "aurora message asks TEXT" in said
    before = shop.tasks()["asks"]

    shop.aurora("message", "asks", "The second one.\nWRITE a.txt: second")
    shop.run(code=3)
    assert shop.text("a.txt") == "second"
    turns = [turn.text for turn in shop.api.about("The second one.")[0].turns]
    assert any("The question." in text for text in turns)
    assert "Which one?" in turns
    after = shop.tasks()["asks"]
    assert after["tokens"] == 2 * before["tokens"] == 4 * (INPUT + OUTPUT)
    assert after["cost"] == pytest.approx(2 * before["cost"], rel=0.01)
    assert before["cost"] > 0


@pytest.mark.parametrize("client", ["claude"], indirect=True)
def test_an_agent_that_can_be_told_its_budget_ends_by_itself_before_it_spends_more(shop: ClientProject) -> None:
    """Every answer costs it 0.244 cents: with one cent it asks five times, and what it wrote is kept."""
    writes = [f"WRITE n{number}.txt: n" for number in range(6)]
    shop.ask(
        {"id": "dear", "files": ["*.txt"], "prompt": ["The dear one.", *writes]},
        retries=0,
        budget={"per_attempt": {"usd": 0.01}},
    )
    shop.run(code=1)
    dear = shop.tasks()["dear"]
    assert dear["state"] == "failed"
    assert "budget" in dear["reason"]
    assert len(shop.api.about("The dear one.")) == 5
    assert dear["cost"] == pytest.approx(5 * 0.00244)
    assert "n0.txt" in shop.files(dear["kept"][-1])
    assert "Reached maximum budget" in shop.says("log", "dear")
