"""Acts that are not simply paid: a day without room, one that cannot be judged, somebody who came back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from adapters.postgres import acts, ledger
from adapters.postgres.acts import PostgresActs, record_act, take_back
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.ledger import PostgresLedger
from core.conversation import Person
from core.ids import CreatorId, StudentId
from core.rewards.acts import Act
from core.rewards.awarding import MOST_ATTEMPTS, NotJudged
from core.rewards.ledger import Budget, HoldEnd
from core.rewards.rules import MESSAGE, QUIZ, Rewards, Rule
from tests.adapters.school import change, enrol_student, rows

NOW: Final = datetime.now(UTC)
MIDNIGHT: Final = NOW.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
RULES: Final = {QUIZ: Rule(50, 1), MESSAGE: Rule(5, 1)}
PLENTY: Final = Rewards(RULES, Budget(10_000, 100_000), 10)
SCARCE: Final = Rewards(RULES, Budget(10, 100_000), 10)


@dataclass(frozen=True, slots=True)
class Class:
    """A creator and a student whose acts are judged one by one."""

    url: str
    database: Database
    creator: CreatorId
    student: StudentId

    async def does(self, key: str, rule: str = QUIZ, student: StudentId | None = None) -> None:
        act = Act(self.creator, student or self.student, rule, key, NOW)
        async with self.database.creator(self.creator) as connection:
            await record_act(connection, act)

    async def judges(self, rewards: Rewards = PLENTY) -> None:
        while await PostgresActs(self.database).judge_next(self.creator, rewards):
            pass

    async def verdicts(self) -> list[str | None]:
        found = await rows(self.url, "SELECT verdict FROM learning_acts ORDER BY id")
        return [row["verdict"] for row in found]

    async def a_day_passes(self) -> None:
        later = "UPDATE learning_acts SET judge_from = judge_from - interval '1 day'"
        await change(self.url, f"SET app.creator_id = {self.creator}; {later}")

    async def balance(self, student: StudentId | None = None) -> int:
        assert await PostgresLedger(self.database).faults(self.creator) == []
        return (await PostgresLedger(self.database).wallet(student or self.student)).balance


@pytest.fixture
async def course(database: Database, database_url: str) -> Class:
    creator = (await PostgresDirectory(database).add_creator("drawing", "Drawing", None)).id
    return Class(database_url, database, creator, await enrol_student(database, "1"))


async def test_what_a_days_limit_refuses_is_paid_on_the_next_day_and_a_message_is_not(course: Class) -> None:
    for key in ("a", "b"):
        await course.does(key)
        await course.does(f"m{key}", MESSAGE)
    await course.judges()
    assert await course.verdicts() == ["awarded", "awarded", None, "capped"]
    (row,) = await rows(course.url, "SELECT judge_from FROM learning_acts WHERE verdict IS NULL")
    assert row["judge_from"] == MIDNIGHT
    assert await course.balance() == 55

    await course.a_day_passes()
    assert await course.verdicts() == ["awarded", "awarded", None, "capped"]
    await course.judges()
    (row,) = await rows(course.url, "SELECT judge_from FROM learning_acts WHERE verdict IS NULL")
    assert row["judge_from"] == MIDNIGHT  # it was put back onto the day that had no room, and waits again
    yesterday = "UPDATE earn_counts SET day = day - 1"
    await change(course.url, f"SET app.creator_id = {course.creator}; {yesterday}")
    await course.a_day_passes()
    await course.judges()
    assert await course.verdicts() == ["awarded", "awarded", "awarded", "capped"]


async def test_what_is_over_the_budget_waits_for_the_next_days_and_is_not_paid_once_taken_back(course: Class) -> None:
    await course.does("a")
    await course.does("b")
    await course.judges(SCARCE)
    assert await course.verdicts() == [None, None]
    waiting = await rows(course.url, "SELECT DISTINCT judge_from, day FROM learning_acts")
    assert [(row["judge_from"], row["day"]) for row in waiting] == [(MIDNIGHT, NOW.date())]
    assert [row["kind"] for row in await rows(course.url, "SELECT kind FROM learning_days")] == ["learnt"]

    async with course.database.creator(course.creator) as connection:
        await take_back(connection, course.creator, "b", "deleted")
    await course.a_day_passes()
    await course.judges()
    assert await course.verdicts() == ["awarded", "taken_back"]
    assert await course.balance() == 50


async def test_an_act_that_cannot_be_judged_is_stepped_over_after_three_attempts_and_tried_again_at_night(
    course: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await enrol_student(course.database, "2")
    await course.does("broken")
    await course.does("sound", student=other)
    pay = ledger.pay

    async def pays(connection: Any, creator_id: CreatorId, student_id: StudentId, *more: Any) -> Any:  # noqa: ANN401
        if student_id == course.student:
            raise ValueError("it is broken")
        return await pay(connection, creator_id, student_id, *more)

    monkeypatch.setattr(acts, "pay", pays)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        with pytest.raises(NotJudged, match="it is broken") as failure:
            await course.judges()
        assert failure.value.attempts == attempt
    await course.judges()
    assert await course.verdicts() == [None, "awarded"]

    await PostgresActs(course.database).try_again(course.creator)
    with pytest.raises(NotJudged) as failure:
        await course.judges()
    assert failure.value.attempts == MOST_ATTEMPTS
    monkeypatch.undo()
    await PostgresActs(course.database).try_again(course.creator)
    await course.judges()
    assert await course.verdicts() == ["awarded", "awarded"]
    assert await course.balance() == 50


@pytest.mark.parametrize("spends", [True, False])
async def test_who_spent_erased_everything_and_came_back_earns_no_quiz_again(course: Class, spends: bool) -> None:
    directory, books = PostgresDirectory(course.database), PostgresLedger(course.database)
    await course.does("a")
    await course.judges()
    if spends:
        await books.hold(course.student, (course.creator,), "purchase:1", "shop", 10)
        await books.end_hold(course.student, "purchase:1", HoldEnd.SPEND)
    await directory.erase(course.student)
    assert len(await rows(course.url, "SELECT FROM former_earners")) == spends
    back = await directory.student(Person("discord", "1", "1"))
    assert back != course.student
    for rule in (QUIZ, MESSAGE):
        await course.does(f"again {rule}", rule, back)
    await course.judges()

    assert await course.verdicts() == ["unpaid" if spends else "awarded", "awarded"]
    assert await course.balance(back) == (5 if spends else 55)
    for again in (back, await directory.student(Person("discord", "1", "1"))):
        await directory.erase(again)
    assert len(await rows(course.url, "SELECT FROM former_earners")) == spends
