"""The clock: decides when, and only enqueues. One process at a time leads, by an advisory lock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from core.errors import DatabaseError

log = structlog.get_logger()

EVERY_HOUR: Final = ("tidy",)
LEAD_AGAIN_S: Final = 15.0

Enqueue = Callable[[str], Awaitable[None]]
Leadership = Callable[[], AbstractAsyncContextManager[bool]]


async def keep_time(enqueue: Enqueue, leadership: Leadership) -> None:
    """Tick while this process leads, until cancelled; a tick that was missed is caught up on taking over."""
    while True:
        try:
            async with leadership() as leads:
                if leads:
                    async with _ticking(enqueue):
                        await asyncio.Event().wait()
        except DatabaseError as error:
            log.warning("the clock waits for the database", reason=str(error))
        await asyncio.sleep(LEAD_AGAIN_S)


@asynccontextmanager
async def _ticking(enqueue: Enqueue) -> AsyncIterator[None]:
    scheduler = AsyncIOScheduler(timezone="UTC")
    for name in EVERY_HOUR:
        await enqueue(name)
        scheduler.add_job(enqueue, "cron", args=[name], minute=7, coalesce=True, misfire_grace_time=None)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
