"""Sources and the work on them, on PostgreSQL under one creator's row-level security."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries
from pgvector import HalfVector

from adapters.postgres.database import Connection, Database, raw_connection, system_role
from core.asking.snapshot import pack_terms
from core.conversation import Place, Reply, reply_to_json
from core.errors import DatabaseError, UploadRefused
from core.ids import CreatorId, ItemId, SourceId
from core.library.cards import card
from core.library.store import Added, IndexedSource, NewSource, Source, Stage, Work
from core.library.transcript import Segment, Timing, Transcript

INGEST: Final = "ingest"
"""The queue's entrypoint for the work on an item."""
CALIBRATE: Final = "calibrate"
"""The queue's entrypoint for finding a creator's cut-off anew."""

KNOWN: Final = """
    SELECT id, title FROM sources WHERE creator_id = $1 AND content_hash = $2 AND removed_at IS NULL
"""
ADD_SOURCE: Final = """
    INSERT INTO sources (creator_id, kind, timing, title, link, language, external_id, content_hash, duration_s)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (creator_id, content_hash) WHERE removed_at IS NULL DO NOTHING
    RETURNING id
"""
ADD_ITEM: Final = """
    INSERT INTO items (creator_id, source_id, transcript, card_id) VALUES ($1, $2, $3, $4) RETURNING id
"""
ADD_CARD: Final = """
    INSERT INTO outbox (creator_id, platform, place, content) VALUES ($1, $2, $3, $4) RETURNING id
"""
_SOURCE: Final = """
    s.id, s.title, s.link, s.language, s.timing, s.duration_s, s.created_at,
    i.id AS item_id, i.stage, i.progress, i.reason, i.card_id
"""
SOURCES: Final = f"""
    SELECT {_SOURCE} FROM sources s JOIN items i ON i.creator_id = s.creator_id AND i.source_id = s.id
     WHERE s.creator_id = $1 AND s.removed_at IS NULL
     ORDER BY s.id DESC
"""
UNDONE: Final = f"""
    SELECT {_SOURCE}, count(*) OVER () AS total
      FROM items i JOIN sources s ON s.creator_id = i.creator_id AND s.id = i.source_id
     WHERE i.creator_id = $1 AND i.stage <> 'completed' AND s.removed_at IS NULL
     ORDER BY i.id DESC LIMIT $2
"""
SOURCE_OF_ITEM: Final = "SELECT source_id FROM items WHERE creator_id = $1 AND id = $2"
SOURCE: Final = f"""
    SELECT {_SOURCE} FROM sources s JOIN items i ON i.creator_id = s.creator_id AND i.source_id = s.id
     WHERE s.creator_id = $1 AND s.id = $2
"""
REMOVE: Final = """
    UPDATE sources SET removed_at = now() WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL RETURNING id
"""
RESTORE: Final = """
    UPDATE sources s SET removed_at = NULL
     WHERE creator_id = $1 AND id = $2 AND removed_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM sources o WHERE o.creator_id = $1 AND o.content_hash = s.content_hash
                          AND o.removed_at IS NULL)
    RETURNING id
"""
PURGE: Final = "DELETE FROM sources WHERE creator_id = $1 AND removed_at < now() - interval '7 days'"
UNFINISHED: Final = """
    SELECT i.id FROM items i JOIN sources s ON s.creator_id = i.creator_id AND s.id = i.source_id
     WHERE i.creator_id = $1 AND i.stage NOT IN ('completed', 'failed') AND s.removed_at IS NULL
     ORDER BY i.id LIMIT 1000
"""
MOVE_CORPUS: Final = """
    INSERT INTO corpora (creator_id, version, embedder) VALUES ($1, 1, $2)
    ON CONFLICT (creator_id) DO UPDATE SET version = corpora.version + 1
    RETURNING embedder
"""
TOUCH_CORPUS: Final = "UPDATE corpora SET version = version + 1 WHERE creator_id = $1"
CLAIM: Final = """
    UPDATE items i SET attempts = attempts + 1, started_at = coalesce(started_at, now()), reason = ''
      FROM sources s
     WHERE i.creator_id = $1 AND i.id = $2 AND i.stage NOT IN ('completed', 'failed')
       AND s.creator_id = i.creator_id AND s.id = i.source_id AND s.removed_at IS NULL
    RETURNING i.source_id, i.transcript, i.attempts, s.title, s.language
"""
ADVANCE: Final = """
    UPDATE items SET stage = $3, progress = $4, reason = ''
     WHERE creator_id = $1 AND id = $2 AND stage NOT IN ('completed', 'failed')
    RETURNING source_id
"""
FINISH_ITEM: Final = """
    UPDATE items SET stage = 'completed', progress = 1, finished_at = now(), transcript = NULL, stats = $3
     WHERE creator_id = $1 AND id = $2 AND stage NOT IN ('completed', 'failed')
    RETURNING source_id
"""
FINISH_SOURCE: Final = "UPDATE sources SET status = 'ready' WHERE creator_id = $1 AND id = $2"
PAUSE_ITEM: Final = """
    UPDATE items SET reason = $3
     WHERE creator_id = $1 AND id = $2 AND stage NOT IN ('completed', 'failed') AND reason <> $3
    RETURNING source_id
"""
FAIL_ITEM: Final = """
    UPDATE items SET stage = 'failed', reason = $3, finished_at = now()
     WHERE creator_id = $1 AND id = $2 AND stage <> 'completed'
    RETURNING source_id
"""
RETRY_ITEM: Final = """
    UPDATE items SET stage = 'pending', progress = 0, reason = '', finished_at = NULL
     WHERE creator_id = $1 AND source_id = $2 AND stage = 'failed' AND transcript IS NOT NULL
    RETURNING id
"""
CLEAR_SEGMENTS: Final = "DELETE FROM segments WHERE creator_id = $1 AND source_id = $2"
CLEAR_PASSAGES: Final = "DELETE FROM passages WHERE creator_id = $1 AND source_id = $2"
ADD_SEGMENT: Final = """
    INSERT INTO segments (creator_id, source_id, position, paragraph, start_s, end_s, estimated, text, words, terms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
ADD_PASSAGE: Final = """
    INSERT INTO passages (creator_id, source_id, position, first_segment, last_segment, terms)
    VALUES ($1, $2, $3, $4, $5, $6)
