"""Sources and the work on them, on PostgreSQL under one creator's row-level security."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import asyncpg

from adapters.postgres.admission import admit, give_back, withdraw
from adapters.postgres.database import Connection, Database
from adapters.postgres.followed import follow
from adapters.postgres.glossary import read_glossary
from adapters.postgres.indexed import read_background, read_embedded, store_index
from adapters.postgres.jobs import put_calibration
from adapters.postgres.revised import take_place
from adapters.postgres.study_work import renew_study
from adapters.postgres.transcripts import (
    chapters_to_json,
    transcript_digest,
    transcript_from_json,
    transcript_to_json,
)
from adapters.postgres.workflows import (
    SOURCE_COLUMNS,
    add_card,
    add_workflow,
    drop_workflow,
    move_card,
    name_workflow,
    require_room_in_hour,
    source_of_row,
)
from core.asking.embedding import Vector
from core.asking.words import TermIds
from core.conversation import Place
from core.errors import DatabaseError, EmbedderChanged
from core.ids import CreatorId, ItemId, SourceId, WorkflowId
from core.library.glossary import Glossary
from core.library.origins import CaptionKind, CaptionTrack
from core.library.reading import ReadSource
from core.library.sites import plain_title
from core.library.store import (
    UNNAMED,
    Added,
    IndexedSource,
    NewSource,
    NewWorkflow,
    Origin,
    OriginKind,
    Source,
    SourceKind,
    Stage,
    UploadSettings,
    Work,
)
from core.library.topics import Background
from core.library.transcript import Timing, Transcript
from core.library.workbench import Wait

TITLE_CHARS: Final = 300
MOST_OF_WORKFLOW: Final = 5_000
"""So many sources may come of one upload, whatever its playlists, channels and feeds list."""

KNOWN: Final = """
    SELECT id, title FROM sources WHERE creator_id = $1 AND content_hash = ANY($2::bytea[]) AND removed_at IS NULL
     ORDER BY id LIMIT 1
"""
ADD_SOURCE: Final = """
    INSERT INTO sources (creator_id, content_hash, kind, timing, title, titled, link, language, external_id,
                         duration_s, tier, origin_kind, origin_link, origin_key, origin_name, origin_captions)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT (creator_id, content_hash) WHERE removed_at IS NULL DO NOTHING
    RETURNING id
"""
ADD_ITEM: Final = """
    INSERT INTO items (creator_id, source_id, workflow_id, position, transcript) VALUES ($1, $2, $3, $4, $5)
    RETURNING id
"""
SOURCES: Final = f"""
    SELECT {SOURCE_COLUMNS} FROM sources s JOIN items i ON i.creator_id = s.creator_id AND i.source_id = s.id
     WHERE s.creator_id = $1 AND s.removed_at IS NULL
     ORDER BY s.id DESC
"""
UNDONE: Final = f"""
    SELECT {SOURCE_COLUMNS}, count(*) OVER () AS total
      FROM items i JOIN sources s ON s.creator_id = i.creator_id AND s.id = i.source_id
     WHERE i.creator_id = $1 AND i.stage <> 'completed' AND s.removed_at IS NULL
     ORDER BY i.id DESC LIMIT $2
"""
SOURCE_OF_ITEM: Final = "SELECT source_id FROM items WHERE creator_id = $1 AND id = $2"
SOURCE: Final = f"""
    SELECT {SOURCE_COLUMNS} FROM sources s JOIN items i ON i.creator_id = s.creator_id AND i.source_id = s.id
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
       AND NOT EXISTS (SELECT FROM revisions r WHERE r.creator_id = $1 AND r.source_id = s.id AND s.status = 'ready')
    RETURNING id
"""
PURGE: Final = "DELETE FROM sources WHERE creator_id = $1 AND removed_at < now() - interval '7 days'"
PURGE_WORKFLOWS: Final = """
    DELETE FROM workflows w
     WHERE creator_id = $1 AND created_at < now() - interval '7 days'
       AND NOT EXISTS (SELECT FROM items i WHERE i.creator_id = $1 AND i.workflow_id = w.id)
"""
MOVE_CORPUS: Final = """
    INSERT INTO corpora (creator_id, version, embedder) VALUES ($1, 1, $2)
    ON CONFLICT (creator_id) DO UPDATE SET version = corpora.version + 1
    RETURNING embedder
