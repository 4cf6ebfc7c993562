"""What models were used for, on PostgreSQL under one creator's row-level security."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database
from adapters.postgres.model_choices import CHOICE
from adapters.postgres.spending import budgets
from core.asking.answer import Usage
from core.asking.budgets import Period, Step, furthest
from core.asking.limits import Limits
from core.asking.usage import DAYS, KEPT_FOR, ModelTotal, PurposeTotal, Spell, UsageDay, UsageReport
from core.ids import CreatorId

MODELS: Final = """
    SELECT model, count(*) AS calls, count(*) FILTER (WHERE failure <> '') AS failures,
           sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens,
           sum(cached_tokens) AS cached_tokens, sum(cost_usd)::float8 AS cost_usd,
           coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY first_word_ms)
                      FILTER (WHERE first_word_ms > 0), 0) AS first_word_ms
      FROM model_calls WHERE creator_id = $1 AND called_at >= $2 AND called_at <= $3
     GROUP BY model ORDER BY sum(cost_usd) DESC, count(*) DESC, model
"""
PURPOSES: Final = """
    SELECT purpose, count(*) AS calls, sum(cost_usd)::float8 AS cost_usd
      FROM model_calls WHERE creator_id = $1 AND called_at >= $2 AND called_at <= $3
     GROUP BY purpose ORDER BY sum(cost_usd) DESC, count(*) DESC, purpose
"""
ANSWERS: Final = """
    SELECT mode, step, count(*) AS answers, sum(cost_usd)::float8 AS cost_usd,
           coalesce(sum(cost_usd) FILTER (WHERE model = 'speech'), 0)::float8 AS speech_usd
      FROM usage WHERE creator_id = $1 AND used_at >= $2 AND used_at <= $3 GROUP BY mode, step
"""
BY_DAY: Final = """
    SELECT (used_at AT TIME ZONE 'UTC')::date AS day, sum(cost_usd)::float8 AS cost_usd,
           count(*) FILTER (WHERE mode <> '') AS questions
      FROM usage WHERE creator_id = $1 AND used_at >= $2 AND used_at <= $3 GROUP BY 1
"""
PURGE: Final = "DELETE FROM model_calls WHERE creator_id = $1 AND called_at < now() - $2::interval"
PURGE_NEWS: Final = "DELETE FROM budget_news WHERE creator_id = $1 AND told_at < now() - $2::interval"


class PostgresModelUsage:
    """See :class:`core.asking.usage.ModelUsage`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, creator_id: CreatorId, limits: Limits, now: datetime) -> UsageReport:
        """What was used up to now, as of one moment."""
        midnight = datetime.combine(Period.DAY.begins(now), datetime.min.time(), UTC)
        first = datetime.combine(Period.MONTH.begins(now), datetime.min.time(), UTC)
        async with self._database.creator(creator_id, frozen=True) as connection:
            found = await budgets(connection, creator_id, None, limits)
            choice = await connection.fetchrow(CHOICE, creator_id)
            today = await _spell(connection, creator_id, midnight, now)
            month = await _spell(connection, creator_id, first, now)
            days = await connection.fetch(BY_DAY, creator_id, midnight - timedelta(days=DAYS - 1), now)
        step, period = furthest(found, stops=bool(choice and choice["stops"]))
        shown = _days(days, midnight.date())
        return UsageReport(today, month, found, step, period, shown, limits.person_usd_per_day)

    async def purge(self, creator_id: CreatorId) -> None:
        """Forget calls that are older than is kept."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(PURGE, creator_id, KEPT_FOR)
            await connection.execute(PURGE_NEWS, creator_id, KEPT_FOR)


async def _spell(connection: Connection, creator_id: CreatorId, since: datetime, now: datetime) -> Spell:
    models = await connection.fetch(MODELS, creator_id, since, now)
    purposes = await connection.fetch(PURPOSES, creator_id, since, now)
    answers = await connection.fetch(ANSWERS, creator_id, since, now)
    modes: Counter[str] = Counter()
    steps: Counter[Step] = Counter()
    for row in answers:
        if row["mode"]:
            modes[row["mode"]] += row["answers"]
            steps[Step(row["step"] or Step.LARGE)] += row["answers"]
    return Spell(
        modes, steps, sum(row["cost_usd"] for row in answers), sum(row["speech_usd"] for row in answers),
        [_model(row) for row in models],
        [PurposeTotal(row["purpose"], row["calls"], row["cost_usd"]) for row in purposes],
    )  # fmt: skip


def _model(row: asyncpg.Record) -> ModelTotal:
    used = Usage(row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"], row["cost_usd"])
    return ModelTotal(row["model"], row["calls"], row["failures"], used, row["first_word_ms"])


def _days(rows: list[asyncpg.Record], today: date) -> list[UsageDay]:
    """The last days up to today, oldest first, also those on which nothing was used."""
    known = {row["day"]: (row["cost_usd"], row["questions"]) for row in rows}
    shown = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    return [UsageDay(day, *known.get(day, (0.0, 0))) for day in shown]
