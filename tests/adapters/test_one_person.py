"""What is paid for, given back and taken back stays right where accounts are linked and parted again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import pytest

from adapters.postgres.acts import PostgresActs
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.joining import UNIQUE, columns
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.linking import PostgresAccounts
from adapters.postgres.offers import PostgresOffers
from adapters.postgres.payouts import PostgresPayouts
from adapters.postgres.projects import PostgresProjects
from adapters.postgres.purchases import PostgresPurchases
from adapters.postgres.quizzes import PostgresQuizzes
from adapters.postgres.redemptions import PostgresRedemptions
from adapters.postgres.roles import PostgresRoles, want_role
from core.conversation import Person
from core.errors import Refused
from core.ids import CreatorId, QuizId, StudentId
from core.rewards.ledger import Award, Budget
from core.rewards.projects import Decision, Work
from core.rewards.quizzes import Question, QuizContent, State
from core.rewards.redemption import Asked, Fate, Found, Rail, Terms
from core.rewards.rules import PROJECT, QUIZ, Rewards, Rule
from core.rewards.shop import Item, ItemKind, PurchaseState
from tests.adapters.school import School, enrol_student, found_school, rows

NOW: Final = datetime.now(UTC) + timedelta(minutes=20)
BUDGET: Final = Budget(100_000, 1_000_000)
REWARDS: Final = Rewards({QUIZ: Rule(50, 10), PROJECT: Rule(80, 10)}, BUDGET, 10)


async def pair(database: Database) -> tuple[School, StudentId, StudentId]:
    """A school and somebody with two accounts at it, which are not linked."""
    school = await found_school(database, "drawing")
    return school, await enrol_student(database, "1"), await enrol_student(database, "2")


async def join(database: Database, kept: StudentId, gone: StudentId) -> None:
    accounts = PostgresAccounts(database)
    code = await accounts.new_code(gone, Person("discord", "2", ""), None, NOW)
    assert (await accounts.join(code.code, kept, NOW)).kept == kept


async def part(database: Database, kept: StudentId) -> StudentId:
    """Take the second account out again; whose it is now."""
    accounts = PostgresAccounts(database)
    (second,) = [account for account in await accounts.accounts(kept) if account.external_id == "2"]
    await accounts.unlink(kept, second.tag, NOW)
    return await PostgresDirectory(database).student(Person("discord", "2", ""))


async def earn(database: Database, creator_id: CreatorId, student_id: StudentId, amount: int, key: str) -> None:
    award = Award(QUIZ, key, amount, 99, NOW.date())
    assert await PostgresLedger(database).award(creator_id, student_id, award, BUDGET) == "awarded"


async def balance(database: Database, student_id: StudentId) -> int:
    return (await PostgresLedger(database).wallet(student_id)).balance


async def judge(database: Database, creator_id: CreatorId) -> None:
    while await PostgresActs(database).judge_next(creator_id, REWARDS):
        pass


async def passes(database: Database, creator_id: CreatorId, student_id: StudentId, quiz_id: QuizId) -> None:
    quizzes = PostgresQuizzes(database)
    attempt = await quizzes.begin(creator_id, student_id, quiz_id, NOW)
    right = 1 << list(attempt.arrangement[0].options).index(0)
    assert (await quizzes.answer(creator_id, student_id, attempt.id, 0, right, NOW, earns=True)).passed
    await judge(database, creator_id)


async def test_a_quiz_pays_one_person_once_however_their_accounts_are_linked_and_parted(database: Database) -> None:
    school, kept, gone = await pair(database)
    quizzes, creator = PostgresQuizzes(database), school.creator_id
    quiz = await quizzes.add(creator, QuizContent("Sums", (Question("2+2?", ("4", "5"), frozenset({0})),)))
    await quizzes.set_state(creator, quiz, State.OPEN)
    await passes(database, creator, gone, quiz)
    assert await balance(database, gone) == 50
    await join(database, kept, gone)
    await passes(database, creator, kept, quiz)
    assert await balance(database, kept) == 50
    alone = await part(database, kept)
    await passes(database, creator, alone, quiz)
    assert await balance(database, alone) == 0
    assert await PostgresLedger(database).faults(creator) == []


async def test_a_purchase_and_a_payout_of_before_linking_come_back_to_whom_it_became(database: Database) -> None:
    school, kept, gone = await pair(database)
    creator, ledger = school.creator_id, PostgresLedger(database)
    await PostgresDirectory(database).set_enrolment(creator, gone, "active", "")
    await earn(database, creator, gone, 1000, "quiz:1")
    purchases, redemptions, payouts = (
        PostgresPurchases(database), PostgresRedemptions(database), PostgresPayouts(database),
    )  # fmt: skip
    item = await PostgresOffers(database).add(creator, Item(ItemKind.QUESTIONS, "More", 60, days=30, questions=5))
    bought = await purchases.take(creator, gone, item.id, 1, "k", NOW)
    assert bought is not None
    await purchases.fulfil(creator, bought, NOW)
    terms = Terms(rails=(Rail.PAYPAL,), funded=frozenset({"drawing"}), minimum=100, account_age_days=0)
    asked = await redemptions.ask(creator, gone, Asked("k-1", Rail.PAYPAL, 500, 500, "a@b.c"), terms, NOW)
    sent = await payouts.begin(asked, NOW)
    assert sent is not None
    await payouts.settle(sent, Found(Fate.SETTLED), NOW, NOW)
    await join(database, kept, gone)
    wallet = await ledger.wallet(kept)
    assert (wallet.balance, wallet.taken_over) == (440, 440)

    back = await purchases.give_back(creator, bought, NOW, by=kept, staff=True)
    assert back.state is PurchaseState.REFUNDED
    (own,) = await redemptions.own(kept)
    for _ in range(2):
        await payouts.give_back(own, "refunded by PayPal.", NOW)
    assert await balance(database, kept) == 1000
    with pytest.raises(Refused, match="given back already"):
        await purchases.give_back(creator, bought, NOW, by=kept, staff=True)
    assert await balance(database, kept) == 1000
    assert await ledger.faults(creator) == []


@pytest.mark.parametrize(("spent", "left"), [(0, 0), (80, None)])
async def test_an_approval_of_before_linking_is_taken_back_or_stays(
    database: Database, spent: int, left: int | None
) -> None:
    school, kept, gone = await pair(database)
    creator, ledger, projects = school.creator_id, PostgresLedger(database), PostgresProjects(database)
    staff = await enrol_student(database, "3")
    work = await projects.hand_in(creator, gone, None, "A portrait", Work("w"), NOW, name="x")
    approved = await projects.decide(creator, work, staff, Decision.APPROVED, NOW)
    await judge(database, creator)
    await join(database, kept, gone)
    if spent:
        await ledger.hold(kept, [creator], "shop:1", "shop", spent)
    approved = replace(approved, student_id=kept)
    if left is None:
        with pytest.raises(Refused, match="The approval stays"):
            await projects.decide(creator, approved, staff, Decision.WAITING, NOW)
        (own,) = await projects.own(creator, kept)
        assert own.state is Decision.APPROVED
    else:
        await projects.decide(creator, approved, staff, Decision.WAITING, NOW)
        assert await balance(database, kept) == left
    assert await ledger.faults(creator) == []


async def test_work_under_one_title_stays_and_what_is_approved_keeps_its_place(database: Database) -> None:
    school, kept, gone = await pair(database)
    creator, projects, staff = school.creator_id, PostgresProjects(database), await enrol_student(database, "3")
    project = await projects.define(creator, "A wash", description=None, is_open=True)
    for student in (kept, gone):
        await projects.hand_in(creator, student, None, "My Portrait", Work("w"), NOW, name="x")
        work = await projects.hand_in(creator, student, project.id, "A wash", Work(str(student)), NOW, name="x")
    await projects.decide(creator, work, staff, Decision.APPROVED, NOW)
    await join(database, kept, gone)
    own = {each.title: (each.project_id, each.state.value) for each in await projects.own(creator, kept)}
    assert own == {
        "My Portrait": (None, "waiting"), "My Portrait (2)": (None, "waiting"),
        "A wash": (project.id, "approved"), "A wash (2)": (None, "waiting"),
    }  # fmt: skip


async def test_streaks_counts_and_recordings_of_two_are_merged(database: Database, database_url: str) -> None:
    school, kept, gone = await pair(database)
    creator = school.creator_id
    add = "INSERT INTO streaks VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    watch = """
        INSERT INTO watched (creator_id, student_id, source_id, opened_at, beat_at, covered, done_at)
        VALUES ($1, $2, $3, $4, $4, $5, $6)
    """
    for student, days, best, freezes, covered, done in (
        (kept, 2, 9, 0, [0.0, 5.0], None), (gone, 6, 6, 1, [0.0, 4.0, 5.0, 9.0], NOW)
    ):  # fmt: skip
        async with database.creator(creator, student) as connection:
            await connection.execute(add, creator, student, NOW.date(), NOW, days, best, NOW.date(), freezes)
            await connection.execute(watch, creator, student, school.source_id, NOW, covered, done)
        await earn(database, creator, student, 10, f"quiz:{student}:1")
    await join(database, kept, gone)
    (streak,) = await rows(database_url, "SELECT days, best, freezes FROM streaks")
    assert tuple(streak) == (6, 9, 1)
    (watched,) = await rows(database_url, "SELECT covered, done_at FROM watched")
    assert tuple(watched) == ([0.0, 4.0, 5.0, 9.0], NOW)
    assert await PostgresLedger(database).paid_on(creator, kept, NOW.date()) == {QUIZ: 2}
    assert await PostgresLedger(database).faults(creator) == []


async def test_an_account_that_is_taken_out_loses_the_roles_of_its_student(database: Database) -> None:
    school, kept, gone = await pair(database)
    roles = PostgresRoles(database)
    await join(database, kept, gone)
    async with database.creator(school.creator_id) as connection:
        await want_role(connection, school.creator_id, school.community_id, kept, "555", "tier:")
    (given,) = await roles.claim("discord", 9)
    assert (given.accounts, given.wanted) == (("1", "2"), True)
    await roles.applied(given)
    await part(database, kept)
    (taken,) = await roles.claim("discord", 9)
    assert (taken.accounts, taken.role, taken.wanted) == (("2",), "555", False)


@pytest.mark.parametrize(
    ("made", "moved"),
    [
        (
            "INSERT INTO audit (creator_id, action, about_id) VALUES ($1, 'grant', $2)",
            "UPDATE audit SET about_id = $1",
        ),
        (
            """INSERT INTO redemptions (creator_id, key, student_id, rail, chronos, cents, currency, issuers, state,
               asked_at, due_at) VALUES ($1, 'k', $2, 'credit', 5, 5, 'USD', ARRAY[$1::bigint], 'settled',
               now(), now())""",
            "UPDATE redemptions SET student_id = $1",
        ),
        ("INSERT INTO unranked VALUES ($1, $2)", "UPDATE unranked SET student_id = $1"),
    ],
)
async def test_in_a_creators_scope_no_row_goes_to_another_student(database: Database, made: str, moved: str) -> None:
    school, other, owner = await pair(database)
    async with database.creator(school.creator_id, other) as connection:
        await connection.execute(made, school.creator_id, owner)
    for whose in (other, None):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="stays as it is"):
            async with database.creator(school.creator_id, other) as connection:
                await connection.execute(moved, whose)
    await join(database, other, owner)


async def test_whatever_must_be_unique_is_looked_at_before_rows_are_moved(database: Database) -> None:
    naming = """
        SELECT count(*) FROM pg_index
         WHERE indrelid = $1::text::regclass AND indisunique
           AND substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)') ~ ('\\m' || $2 || '\\M')
    """
    async with database.system() as connection:
        for column in await columns(connection):
            handled = await connection.fetch(UNIQUE, column.table, column.name)
            assert len(handled) >= await connection.fetchval(naming, column.table, column.name), column
        found = await connection.fetch(UNIQUE, "submissions", "student_id")
    assert ["creator_id", "lower(title)"] in [row["others"] for row in found]
