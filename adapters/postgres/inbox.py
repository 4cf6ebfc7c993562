"""What other services told us, on PostgreSQL, under the system role."""

from datetime import timedelta
from typing import Final

import structlog

from adapters.postgres.database import Database, raw_connection
from adapters.postgres.jobs import put_webhooks
from core.webhooks import Delivery, Kept

KEPT_FOR: Final = timedelta(days=30)
LEFT_BEHIND: Final = timedelta(minutes=15)
"""So long after it came a delivery is not waiting for its turn any more."""
LONGEST_FAILURE: Final = 500
TRIED_FOR: Final = timedelta(days=3)
LEAST_ATTEMPTS: Final = 5
"""So often at least a delivery is tried, however long nobody worked."""

log = structlog.get_logger()

KEEP: Final = """
    INSERT INTO inbound_webhooks (provider, delivery_id, headers, body, verified_at) VALUES ($1, $2, $3, $4, now())
    ON CONFLICT (provider, delivery_id) DO NOTHING RETURNING id
"""
KNOWN: Final = "SELECT body = $3 FROM inbound_webhooks WHERE provider = $1 AND delivery_id = $2"
BEGIN: Final = """
    UPDATE inbound_webhooks SET attempts = attempts + 1 WHERE id = $1 AND processed_at IS NULL
    RETURNING provider, delivery_id, headers, body
"""
DONE: Final = "UPDATE inbound_webhooks SET processed_at = now(), failure = '' WHERE id = $1"
FAILED: Final = "UPDATE inbound_webhooks SET failure = $2 WHERE id = $1"
WAITING: Final = """
    SELECT id FROM inbound_webhooks WHERE processed_at IS NULL AND received_at < now() - $1::interval ORDER BY id
"""
GIVE_UP: Final = """
    UPDATE inbound_webhooks SET processed_at = now()
     WHERE processed_at IS NULL AND received_at < now() - $1::interval AND attempts >= $2
    RETURNING id, provider, attempts, failure
"""
PURGE: Final = """
    DELETE FROM inbound_webhooks WHERE processed_at IS NOT NULL AND received_at < now() - $1::interval
"""


class PostgresInbox:
    """See :class:`core.webhooks.Inbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, delivery: Delivery) -> Kept:
        """Keep a delivery, with the job that works on it, unless its id is known."""
        key = (delivery.provider, delivery.delivery_id)
        async with self._database.system() as connection:
            webhook_id = await connection.fetchval(KEEP, *key, dict(delivery.headers), delivery.body)
            if webhook_id is not None:
                await put_webhooks(raw_connection(connection), [webhook_id])
                return Kept.NEW
            return Kept.AGAIN if await connection.fetchval(KNOWN, *key, delivery.body) else Kept.ANOTHER

    async def begin(self, webhook_id: int) -> Delivery | None:
        """Count an attempt and return what to work on."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(BEGIN, webhook_id)
        return None if row is None else Delivery(row["provider"], row["delivery_id"], row["body"], row["headers"])

    async def done(self, webhook_id: int) -> None:
        """Note that nothing is left to do."""
        async with self._database.system() as connection:
            await connection.execute(DONE, webhook_id)

    async def failed(self, webhook_id: int, reason: str) -> None:
        """Note why an attempt failed."""
        async with self._database.system() as connection:
            await connection.execute(FAILED, webhook_id, reason[:LONGEST_FAILURE])

    async def wake(self) -> None:
        """Have worked on again what was left behind, but for what failed for three days."""
        async with self._database.system() as connection:
            for row in await connection.fetch(GIVE_UP, TRIED_FOR, LEAST_ATTEMPTS):
                log.error("a webhook was given up", **dict(row))
            waiting = [row["id"] for row in await connection.fetch(WAITING, LEFT_BEHIND)]
            await put_webhooks(raw_connection(connection), waiting)

    async def purge(self) -> None:
        """Forget what came a month ago and was worked on or given up."""
        async with self._database.system() as connection:
            await connection.execute(PURGE, KEPT_FOR)
