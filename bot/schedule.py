"""The clock: decides when, and only enqueues. One process at a time leads, by an advisory lock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from core.errors import DatabaseError

log = structlog.get_logger()

EVERY_HOUR: Final = ("tidy", "payouts", "grace")
EVERY_DAY: Final = ("refresh", "sweep", "reconcile", "memberships")
LOOK_AT: Final = {"minute": "*/5"}
"""A slot is enqueued once, so looking more often than a slot lasts only catches up on what was missed."""
LEAD_AGAIN_S: Final = 15.0


class Lead(Protocol):
    """The right to tick."""

    async def hold(self) -> None:
        """Wait for as long as it lasts; never return, but raise when it is lost."""
        ...


Enqueue = Callable[[str, datetime], Awaitable[None]]
"""Puts a job into the queue for a slot, unless that slot has had it."""
Leadership = Callable[[], AbstractAsyncContextManager[Lead | None]]


async def keep_time(enqueue: Enqueue, leadership: Leadership) -> None:
    """Tick while this process leads, until cancelled; a tick that was missed is caught up on taking over."""
    while True:
        try:
            async with leadership() as lead:
                if lead is not None:
                    async with _ticking(enqueue):
                        await lead.hold()
        except DatabaseError as error:
            log.warning("the clock does not lead; it tries again", reason=str(error))
        await asyncio.sleep(LEAD_AGAIN_S)


def hour_of(moment: datetime) -> datetime:
    """The slot of a job that is done every hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def day_of(moment: datetime) -> datetime:
    """The slot of a job that is done every day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


@asynccontextmanager
async def _ticking(enqueue: Enqueue) -> AsyncIterator[None]:
    async def tick(name: str) -> None:
        try:
            now = datetime.now(UTC)
            await enqueue(name, day_of(now) if name in EVERY_DAY else hour_of(now))
        except DatabaseError as error:
            log.warning("a tick was missed; the next look catches up", job=name, reason=str(error))

    scheduler = AsyncIOScheduler(timezone="UTC")
    for name in (*EVERY_HOUR, *EVERY_DAY):
        await tick(name)
        scheduler.add_job(tick, "cron", args=[name], coalesce=True, misfire_grace_time=None, **LOOK_AT)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
