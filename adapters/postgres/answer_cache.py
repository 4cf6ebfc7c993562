"""Answers that are given again, on PostgreSQL under one creator's row-level security.

Locks are taken in one order: the source, the answers, the corpus last.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
from pgvector import HalfVector

from adapters.postgres.database import Connection, Database
from core.asking.answer import Confidence, Outcome, Sentence
from core.asking.cache import (
    CLOSE,
    LIFETIME,
    MOST_KEPT,
    MOST_NEAR,
    Inquiry,
    KeptAnswer,
    KeptCitation,
    Looked,
    question_key,
)
from core.asking.embedding import Vector
from core.ids import CreatorId, MessageId, SourceId

COUNTED: Final = timedelta(days=400)
MOST_WORDINGS: Final = 200

EXACT: Final = """
    SELECT id, question, corpus_version, answer FROM answer_cache
     WHERE creator_id = $1 AND setting = $2 AND corpus_version = $3 AND kept_at > $4
       AND (question_key = $5 OR wordings @> ARRAY[$5])
     ORDER BY question_key = $5 DESC LIMIT 1
"""
NEAR: Final = f"""
    SELECT id, question, corpus_version, answer FROM (
        SELECT id, question, corpus_version, answer, embedding <=> $3 AS distance FROM answer_cache
         WHERE creator_id = $1 AND setting = $2 AND kept_at > $4
         ORDER BY distance LIMIT {MOST_NEAR}) AS closest
     WHERE distance <= {1 - CLOSE} ORDER BY distance
