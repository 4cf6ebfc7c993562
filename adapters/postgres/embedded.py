"""PostgreSQL of our own under ``storage.data_dir``: the first process starts it, others join, the last one stops it.

Who uses it is a lock that the kernel shares out and takes back (``holders.lock``), so that a killed process is
neither counted on nor forgotten. Whoever starts, joins or leaves holds ``starting.lock`` alone meanwhile.
"""

import asyncio
import errno
import hashlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from adapters.postgres.embedded_cluster import (
    DATABASE,
    OWNER,
    SOCKET_PORT,
    SUPERUSER,
    Cluster,
    Passwords,
    write_private,
)
from adapters.postgres.embedded_install import find_installation, server_account
from adapters.postgres.embedded_locks import FileLock, exclusively
from core.errors import DatabaseError, DatabaseFull

_START_PATIENCE_S: Final = 120
_STOP_PATIENCE_S: Final = 30
_PROBE_TIMEOUT_S: Final = 5
_POLL_S: Final = 0.05
_LONGEST_SOCKET_PATH_BYTES: Final = 103
"""macOS takes this many, Linux four more."""

_NO_ANSWER: Final = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class EmbeddedServer:
    """This process's share in the server of a data folder; made by ``open_server``."""

    def __init__(self, cluster: Cluster, passwords: Passwords) -> None:
        self._cluster = cluster
        self._passwords = passwords
        self._holders = FileLock(cluster.folder.with_name("holders.lock"))
        self._closed = False

    @property
    def url(self) -> str:
        """The address of the database ``chronos`` for its owner, a role bound by row-level security."""
        return self.database_url(DATABASE)

    @property
    def log_folder(self) -> Path:
        """Where the server writes its log."""
        return self._cluster.log_folder

    def database_url(self, name: str) -> str:
        """Return the address of another database of this server, for the same owner."""
        login = f"{OWNER}:{quote(self._passwords.owner, safe='')}"
        if sys.platform == "win32":
            return f"postgresql://{login}@127.0.0.1:{self._cluster.port()}/{quote(name)}"
        return f"postgresql://{login}@/{quote(name)}?host={quote(self._host())}&port={SOCKET_PORT}"

    async def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database with the extensions, or a copy of ``template``, and return its address.

        Raises:
            DatabaseError: the name is taken, the template is missing or in use, or the server does not answer.
        """
        copied = f" TEMPLATE {_quoted(template)}" if template else ""
        await self._administrate(f"CREATE DATABASE {_quoted(name)} OWNER {OWNER}{copied}")
        return self.database_url(name)

    async def drop_database(self, name: str) -> None:
        """Remove a database and whoever is connected to it; one that does not exist is fine.

        Raises:
            DatabaseError: the server does not answer.
        """
        await self._administrate(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    async def ensure_running(self) -> None:
        """Start the server again if it died; harmless while it lives.

        Raises:
            DatabaseError: it cannot be started; says why.
        """
        if self._closed:
            raise DatabaseError("The embedded database was closed.")
        with _troubles_in_words(self._cluster.folder):
            async with exclusively(self._starting_lock, patience_s=_START_PATIENCE_S):
                await self._bring_up()

    async def close(self) -> None:
        """Give up this process's share; the last one stops the server. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        with _troubles_in_words(self._cluster.folder):
            async with exclusively(self._starting_lock, patience_s=_START_PATIENCE_S):
                await asyncio.to_thread(self._leave)

    async def join(self) -> None:
        """Take a share and see that the server runs; the caller holds ``starting.lock``."""
        self._holders.share()
        try:
            await self._bring_up()
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        try:
            if self._holders.only_holder():
                self._cluster.stop(patience_s=_STOP_PATIENCE_S)
                self._remove_alias()
        finally:
            self._holders.close()

    @property
    def _starting_lock(self) -> Path:
        return self._cluster.folder.with_name("starting.lock")

    async def _bring_up(self) -> None:
        self._ensure_alias()
        deadline = time.monotonic() + _START_PATIENCE_S
        trouble: str | None = "it does not answer"
        while not await self._answers():
            if time.monotonic() > deadline:
                raise DatabaseError(f"The embedded database in {self._cluster.folder} does not start: {trouble}.")
            # A live server that does not answer is starting, recovering or stopping: wait for it.
            if self._cluster.server_pid() is None:
                trouble = await asyncio.to_thread(self._start)
            await asyncio.sleep(_POLL_S)

    def _start(self) -> str | None:
        self._cluster.clear_remains()
        trouble = self._cluster.start()
        # Sessions of a dead server hold its shared memory until they notice; recovery may outlast our patience.
        passing = trouble is None or "shared memory" in trouble or self._cluster.server_pid() is not None
        if not passing:
            failure = DatabaseFull if trouble and os.strerror(errno.ENOSPC) in trouble else DatabaseError
            raise failure(f"The embedded database in {self._cluster.folder} does not start: {trouble}")
        return trouble

    async def _answers(self) -> bool:
        """Ask the server itself; a pid file or an open port proves nothing."""
        try:
            async with self._superuser() as connection:
                await connection.fetchval("SELECT 1", timeout=_PROBE_TIMEOUT_S)
        except asyncpg.TooManyConnectionsError:
            return True
        except asyncpg.InvalidPasswordError as error:
            raise DatabaseError(
                f"The embedded database refuses the password in {_password_file(self._folder, SUPERUSER)}. "
                "Put the file back that was made together with the data folder."
            ) from error
        except _NO_ANSWER:
            return False
        return True

    @property
    def _folder(self) -> Path:
        return self._cluster.folder.parent

    async def _administrate(self, statement: str) -> None:
        try:
            async with self._superuser() as connection:
                await connection.execute(statement)
        except (*_NO_ANSWER, asyncpg.PostgresError) as error:
            raise DatabaseError(f"The embedded database could not do '{statement}': {error}") from error

    @asynccontextmanager
    async def _superuser(self) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        connection = await asyncpg.connect(
            host=self._host(), port=self._port(), user=SUPERUSER, password=self._passwords.superuser,
            database="postgres", timeout=_PROBE_TIMEOUT_S,
        )  # fmt: skip
        try:
            yield connection
        finally:
            await connection.close(timeout=_PROBE_TIMEOUT_S)

    def _port(self) -> int:
        return self._cluster.port() if sys.platform == "win32" else SOCKET_PORT

    def _host(self) -> str:
        if sys.platform == "win32":
            return "127.0.0.1"
        return str(self._alias() or self._cluster.socket_folder)

    def _alias(self) -> Path | None:
        """Return a short name for a socket folder whose path is longer than the system takes, else None."""
        socket_folder = self._cluster.socket_folder
        if sys.platform == "win32" or _fits(socket_folder):
            return None
        digest = hashlib.sha256(os.fsencode(socket_folder)).hexdigest()[:16]
        name = f"chronos-{os.geteuid()}-{digest}"
        candidates = [Path(tempfile.gettempdir()) / name, Path("/tmp") / name]  # noqa: S108 - the owner is checked
        return next(filter(_fits, candidates))

    def _ensure_alias(self) -> None:
        alias, target = self._alias(), self._cluster.socket_folder
        if alias is None or _is_our_link(alias, target):
            return
        with suppress(FileNotFoundError):
            alias.unlink()
        alias.symlink_to(target)

    def _remove_alias(self) -> None:
        alias = self._alias()
        if alias is not None:
            alias.unlink(missing_ok=True)


