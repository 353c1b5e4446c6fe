"""Whole runs with contracts of built-in kinds: real agents' processes, mocks, services and `aurora run`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from papers import FORGE
from project import Project

PYTHON = sys.executable
SERVICE = FORGE.with_name("forge_service.py")
CLIENT = '''\
"""Asks a forge for every operation of the contract and makes an account; writes what it got into client.json."""
import json, os, re, sys, urllib.request
import yaml

contract = yaml.safe_load(open("contracts/forge.yaml"))
base = os.environ["AURORA_MOCK_FORGE"] + "/api/v1"
values = {"owner": "ada", "repo": "engine", "username": "ada", "index": "1", "id": "1"}
bodies = {
    "users": FIELDS, "keys": {"title": "laptop", "key": "ssh-ed25519 AAAAC3Nz"},
    "repos": {"owner": "ada", "name": "engine"}, "issues": {"title": "It fails", "state": "open"},
    "comments": {"body": "Why?"}, "labels": {"name": "bug", "color": "#ff0000"},
    "releases": {"tag": "v1", "draft": True},
}
statuses = []
for path, item in contract["paths"].items():
    for method in set(item) & {"get", "post", "patch", "delete"}:
        url = base + re.sub(r"{(\\w+)}", lambda found: values[found[1]], path)
        body = bodies[path.rsplit("/", 1)[1]] if method == "post" else {} if method == "patch" else None
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method.upper())
        try:
            with urllib.request.urlopen(asked) as answer:
                statuses.append(answer.status)
                if (path, method) == ("/users", "post"):
                    account = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")
json.dump({"operations": len(statuses), "account": account}, open("client.json", "w"))
print(len(statuses), "operations answered")
'''
TEST = """\
import json, yaml
wanted = yaml.safe_load(open("contracts/forge.yaml"))["components"]["schemas"]["User"]["required"]
assert set(wanted) <= set(json.load(open("client.json"))["account"]), f"an account has {wanted}"
"""
FIELDS = '{"username": "ada", "email": "ada@example.org"}'
ANSWERED = ('{"id": next_id("user"), **data}', '{"id": next_id("user"), "username": data["username"], "mail": "?"}')
RENAMED = (('"email": str', '"mail": str'), ('("username", "email")', '("username", "mail")'))


class Forge(Project):
    """`spec` writes the contract, `server` implements it in Flask, `client` asks its mock."""

    def forge_plan(self, server: str, client: str, **contract: object) -> None:
        """Write the plan with what the agents of both sides do."""
        self.here("client.py").write_text(CLIENT.replace("FIELDS", FIELDS))
        self.here("test.py").write_text(TEST)
        self.here("forge.yaml").write_text(FORGE.read_text())
        program = f"{PYTHON} -I -m engine.contracts.openapi"
        usual: dict[str, object] = {
            "kind": "openapi",
            "files": ["contracts/forge.yaml"],
            "by": "spec",
            "check": f"{program} check --quick contracts/forge.yaml",
            "verify": f"{program} verify --quick contracts/forge.yaml",
            "serve": f"exec {PYTHON} server.py $AURORA_PORT",
        }
        test = f"{PYTHON} {self.here('test.py')}"
        tasks: list[dict[str, object]] = [
            {
                "id": "spec",
                "files": ["contracts/**"],
                "run": f"mkdir contracts; cp {self.here('forge.yaml')} contracts/",
            },
            {"id": "server", "files": ["server.py"], "implements": ["forge"], "run": server},
            {"id": "client", "files": ["client.*"], "consumes": ["forge"], "run": client, "test": test},
        ]
        self.plan(tasks, contracts={"forge": usual | contract}, retries=1)

    def variant(self, name: str, *changes: tuple[str, str]) -> Path:
        """The service with some texts in it replaced."""
        text = SERVICE.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.here(name).write_text(text)
        return self.here(name)

    def here(self, name: str) -> Path:
        """A file beside the plan."""
        return self.file.parent / name


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A small repository; nothing that runs for it outlives the test."""
    made = Project(tmp_path)
    yield made
    made.kill_everything()


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    made = Forge(tmp_path)
    yield made
    made.kill_everything()


def client(forge: Forge) -> str:
    return f"cp {forge.here('client.py')} client.py && {PYTHON} client.py"


