"""What students watched, on PostgreSQL; row-level security holds each student to their own."""

import math
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any, Final

import asyncpg

from adapters.postgres.acts import record_act
from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.watch_checks import answer_check, open_check
from core.conversation import Person
from core.errors import Refused
from core.ids import CheckId, CreatorId, SourceId, StudentId
from core.members.directory import Creator, Enrolment, refusal, standing_of
from core.rewards.acts import Verdict
from core.rewards.rules import WATCH
from core.rewards.watch_checks import Check
from core.rewards.watching import (
    LEAST_APART_S,
    Beaten,
    Heard,
    Progress,
    Session,
    Stretch,
    Viewer,
    Watchable,
    grown,
    page_evidence,
    watched_to_the_end,
)
from core.tiers import Scope

_ACT: Final = f"'{WATCH}:' || $2::bigint || ':' || s.id"
# Acts are forgotten in the end; what they earned is not.
_COLUMNS: Final = f"""
    s.id, s.title, s.link, s.tier, s.media_key, s.duration_s, w.opened_at, w.covered, w.wall_s, w.beats,
    w.position_s, w.session, w.turn, w.beat_at, w.done_at,
    coalesce((SELECT a.verdict FROM learning_acts a WHERE a.creator_id = $1 AND a.key = {_ACT}),
             (SELECT 'awarded' FROM transfers t WHERE t.creator_id = $1 AND t.key = {_ACT}),
             CASE WHEN w.done_at < now() - interval '90 days' THEN 'unpaid' END) AS verdict
"""
_WATCHABLE: Final = """
    s.creator_id = $1 AND s.status = 'ready' AND s.removed_at IS NULL AND s.timing <> 'none' AND s.duration_s > 0
    AND s.kind IN ('video', 'audio')
"""
SHELF: Final = f"""
    SELECT {_COLUMNS} FROM sources s
      LEFT JOIN watched w ON w.creator_id = $1 AND w.student_id = $2 AND w.source_id = s.id
     WHERE {_WATCHABLE} ORDER BY s.id
"""
ONE: Final = f"""
    SELECT {_COLUMNS} FROM sources s
      LEFT JOIN watched w ON w.creator_id = $1 AND w.student_id = $2 AND w.source_id = s.id
     WHERE {_WATCHABLE} AND s.id = $3
"""
LINKED: Final = f"SELECT s.id, s.link, s.media_key FROM sources s WHERE {_WATCHABLE} AND s.id = ANY($2)"
RIGHTS: Final = """
    SELECT c.id, c.handle, c.name, c.language, c.who_may_ask, c.answers, c.owner_id,
           coalesce(e.status, '') AS status, coalesce(e.tier, '') AS tier, coalesce(e.source, '') AS source,
           coalesce(e.return_link, '') AS return_link,
           ARRAY(SELECT tier FROM bought_tiers b
                  WHERE b.creator_id = $1 AND b.student_id = $2 AND b.until > statement_timestamp()) AS bought,
           EXISTS (SELECT FROM students WHERE id = $2) AS known
      FROM creators c LEFT JOIN enrolments e ON e.creator_id = c.id AND e.student_id = $2
     WHERE c.id = $1
"""
OPEN: Final = """
    INSERT INTO watched (creator_id, student_id, source_id, opened_at, beat_at) VALUES ($1, $2, $3, $4, $4)
    ON CONFLICT DO NOTHING
"""
# All pages of a student wait for one another, so that the same seconds never count for two recordings.
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('watching ' || $1::bigint, $2))"
BEGIN: Final = """
    UPDATE watched SET session = $4, turn = 1, beat_at = greatest(beat_at, $5)
     WHERE creator_id = $1 AND student_id = $2 AND source_id = $3
"""
LAST_BEAT: Final = """
    SELECT max(beat_at) FROM watched WHERE creator_id = $1 AND student_id = $2 AND source_id <> $3
"""
BEAT: Final = """
    UPDATE watched SET covered = $4, wall_s = $5, beats = $6, position_s = $7, turn = turn + 1, beat_at = $8,
                       done_at = $9
     WHERE creator_id = $1 AND student_id = $2 AND source_id = $3
"""
GONE: Final = "This recording is not here any more. /watch shows what there is."
BEGIN_APART_S: Final = 1.0


