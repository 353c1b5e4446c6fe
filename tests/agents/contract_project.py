"""A repository with one contract, its author, an implementer and a consumer: all shell scripts, with real mocks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from project import Project

PYTHON = sys.executable
API = "contracts/api.txt"
MOCK = """\
import http.server, os, pathlib, sys
text = pathlib.Path(os.environ["AURORA_CONTRACT_FILES"]).read_bytes()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(text)
    def log_message(self, *words): print("asked", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["AURORA_PORT"])), Answer).serve_forever()
"""
ASK = f"""{PYTHON} -c "
import os, urllib.request
print(urllib.request.urlopen(os.environ['AURORA_MOCK_API']).read().decode())
" """
WRITE = f"mkdir -p contracts; printf 'field username\\n' > {API}"
IMPLEMENT = "cut -d' ' -f2 contracts/api.txt > backend.txt"
CONSUME = "cp asked.txt frontend.txt"
VERIFY = f'test "$(cut -d\' \' -f2 {API})" = "$(cat backend.txt)"'
SERVE = f"{PYTHON} -m http.server --bind 127.0.0.1 $AURORA_PORT"


class ContractProject(Project):
    """`spec` writes the contract `api`, `backend` implements it, `frontend` consumes its mock."""

    def contract_plan(
        self,
        *,
        spec: str = WRITE,
        backend: str = IMPLEMENT,
        frontend: str = f"{ASK} > frontend.txt",
        more: tuple[dict[str, object], ...] = (),
        contract: dict[str, object] | None = None,
        **settings: Any,
    ) -> None:
        """Write the plan; what is given replaces the usual scripts and keys."""
        mock = self.file.parent / "mock.py"
        mock.write_text(MOCK)
        usual: dict[str, object] = {
            "files": [API],
            "by": "spec",
            "check": f"grep -q '^field ' {API}",
            "mock": f"exec {PYTHON} {mock}",
            "verify": VERIFY,
        }
        tasks: list[dict[str, object]] = [
            {"id": "spec", "files": [API], "run": spec},
            {"id": "backend", "files": ["backend.txt"], "implements": ["api"], "run": backend},
            {"id": "frontend", "files": ["frontend.txt"], "consumes": ["api"], "run": frontend},
            *more,
        ]
        self.plan(tasks, contracts={"api": {**usual, **(contract or {})}}, **settings)

    def environment(self) -> dict[str, str]:
        """Lines wide enough that no sentence is broken."""
        return {**super().environment(), "COLUMNS": "400"}

    def contract(self) -> dict[str, Any]:
        """`aurora contract show api --json`."""
        import json

        found: dict[str, Any] = json.loads(self.aurora("contract", "show", "api", "--json"))
        return found

    def log_of(self, name: str) -> Path:
        """A log of the first run."""
        return self.root / ".git" / "aurora" / "runs" / "r1" / name
