"""Learning acts on PostgreSQL: recorded with the thing done, judged and paid one by one, each in a transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.former import earned_before
from adapters.postgres.jobs import AWARD, put_job
from adapters.postgres.learning_days import FORGET_DAYS, note_learning, unlearn, zone_of
from adapters.postgres.ledger import REVERSE_OF, pay
from adapters.postgres.notices import tell
from adapters.postgres.tariffs import tariff_of
from core.errors import DatabaseError, Refused
from core.ids import CreatorId, StudentId
from core.rewards.acts import COMPARED, Act, Verdict, Wording, objection
from core.rewards.awarding import MOST_ATTEMPTS, NotJudged
from core.rewards.days import ONE_DAY, Zone
from core.rewards.ledger import Award
from core.rewards.rules import NOTHING, ONCE, PATIENT, STREAK, Rewards, Rule
from core.rewards.streaks import LEARNING, streak_paid

KEPT_FOR: Final = timedelta(days=90)
"""Far longer than what a new act is compared with."""

RECORD: Final = """
    INSERT INTO learning_acts (creator_id, student_id, rule, key, words, characters, fingerprint, evidence, done_at,
                               given_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (creator_id, key) DO NOTHING
"""
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('awards', $1))"
_ACT: Final = (
    "id, creator_id, student_id, rule, key, done_at, words, characters, fingerprint, evidence, given_by, verdict, "
    "day, judge_from"
)
UNJUDGED: Final = f"""
    SELECT {_ACT} FROM learning_acts
     WHERE creator_id = $1 AND verdict IS NULL AND coalesce(judge_from <= now(), true) AND attempts < $2
     ORDER BY id LIMIT 1
"""
FAILED: Final = """
    UPDATE learning_acts SET attempts = attempts + 1 WHERE creator_id = $1 AND id = $2 RETURNING attempts
"""
TRY_AGAIN: Final = """
    UPDATE learning_acts SET attempts = $2 - 1 WHERE creator_id = $1 AND verdict IS NULL AND attempts >= $2
"""
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
STANDING: Final = """
    SELECT EXISTS (SELECT FROM enrolments
                    WHERE creator_id = $1 AND student_id = $2 AND status <> 'active') AS inactive,
           ARRAY(SELECT other_id FROM same_person WHERE student_id = $2) AS others
"""
PAID: Final = "SELECT EXISTS (SELECT FROM transfers WHERE creator_id = $1 AND key = ANY ($2) AND kind = 'earn')"
STILL_PAID: Final = """
    SELECT EXISTS (SELECT FROM transfers WHERE creator_id = $1 AND key = $2 AND kind = 'earn')
       AND NOT EXISTS (SELECT FROM transfers WHERE creator_id = $1 AND key = $2 || ':reverse')
"""
JUDGE: Final = "UPDATE learning_acts SET verdict = $3, day = $4 WHERE creator_id = $1 AND id = $2"
WAIT: Final = "UPDATE learning_acts SET judge_from = $3, day = $4 WHERE creator_id = $1 AND id = $2"


async def record_act(connection: Connection, act: Act) -> None:
    """Note an act inside the transaction of what was done, and have it judged; the same key again changes nothing."""
    wording = act.wording
    await connection.execute(
        RECORD, act.creator_id, act.student_id, act.rule, act.key, wording and wording.words,
        wording and wording.characters, wording and wording.fingerprint, dict(act.evidence), act.at, act.given_by,
    )  # fmt: skip
    await put_job(connection, AWARD, act.creator_id)


async def take_back(
    connection: Connection, creator_id: CreatorId, key: str, reason: str, by: StudentId | None = None,
    whose: StudentId | None = None,
) -> None:  # fmt: skip
    """Inside a creator's transaction, undo an act: what it earned is reversed; not judged yet, it is never paid.

    A streak that was paid for a day on which nothing else was learnt is taken back with it.
    """
    await connection.execute(ONE_AT_A_TIME, creator_id)
    row = await connection.fetchrow(NAMED, creator_id, key)
    if row is None or row["verdict"] == Verdict.AWARDED:  # what was forgotten may have been paid
        owner = whose if row is None else row["student_id"]
        await connection.fetchval(REVERSE_OF, creator_id, owner, key, reason, {"by": by} if by else {})
    if row is None or row["verdict"] == Verdict.TAKEN_BACK:
        return
    await connection.execute(JUDGE, creator_id, row["id"], Verdict.TAKEN_BACK.value, row["day"])
    if row["day"] is not None and row["rule"] in LEARNING:
        streak_key = await unlearn(connection, creator_id, StudentId(row["student_id"]), row["day"])
        if streak_key is not None:
            await take_back(connection, creator_id, streak_key, reason, by)


class PostgresActs:
    """See :class:`core.rewards.awarding.Acts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def judge_next(self, creator_id: CreatorId, rewards: Rewards) -> bool:
        """Judge and pay the oldest act of a creator's students that waits; see the port."""
        row = None
        try:
            async with self._database.creator(creator_id) as connection:
                await connection.execute(ONE_AT_A_TIME, creator_id)
                row = await connection.fetchrow(UNJUDGED, creator_id, MOST_ATTEMPTS)
                if row is not None:
                    await _judge(connection, row, await tariff_of(connection, creator_id, rewards))
        except DatabaseError:
            raise
        except Exception as error:
            if row is None:
                raise
            async with self._database.creator(creator_id) as connection:
                attempts = await connection.fetchval(FAILED, creator_id, row["id"])
            raise NotJudged(row["key"], attempts or 0, str(error)) from error
        return row is not None

    async def try_again(self, creator_id: CreatorId) -> None:
        """Give what could not be judged another attempt."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(TRY_AGAIN, creator_id, MOST_ATTEMPTS)

    async def purge(self, creator_id: CreatorId) -> None:
        """Forget what was judged long ago; what it earned stays in the ledger."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(PURGE, creator_id, KEPT_FOR)
            await connection.execute(FORGET_DAYS, creator_id, KEPT_FOR)


async def _judge(connection: Connection, row: asyncpg.Record, rewards: Rewards) -> None:
    """Judge an act, or let it wait for a day that has room for it."""
    act, zone = _act(row), await zone_of(connection, StudentId(row["student_id"]))
    counts_at = row["judge_from"] or act.at
    verdict = await _judged(connection, act, counts_at, zone, rewards)
    if row["judge_from"] is None:
        await note_learning(connection, act, verdict, zone)
    day = row["day"] or zone.day_of(act.at)
    next_at = _next_chance(act, verdict, counts_at, zone, rewards)
    if next_at is not None:
        await connection.execute(WAIT, act.creator_id, row["id"], next_at, day)
        return
    await connection.execute(JUDGE, act.creator_id, row["id"], verdict.value, day)
    if act.rule == STREAK and verdict is Verdict.AWARDED:
        await tell(connection, act.creator_id, act.student_id, streak_paid(act, rewards.rules[STREAK].amount))


def _next_chance(act: Act, verdict: Verdict, counts_at: datetime, zone: Zone, rewards: Rewards) -> datetime | None:
    """When an act that a day had no room for is judged again; None where the verdict is final."""
    if act.rule not in PATIENT or not rewards.rules.get(act.rule, NOTHING).most_a_day:
        return None
    if counts_at - act.at > KEPT_FOR:
        return None
    if verdict is Verdict.CAPPED:
        return zone.span(zone.day_of(counts_at))[1]
    if verdict is Verdict.OVER_BUDGET:
        return datetime.combine(counts_at.astimezone(UTC).date() + ONE_DAY, time(), UTC)
    return None


async def _judged(connection: Connection, act: Act, counts_at: datetime, zone: Zone, rewards: Rewards) -> Verdict:
    rule = rewards.rules.get(act.rule, NOTHING)
    if refused := await _refused(connection, act):
        return refused
    if reason := await _objection(connection, act, rule):
        return reason
    if not rule.amount:
        return Verdict.UNPAID
    most_a_day = rule.most_a_day if act.given_by is None else PAID_TO_ONE
    day, budget_day = zone.day_of(counts_at), counts_at.astimezone(UTC).date()
    award = Award(act.rule, act.key, rule.amount, most_a_day, day, act.evidence, budget_day=budget_day)
    try:
        async with connection.transaction():
            return Verdict((await pay(connection, act.creator_id, act.student_id, award, rewards.budget)).value)
    except Refused:
        return Verdict.REFUSED


async def _refused(connection: Connection, act: Act) -> Verdict | None:
    """Why nothing is paid to this student for it, whatever it is worth."""
    async with system_role(connection):
        row = await connection.fetchrow(STANDING, act.creator_id, act.student_id)
        assert row is not None  # noqa: S101 - it has no FROM
        if row["inactive"]:
            return Verdict.INACTIVE
        if act.rule in ONCE and await earned_before(connection, act.creator_id, act.student_id):
            return Verdict.UNPAID
    others = _keys_of_others(act, row["others"])
    if others and await connection.fetchval(PAID, act.creator_id, others):
        return Verdict.DUPLICATE
    return None


def _keys_of_others(act: Act, others: Sequence[int]) -> list[str]:
    """Under which keys the same was paid to whoever was the same person, where the key names the student."""
    rule, _, named = act.key.partition(":")
    whose, _, rest = named.partition(":")
    people = {str(act.student_id), *map(str, others)}
    return [f"{rule}:{other}:{rest}" for other in people - {whose}] if rest and whose in people else []


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
