"""The work on study material on PostgreSQL: what is due, what models filled in, and what was made.

Locks are taken in the order of :mod:`adapters.postgres.reindexing`: the source first, then its guide.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import numpy as np

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.indexed import read_background
from adapters.postgres.jobs import STUDY, put_job
from adapters.postgres.studies import HOLD_SOURCE, put_chapters, read_areas, read_guide
from adapters.postgres.transcripts import chapters_from_json
from adapters.postgres.workflows import MOVE_CARD
from core.conversation import reply_to_json
from core.ids import CreatorId, PointId, SourceId
from core.library.transcript import Timing
from core.study.aligning import found_again
from core.study.cards import guide_card
from core.study.material import TAKEAWAYS, Lesson, Made, NewPoint, Said
from core.study.store import Assignment, KeptForm

HELD: Final = timedelta(minutes=10)
"""So long nobody else takes what one worker has begun, unless it goes on."""
MOST_OTHER_TERMS: Final = 60

_CHANGED: Final = "(hidden OR edited OR quiz_id IS NOT NULL OR removed_at IS NOT NULL)"
"""What the staff did something with."""
RENEW: Final = """
    INSERT INTO study_guides AS g (creator_id, source_id)
    SELECT creator_id, id FROM sources WHERE creator_id = $1 AND id = $2 AND kind NOT IN ('listing', 'qa', 'note')
    ON CONFLICT (creator_id, source_id) DO UPDATE
       SET version = g.version + 1, due_at = '-infinity', progress = 0, reason = '', sort = false, lost = 0,
           skipped = 0, picked = false
    RETURNING g.version
"""
DROP_UNCHANGED: Final = f"DELETE FROM study_points WHERE creator_id = $1 AND source_id = $2 AND NOT {_CHANGED}"
AGE: Final = "UPDATE study_points SET stale = true WHERE creator_id = $1 AND source_id = $2"
DROP_FORMS: Final = "DELETE FROM study_forms WHERE creator_id = $1 AND source_id = $2"
CLAIM: Final = """
    UPDATE study_guides g SET due_at = $3
     WHERE g.creator_id = $1 AND g.source_id = (
           SELECT d.source_id FROM study_guides d JOIN sources s ON s.creator_id = $1 AND s.id = d.source_id
            WHERE d.creator_id = $1 AND d.due_at <= $2 AND s.status = 'ready' AND s.removed_at IS NULL
            ORDER BY d.picked, d.due_at, d.source_id LIMIT 1 FOR UPDATE OF d SKIP LOCKED)
    RETURNING g.source_id, g.version, g.sort AND g.made = g.version AS sort_only, g.picked, g.own_chapters
"""
SOURCE: Final = """
    SELECT s.title, s.language, s.timing, s.duration_s, s.chapters, s.tier,
           coalesce((SELECT embedder FROM corpora WHERE creator_id = $1), '') AS embedder
      FROM sources s WHERE s.creator_id = $1 AND s.id = $2
"""
SENTENCES: Final = """
    SELECT position, text, start_s, paragraph, speaker, terms FROM segments WHERE creator_id = $1 AND source_id = $2
     ORDER BY position
"""
VECTORS: Final = """
    SELECT embedding FROM segment_embeddings WHERE creator_id = $1 AND source_id = $2 AND embedder = $3
     ORDER BY position
"""
NAMES: Final = "SELECT name FROM glossary_names WHERE creator_id = $1 ORDER BY created_at, name"
# A question may not tell of what is for other members alone.
OTHER_TERMS: Final = """
    SELECT p.text FROM study_points p JOIN sources s ON s.creator_id = $1 AND s.id = p.source_id
     WHERE p.creator_id = $1 AND p.kind = 'term' AND p.source_id <> $2 AND NOT p.stale AND p.removed_at IS NULL
       AND NOT p.hidden AND s.removed_at IS NULL AND s.tier IN ('', $3)
     GROUP BY p.text ORDER BY max(p.weight) DESC, p.text LIMIT $4
