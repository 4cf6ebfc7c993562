"""Migrations on a real PostgreSQL, and addresses in other programs' words."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from adapters.postgres import migrations
from adapters.postgres.database import open_database
from adapters.postgres.deployment import clock_leadership, enqueue, open_queue
from adapters.postgres.embedded import EmbeddedServer
from adapters.postgres.migrations import available, dbmate_url, migrate, pending, server_trouble, vector_trouble
from core.errors import DatabaseError
from tests.adapters.school import change, jobs, rows


@pytest.fixture
async def empty_url(postgres: EmbeddedServer) -> AsyncIterator[str]:
    """The address of a database without any table."""
    name = f"unmigrated_{os.getpid()}"
    yield await postgres.create_database(name)
    await postgres.drop_database(name)


async def test_migrating_applies_what_is_missing_and_nothing_twice(empty_url: str) -> None:
    assert await pending(empty_url) == available() != []
    assert await migrate(empty_url) == available()
    assert await pending(empty_url) == []
    assert await migrate(empty_url) == []


async def test_processes_that_migrate_at_the_same_time_do_it_once(empty_url: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert sorted(applied, key=len) == [[], [], [], available()]
    versions = await rows(empty_url, "SELECT version FROM schema_migrations ORDER BY version")
    assert [row["version"] for row in versions] == available()


async def test_a_migrated_database_has_a_queue_that_the_system_role_may_use(empty_url: str) -> None:
    await migrate(empty_url)
    async with open_database(empty_url) as database:
        for _ in range(2):
            await enqueue(database, "tidy", datetime(2026, 11, 21, 3, tzinfo=UTC))
        assert [job["entrypoint"] for job in await jobs(database)] == ["tidy"]


async def test_a_queue_that_got_lost_between_two_steps_is_made_up_for(empty_url: str) -> None:
    """A process may die after the tables and before the queue."""
    await migrate(empty_url)
    await change(empty_url, "DROP TABLE pgqueuer, pgqueuer_log, pgqueuer_statistics, pgqueuer_schedules CASCADE")
    await change(empty_url, "DROP FUNCTION fn_pgqueuer_changed; DROP TYPE pgqueuer_status")
    assert await migrate(empty_url) == []
    async with open_database(empty_url) as database:
        assert await jobs(database) == []


async def test_a_step_that_fails_says_why_and_leaves_nothing_of_itself(empty_url: str) -> None:
    await change(empty_url, "CREATE TABLE identities (id integer)")
    with pytest.raises(DatabaseError, match=r"(?s)rolled back:.*identities.*already exists"):
        await migrate(empty_url)
    connection = await asyncpg.connect(empty_url)
    assert await connection.fetchval("SELECT to_regclass('students')") is None
    await connection.close()
    await change(empty_url, "DROP TABLE identities")
    assert await migrate(empty_url) == available()


async def test_a_database_that_is_not_migrated_is_refused_in_words_when_opened(empty_url: str) -> None:
    connection = await asyncpg.connect(empty_url)
    await connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    await connection.close()
    try:
        with pytest.raises(DatabaseError, match=r"may not become chronos_app.*chronos migrate"):
            async with open_database(_as_stranger(empty_url)):
                pass
    finally:
        await change(empty_url, "DROP ROLE stranger")


def _as_stranger(url: str) -> str:
    parts = urlsplit(url)
    return f"postgresql://stranger:stranger@{parts.netloc.rpartition('@')[2]}{parts.path}?{parts.query}"


async def test_a_database_that_does_not_answer_is_said_in_words(tmp_path: Path) -> None:
    url = f"postgresql://somebody:hunter2@/chronos?host={tmp_path}"
    for attempt in (migrate(url), pending(url)):
        with pytest.raises(DatabaseError, match=r"does not answer.*database\.url") as caught:
            await attempt
        assert "hunter2" not in str(caught.value)
    for context in (open_database(url), open_queue(url), clock_leadership(url)):
        with pytest.raises(DatabaseError, match=r"database|queue"):
            async with context:
                pass


async def test_an_older_server_is_refused_in_one_line_before_anything_is_changed(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "OLDEST_SERVER", 99)
    for attempt in (migrate(empty_url), pending(empty_url)):
        with pytest.raises(
            DatabaseError, match=r"is PostgreSQL \d+\.\d+, and Chronos needs 99 or newer\. "
        ) as caught:
            await attempt
        assert "\n" not in str(caught.value)
    assert await rows(empty_url, "SELECT FROM pg_tables WHERE schemaname = 'public'") == []


async def test_a_server_without_a_recent_pgvector_is_refused_before_anything_is_changed(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "OLDEST_VECTOR", (99, 1))
    for attempt in (migrate(empty_url), pending(empty_url)):
        with pytest.raises(DatabaseError, match=r"has pgvector [\d.]+, and Chronos needs 99\.1 or newer"):
            await attempt
    assert await rows(empty_url, "SELECT FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize(("major", "minor", "words"), [(14, 12, "14.12"), (9, 6, "9.6"), (15, 0, ""), (18, 1, "")])
def test_servers_from_15_on_will_do(major: int, minor: int, words: str) -> None:
    trouble = server_trouble(major, minor)
    assert bool(trouble) == bool(words)
    assert words in trouble


@pytest.mark.parametrize(
    ("offered", "enabled", "words"),
    [
        (None, None, "not installed"),
        ("0.4.4", None, "needs 0.7 or newer"),
        ("0.6.2", "0.4.4", "needs 0.7 or newer"),
        ("0.8.1", "0.6.2", "ALTER EXTENSION vector UPDATE"),
        ("0.7.0", None, ""),
        ("0.10.0", "0.7.4", ""),
    ],
)
def test_pgvector_from_0_7_on_will_do(offered: str | None, enabled: str | None, words: str) -> None:
    trouble = vector_trouble(offered, enabled)
    assert bool(trouble) == bool(words)
    assert words in trouble


async def test_an_address_that_is_none_is_said_in_words() -> None:
    for url in ("mysql://localhost/x", "postgresql://localhost:notaport/x"):
        with pytest.raises(DatabaseError, match=r"database\.url"):
            await migrate(url)
        with pytest.raises(DatabaseError, match=r"database\.url"):
            async with open_database(url):
                pass


async def test_only_one_clock_leads_and_the_next_one_takes_over(database_url: str) -> None:
    async with clock_leadership(database_url) as leads:
        assert leads
        async with clock_leadership(database_url) as second:
            assert not second
    async with asyncio.timeout(20):
        while True:
            async with clock_leadership(database_url) as leads:
                if leads:
                    break


@pytest.mark.parametrize(
    ("url", "address", "options"),
    [
        (
            "postgresql://me:p%40ss@db.example:5433/c",
            "postgres://me:p%40ss@db.example:5433/c",
            {"sslmode": "disable"},
        ),
        ("postgres://db.example/c", "postgres://db.example:5432/c", {"sslmode": "disable"}),
        ("postgresql://[::1]:5433/c", "postgres://[::1]:5433/c", {"sslmode": "disable"}),
        ("postgresql://[fe80::2]/c", "postgres://[fe80::2]:5432/c", {"sslmode": "disable"}),
        ("postgresql://h/c?sslmode=verify-full", "postgres://h:5432/c", {"sslmode": "verify-full"}),
        ("postgresql://h/c?sslmode=prefer", "postgres://h:5432/c", {"sslmode": "disable"}),
        ("postgresql:///c?host=h&port=6&user=me&password=a%26b", "postgres://me:a%26b@h:6/c", {"sslmode": "disable"}),
        (
            "postgresql://me:pw@/c?host=%2Frun%2Fa%20b&port=5432",
            "postgres://me:pw@/c",
            {"sslmode": "disable", "socket": "/run/a b", "port": "5432"},
        ),
    ],
)
def test_an_address_reads_the_same_to_dbmate(url: str, address: str, options: dict[str, str]) -> None:
    converted, _, query = dbmate_url(url).partition("?")
    assert converted == address
    assert {name: values[-1] for name, values in parse_qs(query).items()} == options
