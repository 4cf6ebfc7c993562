"""Quizzes and the attempts at them on PostgreSQL, under one creator's row-level security."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, Final

import asyncpg

from adapters.postgres.acts import record_act
from adapters.postgres.database import Connection, Database
from core.errors import Refused
from core.ids import AttemptId, CreatorId, QuizId, SourceId, StudentId
from core.rewards.acts import Act
from core.rewards.quizzes import (
    ATTEMPTS_A_DAY,
    BY_STAFF,
    KEPT_AFTER_REMOVAL,
    Attempt,
    Moment,
    Progress,
    Question,
    Quiz,
    QuizContent,
    QuizSummary,
    Shown,
    State,
    Statistics,
    arrange,
    chosen,
    require_attempts_left,
    start_of_day,
)
from core.rewards.rules import QUIZ

PREVIEWS_KEPT: Final = timedelta(days=1)
MOST_COUNTED: Final = 2000
"""Attempts, the latest, by which questions are compared."""
GONE: Final = "That quiz is not there any more. /quiz shows what there is."
NOT_OPEN: Final = "That quiz is not open now. /quiz shows what is."
OVER: Final = "That attempt is over. Type /quiz to begin another."
ANOTHERS: Final = "That is somebody else's quiz. Type /quiz for one of your own."
NOT_YET: Final = "The right answers are shown once you pass, or have no attempts left that day."
CHANGED_MEANWHILE: Final = "Somebody else changed or removed that quiz meanwhile. Please look at it and try again."

ADD: Final = """
    INSERT INTO quizzes (creator_id, title, source_id, tier, origin)
    VALUES ($1, $2, $3, coalesce((SELECT tier FROM sources WHERE creator_id = $1 AND id = $3), ''), $4) RETURNING id
"""
ADD_VERSION: Final = "INSERT INTO quiz_versions (creator_id, quiz_id, version, questions) VALUES ($1, $2, $3, $4)"
CHANGE: Final = """
    UPDATE quizzes
       SET title = $4, source_id = $5, version = $6, changed_at = now(),
           tier = coalesce((SELECT tier FROM sources WHERE creator_id = $1 AND id = $5), '')
     WHERE creator_id = $1 AND id = $2 AND version = $3 AND removed_at IS NULL RETURNING id
"""
SET_STATE: Final = """
    UPDATE quizzes SET state = $3, changed_at = now() WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL
    RETURNING id
"""
REMOVE: Final = """
    UPDATE quizzes SET removed_at = now() WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL RETURNING title
"""
RESTORE: Final = """
    UPDATE quizzes SET removed_at = NULL WHERE creator_id = $1 AND id = $2 AND removed_at IS NOT NULL RETURNING title
"""
_SUMMARY: Final = """
    q.id, q.title, q.state, q.version, q.source_id, coalesce(s.title, '') AS source_title, q.origin,
    CASE WHEN s.id IS NULL THEN q.tier ELSE s.tier END AS tier, jsonb_array_length(v.questions) AS length
"""
_JOINED: Final = """
    FROM quizzes q
    JOIN quiz_versions v ON v.creator_id = q.creator_id AND v.quiz_id = q.id AND v.version = q.version
    LEFT JOIN sources s ON s.creator_id = q.creator_id AND s.id = q.source_id
"""
QUIZZES: Final = f"SELECT {_SUMMARY} {_JOINED} WHERE q.creator_id = $1 AND q.removed_at IS NULL ORDER BY q.id DESC"
QUIZ_WITH_QUESTIONS: Final = f"""
    SELECT {_SUMMARY}, v.questions {_JOINED} WHERE q.creator_id = $1 AND q.id = $2 AND q.removed_at IS NULL
"""
ABOUT: Final = """
    SELECT id FROM quizzes
     WHERE creator_id = $1 AND source_id = ANY($2) AND state = 'open' AND removed_at IS NULL
     ORDER BY id DESC LIMIT 1
