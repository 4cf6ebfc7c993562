"""Takes jobs from the queue and runs core functions; any number of these, on any number of machines."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import structlog
from pgqueuer import PgQueuer
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.models import Job

from core.asking.engine import Engine
from core.errors import DatabaseError, DatabaseFull
from core.ids import CreatorId, ItemId
from core.library.ingestion import Indexer, Interrupted, process
from core.library.store import Workbench
from core.members.directory import Directory

log = structlog.get_logger()

MOST_ATTEMPTS: Final = 5
AT_ONCE: Final = 2
HEARTBEAT: Final = timedelta(seconds=20)
FIRST_LOOK_S: Final = 2.0
RAREST_LOOK_S: Final = 60.0
"""How often a worker looks whether a full disk has room again: at first, and at the rarest."""
NO_ROOM: Final = "The disk here is full. I go on by myself as soon as the operator has freed some space."


class Housekeeping(Protocol):
    """What is tidied up now and then."""

    async def tidy(self, creator_id: CreatorId) -> None:
        """Delete for good what was removed long ago, and put work back that lost its job."""
        ...

    async def tidy_deployment(self) -> None:
        """Delete delivered messages and expired codes."""
        ...


@dataclass(frozen=True, slots=True)
class Tasks:
    """What the jobs of this release do; every one may run twice."""

    bench: Workbench
    indexer: Indexer
    engine: Engine
    directory: Directory
    housekeeping: Housekeeping
    stop: asyncio.Event
    require_room: Callable[[], None]

    async def ingest(self, payload: dict[str, int]) -> None:
        """Make a source searchable.

        Raises:
            DatabaseFull: there is no room for it; nothing was begun, or all of it was undone.
        """
        self.require_room()
        creator_id, item_id = CreatorId(payload["creator_id"]), ItemId(payload["item_id"])
        await process(creator_id, item_id, bench=self.bench, indexer=self.indexer, stop=self.stop)

    async def calibrate(self, payload: dict[str, int]) -> None:
        """Find a creator's cut-off for the present library."""
        await self.engine.recalibrate(CreatorId(payload["creator_id"]))

    async def tidy(self, payload: dict[str, int]) -> None:
        """Tidy up for every creator."""
        await self.housekeeping.tidy_deployment()
        for creator in await self.directory.creators():
            await self.housekeeping.tidy(creator.id)

    async def pause(self, payload: dict[str, int]) -> None:
        """Say on the card that the disk is full, where even that much can be written."""
        if "item_id" in payload:
            with suppress(DatabaseError):
                await self.bench.pause(CreatorId(payload["creator_id"]), ItemId(payload["item_id"]), NO_ROOM)

    async def give_up(self, payload: dict[str, int], reason: str) -> None:
        """After the last attempt, keep the item as failed with its reason."""
        if "item_id" in payload:
            await self.bench.fail(CreatorId(payload["creator_id"]), ItemId(payload["item_id"]), reason)


def register(queue: PgQueuer, tasks: Tasks) -> None:
    """Bind the jobs' names to what they do."""
    for name, run in (("ingest", tasks.ingest), ("calibrate", tasks.calibrate), ("tidy", tasks.tidy)):
        queue.entrypoint(name)(_handler(name, run, tasks))


def _handler(
    name: str, run: Callable[[dict[str, int]], Awaitable[None]], tasks: Tasks
) -> Callable[[Job], Awaitable[None]]:
    async def handle(job: Job) -> None:
        payload = json.loads(job.payload or b"{}")
        with structlog.contextvars.bound_contextvars(job=name, job_id=job.id, **payload):
            try:
                await _once_there_is_room(run, payload, tasks)
            except Interrupted:
                raise RetryRequested(delay=timedelta(0), reason="this process is stopping") from None
            except Exception as error:  # noqa: BLE001 - whatever it is, no item may stay under way for ever
                await _again_or_give_up(job, payload, error, tasks)

    return handle


async def _once_there_is_room(
    run: Callable[[dict[str, int]], Awaitable[None]], payload: dict[str, int], tasks: Tasks
) -> None:
    """Run a job; on a full disk wait here, since all other work would meet the same and the queue cannot write."""
    look_s = FIRST_LOOK_S
    while True:
        try:
            return await run(payload)
        except DatabaseFull as full:
            log.warning("the work waits for room on the disk", reason=str(full))
            await tasks.pause(payload)
        with suppress(TimeoutError):
            await asyncio.wait_for(tasks.stop.wait(), look_s)
        if tasks.stop.is_set():
            raise Interrupted
        look_s = min(look_s * 2, RAREST_LOOK_S)


async def _again_or_give_up(job: Job, payload: dict[str, int], error: Exception, tasks: Tasks) -> None:
    if job.attempts + 1 >= MOST_ATTEMPTS:
        log.error("a job was given up", reason=str(error), exc_info=error)
        await tasks.give_up(payload, "A part that I need did not work, even after several attempts.")
        return
    delay_s = min(2.0 ** (job.attempts + 1), 300.0) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
    log.warning("a job will be tried again", reason=str(error), delay_s=round(delay_s, 1))
    raise RetryRequested(delay=timedelta(seconds=delay_s), reason=str(error))


async def work(queue: PgQueuer, stop: asyncio.Event) -> None:
    """Work until ``stop`` is set; what is under way then is put back and goes on in another process."""
    running = asyncio.create_task(
        queue.run(dequeue_timeout=timedelta(seconds=5), batch_size=1, max_concurrent_tasks=AT_ONCE,
                  heartbeat_timeout=HEARTBEAT)
    )  # fmt: skip
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    queue.shutdown.set()
    stopping.cancel()
    with suppress(TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(running, timeout=6)
