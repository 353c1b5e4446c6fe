"""The lock before the write, in the real programs: asked by their own hook, answered in their own conversation."""

from __future__ import annotations

import pytest
from client_project import ClientProject

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
