"""Facts that all processes of a deployment share, and the queue's and the clock's use of the database."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries

from adapters.postgres.database import Connection, Database, raw_connection
from core.errors import DatabaseError

REMEMBER: Final = "INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING"
RECALL: Final = "SELECT value FROM deployment WHERE name = $1"
LINK_KEY: Final = "link_key"
CLOCK_LOCK: Final = 0x43484C4B  # any number that only the clock locks


async def link_key(database: Database) -> str:
    """The key that signs links; made by the first process that asks."""
    async with database.system() as connection:
        return await shared_key(connection, LINK_KEY)


async def shared_key(connection: Connection, name: str) -> str:
    """A secret of the deployment by its name; made by whoever asks first."""
    await connection.execute(REMEMBER, name, secrets.token_urlsafe(32))
    return str(await connection.fetchval(RECALL, name))


async def enqueue(database: Database, name: str) -> None:
    """Put a job without payload into the queue, unless it waits there already."""
    async with database.system() as connection:
        await Queries(AsyncpgDriver(raw_connection(connection))).enqueue(
            name, b"{}", dedupe_key=name, on_conflict="skip"
        )


@asynccontextmanager
async def open_queue(url: str) -> AsyncIterator[PgQueuer]:
    """The job queue on connections of its own, which hold the system role for good.

    Raises:
        DatabaseError: the database cannot be reached, or went away while the queue was in use.
    """
    try:
        pool = await asyncpg.create_pool(url, min_size=1, max_size=4, setup=_as_system)
    except (OSError, asyncpg.PostgresError) as error:
        raise DatabaseError(f"The queue cannot be opened: {error}") from error
    try:
        yield PgQueuer.from_asyncpg_pool(pool)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseError(f"The queue lost the database: {error}") from error
    finally:
        pool.terminate()


async def _as_system(connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> None:
    await connection.execute("SET ROLE chronos_system")


@asynccontextmanager
async def clock_leadership(url: str) -> AsyncIterator[bool]:
    """Whether this process may tick; leadership ends with the connection, however the process dies.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError) as error:
        raise DatabaseError(f"The clock cannot reach the database: {error}") from error
    try:
        yield bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", CLOCK_LOCK))
    finally:
        connection.terminate()
