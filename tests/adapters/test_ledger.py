"""The ledger keeps its books whatever happens at once, and its checks see every way in which it could be broken."""

# ruff: noqa: S608 - statements are put together here to break the books
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import asyncpg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.ledger import PostgresLedger, refund_spent
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.ledger import Award, AwardStatus, Budget, HoldEnd, Only, ReversalStatus, Wallet
from tests.adapters.school import enrol_student, rows
from tests.waiting import eventually

TODAY: Final = date(2026, 11, 21)
PLENTY: Final = Budget(1_000_000, 10_000_000)
QUESTION: Final = Award("question", "question:1", 5, 20, TODAY, {"message": 1})


@dataclass(frozen=True, slots=True)
class Books:
    """Two creators' books, a student of both, and a ledger over them."""

    ledger: PostgresLedger
    database: Database
    url: str
    creator: CreatorId
    other: CreatorId
    student: StudentId

    async def give(self, amount: int, key: str = "gift", creator: CreatorId | None = None) -> None:
        award = Award("gift", f"{key}:{amount}", amount, 1_000, TODAY)
        assert await self.ledger.award(creator or self.creator, self.student, award, PLENTY) is AwardStatus.AWARDED

    async def hold(self, amount: int, key: str = "purchase:1") -> None:
        await self.ledger.hold(self.student, (self.creator, self.other), key, "shop", amount)

    async def wallet(self) -> Wallet:
        return await self.ledger.wallet(self.student)

    async def faults(self) -> list[str]:
        found = [await self.ledger.faults(creator_id) for creator_id in (self.creator, self.other)]
        return [fault.fault for faults in found for fault in faults]

    async def as_owner(self, *statements: str) -> None:
        """Do what no application may."""
        connection = await asyncpg.connect(self.url, server_settings={"app.creator_id": str(self.creator)})
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture
async def books(database: Database, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Books]:
    directory = PostgresDirectory(database)
    creator = (await directory.add_creator("drawing", "Drawing", None)).id
    other = (await directory.add_creator("cooking", "Cooking", None)).id
    kept = Books(PostgresLedger(database), database, database_url, creator, other, await enrol_student(database, "1"))
    yield kept
    if "seeded" not in request.fixturenames:
        assert await kept.faults() == []


async def test_an_award_is_paid_once_for_its_key(books: Books) -> None:
    said = [await books.ledger.award(books.creator, books.student, QUESTION, PLENTY) for _ in range(3)]

    assert said == [AwardStatus.AWARDED, AwardStatus.DUPLICATE, AwardStatus.DUPLICATE]
    assert await books.wallet() == Wallet(balance=5, total_earned=5)


async def test_of_fifty_deliveries_of_one_event_at_once_one_is_paid(books: Books) -> None:
    said = await asyncio.gather(
        *(books.ledger.award(books.creator, books.student, QUESTION, PLENTY) for _ in range(50))
    )

    assert sorted(said).count(AwardStatus.AWARDED) == 1
    assert set(said) == {AwardStatus.AWARDED, AwardStatus.DUPLICATE}
    assert (await books.wallet()).balance == 5


async def test_of_sixty_messages_at_once_exactly_as_many_as_a_day_allows_are_paid(books: Books) -> None:
    awards = [replace(QUESTION, key=f"question:{n}") for n in range(60)]

    said = await asyncio.gather(
        *(books.ledger.award(books.creator, books.student, award, PLENTY) for award in awards)
    )

    assert said.count(AwardStatus.AWARDED) == 20
    assert said.count(AwardStatus.CAPPED) == 40
    tomorrow = replace(QUESTION, key="question:tomorrow", day=date(2026, 11, 22))
    assert await books.ledger.award(books.creator, books.student, tomorrow, PLENTY) is AwardStatus.AWARDED


async def test_a_creator_never_issues_more_than_its_budget_and_all_of_it(books: Books) -> None:
    students = [await enrol_student(books.database, f"{n}") for n in range(10, 50)]

    for budget, day in ((Budget(100, 1_000), TODAY), (Budget(1_000, 250), date(2026, 11, 22))):
        said = await asyncio.gather(
            *(
                books.ledger.award(books.creator, student, replace(QUESTION, key=f"{day}:{student}", day=day), budget)
                for student in students
            )
        )
        fits = 20 if day == TODAY else 30  # the first day's 100 count in the month
        assert said.count(AwardStatus.AWARDED) == fits
        assert said.count(AwardStatus.OVER_BUDGET) == 40 - fits


