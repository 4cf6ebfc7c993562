"""Model money and calls on a real PostgreSQL: budgets of a month and of a person, what the staff is told, reports."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.model_choices import PostgresModelChoices
from adapters.postgres.model_usage import PostgresModelUsage
from adapters.postgres.spending import PostgresTill
from bot.commands.usage import described
from core.asking.answer import Answer, Mode, ModelCall, Usage
from core.asking.budgets import Period, Step
from core.asking.choices import ModelChoice
from core.asking.limits import Limits
from core.asking.notices import BUSY
from core.asking.sessions import Speaker
from core.conversation import Person
from core.errors import Refused
from tests.adapters.school import School, answer, change, enrol_student, found_school, rows

A_DAY: Final = Limits(0, 0, 1.0)
A_MONTH: Final = Limits(0, 0, 0.0, creator_usd_per_month=1.0)
OWN: Final = Limits(0, 0, 0.0, person_usd_per_day=0.1)
FAILED: Final = ModelCall("anthropic:large", "answer", Usage(), 0.0, 900.0, "Anthropic is busy (529)")
NEWS: Final = "SELECT content->>'text' AS text FROM outbox ORDER BY id"


@pytest.fixture
def conversations(database: Database) -> PostgresConversations:
    return PostgresConversations(database)


@pytest.fixture
async def school(database: Database) -> School:
    return await found_school(database, "drawing")


@pytest.fixture
async def speaker(school: School, database: Database) -> Speaker:
    return school.speaker(await enrol_student(database, "1"))


def written(cost_usd: float, *, model: str = "openai:small", first_word_ms: float = 400.0) -> Answer:
    """An answer that a model wrote after another had failed."""
    used = Usage(1_000, 50, 600, cost_usd)
    call = ModelCall(model, "answer", used, first_word_ms, 1_500.0, "")
    return replace(answer(), mode=Mode.WRITTEN, model=model, usage=used, calls=(FAILED, call))


async def spend(conversations: PostgresConversations, speaker: Speaker, cost_usd: float) -> None:
    admission = await conversations.admit(speaker, Limits(0, 0, 0.0))
    await conversations.record(speaker, "How?", written(cost_usd), admission)


async def move_back(url: str, table: str, interval: str) -> None:
    """Make every row older; the table's owner may, once the policies do not hold for them."""
    moment = {"usage": "used_at", "model_calls": "called_at"}[table]
    for statement in (
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"UPDATE {table} SET {moment} = {moment} - interval '{interval}'",  # noqa: S608 - words of this module
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    ):
        await change(url, statement)


