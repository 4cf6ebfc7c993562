"""Study material on PostgreSQL as learners read it and the staff changes it, under one creator's scope."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from adapters.postgres.database import Connection, Database
from adapters.postgres.jobs import STUDY, put_job
from adapters.postgres.outbox import post
from adapters.postgres.packed import scoped
from adapters.postgres.quizzes import add_quiz, change_quiz, read_quiz
from adapters.postgres.transcripts import chapters_to_json
from core.asking.holdings import StoredSentence
from core.conversation import Place, reply_to_json
from core.ids import CreatorId, PointId, QuizId, SourceId
from core.library.store import SourceKind
from core.library.transcript import Chapter, LocatorKind
from core.rewards.quizzes import Quiz, QuizContent, checked_questions
from core.study.cards import guide_card
from core.study.material import USUAL_AREAS, Area, PointKind
from core.study.store import Guide, Point, Revised, Wanted, WantedTerms
from core.tiers import Scope

KEPT_AFTER_REMOVAL: Final = timedelta(days=7)
MOST_POINTS: Final = 5_000

_IN_QUIZ: Final = """
    EXISTS (SELECT FROM quizzes q WHERE q.creator_id = $1 AND q.id = p.quiz_id AND q.removed_at IS NULL)
"""
"""A draft stands in a quiz for as long as that is there; then it waits again."""
_COLUMNS: Final = f"""
    p.id, p.kind, p.text, p.quote, p.weight, p.perspective, p.notes, p.area, p.options, p.right_option, p.writer,
    p.hidden, p.edited, {_IN_QUIZ} AS used, p.former IS NOT NULL AS may_undo, p.source_id,
    g.position, g.start_s, g.end_s, g.paragraph, g.text AS said, x.title, x.link, x.duration_s,
    x.timing <> 'none' AS timed, g.locator, x.locator_kind, g.speaker, x.tier, x.kind AS source_kind,
    (SELECT h.start_s FROM segments h
      WHERE h.creator_id = $1 AND h.source_id = p.source_id AND h.position <= g.position AND NOT h.estimated
      ORDER BY h.position DESC LIMIT 1) AS linked_s
"""
_OPEN: Final = """
    study_points p
      JOIN sources x ON x.creator_id = $1 AND x.id = p.source_id AND x.status = 'ready' AND x.removed_at IS NULL
                    AND (x.tier = '' OR $2::text[] IS NULL OR x.tier = ANY($2))
                    AND ($3::bigint[] IS NULL OR x.id = ANY($3))
      JOIN segments g ON g.creator_id = $1 AND g.source_id = p.source_id AND g.position = p.first_segment
     WHERE p.creator_id = $1 AND NOT p.stale
"""
FIND: Final = f"""
    SELECT {_COLUMNS} FROM {_OPEN} AND p.removed_at IS NULL
       AND ($4::text[] = '{{}}' OR p.kind = ANY($4)) AND ($5::bigint IS NULL OR p.source_id = $5)
       AND ($6 = '' OR p.area = $6) AND ($7 OR NOT p.hidden)
     ORDER BY p.source_id DESC, p.first_segment, p.id LIMIT {MOST_POINTS}
"""
_TERMS: Final = f"""
    {_OPEN} AND p.removed_at IS NULL AND NOT p.hidden AND p.kind = 'term' AND ($4::bigint IS NULL OR p.source_id = $4)
        AND strpos(lower(p.text), lower($5)) > 0
"""
COUNT_TERMS: Final = f"SELECT count(*) FROM {_TERMS}"
TERMS: Final = f"""
    SELECT {_COLUMNS} FROM {_TERMS} ORDER BY lower(p.text), p.weight DESC, p.id LIMIT $6 OFFSET $7