async def test_what_a_day_leaves_unspent_is_the_months_again(books: Books) -> None:
    students = [await enrol_student(books.database, f"{n}") for n in range(10, 26)]
    budget = Budget(160, 200)

    for day in range(1, 3):
        said = [
            await books.ledger.award(
                books.creator, student, replace(QUESTION, key=f"{day}:{student}", day=date(2026, 10, day)), budget
            )
            for student in students
        ]
        assert said == [AwardStatus.AWARDED] * 16
    late = [
        await books.ledger.award(
            books.creator, student, replace(QUESTION, key=f"3:{student}", day=date(2026, 10, 3)), budget
        )
        for student in students
    ]
    assert late.count(AwardStatus.AWARDED) == 8  # 200 a month are 40 awards, and all of them are made


async def test_a_gift_is_paid_out_of_what_lies_in_many_purses(books: Books) -> None:
    students = [await enrol_student(books.database, f"{n}") for n in range(10, 26)]
    budget = Budget(160, 1_000)
    for student in students:
        award = replace(QUESTION, key=f"question:{student}", amount=1)
        assert await books.ledger.award(books.creator, student, award, budget) is AwardStatus.AWARDED

    gift = Award("grant", "grant:1", 145, 10, TODAY)
    assert await books.ledger.award(books.creator, books.student, gift, budget) is AwardStatus.OVER_BUDGET
    assert (
        await books.ledger.award(books.creator, books.student, replace(gift, amount=144), budget)
        is AwardStatus.AWARDED
    )


async def test_gifts_and_awards_at_once_neither_deadlock_nor_pass_the_budget(books: Books) -> None:
    students = [await enrol_student(books.database, f"{n}") for n in range(10, 42)]
    budget = Budget(640, 10_000)
    awards = [replace(QUESTION, key=f"question:{n}") for n in range(len(students))]
    gifts = [Award("grant", f"grant:{n}", 37, 100, TODAY) for n in range(len(students))]

    said = await asyncio.gather(
        *(
            books.ledger.award(books.creator, student, award, budget)
            for student, award in zip(students, awards, strict=True)
        ),
        *(
            books.ledger.award(books.creator, student, gift, budget)
            for student, gift in zip(students, gifts, strict=True)
        ),
    )

    paid = sum(award.amount for award, status in zip([*awards, *gifts], said, strict=True) if status == "awarded")
    assert 640 - 37 < paid <= 640


async def test_the_limit_is_the_students_days_and_the_budget_the_calendars(books: Books) -> None:
    tomorrow = date(2026, 11, 22)
    ahead = replace(QUESTION, day=tomorrow, most_a_day=1, budget_day=TODAY)
    budget = Budget(5, 1_000)

    said = [
        await books.ledger.award(books.creator, books.student, replace(ahead, key=key), budget)
        for key in ("question:1", "question:2")
    ]
    assert said == [AwardStatus.AWARDED, AwardStatus.CAPPED]
    at_home = replace(QUESTION, key="question:3", day=TODAY)
    assert await books.ledger.award(books.creator, books.student, at_home, budget) is AwardStatus.OVER_BUDGET
    late = replace(QUESTION, key="question:4", day=TODAY, budget_day=tomorrow)
    assert await books.ledger.award(books.creator, books.student, late, budget) is AwardStatus.AWARDED


async def test_the_first_award_of_a_month_and_late_ones_of_the_month_before_do_not_deadlock(books: Books) -> None:
    students = [await enrol_student(books.database, f"{n}") for n in range(10, 26)]
    last, first = date(2026, 10, 31), date(2026, 11, 1)
    await books.ledger.award(books.creator, books.student, replace(QUESTION, key="old", day=last), PLENTY)
    connection = await asyncpg.connect(books.url, server_settings={"app.creator_id": str(books.creator)})
    late = connection.transaction()
    await late.start()
    month = "SELECT FROM issuance_periods WHERE period = 'month' AND starts_on = '2026-10-01' FOR UPDATE"
    await connection.execute(month)  # as a late award does first
    new = [
        asyncio.create_task(
            books.ledger.award(books.creator, student, replace(QUESTION, key=f"{student}", day=first), PLENTY)
        )
        for student in students
    ]
    await until_waited_for(books)
    await connection.execute("UPDATE issuance_purses SET remaining = remaining WHERE day = '2026-10-31'")
    await late.commit()
    await connection.close()

    assert set(await asyncio.gather(*new)) == {AwardStatus.AWARDED}


