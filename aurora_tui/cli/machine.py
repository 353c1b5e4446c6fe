"""What `aurora doctor` finds out about the machine: its pressure, and builds that can share its cores."""

from __future__ import annotations

import time
from collections.abc import Iterator

from aurora_tui.cli.finding import Finding, Health

STYLES = {"fifo": "shares the cores with others", "pipe": "shares the cores with others (by open files)"}
CANNOT = {"make": "GNU Make 4.2", "ninja": "ninja 1.13"}
"""What could, where the program that was found cannot."""


def of_machine() -> Iterator[Finding]:
    """Everything about the machine a run depends on."""
    yield _pressure()
    yield from _jobs()


def _pressure() -> Finding:
    from engine.pressure import FREE, GIGABYTE, held_words, judge
    from engine.sampling import Sampler, cpus, host_root

    load = Sampler(host_root()).look(time.monotonic())
    size = f"{cpus(host_root())} CPUs, {load.available / GIGABYTE:.1f} GB of memory free"
    waited = f"waited in the last 10 s for CPU {load.cpu:.0f} %, memory {load.memory:.0f} %, disk {load.io:.0f} %"
    holds = held_words(judge(FREE, load))
    if not load.psi:
        words = f"{size}; the kernel does not tell who waits (no PSI): load and free memory are watched instead"
        return Finding(Health.NOTE, "pressure", words)
    now = f"; a run would hold back now: {holds}" if holds else ""
    return Finding(Health.NOTE if holds else Health.GOOD, "pressure", f"{size}; {waited}{now}")


def _jobs() -> Iterator[Finding]:
    from engine.job_clients import probe

    for client in probe():
        words = STYLES.get(client.style) or f"takes what it asks for; {CANNOT[client.program]} can share the cores"
        health = Health.GOOD if client.style else Health.NOTE
        yield Finding(health, f"jobs {client.program}", f"{client.version or 'unknown version'} {words}")