async def test_a_months_budget_counts_what_a_day_ago_cost_and_sets_aside_what_is_on_its_way(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    await spend(conversations, speaker, 0.35)
    assert (await conversations.admit_operator(speaker.creator_id, A_MONTH)).step is Step.LARGE
    admitted = [await conversations.admit(speaker, A_MONTH) for _ in range(2)]
    assert [each.step for each in admitted] == [Step.SMALL, Step.QUOTING], "0.35 are set aside for each on its way"
    assert admitted[1].notice is not None
    assert admitted[1].notice.words() == BUSY, "it may come back"
    await spend(conversations, speaker, 0.65)
    used_up = (await conversations.admit(speaker, A_MONTH)).notice
    assert used_up is not None
    assert "This month's budget for written answers is used up." in used_up.words()
    await move_back(database_url, "usage", "32 days")
    assert (await conversations.admit(speaker, A_MONTH)).step is Step.LARGE


async def test_a_persons_own_budget_is_theirs_alone_and_holds_for_a_burst(
    conversations: PostgresConversations, school: School, speaker: Speaker, database: Database
) -> None:
    classmate = school.speaker(await enrol_student(database, "2"))
    steps = [(await conversations.admit(speaker, OWN)).step for _ in range(3)]
    assert steps == [Step.LARGE, Step.LARGE, Step.QUOTING], "five cents are set aside for each"
    notice = (await conversations.admit(speaker, OWN)).notice
    assert notice is not None
    assert notice.words() == BUSY
    await spend(conversations, speaker, 0.1)
    notice = (await conversations.admit(speaker, OWN)).notice
    assert notice is not None
    assert notice.words().startswith("Your own budget for written answers today")
    assert (await conversations.admit(classmate, OWN)).step is Step.LARGE
    assert (await conversations.admit_operator(school.creator_id, OWN)).step is Step.LARGE


async def test_where_the_creator_chose_to_stop_nobody_is_answered_without_money(
    conversations: PostgresConversations, speaker: Speaker, database: Database
) -> None:
    choices = PostgresModelChoices(database)
    await choices.choose(speaker.creator_id, ModelChoice(("openai:small",), stops=True))
    assert (await conversations.admit(speaker, A_DAY)).models == ("openai:small",)
    await spend(conversations, speaker, 1.2)
    with pytest.raises(Refused, match="the staff decided that I stop then"):
        await conversations.admit(speaker, A_DAY)
    assert await PostgresTill(database, A_DAY).draw(speaker.creator_id) is None
    await choices.choose(speaker.creator_id, ModelChoice())
    assert (await conversations.admit(speaker, A_DAY)).step is Step.QUOTING


async def test_the_staff_is_told_once_of_each_step_and_not_of_what_is_only_set_aside(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    directory = PostgresDirectory(database)
    owner = await directory.student(Person("discord", "9", "Owner"))
    await change(database_url, f"UPDATE creators SET owner_id = {owner} WHERE id = {speaker.creator_id}")  # noqa: S608
    for _ in range(30):
        await conversations.admit(speaker, A_DAY)
    assert await rows(database_url, NEWS) == []
    await move_back(database_url, "usage", "1 hour")
    for cost_usd in (0.4, 0.4, 0.3):
        await spend(conversations, speaker, cost_usd)
        for _ in range(2):
            await conversations.admit(speaker, A_DAY)
    small, quoting = [row["text"] for row in await rows(database_url, NEWS)]
    assert "more than 70%" in small
    assert "which is all" in quoting


async def test_each_call_is_recorded_with_its_question_and_counts_with_those_that_failed(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    await spend(conversations, speaker, 0.25)
    failed, worked = await rows(database_url, "SELECT * FROM model_calls ORDER BY id")
    (used,) = await rows(database_url, "SELECT * FROM usage")
    (message,) = await rows(database_url, "SELECT id FROM chat_messages")
    assert (failed["model"], failed["failure"], float(failed["cost_usd"])) == (FAILED.model, FAILED.failure, 0.0)
    assert (worked["model"], worked["cached_tokens"], worked["first_word_ms"]) == ("openai:small", 600, 400.0)
    assert {row["message_id"] for row in (failed, worked)} == {message["id"]}
    assert {row["student_id"] for row in (failed, worked)} == {speaker.student_id}
    assert (used["mode"], used["step"], float(used["cost_usd"])) == ("written", "large", 0.25)
    exported = await conversations.export(speaker.student_id)
    assert [call["model"] for call in exported["model_calls"]] == [FAILED.model, "openai:small"]
    assert "cost_usd" not in exported["model_calls"][0], "members see nothing of cost"


async def test_whoever_is_forgotten_leaves_calls_that_belong_to_nobody(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    await spend(conversations, speaker, 0.25)
    await change(database_url, f"DELETE FROM students WHERE id = {speaker.student_id}")  # noqa: S608 - a number
    kept = await rows(database_url, "SELECT student_id, message_id FROM model_calls")
    assert [tuple(row) for row in kept] == [(None, None)] * 2


async def test_forms_draw_on_the_same_budget_and_are_no_questions(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    till = PostgresTill(database, A_DAY)
    usage_id = await till.draw(speaker.creator_id)
    assert usage_id is not None
    call = ModelCall("openai:small", "study", Usage(100, 10, 0, 1.0), 300.0, 300.0, "")
    await till.settle(speaker.creator_id, usage_id, [call])
    assert await till.draw(speaker.creator_id) is None
    admission = await conversations.admit(speaker, A_DAY)
    assert admission.notice is not None
    assert (admission.step, "used up" in admission.notice.words()) == (Step.QUOTING, True)
    kept = await rows(database_url, "SELECT mode, step, outcome, reserved_usd, student_id FROM usage ORDER BY id")
    assert tuple(kept[0]) == ("", "", "", 0, None)


async def test_material_in_the_background_leaves_the_last_third_of_a_budget_to_questions(
    conversations: PostgresConversations, speaker: Speaker, database: Database
) -> None:
    till = PostgresTill(database, A_DAY)
    call = ModelCall("openai:small", "study", Usage(100, 10, 0, 0.36), 1.0, 1.0, "")
    for _ in range(2):
        usage_id = await till.draw(speaker.creator_id)
        assert usage_id is not None
        await till.settle(speaker.creator_id, usage_id, [call])
    assert await till.draw(speaker.creator_id) is None, "0.72 of a dollar are spent"
    steps = [(await conversations.admit(speaker, A_DAY)).step for _ in range(5)]
    assert steps == [Step.SMALL] * 5, "five cents are set aside for each: what material costs is no measure"


async def test_forms_for_a_question_are_its_askers_and_tied_to_its_message(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    admission = await conversations.admit(speaker, OWN)
    form = ModelCall("openai:small", "sufficiency", Usage(100, 10, 0, 0.06), 300.0, 300.0, "")
    await PostgresTill(database, OWN).charge(speaker.creator_id, admission.usage_id, [form])
    kept = replace(written(0.0), usage=Usage(100, 10, 0, 0.06), calls=())  # the usage tells of forms, too
    message_id = await conversations.record(speaker, "How?", kept, admission)
    (used,) = await rows(database_url, "SELECT * FROM usage")
    assert (float(used["cost_usd"]), used["prompt_tokens"], used["reserved_usd"]) == (0.06, 100, 0)
    (call,) = await rows(database_url, "SELECT * FROM model_calls")
    assert (call["message_id"], call["student_id"], call["usage_id"]) == (
        message_id, speaker.student_id, admission.usage_id,
    )  # fmt: skip
    exported = await conversations.export(speaker.student_id)
    assert [each["purpose"] for each in exported["model_calls"]] == ["sufficiency"]
    steps = [(await conversations.admit(speaker, OWN)).step for _ in range(2)]
    assert steps == [Step.LARGE, Step.QUOTING], "six cents are spent, and six are set aside for the next"


async def test_a_report_adds_up_today_and_the_month_by_model_purpose_mode_and_step(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    usage, now = PostgresModelUsage(database), datetime.now(UTC) + timedelta(seconds=5)
    for cost_usd in (0.1, 0.3):
        await spend(conversations, speaker, cost_usd)
    kept = replace(written(0.0), usage=Usage(), calls=())
    for given in (kept, answer()):
        await conversations.record(speaker, "Again?", given, await conversations.admit(speaker, A_DAY))
    report = await usage.report(
        speaker.creator_id, replace(A_DAY, creator_usd_per_month=10.0, person_usd_per_day=0.5), now
    )
    assert report.today.modes == {"written": 2, "kept": 1, "quoted": 1}
    assert report.today.steps == {Step.LARGE: 4}
    assert report.month.cost_usd == pytest.approx(0.4)
    small, large = report.month.models
    assert (small.model, small.calls, small.failures, small.cached_share) == ("openai:small", 2, 0, 0.6)
    assert (small.first_word_ms, large.first_word_ms, large.failures) == (400.0, 0.0, 2)
    assert [(each.purpose, each.calls) for each in report.month.purposes] == [("answer", 4)]
    assert [(budget.period, round(budget.left_usd, 6)) for budget in report.budgets] == [
        (Period.DAY, 0.6), (Period.MONTH, 9.6),
    ]  # fmt: skip
    assert (report.step, len(report.days), report.days[-1].questions) == (Step.LARGE, 14, 4)
    assert "Each student's own: 0.50 USD a day" in described("Drawing", report).plain
    shown = report.picture("Drawing")
    assert shown.bars[-1][1] == pytest.approx(0.4)
    assert shown.limit == 1.0
    later = await usage.report(speaker.creator_id, A_DAY, now + timedelta(days=40))
    assert (later.today.modes, later.month.models) == ({}, [])


async def test_calls_are_forgotten_after_four_hundred_days_and_another_creators_are_not_seen(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    usage = PostgresModelUsage(database)
    other = (await found_school(database, "cooking")).creator_id
    await spend(conversations, speaker, 0.1)
    now = datetime.now(UTC) + timedelta(seconds=5)
    assert (await usage.report(other, A_DAY, now)).month.cost_usd == 0.0
    await usage.purge(speaker.creator_id)
    assert len(await rows(database_url, "SELECT 1 FROM model_calls")) == 2
    await move_back(database_url, "model_calls", "401 days")
    await usage.purge(other)
    assert len(await rows(database_url, "SELECT 1 FROM model_calls")) == 2
    await usage.purge(speaker.creator_id)
    assert await rows(database_url, "SELECT 1 FROM model_calls") == []