"""
EMBEDDER: Final = "SELECT embedder FROM corpora WHERE creator_id = $1"
TOUCH_CORPUS: Final = "UPDATE corpora SET version = version + 1 WHERE creator_id = $1"
CLAIM: Final = """
    UPDATE items i SET attempts = attempts + 1, started_at = coalesce(started_at, now()), reason = ''
      FROM sources s, workflows w
     WHERE i.creator_id = $1 AND i.id = $2 AND i.stage NOT IN ('completed', 'failed')
       AND s.creator_id = i.creator_id AND s.id = i.source_id AND s.removed_at IS NULL
       AND w.creator_id = i.creator_id AND w.id = i.workflow_id
    RETURNING i.source_id, i.transcript, i.attempts, s.title, s.language, s.link, w.settings,
              s.origin_kind, s.origin_link, s.origin_key, s.origin_name, s.origin_captions,
              (SELECT r.revises FROM revisions r WHERE r.creator_id = $1 AND r.source_id = s.id) AS revises,
              EXISTS (SELECT FROM listed l JOIN items of ON of.creator_id = $1 AND of.source_id = l.listing_id
                       WHERE l.creator_id = $1 AND l.content_hash = s.content_hash AND l.listing_id <> s.id
                         AND of.workflow_id = i.workflow_id) AS listed