"""
PROGRESS: Final = """
    SELECT a.quiz_id, count(*) FILTER (WHERE a.started_at >= $3) AS today,
           bool_or(a.passed AND a.version = q.version) AS passed,
           max((SELECT count(*) FROM jsonb_object_keys(a.answers)))
               FILTER (WHERE a.finished_at IS NULL AND a.version = q.version)::int AS place
      FROM quiz_attempts a JOIN quizzes q ON q.creator_id = a.creator_id AND q.id = a.quiz_id
     WHERE a.creator_id = $1 AND a.student_id = $2 AND NOT a.preview
     GROUP BY a.quiz_id
"""
# Of two that begin at once, the second one finds what the first one began.
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('quizzes', $1))"
FORGET_PREVIEW: Final = """
    DELETE FROM quiz_attempts WHERE creator_id = $1 AND student_id = $2 AND quiz_id = $3 AND preview
"""
GIVE_UP_FORMER: Final = """
    UPDATE quiz_attempts SET finished_at = $5
     WHERE creator_id = $1 AND student_id = $2 AND quiz_id = $3 AND version <> $4 AND finished_at IS NULL
       AND NOT preview
"""
UNFINISHED: Final = """
    SELECT id FROM quiz_attempts
     WHERE creator_id = $1 AND student_id = $2 AND quiz_id = $3 AND finished_at IS NULL AND NOT preview
"""
BEGUN_TODAY: Final = """
    SELECT count(*) FROM quiz_attempts
     WHERE creator_id = $1 AND student_id = $2 AND quiz_id = $3 AND started_at >= $4 AND NOT preview
