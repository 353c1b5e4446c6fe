"""What every agent does every day: files written, a word said."""

from __future__ import annotations

import pytest
from client_project import ClientProject

from engine.clients.presets import PRESETS

pytestmark = [pytest.mark.clients, pytest.mark.slow]


def test_one_edit_and_several_files_land(shop: ClientProject) -> None:
    """Two tasks at once, each by the real program; both are merged."""
    shop.ask(
        {"id": "one", "prompt": ["Greet.", "WRITE hello.py: print('hello')", "SAY Greeted."], "files": ["hello.py"]},
        {
            "id": "many",
            "files": ["lib/**", "README.md"],
            "prompt": [
                "Build a library.",
                "WRITE lib/a.py: A = 1",
                "READ README.md",
                "EDIT README.md: shop => the shop",
                "WRITE lib/b.py: from lib.a import A\\nB = A + 1",
            ],
        },
    )
    shop.run()
    assert {"hello.py", "lib/a.py", "lib/b.py"} <= shop.files()
    assert shop.text("README.md") == "the shop"
    assert shop.text("lib/b.py") == "from lib.a import A\nB = A + 1"


def test_an_agent_runs_the_commands_its_preset_says(shop: ClientProject) -> None:
    """As Aurora starts it, with no `args` of a person."""
    shop.write("make.py", "open('made-by-shell.txt', 'w').close()\n")
    shop.commit("a program that writes")
    shop.ask(
        {"id": "a", "files": ["a.txt"], "prompt": ["Do it.", "WRITE a.txt: a", "RUN python3 make.py"]},
        agents={shop.client: {"preset": shop.client}},
    )
    shop.run()
    assert "a.txt" in shop.files()
    assert ("made-by-shell.txt" in shop.files()) == PRESETS[shop.client].commands.startswith("runs any")