"""
UNSORTED: Final = """
    SELECT id, first_segment FROM study_points
     WHERE creator_id = $1 AND source_id = $2 AND kind = ANY($3) AND NOT edited AND NOT stale ORDER BY id
"""
SORT: Final = "UPDATE study_points SET area = $3 WHERE creator_id = $1 AND id = $2"
FILLED: Final = "SELECT content, model, tries FROM study_forms WHERE creator_id = $1 AND source_id = $2 AND key = $3"
KEEP_FILLED: Final = """
    INSERT INTO study_forms (creator_id, source_id, key, content, model)
    SELECT $1, $2, $4, $5, $6 FROM study_guides WHERE creator_id = $1 AND source_id = $2 AND version = $3
    ON CONFLICT (creator_id, source_id, key) DO UPDATE SET content = excluded.content, model = excluded.model
"""
KEEP_FAILED: Final = """
    INSERT INTO study_forms AS f (creator_id, source_id, key, tries)
    SELECT $1, $2, $4, 1 FROM study_guides WHERE creator_id = $1 AND source_id = $2 AND version = $3
    ON CONFLICT (creator_id, source_id, key) DO UPDATE SET tries = f.tries + 1
    RETURNING tries
"""
ADVANCE: Final = """
    UPDATE study_guides SET progress = greatest(progress, $4), reason = '', due_at = $5
     WHERE creator_id = $1 AND source_id = $2 AND version = $3
    RETURNING card_id
"""
HOLD: Final = """
    SELECT made = version AND writer <> '' AS written FROM study_guides
     WHERE creator_id = $1 AND source_id = $2 AND version = $3 FOR UPDATE
"""
STALE: Final = """
    SELECT id, quote, removed_at IS NOT NULL AS removed, edited OR hidden AS shaped FROM study_points
     WHERE creator_id = $1 AND source_id = $2 AND stale
"""
PLACE: Final = """
    UPDATE study_points SET first_segment = $3, last_segment = $4, stale = false WHERE creator_id = $1 AND id = $2
"""
DROP: Final = "DELETE FROM study_points WHERE creator_id = $1 AND id = $2"
ADD: Final = """
    INSERT INTO study_points (creator_id, source_id, kind, first_segment, last_segment, quote, text, weight,
                              perspective, notes, area, options, right_option, writer, fingerprint)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    ON CONFLICT (creator_id, source_id, fingerprint) DO NOTHING
"""
MADE: Final = """
    UPDATE study_guides SET made = version, writer = $3, rejected = $4, lost = lost + $5, own_chapters = $6,
           skipped = $7, sort = false
     WHERE creator_id = $1 AND source_id = $2
"""
SKIP: Final = "UPDATE study_guides SET skipped = $3 WHERE creator_id = $1 AND source_id = $2"
WORD_LATER: Final = """
    UPDATE study_guides SET due_at = $4, picked = true WHERE creator_id = $1 AND source_id = $2 AND version = $3
"""
SETTLE: Final = """
    UPDATE study_guides SET due_at = $4::timestamptz, reason = $5, sort = false, picked = picked AND $4 IS NOT NULL,
           progress = CASE WHEN $4 IS NULL THEN 1 ELSE progress END
     WHERE creator_id = $1 AND source_id = $2 AND version = $3
    RETURNING card_id
