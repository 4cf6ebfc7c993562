"""Where what is told, and announcing new sources, on PostgreSQL under one creator's row-level security."""

from typing import Final

from adapters.postgres.database import Connection, Database
from adapters.postgres.outbox import place_to_json, post
from core.conversation import Place, reply_to_json
from core.ids import CommunityId, CreatorId, SourceId, WorkflowId
from core.library.announcing import Fresh, Subject, announcement

PLACE: Final = "SELECT place FROM announcements WHERE creator_id = $1 AND community_id = $2 AND subject = $3"
PLACES: Final = "SELECT place FROM announcements WHERE creator_id = $1 AND subject = $2 ORDER BY community_id"
CHOOSE: Final = """
    INSERT INTO announcements (creator_id, community_id, subject, place) VALUES ($1, $2, $3, $4)
    ON CONFLICT (creator_id, community_id, subject) DO UPDATE SET place = excluded.place
"""
LEAVE: Final = "DELETE FROM announcements WHERE creator_id = $1 AND community_id = $2 AND subject = $3"
# Noted also where nobody wants to hear of it, so that nothing old is announced to whoever asks for it later.
NOTE: Final = """
    WITH noted AS (
        UPDATE sources s SET announced_at = now()
          FROM items i JOIN workflows w ON w.creator_id = i.creator_id AND w.id = i.workflow_id
         WHERE i.creator_id = $1 AND i.workflow_id = $2 AND i.stage = 'completed' AND w.finished_at IS NOT NULL
           AND s.creator_id = $1 AND s.id = i.source_id AND s.status = 'ready' AND s.announced_at IS NULL
           AND s.removed_at IS NULL
        RETURNING s.id, s.title, s.link, s.duration_s, s.tier, i.position
    )
    SELECT id, title, link, duration_s FROM noted WHERE tier = '' ORDER BY position, id
"""


class PostgresAnnouncements:
    """See :class:`core.library.announcing.Announcements`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, creator_id: CreatorId, community_id: CommunityId, subject: Subject) -> Place | None:
        """Where in a community something is told; None where it is not."""
        async with self._database.creator(creator_id) as connection:
            found = await connection.fetchval(PLACE, creator_id, community_id, subject.value)
        return Place(**found) if found else None

    async def choose(
        self, creator_id: CreatorId, community_id: CommunityId, subject: Subject, place: Place | None
    ) -> None:
        """Tell what happens from now on in a place, or nowhere."""
        chosen = (creator_id, community_id, subject.value)
        async with self._database.creator(creator_id) as connection:
            if place is None:
                await connection.execute(LEAVE, *chosen)
            else:
                await connection.execute(CHOOSE, *chosen, place_to_json(place))


async def announce(connection: Connection, creator_id: CreatorId, workflow_id: WorkflowId) -> None:
    """Inside a creator's transaction, announce what became ready of a workflow that is done; each source once.

    What is for a tier alone is not announced to everybody.
    """
    rows = await connection.fetch(NOTE, creator_id, workflow_id)
    if not rows:
        return
    content = reply_to_json(
        announcement([Fresh(SourceId(row["id"]), row["title"], row["link"], row["duration_s"]) for row in rows])
    )
    for row in await connection.fetch(PLACES, creator_id, Subject.LESSONS.value):
        await post(connection, creator_id, Place(**row["place"]), content)
