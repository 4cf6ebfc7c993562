"""Counting questions and model money on PostgreSQL: admitted under one lock a creator, settled once it is known."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from adapters.postgres.database import Connection, Database
from adapters.postgres.notices import tell_staff
from core.asking.answer import Answer, Mode, ModelCall, Usage
from core.asking.budgets import Budget, Period, Step, budgets_of, furthest, news_for_staff
from core.asking.limits import (
    FIRST_COST_USD,
    RESERVED_FOR,
    WINDOW,
    Admission,
    Limits,
    Load,
    over_limit,
    step_of,
)
from core.conversation import Reply
from core.errors import Refused
from core.ids import CommunityId, CreatorId, MessageId, StudentId, UsageId
from core.richtext import RichText

LONGEST_FAILURE: Final = 300

LOCK_LIMITS: Final = "SELECT pg_advisory_xact_lock(hashtextextended('limits on asking', $1))"
LOAD: Final = """
    SELECT statement_timestamp() AS at,
           coalesce(array_agg(used_at ORDER BY used_at)
                      FILTER (WHERE student_id = $2 AND used_at > statement_timestamp() - $4::interval), '{}')
             AS person_asked_at,
           coalesce(array_agg(used_at ORDER BY used_at)
                      FILTER (WHERE community_id = $3 AND used_at > statement_timestamp() - $4::interval), '{}')
             AS community_asked_at,
           count(*) FILTER (WHERE student_id = $2 AND used_at >= date_trunc('day', statement_timestamp(), 'UTC'))
             AS asked_today
      FROM usage
     WHERE creator_id = $1
       AND used_at >= least(date_trunc('day', statement_timestamp(), 'UTC'), statement_timestamp() - $4::interval)
"""
# What is set aside for answers that never came is free again after a while.
MONEY: Final = """
    SELECT coalesce(sum(cost_usd) FILTER (WHERE today), 0)::float8 AS day_usd,
           coalesce(sum(aside_usd) FILTER (WHERE today), 0)::float8 AS day_aside_usd,
           coalesce(sum(aside_usd), 0)::float8 AS month_aside_usd,
           coalesce(sum(cost_usd) FILTER (WHERE today AND student_id = $2), 0)::float8 AS own_usd,
           coalesce(sum(aside_usd) FILTER (WHERE today AND student_id = $2), 0)::float8 AS own_aside_usd
      FROM (SELECT cost_usd, student_id, used_at >= date_trunc('day', statement_timestamp(), 'UTC') AS today,
                   CASE WHEN used_at > statement_timestamp() - $3::interval THEN reserved_usd ELSE 0 END AS aside_usd
              FROM usage
             WHERE creator_id = $1 AND (cost_usd > 0 OR reserved_usd > 0)
               AND used_at >= least(date_trunc('day', statement_timestamp(), 'UTC'),
                                    statement_timestamp() - $3::interval)
           ) AS paid
"""
EARLIER: Final = """
    SELECT coalesce(sum(cost_usd), 0)::float8 FROM usage
     WHERE creator_id = $1 AND (cost_usd > 0 OR reserved_usd > 0)
       AND used_at >= date_trunc('month', statement_timestamp(), 'UTC')
       AND used_at < date_trunc('day', statement_timestamp(), 'UTC')
"""
CHOICE: Final = "SELECT models, stops FROM model_choices WHERE creator_id = $1"
# What is bought and sold of questions a day is asked only once the day's own are used up.
MORE_QUESTIONS: Final = """
    SELECT coalesce((SELECT sum(questions) FROM purchases
                      WHERE creator_id = $1 AND student_id = $2 AND kind = 'questions' AND state = 'fulfilled'
                        AND until > statement_timestamp()), 0) AS bought,
           EXISTS (SELECT FROM shop_items
                    WHERE creator_id = $1 AND kind = 'questions' AND state = 'open'
                      AND (stock IS NULL OR stock > 0)
                      AND (sale_ends_at IS NULL OR sale_ends_at > statement_timestamp())) AS sells_more
"""
# Of questions, which have a step: what material in the background costs is no measure for them.
LARGEST_COST: Final = """
    SELECT max(cost_usd) FROM (
      SELECT cost_usd FROM usage WHERE creator_id = $1 AND cost_usd > 0 AND step <> ''
       ORDER BY id DESC LIMIT 100
    ) AS latest
"""
ADD_USAGE: Final = """
    INSERT INTO usage (creator_id, student_id, community_id, used_at, reserved_usd, step)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