"""


class PostgresStudyBench:
    """See :class:`core.study.store.StudyBench`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, creator_id: CreatorId, at: datetime) -> Assignment | None:
        """Take what has been due for longest, as it is stored now."""
        async with self._database.creator(creator_id) as connection:
            taken = await connection.fetchrow(CLAIM, creator_id, at, at + HELD)
            return None if taken is None else await _assignment(connection, creator_id, taken)

    async def filled(self, creator_id: CreatorId, lesson: Lesson, key: bytes) -> KeptForm:
        """What became of a form before."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(FILLED, creator_id, lesson.source_id, key)
        return KeptForm() if row is None else KeptForm(row["content"], row["model"], row["tries"])

    async def keep_filled(
        self, creator_id: CreatorId, lesson: Lesson, key: bytes, values: Mapping[str, Any], model: str
    ) -> None:
        """Keep what a form was filled with."""
        async with self._database.creator(creator_id) as connection:
            version = (creator_id, lesson.source_id, lesson.version)
            await connection.execute(KEEP_FILLED, *version, key, dict(values), model)

    async def keep_failed(self, creator_id: CreatorId, lesson: Lesson, key: bytes) -> int:
        """Note that no model could fill a form; how often that was."""
        async with self._database.creator(creator_id) as connection:
            version = (creator_id, lesson.source_id, lesson.version)
            tries = await connection.fetchval(KEEP_FAILED, *version, key)
        return int(tries or 0)

    async def advance(self, creator_id: CreatorId, lesson: Lesson, share: float, at: datetime) -> None:
        """Note how far it is, and hold it for a while longer."""
        async with self._database.creator(creator_id) as connection:
            version = (creator_id, lesson.source_id, lesson.version)
            card_id = await connection.fetchval(ADVANCE, *version, share, at + HELD)
            await _move_card(connection, creator_id, lesson.source_id, card_id)

    async def keep(self, creator_id: CreatorId, lesson: Lesson, made: Made) -> None:
        """Put new material in the place of the old; what a model worded is not replaced by what was only picked."""
        source_id = lesson.source_id
        async with self._database.creator(creator_id) as connection:
            await connection.execute(HOLD_SOURCE, creator_id, source_id)
            written = await connection.fetchval(HOLD, creator_id, source_id, lesson.version)
            if written is None:
                return
            if written and not made.writer:
                await connection.execute(SKIP, creator_id, source_id, made.skipped)
                return
            lost = await _place_again(connection, creator_id, lesson)
            await connection.execute(DROP_UNCHANGED, creator_id, source_id)
            rows = [_row(creator_id, source_id, point) for point in made.points]
            await connection.executemany(ADD, rows)
            own = bool(lesson.own_chapters)
            counts = (made.rejected, lost, own, made.skipped)
            await connection.execute(MADE, creator_id, source_id, made.writer, *counts)
            if own and made.writer:
                await put_chapters(connection, creator_id, source_id)

    async def settle(self, creator_id: CreatorId, lesson: Lesson, due_at: datetime | None, reason: str = "") -> None:
        """Let a lesson go."""
        async with self._database.creator(creator_id) as connection:
            version = (creator_id, lesson.source_id, lesson.version)
            card_id = await connection.fetchval(SETTLE, *version, due_at, reason)
            if due_at is None:
                await connection.execute(DROP_FORMS, creator_id, lesson.source_id)
            await _move_card(connection, creator_id, lesson.source_id, card_id)

    async def word_later(self, creator_id: CreatorId, lesson: Lesson, due_at: datetime) -> None:
        """Let a lesson go, to be worded once that is due."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(WORD_LATER, creator_id, lesson.source_id, lesson.version, due_at)

    async def sort(self, creator_id: CreatorId, lesson: Lesson, areas: Mapping[PointId, str]) -> None:
        """Note the focus areas of takeaways."""
        async with self._database.creator(creator_id) as connection:
            await connection.executemany(SORT, [(creator_id, point_id, area) for point_id, area in areas.items()])
            await connection.fetchval(SETTLE, creator_id, lesson.source_id, lesson.version, None, "")

    async def another_turn(self, creator_id: CreatorId) -> None:
        """Have what is left done behind what others wait for."""
        async with self._database.creator(creator_id) as connection:
            await put_job(connection, STUDY, creator_id)


async def renew_study(connection: Connection, creator_id: CreatorId, source_id: SourceId) -> None:
    """Inside a creator's transaction that holds a source: its words are others now, and so will be its material.

    What the staff changed waits to be found in the new words; all else is gone with the old ones.
    """
    version = await connection.fetchval(RENEW, creator_id, source_id)
    if version is None:
        return
    for statement in (DROP_UNCHANGED, AGE, DROP_FORMS):
        await connection.execute(statement, creator_id, source_id)
    await put_job(connection, STUDY, creator_id)


