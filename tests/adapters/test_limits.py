"""Limits on asking, counted on a real PostgreSQL: of a burst at once only as many pass as may."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

import pytest

from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database, open_database
from core.asking.limits import Admission, Limits
from core.asking.sessions import Speaker
from core.errors import Refused
from core.ids import CreatorId
from tests.adapters.school import School, answer, change, enrol_student, found_school, record, rows
from tests.waiting import within

BURST: Final = 20
A_DOLLAR: Final = Limits(0, 0, 1.0)
MIDNIGHT: Final = "date_trunc('day', now(), 'UTC')"


@pytest.fixture
async def processes(database_url: str, database: Database) -> AsyncIterator[list[PostgresConversations]]:
    """The same conversations in two processes, each with a pool of its own."""
    async with open_database(database_url) as other:
        async with within(60, "all connections"):
            for opened in (database, other):
                together = asyncio.Barrier(10)
                await asyncio.gather(*(connect(opened, together) for _ in range(together.parties)))
        yield [PostgresConversations(database), PostgresConversations(other)]


async def connect(database: Database, together: asyncio.Barrier) -> None:
    """Hold a connection until all others have their own, so that a burst finds them open."""
    async with database.system():
        await together.wait()


@pytest.fixture
def conversations(database: Database) -> PostgresConversations:
    return PostgresConversations(database)


@pytest.fixture
async def school(database: Database) -> School:
    return await found_school(database, "drawing")


@pytest.fixture
async def speaker(school: School, database: Database) -> Speaker:
    return school.speaker(await enrol_student(database, "1"))


async def burst(
    ask: Callable[[int], Awaitable[Admission]], size: int = BURST
) -> tuple[list[Admission], list[Refused]]:
    """Ask so many questions at once; who was admitted, and what the others were told."""
    admitted: list[Admission] = []
    refused: list[Refused] = []

    async def one(number: int) -> None:
        try:
            admitted.append(await ask(number))
        except Refused as error:
            refused.append(error)

    await asyncio.gather(*(one(number) for number in range(size)))
    return admitted, refused


async def let_pass(url: str, interval: str) -> None:
    """Make every question older."""
    await ask_at(url, f"used_at - interval '{interval}'")


async def ask_at(url: str, moment: str) -> None:
    """Move every question to a moment; the table's owner may, once the policies do not hold for them."""
    await change(url, "ALTER TABLE usage NO FORCE ROW LEVEL SECURITY")
    await change(url, f"UPDATE usage SET used_at = {moment}")  # noqa: S608 - moments from this module
    await change(url, "ALTER TABLE usage FORCE ROW LEVEL SECURITY")


async def spend(conversations: PostgresConversations, speaker: Speaker, *costs_usd: float) -> None:
    for cost_usd in costs_usd:
        await record(conversations, speaker, "paid", answer(cost_usd=cost_usd))


async def test_of_a_persons_burst_exactly_as_many_questions_pass_as_a_minute_allows(
    processes: list[PostgresConversations], speaker: Speaker, database_url: str
) -> None:
    limits = Limits(8, 0, 0.0)
    admitted, refused = await burst(lambda number: processes[number % 2].admit(speaker, limits))
    assert (len(admitted), len(refused)) == (8, BURST - 8)
    assert all("8 questions within a minute" in str(error) for error in refused)
    assert len(await rows(database_url, "SELECT 1 FROM usage")) == 8


async def test_of_a_communitys_burst_by_many_people_exactly_as_many_pass_as_a_minute_allows(
    processes: list[PostgresConversations], school: School, database: Database
) -> None:
    people = [school.speaker(await enrol_student(database, f"{number}")) for number in range(BURST)]
    limits = Limits(1, 5, 0.0)
    admitted, refused = await burst(lambda number: processes[number % 2].admit(people[number], limits))
    assert (len(admitted), len(refused)) == (5, BURST - 5)
    assert all("This community asks faster" in str(error) for error in refused)


async def test_questions_are_counted_by_person_community_and_creator(
    conversations: PostgresConversations, speaker: Speaker, database: Database
) -> None:
    once = Limits(1, 2, 0.0)
    await conversations.admit(speaker, once)
    with pytest.raises(Refused, match="That is 1 question within a minute"):
        await conversations.admit(replace(speaker, community_id=None), once)
    await conversations.admit((await found_school(database, "cooking")).speaker(speaker.student_id), once)
    await conversations.admit(replace(speaker, student_id=await enrol_student(database, "2")), once)
    with pytest.raises(Refused, match="This community"):
        await conversations.admit(replace(speaker, student_id=await enrol_student(database, "3")), once)


