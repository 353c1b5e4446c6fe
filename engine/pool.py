"""The executor of all jobs, on asyncio-pool.

asyncio-pool cannot resize, and cancelling or shrinking while a job waits inside it makes its `join` hang. So it is made
once, larger than the number of jobs there can ever be, and no job is cancelled before it has begun; order, size and
pauses are decided by the machine in front of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from asyncio_pool import AioPool

HARD_CAP = 1024

Job = asyncio.Future[Any]


class JobPool:
    """Runs coroutines concurrently; a job that raises is reported to `on_crash` and never lost."""

    def __init__(self, on_crash: Callable[[BaseException], None]) -> None:
        self._pool = AioPool(size=HARD_CAP)
        self._begun: dict[Job, asyncio.Event] = {}
        self._on_crash = on_crash

    def start(self, work: Coroutine[Any, Any, None]) -> Job:
        """Run a coroutine now. RuntimeError when the hard cap is reached, which is a bug."""
        if len(self._begun) >= HARD_CAP:
            work.close()
            raise RuntimeError(f"more than {HARD_CAP} jobs at once")
        begun = asyncio.Event()
        job: Job = self._pool.spawn_n(_announced(work, begun))
        self._begun[job] = begun
        job.add_done_callback(self._done)
        return job

    def _done(self, job: Job) -> None:
        self._begun.pop(job, None)
        error = None if job.cancelled() else job.exception()
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._on_crash(error)

    async def cancel(self, *jobs: Job) -> None:
        """Cancel jobs and wait until they have ended."""
        running = [job for job in jobs if job in self._begun]
        for job in running:
            await self._begun[job].wait()
        running = [job for job in running if not job.done()]
        if running:
            await self._pool.cancel(*running)

    async def close(self) -> None:
        """Cancel everything and wait."""
        while self._begun:
            await self.cancel(*self._begun)
            await asyncio.sleep(0)
        await self._pool.join()

    def __len__(self) -> int:
        return len(self._begun)


async def _announced(work: Coroutine[Any, Any, None], begun: asyncio.Event) -> None:
    begun.set()
    await work