async def until_waited_for(books: Books) -> None:
    """Until somebody waits for what another has locked."""

    async def waits() -> bool:
        found = await rows(books.url, "SELECT FROM pg_locks WHERE NOT granted")
        return bool(found)

    await eventually(waits, "an award to wait for the old month")


async def test_what_was_spent_and_came_back_is_counted(books: Books) -> None:
    await books.give(60)
    await books.hold(20)
    await books.ledger.end_hold(books.student, "purchase:1", HoldEnd.SPEND)
    async with books.database.creator(books.creator, books.student) as connection:
        await refund_spent(connection, books.creator, books.student, "purchase:1", "sold out", books.student)

    assert await books.wallet() == Wallet(balance=60, total_earned=60, total_spent=20, total_refunded=20)


async def test_taking_back_from_somebody_who_is_gone_does_nothing(books: Books) -> None:
    await books.ledger.award(books.creator, books.student, QUESTION, PLENTY)
    await books.hold(4)
    await PostgresDirectory(books.database).erase(books.student)

    status = await books.ledger.reverse(books.creator, books.student, "question:1", "deleted")

    assert status is ReversalStatus.UNKNOWN


async def test_of_two_hundred_purchases_at_once_exactly_those_are_made_that_there_is_money_for(books: Books) -> None:
    await books.give(1_000)

    async def buy(n: int) -> bool:
        try:
            await books.hold(10, f"purchase:{n}")
        except Refused:
            return False
        await books.ledger.end_hold(books.student, f"purchase:{n}", HoldEnd.SPEND)
        return True

    bought = await asyncio.gather(*(buy(n) for n in range(200)))

    assert sum(bought) == 100
    assert await books.wallet() == Wallet(total_earned=1_000, total_spent=1_000)


@pytest.mark.parametrize("attempt", range(10))
async def test_a_redemption_that_is_paid_and_given_back_at_once_ends_once(books: Books, attempt: int) -> None:
    await books.give(100 + attempt)
    await books.hold(100 + attempt)

    async def end(how: HoldEnd) -> HoldEnd | None:
        try:
            await books.ledger.end_hold(books.student, "purchase:1", how)
        except Refused:
            return None
        return how

    said = await asyncio.gather(end(HoldEnd.REDEEM), end(HoldEnd.RELEASE))

    wallet = await books.wallet()
    assert (said[0] is HoldEnd.REDEEM) != (said[1] is HoldEnd.RELEASE)
    assert (wallet.total_redeemed, wallet.balance) == ((100 + attempt, 0) if said[0] else (0, 100 + attempt))
    assert wallet.held == 0


async def test_a_purchase_draws_its_own_creator_first_and_then_the_others_as_one(books: Books) -> None:
    await books.give(60)
    await books.give(70, creator=books.other)
    assert await books.ledger.issuers(books.student) == [books.other, books.creator]

    await books.hold(100)

    assert await books.wallet() == Wallet(balance=30, held=100, total_earned=130)
    await books.ledger.end_hold(books.student, "purchase:1", HoldEnd.SPEND)
    await books.ledger.end_hold(books.student, "purchase:1", HoldEnd.SPEND)  # as a worker that died may do
    assert await books.wallet() == Wallet(balance=30, total_earned=130, total_spent=100)
    moved, count = await books.ledger.transactions(books.student, Only("hold"))
    assert {(move.creator_name, move.change) for move in moved} == {("Drawing", -60), ("Cooking", -40)}
    assert count == 2


async def test_what_is_not_there_is_not_set_aside_in_part(books: Books) -> None:
    await books.give(60)
    await books.give(30, creator=books.other)

    with pytest.raises(Refused, match="not enough CHRONOS"):
        await books.hold(100)

    assert await books.wallet() == Wallet(balance=90, total_earned=90)


async def test_a_key_that_was_used_for_something_else_is_refused(books: Books) -> None:
    await books.give(60)
    await books.hold(10)
    await books.hold(10)

    with pytest.raises(Refused, match="done already"):
        await books.hold(20)
    await books.ledger.end_hold(books.student, "purchase:1", HoldEnd.RELEASE)
    with pytest.raises(Refused):
        await books.ledger.end_hold(books.student, "purchase:1", HoldEnd.SPEND)
    with pytest.raises(Refused, match="Nothing is set aside"):
        await books.ledger.end_hold(books.student, "purchase:2", HoldEnd.SPEND)
    assert (await books.wallet()).balance == 60


