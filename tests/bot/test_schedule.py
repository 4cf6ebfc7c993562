"""The clock on a real PostgreSQL: two of them tick, and every slot is enqueued once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final

import pytest

from adapters.postgres import deployment
from adapters.postgres.database import Database
from adapters.postgres.deployment import clock_leadership, enqueue
from bot import schedule
from bot.schedule import (
    EVERY_DAY,
    EVERY_HOUR,
    EVERY_LOOK,
    EVERY_WEEK,
    Enqueue,
    Lead,
    day_of,
    hour_of,
    keep_time,
    look_of,
    week_of,
)
from core.errors import DatabaseError
from tests.adapters.school import change, jobs
from tests.waiting import eventually

NAMES: Final = (*EVERY_LOOK, *EVERY_HOUR, *EVERY_DAY, *EVERY_WEEK)
KILL_HOLDERS: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database
     WHERE locktype = 'advisory' AND datname = current_database()
"""


class Ticks:
    """Enqueues for real, and remembers how often each clock was asked to."""

    def __init__(self, database: Database, clocks: int) -> None:
        self._database = database
        self.counts = [0] * clocks

    def of(self, clock: int) -> Enqueue:
        async def put(name: str, slot: datetime) -> None:
            await enqueue(self._database, name, slot)
            self.counts[clock] += 1

        return put


class _Always:
    async def hold(self) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def _everybody_leads() -> AsyncIterator[Lead | None]:
    """A lock that does not work."""
    yield _Always()


@asynccontextmanager
async def _running(*clocks: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(clock) for clock in clocks]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def _in_one_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hour must not end in the middle of a test."""
    monkeypatch.setattr(schedule, "look_of", lambda _moment: datetime(2026, 11, 21, 3, 5, tzinfo=UTC))
    monkeypatch.setattr(schedule, "hour_of", lambda _moment: datetime(2026, 11, 21, 3, tzinfo=UTC))
    monkeypatch.setattr(schedule, "day_of", lambda _moment: datetime(2026, 11, 21, tzinfo=UTC))
    monkeypatch.setattr(schedule, "week_of", lambda _moment: datetime(2026, 11, 16, tzinfo=UTC))


async def test_two_clocks_that_both_believe_to_lead_enqueue_a_slot_once(database: Database) -> None:
    ticks = Ticks(database, 2)
    async with _running(*(keep_time(ticks.of(n), _everybody_leads) for n in range(2))):
        await eventually(lambda: ticks.counts == [len(NAMES)] * 2, "both to tick")
    async with _running(keep_time(ticks.of(0), _everybody_leads)):  # a restart
        await eventually(lambda: ticks.counts == [2 * len(NAMES), len(NAMES)], "it to tick again")
    assert [job["entrypoint"] for job in await jobs(database)] == list(NAMES)


async def test_a_clock_whose_connection_dies_steps_down_and_the_other_takes_over(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(schedule, "LEAD_AGAIN_S", 0.05)
    ticks, leadership = Ticks(database, 2), partial(clock_leadership, database_url)
    async with _running(*(keep_time(ticks.of(n), leadership) for n in range(2))):
        await eventually(lambda: sum(ticks.counts) == len(NAMES), "one to lead")
        for taken_over in range(1, 4):
            await change(database_url, KILL_HOLDERS)
            ticked = len(NAMES) * (taken_over + 1)
            await eventually(lambda: sum(ticks.counts) == ticked, "one to lead again")  # noqa: B023 - awaited here
    assert len(await jobs(database)) == len(NAMES)


async def test_a_tick_that_the_database_missed_is_tried_again_under_the_same_lead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: Counter[str] = Counter()
    leads: list[Lead] = []

    async def fail(name: str, slot: datetime) -> None:
        tried[name] += 1
        raise DatabaseError("away")

    @asynccontextmanager
    async def lead() -> AsyncIterator[Lead | None]:
        leads.append(_Always())
        yield leads[-1]

    monkeypatch.setattr(schedule, "LOOK_AT", {"second": "*"})
    monkeypatch.setattr(schedule, "LEAD_AGAIN_S", 0.05)
    names = (*EVERY_LOOK, *EVERY_HOUR, *EVERY_DAY, *EVERY_WEEK)
    async with _running(keep_time(fail, lead)):
        await eventually(lambda: min(tried[name] for name in names) > 1, "a later try of each")
    assert len(leads) == 1


def test_the_slot_of_what_is_done_at_every_look_is_five_minutes() -> None:
    assert look_of(datetime(2026, 11, 21, 3, 59, 59, 999, tzinfo=UTC)) == datetime(2026, 11, 21, 3, 55, tzinfo=UTC)


def test_a_slot_is_an_hour() -> None:
    assert hour_of(datetime(2026, 11, 21, 3, 59, 59, 999, tzinfo=UTC)) == datetime(2026, 11, 21, 3, tzinfo=UTC)


def test_the_slot_of_a_daily_job_is_a_day() -> None:
    assert day_of(datetime(2026, 11, 21, 3, 59, 59, 999, tzinfo=UTC)) == datetime(2026, 11, 21, tzinfo=UTC)


def test_the_slot_of_a_weekly_job_is_its_monday() -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    assert week_of(datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)) == week_of(monday) == monday
    assert week_of(datetime(2026, 11, 23, tzinfo=UTC)) == datetime(2026, 11, 23, tzinfo=UTC)