"""
ADD_SEGMENT_EMBEDDING: Final = """
    INSERT INTO segment_embeddings (creator_id, source_id, position, embedder, embedding) VALUES ($1, $2, $3, $4, $5)
"""
ADD_PASSAGE_EMBEDDING: Final = """
    INSERT INTO passage_embeddings (creator_id, source_id, position, embedder, embedding) VALUES ($1, $2, $3, $4, $5)
"""
# When it is tried stays as it is: it may be leased, or wait because the platform asked for it.
MOVE_CARD: Final = "UPDATE outbox SET content = $2, version = version + 1, updated_at = now() WHERE id = $1"


class PostgresShelf:
    """See :class:`core.library.store.Shelf` and :class:`core.library.store.Workbench`."""

    def __init__(self, database: Database, embedder_id: str) -> None:
        self._database = database
        self._embedder_id = embedder_id

    async def add(self, creator_id: CreatorId, new: Sequence[NewSource], place: Place | None) -> list[Added]:
        """Write sources, items, jobs and cards in one transaction; what is known already stays as it is."""
        async with self._database.creator(creator_id) as connection:
            return [await self._add_one(connection, creator_id, source, place) for source in new]

    async def _add_one(
        self, connection: Connection, creator_id: CreatorId, new: NewSource, place: Place | None
    ) -> Added:
        transcript = new.transcript
        content = _transcript_to_json(transcript)
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
        kind = "document" if transcript.timing is Timing.NONE else "video"
        found = await connection.fetchval(
            ADD_SOURCE, creator_id, kind, transcript.timing.value, new.title, new.link,
            new.language or transcript.language, transcript.video_id, digest, transcript.duration_s,
        )  # fmt: skip
        if found is None:
            known = await _row(connection, KNOWN, creator_id, digest)
            return Added(SourceId(known["id"]), known["title"], known=True)
        async with system_role(connection):
            card_id = place and await self._add_card(connection, creator_id, new, place)
        item_id = await connection.fetchval(ADD_ITEM, creator_id, found, content, card_id)
        await _enqueue(connection, INGEST, creator_id, item_id)
        return Added(SourceId(found), new.title, known=False)

    async def _add_card(self, connection: Connection, creator_id: CreatorId, new: NewSource, place: Place) -> int:
        content = reply_to_json(card(new.title, Stage.PENDING))
        return int(await connection.fetchval(ADD_CARD, creator_id, place.platform, _place_to_json(place), content))

    async def sources(self, creator_id: CreatorId) -> list[Source]:
        """All sources that are not removed, newest first."""
        async with self._database.creator(creator_id) as connection:
            return [_source(row) for row in await connection.fetch(SOURCES, creator_id)]

    async def remove(self, creator_id: CreatorId, source_id: SourceId) -> Source | None:
        """Take a source out of every answer at once; None when there is no such source."""
        return await self._change(creator_id, source_id, REMOVE)

    async def restore(self, creator_id: CreatorId, source_id: SourceId) -> Source | None:
        """Undo a removal; None when it is too late, or the same content was uploaded again."""
        return await self._change(creator_id, source_id, RESTORE)

    async def _change(self, creator_id: CreatorId, source_id: SourceId, statement: str) -> Source | None:
        async with self._database.creator(creator_id) as connection:
            if await connection.fetchval(statement, creator_id, source_id) is None:
                return None
            await connection.execute(TOUCH_CORPUS, creator_id)
            row = await _row(connection, SOURCE, creator_id, source_id)
            source = _source(row)
            if source.stage not in {Stage.COMPLETED, Stage.FAILED}:
                await _enqueue(connection, INGEST, creator_id, row["item_id"])
            await _enqueue(connection, CALIBRATE, creator_id)
            return source

    async def tidy(self, creator_id: CreatorId) -> None:
        """Delete for good what was removed over a week ago, and put work back that lost its job."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(PURGE, creator_id)
            for row in await connection.fetch(UNFINISHED, creator_id):
                await _enqueue(connection, INGEST, creator_id, row["id"])

    async def claim(self, creator_id: CreatorId, item_id: ItemId) -> Work | None:
        """Begin an attempt; None where the item is done, given up or removed."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(CLAIM, creator_id, item_id)
        if row is None:
            return None
        return Work(
            creator_id, item_id, SourceId(row["source_id"]), row["title"], row["language"],
            _transcript_from_json(row["transcript"]), row["attempts"],
        )  # fmt: skip

    async def advance(self, creator_id: CreatorId, item_id: ItemId, stage: Stage, progress: float) -> None:
        """Note how far the work is, and move the card along."""
        async with self._database.creator(creator_id) as connection:
            source_id = await connection.fetchval(ADVANCE, creator_id, item_id, stage.value, progress)
            await _move_card(connection, creator_id, source_id)

    async def complete(self, creator_id: CreatorId, item_id: ItemId, indexed: IndexedSource) -> None:
        """Replace what was stored of the source and make it searchable, in one transaction."""
        stats = {"segments": len(indexed.units), "passages": len(indexed.windows)}
        async with self._database.creator(creator_id) as connection:
            source_id = await connection.fetchval(FINISH_ITEM, creator_id, item_id, stats)
            if source_id is None:  # another worker was first
                return
            await _store_index(connection, creator_id, SourceId(source_id), indexed)
            await connection.execute(FINISH_SOURCE, creator_id, source_id)
            embedder = await connection.fetchval(MOVE_CORPUS, creator_id, indexed.embedder_id)
            if embedder != indexed.embedder_id:  # two embedders' vectors can never be searched together
                raise UploadRefused(
                    f"This library was made searchable with {embedder}, and models.embed now says "
                    f"{indexed.embedder_id}. The operator sets it back, or uploads go to a new creator."
                )
            await _move_card(connection, creator_id, source_id)
            await _enqueue(connection, CALIBRATE, creator_id)

    async def pause(self, creator_id: CreatorId, item_id: ItemId, reason: str) -> None:
        """Say in words why the work on an item waits."""
        await self._hold(PAUSE_ITEM, creator_id, item_id, reason)

    async def fail(self, creator_id: CreatorId, item_id: ItemId, reason: str) -> None:
        """Give an item up, with the reason in words."""
        await self._hold(FAIL_ITEM, creator_id, item_id, reason)

    async def _hold(self, statement: str, creator_id: CreatorId, item_id: ItemId, reason: str) -> None:
        async with self._database.creator(creator_id) as connection:
            source_id = await connection.fetchval(statement, creator_id, item_id, reason)
            await _move_card(connection, creator_id, source_id)

    async def undone(self, creator_id: CreatorId, limit: int) -> tuple[list[Source], int]:
        """The newest sources whose work is not done, at most ``limit``, and how many there are in all."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(UNDONE, creator_id, limit)
        return [_source(row) for row in rows], rows[0]["total"] if rows else 0

    async def source_of(self, creator_id: CreatorId, item_id: ItemId) -> SourceId | None:
        """The source that an item of this creator's is the work on."""
        async with self._database.creator(creator_id) as connection:
            found = await connection.fetchval(SOURCE_OF_ITEM, creator_id, item_id)
        return None if found is None else SourceId(found)

    async def retry(self, creator_id: CreatorId, source_id: SourceId) -> bool:
        """Put failed work back into the queue; False when there is nothing to try again."""
        async with self._database.creator(creator_id) as connection:
            item_id = await connection.fetchval(RETRY_ITEM, creator_id, source_id)
            if item_id is None:
                return False
            await _enqueue(connection, INGEST, creator_id, item_id)
            await _move_card(connection, creator_id, source_id)
            return True


