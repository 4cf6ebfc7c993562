"""Streaks on PostgreSQL: the clock is stopped, jumps over days and changes of the clock, and two of them settle."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from adapters.postgres.acts import PostgresActs, record_act, take_back
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.flags import PostgresFlags
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.streaks import PostgresStreaks, add_freeze
from core.conversation import Place
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.acts import Act
from core.rewards.awarding import Awarding
from core.rewards.days import BEAT
from core.rewards.ledger import Budget
from core.rewards.rules import REACTION, STREAK, WATCH, Rewards, Rule
from core.rewards.streaks import DayKind, Streak
from tests.adapters.school import change, enrol_student, rows

REWARDS: Final = Rewards({WATCH: Rule(100, 1), STREAK: Rule(25, 1)}, Budget(10_000, 100_000), 10)
MONDAY: Final = date(2026, 10, 19)  # the clock is put back on the Sunday of that week


@dataclass(frozen=True, slots=True)
class Course:
    """A creator, a student in Berlin, and a clock that stands where it is put."""

    url: str
    database: Database
    streaks: PostgresStreaks
    creator: CreatorId
    student: StudentId

    @property
    def awarding(self) -> Awarding:
        books, flags = PostgresLedger(self.database), PostgresFlags(self.database)
        return Awarding(PostgresActs(self.database), books, REWARDS, self.streaks, flags)

    async def learns(self, *days: int, hour: int = 12, rule: str = WATCH) -> None:
        """Do something on days of October, at an hour in UTC."""
        async with self.database.creator(self.creator, self.student) as connection:
            for day in days:
                at = datetime(2026, 10, 1, hour, tzinfo=UTC) + timedelta(days=day - 1)
                await record_act(connection, Act(self.creator, self.student, rule, f"{rule}:{day}:{hour}", at))

    async def clock(self, day: int, hour: int, minute: int = 30) -> None:
        """Settle as two clocks do that both believe to lead."""
        at, stop = datetime(2026, 10, day, hour, minute, tzinfo=UTC), asyncio.Event()
        await asyncio.gather(*(self.awarding.settle(self.creator, at, stop) for _ in range(2)))

    async def is_up(self, first: int, last: int) -> None:
        """The bot can be asked from the first day to the last."""
        begins, ends = (datetime(2026, 9, 30, tzinfo=UTC) + timedelta(days=day) for day in (first - 1, last + 1))
        slots = [begins + BEAT * n for n in range((ends - begins) // BEAT)]
        await change(self.url, "INSERT INTO heartbeats SELECT unnest($1::timestamptz[])", slots)

    async def streak(self, day: int, hour: int = 12) -> Streak:
        return await self.streaks.of(self.creator, self.student, datetime(2026, 10, day, hour, tzinfo=UTC))

    async def takes_back(self, key: str) -> None:
        async with self.database.creator(self.creator, self.student) as connection:
            await take_back(connection, self.creator, key, "deleted")

    async def reversed(self) -> list[str]:
        found = await rows(
            self.url, "SELECT p.reason FROM transfers t JOIN transfers p ON p.id = t.parent_id ORDER BY p.reason"
        )
        return [row["reason"] for row in found]

    async def paid(self) -> list[str]:
        found = await rows(self.url, "SELECT key FROM transfers WHERE reason = 'streak' ORDER BY id")
        return [row["key"].rpartition(":")[2] for row in found]


@pytest.fixture
async def course(database: Database, database_url: str) -> Course:
    directory = PostgresDirectory(database)
    creator = (await directory.add_creator("drawing", "Drawing", None)).id
    await directory.add_community(creator, Place("discord", "10", "100"))
    made = Course(database_url, database, PostgresStreaks(database), creator, await enrol_student(database, "1"))
    await made.streaks.choose_zone(made.student, "Europe/Berlin", datetime(2026, 10, 1, tzinfo=UTC))
    return made


async def test_seven_days_in_a_row_are_paid_once_at_the_students_midnight_though_two_clocks_settle(
    course: Course,
) -> None:
    await course.is_up(19, 28)
    await course.learns(
        *range(19, 26), hour=21
    )  # on the last day at ten in the evening, after the clock was put back
    await course.clock(25, 22, 30)  # half past eleven in Berlin
    assert await course.paid() == []
    assert (await course.streak(25, 22)).missing == 0
    await course.clock(25, 23, 5)
    assert await course.paid() == ["2026-10-19"]
    (notice,) = await rows(course.url, "SELECT content ->> 'text' AS text FROM outbox")
    assert "7 days of learning in a row: 25 CHRONOS" in notice["text"]
    await course.clock(25, 23, 10)
    await course.learns(26, 27)
    await course.clock(27, 23, 5)

    assert await course.paid() == ["2026-10-19"]
    streak = await course.streak(28)
    assert (streak.days, streak.best, streak.missing) == (9, 9, 5)
    faults = await PostgresLedger(course.database).faults(course.creator)
    assert faults == []


async def test_a_clock_that_stood_still_for_weeks_pays_every_seven_and_misses_none(course: Course) -> None:
    await course.is_up(1, 31)
    await course.learns(*range(1, 16), *range(17, 25))
    await course.clock(31, 12)

    assert await course.paid() == ["2026-10-01", "2026-10-08", "2026-10-17"]
    assert (await course.streak(31)).days == 0


async def test_the_bots_own_absence_breaks_nothing_and_uses_no_freeze(course: Course) -> None:
    await course.is_up(19, 21)
    async with course.database.creator(course.creator) as connection:
        await add_freeze(connection, course.creator, course.student)
    await course.learns(19, 20)
    await course.clock(25, 12)  # it was away from the 22nd on, and nobody learnt on the 21st

    streak = await course.streak(25)
    assert (streak.days, streak.freezes) == (2, 0)
    assert [kind for _, kind in streak.recent[-7:]] == [
        DayKind.LEARNT, DayKind.LEARNT, DayKind.FROZEN, DayKind.FORGIVEN, DayKind.FORGIVEN, DayKind.FORGIVEN, None,
    ]  # fmt: skip


async def test_one_freeze_can_be_held_it_is_used_by_itself_and_the_student_is_told(course: Course) -> None:
    await course.is_up(19, 25)
    async with course.database.creator(course.creator) as connection:
        await add_freeze(connection, course.creator, course.student)
        with pytest.raises(Refused, match="at most one"):
            await add_freeze(connection, course.creator, course.student)
    await course.learns(19, 21)
    await course.clock(23, 12)

    told = await rows(course.url, "SELECT content ->> 'text' AS text, place ->> 'recipient' AS recipient FROM outbox")
    assert [row["recipient"] for row in told] == ["1"]
    assert "on 20 October. Your freeze was used" in told[0]["text"]
    assert (await course.streak(23)).days == 0  # nothing on the 22nd, and no freeze is left


async def test_what_is_judged_late_still_counts_on_its_day(course: Course) -> None:
    await course.is_up(19, 23)
    await course.learns(19)
    await course.clock(19, 23)
    await course.learns(20)
    await course.streaks.settle(course.creator, datetime(2026, 10, 20, 23, tzinfo=UTC))  # before it is judged
    await course.clock(20, 23)

    assert (await course.streak(21, 20)).days == 2


async def test_only_learning_oneself_counts(course: Course) -> None:
    await course.learns(19, rule=REACTION)
    await course.learns(20, rule="unheard of")
    await course.clock(20, 12)

    assert (await course.streak(20)).recent[-2:] == (((MONDAY), None), (date(2026, 10, 20), None))


async def test_a_streak_whose_day_is_taken_back_is_taken_back_with_it_and_only_then(course: Course) -> None:
    await course.is_up(1, 31)
    await course.learns(*range(1, 8))
    await course.learns(3, hour=13)
    await course.clock(8, 12)
    assert await course.paid() == ["2026-10-01"]

    await course.takes_back("watch:3:13")
    assert await course.reversed() == ["watch"]  # something else was learnt on that day
    await course.takes_back("watch:3:12")
    assert await course.reversed() == ["streak", "watch", "watch"]
    assert await PostgresLedger(course.database).faults(course.creator) == []


async def test_a_settled_day_that_is_taken_back_before_seven_are_complete_counts_no_more(course: Course) -> None:
    await course.is_up(1, 31)
    await course.learns(*range(1, 7))
    await course.clock(7, 12)
    await course.takes_back("watch:2:12")
    await course.learns(7)
    await course.clock(8, 12)
    assert await course.paid() == []
    await course.learns(8)
    await course.clock(9, 12)
    assert await course.paid() == ["2026-10-01"]
