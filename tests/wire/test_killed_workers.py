"""``kill -9`` of a worker in every stage: another one goes on where it was, once."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.shelf import PostgresShelf
from core.conversation import Place
from core.ids import CreatorId
from core.library.store import Stage
from tests.adapters.school import change, rows, spoken
from tests.adapters.scripted_reader import linked
from tests.waiting import eventually, within

PLACE = Place("discord", channel="10", community="100")
STAGES = (Stage.DOWNLOADING, Stage.TRANSCRIBING, Stage.CHUNKING, Stage.EMBEDDING, Stage.VALIDATING)
WITHIN_S = 60.0
pytestmark = pytest.mark.timeout(5 * WITHIN_S)


@asynccontextmanager
async def worker(url: str, folder: Path, stops_at: str = "") -> AsyncIterator[Process]:
    """A worker process, killed at the end as a power cut would."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.wire.worker_process", url, str(folder), stops_at,
        stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        async with within(WITHIN_S, "the worker to die"):
            await process.communicate()


async def said(process: Process, line: str) -> None:
    """Wait until a process says a line."""
    assert process.stdout is not None
    async with within(WITHIN_S, f"the worker to say {line}"):
        while (heard := (await process.stdout.readline()).decode().strip()) != line:
            assert heard, f"the worker ended without having {line}"


@pytest.mark.parametrize("stage", STAGES)
async def test_the_work_goes_on_after_a_kill_and_nothing_is_stored_twice(
    stage: Stage, database: Database, database_url: str, tmp_path: Path
) -> None:
    creator_id = (await PostgresDirectory(database).add_creator("drawing", "Drawing", None)).id
    shelf = PostgresShelf(database)
    await shelf.add(creator_id, [linked("https://videos.example/ink")], PLACE)
    async with worker(database_url, tmp_path, stage.value) as first:
        await said(first, "stopped")
        (source,) = await shelf.sources(creator_id)
        assert source.stage is stage
        first.kill()
        async with within(WITHIN_S, "the worker to die"):
            await first.wait()
    async with worker(database_url, tmp_path) as second:
        await eventually(lambda: _ready(shelf, creator_id), "another worker to do it", WITHIN_S)
        second.kill()
        async with within(WITHIN_S, "the second worker to die"):
            heard, _ = await second.communicate()
    read_before = stage not in {Stage.DOWNLOADING, Stage.TRANSCRIBING}
    assert (b"read" in heard) is not read_before, "what was read once is kept"
    stored = await rows(database_url, "SELECT text FROM segments ORDER BY position")
    assert [row["text"] for row in stored] == [segment.text for segment in spoken("ink", 20)]
    (item,) = await rows(database_url, "SELECT attempts FROM items")
    assert item["attempts"] == 2
    (corpus,) = await rows(database_url, "SELECT version FROM corpora")
    assert corpus["version"] == 1
    (card,) = await rows(database_url, "SELECT content::text AS content FROM outbox")
    assert "is ready" in card["content"]
    assert await rows(database_url, "SELECT FROM admissions") == []


async def test_a_worker_that_hangs_loses_its_item_and_changes_nothing_when_it_wakes(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    creator_id = (await PostgresDirectory(database).add_creator("drawing", "Drawing", None)).id
    shelf = PostgresShelf(database)
    await shelf.add(creator_id, [linked("https://videos.example/ink")], PLACE)
    async with worker(database_url, tmp_path, Stage.EMBEDDING.value) as first:
        await said(first, "stopped")
        first.send_signal(signal.SIGSTOP)
        # What a minute without a sign of life does: its lease is over, and its job is woken anew.
        await change(database_url, "UPDATE admissions SET leased_until = now()")
        async with worker(database_url, tmp_path):
            await eventually(lambda: _ready(shelf, creator_id), "another worker to do it", WITHIN_S)
        before = await _everything(database_url)
        (tmp_path / "go").touch()
        first.send_signal(signal.SIGCONT)
        await said(first, "goes on")
        await shelf.add(creator_id, [linked("https://videos.example/chalk")], None)
        await eventually(lambda: _ready(shelf, creator_id), "it to have come to its end, and to do more", WITHIN_S)
    assert await _everything(database_url) == before, "nothing is stored twice, and no card goes back"


async def _everything(url: str) -> list[list[Any]]:
    """What is kept of the first source."""
    statements = (
        "SELECT text FROM segments WHERE source_id = 1 ORDER BY position",
        "SELECT stage, attempts, reason, last_error, stats, finished_at FROM items WHERE source_id = 1",
        "SELECT content::text, version FROM outbox",
        "SELECT failures FROM admissions WHERE item_id = 1",
    )
    return [await rows(url, statement) for statement in statements]


async def _ready(shelf: PostgresShelf, creator_id: CreatorId) -> bool:
    return all(source.stage is Stage.COMPLETED for source in await shelf.sources(creator_id))
