"""From a transcript to something searchable: cut, count words, embed, store."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.embedding import Embedder
from core.asking.words import Stemmer, term_ids, tokens
from core.errors import ChronosError, UploadRefused
from core.ids import CreatorId, ItemId
from core.library.store import IndexedSource, Stage, Workbench
from core.library.transcript import Transcript
from core.library.units import (
    SentenceSplitter,
    Unit,
    build_units,
    build_windows,
    count_words,
    window_text,
)

SLICE: Final = 64
"""Texts embedded between two reports of progress."""


class Interrupted(ChronosError):
    """This process is stopping; another one goes on with the work."""


class Indexer:
    """Makes sources searchable with one embedder; knows nothing of where they are kept."""

    def __init__(self, embedder: Embedder, split: SentenceSplitter, stem: Stemmer) -> None:
        self.embedder = embedder
        self._split = split
        self._stem = stem

    async def index(self, transcript: Transcript, report: Callable[[float], Awaitable[None]]) -> IndexedSource:
        """Cut a transcript into units and windows and embed both; ``report`` hears shares in [0, 1].

        Raises:
            UploadRefused: no words are left to search.
            ProviderError: the embedder failed.
        """
        units = await asyncio.to_thread(build_units, transcript, self._split)
        if not units:
            raise UploadRefused("There are no words in this file, so there is nothing to answer from.")
        windows = build_windows(units)
        terms = await asyncio.to_thread(self._terms, units)
        texts = [unit.text for unit in units] + [window_text(units, window) for window in windows]
        vectors = await self._embed(texts, report)
        return IndexedSource(
            embedder_id=self.embedder.embedder_id,
            units=units,
            unit_words=[count_words(unit.text) for unit in units],
            unit_terms=terms,
            unit_vectors=vectors[: len(units)],
            windows=windows,
            window_vectors=vectors[len(units) :],
        )

    def _terms(self, units: Sequence[Unit]) -> list[NDArray[np.int32]]:
        return [term_ids(tokens(unit.text), self._stem) for unit in units]

    async def _embed(self, texts: Sequence[str], report: Callable[[float], Awaitable[None]]) -> NDArray[np.float32]:
        parts: list[NDArray[np.float32]] = []
        for first in range(0, len(texts), SLICE):
            await report(first / len(texts))
            parts.append(await self.embedder.embed_passages(texts[first : first + SLICE]))
        return np.concatenate(parts)


async def process(
    creator_id: CreatorId, item_id: ItemId, *, bench: Workbench, indexer: Indexer, stop: asyncio.Event | None = None
) -> bool:
    """Do the whole work on one item; doing it again changes nothing.

    Returns:
        Whether the creator's library changed.

    Raises:
        ProviderError: the embedder failed; the item stays as it is for another attempt.
        Interrupted: ``stop`` was set; likewise.
    """
    work = await bench.claim(creator_id, item_id)
    if work is None:
        return False

    async def report(share: float) -> None:
        if stop is not None and stop.is_set():
            raise Interrupted
        await bench.advance(creator_id, item_id, Stage.EMBEDDING, share)

    await bench.advance(creator_id, item_id, Stage.CHUNKING, 0.0)
    try:
        await bench.complete(creator_id, item_id, await indexer.index(work.transcript, report))
    except UploadRefused as refusal:
        await bench.fail(creator_id, item_id, str(refusal))
        return False
    return True