"""
POINT: Final = f"SELECT {_COLUMNS} FROM {_OPEN} AND p.removed_at IS NULL AND p.id = $4"
_GUIDE: Final = f"""
    SELECT d.source_id, x.title, x.tier, d.made = d.version AS made, d.due_at IS NOT NULL AND NOT d.sort AS waits,
           d.reason, d.writer, d.progress, d.rejected, d.skipped, d.lost,
           (SELECT q.id FROM quizzes q
             WHERE q.creator_id = $1 AND q.id = d.quiz_id AND q.removed_at IS NULL) AS quiz_id,
           (SELECT coalesce(jsonb_object_agg(c.kind, c.n), '{{}}') FROM (
               SELECT p.kind, count(*) AS n FROM study_points p
                WHERE p.creator_id = $1 AND p.source_id = d.source_id AND NOT p.stale AND p.removed_at IS NULL
                GROUP BY p.kind) c) AS counts,
           (SELECT count(*) FROM study_points p
             WHERE p.creator_id = $1 AND p.source_id = d.source_id AND NOT p.stale AND p.removed_at IS NULL
               AND p.hidden) AS hidden,
           (SELECT count(*) FROM study_points p
             WHERE p.creator_id = $1 AND p.source_id = d.source_id AND NOT p.stale AND p.removed_at IS NULL
               AND p.kind = 'quiz' AND NOT {_IN_QUIZ}) AS drafts
      FROM study_guides d
      JOIN sources x ON x.creator_id = $1 AND x.id = d.source_id AND x.status = 'ready' AND x.removed_at IS NULL
     WHERE d.creator_id = $1
"""
GUIDES: Final = f"{_GUIDE} ORDER BY d.source_id DESC"
GUIDE: Final = f"{_GUIDE} AND d.source_id = $2"
REDO: Final = """
    UPDATE study_guides SET due_at = $3, progress = 0, reason = '', sort = false, picked = false
     WHERE creator_id = $1 AND source_id = $2 AND (due_at IS NULL OR sort) RETURNING source_id
"""
SET_CARD: Final = "UPDATE study_guides SET card_id = $3 WHERE creator_id = $1 AND source_id = $2"
HOLD: Final = """
    SELECT text, perspective, notes, area, options, right_option, edited, former FROM study_points
     WHERE creator_id = $1 AND id = $2 AND NOT stale AND removed_at IS NULL FOR UPDATE
"""
REVISE: Final = """
    UPDATE study_points SET text = $3, perspective = $4, notes = $5, area = $6, options = $7, right_option = $8,
           edited = $9, former = $10
     WHERE creator_id = $1 AND id = $2
"""
HIDE: Final = """
    UPDATE study_points SET hidden = $3 WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL RETURNING id
"""
REMOVE: Final = """
    UPDATE study_points SET removed_at = $3 WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL RETURNING id
"""
RESTORE: Final = """
    UPDATE study_points SET removed_at = NULL
     WHERE creator_id = $1 AND id = $2 AND removed_at IS NOT NULL AND text <> '' RETURNING id
"""
# What was deleted is known again by its fingerprint, and nothing else of it is kept.
FORGET: Final = """
    UPDATE study_points SET text = '', quote = '', notes = '', perspective = '', options = '{}', former = NULL
     WHERE creator_id = $1 AND removed_at < $2 AND text <> ''
"""
SET_CHAPTERS: Final = "UPDATE sources SET chapters = $3 WHERE creator_id = $1 AND id = $2 AND chapters <> $3"
OWN_CHAPTERS: Final = "SELECT own_chapters FROM study_guides WHERE creator_id = $1 AND source_id = $2"
CHAPTERS: Final = """
    SELECT g.start_s, p.text, p.first_segment FROM study_points p
      JOIN segments g ON g.creator_id = $1 AND g.source_id = p.source_id AND g.position = p.first_segment
     WHERE p.creator_id = $1 AND p.source_id = $2 AND p.kind = 'chapter' AND NOT p.stale AND NOT p.hidden
       AND p.removed_at IS NULL
     ORDER BY p.first_segment
