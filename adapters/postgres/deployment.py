"""Facts that all processes of a deployment share, and the queue's and the clock's use of the database."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries

from adapters.postgres.admission import MAY_BEGIN
from adapters.postgres.database import Connection, Database, raw_connection
from adapters.postgres.jobs import INGEST, put_wake_ups
from core.errors import DatabaseError
from core.library.admission import MOST_AT_ONCE

log = structlog.get_logger()

REMEMBER: Final = "INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING"
RECALL: Final = "SELECT value FROM deployment WHERE name = $1"
LINK_KEY: Final = "link_key"
TICK: Final = """
    INSERT INTO ticks (job, slot) VALUES ($1, $2)
    ON CONFLICT (job) DO UPDATE SET slot = excluded.slot WHERE ticks.slot < excluded.slot
    RETURNING job
"""
GREET: Final = """
    INSERT INTO greetings (platform, external_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING platform
"""
BACKLOG: Final = """
    SELECT count(*) FILTER (WHERE status = 'queued') AS waiting, count(*) FILTER (WHERE status = 'picked') AS running,
           coalesce(extract(epoch FROM now() - min(execute_after)
                            FILTER (WHERE status = 'queued' AND execute_after <= now())), 0)::int AS late_s
      FROM pgqueuer
"""
CLOCK_LOCK: Final = 0x43484C4B  # any number that only the clock locks
LIVE: Final = "SELECT pg_advisory_lock(hashtextextended('worker ' || $1, 0))"
# A lock that can be had belongs to a process that is gone; whoever dies takes its session and its lock along.
RETURN_WORK: Final = """
    WITH gone AS MATERIALIZED (
        SELECT worker FROM (SELECT queue_manager_id AS worker FROM pgqueuer WHERE status = 'picked'
                             UNION SELECT worker FROM admissions WHERE worker IS NOT NULL) AS busy
         WHERE worker <> $1::text::uuid
           AND pg_try_advisory_xact_lock(hashtextextended('worker ' || worker::text, 0))
    ), returned AS (
        UPDATE admissions SET worker = NULL, leased_until = '-infinity', failures = failures + 1
         WHERE worker IN (SELECT worker FROM gone)
    )
    UPDATE pgqueuer SET status = 'queued', queue_manager_id = NULL, updated = now()
     WHERE status = 'picked' AND queue_manager_id IN (SELECT worker FROM gone)
"""
# A wake-up may be spent while an item is still held by a worker that hangs.
NOBODY_IS_WOKEN: Final = f"""
    SELECT EXISTS ({MAY_BEGIN}) AND NOT EXISTS (
        SELECT FROM pgqueuer WHERE entrypoint = '{INGEST}' AND status = 'queued' AND execute_after <= now())
"""
PING_EVERY_S: Final = 15.0
RETURN_EVERY_S: Final = 5.0
ANSWERS_WITHIN_S: Final = 10.0
# With these the server, too, notices within a minute that the other end is gone without a word.
KEEPALIVE: Final = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
# asyncpg's own state gets mixed up where a connection dies under a call that is being given up.
_LOST: Final = (
    OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError
)  # fmt: skip


async def link_key(database: Database) -> str:
    """The key that signs links; made by the first process that asks."""
    async with database.system() as connection:
        return await shared_key(connection, LINK_KEY)


async def shared_key(connection: Connection, name: str) -> str:
    """A secret of the deployment by its name; made by whoever asks first."""
    await connection.execute(REMEMBER, name, secrets.token_urlsafe(32))
    return str(await connection.fetchval(RECALL, name))


async def enqueue(database: Database, name: str, slot: datetime) -> None:
    """Put a job without payload into the queue, once for each slot; a slot older than the newest is passed over."""
    async with database.system() as connection:
        if await connection.fetchval(TICK, name, slot):
            await Queries(AsyncpgDriver(raw_connection(connection))).enqueue(
                name, b"{}", dedupe_key=f"{name}:{slot.isoformat()}", on_conflict="skip"
            )


@dataclass(frozen=True, slots=True)
class Backlog:
    """The queue in numbers; ``late_s`` is how long the job that is due longest has waited."""

    waiting: int
    running: int
    late_s: int


async def backlog(database: Database) -> Backlog:
    """How much work there is.

    Raises:
        DatabaseError: the database does not answer.
    """
    async with database.system() as connection:
        row = await connection.fetchrow(BACKLOG)
    return Backlog(**dict(row or {}))


class PostgresGreetings:
    """See :class:`bot.responder.Greetings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first(self, platform: str, community: str) -> bool:
        """Note that a community is greeted; False where it was noted before."""
        async with self._database.system() as connection:
            return await connection.fetchval(GREET, platform, community) is not None


@asynccontextmanager
async def open_queue(url: str) -> AsyncIterator[PgQueuer]:
    """The job queue on connections of its own, which hold the system role for good.

    While it is open its worker counts as alive, and what workers that died had begun is put back at once.

    Raises:
        DatabaseError: the database cannot be reached, or went away while the queue was in use.
    """
    try:
        pool = await asyncpg.create_pool(url, min_size=1, max_size=4, setup=_as_system)
    except (OSError, asyncpg.PostgresError) as error:
        raise DatabaseError(f"The queue cannot be opened: {error}") from error
    queue = PgQueuer.from_asyncpg_pool(pool)
    alive = asyncio.Event()
    living = asyncio.create_task(_live(url, str(queue.qm.queue_manager_id), alive))
    try:
        await asyncio.wait_for(alive.wait(), ANSWERS_WITHIN_S)
        yield queue
    except _LOST as error:
        raise DatabaseError(f"The queue lost the database: {error}") from error
    finally:
        pool.terminate()
        living.cancel()
        await asyncio.wait({living})


async def _live(url: str, worker: str, alive: asyncio.Event) -> None:
    """Hold this worker's lock, and look for work of others whose lock is free; a lost connection is made anew.

    Until then another worker may do our jobs too, which changes nothing: every job may run twice.
    """
    while True:
        try:
            async with _session(url) as connection:
                await connection.execute("SET ROLE chronos_system")
                await connection.execute(LIVE, worker)
                while True:
                    await connection.execute(RETURN_WORK, worker)
                    if await connection.fetchval(NOBODY_IS_WOKEN, MOST_AT_ONCE):
                        await put_wake_ups(connection, [None])
                    alive.set()
                    await asyncio.sleep(RETURN_EVERY_S)
        except DatabaseError as error:
            log.warning("a worker's lock was lost; it is taken again", reason=str(error))
        await asyncio.sleep(1)


async def _as_system(connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> None:
    await connection.execute("SET ROLE chronos_system")


class ClockLead:
    """Leading the clock, for as long as the connection with the lock lives."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def hold(self) -> None:
        """Ask the connection again and again.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the lead is lost.
        """
        while True:
            await asyncio.sleep(PING_EVERY_S)
            await self._connection.execute("SELECT 1")


@asynccontextmanager
async def clock_leadership(url: str) -> AsyncIterator[ClockLead | None]:
    """The right to tick, None while another process has it; it ends with the connection, however the process dies.

    Raises:
        DatabaseError: the database cannot be reached, or the connection with the lock was lost.
    """
    async with _session(url) as connection:
        leads = await connection.fetchval("SELECT pg_try_advisory_lock($1)", CLOCK_LOCK)
        yield ClockLead(connection) if leads else None


@asynccontextmanager
async def _session(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection for a lock of its session.

    Raises:
        DatabaseError: it cannot be made, or was lost.
    """
    try:
        connection = await asyncpg.connect(
            url, timeout=ANSWERS_WITHIN_S, command_timeout=ANSWERS_WITHIN_S, server_settings=KEEPALIVE
        )
    except _LOST as error:
        raise DatabaseError(f"The database cannot be reached: {error}") from error
    try:
        yield connection
    except _LOST as error:
        raise DatabaseError(f"The database connection was lost: {error or type(error).__name__}") from error
    finally:
        connection.terminate()
