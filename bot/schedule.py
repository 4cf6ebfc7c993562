"""The clock: decides when, and only enqueues. One process at a time leads, by an advisory lock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from core.errors import DatabaseError

log = structlog.get_logger()

EVERY_LOOK: Final = ("streaks",)
EVERY_HOUR: Final = ("tidy", "payouts", "expire", "grace")
EVERY_DAY: Final = ("refresh", "sweep", "reconcile", "memberships", "close_day")
EVERY_WEEK: Final = ("close_week",)
LOOK_EVERY_MINUTES: Final = 5
LOOK_AT: Final = {"minute": f"*/{LOOK_EVERY_MINUTES}"}
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


def look_of(moment: datetime) -> datetime:
    """The slot of a job that is done at every look: midnight is at some whole quarter of an hour everywhere."""
    return moment.replace(minute=moment.minute - moment.minute % LOOK_EVERY_MINUTES, second=0, microsecond=0)


def hour_of(moment: datetime) -> datetime:
    """The slot of a job that is done every hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def day_of(moment: datetime) -> datetime:
    """The slot of a job that is done every day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def week_of(moment: datetime) -> datetime:
    """The slot of a job that is done every week: its Monday."""
    monday = moment - timedelta(days=moment.weekday())
    return monday.replace(hour=0, minute=0, second=0, microsecond=0)


def _slot_of(name: str, moment: datetime) -> datetime:
    if name in EVERY_LOOK:
        return look_of(moment)
    if name in EVERY_WEEK:
        return week_of(moment)
    return day_of(moment) if name in EVERY_DAY else hour_of(moment)


@asynccontextmanager
async def _ticking(enqueue: Enqueue) -> AsyncIterator[None]:
    async def tick(name: str) -> None:
        try:
            await enqueue(name, _slot_of(name, datetime.now(UTC)))
        except DatabaseError as error:
            log.warning("a tick was missed; the next look catches up", job=name, reason=str(error))

    scheduler = AsyncIOScheduler(timezone="UTC")
    for name in (*EVERY_LOOK, *EVERY_HOUR, *EVERY_DAY, *EVERY_WEEK):
        await tick(name)
        scheduler.add_job(tick, "cron", args=[name], coalesce=True, misfire_grace_time=None, **LOOK_AT)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
