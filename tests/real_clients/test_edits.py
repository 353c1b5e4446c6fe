"""What every agent does every day: files written, a word said."""

from __future__ import annotations

import pytest
from client_project import ClientProject

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
