"""Projects and submissions on PostgreSQL, under one creator's row-level security."""

from datetime import datetime
from typing import Final

import asyncpg

from adapters.postgres.acts import STILL_PAID, record_act, take_back
from adapters.postgres.database import Connection, Database
from adapters.postgres.notices import tell, tell_staff
from core.errors import Refused
from core.ids import CreatorId, ProjectId, StudentId, SubmissionId
from core.rewards.acts import Act
from core.rewards.project_cards import news_for_staff, news_for_student
from core.rewards.projects import MOST_WAITING, Decision, Project, Submission, Work
from core.rewards.rules import PROJECT

DEFINE: Final = """
    INSERT INTO projects AS p (creator_id, title, description, state)
    VALUES ($1, $2, coalesce($3, ''), coalesce($4, 'open'))
    ON CONFLICT (creator_id, lower(title)) DO UPDATE
       SET description = coalesce($3, p.description), state = coalesce($4, p.state),
           title = CASE WHEN $5 = '' THEN p.title ELSE $5 END
    RETURNING id, title, description, state
"""
PROJECTS: Final = "SELECT id, title, description, state FROM projects WHERE creator_id = $1 ORDER BY id DESC"
# Of two submissions at once, the second one finds the first.
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('submissions', $1))"
_COLUMNS: Final = """
    id, student_id, project_id, title, words, link, file_key, file_name, state, reason, revision, taken_back,
    submitted_at
"""
FORMER: Final = f"""
    SELECT {_COLUMNS} FROM submissions
     WHERE creator_id = $1 AND student_id = $2
       AND CASE WHEN $3::bigint IS NULL THEN project_id IS NULL AND lower(title) = lower($4) ELSE project_id = $3 END
       FOR UPDATE
"""
WAITING_OF: Final = """
    SELECT count(*) FROM submissions WHERE creator_id = $1 AND student_id = $2 AND state = 'waiting'
"""
HAND_IN: Final = f"""
    INSERT INTO submissions
           (creator_id, student_id, project_id, title, words, link, file_key, file_name, submitted_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING {_COLUMNS}
"""
HAND_IN_AGAIN: Final = f"""
    UPDATE submissions
       SET words = $3, link = $4, file_key = $5, file_name = $6, submitted_at = $7, state = 'waiting', reason = '',
           revision = revision + 1
     WHERE creator_id = $1 AND id = $2 RETURNING {_COLUMNS}
"""
OWN: Final = f"""
    SELECT {_COLUMNS} FROM submissions WHERE creator_id = $1 AND student_id = $2 ORDER BY submitted_at DESC, id DESC
"""
WAITING: Final = f"""
    SELECT {_COLUMNS}, count(*) OVER () AS total FROM submissions
     WHERE creator_id = $1 AND state = 'waiting' ORDER BY submitted_at, id LIMIT 1
"""
SUBMISSION: Final = f"SELECT {_COLUMNS} FROM submissions WHERE creator_id = $1 AND id = $2"
DECIDE: Final = f"""
    UPDATE submissions
       SET state = $4, reason = $5, reviewer_id = $6, reviewed_at = $7, revision = revision + 1,
           taken_back = taken_back + CASE WHEN state = 'approved' AND $4 <> 'approved' THEN 1 ELSE 0 END
     WHERE creator_id = $1 AND id = $2 AND revision = $3 RETURNING {_COLUMNS}
"""
WITHDRAWN: Final = "the approval was taken back"
CHANGED: Final = "That changed since you looked at it. /review shows it as it is now."