class PostgresWatching:
    """See :class:`core.rewards.watching.Watching`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def shelf(self, creator_id: CreatorId, student_id: StudentId) -> list[Watchable]:
        """All recordings of a creator that can be watched, the oldest first, whatever their tier."""
        async with self._database.creator(creator_id, student_id) as connection:
            rows = await connection.fetch(SHELF, creator_id, student_id)
        return [found for row in rows if (found := _watchable(row)).reachable]

    async def first_watchable(self, creator_id: CreatorId, sources: Sequence[SourceId]) -> SourceId | None:
        """The first of these sources that can be watched."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(LINKED, creator_id, list(sources))
        reachable = {
            row["id"]
            for row in rows
            if Watchable(row["id"], "", row["link"], "", row["media_key"], Progress(0.0)).reachable
        }
        return next((source_id for source_id in sources if source_id in reachable), None)

    async def open(self, viewer: Viewer, at: datetime) -> Watchable:
        """Note that somebody got the way to a recording."""
        async with self._database.creator(viewer.creator_id, viewer.student_id) as connection:
            found = _watchable(await _admitted(connection, viewer))
            if not found.reachable:
                raise Refused(f"There is no recording of {found.title} to watch, only its words. /ask about it.")
            await connection.execute(OPEN, *_key(viewer), at)
        return found

    async def progress(self, viewer: Viewer) -> Progress:
        """How far they are."""
        async with self._database.creator(viewer.creator_id, viewer.student_id) as connection:
            scope = await _scope(connection, viewer)
            return _earning(_progress(await _within(connection, viewer, scope)), scope)

    async def begin(self, viewer: Viewer, at: datetime) -> Beaten:
        """Let a page count from now on; another page of theirs for the same recording counts no more."""
        session = Session(secrets.token_hex(8), 1)
        async with self._database.creator(viewer.creator_id, viewer.student_id) as connection:
            row = await _played_here(connection, viewer, await _scope(connection, viewer))
            if row["session"] and (at - row["beat_at"]).total_seconds() < BEGIN_APART_S:
                return Beaten(Heard.TOO_SOON, _progress(row), session)
            await connection.execute(OPEN, *_key(viewer), at)
            await connection.execute(BEGIN, *_key(viewer), session.name, at)
        return Beaten(Heard.COUNTED, _progress(row), session)

    async def beat(self, viewer: Viewer, session: Session, played: Sequence[Stretch], at: datetime) -> Beaten:
        """Count what has played since the heartbeat before; the last one that is needed records the act."""
        async with self._database.creator(viewer.creator_id, viewer.student_id) as connection:
            await connection.execute(ONE_AT_A_TIME, viewer.student_id, viewer.creator_id)
            scope = await _scope(connection, viewer)
            row = await _played_here(connection, viewer, scope)
            before, since_s = _earning(_progress(row), scope), _since_s(row["beat_at"], at)
            if objection := _objection(row, session, since_s):
                return Beaten(objection, before, session)
            free_s = min(since_s, _since_s(await connection.fetchval(LAST_BEAT, *_key(viewer)), at))
            after = grown(before, played, since_s=since_s, free_s=free_s)
            if after is None:
                return Beaten(Heard.TOO_FAST, before, session)
            after = await _kept(connection, viewer, scope, after, at)
        return Beaten(Heard.COUNTED, after, Session(session.name, session.turn + 1))

    async def check(self, viewer: Viewer, at: datetime, chance: Random) -> Check:
        """The questions about a recording that plays elsewhere: those that are open, or new ones."""
        async with self._database.creator(viewer.creator_id, viewer.student_id) as connection:
            scope = await _scope(connection, viewer)
            await connection.execute(ONE_AT_A_TIME, viewer.student_id, viewer.creator_id)
            row = await _within(connection, viewer, scope)
            if _watchable(row).plays_here:
                raise Refused("That one plays here: what you watch on its page counts by itself. /watch opens it.")
            return await open_check(connection, viewer, row, scope, at, chance)

    async def answer(self, viewer: Viewer, check_id: CheckId, question: int, option: int, at: datetime) -> Check:
        """Take an answer, once; with the last one the check is judged and, where all is right, the act recorded."""
        async with self._database.creator(viewer.creator_id, viewer.student_id) as connection:
            scope = await _scope(connection, viewer)
            await _within(connection, viewer, scope)
            return await answer_check(connection, viewer, scope, check_id, question, option, at)


