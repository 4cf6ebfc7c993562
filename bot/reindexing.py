"""A turn of moving a library to another embedder, in a worker: some of the work, or why it waits."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from bot.items import delay_s_after
from core.asking.embedding import Embedders
from core.errors import DatabaseError
from core.ids import CreatorId
from core.library.ingestion import Interrupted
from core.library.reindexing import ReindexBench, Reindexing, ReindexStage, move, why_it_waits

log = structlog.get_logger()

MOST_DOUBLED: Final = 8
"""Failures after which pauses are as long as they get."""


@dataclass(frozen=True, slots=True)
class ReindexWork:
    """What a worker does with libraries on their way; everything may happen twice."""

    bench: ReindexBench
    embedders: Embedders
    stop: asyncio.Event

    async def take_turn(self, creator_id: CreatorId, run: int, turn: int) -> None:
        """Do a turn of a move where it is due, and put the next one into the queue.

        Raises:
            Interrupted: this process is stopping; the turn is still due.
            DatabaseError: the database went away; likewise.
        """
        moving = await self.bench.turn(creator_id, run, turn)
        if moving is None:
            return
        try:
            again = await self._do(creator_id, moving)
        except (Interrupted, DatabaseError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, no library may stay on its way for ever
            await self._put_off(creator_id, moving, error)
        else:
            await (self.bench.next_turn if again else self.bench.finish)(creator_id, moving)

    async def _do(self, creator_id: CreatorId, moving: Reindexing) -> bool:
        """Do some of what is left, and say whether more is."""
        if moving.stage is ReindexStage.CLEARING:
            return await self.bench.clear(creator_id, moving)
        embedder = self.embedders.of(moving.embedder_id)
        await move(creator_id, moving, bench=self.bench, embedder=embedder, stop=self.stop)
        return True

    async def _put_off(self, creator_id: CreatorId, moving: Reindexing, error: Exception) -> None:
        delay_s = delay_s_after(error, min(moving.failures, MOST_DOUBLED))
        reason = str(error) or type(error).__name__
        log.warning("moving a library waits", embedder=moving.embedder_id, reason=reason, delay_s=round(delay_s, 1))
        words = why_it_waits(error, moving.name, delay_s)
        await self.bench.put_off(creator_id, moving, words, error=reason, delay_s=delay_s)
