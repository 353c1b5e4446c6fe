"""The lock before the write, in the real programs: asked by their own hook, answered in their own conversation."""

from __future__ import annotations

import pytest
from client_project import ClientProject
from project import wait_for

pytestmark = [pytest.mark.clients, pytest.mark.slow]


def test_a_held_file_is_denied_with_its_holder_and_the_agent_goes_on(shop: ClientProject) -> None:
    writes = ["WRITE mine.py: m = 1", "READ models.py", "WRITE models.py: taken", "WRITE more.py: m = 2"]
    shop.ask(
        {"id": "owner", "files": ["models*.py"], "prompt": ["The owner.", "HOLD owner", "WRITE models2.py: m"]},
        {"id": "guest", "files": ["mine.py"], "prompt": ["The guest.", *writes]},
        locks={"wait": "1s"},
        retries=0,
    )
    run = shop.start_run()
    shop.api.wait_told("The guest.", "models.py is held by task owner")
    shop.api.release("owner")
    assert run.wait(timeout=60) == 0
    assert {"mine.py", "more.py", "models2.py"} <= shop.files()
    assert shop.text("models.py").startswith("line0 = 0")
    assert "denied models.py: held by owner" in shop.says("story", "guest")


def test_a_held_file_that_is_let_go_in_time_is_written_and_nobody_is_denied(shop: ClientProject) -> None:
    """The agent stands still in its hook while the other one lands, and never hears of it."""
    writes = ["WRITE mine.py: m = 1", "WRITE models2.py: mine", "WRITE more.py: m = 2"]
    shop.ask(
        {"id": "owner", "files": ["models*.py"], "prompt": ["The owner.", "HOLD owner", "WRITE models1.py: m"]},
        {"id": "guest", "files": ["mine.py"], "prompt": ["The guest.", *writes]},
        locks={"wait": "5m"},
        retries=0,
    )
    run = shop.start_run()
    shop.api.wait_held("owner")
    wait_for(lambda: shop.tasks()["guest"]["waits"] == "waits to edit models2.py: held by owner")
    (lock,) = [one for one in shop.status()["locks"] if one["holder"] == "owner"]  # type: ignore[attr-defined]
    assert (lock["waiters"], lock["asking"]) == (["guest"], [["guest", "models2.py"]])
    shop.api.release("owner")
    assert run.wait(timeout=60) == 0
    assert {"mine.py", "more.py", "models1.py"} <= shop.files()
    assert shop.text("models2.py") == "mine"
    assert len(shop.api.steps("The guest.")) == len(writes) + 1
    said = "\n".join(text for exchange in shop.api.about("The guest.") for text in exchange.results())
    assert "owner" not in said
    assert "Not written" not in said
    assert "may edit models2.py: owner let go" in shop.says("story", "guest")
