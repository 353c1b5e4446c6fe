"""A small engine of slots only: SlotServer and SlotLine on a loop, for tests and to be killed by them."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from engine.heavy import SlotAsk, SlotServer, write_shims
from engine.slots import SlotLine


class SlotEngine:
    """Grants `limit` slots to whoever asks in `folder`."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.line = SlotLine(limit)
        self.server = SlotServer(folder / "slots", self.asked, self.ended)
        self.asks: list[SlotAsk] = []

    def asked(self, ask: SlotAsk) -> None:
        self.asks.append(ask)
        self.line.request(ask.slot, ask.owner, ask.command, ask.pid, time.time())
        self.move()

    def ended(self, slot: str) -> None:
        self.line.free(slot)
        self.move()

    def move(self) -> None:
        for slot in self.line.grants():
            self.server.grant(slot)
        for asked in self.line.line():
            self.server.tell_waiting(asked.slot, self.line.place(asked.slot), self.line.behind(asked.slot))


async def main(folder: Path, limit: int, heavy: list[str]) -> None:
    engine = SlotEngine(folder, limit)
    write_shims(folder / "shims", heavy)
    engine.server.start(asyncio.get_running_loop())
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