async def test_an_award_taken_back_after_it_was_spent_is_owed_and_paid_from_the_next(books: Books) -> None:
    await books.ledger.award(books.creator, books.student, QUESTION, PLENTY)
    await books.hold(4)
    reverse = books.ledger.reverse

    assert await reverse(books.creator, books.student, "question:1", "deleted") is ReversalStatus.REVERSED
    assert await reverse(books.creator, books.student, "question:1", "deleted") is ReversalStatus.DUPLICATE
    assert await reverse(books.creator, books.student, "question:9", "deleted") is ReversalStatus.UNKNOWN
    assert await books.wallet() == Wallet(balance=1, held=4, owed=5, total_earned=5, total_reversed=5)

    await books.give(7)
    assert await books.wallet() == Wallet(balance=3, held=4, owed=0, total_earned=12, total_reversed=5)


@pytest.mark.parametrize("amount", [0, -5, 2**63])
async def test_amounts_that_are_none_are_refused(books: Books, amount: int) -> None:
    with pytest.raises((asyncpg.PostgresError, asyncpg.DataError, OverflowError)):
        await books.ledger.award(books.creator, books.student, replace(QUESTION, amount=amount), PLENTY)
    assert await books.wallet() == Wallet()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfers SET amount = 500",
        "DELETE FROM entries",
        "TRUNCATE transfers CASCADE",
        "UPDATE accounts SET balance = 500 WHERE kind = 'member'",
        "UPDATE accounts SET kind = 'owed' WHERE kind = 'member'",
        "DELETE FROM accounts",
        "INSERT INTO entries SELECT creator_id, account_id, version + 1, transfer_id, student_id, 1, 1 FROM entries",
        "INSERT INTO accounts (creator_id, kind, balance) SELECT creator_id, 'spent', 5 FROM accounts LIMIT 1",
    ],
)
async def test_not_even_the_owner_changes_what_is_written(books: Books, statement: str) -> None:
    await books.give(60)
    before = await books.wallet()

    with pytest.raises(asyncpg.PostgresError) as refusal:
        await books.as_owner(statement)

    assert refusal.value.sqlstate == "CH405"
    assert await books.wallet() == before


async def test_a_transfer_reaches_no_other_creators_account(books: Books) -> None:
    await books.give(60)
    await books.give(30, creator=books.other)

    with pytest.raises(asyncpg.PostgresError) as refusal:
        await books.as_owner(
            """INSERT INTO transfers (creator_id, key, request_hash, kind, reason, debit_id, credit_id, amount)
               SELECT d.creator_id, 'x', '', 'adjust', 'x', d.id, c.id, 1 FROM accounts d, accounts c
                WHERE d.kind = 'member' AND c.kind = 'issuance' AND d.creator_id = 1 AND c.creator_id = 2"""
        )
    assert refusal.value.sqlstate in {"CH422", "23503"}


async def test_a_frozen_wallet_takes_awards_and_pays_nothing(books: Books) -> None:
    await books.give(60)
    await books.as_owner("UPDATE accounts SET status = 'frozen' WHERE kind = 'member'")

    await books.give(5)

    with pytest.raises(Refused):
        await books.hold(10)
    assert (await books.wallet()).balance == 65


async def test_erasing_a_person_leaves_the_books_and_nobody_in_them(books: Books) -> None:
    await books.give(60)
    await books.hold(10)

    await PostgresDirectory(books.database).erase(books.student)

    assert await books.wallet() == Wallet()
    assert await books.faults() == []


async def test_nobody_moves_another_students_wallet(books: Books) -> None:
    await books.give(60)
    stranger = await enrol_student(books.database, "stranger")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with books.database.student(stranger) as connection:
            await connection.execute(
                "SELECT hold_wallet($1, $2::bigint[], 'theft', 'theft', 5, '{}')", books.student, [books.creator]
            )
    assert await books.ledger.wallet(stranger) == Wallet()


def _altered(function: str, old: str, new: str) -> str:
    """A statement that makes a function anew with a piece of it changed."""
    return f"""
        DO $do$ DECLARE was text := pg_get_functiondef('{function}'::regproc); BEGIN
          ASSERT position($old${old}$old$ IN was) > 0, 'there is nothing to break';
          EXECUTE replace(was, $old${old}$old$, $new${new}$new$);
        END $do$"""