"""
SETTLE: Final = """
    UPDATE usage SET model = $3, prompt_tokens = prompt_tokens + $4, completion_tokens = completion_tokens + $5,
           cost_usd = cost_usd + $6, reserved_usd = 0, outcome = $7, mode = $8
     WHERE creator_id = $1 AND id = $2
    RETURNING id, student_id
"""
# On the row of the question that it was for: it stays open, and what is set aside stays so.
CHARGE: Final = """
    UPDATE usage SET prompt_tokens = prompt_tokens + $3, completion_tokens = completion_tokens + $4,
           cost_usd = cost_usd + $5
     WHERE creator_id = $1 AND id = $2
    RETURNING student_id
"""
TIE_CALLS: Final = "UPDATE model_calls SET message_id = $3 WHERE creator_id = $1 AND usage_id = $2"
ADD_CALLS: Final = """
    INSERT INTO model_calls (creator_id, usage_id, message_id, student_id, purpose, model, prompt_tokens,
                             completion_tokens, cached_tokens, cost_usd, first_word_ms, took_ms, failure)
    SELECT $1, $2, $3, $4, c.*
      FROM unnest($5::text[], $6::text[], $7::int[], $8::int[], $9::int[], $10::numeric[], $11::real[], $12::real[],
                  $13::text[]) AS c
"""
TELL_ONCE: Final = """
    INSERT INTO budget_news (creator_id, period, starts_on, step) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING RETURNING step
"""


class PostgresTill:
    """See :class:`core.asking.clerk.Till`."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    async def draw(self, creator_id: CreatorId) -> UsageId | None:
        """Set aside what a call may cost; None where what is left of a budget is for questions."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(LOCK_LIMITS, creator_id)
            load, _ = await _load(connection, creator_id, None, None, self._limits)
            await _tell_of_step(connection, creator_id, load)
            if step_of(load)[0] is not Step.LARGE:
                return None
            return await _counted(connection, creator_id, None, None, self._limits, load, "")

    async def settle(self, creator_id: CreatorId, usage_id: UsageId, calls: Sequence[ModelCall]) -> None:
        """Put what was really used in the place of what was set aside, and record the calls."""
        used = _sum_of(calls)
        model = next((call.model for call in calls if not call.failure), "")
        async with self._database.creator(creator_id) as connection:
            await connection.execute(
                SETTLE, creator_id, usage_id, model, used.prompt_tokens, used.completion_tokens, used.cost_usd, "", ""
            )
            await _record(connection, creator_id, usage_id, calls)

    async def charge(self, creator_id: CreatorId, usage_id: UsageId, calls: Sequence[ModelCall]) -> None:
        """Add calls to a question that is still being answered; they are its asker's."""
        used = _sum_of(calls)
        async with self._database.creator(creator_id) as connection:
            student_id = await connection.fetchval(
                CHARGE, creator_id, usage_id, used.prompt_tokens, used.completion_tokens, used.cost_usd
            )
            await _record(connection, creator_id, usage_id, calls, None, student_id)


async def admit_question(
    connection: Connection, creator_id: CreatorId, student_id: StudentId | None, community_id: CommunityId | None,
    limits: Limits,
) -> Admission | Refused:  # fmt: skip
    """Check and count under one lock a creator, since money, the widest limit, is counted by creator.

    A refusal is returned, not raised: what the staff is told of it belongs to the same transaction.
    """
    await connection.execute(LOCK_LIMITS, creator_id)
    load, models = await _load(connection, creator_id, student_id, community_id, limits)
    if reason := over_limit(load, limits):
        return Refused(reason)
    await _tell_of_step(connection, creator_id, load)
    step, notice = step_of(load)
    if notice and notice.stops:
        return Refused(notice.words())
    usage_id = await _counted(connection, creator_id, student_id, community_id, limits, load, step)
    return Admission(usage_id, step, notice, models)


async def settle_answer(
    connection: Connection, creator_id: CreatorId, answer: Answer, admission: Admission,
    message_id: MessageId | None = None,
) -> None:  # fmt: skip
    """Store what an answer used by its calls, and the calls; forms were charged when they were filled."""
    used = _sum_of(answer.calls)
    settled = await connection.fetchrow(
        SETTLE, creator_id, admission.usage_id, answer.model, used.prompt_tokens, used.completion_tokens,
        used.cost_usd, answer.outcome.value, _mode(answer),
    )  # fmt: skip
    if settled is None:
        return
    await _record(connection, creator_id, admission.usage_id, answer.calls, message_id, settled["student_id"])
    if message_id is not None:
        await connection.execute(TIE_CALLS, creator_id, admission.usage_id, message_id)