"""
BEGIN: Final = """
    INSERT INTO quiz_attempts (creator_id, student_id, quiz_id, version, preview, arrangement, started_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
"""
ATTEMPT: Final = """
    SELECT a.id AS attempt_id, a.student_id, a.preview, a.arrangement, a.answers, a.finished_at, a.version,
           q.removed_at, v.questions, q.id, q.title, q.state, q.source_id, coalesce(s.title, '') AS source_title,
           q.origin, CASE WHEN s.id IS NULL THEN q.tier ELSE s.tier END AS tier,
           jsonb_array_length(v.questions) AS length,
           (SELECT count(*) FROM quiz_attempts t
             WHERE t.creator_id = $1 AND t.student_id = a.student_id AND t.quiz_id = a.quiz_id
               AND t.started_at >= $3 AND NOT t.preview) AS today,
           EXISTS (SELECT FROM quiz_attempts p
                    WHERE p.creator_id = $1 AND p.student_id = a.student_id AND p.quiz_id = a.quiz_id
                      AND p.version = a.version AND p.passed AND NOT p.preview AND p.id <> a.id) AS passed_before
      FROM quiz_attempts a
      JOIN quizzes q ON q.creator_id = a.creator_id AND q.id = a.quiz_id
      JOIN quiz_versions v ON v.creator_id = a.creator_id AND v.quiz_id = a.quiz_id AND v.version = a.version
      LEFT JOIN sources s ON s.creator_id = q.creator_id AND s.id = q.source_id
     WHERE a.creator_id = $1 AND a.id = $2
       FOR UPDATE OF a
"""
ANSWER: Final = "UPDATE quiz_attempts SET answers = answers || $3::jsonb WHERE creator_id = $1 AND id = $2"
FINISH: Final = """
    UPDATE quiz_attempts SET finished_at = $3, correct = $4, passed = $5 WHERE creator_id = $1 AND id = $2
"""
STATISTICS: Final = """
    SELECT count(*) AS started, count(correct) AS finished, count(*) FILTER (WHERE passed) AS passed,
           count(DISTINCT student_id) AS students
      FROM quiz_attempts WHERE creator_id = $1 AND quiz_id = $2 AND NOT preview
"""
ANSWERS: Final = """
    SELECT answers FROM quiz_attempts
     WHERE creator_id = $1 AND quiz_id = $2 AND version = $3 AND NOT preview AND answers <> '{}'
     ORDER BY id DESC LIMIT $4
"""
PURGE: Final = "DELETE FROM quizzes WHERE creator_id = $1 AND removed_at < $2"
PURGE_PREVIEWS: Final = "DELETE FROM quiz_attempts WHERE creator_id = $1 AND preview AND started_at < $2"


class PostgresQuizzes:
    """See :class:`core.rewards.quizzes.Quizzes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, creator_id: CreatorId, content: QuizContent, origin: str = BY_STAFF) -> QuizId:
        """Keep a new quiz as a draft."""
        async with self._database.creator(creator_id) as connection:
            return await add_quiz(connection, creator_id, content, origin)

    async def change(self, creator_id: CreatorId, before: Quiz, content: QuizContent) -> None:
        """Change a quiz; other questions make a new version."""
        async with self._database.creator(creator_id) as connection:
            await change_quiz(connection, creator_id, before, content)

    async def set_state(self, creator_id: CreatorId, quiz_id: QuizId, state: State) -> bool:
        """Publish or close a quiz; False where it is gone."""
        async with self._database.creator(creator_id) as connection:
            return await connection.fetchval(SET_STATE, creator_id, quiz_id, state.value) is not None

    async def remove(self, creator_id: CreatorId, quiz_id: QuizId) -> str | None:
        """Take a quiz away and return its title; None where it is gone already."""
        async with self._database.creator(creator_id) as connection:
            title: str | None = await connection.fetchval(REMOVE, creator_id, quiz_id)
        return title

    async def restore(self, creator_id: CreatorId, quiz_id: QuizId) -> str | None:
        """Undo a removal and return the title; None where it is too late."""
        async with self._database.creator(creator_id) as connection:
            title: str | None = await connection.fetchval(RESTORE, creator_id, quiz_id)
        return title

    async def quizzes(self, creator_id: CreatorId) -> list[QuizSummary]:
        """All quizzes of a creator, newest first."""
        async with self._database.creator(creator_id) as connection:
            return [_summary(row) for row in await connection.fetch(QUIZZES, creator_id)]

    async def quiz(self, creator_id: CreatorId, quiz_id: QuizId) -> Quiz | None:
        """A quiz with its questions; None where there is none."""
        async with self._database.creator(creator_id) as connection:
            return await read_quiz(connection, creator_id, quiz_id)

    async def about(self, creator_id: CreatorId, sources: Collection[SourceId]) -> QuizId | None:
        """The newest open quiz on any of these sources."""
        if not sources:
            return None
        async with self._database.creator(creator_id) as connection:
            found = await connection.fetchval(ABOUT, creator_id, list(sources))
        return None if found is None else QuizId(found)

    async def progress(
        self, creator_id: CreatorId, student_id: StudentId, now: datetime
    ) -> Mapping[QuizId, Progress]:
        """How a student stands with those quizzes that they ever began."""
        async with self._database.creator(creator_id, student_id) as connection:
            rows = await connection.fetch(PROGRESS, creator_id, student_id, start_of_day(now))
        return {
            QuizId(row["quiz_id"]): Progress(max(ATTEMPTS_A_DAY - row["today"], 0), row["place"], row["passed"])
            for row in rows
        }

    async def begin(
        self, creator_id: CreatorId, student_id: StudentId, quiz_id: QuizId, now: datetime, *, preview: bool = False
    ) -> Attempt:
        """Begin an attempt, or go on with the one that is not over."""
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(ONE_AT_A_TIME, student_id)
            quiz = await read_quiz(connection, creator_id, quiz_id)
            if quiz is None:
                raise Refused(GONE)
            if not quiz.questions or (quiz.summary.state is not State.OPEN and not preview):
                raise Refused(NOT_OPEN if quiz.questions else "That quiz has no questions yet.")
            attempt_id = None
            if preview:
                await connection.execute(FORGET_PREVIEW, creator_id, student_id, quiz_id)
            else:
                attempt_id = await _unfinished(connection, creator_id, student_id, quiz.summary, now)
            if attempt_id is None:
                shown = [[s.question, *s.options] for s in arrange(quiz.questions, SystemRandom())]
                attempt_id = await connection.fetchval(
                    BEGIN, creator_id, student_id, quiz_id, quiz.summary.version, preview, shown, now
                )
            return await _attempt(connection, creator_id, student_id, AttemptId(attempt_id), now)

    async def attempt(
        self, creator_id: CreatorId, student_id: StudentId, attempt_id: AttemptId, now: datetime
    ) -> Attempt:
        """An attempt that can go on."""
        async with self._database.creator(creator_id, student_id) as connection:
            return await _attempt(connection, creator_id, student_id, attempt_id, now)

    async def answer(
        self, creator_id: CreatorId, student_id: StudentId, attempt_id: AttemptId, place: int, ticked: int,
        now: datetime, *, earns: bool,
    ) -> Attempt:  # fmt: skip
        """Judge and keep an answer; the last one ends the attempt and may be an act that pays."""
        async with self._database.creator(creator_id, student_id) as connection:
            attempt = await _attempt(connection, creator_id, student_id, attempt_id, now)
            options = chosen(attempt, place, ticked)
            given = {str(attempt.arrangement[place].question): sorted(options)}
            await connection.execute(ANSWER, creator_id, attempt_id, given)
            row = await connection.fetchrow(ATTEMPT, creator_id, attempt_id, start_of_day(now))
            assert row is not None  # noqa: S101 - it is locked
            judged = _to_attempt(row)
            if judged.complete:
                await _finish(connection, creator_id, student_id, judged, now, earns=earns)
        return judged

    async def result(
        self, creator_id: CreatorId, student_id: StudentId, attempt_id: AttemptId, now: datetime
    ) -> Attempt:
        """An attempt that is over and whose right answers may be seen."""
        async with self._database.creator(creator_id, student_id) as connection:
            attempt = _to_attempt(await _own(connection, creator_id, student_id, attempt_id, now))
        if not attempt.reveals:
            raise Refused(NOT_YET)
        return attempt

    async def statistics(self, creator_id: CreatorId, quiz_id: QuizId) -> Statistics:
        """How a quiz goes."""
        async with self._database.creator(creator_id) as connection:
            quiz = await read_quiz(connection, creator_id, quiz_id)
            row = await connection.fetchrow(STATISTICS, creator_id, quiz_id)
            if quiz is None or row is None:
                return Statistics()
            given = await connection.fetch(ANSWERS, creator_id, quiz_id, quiz.summary.version, MOST_COUNTED)
        answers = [_answers(each["answers"]) for each in given]
        places = range(len(quiz.questions))
        return Statistics(
            **dict(row),
            answered=tuple(sum(n in each for each in answers) for n in places),
            missed=tuple(sum(n in each and each[n] != quiz.questions[n].right for each in answers) for n in places),
        )

    async def tidy(self, creator_id: CreatorId, now: datetime) -> None:
        """Delete for good what was removed a week ago, and previews of days before."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(PURGE, creator_id, now - KEPT_AFTER_REMOVAL)
            await connection.execute(PURGE_PREVIEWS, creator_id, now - PREVIEWS_KEPT)


async def add_quiz(connection: Connection, creator_id: CreatorId, content: QuizContent, origin: str) -> QuizId:
    """Inside a creator's transaction, keep a new quiz as a draft."""
    quiz_id = await connection.fetchval(ADD, creator_id, content.title, content.source_id, origin)
    await connection.execute(ADD_VERSION, creator_id, quiz_id, 1, _to_json(content.questions))
    return QuizId(quiz_id)


async def change_quiz(connection: Connection, creator_id: CreatorId, before: Quiz, content: QuizContent) -> None:
    """Inside a creator's transaction, change a quiz; other questions make a new version.

    Raises:
        Refused: somebody else changed or removed it meanwhile.
    """
    quiz_id, known = before.summary.id, before.summary.version
    version = known if content.questions == before.questions else known + 1
    found = await connection.fetchval(CHANGE, creator_id, quiz_id, known, content.title, content.source_id, version)
    if found is None:
        raise Refused(CHANGED_MEANWHILE)
    if version != known:
        await connection.execute(ADD_VERSION, creator_id, quiz_id, version, _to_json(content.questions))


async def read_quiz(connection: Connection, creator_id: CreatorId, quiz_id: QuizId) -> Quiz | None:
    """Inside a creator's transaction, a quiz with its questions; None where there is none."""
    row = await connection.fetchrow(QUIZ_WITH_QUESTIONS, creator_id, quiz_id)
    return None if row is None else Quiz(_summary(row), _from_json(row["questions"]))


async def _unfinished(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, quiz: QuizSummary, now: datetime
) -> int | None:
    """The attempt at the present version that is not over; None where another one may begin."""
    await connection.execute(GIVE_UP_FORMER, creator_id, student_id, quiz.id, quiz.version, now)
    found: int | None = await connection.fetchval(UNFINISHED, creator_id, student_id, quiz.id)
    if found is None:
        begun = await connection.fetchval(BEGUN_TODAY, creator_id, student_id, quiz.id, start_of_day(now))
        require_attempts_left(begun, now)
    return found


async def _attempt(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, attempt_id: AttemptId, now: datetime
) -> Attempt:
    """An attempt that can go on, locked until the transaction ends."""
    row = await _own(connection, creator_id, student_id, attempt_id, now)
    if row["finished_at"] is not None:
        raise Refused(OVER)
    if row["state"] != State.OPEN and not row["preview"]:
        raise Refused("That quiz was closed meanwhile. Where you are is kept, in case it opens again.")
    return _to_attempt(row)


async def _own(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, attempt_id: AttemptId, now: datetime
) -> asyncpg.Record:
    row = await connection.fetchrow(ATTEMPT, creator_id, attempt_id, start_of_day(now))
    if row is None:
        raise Refused(OVER)
    if row["student_id"] != student_id:
        raise Refused(ANOTHERS)
    if row["removed_at"] is not None:
        raise Refused(GONE)
    return row


async def _finish(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, attempt: Attempt, now: datetime, *,
    earns: bool,
) -> None:  # fmt: skip
    await connection.execute(FINISH, creator_id, attempt.id, now, attempt.right, attempt.passed)
    if attempt.passed and earns and not attempt.preview:
        evidence = {
            "quiz": attempt.quiz.id, "version": attempt.quiz.version, "attempt": attempt.id,
            "right": attempt.right, "of": len(attempt.questions),
        }  # fmt: skip
        key = f"{QUIZ}:{student_id}:{attempt.quiz.id}.{attempt.quiz.version}"
        await record_act(connection, Act(creator_id, student_id, QUIZ, key, now, evidence=evidence))


def _summary(row: asyncpg.Record) -> QuizSummary:
    source_id = None if row["source_id"] is None else SourceId(row["source_id"])
    return QuizSummary(
        QuizId(row["id"]), row["title"], State(row["state"]), row["version"], row["length"], source_id,
        row["source_title"], row["tier"], row["origin"],
    )  # fmt: skip


def _to_attempt(row: asyncpg.Record) -> Attempt:
    arrangement = tuple(Shown(question, tuple(options)) for question, *options in row["arrangement"])
    return Attempt(
        AttemptId(row["attempt_id"]), _summary(row), _from_json(row["questions"]), arrangement,
        _answers(row["answers"]), max(ATTEMPTS_A_DAY - row["today"], 0), row["passed_before"], row["preview"],
    )  # fmt: skip


def _answers(given: Mapping[str, Sequence[int]]) -> dict[int, frozenset[int]]:
    return {int(question): frozenset(options) for question, options in given.items()}


def _to_json(questions: Sequence[Question]) -> list[dict[str, Any]]:
    return [
        {
            "text": q.text, "options": q.options, "right": sorted(q.right), "explanation": q.explanation,
            "moment": q.moment and [q.moment.source_id, q.moment.start_s],
        }
        for q in questions
    ]  # fmt: skip


def _from_json(questions: Sequence[Mapping[str, Any]]) -> tuple[Question, ...]:
    return tuple(
        Question(
            q["text"], tuple(q["options"]), frozenset(q["right"]), q["explanation"],
            q["moment"] and Moment(SourceId(q["moment"][0]), q["moment"][1]),
        )
        for q in questions
    )  # fmt: skip