"""
SOURCE_OF: Final = "SELECT source_id FROM study_points WHERE creator_id = $1 AND id = $2 AND kind = 'quiz'"
HOLD_SOURCE: Final = "SELECT FROM sources WHERE creator_id = $1 AND id = $2 FOR NO KEY UPDATE"
HOLD_GUIDE: Final = "SELECT quiz_id FROM study_guides WHERE creator_id = $1 AND source_id = $2 FOR UPDATE"
WAITS: Final = f"""
    SELECT NOT {_IN_QUIZ} FROM study_points p
     WHERE p.creator_id = $1 AND p.id = $2 AND NOT p.stale AND p.removed_at IS NULL
"""
USE: Final = "UPDATE study_points SET quiz_id = $3 WHERE creator_id = $1 AND id = $2"
SET_QUIZ: Final = "UPDATE study_guides SET quiz_id = $3 WHERE creator_id = $1 AND source_id = $2"
AREAS: Final = "SELECT name, about FROM study_areas WHERE creator_id = $1 ORDER BY position"
CLEAR_AREAS: Final = "DELETE FROM study_areas WHERE creator_id = $1"
ADD_AREA: Final = "INSERT INTO study_areas (creator_id, position, name, about) VALUES ($1, $2, $3, $4)"
SORT_ALL: Final = """
    UPDATE study_guides SET sort = true, due_at = $2 WHERE creator_id = $1 AND made = version AND due_at IS NULL
