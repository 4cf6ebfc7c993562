"""Everything in one file and back, on real PostgreSQL servers."""

import asyncio
import os
import resource
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from adapters.postgres import backup as backups
from adapters.postgres.backup import backup, restore
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database, open_database
from adapters.postgres.deployment import enqueue, link_key
from adapters.postgres.embedded import EmbeddedServer, embedded_server
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.migrations import migrate, pending
from core.asking.holdings import Span
from core.conversation import Place
from core.errors import DatabaseError
from core.ids import StudentId
from core.tiers import Scope
from tests.adapters.school import (
    School,
    add_ready,
    change,
    converse,
    enrol_student,
    found_school,
    jobs,
    lecture,
    rows,
    shelf_of,
)

TABLES: Final = """
    SELECT c.relname AS name, has_table_privilege('chronos_backup', c.oid, 'SELECT') AS readable,
           c.relrowsecurity AS bound,
           EXISTS (SELECT FROM pg_policy p
                    WHERE p.polrelid = c.oid AND 'chronos_backup'::regrole = ANY (p.polroles)
                      AND pg_get_expr(p.polqual, p.polrelid) = 'true') AS open
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')
       AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
"""
PLACE: Final = Place("discord", channel="10", community="100")


@pytest.fixture
async def schools(database: Database) -> list[School]:
    """Two creators with a student each, a job that waits and a message that was not delivered."""
    found = [await found_school(database, "drawing"), await found_school(database, "cooking")]
    for number, school in enumerate(found):
        await converse(database, school, await enrol_student(database, str(number)), "What is patience?")
    await shelf_of(database).add(found[0].creator_id, [lecture("charcoal")], PLACE)
    await link_key(database)
    return found


@pytest.fixture
async def empty_url(postgres: EmbeddedServer) -> AsyncIterator[str]:
    """The address of a database without any table."""
    name = f"empty_{os.getpid()}"
    yield await postgres.create_database(name)
    await postgres.drop_database(name)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def _everything(url: str) -> dict[str, list[str]]:
    """All rows of all tables and the state of all sequences, as text."""
    statement = "SELECT row(r.*)::text AS t FROM {} r ORDER BY 1"
    names = [row["name"] for row in await rows(url, TABLES) if not row["name"].endswith("_id_seq")]
    kept = {name: [row["t"] for row in await rows(url, statement.format(name))] for name in names}
    sequences = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
    return kept | {"sequences": [str(tuple(row)) for row in await rows(url, sequences)]}


async def _definitions(url: str) -> list[str]:
    """Policies, grants and forced tables as text."""
    found = await rows(url, """
        SELECT format('%s %s %s %s %s', tablename, policyname, roles, qual, with_check) AS t FROM pg_policies
        UNION ALL SELECT format('%s %s %s', grantee, table_name, privilege_type)
                    FROM information_schema.role_table_grants WHERE grantee LIKE 'chronos%'
        UNION ALL SELECT format('%s %s %s', relname, relrowsecurity, relforcerowsecurity)
                    FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1
    """)  # fmt: skip
    return [row["t"] for row in found]


async def test_a_backup_reads_every_row_of_every_table(database_url: str) -> None:
    for table in await rows(database_url, TABLES):
        assert table["readable"], table["name"]
        assert table["open"] or not table["bound"], table["name"]


