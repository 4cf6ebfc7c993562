"""The outbox on PostgreSQL, under the system role."""

from collections.abc import Sequence
from typing import Final

from adapters.postgres.database import Connection, Database, system_role
from core.conversation import Place, Reply, reply_from_json, reply_to_json
from core.ids import CreatorId
from core.outbox import Parcel

POST: Final = "INSERT INTO outbox (creator_id, platform, place, content) VALUES ($1, $2, $3, $4) RETURNING id"
CLAIM: Final = """
    UPDATE outbox SET next_attempt_at = now() + interval '30 seconds', attempts = attempts + 1
     WHERE id IN (SELECT id FROM outbox
                   WHERE platform = $1 AND delivered_version < version AND next_attempt_at <= now()
                   ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING id, place, content, version, message_id, attempts
"""
LEAVE: Final = """
    INSERT INTO outbox (creator_id, platform, place, content, message_id)
    VALUES ((SELECT creator_id FROM communities WHERE platform = $1 AND external_id = $2), $1, $3, $4, $5)
"""
# A version that came meanwhile waits a little: platforms limit how often a message may be edited.
DELIVERED: Final = """
    UPDATE outbox SET delivered_version = $2, message_id = $3, attempts = 0, failure = '',
           next_attempt_at = now() + interval '1500 milliseconds'
     WHERE id = $1 AND delivered_version < $2
"""
POSTPONE: Final = """
    UPDATE outbox SET next_attempt_at = now() + $2 * interval '1 second', failure = $3 WHERE id = $1
"""
GIVE_UP: Final = """
    UPDATE outbox SET delivered_version = $2, attempts = 0, failure = $3 WHERE id = $1 AND delivered_version < $2
"""
PURGE: Final = "DELETE FROM outbox WHERE delivered_version >= version AND updated_at < now() - interval '30 days'"


class PostgresOutbox:
    """See :class:`core.outbox.Outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, platform: str, limit: int) -> Sequence[Parcel]:
        """Lease messages of a platform that are due, oldest first."""
        async with self._database.system() as connection:
            rows = await connection.fetch(CLAIM, platform, limit)
        parcels = [
            Parcel(row["id"], Place(**row["place"]), reply_from_json(row["content"]), row["version"],
                   row["message_id"], row["attempts"])
            for row in rows
        ]  # fmt: skip
        return sorted(parcels, key=lambda parcel: parcel.id)

    async def delivered(self, parcel: Parcel, message_id: str) -> None:
        """Note that this version stands in the chat."""
        async with self._database.system() as connection:
            await connection.execute(DELIVERED, parcel.id, parcel.version, message_id)

    async def postpone(self, parcel: Parcel, delay_s: float, failure: str) -> None:
        """Try again after ``delay_s`` seconds."""
        async with self._database.system() as connection:
            await connection.execute(POSTPONE, parcel.id, delay_s, failure)

    async def give_up(self, parcel: Parcel, failure: str) -> None:
        """Stop trying this version, and say why."""
        async with self._database.system() as connection:
            await connection.execute(GIVE_UP, parcel.id, parcel.version, failure)

    async def leave(self, place: Place, reply: Reply, message_id: str) -> None:
        """Keep a reply that its platform did not take; see :class:`core.outbox.Leftovers`."""
        content = reply_to_json(reply)
        async with self._database.system() as connection:
            await connection.execute(
                LEAVE, place.platform, place.community, place_to_json(place), content, message_id
            )

    async def purge(self) -> None:
        """Delete what was delivered a month ago."""
        async with self._database.system() as connection:
            await connection.execute(PURGE)


async def post(connection: Connection, creator_id: CreatorId, place: Place, content: object) -> int:
    """Inside a creator's transaction, write a message (a reply as plain data) and return its id."""
    async with system_role(connection):
        return int(await connection.fetchval(POST, creator_id, place.platform, place_to_json(place), content))


def place_to_json(place: Place) -> dict[str, str]:
    """A place as plain data, without what its community is called."""
    return {
        "platform": place.platform,
        "channel": place.channel,
        "community": place.community,
        "thread": place.thread,
        "recipient": place.recipient,
    }
