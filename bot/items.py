"""The work on one item in a worker: admitted, held while it lasts, done or put off."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from core.errors import (
    DatabaseError,
    DatabaseFull,
    DiskFull,
    EmbedderChanged,
    ProviderBusy,
    ProviderUsedUp,
    QuotaReached,
)
from core.library.admission import Admission, Admitted
from core.library.failures import BROKE_OFF, given_up_in, used_up_in, waits_after
from core.library.indexing import Indexer
from core.library.ingestion import Interrupted, Lost, Progress, process
from core.library.reading import SourceReader
from core.library.store import Stage
from core.library.workbench import Wait, Workbench

log = structlog.get_logger()

MOST_ATTEMPTS: Final = 6
FIRST_DELAY_S: Final = 5.0
LONGEST_DELAY_S: Final = 900.0
RENEW_EVERY_S: Final = 15.0
STALLED_S: Final = 1_800.0
"""An attempt that reports nothing for so long is given up."""
MOVED: Final = "This library has just been moved to another search model, so it is learnt with that one."
CREDIT_LOOK_S: Final = 900.0
"""How often a service whose credit is used up is asked again."""
PUTS_DOWN_WITHIN_S: Final = 3.0
FIRST_LOOK_S: Final = 2.0
RAREST_LOOK_S: Final = 60.0
"""How often a worker looks whether a full disk has room again: at first, and at the rarest."""
NO_ROOM: Final = "The disk here is full. I go on by myself as soon as the operator has freed some space."


@dataclass(frozen=True, slots=True)
class ItemWork:
    """What a worker does with items; everything may happen twice."""

    bench: Workbench
    indexer: Indexer
    reader: SourceReader
    admission: Admission
    stop: asyncio.Event
    require_room: Callable[[], None]

    async def take_turn(self, worker: str) -> None:
        """Do the item whose turn it is, if any may begin, and wake a worker for the next one.

        Raises:
            Interrupted: this process is stopping; the item was given back.
            DatabaseError: the database went away; the item comes back when our lock or lease is gone.
        """
        admitted = await self.admission.next(worker)
        if admitted is None:
            return
        with structlog.contextvars.bound_contextvars(creator_id=admitted.creator_id, item_id=admitted.item_id):
            await self._do(worker, admitted)
        await self.admission.wake()

    async def _do(self, worker: str, admitted: Admitted) -> None:
        creator_id, item_id = admitted.creator_id, admitted.item_id
        if admitted.failures >= MOST_ATTEMPTS:
            log.error("an item was given up", reason="its workers died")
            await self.bench.fail(creator_id, item_id, BROKE_OFF, error="its workers died or hung")
            return
        progress = Progress(
            self.bench, creator_id, item_id, self.stop, lambda: self.admission.renew(worker, admitted)
        )
        try:
            await self._attempt(worker, admitted, progress)
        except Lost:
            log.warning("an item is in other hands now, or gone")

    async def _attempt(self, worker: str, admitted: Admitted, progress: Progress) -> None:
        try:
            await self._hold(worker, admitted, progress)
        except Interrupted:
            await self.admission.release(worker, admitted)
            raise
        except Lost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, no item may stay under way for ever
            await progress.require_hold()
            await self._again_or_give_up(admitted, progress, error)

    async def _hold(self, worker: str, admitted: Admitted, progress: Progress) -> None:
        """Work on an item for as long as it is ours and moves."""
        working = asyncio.create_task(self._work(admitted, progress))
        stopping = asyncio.create_task(self.stop.wait())
        try:
            while not working.done():
                await asyncio.wait({working, stopping}, timeout=RENEW_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                if stopping.done() and not working.done():
                    await asyncio.wait({working}, timeout=PUTS_DOWN_WITHIN_S)
                    if not working.done():
                        raise Interrupted
                elif not working.done():
                    await self._renew(worker, admitted, progress)
            working.result()
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _renew(self, worker: str, admitted: Admitted, progress: Progress) -> None:
        if time.monotonic() - progress.heard_at > STALLED_S:
            raise TimeoutError(f"nothing moved for {STALLED_S:.0f} s")
        with suppress(DatabaseError):
            if not await self.admission.renew(worker, admitted):
                raise Lost

    async def _work(self, admitted: Admitted, progress: Progress) -> None:
        creator_id, item_id = admitted.creator_id, admitted.item_id

        async def once() -> None:
            self.require_room()
            await process(
                creator_id, item_id, bench=self.bench, indexer=self.indexer, reader=self.reader, progress=progress
            )

        async def pause() -> None:
            progress.heard_at = time.monotonic()
            await self.bench.pause(creator_id, item_id, NO_ROOM)

        await once_there_is_room(once, self.stop, pause)

    async def _again_or_give_up(self, admitted: Admitted, progress: Progress, error: Exception) -> None:
        creator_id, item_id = admitted.creator_id, admitted.item_id
        stage = None if isinstance(error, DatabaseError) else progress.stage
        wait = _wait(error, stage, admitted.failures)
        if wait.counts and admitted.failures + 1 >= MOST_ATTEMPTS:
            log.error("an item was given up", stage=stage, reason=wait.error, exc_info=error)
            await self.bench.fail(creator_id, item_id, given_up_in(stage), error=wait.error)
            return
        log.warning("an item will be tried again", stage=stage, reason=wait.error, delay_s=round(wait.delay_s, 1))
        await self.bench.put_off(creator_id, item_id, wait)


def _wait(error: Exception, stage: Stage | None, failures: int) -> Wait:
    """How an item goes on after an error: a used up quota is waited for as long as it takes, and is no failure."""
    if isinstance(error, QuotaReached):
        return Wait(str(error), str(error), error.wait_s, paused=True, counts=False)
    if isinstance(error, ProviderUsedUp):
        return Wait(used_up_in(stage), str(error), CREDIT_LOOK_S, paused=True, counts=False)
    if isinstance(error, EmbedderChanged):
        return Wait(MOVED, str(error), 0.0, paused=False, counts=False)
    delay_s = delay_s_after(error, failures)
    reason = str(error) or type(error).__name__
    return Wait(waits_after(stage, delay_s), reason, delay_s, paused=isinstance(error, ProviderBusy))


def delay_s_after(error: Exception, failures: int) -> float:
    """Exponential backoff with jitter, never less than what was asked for."""
    backoff_s = min(FIRST_DELAY_S * 2.0**failures, LONGEST_DELAY_S) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
    asked_s = (error.retry_after_s or 0.0) if isinstance(error, ProviderBusy) else 0.0
    return max(backoff_s, asked_s * random.uniform(1.0, 1.2))  # noqa: S311 - jitter


async def once_there_is_room(
    run: Callable[[], Coroutine[Any, Any, None]], stop: asyncio.Event, pause: Callable[[], Awaitable[None]]
) -> None:
    """Do something; on a full disk wait here, since all other work would meet the same and the queue cannot write.

    Args:
        run: what is to be done, as often as it takes.
        stop: ends the waiting.
        pause: says that it waits, where even that much can be written.

    Raises:
        Interrupted: ``stop`` was set meanwhile.
    """
    look_s = FIRST_LOOK_S
    while True:
        try:
            return await run()
        except (DatabaseFull, DiskFull) as full:
            log.warning("the work waits for room on the disk", reason=str(full))
        with suppress(DatabaseError):
            await pause()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), look_s)
        if stop.is_set():
            raise Interrupted
        look_s = min(look_s * 2, RAREST_LOOK_S)