def _key(viewer: Viewer) -> tuple[int, int, int]:
    return viewer.creator_id, viewer.student_id, viewer.source_id


async def _scope(connection: Connection, viewer: Viewer) -> Scope:
    """What somebody may see of a creator's.

    Raises:
        Refused: nothing, or nothing now; says why.
    """
    async with system_role(connection):
        row = await connection.fetchrow(RIGHTS, viewer.creator_id, viewer.student_id)
    if row is None or not row["known"]:
        raise Refused(GONE)
    columns = ("id", "handle", "name", "language", "who_may_ask", "answers", "owner_id")
    creator = Creator(**{name: row[name] for name in columns})
    person = Person("", "", manages=viewer.staff)
    bought = frozenset(row["bought"])
    enrolment = Enrolment(row["status"], row["tier"], bought, row["source"], row["return_link"])
    standing = standing_of(person, viewer.student_id, creator, None, enrolment)
    if reason := refusal(standing):
        raise Refused(reason)
    return Scope(viewer.creator_id, standing.tiers)


async def _admitted(connection: Connection, viewer: Viewer) -> asyncpg.Record:
    """The recording with how far somebody is, where they may watch it now."""
    return await _within(connection, viewer, await _scope(connection, viewer))


async def _within(connection: Connection, viewer: Viewer, scope: Scope) -> asyncpg.Record:
    """The same, for whoever has this scope.

    Raises:
        Refused: it is gone, or for others.
    """
    row = await connection.fetchrow(ONE, *_key(viewer))
    if row is None:
        raise Refused(GONE)
    if not scope.opens(row["tier"]):
        raise Refused(f"{row['title']} is for members of {row['tier']}. /watch shows what is open to you.")
    return row


async def _played_here(connection: Connection, viewer: Viewer, scope: Scope) -> asyncpg.Record:
    row = await _within(connection, viewer, scope)
    if not _watchable(row).plays_here:
        raise Refused(f"{row['title']} does not play here any more. /watch shows the way to it.")
    return row


def _objection(row: asyncpg.Record, session: Session, since_s: float) -> Heard | None:
    if row["session"] != session.name:
        return Heard.ELSEWHERE
    if row["turn"] != session.turn or math.isinf(since_s):
        return Heard.STALE
    return Heard.TOO_SOON if since_s < LEAST_APART_S else None


def _since_s(then: datetime | None, at: datetime) -> float:
    """Seconds since a moment; endless where there was none."""
    return math.inf if then is None else (at - then).total_seconds()


async def _kept(connection: Connection, viewer: Viewer, scope: Scope, after: Progress, at: datetime) -> Progress:
    """Keep how far somebody is; at its end the act, except of staff: they earn nothing by their own material."""
    done = after.done_at is None and after.complete
    after = replace(after, done_at=at) if done else after
    edges = [edge for each in after.covered for edge in (each.start_s, each.end_s)]
    await connection.execute(
        BEAT, *_key(viewer), edges, after.wall_s, after.beats, after.position_s, at, after.done_at
    )
    if done and scope.tiers is not None:
        await record_act(connection, watched_to_the_end(viewer, at, "page", page_evidence(after)))
    return _earning(after, scope)


def _earning(progress: Progress, scope: Scope) -> Progress:
    """What becomes of a reward: of the staff's nothing does, so nobody waits for it."""
    waits = progress.done_at is not None and progress.verdict is None
    return replace(progress, verdict=Verdict.UNPAID) if waits and scope.tiers is None else progress


def _watchable(row: asyncpg.Record) -> Watchable:
    return Watchable(
        SourceId(row["id"]), row["title"], row["link"], row["tier"], row["media_key"], _progress(row),
        opened=row["opened_at"] is not None,
    )  # fmt: skip


def _progress(row: asyncpg.Record) -> Progress:
    edges: list[Any] = row["covered"] or []
    return Progress(
        row["duration_s"],
        tuple(Stretch(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)),
        row["wall_s"] or 0.0, row["beats"] or 0, row["position_s"] or 0.0, row["done_at"],
        None if row["verdict"] is None else Verdict(row["verdict"]),
    )  # fmt: skip
