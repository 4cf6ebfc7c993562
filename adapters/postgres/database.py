"""The pool, and the only three ways to use it: as a creator's application, as a student, as the system."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias, cast

import asyncpg
from pgvector.asyncpg import register_vector

from core.errors import DatabaseError, DatabaseFull
from core.ids import CreatorId, StudentId

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

_SCOPE: Final = """
    SELECT set_config('role', $1, true),
           set_config('app.creator_id', $2, true),
           set_config('app.student_id', $3, true)
"""
_UNREACHABLE: Final = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
)


class Database:
    """Transactions under a role and a scope. There is no way to run a statement outside of one."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", revive: Callable[[], Awaitable[None]] | None) -> None:
        self._pool = pool
        self._revive = revive

    @asynccontextmanager
    async def creator(
        self, creator_id: CreatorId, student_id: StudentId | None = None, *, frozen: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction that sees one creator's rows, and of conversations only those of ``student_id``.

        ``frozen``: all its statements see the database as of one moment.
        """
        student = str(student_id or "")
        async with self._scoped("chronos_app", str(creator_id), student, frozen=frozen) as connection:
            yield connection

    async def call(
        self, creator_id: CreatorId, student_id: StudentId | None, function: str, *arguments: object
    ) -> object:
        """Call a function of the database as :meth:`creator` would, in a transaction of its own and one round trip.

        The scope is set before the function is entered, and what it reads is planned inside of it.
        """
        given = ", ".join(f"${number}" for number in range(4, 4 + len(arguments)))
        async with self._connection() as connection:
            return await connection.fetchval(
                f"SELECT {function}({given}) FROM ({_SCOPE}) AS scope",
                "chronos_app", str(creator_id), str(student_id or ""), *arguments,
            )  # fmt: skip

    @asynccontextmanager
    async def student(self, student_id: StudentId) -> AsyncIterator[Connection]:
        """A transaction that sees what is kept of one student, over all creators, to read."""
        async with self._scoped("chronos_app", "", str(student_id)) as connection:
            yield connection

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Connection]:
        """A transaction on the global tables: who is who, whose community is this, jobs, the outbox."""
        async with self._scoped("chronos_system", "", "") as connection:
            yield connection

    @asynccontextmanager
    async def _scoped(
        self, role: str, creator: str, student: str, *, frozen: bool = False
    ) -> AsyncIterator[Connection]:
        async with (
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read" if frozen else None),
        ):
            await connection.execute(_SCOPE, role, creator, student)
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        connection = await self._acquire()
        try:
            yield connection
        except asyncpg.DiskFullError as error:
            raise DatabaseFull(f"The disk of the database is full ({error}): free some space.") from error
        except _UNREACHABLE as error:
            raise DatabaseError(f"The database went away in the middle of a request: {error}") from error
        finally:
            await self._pool.release(connection)

    async def _acquire(self) -> Connection:
        try:
            return await self._pool.acquire()
        except _UNREACHABLE as error:
            if self._revive is None:
                raise DatabaseError(f"The database does not answer ({error}); is it running?") from error
        await self._revive()
        try:
            return await self._pool.acquire()
        except _UNREACHABLE as error:
            raise DatabaseError(f"The database was restarted and still does not answer: {error}") from error

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.close()


@asynccontextmanager
async def system_role(connection: Connection) -> AsyncIterator[None]:
    """Inside a creator's transaction, act on global tables: a job or an outbox row that belongs to the change."""
    role = await connection.fetchval("SELECT current_setting('role')")
    await connection.execute("SELECT set_config('role', 'chronos_system', true)")
    yield
    await connection.execute("SELECT set_config('role', $1, true)", role)


def raw_connection(connection: Connection) -> "asyncpg.Connection[asyncpg.Record]":
    """The same connection under the type that libraries ask for; a proxy of the pool passes every call on."""
    return cast("asyncpg.Connection[asyncpg.Record]", connection)


def _json(value: object) -> str:
    """Text is taken for JSON that is written already: the queue's own statements pass it so."""
    return value if isinstance(value, str) else json.dumps(value)


async def prepare_connection(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Teach a new connection our types: jsonb as Python data, halfvec as numpy arrays."""
    await connection.set_type_codec("jsonb", encoder=_json, decoder=json.loads, schema="pg_catalog")
    await register_vector(connection)


@asynccontextmanager
async def open_database(
    url: str, *, size: int = 10, revive: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[Database]:
    """Open a pool on a migrated database and close it at the end.

    Args:
        url: where the database is; its role must be a member of ``chronos_app`` and ``chronos_system``.
        size: the largest number of connections.
        revive: brings a dead embedded server back; None where the server is not ours.

    Raises:
        DatabaseError: it cannot be reached, or the role is one that row-level security does not hold.
    """
    pool = await _connect(url, size)
    try:
        await _refuse_unbound_role(pool)
        yield Database(pool, revive)
    finally:
        await pool.close()


async def _reset(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Everything we set ends with its transaction; a statement to make sure would be a fifth of a short request."""
    if connection.is_in_transaction():
        await connection.reset()


async def _connect(url: str, size: int) -> "asyncpg.Pool[asyncpg.Record]":
    try:
        return await asyncpg.create_pool(
            url, min_size=1, max_size=size, init=prepare_connection, reset=_reset, command_timeout=120,
            server_settings={"application_name": "chronos"},
        )  # fmt: skip
    except (*_UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
        raise DatabaseError(
            f"The database cannot be opened: {error}. Check database.url, and run 'chronos migrate' once."
        ) from error


async def _refuse_unbound_role(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    for role in ("chronos_app", "chronos_system"):
        try:
            await pool.execute(f"BEGIN; SET LOCAL ROLE {role}; ROLLBACK")
        except asyncpg.PostgresError as error:
            raise DatabaseError(
                f"The role of database.url may not become {role} ({error}). Run 'chronos migrate', "
                "or as an administrator: GRANT chronos_app, chronos_system TO that role."
            ) from error
