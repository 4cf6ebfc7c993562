"""Learning acts on PostgreSQL: recorded with the thing done, judged and paid together in one transaction a batch."""

from dataclasses import replace
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database
from adapters.postgres.jobs import put_awards
from adapters.postgres.ledger import pay
from core.ids import CreatorId, StudentId
from core.rewards.acts import COMPARED, Act, Verdict, Wording, objection
from core.rewards.ledger import Award
from core.rewards.rules import Rewards

BATCH: Final = 50

RECORD: Final = """
    INSERT INTO learning_acts (creator_id, student_id, rule, key, words, characters, fingerprint, evidence)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (creator_id, key) DO NOTHING
"""
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('awards', $1))"
UNJUDGED: Final = """
    SELECT id, creator_id, student_id, rule, key, done_at, words, characters, fingerprint, evidence
      FROM learning_acts WHERE creator_id = $1 AND verdict IS NULL ORDER BY id LIMIT $2
"""
# The last acts that were paid to each student of a batch, for each rule.
PAID: Final = """
    SELECT p.* FROM (SELECT DISTINCT student_id, rule FROM unnest($2::bigint[], $3::text[]) AS b (student_id, rule)) b
     CROSS JOIN LATERAL (
        SELECT id, creator_id, student_id, rule, key, done_at, words, characters, fingerprint, evidence
          FROM learning_acts a
         WHERE a.creator_id = $1 AND a.student_id = b.student_id AND a.rule = b.rule AND a.verdict = 'awarded'
         ORDER BY a.done_at DESC LIMIT $4) AS p
     ORDER BY p.done_at DESC
"""
JUDGE: Final = "UPDATE learning_acts SET verdict = $3 WHERE creator_id = $1 AND id = $2"


async def record_act(connection: Connection, act: Act) -> None:
    """Note an act inside the transaction of what was done, and have it judged; the same key again changes nothing."""
    wording = act.wording
    await connection.execute(
        RECORD, act.creator_id, act.student_id, act.rule, act.key, wording and wording.words,
        wording and wording.characters, wording and wording.fingerprint, dict(act.evidence),
    )  # fmt: skip
    await put_awards(connection, act.creator_id)


class PostgresActs:
    """See :class:`core.rewards.awarding.Acts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def judge(self, creator_id: CreatorId, rewards: Rewards) -> int:
        """Judge and pay what a creator's students did, oldest first, at most a batch; how many acts that were."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, creator_id)
            rows = await connection.fetch(UNJUDGED, creator_id, BATCH)
            students, rules = [row["student_id"] for row in rows], [row["rule"] for row in rows]
            paid = [_act(row) for row in await connection.fetch(PAID, creator_id, students, rules, COMPARED)]
            for row in rows:
                act = _act(row)
                verdict = await _settle(connection, act, paid, rewards)
                await connection.execute(JUDGE, creator_id, row["id"], verdict.value)
                if verdict is Verdict.AWARDED:
                    paid.insert(0, act)
        return len(rows)


async def _settle(connection: Connection, act: Act, paid: list[Act], rewards: Rewards) -> Verdict:
    rule = rewards.rules.get(act.rule)
    if rule is None or not rule.amount:
        return Verdict.CAPPED
    earlier = [past for past in paid if (past.student_id, past.rule) == (act.student_id, act.rule)]
    if reason := objection(act, earlier, rule.seconds_apart):
        return reason
    award = Award(act.rule, act.key, rule.amount, rule.most_a_day, act.at.date(), act.evidence)
    return Verdict((await pay(connection, act.creator_id, act.student_id, award, rewards.budget)).value)


def _act(row: asyncpg.Record) -> Act:
    wording = None if row["words"] is None else Wording(row["words"], row["characters"], row["fingerprint"])
    act = Act(
        CreatorId(row["creator_id"]), StudentId(row["student_id"]), row["rule"], row["key"], row["done_at"], wording
    )
    return replace(act, evidence=row["evidence"])
