"""A small real repository with a plan whose agents are shell scripts, and the real command to run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import warm_start
import yaml

DEADLINE = 60.0
CALM = "AURORA_HOST_ROOT"
COLD = "AURORA_TESTS_COLD"
Started = subprocess.Popen[str] | warm_start.Command


def wait_for(what: Callable[[], object], deadline: float = DEADLINE) -> object:
    """Wait until `what` is true (and return it); AssertionError after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"waited {deadline} s for {what}"
        time.sleep(0.02)


class Project:
    """`root` is a git repository on main; `plan` writes aurora.yaml beside it (so that the checkout stays clean)."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "shop"
        self.root.mkdir()
        self.file = folder / "aurora.yaml"
        self.started: list[Started] = []
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Dev")
        self.git("config", "user.email", "dev@example.org")
        self.write("README.md", "shop\n")
        self.write("models.py", "".join(f"line{n} = {n}\n" for n in range(40)))
        self.commit("start")

    def git(self, *args: str) -> str:
        """Run git in the checkout."""
        done = subprocess.run(["git", *args], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file of the checkout."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def commit(self, message: str) -> str:
        """Commit everything in the checkout."""
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")

    def plan(self, tasks: list[dict[str, object]], **settings: object) -> None:
        """Write the plan. A task's `run` is the shell script its agent executes."""
        scripts = self.file.parent / "scripts"
        scripts.mkdir(exist_ok=True)
        entries = []
        for task in tasks:
            entry = dict(task)
            (scripts / f"{entry['id']}.sh").write_text(str(entry.pop("run", "true")))
            entry.setdefault("prompt", f"do {entry['id']}")
            entries.append(entry)
        agents = {"script": {"command": f"sh {scripts}/$AURORA_TASK.sh"}}
        whole = {"agent": "script", "agents": agents, "retries": 0, **settings, "tasks": entries}
        self.file.write_text(yaml.safe_dump(whole, sort_keys=False))

    def environment(self) -> dict[str, str]:
        """The environment of every command: no colour, nothing of an engine around us."""
        env = {key: value for key, value in os.environ.items() if key == CALM or not key.startswith("AURORA_")}
        return {**env, "NO_COLOR": "1"}

    def start(self, *args: str) -> Started:
        """Start `aurora ARGS`."""
        begin = _from_nothing if os.environ.get(COLD) else warm_start.start
        process = begin(args, self.root, self.environment())
        self.started.append(process)
        return process

    def says(self, *args: str) -> str:
        """What `aurora ARGS` prints, whatever its exit code."""
        return self.start(*args).communicate(timeout=DEADLINE)[0]

    def aurora(self, *args: str, code: int = 0) -> str:
        """Run `aurora ARGS` to its end and check its exit code."""
        process = self.start(*args)
        out, _ = process.communicate(timeout=DEADLINE * 2)
        assert process.returncode == code, f"{args} exited {process.returncode}:\n{out}"
        return out

    def run(self, *args: str, code: int = 0) -> str:
        """`aurora run --headless` on the plan."""
        return self.aurora("run", str(self.file), "--headless", *args, code=code)

    def start_run(self, *args: str) -> Started:
        """The same without waiting."""
        return self.start("run", str(self.file), "--headless", *args)

    def status(self) -> dict[str, object]:
        """`aurora status --json`."""
        found: dict[str, object] = json.loads(self.aurora("status", "--json"))
        return found

    def states(self) -> dict[str, str]:
        """The state of every task; empty before there is a run."""
        try:
            tasks = json.loads(self.says("status", "--json"))["tasks"]
        except ValueError:
            return {}
        return {task["id"]: task["state"] for task in tasks}

    def files(self, commit: str = "main") -> set[str]:
        """The paths in a commit."""
        return set(self.git("ls-tree", "-r", "--name-only", commit).splitlines())

    def processes(self, word: str = "") -> list[psutil.Process]:
        """Every living process that works for this repository and has `word` in its command line."""
        found = []
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                about = f"{process.cwd()} {command}"
            except psutil.Error:
                continue
            if str(self.root.parent) in about and word in command and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def kill_everything(self) -> None:
        """Leave nothing behind, whatever a test did."""
        for process in self.processes():
            if process.pid != os.getpid():
                with_suppressed_kill(process)
        for started in self.started:
            started.kill()
            started.wait()
            if started.stdout is not None:
                started.stdout.close()


def _from_nothing(args: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aurora_tui", *args],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def with_suppressed_kill(process: psutil.Process) -> None:
    """Kill a process that may be gone."""
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return
