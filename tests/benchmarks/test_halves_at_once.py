"""Both halves of a contract at once, beside backend-then-frontend: wall time of whole real runs, 10 s of work each.

Both runs include the contract, its check, the mock, `verify` against a started service and the integration test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_project import API, ASK, IMPLEMENT, PYTHON, SERVE, WRITE, ContractProject

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]
WORK = 10
ASKED = "urllib.request.urlopen(os.environ['AURORA_SERVICE'] + '/backend.txt').read().decode()"
VERIFY = f'test "$({PYTHON} -c "import os, urllib.request; print({ASKED})")" = "$(cut -d\' \' -f2 {API})"'


@pytest.fixture
def projects(tmp_path: Path) -> Iterator[tuple[ContractProject, ContractProject]]:
    folders = (tmp_path / "at-once", tmp_path / "one-by-one")
    for folder in folders:
        folder.mkdir()
    made = (ContractProject(folders[0]), ContractProject(folders[1]))
    yield made
    for project in made:
        project.kill_everything()


def seconds(project: ContractProject, *, at_once: bool) -> float:
    """How long a whole run takes until everything has landed."""
    project.contract_plan(
        spec=WRITE,
        backend=f"sleep {WORK}; {IMPLEMENT}",
        frontend=f"sleep {WORK}; {ASK} > frontend.txt",
        contract={"serve": SERVE, "health": "/backend.txt", "verify": VERIFY},
        integration_test="cmp backend.txt backend.txt || test ! -e backend.txt",
    )
    if not at_once:
        text = project.file.read_text().replace("- id: frontend", "- id: frontend\n  after: [backend]")
        project.file.write_text(text)
    began = time.monotonic()
    project.run()
    return time.monotonic() - began


def test_both_halves_at_once(projects: tuple[ContractProject, ContractProject]) -> None:
    one_by_one = seconds(projects[1], at_once=False)
    at_once = seconds(projects[0], at_once=True)
    share = at_once / one_by_one
    print(f"\nboth halves at once {at_once:.1f} s, one by one {one_by_one:.1f} s: {share:.2f} of the time")
    assert share <= 0.6
