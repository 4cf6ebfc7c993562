"""Libraries on their way to another embedder, under one creator's row-level security.

Locks are taken in one order: the move, the source, the corpus. Whoever publishes a source locks the source first and
the corpus last, so that vectors are never written for a text that is being replaced, and the switch, which holds the
corpus while it looks whether anything is lacking, sees every source that was searchable until then.
"""

from collections.abc import Mapping
from typing import Final

import asyncpg
from pgvector import HalfVector

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.jobs import put_calibration, put_reindexing
from adapters.postgres.outbox import post
from adapters.postgres.workflows import MOVE_CARD
from core.asking.embedding import Vector
from core.conversation import Place, Reply, reply_to_json
from core.ids import CreatorId, SourceId
from core.library.reindexing import Reindexing, ReindexStage, cancelled_card, moved_card, reindex_card

CLEARED_AT_ONCE: Final = 10_000
_COLUMNS: Final = "id AS run, turn, embedder, name, stage, done, total, failures, reason, last_error, card_id"

# Each window says again what its sentences say.
WORDS: Final = """
    SELECT coalesce((SELECT sum(words) FROM segments WHERE creator_id = $1), 0)::bigint
         + coalesce((SELECT sum(s.words) FROM passages p
                       JOIN segments s ON s.creator_id = $1 AND s.source_id = p.source_id
                                      AND s.position BETWEEN p.first_segment AND p.last_segment
                      WHERE p.creator_id = $1), 0)::bigint
"""
UNDER_WAY: Final = f"SELECT {_COLUMNS} FROM reindexings WHERE creator_id = $1 AND stage = 'moving'"
LEFT: Final = "SELECT id AS run, turn FROM reindexings WHERE creator_id = $1"
FORGET_CLEARING: Final = "DELETE FROM reindexings WHERE creator_id = $1 AND stage = 'clearing'"
BEGIN: Final = f"""
    INSERT INTO reindexings (creator_id, embedder, name, total)
    VALUES ($1, $2, $3, (SELECT count(*) FROM sources WHERE creator_id = $1 AND status = 'ready'))
    ON CONFLICT (creator_id) DO NOTHING
    RETURNING {_COLUMNS}
"""
SET_CARD: Final = "UPDATE reindexings SET card_id = $2 WHERE creator_id = $1"
CANCEL: Final = f"""
    UPDATE reindexings SET stage = 'clearing', turn = turn + 1, reason = '', last_error = '', failures = 0
     WHERE creator_id = $1 AND id = $2 AND stage = 'moving'
    RETURNING {_COLUMNS}
"""
TURN: Final = f"SELECT {_COLUMNS} FROM reindexings WHERE creator_id = $1 AND id = $2 AND turn = $3"
# What was removed may come back for a week, so it moves along, after what is answered from.
_LACKING: Final = """
    FROM sources x
   WHERE x.creator_id = $1 AND x.status = 'ready'
     AND (EXISTS (SELECT FROM segments s WHERE s.creator_id = $1 AND s.source_id = x.id
                     AND NOT EXISTS (SELECT FROM segment_embeddings e
                                      WHERE e.creator_id = $1 AND e.embedder = $2 AND e.source_id = x.id
                                        AND e.position = s.position))
       OR EXISTS (SELECT FROM passages p WHERE p.creator_id = $1 AND p.source_id = x.id
                     AND NOT EXISTS (SELECT FROM passage_embeddings e
                                      WHERE e.creator_id = $1 AND e.embedder = $2 AND e.source_id = x.id
                                        AND e.position = p.position)))
"""
PENDING: Final = f"SELECT x.id {_LACKING} ORDER BY x.removed_at IS NOT NULL, x.id"
ANY_LACKING: Final = f"SELECT EXISTS (SELECT {_LACKING})"
COUNT: Final = "SELECT count(*) FROM sources WHERE creator_id = $1 AND status = 'ready'"
_UNITS: Final = """
    SELECT s.position, s.text FROM segments s
     WHERE s.creator_id = $1 AND s.source_id = $2
       AND NOT EXISTS (SELECT FROM segment_embeddings e WHERE e.creator_id = $1 AND e.embedder = $3
                          AND e.source_id = $2 AND e.position = s.position)
     ORDER BY s.position
"""
_WINDOWS: Final = """
    SELECT p.position, (SELECT string_agg(s.text, ' ' ORDER BY s.position) FROM segments s
                         WHERE s.creator_id = $1 AND s.source_id = $2
                           AND s.position BETWEEN p.first_segment AND p.last_segment) AS text
      FROM passages p
     WHERE p.creator_id = $1 AND p.source_id = $2
       AND NOT EXISTS (SELECT FROM passage_embeddings e WHERE e.creator_id = $1 AND e.embedder = $3
                          AND e.source_id = $2 AND e.position = p.position)
     ORDER BY p.position
"""
_ADD: Final = """
    INSERT INTO {} (creator_id, source_id, embedder, position, embedding) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
"""
TABLES: Final = (
    (_UNITS, _ADD.format("segment_embeddings")),
    (_WINDOWS, _ADD.format("passage_embeddings")),
)
HOLD: Final = """
    SELECT id FROM reindexings WHERE creator_id = $1 AND id = $2 AND stage = 'moving' FOR UPDATE
"""
WORKS: Final = f"""
    UPDATE reindexings SET failures = 0, reason = '', last_error = ''
     WHERE creator_id = $1 AND id = $2 AND stage = 'moving'
    RETURNING {_COLUMNS}
"""
HOLD_SOURCE: Final = "SELECT id FROM sources WHERE creator_id = $1 AND id = $2 FOR SHARE"
ADVANCE: Final = f"""
    UPDATE reindexings SET done = $3, total = $4
     WHERE creator_id = $1 AND id = $2 AND stage = 'moving'
    RETURNING {_COLUMNS}
"""
ARRIVE: Final = f"""
    UPDATE reindexings SET stage = 'clearing' WHERE creator_id = $1 AND id = $2 AND stage = 'moving'
    RETURNING {_COLUMNS}
"""
HOLD_CORPUS: Final = "SELECT embedder FROM corpora WHERE creator_id = $1 FOR UPDATE"
SWITCH: Final = """
    UPDATE corpora SET embedder = $2, version = version + 1, cutoff = NULL WHERE creator_id = $1
"""
HOLD_CLEARING: Final = """
    SELECT id FROM reindexings WHERE creator_id = $1 AND id = $2 AND stage = 'clearing' FOR SHARE
"""
_CLEAR: Final = f"""
    DELETE FROM {{table}} WHERE ctid IN (
        SELECT ctid FROM {{table}}
         WHERE creator_id = $1 AND embedder <> (SELECT embedder FROM corpora WHERE creator_id = $1)
         LIMIT {CLEARED_AT_ONCE})
"""
CLEAR: Final = tuple(_CLEAR.format(table=table) for table in ("segment_embeddings", "passage_embeddings"))
NEXT_TURN: Final = """
    UPDATE reindexings SET turn = turn + 1 WHERE creator_id = $1 AND id = $2 AND turn = $3 RETURNING turn
"""
PUT_OFF: Final = f"""
    UPDATE reindexings SET turn = turn + 1, failures = failures + 1, reason = $4, last_error = $5
     WHERE creator_id = $1 AND id = $2 AND turn = $3
    RETURNING {_COLUMNS}
"""
FINISH: Final = "DELETE FROM reindexings WHERE creator_id = $1 AND id = $2 AND turn = $3"