"""
ANY_DUE: Final = "SELECT EXISTS (SELECT FROM study_guides WHERE creator_id = $1 AND due_at <= $2)"
FIELDS: Final = ("text", "perspective", "notes", "area", "options", "right_option", "edited")


class PostgresStudies:
    """See :class:`core.study.store.Studies`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def guides(self, creator_id: CreatorId) -> list[Guide]:
        """How the material of each source stands, newest source first."""
        async with self._database.creator(creator_id) as connection:
            return [_guide(row) for row in await connection.fetch(GUIDES, creator_id)]

    async def guide(self, creator_id: CreatorId, source_id: SourceId) -> Guide | None:
        """How the material of one stands."""
        async with self._database.creator(creator_id) as connection:
            return await read_guide(connection, creator_id, source_id)

    async def redo(self, creator_id: CreatorId, source_id: SourceId, place: Place, at: datetime) -> Guide | None:
        """Have a source's material made again, with a card that moves along; None where that is under way."""
        async with self._database.creator(creator_id) as connection:
            if await connection.fetchval(REDO, creator_id, source_id, at) is None:
                return None
            guide = await read_guide(connection, creator_id, source_id)
            if guide is not None:
                card_id = await post(connection, creator_id, place, reply_to_json(guide_card(guide)))
                await connection.execute(SET_CARD, creator_id, source_id, card_id)
                await put_job(connection, STUDY, creator_id)
        return guide

    async def find(self, scope: Scope, wanted: Wanted) -> list[Point]:
        """Points in scope, in the order in which they are said, newest source first."""
        kinds = [kind.value for kind in wanted.kinds]
        async with self._database.creator(scope.creator_id) as connection:
            rows = await connection.fetch(FIND, *scoped(scope), kinds, wanted.source_id, wanted.area, wanted.hidden)
        return [_point(row) for row in rows]

    async def terms(self, scope: Scope, wanted: WantedTerms) -> tuple[list[Point], int]:
        """A run of the key terms in scope, and how many there are in all."""
        asked = (*scoped(scope), wanted.source_id, wanted.search)
        async with self._database.creator(scope.creator_id) as connection:
            count = await connection.fetchval(COUNT_TERMS, *asked)
            rows = await connection.fetch(TERMS, *asked, wanted.most, wanted.skip)
        return [_point(row) for row in rows], count

    async def point(self, scope: Scope, point_id: PointId) -> Point | None:
        """One point; None where there is none any more, or it is out of scope."""
        async with self._database.creator(scope.creator_id) as connection:
            row = await connection.fetchrow(POINT, *scoped(scope), point_id)
        return None if row is None else _point(row)

    async def revise(self, creator_id: CreatorId, point_id: PointId, revised: Revised) -> Point | None:
        """Change a point and keep what it was before."""
        given = {
            "text": revised.text, "perspective": revised.perspective, "notes": revised.notes, "area": revised.area,
            "options": None if revised.options is None else list(revised.options), "right_option": revised.right,
            "edited": True,
        }  # fmt: skip
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(HOLD, creator_id, point_id)
            if row is None:
                return None
            before = {name: row[name] for name in FIELDS}
            now = before | {name: value for name, value in given.items() if value is not None}
            await connection.execute(REVISE, creator_id, point_id, *(now[name] for name in FIELDS), before)
            return await _changed(connection, creator_id, point_id)

    async def undo(self, creator_id: CreatorId, point_id: PointId) -> Point | None:
        """Take the last change of a point back, or that back again."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(HOLD, creator_id, point_id)
            if row is None or row["former"] is None:
                return None
            former, before = row["former"], {name: row[name] for name in FIELDS}
            await connection.execute(REVISE, creator_id, point_id, *(former[name] for name in FIELDS), before)
            return await _changed(connection, creator_id, point_id)

    async def hide(self, creator_id: CreatorId, point_id: PointId, *, hidden: bool) -> Point | None:
        """Show a point to the staff alone, or to everybody again."""
        async with self._database.creator(creator_id) as connection:
            await connection.fetchval(HIDE, creator_id, point_id, hidden)
            return await _changed(connection, creator_id, point_id)

    async def remove(self, creator_id: CreatorId, point_id: PointId, at: datetime) -> Point | None:
        """Delete a point."""
        async with self._database.creator(creator_id) as connection:
            before = await _changed(connection, creator_id, point_id)
            removed = await connection.fetchval(REMOVE, creator_id, point_id, at)
            if before is not None and before.kind is PointKind.CHAPTER:
                await put_chapters(connection, creator_id, before.said.source_id)
        return None if removed is None else before

    async def restore(self, creator_id: CreatorId, point_id: PointId) -> Point | None:
        """Bring a deleted point back; None where it is too late."""
        async with self._database.creator(creator_id) as connection:
            await connection.fetchval(RESTORE, creator_id, point_id)
            return await _changed(connection, creator_id, point_id)

    async def put_in_quiz(
        self, creator_id: CreatorId, point_id: PointId, content: QuizContent, origin: str
    ) -> tuple[QuizId, int] | None:  # fmt: skip
        """Put a draft into the quiz of its source, one at a time."""
        async with self._database.creator(creator_id) as connection:
            source_id = await connection.fetchval(SOURCE_OF, creator_id, point_id)
            await connection.execute(HOLD_SOURCE, creator_id, source_id)
            quiz_id = await connection.fetchval(HOLD_GUIDE, creator_id, source_id)
            if not await connection.fetchval(WAITS, creator_id, point_id):
                return None
            before = await read_quiz(connection, creator_id, quiz_id) if quiz_id else None
            put = await _put(connection, creator_id, before, content, origin)
            await connection.execute(USE, creator_id, point_id, put[0])
            await connection.execute(SET_QUIZ, creator_id, source_id, put[0])
        return put

    async def areas(self, creator_id: CreatorId) -> tuple[Area, ...]:
        """The creator's focus areas, or the usual ones."""
        async with self._database.creator(creator_id) as connection:
            return await read_areas(connection, creator_id)

    async def set_areas(self, creator_id: CreatorId, areas: Sequence[Area], at: datetime) -> None:
        """Name the focus areas, and have takeaways sorted by them."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(CLEAR_AREAS, creator_id)
            rows = [(creator_id, number, area.name, area.about) for number, area in enumerate(areas)]
            await connection.executemany(ADD_AREA, rows)
            await connection.execute(SORT_ALL, creator_id, at)
            await put_job(connection, STUDY, creator_id)

    async def wake(self, creator_id: CreatorId, at: datetime) -> None:
        """Have done what is due; forget what was deleted a week ago."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(FORGET, creator_id, at - KEPT_AFTER_REMOVAL)
            if await connection.fetchval(ANY_DUE, creator_id, at):
                await put_job(connection, STUDY, creator_id)


