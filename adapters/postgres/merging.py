"""What two students who become one both have: added up, or the better of the two, in a creator's scope.

Whatever else is alike stays with the one who ends, and ends with them.
"""

from typing import Final

from adapters.postgres.database import Connection
from adapters.postgres.standings import EARNED, LATE, ONE_AT_A_TIME, added_up
from core.ids import CreatorId, StudentId

_BOTH: Final = "k.creator_id = $3 AND k.student_id = $1 AND g.creator_id = $3 AND g.student_id = $2"
_LENGTH: Final = """
    (SELECT coalesce(sum({0}.covered[n + 1] - {0}.covered[n]), 0)
       FROM generate_series(1, cardinality({0}.covered), 2) AS n)
"""
WATCHED: Final = f"""
    UPDATE watched k
       SET done_at = least(k.done_at, g.done_at), opened_at = least(k.opened_at, g.opened_at),
           covered = CASE WHEN {_LENGTH.format("g")} > {_LENGTH.format("k")} THEN g.covered ELSE k.covered END,
           wall_s = greatest(k.wall_s, g.wall_s), beats = greatest(k.beats, g.beats)
      FROM watched g WHERE {_BOTH} AND g.source_id = k.source_id
"""
# The longer streak goes on as it is settled; days of learning come along for both.
STREAKS: Final = f"""
    UPDATE streaks k
       SET best = greatest(k.best, g.best), freezes = greatest(k.freezes, g.freezes),
           (settled_on, due_at, days, began) =
             (SELECT settled_on, due_at, days, began FROM (VALUES
                (k.settled_on, k.due_at, k.days, k.began, 0), (g.settled_on, g.due_at, g.days, g.began, 1)
              ) AS run (settled_on, due_at, days, began, place)
              ORDER BY days DESC, due_at IS NULL, place LIMIT 1)
      FROM streaks g WHERE {_BOTH}
"""
STANDINGS: Final = f"""
    UPDATE season_standings k SET earned = k.earned + g.earned
      FROM season_standings g WHERE {_BOTH} AND g.season_id = k.season_id
"""
COUNTS: Final = """
    INSERT INTO earn_counts AS k (creator_id, student_id, rule, day, times, taken_over)
    SELECT creator_id, $1, rule, day, times, times FROM earn_counts WHERE creator_id = $3 AND student_id = $2
    ON CONFLICT (creator_id, student_id, rule, day) DO UPDATE
       SET times = k.times + excluded.times, taken_over = k.taken_over + excluded.taken_over
"""
EARNINGS: Final = f"""
    UPDATE earnings k SET earned = k.earned + g.earned
      FROM earnings g WHERE {_BOTH} AND g.per = k.per AND g.starts_on = k.starts_on
"""
MERGES: Final = (WATCHED, STREAKS, STANDINGS, COUNTS, EARNINGS)
# Two pieces of work for one project, or under one title, both stay: one of them under a title of its own. What is
# approved keeps its place, so that the project is not approved and paid once more.
_TITLE: Final = """
    CASE WHEN EXISTS (SELECT FROM submissions o
                       WHERE o.creator_id = $3 AND o.student_id IN ($1, $2) AND o.project_id IS NULL
                         AND lower(o.title) = lower(left(s.title, 80) || ' (2)'))
         THEN left(s.title, 80) || ' (' || s.id || ')' ELSE left(s.title, 80) || ' (2)' END
"""
SUBMISSIONS: Final = f"""
    UPDATE submissions s SET project_id = NULL, title = {_TITLE}
      FROM submissions k JOIN submissions g
        ON k.project_id = g.project_id
           OR k.project_id IS NULL AND g.project_id IS NULL AND lower(k.title) = lower(g.title)
     WHERE {_BOTH} AND s.creator_id = $3
       AND s.id = CASE WHEN g.state = 'approved' AND k.state <> 'approved' THEN k.id ELSE g.id END
"""
# Days that are added up once more at night would be without what the one who ends earned: that is noted with the
# CHRONOS that move, and counts when they do.
LATELY: Final = f"""
    SELECT coalesce(sum(earned), 0)::bigint FROM ({EARNED}) AS t
     WHERE student_id = $2 AND created_at >= $3::date::timestamp AT TIME ZONE 'UTC'
"""
FORGET_LATELY: Final = """
    DELETE FROM earnings WHERE creator_id = $1 AND student_id = $2 AND per = 'day' AND starts_on >= $3
"""


async def merge_rows(connection: Connection, kept: StudentId, gone: StudentId, creator_id: CreatorId) -> int:
    """Merge what both have with a creator; ``connection`` is in the scope in which rows are moved.

    Returns:
        What the one who ends earned lately, and is in no sum yet.
    """
    await connection.execute(ONE_AT_A_TIME, creator_id)
    since = await added_up(connection, creator_id) - LATE
    lately = await connection.fetchval(LATELY, creator_id, gone, since)
    await connection.execute(FORGET_LATELY, creator_id, gone, since)
    for statement in (*MERGES, SUBMISSIONS):
        await connection.execute(statement, kept, gone, creator_id)
    return int(lately)