async def _enqueue(connection: Connection, job: str, creator_id: CreatorId, item_id: int | None = None) -> None:
    """Put a job into the queue in this very transaction, unless the same one waits there already."""
    payload = {"creator_id": creator_id} if item_id is None else {"creator_id": creator_id, "item_id": item_id}
    key = f"{job}:{creator_id}:{item_id}"
    async with system_role(connection):
        await Queries(AsyncpgDriver(raw_connection(connection))).enqueue(
            job, json.dumps(payload).encode(), dedupe_key=key, on_conflict="skip"
        )


async def _row(connection: Connection, statement: str, *values: object) -> asyncpg.Record:
    """A row that must be there: it was written or locked in this transaction."""
    row = await connection.fetchrow(statement, *values)
    if row is None:
        raise DatabaseError("A row vanished inside its own transaction; run 'chronos check'.")
    return row


async def _move_card(connection: Connection, creator_id: CreatorId, source_id: int | None) -> None:
    if source_id is None:
        return
    row = await _row(connection, SOURCE, creator_id, source_id)
    if row["card_id"] is None:
        return
    source = _source(row)
    content = reply_to_json(_card_of(source))
    async with system_role(connection):
        await connection.execute(MOVE_CARD, row["card_id"], content)


def _card_of(source: Source) -> Reply:
    return card(
        source.title, source.stage, progress=source.progress, reason=source.reason, duration_s=source.duration_s,
        source_id=source.id,
    )  # fmt: skip


