"""A repository whose agents print as fast as they are told, with a long queue behind them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AGENT = """
import sys, time
lines, number, due = int(sys.argv[1]), 0, time.perf_counter()
while True:
    for _ in range(max(1, lines // 20)):
        number += 1
        sys.stdout.write(f"{number} the agent writes a line of its output with some words in it\\n")
    sys.stdout.flush()
    due += 0.05
    time.sleep(max(0.0, due - time.perf_counter()))
"""


def flood(folder: Path, agents: int, lines: int, tasks: int) -> Path:
    """Make the repository: `agents` workers, each printing `lines` lines a second for ever, `tasks` in the plan."""
    root = folder / "flood"
    root.mkdir(parents=True)
    agent = folder / "agent.py"
    agent.write_text(AGENT)
    rows = "".join(f"  - {{id: t{n}, prompt: do {n}, files: [f{n}.txt]}}\n" for n in range(tasks))
    command = f"exec {sys.executable} {agent} {lines} {{prompt_file}}"
    plan = f"workers: {agents}\nagent: s\nagents: {{s: {{command: '{command}'}}}}\ntasks:\n{rows}"
    (root / "aurora.yaml").write_text(plan)
    for args in (("init", "-qb", "main"), ("add", "-A"), ("commit", "-qm", "start")):
        identity = ("-c", "user.name=Dev", "-c", "user.email=dev@example.org")
        subprocess.run(["git", *identity, *args], cwd=root, check=True)
    return root