async def _load(
    connection: Connection, creator_id: CreatorId, student_id: StudentId | None, community_id: CommunityId | None,
    limits: Limits,
) -> tuple[Load, tuple[str, ...]]:  # fmt: skip
    """What is used of the limits, and the models that the creator prefers."""
    used = await connection.fetchrow(LOAD, creator_id, student_id, community_id, WINDOW)
    assert used is not None  # noqa: S101 - an aggregate always has a row
    choice = await connection.fetchrow(CHOICE, creator_id)
    bought, sells_more = 0, False
    if limits.person_per_day and used["asked_today"] >= limits.person_per_day and student_id is not None:
        (more,) = await connection.fetch(MORE_QUESTIONS, creator_id, student_id)
        bought, sells_more = more["bought"], more["sells_more"]
    load = Load(
        used["at"], used["person_asked_at"], used["community_asked_at"],
        await budgets(connection, creator_id, student_id, limits), used["asked_today"], bought, sells_more,
        stops=bool(choice and choice["stops"]),
    )  # fmt: skip
    return load, tuple(choice["models"]) if choice else ()


async def budgets(
    connection: Connection, creator_id: CreatorId, student_id: StudentId | None, limits: Limits
) -> tuple[Budget, ...]:
    """Inside a creator's transaction, the budgets that there are, with what is used of them."""
    money = [(period, limit) for period, limit in limits.money if period is not Period.OWN_DAY or student_id]
    if not any(limit for _, limit in money):
        return ()
    today = await connection.fetchrow(MONEY, creator_id, student_id, RESERVED_FOR)
    assert today is not None  # noqa: S101 - an aggregate always has a row
    earlier_usd = await connection.fetchval(EARLIER, creator_id) if limits.creator_usd_per_month else 0.0
    used = {
        Period.DAY: (today["day_usd"], today["day_aside_usd"]),
        Period.MONTH: (earlier_usd + today["day_usd"], today["month_aside_usd"]),
        Period.OWN_DAY: (today["own_usd"], today["own_aside_usd"]),
    }
    return budgets_of(money, used)


async def _counted(
    connection: Connection, creator_id: CreatorId, student_id: StudentId | None, community_id: CommunityId | None,
    limits: Limits, load: Load, step: str,
) -> UsageId:  # fmt: skip
    """Count a question, or work for a model where ``step`` is empty, and set money aside where it may be spent."""
    pays = any(limit for _, limit in limits.money) and step_of(load)[0].may_write
    reserved_usd = await _to_reserve(connection, creator_id) if pays else 0
    return UsageId(
        await connection.fetchval(ADD_USAGE, creator_id, student_id, community_id, load.at, reserved_usd, step)
    )


async def _to_reserve(connection: Connection, creator_id: CreatorId) -> Decimal:
    largest: Decimal | None = await connection.fetchval(LARGEST_COST, creator_id)
    return largest or Decimal(str(FIRST_COST_USD))


async def _tell_of_step(connection: Connection, creator_id: CreatorId, load: Load) -> None:
    """Tell the staff of each step of the creator's own budgets once, when money that is really spent reaches it."""
    for budget in load.budgets:
        step, period = furthest([budget.settled], stops=load.stops)
        if step is Step.LARGE or period is Period.OWN_DAY:
            continue
        starts_on = period.begins(load.at)
        if await connection.fetchval(TELL_ONCE, creator_id, period.value, starts_on, step.value):
            await _tell(connection, creator_id, news_for_staff(step, budget, load.at))


async def _tell(connection: Connection, creator_id: CreatorId, words: str) -> None:
    await tell_staff(connection, creator_id, Reply(RichText.of(words)))


async def _record(
    connection: Connection, creator_id: CreatorId, usage_id: UsageId, calls: Sequence[ModelCall],
    message_id: MessageId | None = None, student_id: int | None = None,
) -> None:  # fmt: skip
    if not calls:
        return
    columns = zip(
        *(
            (
                call.purpose, call.model, call.usage.prompt_tokens, call.usage.completion_tokens,
                call.usage.cached_tokens, Decimal(str(call.usage.cost_usd)), call.first_word_ms, call.took_ms,
                call.failure[:LONGEST_FAILURE],
            )
            for call in calls
        ),
        strict=True,
    )  # fmt: skip
    await connection.execute(ADD_CALLS, creator_id, usage_id, message_id, student_id, *map(list, columns))


def _sum_of(calls: Sequence[ModelCall]) -> Usage:
    return sum((call.usage for call in calls), Usage())


def _mode(answer: Answer) -> str:
    """How a question was answered; what a model wrote without being called now was kept, or made for another."""
    if not answer.citations:
        return "none"
    if answer.mode is Mode.QUOTED:
        return "quoted"
    return "written" if answer.calls else "kept"
