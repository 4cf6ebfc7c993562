"""What was asked of a creator in a time, on PostgreSQL: counted, and in words without who asked."""

from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.asked import asked_of, communities_of
from adapters.postgres.database import Connection, Database
from core.asking.insights import FEWEST, MOST_MOMENTS, Counts, Heard, Moment
from core.ids import CreatorId, SourceId

COUNTS: Final = """
    SELECT count(*) AS asked, count(*) FILTER (WHERE outcome = 'answered') AS answered,
           count(*) FILTER (WHERE outcome = 'closest') AS closest,
           count(*) FILTER (WHERE outcome = 'abstained') AS not_covered, count(DISTINCT student_id) AS people
      FROM usage
     WHERE creator_id = $1 AND outcome IN ('answered', 'closest', 'abstained') AND used_at >= $2 AND used_at < $3
"""
ASKED: Final = """
    SELECT message_id, asker, question, outcome, unhelpful, withdrawn_at IS NOT NULL AS withdrawn, asked_at, asked_in
      FROM asked WHERE creator_id = $1 AND asked_at >= $2 AND asked_at < $3 ORDER BY message_id DESC LIMIT $4
"""
# Sentences within half a minute are one moment.
MOMENTS: Final = """
    SELECT s.id, s.title, min((c ->> 1)::float8) AS start_s, count(DISTINCT a.asker) AS people, count(*) AS times
      FROM asked a
      CROSS JOIN LATERAL jsonb_array_elements(a.cited) AS c
      JOIN sources s ON s.creator_id = a.creator_id AND s.id = (c ->> 0)::bigint AND s.removed_at IS NULL
     WHERE a.creator_id = $1 AND a.asked_at >= $2 AND a.asked_at < $3
     GROUP BY s.id, s.title, floor((c ->> 1)::float8 / 30)
    HAVING count(DISTINCT a.asker) >= $4
     ORDER BY people DESC, times DESC, s.id, start_s LIMIT $5
"""


class PostgresInsightQuestions:
    """See :class:`core.asking.insights.Questions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heard(self, creator_id: CreatorId, at: datetime, length: timedelta, limit: int) -> Heard:
        """What was asked in the time up to ``at``, and in the one before it."""
        since, before = at - length, at - 2 * length
        async with self._database.creator(creator_id, frozen=True) as connection:
            asked = await connection.fetch(ASKED, creator_id, before, at, limit)
            communities = await communities_of(connection, creator_id)
            moments = await connection.fetch(MOMENTS, creator_id, since, at, FEWEST, MOST_MOMENTS)
            return Heard(
                await _counts(connection, creator_id, since, at),
                await _counts(connection, creator_id, before, since),
                [asked_of(row, communities) for row in reversed(asked)],
                [Moment(SourceId(r["id"]), r["title"], r["start_s"], r["people"], r["times"]) for r in moments],
            )


async def _counts(connection: Connection, creator_id: CreatorId, since: datetime, until: datetime) -> Counts:
    (row,) = await connection.fetch(COUNTS, creator_id, since, until)
    return Counts(**row)