async def _assignment(connection: Connection, creator_id: CreatorId, taken: asyncpg.Record) -> Assignment:
    source_id = SourceId(taken["source_id"])
    source = (await connection.fetch(SOURCE, creator_id, source_id))[0]
    lesson = await _lesson(connection, creator_id, taken, source)
    others = await connection.fetch(OTHER_TERMS, creator_id, source_id, source["tier"], MOST_OTHER_TERMS)
    kinds = [kind.value for kind in TAKEAWAYS]
    unsorted = await connection.fetch(UNSORTED, creator_id, source_id, kinds) if taken["sort_only"] else []
    return Assignment(
        lesson, source["embedder"], tuple(row["text"] for row in others), taken["sort_only"], taken["picked"],
        {PointId(row["id"]): row["first_segment"] for row in unsorted},
    )  # fmt: skip


async def _lesson(
    connection: Connection, creator_id: CreatorId, taken: asyncpg.Record, source: asyncpg.Record
) -> Lesson:
    source_id = SourceId(taken["source_id"])
    rows = await connection.fetch(SENTENCES, creator_id, source_id)
    vectors = await connection.fetch(VECTORS, creator_id, source_id, source["embedder"])
    terms = [np.frombuffer(row["terms"], "<i4").astype(np.int32, copy=False) for row in rows]
    every = np.unique(np.concatenate(terms)) if terms else np.zeros(0, np.int32)
    return Lesson(
        source_id, taken["version"], source["title"],
        tuple(Said(row["position"], row["text"], row["start_s"], row["paragraph"], row["speaker"]) for row in rows),
        terms, _vectors(vectors, len(rows)),
        language=source["language"], heard=source["timing"] == Timing.HEARD, duration_s=source["duration_s"],
        chapters=chapters_from_json(source["chapters"]), own_chapters=taken["own_chapters"],
        background=await read_background(connection, creator_id, source_id, every),
        names=tuple(row["name"] for row in await connection.fetch(NAMES, creator_id)),
        areas=await read_areas(connection, creator_id),
    )  # fmt: skip


def _vectors(rows: Sequence[asyncpg.Record], count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """One row a sentence; none at all where the library is being moved to another search model."""
    if not rows or len(rows) != count:
        return np.zeros((0, 0), np.float32)
    return np.stack([row["embedding"].to_numpy() for row in rows]).astype(np.float32)


async def _place_again(connection: Connection, creator_id: CreatorId, lesson: Lesson) -> int:
    """Find what the staff changed in the present words; what is not said any more goes. How many of theirs that were.

    What was deleted stays in any case: a week later its fingerprint alone keeps it away.
    """
    rows = await connection.fetch(STALE, creator_id, lesson.source_id)
    texts = [lesson.quoted(said.position, said.position) for said in lesson.sentences] if rows else []
    lost = 0
    for row in rows:
        found = found_again(row["quote"], texts) if row["quote"] else None
        if found is not None:
            await connection.execute(PLACE, creator_id, row["id"], *found)
        elif not row["removed"]:
            lost += row["shaped"]
            await connection.execute(DROP, creator_id, row["id"])
    return lost


def _row(creator_id: CreatorId, source_id: SourceId, point: NewPoint) -> tuple[object, ...]:
    return (
        creator_id, source_id, point.kind.value, point.first, point.last, point.quote, point.text, point.weight,
        point.perspective, point.notes, point.area, list(point.options), point.right, point.writer,
        point.fingerprint,
    )  # fmt: skip


async def _move_card(
    connection: Connection, creator_id: CreatorId, source_id: SourceId, card_id: int | None
) -> None:  # fmt: skip
    if card_id is None:
        return
    guide = await read_guide(connection, creator_id, source_id)
    if guide is not None:
        async with system_role(connection):
            await connection.execute(MOVE_CARD, card_id, reply_to_json(guide_card(guide)))
