"""What processes of a deployment share, on a real PostgreSQL: the queue, the clock's lead, who was greeted."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.types import QueueEntrypoint

from adapters.postgres import deployment
from adapters.postgres.database import Database
from adapters.postgres.deployment import PostgresGreetings, backlog, clock_leadership, enqueue, open_queue
from core.errors import DatabaseError
from tests.adapters.school import change, jobs, rows

THREE: Final = datetime(2026, 11, 21, 3, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
HOLDERS: Final = """
    SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
     WHERE locktype = 'advisory' AND datname = current_database()
"""
KILL_HOLDERS: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database
     WHERE locktype = 'advisory' AND datname = current_database()
"""


async def _until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await look():
            await asyncio.sleep(0.02)


async def _take(queue: PgQueuer) -> list[int]:
    """Dequeue as a worker does whose heartbeat may stay away for an hour."""
    taken = await queue.qm.queries.dequeue(
        batch_size=5, entrypoints={QueueEntrypoint("tidy"): EntrypointExecutionParameter(0)},
        queue_manager_id=queue.qm.queue_manager_id, global_concurrency_limit=None, heartbeat_timeout=HOUR,
    )  # fmt: skip
    return [job.id for job in taken]


async def test_a_slot_is_enqueued_once_even_after_its_job_is_done(database: Database, database_url: str) -> None:
    await asyncio.gather(*(enqueue(database, "tidy", THREE) for _ in range(6)))
    assert [job["entrypoint"] for job in await jobs(database)] == ["tidy"]
    await change(database_url, "DELETE FROM pgqueuer")
    for slot in (THREE, THREE - HOUR):
        await enqueue(database, "tidy", slot)
    assert await jobs(database) == []
    await enqueue(database, "tidy", THREE + HOUR)
    assert len(await jobs(database)) == 1


async def test_the_backlog_counts_what_waits_and_what_runs(database: Database, database_url: str) -> None:
    assert await backlog(database) == deployment.Backlog(waiting=0, running=0, late_s=0)
    for n in range(3):
        await enqueue(database, "tidy", THREE + n * HOUR)
    async with open_queue(database_url) as queue:
        first, *_ = await _take(queue)
        waits = "UPDATE pgqueuer SET status = 'queued', execute_after = now() - interval '100 seconds'"
        await change(database_url, f"{waits} WHERE id <> {first}")
        found = await backlog(database)
    assert (found.waiting, found.running) == (2, 1)
    assert found.late_s >= 100


async def test_a_dead_workers_job_is_put_back_at_once_and_a_live_ones_is_not(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "RETURN_EVERY_S", 0.05)
    await enqueue(database, "tidy", THREE)
    async with open_queue(database_url) as other:
        async with open_queue(database_url) as worker:
            taken = await _take(worker)
            assert len(taken) == 1
            async with open_queue(database_url) as starting:
                assert await _take(starting) == await _take(other) == []
                assert (await backlog(database)).running == 1

        async def put_back() -> bool:
            return (await backlog(database)).waiting == 1

        await _until(put_back)
        assert await _take(other) == taken


async def test_a_worker_whose_lock_was_lost_takes_it_again(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "RETURN_EVERY_S", 0.05)
    async with open_queue(database_url):
        before = await rows(database_url, HOLDERS)
        await change(database_url, KILL_HOLDERS)

        async def held_again() -> bool:
            found = await rows(database_url, HOLDERS)
            return bool(found) and found != before

        await _until(held_again)


async def test_a_clock_that_lost_its_lock_is_told_and_another_one_leads(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "PING_EVERY_S", 0.05)

    async def lead_until_lost() -> None:
        async with asyncio.timeout(20), clock_leadership(database_url) as lead:
            assert lead is not None
            await change(database_url, KILL_HOLDERS)
            await lead.hold()

    with pytest.raises(DatabaseError, match="lost"):
        await lead_until_lost()
    async with clock_leadership(database_url) as next_lead:
        assert next_lead is not None


async def test_a_community_is_greeted_once(database: Database) -> None:
    greetings = PostgresGreetings(database)
    found = await asyncio.gather(*(greetings.first("discord", "100") for _ in range(4)))
    assert sorted(found) == [False, False, False, True]
    assert await greetings.first("telegram", "100")


async def test_only_the_system_role_knows_ticks_and_greetings(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET ROLE chronos_app")
        for read in ("SELECT * FROM ticks", "SELECT * FROM greetings"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(read)
    finally:
        await connection.close()
