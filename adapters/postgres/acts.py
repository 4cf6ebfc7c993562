"""Learning acts on PostgreSQL: recorded with the thing done, judged and paid one by one, each in a transaction."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.jobs import AWARD, put_job
from adapters.postgres.learning_days import FORGET_DAYS, note_learning, unlearn, zone_of
from adapters.postgres.ledger import REVERSE, pay
from adapters.postgres.notices import tell
from adapters.postgres.tariffs import tariff_of
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.acts import COMPARED, Act, Verdict, Wording, objection
from core.rewards.ledger import Award
from core.rewards.rules import NOTHING, STREAK, Rewards, Rule
from core.rewards.streaks import streak_paid

KEPT_FOR: Final = timedelta(days=90)
"""Far longer than what a new act is compared with."""

RECORD: Final = """
    INSERT INTO learning_acts (creator_id, student_id, rule, key, words, characters, fingerprint, evidence, done_at,
                               given_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (creator_id, key) DO NOTHING
"""
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('awards', $1))"
_ACT: Final = (
    "id, creator_id, student_id, rule, key, done_at, words, characters, fingerprint, evidence, given_by, verdict, day"
)
UNJUDGED: Final = f"SELECT {_ACT} FROM learning_acts WHERE creator_id = $1 AND verdict IS NULL ORDER BY id LIMIT 1"
EARLIER: Final = f"""
    SELECT {_ACT} FROM learning_acts
     WHERE creator_id = $1 AND student_id = $2 AND rule = $3 AND verdict IS NOT NULL AND verdict <> 'taken_back'
       AND fingerprint IS NOT NULL
     ORDER BY done_at DESC LIMIT $4
"""
PAID_AT: Final = """
    SELECT done_at FROM learning_acts
     WHERE creator_id = $1 AND student_id = $2 AND rule = $3 AND verdict = 'awarded'
       AND done_at BETWEEN $4::timestamptz - $5 * interval '1 second' AND $4::timestamptz + $5 * interval '1 second'
"""
GIVEN: Final = """
    SELECT count(*) FROM learning_acts
     WHERE creator_id = $1 AND given_by = $2 AND rule = $3 AND verdict = 'awarded'
       AND done_at >= date_trunc('day', $4::timestamptz, 'UTC')
"""
NAMED: Final = f"SELECT {_ACT} FROM learning_acts WHERE creator_id = $1 AND key = $2"
PURGE: Final = """
    DELETE FROM learning_acts WHERE creator_id = $1 AND verdict IS NOT NULL AND done_at < now() - $2::interval
"""
PAID_TO_ONE: Final = 1_000
"""What others give is limited by the day and giver; this is how often one can get it a day."""
MAY_NOT_EARN: Final = """
    SELECT EXISTS (SELECT FROM enrolments WHERE creator_id = $1 AND student_id = $2 AND status <> 'active')
"""
JUDGE: Final = "UPDATE learning_acts SET verdict = $3, day = $4 WHERE creator_id = $1 AND id = $2"


async def record_act(connection: Connection, act: Act) -> None:
    """Note an act inside the transaction of what was done, and have it judged; the same key again changes nothing."""
    wording = act.wording
    await connection.execute(
        RECORD, act.creator_id, act.student_id, act.rule, act.key, wording and wording.words,
        wording and wording.characters, wording and wording.fingerprint, dict(act.evidence), act.at, act.given_by,
    )  # fmt: skip
    await put_job(connection, AWARD, act.creator_id)


async def take_back(connection: Connection, creator_id: CreatorId, key: str, reason: str) -> None:
    """Inside a creator's transaction, undo an act: what it earned is reversed; not judged yet, it is never paid."""
    await connection.execute(ONE_AT_A_TIME, creator_id)
    row = await connection.fetchrow(NAMED, creator_id, key)
    if row is None or row["verdict"] == Verdict.TAKEN_BACK:
        return
    if row["verdict"] == Verdict.AWARDED:
        await connection.fetchval(REVERSE, creator_id, key, reason, {})
    await connection.execute(JUDGE, creator_id, row["id"], Verdict.TAKEN_BACK.value, row["day"])
    if row["day"] is not None:
        await unlearn(connection, creator_id, StudentId(row["student_id"]), row["day"])


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
            act = _act(row)
            zone = await zone_of(connection, act.student_id)
            rewards = await tariff_of(connection, creator_id, rewards)
            verdict = await _judged(connection, act, zone.day_of(act.at), rewards)
            await connection.execute(JUDGE, creator_id, row["id"], verdict.value, zone.day_of(act.at))
            await note_learning(connection, act, verdict, zone)
            if act.rule == STREAK and verdict is Verdict.AWARDED:
                await tell(connection, creator_id, act.student_id, streak_paid(act, rewards.rules[STREAK].amount))
        return True

    async def purge(self, creator_id: CreatorId) -> None:
        """Forget what was judged long ago; what it earned stays in the ledger."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(PURGE, creator_id, KEPT_FOR)
            await connection.execute(FORGET_DAYS, creator_id, KEPT_FOR)


async def _judged(connection: Connection, act: Act, day: date, rewards: Rewards) -> Verdict:
    rule = rewards.rules.get(act.rule, NOTHING)
    async with system_role(connection):
        if await connection.fetchval(MAY_NOT_EARN, act.creator_id, act.student_id):
            return Verdict.INACTIVE
    if reason := await _objection(connection, act, rule):
        return reason
    if not rule.amount:
        return Verdict.UNPAID
    most_a_day = rule.most_a_day if act.given_by is None else PAID_TO_ONE
    award = Award(act.rule, act.key, rule.amount, most_a_day, day, act.evidence)
    try:
        async with connection.transaction():
            return Verdict((await pay(connection, act.creator_id, act.student_id, award, rewards.budget)).value)
    except Refused:
        return Verdict.REFUSED


async def _objection(connection: Connection, act: Act, rule: Rule) -> Verdict | None:
    """Why an act does not count, by what the student did before, or who gave it has given today."""
    whose = (act.creator_id, act.student_id, act.rule)
    if act.wording is not None:
        earlier = await connection.fetch(EARLIER, *whose, COMPARED)
        paid = await connection.fetch(PAID_AT, *whose, act.at, rule.seconds_apart)
        paid_at = [row["done_at"] for row in paid]
        return objection(act, [_act(row) for row in earlier], paid_at, rule.seconds_apart)
    if act.given_by is not None:
        given = await connection.fetchval(GIVEN, act.creator_id, act.given_by, act.rule, act.at)
        return Verdict.CAPPED if given >= rule.most_a_day else None
    return None


def _act(row: asyncpg.Record) -> Act:
    wording = None if row["words"] is None else Wording(row["words"], row["characters"], row["fingerprint"])
    act = Act(
        CreatorId(row["creator_id"]), StudentId(row["student_id"]), row["rule"], row["key"], row["done_at"], wording
    )
    given_by = None if row["given_by"] is None else StudentId(row["given_by"])
    return replace(act, evidence=row["evidence"], given_by=given_by)