"""
# The seconds that each stage took, summed over attempts.
_STATS: Final = """
    jsonb_set(i.stats, '{seconds}', coalesce(i.stats -> 'seconds', '{}') || jsonb_build_object(i.stage, round((
        coalesce((i.stats #>> ARRAY['seconds', i.stage])::float8, 0) + extract(epoch FROM now() - i.stage_at)::float8
    )::numeric, 1)))
"""
ADVANCE: Final = f"""
    UPDATE items i SET stage = $3, progress = $4, progress_at = now(), reason = '',
           stats = CASE WHEN stage = $3 THEN stats ELSE {_STATS} END,
           stage_at = CASE WHEN stage = $3 THEN stage_at ELSE now() END
     WHERE creator_id = $1 AND id = $2 AND stage NOT IN ('completed', 'failed')
    RETURNING workflow_id
"""
DESCRIBE_SOURCE: Final = """
    UPDATE sources s
       SET title = CASE WHEN titled OR $3 = '' THEN title ELSE $3 END,
           link = CASE WHEN link = '' THEN $4 ELSE link END,
           language = CASE WHEN language = '' THEN $5 ELSE language END,
           external_id = $6, kind = $7, timing = $8, locator_kind = $9, chapters = $10, duration_s = $11,
           size_bytes = $12, media_key = $13, etag = $14, last_modified = $15, checked_at = now()
      FROM items i
     WHERE i.creator_id = $1 AND i.id = $2 AND i.stage NOT IN ('completed', 'failed')
       AND s.creator_id = $1 AND s.id = i.source_id
    RETURNING i.workflow_id
"""
KEEP_TRANSCRIPT: Final = """
    UPDATE items SET transcript = $3, stats = stats || $4 WHERE creator_id = $1 AND id = $2
"""
FINISH_ITEM: Final = f"""
    UPDATE items i SET stage = 'completed', progress = 1, finished_at = now(), transcript = NULL, reason = '',
           last_error = '', stats = {_STATS} || $3, stage_at = now()
     WHERE creator_id = $1 AND id = $2 AND stage NOT IN ('completed', 'failed')
    RETURNING source_id, workflow_id
"""
FINISH_SOURCE: Final = """
    UPDATE sources SET status = 'ready', topics = $3,
           chapters = CASE WHEN $4 = '[]'::jsonb THEN chapters ELSE $4 END
     WHERE creator_id = $1 AND id = $2
"""
FINISH_LISTING: Final = """
    UPDATE sources SET kind = 'listing', title = CASE WHEN titled OR $3 = '' THEN title ELSE $3 END
     WHERE creator_id = $1 AND id = $2
    RETURNING title, tier
"""
LISTED: Final = """
    SELECT content_hash FROM listed WHERE creator_id = $1 AND listing_id = $2 AND content_hash = ANY($3::bytea[])
"""
NOTE_LISTED: Final = """
    INSERT INTO listed (creator_id, listing_id, content_hash)
      SELECT DISTINCT $1::bigint, $2::bigint, unnest($3::bytea[])
    ON CONFLICT DO NOTHING
"""
ROOM: Final = "SELECT $3 - count(*) FROM items WHERE creator_id = $1 AND workflow_id = $2"
LEAVE_OUT: Final = "UPDATE items SET reason = $3 WHERE creator_id = $1 AND source_id = $2"
PAUSE_ITEM: Final = f"""
    UPDATE items i SET stage = 'paused', reason = $3, stats = {_STATS}, stage_at = now()
     WHERE creator_id = $1 AND id = $2 AND stage NOT IN ('completed', 'failed') AND reason <> $3
    RETURNING workflow_id
"""
PUT_OFF_ITEM: Final = f"""
    UPDATE items i SET stage = CASE WHEN $5::boolean THEN 'paused' ELSE 'pending' END, progress = 0, reason = $3,
           last_error = $4, stats = {_STATS}, stage_at = now()
     WHERE creator_id = $1 AND id = $2 AND stage NOT IN ('completed', 'failed')
    RETURNING workflow_id
"""
FAIL_ITEM: Final = f"""
    UPDATE items i SET stage = 'failed', reason = $3, last_error = $4, finished_at = now(), stats = {_STATS},
           stage_at = now()
     WHERE creator_id = $1 AND id = $2 AND stage NOT IN ('completed', 'failed')
    RETURNING workflow_id
"""
RETRY: Final = """
    UPDATE items i SET stage = 'pending', progress = 0, reason = '', finished_at = NULL, stage_at = now(),
           told = false
      FROM sources s
     WHERE i.creator_id = $1 AND s.creator_id = $1 AND s.id = i.source_id AND s.removed_at IS NULL
       AND i.{} = $2 AND i.stage = 'failed' AND (i.transcript IS NOT NULL OR s.origin_kind <> 'timed_text')
    RETURNING i.id, i.workflow_id
"""
RETRY_SOURCE: Final = RETRY.format("source_id")
RETRY_WORKFLOW: Final = RETRY.format("workflow_id")


class PostgresShelf:
    """See :class:`core.library.store.Shelf` and :class:`core.library.workbench.Workbench`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, creator_id: CreatorId, new: Sequence[NewSource], place: Place | None,
        workflow: NewWorkflow = UNNAMED,
    ) -> list[Added]:  # fmt: skip
        """Write sources, items, wake-ups and a card in one transaction; what is known already stays as it is."""
        async with self._database.creator(creator_id) as connection:
            if workflow.most_an_hour:
                await require_room_in_hour(connection, creator_id, workflow.most_an_hour)
            workflow_id = await add_workflow(connection, creator_id, workflow)
            tier = workflow.settings.tier
            added, items = await add_sources(connection, creator_id, workflow_id, new, tier)
            if not items:
                await drop_workflow(connection, creator_id, workflow_id)
                return added
            await admit(connection, creator_id, items, len(items))
            if place is not None:
                await add_card(connection, creator_id, workflow_id, place)
        return added

    async def sources(self, creator_id: CreatorId) -> list[Source]:
        """All sources that are not removed, newest first."""
        async with self._database.creator(creator_id) as connection:
            return [source_of_row(row) for row in await connection.fetch(SOURCES, creator_id)]

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
            source = source_of_row(await _row(connection, SOURCE, creator_id, source_id))
            if statement == REMOVE:
                await withdraw(connection, creator_id, source.item_id)
            elif source.stage not in {Stage.COMPLETED, Stage.FAILED}:
                await admit(connection, creator_id, [source.item_id], 1)
            await move_card(connection, creator_id, source.workflow_id, ended=True)
            await put_calibration(connection, creator_id)
            return source

    async def tidy(self, creator_id: CreatorId) -> None:
        """Delete for good what was removed over a week ago."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(PURGE, creator_id)
            await connection.execute(PURGE_WORKFLOWS, creator_id)

    async def claim(self, creator_id: CreatorId, item_id: ItemId) -> Work | None:
        """Begin an attempt; None where the item is done, given up or removed."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(CLAIM, creator_id, item_id)
            glossary = await read_glossary(connection, creator_id)
        return None if row is None else _work(creator_id, item_id, row, glossary)

    async def advance(self, creator_id: CreatorId, item_id: ItemId, stage: Stage, progress: float) -> None:
        """Note how far the work is, and move the card along."""
        async with self._database.creator(creator_id) as connection:
            workflow_id = await connection.fetchval(ADVANCE, creator_id, item_id, stage.value, progress)
            await move_card(connection, creator_id, workflow_id)

    async def describe(self, creator_id: CreatorId, item_id: ItemId, read: ReadSource) -> None:
        """Keep what was read with the item, and what it says of itself where the uploader said nothing."""
        transcript = read.transcript
        kind = read.kind or (SourceKind.DOCUMENT if transcript.timing is Timing.NONE else SourceKind.VIDEO)
        duration_s = 0.0 if transcript.timing is Timing.NONE else transcript.duration_s
        async with self._database.creator(creator_id) as connection:
            workflow_id = await connection.fetchval(
                DESCRIBE_SOURCE, creator_id, item_id, (read.title or transcript.title)[:TITLE_CHARS], read.link,
                read.language or transcript.language, transcript.video_id, kind.value, transcript.timing.value,
                transcript.locator_kind.value, chapters_to_json(transcript.chapters), duration_s, read.size_bytes,
                read.media_key, read.freshness.etag, read.freshness.last_modified,
            )  # fmt: skip
            if workflow_id is not None:
                kept = transcript_to_json(transcript)
                await connection.execute(KEEP_TRANSCRIPT, creator_id, item_id, kept, _stats(read, duration_s))

    async def follow(self, work: Work, link: str) -> Work:
        """Note that what is worked on is found at this canonical link, and is known by it from now on."""
        async with self._database.creator(work.creator_id) as connection:
            return await follow(connection, work, link)

    async def expand(self, creator_id: CreatorId, item_id: ItemId, title: str, new: Sequence[NewSource]) -> None:
        """Put what a listing holds into its workflow, without what is known already; its own item is done."""
        async with self._database.creator(creator_id) as connection:
            done = await connection.fetchrow(FINISH_ITEM, creator_id, item_id, {"entries": len(new)})
            if done is None:
                return
            workflow_id = WorkflowId(done["workflow_id"])
            listing = await _row(
                connection, FINISH_LISTING, creator_id, done["source_id"], title[:TITLE_CHARS]
            )  # fmt: skip
            await name_workflow(connection, creator_id, workflow_id, listing["title"])
            await withdraw(connection, creator_id, item_id)
            await add_listed(connection, creator_id, SourceId(done["source_id"]), workflow_id, new, listing["tier"])

    async def embedder_of(self, creator_id: CreatorId) -> str:
        """The id of the embedder that this library is searched with; empty where nothing is searched yet."""
        async with self._database.creator(creator_id) as connection:
            return await connection.fetchval(EMBEDDER, creator_id) or ""

    async def embedded(self, creator_id: CreatorId, source_id: SourceId, embedder_id: str) -> Mapping[str, Vector]:
        """The vectors that a source has from this embedder, by their texts."""
        async with self._database.creator(creator_id) as connection:
            return await read_embedded(connection, creator_id, source_id, embedder_id)

    async def background(self, creator_id: CreatorId, source_id: SourceId, terms: TermIds) -> Background:
        """In how many of the creator's other sources, of some tens at most, each term occurs."""
        async with self._database.creator(creator_id) as connection:
            return await read_background(connection, creator_id, source_id, terms)

    async def glossary(self, creator_id: CreatorId) -> Glossary:
        """How the creator's names are written."""
        async with self._database.creator(creator_id) as connection:
            return await read_glossary(connection, creator_id)

    async def complete(self, creator_id: CreatorId, item_id: ItemId, indexed: IndexedSource) -> None:
        """Replace what was stored of the source, or of the one that it revises, and make it searchable."""
        stats = {"segments": len(indexed.units), "passages": len(indexed.windows)}
        async with self._database.creator(creator_id) as connection:
            done = await connection.fetchrow(FINISH_ITEM, creator_id, item_id, stats)
            if done is None:  # another worker was first
                return
            source_id = await take_place(connection, creator_id, SourceId(done["source_id"]))
            await publish(connection, creator_id, source_id, indexed)
            await withdraw(connection, creator_id, item_id)
            await move_card(connection, creator_id, done["workflow_id"], ended=True)
            await put_calibration(connection, creator_id)

    async def pause(self, creator_id: CreatorId, item_id: ItemId, reason: str) -> None:
        """Say in words why the work on an item waits."""
        async with self._database.creator(creator_id) as connection:
            workflow_id = await connection.fetchval(PAUSE_ITEM, creator_id, item_id, reason)
            await move_card(connection, creator_id, workflow_id)

    async def put_off(self, creator_id: CreatorId, item_id: ItemId, wait: Wait) -> None:
        """Give an item back, for anybody to take after a while, and say in words why it waits."""
        async with self._database.creator(creator_id) as connection:
            workflow_id = await connection.fetchval(
                PUT_OFF_ITEM, creator_id, item_id, wait.reason, _storable(wait.error), wait.paused
            )
            if workflow_id is not None:
                await give_back(connection, creator_id, item_id, wait.delay_s, failed=wait.counts)
                await move_card(connection, creator_id, workflow_id)

    async def fail(self, creator_id: CreatorId, item_id: ItemId, reason: str, *, error: str = "") -> None:
        """Give an item up, with the reason in words."""
        async with self._database.creator(creator_id) as connection:
            workflow_id = await connection.fetchval(FAIL_ITEM, creator_id, item_id, reason, _storable(error))
            if workflow_id is not None:
                await withdraw(connection, creator_id, item_id)
                await move_card(connection, creator_id, workflow_id, ended=True)

    async def undone(self, creator_id: CreatorId, limit: int) -> tuple[list[Source], int]:
        """The newest sources whose work is not done, at most ``limit``, and how many there are in all."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(UNDONE, creator_id, limit)
        return [source_of_row(row) for row in rows], rows[0]["total"] if rows else 0

    async def source_of(self, creator_id: CreatorId, item_id: ItemId) -> SourceId | None:
        """The source that an item of this creator's is the work on."""
        async with self._database.creator(creator_id) as connection:
            found = await connection.fetchval(SOURCE_OF_ITEM, creator_id, item_id)
        return None if found is None else SourceId(found)

    async def retry(self, creator_id: CreatorId, source_id: SourceId) -> bool:
        """Put failed work back into the queue; False when there is nothing to try again."""
        return await self._retry(RETRY_SOURCE, creator_id, source_id) > 0

    async def retry_workflow(self, creator_id: CreatorId, workflow_id: WorkflowId) -> int:
        """Put back all that failed of what was uploaded together; how many that are."""
        return await self._retry(RETRY_WORKFLOW, creator_id, workflow_id)

    async def _retry(self, statement: str, creator_id: CreatorId, which: int) -> int:
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(statement, creator_id, which)
            if rows:
                await admit(connection, creator_id, [ItemId(row["id"]) for row in rows], len(rows))
                await move_card(connection, creator_id, rows[0]["workflow_id"], ended=True)
        return len(rows)


async def add_listed(
    connection: Connection, creator_id: CreatorId, listing_id: SourceId, workflow_id: WorkflowId,
    new: Sequence[NewSource], tier: str,
) -> int:  # fmt: skip
    """Put what a listing has not held before into its workflow; how many sources of it are new to the creator.

    What there is no room for is not noted as held: it comes in when there is.
    """
    digests = [digest for source in new for digest in (source.digest, *source.known_as)]
    held = {row["content_hash"] for row in await connection.fetch(LISTED, creator_id, listing_id, digests)}
    once = {source.digest: source for source in new if held.isdisjoint((source.digest, *source.known_as))}
    room = max(await connection.fetchval(ROOM, creator_id, workflow_id, MOST_OF_WORKFLOW), 0)
    fresh, left_out = list(once.values())[:room], set(list(once)[room:])
    noted = [source.digest for source in new if source.digest not in left_out]
    await connection.execute(NOTE_LISTED, creator_id, listing_id, noted)
    await connection.execute(LEAVE_OUT, creator_id, listing_id, _left_out(len(left_out)))
    _, items = await add_sources(connection, creator_id, workflow_id, fresh, tier)
    if items:
        await admit(connection, creator_id, items, len(items))
    await move_card(connection, creator_id, workflow_id, ended=True)
    return len(items)


def _left_out(entries: int) -> str:
    """What the uploader of a listing should know of it."""
    if not entries:
        return ""
    return f"{entries:,} of its entries were left out: one upload may bring {MOST_OF_WORKFLOW:,} sources."


async def publish(
    connection: Connection, creator_id: CreatorId, source_id: SourceId, indexed: IndexedSource
) -> None:  # fmt: skip
    """Replace what is answered from a source, and move the corpus version.

    The source is locked first and the corpus last: see :mod:`adapters.postgres.reindexing`.

    Raises:
        EmbedderChanged: the library was moved to another embedder since these vectors were begun.
    """
    chapters = chapters_to_json(indexed.chapters)
    await connection.execute(FINISH_SOURCE, creator_id, source_id, indexed.topics, chapters)
    await store_index(connection, creator_id, source_id, indexed)
    await renew_study(connection, creator_id, source_id)
    embedder = await connection.fetchval(MOVE_CORPUS, creator_id, indexed.embedder_id)
    if embedder != indexed.embedder_id:  # two embedders' vectors can never be searched together
        raise EmbedderChanged(f"A library is searched with {embedder} by now, not with {indexed.embedder_id}.")


async def add_sources(
    connection: Connection, creator_id: CreatorId, workflow_id: WorkflowId, new: Sequence[NewSource], tier: str
) -> tuple[list[Added], list[ItemId]]:
    """Write sources with their items, in order; those that are known stay as they are and get no item."""
    added: list[Added] = []
    items: list[ItemId] = []
    for position, source in enumerate(new):
        digest = source.digest or transcript_digest(_spoken(source))
        known = await connection.fetchrow(KNOWN, creator_id, [digest, *source.known_as])
        values = (digest, *_described(source), tier, *_origin(source))
        found = None if known else await connection.fetchval(ADD_SOURCE, creator_id, *values)
        if found is None:
            known = known or await _row(connection, KNOWN, creator_id, [digest])  # somebody added it just now
            added.append(Added(SourceId(known["id"]), known["title"], known=True))
            continue
        content = source.transcript and transcript_to_json(source.transcript)
        items.append(await connection.fetchval(ADD_ITEM, creator_id, found, workflow_id, position, content))
        added.append(Added(SourceId(found), _title(source), known=False))
    return added, items


def _described(new: NewSource) -> tuple[str, str, str, bool, str, str, str, float]:
    """What is known before anything is read: kind, timing, title, titled, link, language, external id, duration."""
    transcript = new.transcript
    timing = Timing.HEARD if transcript is None else transcript.timing
    written = timing is Timing.NONE or new.origin.kind is OriginKind.DOCUMENT
    kind = SourceKind.DOCUMENT if written else SourceKind.VIDEO
    if new.origin.kind is OriginKind.LISTING:
        kind = SourceKind.LISTING
    return (
        kind.value, timing.value, _title(new), bool(new.title), new.link,
        new.language or (transcript.language if transcript else ""), transcript.video_id if transcript else "",
        transcript.duration_s if transcript else new.duration_s,
    )  # fmt: skip


def _title(new: NewSource) -> str:
    """The uploader's title, or until it is read what it is called where it comes from."""
    return new.title or (new.origin.name or plain_title(new.origin.link))[:TITLE_CHARS]


def _origin(new: NewSource) -> tuple[str, str, str, str, list[dict[str, str]]]:
    origin = new.origin
    return origin.kind.value, origin.link, origin.key, origin.name, [asdict(track) for track in origin.captions]


def _work(creator_id: CreatorId, item_id: ItemId, row: asyncpg.Record, glossary: Glossary) -> Work:
    content = row["transcript"]
    captions = (CaptionTrack(**{**track, "kind": CaptionKind(track["kind"])}) for track in row["origin_captions"])
    origin = Origin(
        OriginKind(row["origin_kind"]), row["origin_link"], row["origin_key"], row["origin_name"], tuple(captions)
    )
    return Work(
        creator_id, item_id, SourceId(row["source_id"]), row["title"], row["language"],
        None if content is None else transcript_from_json(content), row["attempts"], origin, row["link"],
        UploadSettings(**row["settings"]), None if row["revises"] is None else SourceId(row["revises"]),
        glossary.hints, row["listed"],
    )  # fmt: skip


def _stats(read: ReadSource, duration_s: float) -> dict[str, Any]:
    facts = {
        "minutes": round(duration_s / 60, 1),
        "bytes": read.size_bytes,
        "cost_usd": read.cost_usd,
        "recogniser": read.recogniser,
    }
    return {name: value for name, value in facts.items() if value}


def _spoken(new: NewSource) -> Transcript:
    if new.transcript is None:
        raise ValueError("a source without a transcript needs the digest by which it is known again")
    return new.transcript


def _storable(error: str) -> str:
    """What PostgreSQL takes as text: no zero bytes, and no more than a person reads."""
    return error.replace("\0", "")[:2000]


async def _row(connection: Connection, statement: str, *values: object) -> asyncpg.Record:
    """A row that must be there: it was written or locked in this transaction."""
    row = await connection.fetchrow(statement, *values)
    if row is None:
        raise DatabaseError("A row vanished inside its own transaction; run 'chronos check'.")
    return row
