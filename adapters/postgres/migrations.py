"""Bring a database up to date: our plain SQL files by dbmate, the job queue's tables by pgqueuer itself."""

import asyncio
import shutil
import sys
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries

from core.errors import DatabaseError

ONE_AT_A_TIME: Final = 0x4348524F
"""The advisory lock of whoever changes the schema: any number that only Chronos locks."""

OLDEST_SERVER: Final = 15
"""``ON DELETE SET NULL (column)`` came with PostgreSQL 15."""
OLDEST_VECTOR: Final = (0, 7)
"""``halfvec`` came with pgvector 0.7."""

VECTOR: Final = """
    SELECT default_version AS offered, installed_version AS enabled FROM pg_available_extensions WHERE name = 'vector'
"""
_GRANT_QUEUE: Final = """
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename LIKE 'pgqueuer%' LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO chronos_system', name);
    EXECUTE format('GRANT SELECT ON %s TO chronos_backup', name);
  END LOOP;
  FOR name IN SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences
              WHERE sequencename LIKE 'pgqueuer%' LOOP
    EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO chronos_system', name);
    EXECUTE format('GRANT SELECT ON SEQUENCE %s TO chronos_backup', name);
  END LOOP;
END $$
"""


async def migrate(admin_url: str) -> list[str]:
    """Apply every migration that is missing and return their names; several processes may call this at once.

    Raises:
        DatabaseError: the database cannot be reached, a step failed, or pgvector is not installed on the server.
    """
    connection = await connect_admin(admin_url)
    try:
        # dbmate does not lock by itself; this lock makes the others wait until the first is through.
        await connection.execute("SELECT pg_advisory_lock($1)", ONE_AT_A_TIME)
        missing = sorted(set(available()) - await _applied(connection))
        if missing:
            await require_vector(connection)
            await _run_dbmate(admin_url)
        if missing or not await Queries(AsyncpgDriver(connection)).has_table("pgqueuer"):
            await _set_up_queue(connection)
        return missing
    finally:
        await connection.close()


async def pending(admin_url: str) -> list[str]:
    """The names of the migrations that are missing.

    Raises:
        DatabaseError: the database cannot be reached, or is one that Chronos cannot use.
    """
    connection = await connect_admin(admin_url)
    try:
        await _refuse_without_vector(connection)
        return sorted(set(available()) - await _applied(connection))
    finally:
        await connection.close()


def available() -> list[str]:
    """The versions of all migration files of this release, oldest first."""
    return sorted(path.name.partition("_")[0] for path in _folder().glob("*.sql"))


def _folder() -> Path:
    return Path(str(resources.files("migrations")))


async def connect_admin(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection as the database's owner, outside of every scope.

    Raises:
        DatabaseError: the database cannot be reached, or is older than what Chronos needs.
    """
    try:
        connection = await asyncpg.connect(url, timeout=15)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseError(
            f"The database does not answer ({error}). Check database.url and that it runs."
        ) from error
    version = connection.get_server_version()
    if trouble := server_trouble(version.major, version.minor):
        await connection.close()
        raise DatabaseError(trouble)
    return connection


async def _applied(connection: "asyncpg.Connection[asyncpg.Record]") -> set[str]:
    if not await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL"):
        return set()
    return {row["version"] for row in await connection.fetch("SELECT version FROM public.schema_migrations")}


async def require_vector(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Enable pgvector where it is not.

    Raises:
        DatabaseError: it is not installed on the server or too old, or this role may not enable it.
    """
    await _refuse_without_vector(connection)
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except asyncpg.PostgresError as error:
        raise DatabaseError(
            f"pgvector cannot be enabled ({error}). As a superuser, in this database: CREATE EXTENSION vector;"
        ) from error


async def _refuse_without_vector(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    found = await connection.fetchrow(VECTOR)
    offered, enabled = (found["offered"], found["enabled"]) if found else (None, None)
    if trouble := vector_trouble(offered, enabled):
        raise DatabaseError(trouble)


def server_trouble(major: int, minor: int) -> str:
    """What is said of a server of this version; empty where it will do."""
    if major >= OLDEST_SERVER:
        return ""
    return (
        f"The server of database.url is PostgreSQL {major}.{minor}, and Chronos needs {OLDEST_SERVER} or newer. "
        "Upgrade it or, for a server of our own, leave database.url empty."
    )


def vector_trouble(offered: str | None, enabled: str | None) -> str:
    """What is said where pgvector is missing or too old; empty where it will do.

    Args:
        offered: the version that is installed on the server; None: none is.
        enabled: the version that this database uses already; None: it is not enabled here yet.
    """
    if offered is None:
        return (
            "pgvector is not installed on the server of database.url. Install it there (its packages are named "
            "postgresql-NN-pgvector or pgvector_NN, NN being PostgreSQL's version), then start again."
        )
    if _numbers(enabled or offered) >= OLDEST_VECTOR:
        return ""
    wanted = ".".join(map(str, OLDEST_VECTOR))
    if _numbers(offered) >= OLDEST_VECTOR:
        return f"This database uses pgvector {enabled}. As a superuser, in it: ALTER EXTENSION vector UPDATE;"
    return f"The server of database.url has pgvector {offered}, and Chronos needs {wanted} or newer. Upgrade it."


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


async def _run_dbmate(url: str) -> None:
    program = shutil.which("dbmate", path=str(Path(sys.executable).parent)) or shutil.which("dbmate")
    if program is None:
        raise DatabaseError("The program dbmate is missing from this installation; install chronos-bot anew.")
    process = await asyncio.create_subprocess_exec(
        program, "--migrations-dir", str(_folder()), "--no-dump-schema", "migrate",
        env={"DATABASE_URL": dbmate_url(url)}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    if process.returncode:
        raise DatabaseError(f"A migration failed and was rolled back: {output.decode(errors='replace').strip()}")


async def _set_up_queue(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    queue = Queries(AsyncpgDriver(connection))
    if await queue.has_table("pgqueuer"):
        await queue.upgrade()
    else:
        await queue.install()
    await connection.execute(_GRANT_QUEUE)


def dbmate_url(url: str) -> str:
    """An asyncpg URL in dbmate's words: a socket folder is ``socket=`` there, and TLS is off unless asked for."""
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = options.pop("host", "")
    user = options.pop("user", "")
    password = options.pop("password", "")
    options.setdefault("sslmode", "disable" if host.startswith("/") else "prefer")
    if options["sslmode"] == "prefer":
        options["sslmode"] = "disable"  # dbmate knows no "prefer"; ask for require or verify-full in database.url
    login = _login(unquote(parts.username or user), unquote(parts.password or password))
    if host.startswith("/"):
        options["socket"] = host
        host = ""
    host = parts.hostname or host
    place = f"{_bracketed(host)}:{parts.port or options.pop('port', 5432)}" if host else ""
    return f"postgres://{login}{place}{parts.path}?{urlencode(options)}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _login(user: str, password: str) -> str:
    if not user:
        return ""
    return quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@"
