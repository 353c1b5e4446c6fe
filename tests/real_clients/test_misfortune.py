"""What goes wrong on the way to a model, with the real programs' own ways of taking it."""

from __future__ import annotations

import pytest
from client_project import ClientProject

pytestmark = [pytest.mark.clients, pytest.mark.slow]


def test_short_troubles_are_outlived(shop: ClientProject) -> None:
    """Rate limited, a broken server, a connection that is cut, all at the same time: everything lands."""
    limits = 1 if shop.client == "gemini" else 2
    troubles = {"limited": f"FAIL 429 {limits} 1", "broken": "FAIL 500 1", "cut": "CUT 1"}
    shop.ask(
        *(
            {"id": name, "files": [f"{name}.txt"], "prompt": [f"The {name} one.", line, f"WRITE {name}.txt: {name}"]}
            for name, line in troubles.items()
        )
    )
    shop.run()
    for name in troubles:
        assert shop.text(f"{name}.txt") == name
        assert len(shop.api.about(f"The {name} one.")) >= 3
    assert len(shop.api.steps("The limited one.")) == limits + 2