async def test_a_person_reads_when_the_oldest_question_leaves_the_minute_and_may_ask_then(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    twice = Limits(2, 0, 0.0)
    await conversations.admit(speaker, twice)
    await let_pass(database_url, "30 seconds")
    await conversations.admit(speaker, twice)
    with pytest.raises(Refused, match=r"You can go on asking in (30|[12]?\d) seconds\."):
        await conversations.admit(speaker, twice)
    await let_pass(database_url, "30 seconds")
    await conversations.admit(speaker, twice)


async def test_of_a_burst_on_a_nearly_used_budget_one_answer_is_written_and_the_rest_are_quoted(
    processes: list[PostgresConversations], speaker: Speaker
) -> None:
    await spend(processes[0], speaker, 0.5, 0.25, 0.2)
    admitted, refused = await burst(lambda number: processes[number % 2].admit(speaker, A_DOLLAR))
    assert (len(admitted), len(refused)) == (BURST, 0)
    assert [admission.may_write for admission in admitted].count(True) == 1


async def test_a_burst_on_an_unused_budget_is_written_as_far_as_the_dearest_question_leaves_room(
    processes: list[PostgresConversations], speaker: Speaker, database_url: str
) -> None:
    await spend(processes[0], speaker, 0.25, 0.1)
    await let_pass(database_url, "1 day")
    admitted, _ = await burst(lambda number: processes[number % 2].admit(speaker, A_DOLLAR))
    assert [admission.may_write for admission in admitted].count(True) == 4


async def test_where_nothing_was_paid_yet_five_cents_are_set_aside_for_a_question(
    conversations: PostgresConversations, speaker: Speaker
) -> None:
    admitted, _ = await burst(lambda _: conversations.admit(speaker, Limits(0, 0, 0.2)))
    assert [admission.may_write for admission in admitted].count(True) == 4


async def test_the_true_cost_takes_the_place_of_what_was_set_aside(
    conversations: PostgresConversations, speaker: Speaker
) -> None:
    dear = Limits(0, 0, 0.05)
    first = await conversations.admit(speaker, dear)
    assert not (await conversations.admit(speaker, dear)).may_write
    await conversations.record(speaker, "cheap after all", answer(cost_usd=0.01), first)
    assert (await conversations.admit(speaker, dear)).may_write


async def test_a_question_that_is_never_answered_stays_counted_and_its_money_is_free_after_ten_minutes(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    dear = Limits(1, 0, 0.05)
    assert (await conversations.admit(speaker, dear)).may_write
    with pytest.raises(Refused):
        await conversations.admit(speaker, dear)
    await let_pass(database_url, "9 minutes")
    # Near midnight the nine minutes lead into yesterday, whose money is not counted any more.
    (kept,) = await rows(database_url, f"SELECT used_at >= {MIDNIGHT} AS today FROM usage")  # noqa: S608 - a constant
    assert (await conversations.admit_operator(speaker.creator_id, dear)).may_write is not kept["today"]
    await let_pass(database_url, "10 minutes")
    assert (await conversations.admit_operator(speaker.creator_id, dear)).may_write


async def test_money_is_counted_by_creator_since_midnight_utc(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    other = (await found_school(database, "cooking")).speaker(speaker.student_id)
    await spend(conversations, other, 5.0)
    assert (await conversations.admit(speaker, A_DOLLAR)).may_write
    assert not (await conversations.admit(other, A_DOLLAR)).may_write
    await ask_at(database_url, f"{MIDNIGHT} - interval '1 second'")
    assert (await conversations.admit(other, A_DOLLAR)).may_write


async def test_the_shell_is_counted_with_its_creator_and_bound_by_money_alone(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    strict = Limits(1, 1, 1.0)
    for _ in range(3):
        admission = await conversations.admit_operator(speaker.creator_id, strict)
        await conversations.settle(speaker.creator_id, answer(cost_usd=0.4), admission)
    kept = await rows(database_url, "SELECT student_id, community_id, model, cost_usd, reserved_usd FROM usage")
    assert [tuple(row) for row in kept] == [(None, None, "made-up", row["cost_usd"], 0) for row in kept]
    assert float(sum(row["cost_usd"] for row in kept)) == pytest.approx(1.2)
    assert not (await conversations.admit_operator(speaker.creator_id, strict)).may_write
    assert not (await conversations.admit(speaker, strict)).may_write


async def test_another_creators_question_cannot_be_settled(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    admission = await conversations.admit(speaker, A_DOLLAR)
    await conversations.settle(CreatorId(speaker.creator_id + 1), answer(cost_usd=9.0), admission)
    (kept,) = await rows(database_url, "SELECT cost_usd FROM usage")
    assert kept["cost_usd"] == 0
