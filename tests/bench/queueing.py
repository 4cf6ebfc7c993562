"""Whether two workers always have something in hand while something waits."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import asyncpg

from adapters.postgres.embedded import embedded_server
from adapters.postgres.migrations import migrate
from adapters.sources.timed_text import read_timed_text
from bot.app import DatabaseAddress, open_on
from bot.settings import Settings
from core.conversation import Place
from core.library.store import NewSource
from tests.bench.captions import made_up_captions
from tests.bench.processes import CHRONOS
from tests.bench.table import Row

WORKERS: Final = 2
LOOK_EVERY_S: Final = 0.01
STALLED_S: Final = 120.0
LOOK: Final = """
    SELECT coalesce(array_agg(DISTINCT worker::text) FILTER (WHERE leased_until > now()), '{}') AS busy,
           count(*) FILTER (WHERE leased_until <= now() AND available_at <= now()) AS waiting,
           count(*) AS left
      FROM admissions
"""


@dataclass(frozen=True, slots=True)
class Look:
    """Who held something at a moment, how many waited, and how many were not done."""

    at_s: float
    busy: frozenset[str]
    waiting: int
    left: int


async def measure_queue(folder: Path, captions: int) -> list[Row]:
    """Queue captions of a minute of one creator, then let two workers do them on one database.

    Args:
        folder: for the server and the workers.
        captions: how many.
    """
    async with embedded_server(folder / "server") as server:
        url = await server.create_database("queue")
        await migrate(url)
        await _fill(url, folder, [_source(number) for number in range(captions)])
        looks = await _worked_off(url, folder)
    group = f"{WORKERS} workers, {captions} captions"
    both = _both_at_work(looks)
    return [
        Row(group, "time with something in hand while more waits", _busy(both), "", goal=0.9, at_least=True),
        Row(group, "  longest time with nothing in hand", _longest_gap_s(both), "s"),
        Row(
            group,
            "  captions of a minute done",
            (both[0].left - both[-1].left) / (both[-1].at_s - both[0].at_s),
            "/s",
        ),
    ]


def _both_at_work(looks: Sequence[Look]) -> list[Look]:
    """From when every worker had something for the first time until nothing waits any more.

    Raises:
        RuntimeError: a worker never had anything.
    """
    seen: set[str] = set()
    for first, look in enumerate(looks):
        seen |= look.busy
        if len(seen) == WORKERS:
            return [look for look in looks[first:] if look.waiting]
    raise RuntimeError(f"{len(seen)} of {WORKERS} workers did everything")


def _busy(looks: Sequence[Look]) -> float:
    """Of the time of all workers, the share in which they held something."""
    held_s = sum((following.at_s - look.at_s) * len(look.busy) for look, following in pairwise(looks))
    return held_s / (looks[-1].at_s - looks[0].at_s) / WORKERS


def _longest_gap_s(looks: Sequence[Look]) -> float:
    longest_s, since = 0.0, {worker: looks[0].at_s for look in looks for worker in look.busy}
    for look in looks:
        longest_s = max(longest_s, *(look.at_s - since[worker] for worker in since if worker not in look.busy), 0.0)
        since |= dict.fromkeys(look.busy, look.at_s)
    return longest_s


def _source(number: int) -> NewSource:
    (transcript,) = read_timed_text(f"{number}.vtt", made_up_captions(number, 1))
    return NewSource(transcript, f"Minute {number}", language="en")


async def _fill(url: str, folder: Path, sources: Sequence[NewSource]) -> None:
    settings = Settings.model_validate({"storage": {"data_dir": folder / "data"}, "models": {"answer": []}})
    async with open_on(settings, DatabaseAddress(url, url)) as deployment:
        creator = await deployment.directory.add_creator("queued", "Queued", None)
        await deployment.shelf.add(creator.id, sources, Place("discord", channel="10", community="100"))


async def _worked_off(url: str, folder: Path) -> list[Look]:
    """Start the workers, and look on until nothing is left."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET ROLE chronos_system")
        async with _workers(url, folder) as workers:
            return await _looks(connection, workers)
    finally:
        await connection.close()


async def _looks(
    connection: "asyncpg.Connection[asyncpg.Record]", workers: Sequence[asyncio.subprocess.Process]
) -> list[Look]:
    looks: list[Look] = []
    moved = time.perf_counter()
    while not looks or looks[-1].left:
        (row,) = await connection.fetch(LOOK)
        look = Look(time.perf_counter(), frozenset(row["busy"]), row["waiting"], row["left"])
        moved = look.at_s if not looks or look.left < looks[-1].left else moved
        looks.append(look)
        if look.at_s - moved > STALLED_S or any(worker.returncode is not None for worker in workers):
            raise RuntimeError(f"the workers stopped with {look.left} left to do")
        await asyncio.sleep(LOOK_EVERY_S)
    return looks


@asynccontextmanager
async def _workers(url: str, folder: Path) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Processes of `chronos run --role worker`, told to stop at the end."""
    workers = [await _worker(url, folder / f"worker-{number}") for number in range(WORKERS)]
    try:
        yield workers
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        await asyncio.gather(*(worker.communicate() for worker in workers))


async def _worker(url: str, folder: Path) -> asyncio.subprocess.Process:
    environment = {
        **os.environ, "CHRONOS_DATABASE__URL": url, "CHRONOS_DATABASE__ADMIN_URL": url, "CHRONOS_HTTP__PORT": "0",
        "CHRONOS_STORAGE__DATA_DIR": str(folder), "CHRONOS_MODELS__ANSWER": "[]",
    }  # fmt: skip
    return await asyncio.create_subprocess_exec(
        sys.executable, CHRONOS, "run", "--role", "worker", env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