async def _store_index(
    connection: Connection, creator_id: CreatorId, source_id: SourceId, indexed: IndexedSource
) -> None:
    """Replace a source's rows. Row-level security rules COPY out, so the rows go as one pipelined batch a table."""
    await connection.execute(CLEAR_PASSAGES, creator_id, source_id)
    await connection.execute(CLEAR_SEGMENTS, creator_id, source_id)
    key = (creator_id, source_id)
    cut = zip(indexed.units, indexed.unit_words, indexed.unit_terms, strict=True)
    await connection.executemany(
        ADD_SEGMENT,
        [
            (*key, n, unit.paragraph, unit.start_s, unit.end_s, unit.estimated, unit.text, words, pack_terms(terms))
            for n, (unit, words, terms) in enumerate(cut)
        ],
    )
    await connection.executemany(
        ADD_PASSAGE,
        [
            (*key, n, window.first, window.last, _window_terms(indexed, window.first, window.last))
            for n, window in enumerate(indexed.windows)
        ],
    )
    for statement, vectors in (
        (ADD_SEGMENT_EMBEDDING, indexed.unit_vectors),
        (ADD_PASSAGE_EMBEDDING, indexed.window_vectors),
    ):
        rows = [(*key, n, indexed.embedder_id, HalfVector(vector)) for n, vector in enumerate(vectors)]
        await connection.executemany(statement, rows)


def _window_terms(indexed: IndexedSource, first: int, last: int) -> list[int]:
    return sorted(int(term) for terms in indexed.unit_terms[first : last + 1] for term in terms)


def _source(row: asyncpg.Record) -> Source:
    return Source(
        SourceId(row["id"]), ItemId(row["item_id"]), row["title"], row["link"], row["language"],
        Timing(row["timing"]), row["duration_s"], Stage(row["stage"]), row["progress"], row["reason"],
        row["created_at"],
    )  # fmt: skip


def _place_to_json(place: Place) -> dict[str, str]:
    return {
        "platform": place.platform,
        "channel": place.channel,
        "community": place.community,
        "thread": place.thread,
    }


def _transcript_to_json(transcript: Transcript) -> dict[str, Any]:
    return {
        "timing": transcript.timing.value,
        "segments": [[s.start_s, s.end_s, s.text, s.speaker] for s in transcript.segments],
    }


def _transcript_from_json(data: Mapping[str, Any]) -> Transcript:
    return Transcript(tuple(Segment(*values) for values in data["segments"]), Timing(data["timing"]))
