"""Several accounts of one person: joined into one student with everything that is theirs, and books that balance."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.joining import APART, columns
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.linking import PostgresAccounts
from core.asking.sessions import Speaker
from core.conversation import Person
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.members.directory import Enrolment
from core.members.linking import Joining
from core.rewards.ledger import Award, Budget, HoldEnd
from tests.adapters.school import School, converse, enrol_student, found_school, rows

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANA, ANA_AWAY = Person("discord", "1", "Ana"), Person("telegram", "71", "Ana T")
BUDGET = Budget(1000, 10_000)


async def earns(database: Database, creator_id: CreatorId, student_id: StudentId, amount: int, key: str) -> None:
    award = Award("quiz", key, amount, 10, date(2026, 11, 21))
    assert await PostgresLedger(database).award(creator_id, student_id, award, BUDGET) == "awarded"


async def students(database: Database) -> tuple[StudentId, StudentId]:
    """The same person on two platforms, not known to be one; the first was here first."""
    directory = PostgresDirectory(database)
    return await directory.student(ANA), await directory.student(ANA_AWAY)


async def code_of(database: Database, student_id: StudentId, at: datetime = NOW) -> str:
    return (await PostgresAccounts(database).new_code(student_id, ANA, None, at)).code


async def test_every_table_with_a_student_is_moved_when_two_become_one(database: Database, database_url: str) -> None:
    async with database.system() as connection:
        found = await columns(connection)
    stuck = [f"{column.table}.{column.name}" for column in found if not column.role]
    assert not stuck, "call let_join('<table>', '<column>') in the table's migration, or name it in APART"
    assert {"chat_sessions", "chat_messages", "votes", "usage", "learning_acts", "creators"} <= {
        c.table for c in found
    }
    keys = "SELECT DISTINCT conrelid::regclass::text AS t FROM pg_constraint WHERE confrelid = 'students'::regclass"
    assert set(APART) | {column.table for column in found} == {row["t"] for row in await rows(database_url, keys)}


async def test_two_become_one_with_all_that_is_theirs_and_every_book_balances(
    database: Database, database_url: str
) -> None:
    drawing, cooking = await found_school(database, "drawing"), await found_school(database, "cooking")
    directory, ledger, accounts = PostgresDirectory(database), PostgresLedger(database), PostgresAccounts(database)
    kept, gone = await students(database)
    for school in (drawing, cooking):
        for student in (kept, gone):
            await converse(database, school, student, f"What does {student} ask {school.creator_id}?")
            await directory.enrol(school.creator_id, student)
    await directory.set_enrolment(drawing.creator_id, gone, "active", "gold")
    await directory.set_enrolment(cooking.creator_id, gone, "ended")
    await earns(database, drawing.creator_id, kept, 5, "quiz:1")
    await earns(database, drawing.creator_id, gone, 7, "quiz:2")
    await earns(database, cooking.creator_id, gone, 20, "quiz:3")
    await ledger.hold(gone, [cooking.creator_id], "shop:1", "shop", 4)
    await ledger.end_hold(gone, "shop:1", HoldEnd.SPEND)

    joining = await accounts.join(await code_of(database, gone), kept, NOW)
    assert joining == Joining(kept, gone, joining.accounts, 23)
    wallet = await ledger.wallet(kept)
    assert (wallet.balance, wallet.held) == (28, 0)
    for school in (drawing, cooking):
        assert await ledger.faults(school.creator_id) == []
        assert await _sums(database_url, school) == 0
    assert await directory.student(ANA_AWAY) == kept
    assert await directory.enrolment(drawing.creator_id, kept) == Enrolment("active", "gold")
    assert await directory.enrolment(cooking.creator_id, kept) == Enrolment("ended"), "a block is not linked away"
    own = await PostgresConversations(database).export(kept)
    assert [len(own[name]) for name in ("messages", "votes", "sessions", "identities")] == [4, 4, 4, 2]
    assert len(own["learning_acts"]) == 4
    assert "linked" in {row["source"] for row in own["chronos"]}
    assert await rows(database_url, "SELECT FROM students WHERE id = $1", gone) == []
    speaker = Speaker(drawing.creator_id, kept, "discord:10:")
    assert len(await PostgresConversations(database).context(speaker)) == 1
    await earns(database, cooking.creator_id, kept, 5, "quiz:4")
    with pytest.raises(Refused, match="unknown, used or too old"):
        await accounts.join("ABCDEFGH", kept, NOW)


async def _sums(url: str, school: School) -> int:
    """All money of a creator: what was issued is what somebody has, owes or used up."""
    statement = """
        SELECT coalesce(sum(t.amount) FILTER (WHERE d.kind = 'issuance'), 0)
               - coalesce(sum(t.amount) FILTER (WHERE c.kind = 'issuance'), 0)
               - (SELECT sum(balance) FROM accounts WHERE creator_id = $1)
               - coalesce(sum(t.amount) FILTER (WHERE t.kind IN ('spend', 'redeem')), 0) AS rest
          FROM transfers t
          JOIN accounts c ON c.creator_id = $1 AND c.id = t.credit_id
          JOIN accounts d ON d.creator_id = $1 AND d.id = t.debit_id
         WHERE t.creator_id = $1
    """
    (row,) = await rows(url, statement, school.creator_id)
    return int(row["rest"])


async def test_a_code_works_once_for_ten_minutes_and_cannot_be_guessed(database: Database) -> None:
    accounts = PostgresAccounts(database)
    kept, gone = await students(database)
    guesser = await enrol_student(database, "66")
    old = await code_of(database, gone)
    with pytest.raises(Refused, match="your own code"):
        await accounts.look(old, gone, NOW)
    code = await code_of(database, gone)
    for wrong, at in ((old, NOW), (code, NOW + timedelta(minutes=10))):
        with pytest.raises(Refused, match="unknown, used or too old"):
            await accounts.look(wrong, kept, at)
    assert (await accounts.look(code.lower().replace("-", " "), kept, NOW)).gone == gone
    for _ in range(5):
        with pytest.raises(Refused, match="unknown"):
            await accounts.look("ABCDEFGH", guesser, NOW)
    with pytest.raises(Refused, match="too many"):
        await accounts.look(code, guesser, NOW + timedelta(minutes=9))
    with pytest.raises(Refused, match="too many"):
        await accounts.join(code, guesser, NOW)

    results = await asyncio.gather(*(accounts.join(code, kept, NOW) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, Joining) for result in results) == 1
    assert all(isinstance(result, Joining | Refused) for result in results)
    assert {account.platform for account in await accounts.accounts(kept)} == {"discord", "telegram"}


async def test_what_is_under_way_owed_or_frozen_is_finished_first(database: Database) -> None:
    school = await found_school(database, "drawing")
    accounts, ledger = PostgresAccounts(database), PostgresLedger(database)
    kept, gone = await students(database)
    await earns(database, school.creator_id, gone, 10, "quiz:1")
    await ledger.hold(gone, [school.creator_id], "shop:1", "shop", 10)
    code = await code_of(database, kept)
    with pytest.raises(Refused, match="set aside"):
        await accounts.join(code, gone, NOW)
    await ledger.end_hold(gone, "shop:1", HoldEnd.SPEND)
    await ledger.reverse(school.creator_id, gone, "quiz:1", "taken back")
    with pytest.raises(Refused, match="owes"):
        await accounts.join(code, gone, NOW)
    await earns(database, school.creator_id, gone, 12, "quiz:2")
    freeze = "UPDATE accounts SET status = $2 WHERE creator_id = $1 AND kind = 'member'"
    async with database.creator(school.creator_id) as connection:
        await connection.execute(freeze, school.creator_id, "frozen")
    with pytest.raises(Refused, match="frozen"):
        await accounts.join(code, gone, NOW)
    async with database.creator(school.creator_id) as connection:
        await connection.execute(freeze, school.creator_id, "open")
    assert (await accounts.join(code, gone, NOW)).chronos == 2
    assert (await ledger.wallet(kept)).balance == 2
    assert await ledger.faults(school.creator_id) == []


async def test_an_account_can_be_taken_out_for_a_week_and_rests_before_it_is_linked_again(database: Database) -> None:
    school = await found_school(database, "drawing")
    accounts, directory = PostgresAccounts(database), PostgresDirectory(database)
    kept, gone = await students(database)
    await accounts.join(await code_of(database, gone), kept, NOW)
    await directory.set_enrolment(school.creator_id, kept, "ended")
    first, second = await accounts.accounts(kept)
    for tag, at, words in (
        (first.tag, NOW, "within a week"), (second.tag, NOW + timedelta(days=8), "within a week"),
        ("x", NOW, "not linked"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=words):
            await accounts.unlink(kept, tag, at)
    assert await accounts.unlink(kept, second.tag, NOW + timedelta(days=1)) == second
    alone = await directory.student(ANA_AWAY)
    assert alone not in {kept, gone}
    assert await directory.enrolment(school.creator_id, alone) == Enrolment("ended")
    for days, works in ((30, False), (31, True)):
        at = NOW + timedelta(days=days)
        code = await code_of(database, alone, at)
        if works:
            assert (await accounts.join(code, kept, at)).kept == kept
        else:
            with pytest.raises(Refused, match="linked again from 22 December"):
                await accounts.join(code, kept, at)