def _transfer(
    kind: str, debited: str, credited: str, amount: int, *, key: str = "forged", parent: str = "NULL"
) -> str:
    """A statement that writes a transfer by hand."""
    return f"""
        INSERT INTO transfers (creator_id, key, request_hash, kind, reason, student_id, debit_id, credit_id, amount,
                               parent_id)
        SELECT d.creator_id, '{key}', '', '{kind}', 'forged', 1, d.id, c.id, {amount}, {parent}
          FROM accounts d JOIN accounts c ON c.creator_id = d.creator_id
         WHERE d.creator_id = 1 AND d.kind = '{debited}' AND c.kind = '{credited}'"""


HELD: Final = "(SELECT min(id) FROM transfers WHERE kind = 'hold')"
NO_FIT: Final = "DROP TRIGGER fits ON transfers"
SEEDED: Final = {
    "no check of funds": (
        "ALTER TABLE accounts DROP CONSTRAINT sufficient_funds",
        _transfer("hold", "member", "held", 500),
    ),
    "no unique key": (
        "ALTER TABLE transfers DROP CONSTRAINT transfers_creator_id_key_key CASCADE",
        _transfer("hold", "member", "held", 5),
        _transfer("hold", "member", "held", 6),
    ),
    "a hold ends twice": (
        "ALTER TABLE transfers DROP CONSTRAINT ends_once",
        _transfer("release", "held", "member", 20, key="a", parent=HELD),
        _transfer("spend", "held", "spent", 20, key="b", parent=HELD),
    ),
    "an ending of another amount": (NO_FIT, _transfer("release", "held", "member", 7, parent=HELD)),
    "entries may change": (
        "DROP TRIGGER append_only ON entries",
        "UPDATE entries SET amount = amount + 1 WHERE version = 1",
    ),
    "entries may go": ("DROP TRIGGER append_only ON entries", "DELETE FROM entries WHERE version = 2"),
    "balances may be set": ("DROP TRIGGER guarded ON accounts", "UPDATE accounts SET balance = balance + 5"),
    "totals may be set": ("DROP TRIGGER guarded ON accounts", "UPDATE accounts SET total_earned = 7"),
    "a leg is missing": (
        _altered("post_transfer", "AND id = new.credit_id AND is_kept(accounts)", "AND false"),
        _transfer("hold", "member", "held", 5),
    ),
    "a leg of another amount": (
        _altered("post_transfer", "balance - new.amount", "balance - new.amount + 1"),
        _transfer("hold", "member", "held", 5),
    ),
    "a balance that was read too early": (
        _altered("post_transfer", "-new.amount, posted.balance)", "-new.amount, posted.balance + new.amount)"),
        _transfer("hold", "member", "held", 5),
    ),
    "a version that jumps": (
        _altered("post_transfer", "version = version + 1", "version = version + 2"),
        _transfer("hold", "member", "held", 5),
    ),
    "nothing is posted": ("DROP TRIGGER posted ON transfers", _transfer("hold", "member", "held", 5)),
    "earnings are not counted": (
        _altered("post_transfer", "new.kind = 'earn'", "false"),
        _transfer("earn", "issuance", "member", 5),
    ),
    "what came back is not counted": (
        _altered(
            "post_transfer", "total_refunded + CASE WHEN new.kind = 'reverse'", "total_refunded + CASE WHEN false"
        ),
        _transfer("reverse", "spent", "member", 1, parent="(SELECT min(id) FROM transfers WHERE kind = 'spend')"),
    ),
    "what was taken back is not counted": (
        _altered(
            "post_transfer", "total_reversed + CASE WHEN new.kind = 'reverse'", "total_reversed + CASE WHEN false"
        ),
        "SELECT reverse_award(1, 'gift:60', 'x', '{}')",
    ),
    "another creator's account": (
        NO_FIT,
        "ALTER TABLE transfers DROP CONSTRAINT transfers_creator_id_credit_id_fkey",
        _transfer("hold", "member", "held", 5).replace("c.id", "c.id + 10000"),
    ),
    "a limit that is not counted": ("UPDATE earn_counts SET times = 0",),
    "a budget that fills itself": ("UPDATE issuance_purses SET remaining = remaining + 1000",),
}


@pytest.mark.parametrize("seeded", SEEDED)
async def test_the_checks_see_the_books_broken(books: Books, seeded: str) -> None:
    await books.give(60)
    await books.hold(20)
    await books.hold(20, "purchase:2")
    await books.hold(1, "purchase:3")
    await books.ledger.end_hold(books.student, "purchase:3", HoldEnd.SPEND)
    assert await books.faults() == []

    await books.as_owner(*SEEDED[seeded])

    assert await books.ledger.faults(books.creator)