async def test_everything_comes_back_as_it_was(
    schools: list[School], database_url: str, empty_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "chronos.backup"
    await backup(database_url, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert _names(tmp_path) == {file.name}
    await restore(empty_url, file)
    kept, found = await _everything(database_url), await _everything(empty_url)
    assert {"schema_migrations", "pgqueuer", "votes", "deployment"} <= found.keys()
    assert found == kept
    assert await _definitions(empty_url) == await _definitions(database_url)
    assert await pending(empty_url) == []
    assert await migrate(empty_url) == []


async def test_a_restored_database_answers_and_isolates_on_a_server_that_never_saw_our_roles(
    schools: list[School], database: Database, database_url: str, tmp_path: Path
) -> None:
    await backup(database_url, tmp_path / "file")
    async with embedded_server(tmp_path / "other") as server:
        await restore(server.url, tmp_path / "file")
        async with open_database(server.url) as restored:
            for school in schools:
                assert await _answers(restored, school) == await _answers(database, school)
            await _holds_scopes(restored, *schools)
            await _goes_on(restored, schools[0])


async def _answers(database: Database, school: School) -> tuple[object, ...]:
    holdings = PostgresHoldings(database)
    snapshot = await holdings.load(Scope.whole(school.creator_id))
    spans = [Span(school.source_id, 0, snapshot.n_units - 1)]
    return (
        snapshot.unit_vectors.tobytes(), snapshot.window_vectors.tobytes(), snapshot.vocabulary.ids.tobytes(),
        await holdings.sentences(Scope.whole(school.creator_id), spans),
    )  # fmt: skip


async def _holds_scopes(database: Database, own: School, other: School) -> None:
    async with database.creator(own.creator_id) as connection:
        seen = await connection.fetch("SELECT DISTINCT creator_id FROM segments")
        assert [row["creator_id"] for row in seen] == [own.creator_id]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.creator(own.creator_id) as connection:
            await connection.execute("UPDATE sources SET creator_id = $1", other.creator_id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.system() as connection:
            await connection.fetch("SELECT 1 FROM segments")


async def _goes_on(database: Database, school: School) -> None:
    """The queue takes jobs, numbers go on where they were, and the student still has their history."""
    waiting = len(await jobs(database))
    await enqueue(database, "tidy", datetime(2026, 11, 21, 3, tzinfo=UTC))
    assert len(await jobs(database)) == waiting + 1
    assert await add_ready(database, school.creator_id, lecture("ink")) > school.source_id
    student = StudentId(1)
    before = await PostgresConversations(database).history(student, school.creator_id, 10)
    await converse(database, school, student, "And now?")
    assert len(await PostgresConversations(database).history(student, school.creator_id, 10)) == len(before) + 1 == 2


async def test_a_database_with_our_tables_is_not_restored_into(database_url: str, tmp_path: Path) -> None:
    await backup(database_url, tmp_path / "file")
    with pytest.raises(DatabaseError, match=r"not empty.*accounts"):
        await restore(database_url, tmp_path / "file")


async def test_a_server_that_is_too_old_for_a_restore_is_refused_in_words(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backup(database_url, tmp_path / "file")
    monkeypatch.setattr(backups, "OLDEST_RESTORED", 99)
    with pytest.raises(DatabaseError, match="PostgreSQL 99 or newer, and this server is"):
        await restore(database_url, tmp_path / "file")


async def test_a_file_that_is_there_is_never_overwritten(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(DatabaseError, match="there already"):
        await backup(database_url, file)
    assert file.read_text() == "precious"


async def test_what_a_killed_backup_left_is_swept_away(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "file[1].partial-abc").write_bytes(b"PGDMP half")
    (tmp_path / "file1.partial-abc").write_bytes(b"somebody else's")
    await backup(database_url, tmp_path / "file[1]")
    assert _names(tmp_path) == {"file[1]", "file1.partial-abc"}


async def test_a_full_disk_leaves_no_file(schools: list[School], database_url: str, tmp_path: Path) -> None:
    with _files_of_at_most(8192), pytest.raises(DatabaseError, match="pg_dump gave up"):
        await backup(database_url, tmp_path / "file")
    assert _names(tmp_path) == set()


@contextmanager
def _files_of_at_most(size_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_an_interrupted_backup_leaves_no_file(database_url: str, tmp_path: Path) -> None:
    blocker = await asyncpg.connect(database_url)
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE sources IN ACCESS EXCLUSIVE MODE")
            running = asyncio.create_task(backup(database_url, tmp_path / "file"))
            await _until_somebody_waits(database_url)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert _names(tmp_path) == set()
    finally:
        await blocker.close()


async def _until_somebody_waits(url: str) -> None:
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'sources'::regclass"
    async with asyncio.timeout(20):
        while not await rows(url, waiting):
            await asyncio.sleep(0.02)


async def test_a_folder_that_is_missing_or_cannot_be_written_is_said_in_words(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatabaseError, match="Is the folder there"):
        await backup(database_url, tmp_path / "missing" / "file")

    def denied(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkstemp", denied)
    with pytest.raises(DatabaseError, match="may not use it"):
        await backup(database_url, tmp_path / "file")


async def test_a_database_that_is_not_there_is_said_in_words_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://somebody:hunter2@/chronos?host={tmp_path}"
    with pytest.raises(DatabaseError) as caught:
        await backup(url, tmp_path / "file")
    assert "pg_dump gave up" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_file_that_was_cut_or_changed_is_refused(
    schools: list[School], database_url: str, empty_url: str, tmp_path: Path
) -> None:
    await backup(database_url, tmp_path / "file")
    whole = (tmp_path / "file").read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for damaged in (whole[:6], whole[:middle], whole[:-1000], whole[:-1], changed, whole + b"!"):
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(DatabaseError, match="damaged or was cut short"):
            await restore(empty_url, tmp_path / "damaged")
    await restore(empty_url, tmp_path / "file")


async def test_a_restore_that_fails_half_way_leaves_the_database_empty(
    schools: list[School], database_url: str, empty_url: str, tmp_path: Path
) -> None:
    await backup(database_url, tmp_path / "file")
    await change(empty_url, "CREATE FUNCTION current_student() RETURNS text LANGUAGE sql RETURN 'in the way'")
    with pytest.raises(DatabaseError, match=r"pg_restore gave up, and nothing was changed: .*current_student"):
        await restore(empty_url, tmp_path / "file")
    assert await rows(empty_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


async def test_a_file_that_is_no_backup_is_refused(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a shopping list")
    for name, words in (("text", "is not a backup"), ("missing", "Is the folder there"), (".", "Name a file")):
        with pytest.raises(DatabaseError, match=words):
            await restore(empty_url, tmp_path / name)


async def test_a_dump_of_another_program_is_refused(database_url: str, empty_url: str, tmp_path: Path) -> None:
    await change(database_url, "DROP TABLE schema_migrations")
    await backup(database_url, tmp_path / "file")
    with pytest.raises(DatabaseError, match="not of Chronos"):
        await restore(empty_url, tmp_path / "file")
