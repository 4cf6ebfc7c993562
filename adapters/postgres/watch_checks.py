"""Questions about recordings that play elsewhere: one attempt after another, inside a student's transaction."""

import asyncio
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

import asyncpg

from adapters.postgres.acts import record_act
from adapters.postgres.database import Connection
from core.errors import Refused
from core.ids import CheckId, SourceId
from core.library.cards import about
from core.library.watching import WatchedSentence
from core.rewards.watch_checks import ATTEMPTS_A_DAY, FEWEST_WORDS, MOST_WORDS, OPTIONS, Check, CheckQuestion, draw
from core.rewards.watching import WALL_NEEDED, Viewer, watched_to_the_end
from core.tiers import Scope

DAY: Final = timedelta(days=1)
CHECKS: Final = """
    SELECT c.id, c.source_id, s.title, c.questions, c.answers, c.made_at
      FROM watch_checks c JOIN sources s ON s.creator_id = c.creator_id AND s.id = c.source_id
     WHERE c.creator_id = $1 AND c.student_id = $2 AND c.source_id = $3
     ORDER BY c.id
"""
FORGET: Final = """
    DELETE FROM watch_checks WHERE creator_id = $1 AND student_id = $2 AND source_id = $3 AND made_at <= $4
"""
ADD: Final = """
    INSERT INTO watch_checks (creator_id, student_id, source_id, made_at, questions) VALUES ($1, $2, $3, $4, $5)
    RETURNING id
"""
TO_ANSWER: Final = """
    SELECT c.id, c.source_id, s.title, c.questions, c.answers, c.made_at
      FROM watch_checks c JOIN sources s ON s.creator_id = c.creator_id AND s.id = c.source_id
     WHERE c.creator_id = $1 AND c.student_id = $2 AND c.source_id = $3 AND c.id = $4
       FOR UPDATE OF c
"""
ANSWER: Final = """
    UPDATE watch_checks SET answers = answers || $5::integer
     WHERE creator_id = $1 AND student_id = $2 AND source_id = $3 AND id = $4
"""
DONE: Final = """
    UPDATE watched SET done_at = $4
     WHERE creator_id = $1 AND student_id = $2 AND source_id = $3 AND done_at IS NULL
    RETURNING source_id
"""
SAID: Final = """
    SELECT start_s, end_s, paragraph, text, locator, speaker, estimated FROM segments
     WHERE creator_id = $1 AND source_id = $2 ORDER BY position
"""
# A few recordings are drawn first, so that a large library is not sorted at random.
SAID_ELSEWHERE: Final = """
    SELECT g.text FROM segments g
     WHERE g.creator_id = $1 AND g.words BETWEEN $4 AND $5
       AND g.source_id IN (SELECT id FROM sources
                            WHERE creator_id = $1 AND id <> $2 AND status = 'ready' AND removed_at IS NULL
                              AND timing <> 'none' AND (tier = '' OR $3::text[] IS NULL OR tier = ANY($3))
                            ORDER BY random() LIMIT 8)
     ORDER BY random() LIMIT 300
"""
OLD_BUTTON: Final = "That was answered already. /watch shows how far you are."


async def open_check(
    connection: Connection, viewer: Viewer, watched: asyncpg.Record, scope: Scope, at: datetime, chance: Random
) -> Check:
    """The open attempt of somebody who is held up with every other, or a new one.

    Raises:
        Refused: it is too early, they may not try again today, or too little is said.
    """
    key = (viewer.creator_id, viewer.student_id, viewer.source_id)
    _require_time(watched, at)
    await connection.execute(FORGET, *key, at - DAY)
    made = await connection.fetch(CHECKS, *key)
    checks = [_check(row) for row in made]
    left = ATTEMPTS_A_DAY - len(checks)
    if checks and not checks[-1].judged:
        return replace(checks[-1], attempts_left=left)
    if left <= 0:
        wait_s = (made[0]["made_at"] + DAY - at).total_seconds()
        raise Refused(f"That was attempt {ATTEMPTS_A_DAY} of {ATTEMPTS_A_DAY} a day. Try again in {about(wait_s)}.")
    own = [WatchedSentence(**row) for row in await connection.fetch(SAID, viewer.creator_id, viewer.source_id)]
    others = await connection.fetch(
        SAID_ELSEWHERE, viewer.creator_id, viewer.source_id, scope.tiers, FEWEST_WORDS, MOST_WORDS
    )
    elsewhere = [row["text"] for row in others]
    questions = await asyncio.to_thread(draw, own, elsewhere, watched["duration_s"], chance)
    check_id = await connection.fetchval(ADD, *key, at, [asdict(question) for question in questions])
    return Check(CheckId(check_id), viewer.source_id, watched["title"], questions, (), left - 1)


def _require_time(watched: asyncpg.Record, at: datetime) -> None:
    if watched["done_at"] is not None:
        raise Refused(f"You watched {watched['title']} to the end already; it counts once.")
    if watched["opened_at"] is None:
        raise Refused("Open it with its Watch button first, and watch it. The questions come afterwards.")
    left_s = watched["duration_s"] * WALL_NEEDED - (at - watched["opened_at"]).total_seconds()
    if left_s > 0:
        raise Refused(f"You cannot have watched it yet. The questions open in about {about(left_s)}.")


async def answer_check(
    connection: Connection, viewer: Viewer, scope: Scope, check_id: CheckId, question: int, option: int, at: datetime
) -> Check:
    """Take an answer; with the last one the check is judged, and earns where it is not the staff's.

    Raises:
        Refused: it is not theirs, not the question that is open, or not one of its options.
    """
    key = (viewer.creator_id, viewer.student_id, viewer.source_id)
    row = await connection.fetchrow(TO_ANSWER, *key, check_id)
    if row is None or not 0 <= option < OPTIONS:
        raise Refused("That button does not work any more. /watch shows how far you are.")
    before = _check(row)
    if before.judged or question != len(before.answers):
        raise Refused(OLD_BUTTON)
    await connection.execute(ANSWER, *key, check_id, option)
    lately = [row for row in await connection.fetch(CHECKS, *key) if row["made_at"] > at - DAY]
    left = max(ATTEMPTS_A_DAY - len(lately), 0)
    after = replace(before, answers=(*before.answers, option), attempts_left=left)
    done = after.passed and await connection.fetchval(DONE, *key, at) is not None
    if done and scope.tiers is not None:
        evidence = {"check": after.id, "right": after.right, "attempts": len(lately)}
        await record_act(connection, watched_to_the_end(viewer, at, "check", evidence))
    return after


def _check(row: asyncpg.Record) -> Check:
    questions = tuple(
        CheckQuestion(each["words"], tuple(each["options"]), each["right"]) for each in row["questions"]
    )
    return Check(CheckId(row["id"]), SourceId(row["source_id"]), row["title"], questions, tuple(row["answers"]))