"""
KEEP: Final = """
    INSERT INTO answer_cache (creator_id, setting, question_key, question, corpus_version, answer, cites, embedding,
                              kept_at, used_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
    ON CONFLICT (creator_id, setting, question_key) DO UPDATE
       SET question = excluded.question, wordings = '{}', corpus_version = excluded.corpus_version,
           answer = excluded.answer, cites = excluded.cites, embedding = excluded.embedding, message_id = NULL,
           kept_at = excluded.kept_at, used_at = excluded.used_at
    RETURNING id
"""
BOUND: Final = """
    DELETE FROM answer_cache
     WHERE creator_id = $1 AND id IN (SELECT id FROM answer_cache WHERE creator_id = $1
                                       ORDER BY used_at DESC, id DESC OFFSET $2)
"""
# The lock waits for whatever moves the corpus, so that nothing is kept of what is just being withdrawn.
PRESENT: Final = "SELECT version FROM corpora WHERE creator_id = $1 AND version = $2 FOR SHARE"
DROP: Final = "DELETE FROM answer_cache WHERE creator_id = $1 AND id = $2"
# What was shown to hold at a later version of the corpus is of that version from then on.
USED: Final = f"""
    UPDATE answer_cache
       SET used_at = greatest(used_at, $3),
           corpus_version = greatest(corpus_version, $5),
           wordings = CASE WHEN question_key = $4 OR wordings @> ARRAY[$4] OR cardinality(wordings) >= {MOST_WORDINGS}
                           THEN wordings ELSE wordings || $4 END
     WHERE creator_id = $1 AND id = $2
"""
COUNT: Final = """
    INSERT INTO answer_cache_counts (creator_id, day, looked) VALUES ($1, $2, $3)
    ON CONFLICT (creator_id, day, looked) DO UPDATE SET times = answer_cache_counts.times + 1
"""
COUNTS: Final = """
    SELECT looked, sum(times)::bigint AS times FROM answer_cache_counts
     WHERE creator_id = $1 AND day >= $2 GROUP BY looked
"""
EXPIRE: Final = "DELETE FROM answer_cache WHERE creator_id = $1 AND kept_at <= $2"
EXPIRE_COUNTS: Final = "DELETE FROM answer_cache_counts WHERE creator_id = $1 AND day < $2"
TIE: Final = """
    UPDATE answer_cache SET message_id = $3 WHERE creator_id = $1 AND question_key = $2 AND message_id IS NULL
"""
HOLD_CORPUS: Final = "SELECT FROM corpora WHERE creator_id = $1 FOR NO KEY UPDATE"
WITHDRAW: Final = """
    DELETE FROM answer_cache WHERE creator_id = $1 AND (question_key = $2 OR wordings @> ARRAY[$2])
"""
WITHDRAW_NEW: Final = """
    DELETE FROM answer_cache
     WHERE creator_id = $1 AND id IN (SELECT id FROM answer_cache WHERE creator_id = $1 AND question_key = $2
                                         FOR UPDATE SKIP LOCKED)
"""


class PostgresAnswerCache:
    """See :class:`core.asking.cache.KeptAnswers`."""

    def __init__(self, database: Database, most: int = MOST_KEPT) -> None:
        self._database = database
        self._most = most

    async def exact(self, inquiry: Inquiry, since: datetime) -> KeptAnswer | None:
        """What was kept for just this question at this version, or given for it since."""
        creator_id = inquiry.scope.creator_id
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(
                EXACT, creator_id, inquiry.setting, inquiry.corpus_version, since, inquiry.key
            )
        return None if row is None else _kept(row)

    async def near(self, inquiry: Inquiry, vector: Vector, since: datetime) -> list[KeptAnswer]:
        """The closest of the same setting, closest first."""
        creator_id = inquiry.scope.creator_id
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(NEAR, creator_id, inquiry.setting, HalfVector(vector), since)
        return [_kept(row) for row in rows]

    async def keep(self, inquiry: Inquiry, vector: Vector, kept: KeptAnswer, at: datetime) -> None:
        """Keep an answer in place of an older one, unless the corpus has moved on."""
        creator_id = inquiry.scope.creator_id
        cites = sorted({each.source_id for each in kept.citations} | set(kept.notes))
        async with self._database.creator(creator_id) as connection:
            entry_id = await connection.fetchval(
                KEEP, creator_id, inquiry.setting, inquiry.key, inquiry.question, inquiry.corpus_version,
                _to_json(kept), cites, HalfVector(vector), at,
            )  # fmt: skip
            await connection.execute(BOUND, creator_id, self._most)
            if await connection.fetchval(PRESENT, creator_id, inquiry.corpus_version) is None:
                await connection.execute(DROP, creator_id, entry_id)

    async def note(self, inquiry: Inquiry, looked: Looked, at: datetime, entry_id: int = 0) -> None:
        """Count a look; of a hit, note that the entry was used, and for which question."""
        creator_id = inquiry.scope.creator_id
        async with self._database.creator(creator_id) as connection:
            if looked.hit:
                await connection.execute(USED, creator_id, entry_id, at, inquiry.key, inquiry.corpus_version)
            await connection.execute(COUNT, creator_id, at.date(), looked.value)

    async def cache_counts(self, creator_id: CreatorId, since: datetime) -> Mapping[Looked, int]:
        """How often each came of a look since the day of ``since``."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(COUNTS, creator_id, since.date())
        return {Looked(row["looked"]): row["times"] for row in rows}

    async def purge(self, creator_id: CreatorId, now: datetime) -> None:
        """Forget what is too old to be given again, and counts of more than a year ago."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(EXPIRE, creator_id, now - LIFETIME)
            await connection.execute(EXPIRE_COUNTS, creator_id, (now - COUNTED).date())


async def tie_to_message(
    connection: Connection, creator_id: CreatorId, message_id: MessageId, question: str
) -> None:  # fmt: skip
    """Inside the transaction that keeps a question, let what is kept with its words go with it."""
    await connection.execute(TIE, creator_id, question_key(question), message_id)


async def drop_withdrawn(connection: Connection, creator_id: CreatorId, question: str) -> None:
    """Inside the transaction that takes an answer back, forget what was given for its question.

    Then the corpus is held, so that one that is just being kept is there to be seen, or finds that the corpus moved.
    """
    key = question_key(question)
    await connection.execute(WITHDRAW, creator_id, key)
    await connection.execute(HOLD_CORPUS, creator_id)
    await connection.execute(WITHDRAW_NEW, creator_id, key)


def _to_json(kept: KeptAnswer) -> dict[str, Any]:
    return {
        "outcome": kept.outcome.value, "confidence": kept.confidence.value, "notice": kept.notice,
        "model": kept.model, "starts": kept.starts, "notes": kept.notes,
        "sentences": [(each.text, each.labels) for each in kept.sentences],
        "citations": [(each.label, each.source_id, each.positions, each.digest) for each in kept.citations],
    }  # fmt: skip


def _kept(row: asyncpg.Record) -> KeptAnswer:
    said = row["answer"]
    return KeptAnswer(
        question=row["question"],
        corpus_version=row["corpus_version"],
        outcome=Outcome(said["outcome"]),
        confidence=Confidence(said["confidence"]),
        notice=said["notice"],
        model=said["model"],
        sentences=tuple(Sentence(text, tuple(labels)) for text, labels in said["sentences"]),
        citations=tuple(
            KeptCitation(label, SourceId(source_id), tuple(positions), digest)
            for label, source_id, positions, digest in said["citations"]
        ),
        starts=tuple((SourceId(source_id), unit) for source_id, unit in said["starts"]),
        notes=tuple(SourceId(source_id) for source_id in said["notes"]),
        entry_id=row["id"],
    )
