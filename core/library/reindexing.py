"""Moving a library to another embedder: vectors beside the old ones, source by source, and one switch at the end."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np

from core.asking.embedding import Embedder, Vector
from core.conversation import Button, Place, Reply, Tone
from core.errors import EmbedderMissing, ProviderBusy, ProviderError
from core.ids import CreatorId, SourceId
from core.library.cards import about, bar
from core.library.ingestion import Interrupted
from core.richtext import RichText, bold, counted

SLICE: Final = 128
"""Texts embedded between two writes; no more than these are embedded again after a kill."""
TURN_S: Final = 20.0
"""After so many seconds the next creator has a turn."""


class ReindexStage(StrEnum):
    """Moving until the switch or a cancel, then clearing vectors that nobody searches."""

    MOVING = "moving"
    CLEARING = "clearing"


@dataclass(frozen=True, slots=True)
class Reindexing:
    """A library on its way: ``done`` of ``total`` sources have all their vectors.

    ``reason`` says in the creator's words why it waits, ``error`` in the operator's.
    """

    run: int
    turn: int
    embedder_id: str
    name: str
    stage: ReindexStage
    done: int = 0
    total: int = 0
    failures: int = 0
    reason: str = ""
    error: str = ""
    card_id: int | None = None


class Reindexings(Protocol):
    """The libraries on their way, for commands. No method can reach across creators."""

    async def words(self, creator_id: CreatorId) -> int:
        """About how many words a move embeds."""
        ...

    async def under_way(self, creator_id: CreatorId) -> Reindexing | None:
        """The move that is under way."""
        ...

    async def begin(self, creator_id: CreatorId, embedder_id: str, name: str, place: Place) -> bool:
        """Begin a move with a card and a job; False where one is under way."""
        ...

    async def cancel(self, creator_id: CreatorId, run: int) -> bool:
        """Stop a move and have what it wrote cleared; False where it is over."""
        ...


class ReindexBench(Protocol):
    """The work on a move, as the worker sees it. Everything here may be done twice."""

    async def turn(self, creator_id: CreatorId, run: int, turn: int) -> Reindexing | None:
        """The move, where this turn of it is due."""
        ...

    async def pending(self, creator_id: CreatorId, embedder_id: str) -> tuple[list[SourceId], int]:
        """The sources that lack vectors of this embedder, and how many sources there are in all."""
        ...

    async def texts(self, creator_id: CreatorId, source_id: SourceId, embedder_id: str) -> list[str]:
        """The texts of a source, each once, that lack a vector of this embedder."""
        ...

    async def keep(
        self, creator_id: CreatorId, moving: Reindexing, source_id: SourceId, vectors: Mapping[str, Vector]
    ) -> bool:
        """Write vectors for what says these texts now; False where the move was cancelled."""
        ...

    async def advance(self, creator_id: CreatorId, moving: Reindexing, done: int, total: int) -> None:
        """Note how far it is, and move its card along."""
        ...

    async def switch(self, creator_id: CreatorId, moving: Reindexing) -> bool:
        """Search the library with the new embedder from now on; False where a source still lacks vectors.

        In one transaction: that nothing is lacking, the embedder, the corpus version, the job that calibrates.
        """
        ...

    async def clear(self, creator_id: CreatorId, moving: Reindexing) -> bool:
        """Delete some of the vectors that nobody searches; False where none are left."""
        ...

    async def next_turn(self, creator_id: CreatorId, moving: Reindexing) -> None:
        """Give way: put the next turn at the end of the queue."""
        ...

    async def put_off(
        self, creator_id: CreatorId, moving: Reindexing, reason: str, *, error: str, delay_s: float
    ) -> None:
        """Count a failure, say on the card why it waits, and have the next turn after ``delay_s`` seconds."""
        ...

    async def finish(self, creator_id: CreatorId, moving: Reindexing) -> None:
        """Forget the move; nothing of it is left to do."""
        ...


async def move(
    creator_id: CreatorId, moving: Reindexing, *, bench: ReindexBench, embedder: Embedder, stop: asyncio.Event
) -> None:
    """Make what is lacking, for as long as a turn lasts, and switch where nothing is lacking any more.

    Raises:
        Interrupted: ``stop`` was set; what was written stays.
        ProviderError: the embedder failed; likewise.
        DatabaseError: likewise.
    """
    until = time.monotonic() + TURN_S
    pending, total = await bench.pending(creator_id, moving.embedder_id)
    await bench.advance(creator_id, moving, total - len(pending), total)
    for left, source_id in zip(reversed(range(len(pending))), pending, strict=True):
        if not await _move_source(creator_id, moving, source_id, bench, embedder, stop):
            return
        await bench.advance(creator_id, moving, total - left, total)
        if time.monotonic() > until:
            return
    await bench.switch(creator_id, moving)


async def _move_source(
    creator_id: CreatorId, moving: Reindexing, source_id: SourceId, bench: ReindexBench, embedder: Embedder,
    stop: asyncio.Event,
) -> bool:  # fmt: skip
    """Embed what a source lacks, a slice at a time; False where the move was cancelled meanwhile."""
    texts = await bench.texts(creator_id, source_id, moving.embedder_id)
    for first in range(0, len(texts), SLICE):
        if stop.is_set():
            raise Interrupted
        part = texts[first : first + SLICE]
        vectors = dict(zip(part, await _embedded(part, embedder), strict=True))
        if not await bench.keep(creator_id, moving, source_id, vectors):
            return False
    return True


async def _embedded(texts: Sequence[str], embedder: Embedder) -> Vector:
    vectors = await embedder.embed_passages(texts)
    if vectors.shape != (len(texts), embedder.dimensions) or not np.isfinite(vectors).all():
        raise ProviderError(f"{embedder.embedder_id} returned vectors of shape {vectors.shape}, or not numbers")
    return vectors


def why_it_waits(error: Exception, name: str, delay_s: float) -> str:
    """Why a move waits, for its creator; the operator's words are kept beside it."""
    again = f"I try again by myself in about {about(delay_s)}."
    if isinstance(error, EmbedderMissing):
        return f"{error} {again}"
    if isinstance(error, ProviderBusy):
        return f"The search model {name} is busy. {again}"
    if isinstance(error, ProviderError):
        return (
            f"The search model {name} does not work right now; the operator's 'chronos jobs list' says why. {again}"
        )
    return f"Something did not work just now. {again}"


def reindex_card(moving: Reindexing) -> Reply:
    """The card of a move that is under way."""
    share = moving.done / moving.total if moving.total else 0.0
    sign, waits = ("⏸️", f"\nWaits: {moving.reason}") if moving.reason else ("⏳", "")
    far = f"\n{bar(share)} {moving.done} of {moving.total} sources. Questions are answered as before meanwhile."
    text = RichText.of(sign, " Learning the library anew with ", bold(moving.name), far, waits)
    return Reply(text, ((Button("Cancel", "reindex_cancel", str(moving.run), Tone.DANGER),),))


def moved_card(moving: Reindexing) -> Reply:
    """What becomes of the card after the switch."""
    sources = counted(moving.total, "source")
    return Reply(
        RichText.of("✅ ", sources, " learnt anew: the library is searched with ", bold(moving.name), " now.")
    )


def cancelled_card(moving: Reindexing) -> Reply:
    """What becomes of the card after a cancel."""
    return Reply(RichText.of("⏹️ Moving to ", bold(moving.name), " was cancelled. Questions are answered as before."))