@pytest.mark.slow
def test_the_mock_answers_all_operations_and_a_renamed_field_is_found_and_fixed(forge: Forge) -> None:
    wrong, right = forge.variant("wrong.py", ANSWERED), forge.variant("right.py")
    asked = "grep -q '`email` is missing; there is `mail`' $AURORA_PROMPT_FILE"
    forge.forge_plan(f"if {asked}; then cp {right} server.py; else cp {wrong} server.py; fi", client(forge))
    forge.run()
    answered = json.loads(forge.git("show", "main:client.json"))
    assert answered["operations"] == 34
    assert answered["account"]["username"] == "ada"
    assert forge.git("show", "main:server.py") == SERVICE.read_text().strip()
    assert "attempt 2" in forge.aurora("story", "server")


AMENDED = "s/username, email\\]/username, mail]/; s/^        email:/        mail:/; s/{email: {type/{mail: {type/"


@pytest.mark.slow
def test_an_amended_contract_lands_both_sides(forge: Forge) -> None:
    """The server renames a field in the contract too; the developer allows it; the client is told and adapts."""
    server = f"cp {forge.variant('mail.py', *RENAMED)} server.py; sed -i '{AMENDED}' contracts/forge.yaml"
    told = "grep -q 'mail: {type' contracts/forge.yaml && ! grep -q ' email:' contracts/forge.yaml"
    adapt = f'if {told}; then sed -i \'s/"email": "ada/"mail": "ada/\' client.py; fi'
    hold = f"if [ ! -e {forge.here('go')} ]; then while [ ! -e {forge.here('go')} ]; do sleep 0.1; done; fi"
    run = f"cp {forge.here('client.py')} client.py; {hold}; {adapt}; {PYTHON} client.py"
    forge.forge_plan(server, run)
    process = forge.start_run("--wait", "60")
    from project import wait_for

    def breach() -> object:
        said = forge.says("contract", "show", "forge", "--json")
        found = json.loads(said) if said.startswith("{") else {}
        return [one for one in found.get("breaches", ()) if one["state"] == "open"]

    wait_for(breach)
    forge.aurora("contract", "amend", "forge", "server")
    forge.here("go").touch()
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    assert json.loads(forge.git("show", "main:client.json"))["account"]["mail"] == "ada@example.org"
    assert "mail: {type" in forge.git("show", "main:contracts/forge.yaml")
    assert json.loads(forge.aurora("contract", "show", "forge", "--json"))["version"] == 2


CLOCK = """\
from datetime import datetime
from typing import Protocol
class Clock(Protocol):
    def now(self) -> datetime: ...
"""
IMPLEMENT = """\
from datetime import datetime
# implements: Clock
class System:
    def now(self) -> {kind}:
        return {value}
"""
LOOK = """\
import importlib.util, os
spec = importlib.util.spec_from_file_location("mock", os.environ["AURORA_MOCK_CLOCK"])
mock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mock)
print(mock.MockClock().now().year, file=open("seen.txt", "w"))
"""


@pytest.mark.slow
def test_the_mock_of_a_python_interface_is_a_module_for_its_consumer(project: Project) -> None:
    folder = project.file.parent
    texts = {
        "clock.py": CLOCK,
        "wrong.py": IMPLEMENT.format(kind="str", value="'noon'"),
        "right.py": IMPLEMENT.format(kind="datetime", value="datetime.now()"),
        "look.py": LOOK,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    asked = "grep -q 'System is no Clock' $AURORA_PROMPT_FILE"
    server = f"if {asked}; then cp {folder}/right.py system.py; else cp {folder}/wrong.py system.py; fi"
    tasks: list[dict[str, object]] = [
        {"id": "spec", "files": ["api/clock.py"], "run": f"mkdir -p api; cp {folder}/clock.py api"},
        {"id": "server", "files": ["system.py"], "implements": ["clock"], "run": server},
        {"id": "client", "files": ["seen.txt"], "consumes": ["clock"], "run": f"{PYTHON} {folder}/look.py"},
    ]
    contract = {"kind": "python", "files": ["api/clock.py"], "by": "spec"}
    project.plan(tasks, contracts={"clock": contract}, retries=1)
    project.run()
    assert project.git("show", "main:seen.txt") == "2026"
    assert "-> datetime" in project.git("show", "main:system.py")
    assert "attempt 2" in project.aurora("story", "server")