class PostgresProjects:
    """See :class:`core.rewards.projects.Projects`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def define(
        self, creator_id: CreatorId, title: str, *, description: str | None, is_open: bool | None, rename: str = ""
    ) -> Project:
        """Keep a project under its title, or change what is given of it."""
        state = None if is_open is None else "open" if is_open else "closed"
        try:
            async with self._database.creator(creator_id) as connection:
                row = await connection.fetchrow(DEFINE, creator_id, title, description, state, rename)
        except asyncpg.UniqueViolationError as error:
            raise Refused(f"There is a project called {rename} already.") from error
        assert row is not None  # noqa: S101 - it is inserted or updated
        return _project(row)

    async def projects(self, creator_id: CreatorId) -> list[Project]:
        """All projects of a creator, newest first."""
        async with self._database.creator(creator_id) as connection:
            return [_project(row) for row in await connection.fetch(PROJECTS, creator_id)]

    async def hand_in(
        self, creator_id: CreatorId, student_id: StudentId, project: ProjectId | None, title: str, work: Work,
        now: datetime, *, name: str,
    ) -> Submission:  # fmt: skip
        """Keep work in the place of what this student handed in for the same before, and tell the staff."""
        given = (work.words, work.link, work.file_key, work.file_name, now)
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(ONE_AT_A_TIME, student_id)
            row = await connection.fetchrow(FORMER, creator_id, student_id, project, title)
            former = None if row is None else _submission(row)
            if former is not None and former.state is Decision.APPROVED:
                raise Refused(f"{former.title} is approved already; there is nothing more to hand in for it.")
            if former is None or former.state is Decision.RETURNED:
                await _require_few(connection, creator_id, student_id)
            if former is None:
                row = await connection.fetchrow(HAND_IN, creator_id, student_id, project, title, *given)
            else:
                row = await connection.fetchrow(HAND_IN_AGAIN, creator_id, former.id, *given)
            assert row is not None  # noqa: S101 - it is inserted, or locked
            kept = _submission(row)
            if former is None or former.state is Decision.RETURNED:
                await tell_staff(connection, creator_id, news_for_staff(creator_id, kept, name))
        return kept

    async def own(self, creator_id: CreatorId, student_id: StudentId) -> list[Submission]:
        """What a student handed in, newest first."""
        async with self._database.creator(creator_id, student_id) as connection:
            return [_submission(row) for row in await connection.fetch(OWN, creator_id, student_id)]

    async def waiting(self, creator_id: CreatorId) -> tuple[Submission | None, int]:
        """What waits longest for the staff, and how much waits altogether."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(WAITING, creator_id)
        return (None, 0) if row is None else (_submission(row), row["total"])

    async def submission(self, creator_id: CreatorId, submission_id: SubmissionId) -> Submission | None:
        """A submission; None where there is none."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(SUBMISSION, creator_id, submission_id)
        return None if row is None else _submission(row)

    async def decide(
        self, creator_id: CreatorId, submission: Submission, reviewer: StudentId, decision: Decision, now: datetime,
        *, reason: str = "", amount: int = 0,
    ) -> Submission:  # fmt: skip
        """Approve, send back, or take the last decision back; the student is told."""
        if reviewer == submission.student_id:
            raise Refused("Nobody decides about their own work.")
        if (decision is Decision.WAITING) == (submission.state is Decision.WAITING):
            raise Refused(CHANGED)
        async with self._database.creator(creator_id, submission.student_id) as connection:
            row = await connection.fetchrow(
                DECIDE, creator_id, submission.id, submission.revision, decision.value, reason, reviewer, now
            )
            if row is None:
                raise Refused(CHANGED)
            decided = _submission(row)
            if decision is Decision.APPROVED:
                await record_act(connection, _approved(creator_id, decided, reviewer, now))
            elif submission.state is Decision.APPROVED:
                await _take_back(connection, creator_id, submission, reviewer)
            notice = news_for_student(decided, submission.state, amount)
            await tell(connection, creator_id, submission.student_id, notice)
        return decided


async def _require_few(connection: Connection, creator_id: CreatorId, student_id: StudentId) -> None:
    if await connection.fetchval(WAITING_OF, creator_id, student_id) >= MOST_WAITING:
        raise Refused(
            f"{MOST_WAITING} projects of yours wait for the staff already. You are told as soon as one is looked at; "
            "then you can hand in the next."
        )


def _approved(creator_id: CreatorId, submission: Submission, reviewer: StudentId, now: datetime) -> Act:
    evidence = {"submission": submission.id, "project": submission.project_id, "by": reviewer}
    return Act(creator_id, submission.student_id, PROJECT, submission.award_key, now, evidence=evidence)


async def _take_back(
    connection: Connection, creator_id: CreatorId, submission: Submission, reviewer: StudentId
) -> None:
    """Take back what an approval paid; what is not paid yet never is."""
    key = submission.award_key
    await take_back(connection, creator_id, key, WITHDRAWN, reviewer, submission.student_id)
    if await connection.fetchval(STILL_PAID, creator_id, key):
        raise Refused(
            "That was paid before the student linked their accounts, and is spent: it cannot be taken back. "
            "The approval stays."
        )


def _project(row: asyncpg.Record) -> Project:
    return Project(ProjectId(row["id"]), row["title"], row["description"], row["state"] == "open")


def _submission(row: asyncpg.Record) -> Submission:
    return Submission(
        SubmissionId(row["id"]), StudentId(row["student_id"]), row["title"],
        Work(row["words"], row["link"], row["file_key"], row["file_name"]), Decision(row["state"]),
        row["submitted_at"], row["reason"], row["revision"], row["taken_back"],
        None if row["project_id"] is None else ProjectId(row["project_id"]),
    )  # fmt: skip