async def _put(
    connection: Connection, creator_id: CreatorId, before: Quiz | None, content: QuizContent, origin: str
) -> tuple[QuizId, int]:
    """The quiz that has a question from now on, and how many it has."""
    if before is None:
        return await add_quiz(connection, creator_id, content, origin), len(content.questions)
    known = {question.text for question in before.questions}
    every = (*before.questions, *(question for question in content.questions if question.text not in known))
    if every != before.questions:
        changed = replace(before.content, questions=checked_questions(every))
        await change_quiz(connection, creator_id, before, changed)
    return before.summary.id, len(every)


async def _changed(connection: Connection, creator_id: CreatorId, point_id: PointId) -> Point | None:
    """A point as it is now; of a chapter, its source's page is told."""
    row = await connection.fetchrow(POINT, creator_id, None, None, point_id)
    if row is not None and row["kind"] == PointKind.CHAPTER:
        await put_chapters(connection, creator_id, SourceId(row["source_id"]))
    return None if row is None else _point(row)


async def put_chapters(connection: Connection, creator_id: CreatorId, source_id: SourceId) -> None:
    """Inside a creator's transaction, let a source have the chapters that its material has; a platform's stay.

    The one at the first sentence begins with the recording, and no other: where it is hidden, the rest stay in place.
    """
    if not await connection.fetchval(OWN_CHAPTERS, creator_id, source_id):
        return
    rows = await connection.fetch(CHAPTERS, creator_id, source_id)
    chapters = [Chapter(row["start_s"] if row["first_segment"] else 0.0, row["text"]) for row in rows]
    await connection.execute(SET_CHAPTERS, creator_id, source_id, chapters_to_json(tuple(chapters)))


async def read_areas(connection: Connection, creator_id: CreatorId) -> tuple[Area, ...]:
    """Inside a creator's transaction, the focus areas."""
    rows = await connection.fetch(AREAS, creator_id)
    return tuple(Area(row["name"], row["about"]) for row in rows) or USUAL_AREAS


async def read_guide(connection: Connection, creator_id: CreatorId, source_id: SourceId) -> Guide | None:
    """Inside a creator's transaction, how the material of a source stands."""
    row = await connection.fetchrow(GUIDE, creator_id, source_id)
    return None if row is None else _guide(row)


def _guide(row: asyncpg.Record) -> Guide:
    values: dict[str, Any] = dict(row)
    counts = {PointKind(kind): count for kind, count in values.pop("counts").items()}
    return Guide(**values, counts=counts)


def _point(row: asyncpg.Record) -> Point:
    said = StoredSentence(
        SourceId(row["source_id"]), row["position"], row["start_s"], row["end_s"], row["linked_s"], row["paragraph"],
        row["said"], row["title"], row["link"], row["duration_s"], row["timed"], row["locator"],
        LocatorKind(row["locator_kind"]), row["speaker"], row["tier"], SourceKind(row["source_kind"]),
    )  # fmt: skip
    return Point(
        PointId(row["id"]), PointKind(row["kind"]), said, row["text"], row["quote"], row["weight"],
        row["perspective"], row["notes"], row["area"], tuple(row["options"]), row["right_option"], row["writer"],
        row["hidden"], row["edited"], row["used"], row["may_undo"],
    )  # fmt: skip
