"""Learning acts on PostgreSQL: recorded with the thing done, judged and paid one by one, each in a transaction."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.jobs import AWARD, put_job
from adapters.postgres.ledger import pay
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.acts import COMPARED, Act, Verdict, Wording, objection
from core.rewards.ledger import Award
from core.rewards.rules import Rewards

KEPT_FOR: Final = timedelta(days=90)
"""Far longer than what a new act is compared with."""

RECORD: Final = """
    INSERT INTO learning_acts (creator_id, student_id, rule, key, words, characters, fingerprint, evidence)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (creator_id, key) DO NOTHING
"""
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('awards', $1))"
UNJUDGED: Final = """
    SELECT id, creator_id, student_id, rule, key, done_at, words, characters, fingerprint, evidence
      FROM learning_acts WHERE creator_id = $1 AND verdict IS NULL ORDER BY id LIMIT 1
"""
PAID: Final = """
    SELECT id, creator_id, student_id, rule, key, done_at, words, characters, fingerprint, evidence
      FROM learning_acts
     WHERE creator_id = $1 AND student_id = $2 AND rule = $3 AND verdict = 'awarded'
     ORDER BY done_at DESC LIMIT $4
"""
PURGE: Final = """
    DELETE FROM learning_acts WHERE creator_id = $1 AND verdict IS NOT NULL AND done_at < now() - $2::interval
"""
MAY_NOT_EARN: Final = """
    SELECT EXISTS (SELECT FROM enrolments WHERE creator_id = $1 AND student_id = $2 AND status <> 'active')
"""
JUDGE: Final = "UPDATE learning_acts SET verdict = $3 WHERE creator_id = $1 AND id = $2"


async def record_act(connection: Connection, act: Act) -> None:
    """Note an act inside the transaction of what was done, and have it judged; the same key again changes nothing."""
    wording = act.wording
    await connection.execute(
        RECORD, act.creator_id, act.student_id, act.rule, act.key, wording and wording.words,
        wording and wording.characters, wording and wording.fingerprint, dict(act.evidence),
    )  # fmt: skip
    await put_job(connection, AWARD, act.creator_id)


class PostgresActs:
    """See :class:`core.rewards.awarding.Acts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def judge_next(self, creator_id: CreatorId, rewards: Rewards) -> bool:
        """Judge and pay the oldest act of a creator's students that waits; False where none does."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, creator_id)
            row = await connection.fetchrow(UNJUDGED, creator_id)
            if row is None:
                return False
            verdict = await _judged(connection, _act(row), rewards)
            await connection.execute(JUDGE, creator_id, row["id"], verdict.value)
        return True

    async def purge(self, creator_id: CreatorId) -> None:
        """Forget what was judged long ago; what it earned stays in the ledger."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(PURGE, creator_id, KEPT_FOR)


async def _judged(connection: Connection, act: Act, rewards: Rewards) -> Verdict:
    rule = rewards.rules.get(act.rule)
    if rule is None or not rule.amount:
        return Verdict.UNPAID
    async with system_role(connection):
        if await connection.fetchval(MAY_NOT_EARN, act.creator_id, act.student_id):
            return Verdict.INACTIVE
    paid = await connection.fetch(PAID, act.creator_id, act.student_id, act.rule, COMPARED)
    if reason := objection(act, [_act(row) for row in paid], rule.seconds_apart):
        return reason
    award = Award(act.rule, act.key, rule.amount, rule.most_a_day, act.at.date(), act.evidence)
    try:
        async with connection.transaction():
            return Verdict((await pay(connection, act.creator_id, act.student_id, award, rewards.budget)).value)
    except Refused:
        return Verdict.REFUSED


def _act(row: asyncpg.Record) -> Act:
    wording = None if row["words"] is None else Wording(row["words"], row["characters"], row["fingerprint"])
    act = Act(
        CreatorId(row["creator_id"]), StudentId(row["student_id"]), row["rule"], row["key"], row["done_at"], wording
    )
    return replace(act, evidence=row["evidence"])