async def open_server(data_dir: Path) -> EmbeddedServer:
    """Start the server of ``data_dir``, made on first use, or join the one that runs; ``close`` it in the end.

    Raises:
        DatabaseError: it cannot run; says why and what to do.
    """
    with _troubles_in_words(data_dir):
        folder = await asyncio.to_thread(_server_folder, data_dir)
        async with exclusively(folder / "starting.lock", patience_s=_START_PATIENCE_S):
            server = await asyncio.to_thread(_prepared, folder)
            await server.join()
            return server


@asynccontextmanager
async def embedded_server(data_dir: Path) -> AsyncIterator[EmbeddedServer]:
    """Hold the server of ``data_dir`` for the length of the block, as ``open_server`` and ``close`` do."""
    server = await open_server(data_dir)
    try:
        yield server
    finally:
        await server.close()


def _server_folder(data_dir: Path) -> Path:
    folder = data_dir.absolute() / "postgres"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _prepared(folder: Path) -> EmbeddedServer:
    cluster = Cluster(folder / "cluster", find_installation(server_account(folder / "cluster")))
    cluster.sweep()
    if cluster.exists():
        return EmbeddedServer(cluster, Passwords(_password(folder, SUPERUSER), _password(folder, OWNER)))
    passwords = Passwords(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    write_private(_password_file(folder, SUPERUSER), passwords.superuser)
    write_private(_password_file(folder, OWNER), passwords.owner)
    cluster.create(passwords)
    return EmbeddedServer(cluster, passwords)


def _password(folder: Path, role: str) -> str:
    file = _password_file(folder, role)
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DatabaseError(
            f"{file} is missing: the password of the embedded database, made together with {folder / 'cluster'}. "
            "Copy both together, or restore a backup into an empty folder."
        ) from None


def _password_file(folder: Path, role: str) -> Path:
    return folder / f"{role}.password"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _fits(socket_folder: Path) -> bool:
    return len(os.fsencode(socket_folder / f".s.PGSQL.{SOCKET_PORT}")) <= _LONGEST_SOCKET_PATH_BYTES


def _is_our_link(alias: Path, target: Path) -> bool:
    """Say whether the link stands; one that another account made is an error, not a way to our password."""
    try:
        if alias.lstat().st_uid != os.geteuid():
            raise DatabaseError(
                f"{alias} belongs to another account. Remove it, or choose a shorter storage.data_dir."
            )
        return alias.readlink() == target
    except OSError:
        return False


@contextmanager
def _troubles_in_words(folder: Path) -> Iterator[None]:
    """Translate what the file system and the programs say for the person who set ``storage.data_dir``."""
    try:
        yield
    except subprocess.TimeoutExpired as error:
        raise DatabaseError(f"The embedded database in {folder} takes too long: {error}.") from error
    except OSError as error:
        remedy = {
            errno.ENOSPC: "The disk is full: free some space.",
            errno.EDQUOT: "The disk quota is used up: free some space.",
            errno.EACCES: "This account may not use the folder: give it to the account, or change storage.data_dir.",
            errno.EPERM: "This account may not use the folder: give it to the account, or change storage.data_dir.",
            errno.EROFS: "The folder is read-only: point storage.data_dir to one that can be written.",
        }.get(error.errno or 0, "Check storage.data_dir.")
        failure = DatabaseFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else DatabaseError
        raise failure(f"The embedded database cannot use {folder}: {error}. {remedy}") from error