class PostgresReindexings:
    """See :class:`core.library.reindexing.Reindexings` and :class:`core.library.reindexing.ReindexBench`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def words(self, creator_id: CreatorId) -> int:
        """About how many words a move embeds."""
        async with self._database.creator(creator_id) as connection:
            return int(await connection.fetchval(WORDS, creator_id))

    async def under_way(self, creator_id: CreatorId) -> Reindexing | None:
        """The move that is under way."""
        async with self._database.creator(creator_id) as connection:
            return _read(await connection.fetchrow(UNDER_WAY, creator_id))

    async def begin(self, creator_id: CreatorId, embedder_id: str, name: str, place: Place) -> bool:
        """Begin a move with a card and a job; False where one is under way."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(FORGET_CLEARING, creator_id)  # what is left is cleared after this move
            moving = _read(await connection.fetchrow(BEGIN, creator_id, embedder_id, name))
            if moving is None:
                return False
            await _add_card(connection, creator_id, place, reindex_card(moving))
            await put_reindexing(connection, creator_id, moving.run, moving.turn)
        return True

    async def cancel(self, creator_id: CreatorId, run: int) -> bool:
        """Stop a move and have what it wrote cleared; False where it is over."""
        async with self._database.creator(creator_id) as connection:
            cancelled = _read(await connection.fetchrow(CANCEL, creator_id, run))
            if cancelled is None:
                return False
            await _move_card(connection, cancelled, cancelled_card(cancelled))
            await put_reindexing(connection, creator_id, run, cancelled.turn)
        return True

    async def wake(self, creator_id: CreatorId) -> None:
        """Have a move go on whose job was given up; a job that waits or runs stays the only one."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(LEFT, creator_id)
            if row is not None:
                await put_reindexing(connection, creator_id, row["run"], row["turn"])

    async def turn(self, creator_id: CreatorId, run: int, turn: int) -> Reindexing | None:
        """The move, where this turn of it is due."""
        async with self._database.creator(creator_id) as connection:
            return _read(await connection.fetchrow(TURN, creator_id, run, turn))

    async def pending(self, creator_id: CreatorId, embedder_id: str) -> tuple[list[SourceId], int]:
        """The sources that lack vectors of this embedder, and how many sources there are in all."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(PENDING, creator_id, embedder_id)
            return [SourceId(row["id"]) for row in rows], await connection.fetchval(COUNT, creator_id)

    async def texts(self, creator_id: CreatorId, source_id: SourceId, embedder_id: str) -> list[str]:
        """The texts of a source, each once, that lack a vector of this embedder."""
        async with self._database.creator(creator_id) as connection:
            found = [await connection.fetch(lacking, creator_id, source_id, embedder_id) for lacking, _ in TABLES]
        return list(dict.fromkeys(row["text"] for rows in found for row in rows))

    async def keep(
        self, creator_id: CreatorId, moving: Reindexing, source_id: SourceId, vectors: Mapping[str, Vector]
    ) -> bool:
        """Write vectors for what says these texts now; False where the move was cancelled."""
        key = (creator_id, source_id, moving.embedder_id)
        async with self._database.creator(creator_id) as connection:
            works = _read(await connection.fetchrow(WORKS, creator_id, moving.run))
            if works is None:
                return False
            await connection.execute(HOLD_SOURCE, creator_id, source_id)
            for lacking, add in TABLES:
                rows = await connection.fetch(lacking, *key)
                made = [(*key, r["position"], HalfVector(vectors[r["text"]])) for r in rows if r["text"] in vectors]
                await connection.executemany(add, made)
            await _move_card(connection, works, reindex_card(works))
        return True

    async def advance(self, creator_id: CreatorId, moving: Reindexing, done: int, total: int) -> None:
        """Note how far it is, and move its card along."""
        async with self._database.creator(creator_id) as connection:
            further = _read(await connection.fetchrow(ADVANCE, creator_id, moving.run, done, total))
            if further is not None:
                await _move_card(connection, further, reindex_card(further))

    async def switch(self, creator_id: CreatorId, moving: Reindexing) -> bool:
        """Search the library with the new embedder from now on; False where a source still lacks vectors."""
        async with self._database.creator(creator_id) as connection:
            if await connection.fetchrow(HOLD, creator_id, moving.run) is None:
                return False
            await connection.execute(HOLD_CORPUS, creator_id)
            if await connection.fetchval(ANY_LACKING, creator_id, moving.embedder_id):
                return False
            await connection.execute(SWITCH, creator_id, moving.embedder_id)
            moved = _read(await connection.fetchrow(ARRIVE, creator_id, moving.run))
            if moved is not None:
                await _move_card(connection, moved, moved_card(moved))
            await put_calibration(connection, creator_id)
        return True

    async def clear(self, creator_id: CreatorId, moving: Reindexing) -> bool:
        """Delete some of the vectors that nobody searches; False where none are left."""
        async with self._database.creator(creator_id) as connection:
            if await connection.fetchrow(HOLD_CLEARING, creator_id, moving.run) is None:
                return False
            deleted = [await connection.execute(statement, creator_id) for statement in CLEAR]
        return any(int(tag.split()[-1]) for tag in deleted)

    async def next_turn(self, creator_id: CreatorId, moving: Reindexing) -> None:
        """Give way: put the next turn at the end of the queue."""
        async with self._database.creator(creator_id) as connection:
            turn = await connection.fetchval(NEXT_TURN, creator_id, moving.run, moving.turn)
            if turn is not None:
                await put_reindexing(connection, creator_id, moving.run, turn)

    async def put_off(
        self, creator_id: CreatorId, moving: Reindexing, reason: str, *, error: str, delay_s: float
    ) -> None:
        """Count a failure, say on the card why it waits, and have the next turn after ``delay_s`` seconds."""
        async with self._database.creator(creator_id) as connection:
            waiting = _read(
                await connection.fetchrow(
                    PUT_OFF, creator_id, moving.run, moving.turn, reason, error.replace("\0", "")[:2000]
                )
            )
            if waiting is None:
                return
            if waiting.stage is ReindexStage.MOVING:
                await _move_card(connection, waiting, reindex_card(waiting))
            await put_reindexing(connection, creator_id, moving.run, waiting.turn, delay_s=delay_s)

    async def finish(self, creator_id: CreatorId, moving: Reindexing) -> None:
        """Forget the move; nothing of it is left to do."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(FINISH, creator_id, moving.run, moving.turn)


async def _add_card(connection: Connection, creator_id: CreatorId, place: Place, card: Reply) -> None:
    await connection.execute(SET_CARD, creator_id, await post(connection, creator_id, place, reply_to_json(card)))


async def _move_card(connection: Connection, moving: Reindexing, card: Reply) -> None:
    async with system_role(connection):
        await connection.execute(MOVE_CARD, moving.card_id, reply_to_json(card))


def _read(row: asyncpg.Record | None) -> Reindexing | None:
    if row is None:
        return None
    return Reindexing(
        row["run"], row["turn"], row["embedder"], row["name"], ReindexStage(row["stage"]), row["done"], row["total"],
        row["failures"], row["reason"], row["last_error"], row["card_id"],
    )  # fmt: skip
