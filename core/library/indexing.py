"""Making a transcript searchable: cut, count words, embed, and see that it is found."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.embedding import Embedder, Vector
from core.asking.words import Stemmer, term_ids, tokens
from core.errors import EmbedderMissing, ProviderError, UploadRefused
from core.library.store import AS_USUAL, IndexedSource, UploadSettings
from core.library.topics import Background, find_chapters, passage_kind, topics
from core.library.transcript import Timing, Transcript
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
SEARCHED_AGAIN: Final = 3
"""So many of a source's sentences must be found before it counts as searchable."""
AS_GOOD: Final = 0.01
"""A sentence that another one beats by less is found: they say the same, or halves are no more exact."""
LEEWAY_S: Final = 1.0

ReportShare = Callable[[float], Awaitable[None]]
"""Hears the share that is done, in [0, 1]."""


def _no_other(embedder_id: str) -> Embedder:
    raise EmbedderMissing(f"There is no search model {embedder_id} here.")


class Indexer:
    """Makes sources searchable with one embedder; knows nothing of where they are kept."""

    def __init__(
        self, embedder: Embedder, split: SentenceSplitter, stem: Stemmer,
        others: Callable[[str], Embedder] = _no_other,
    ) -> None:  # fmt: skip
        self.embedder = embedder
        self._split = split
        self._stem = stem
        self._others = others

    def using(self, embedder_id: str) -> "Indexer":
        """The indexer of a library with this embedder; this one where the library has none yet.

        Raises:
            EmbedderMissing: that embedder cannot be had.
        """
        if embedder_id in {"", self.embedder.embedder_id}:
            return self
        return Indexer(self._others(embedder_id), self._split, self._stem, self._others)

    async def index(
        self, transcript: Transcript, report: ReportShare, settings: UploadSettings = AS_USUAL,
        known: Mapping[str, Vector] | None = None,
    ) -> IndexedSource:  # fmt: skip
        """Cut a transcript into units and windows and embed both.

        Args:
            transcript: what is said, in order.
            report: hears how much is embedded.
            settings: how long windows are.
            known: vectors of this embedder that need not be made again, by their texts.

        Raises:
            UploadRefused: no words are left to search.
            ProviderError: the embedder failed.
        """
        units = await asyncio.to_thread(build_units, transcript, self._split)
        return await self.index_units(units, report, settings, known)

    async def index_units(
        self, units: Sequence[Unit], report: ReportShare, settings: UploadSettings = AS_USUAL,
        known: Mapping[str, Vector] | None = None,
    ) -> IndexedSource:  # fmt: skip
        """Lay windows over units that are cut already and embed both; see ``index``."""
        if not units:
            raise UploadRefused("There are no words in this file, so there is nothing to answer from.")
        windows = build_windows(units, settings.window_words, settings.overlap)
        terms = await asyncio.to_thread(self._terms, units)
        passages = [window_text(units, window) for window in windows]
        vectors = await self._embed([*(unit.text for unit in units), *passages], report, known or {})
        return IndexedSource(
            embedder_id=self.embedder.embedder_id,
            units=units,
            unit_words=[count_words(unit.text) for unit in units],
            unit_terms=terms,
            unit_vectors=vectors[: len(units)],
            windows=windows,
            window_vectors=vectors[len(units) :],
            window_kinds=[passage_kind(passage) for passage in passages],
        )

    async def describe(
        self, indexed: IndexedSource, transcript: Transcript, language: str, background: Background
    ) -> IndexedSource:
        """Tell what a source is about, and its chapters: the platform's, or else those found in what was heard.

        Args:
            indexed: what ``index`` made of ``transcript``.
            transcript: the same text as it was read.
            language: two letters, or empty.
            background: the creator's other sources.
        """
        return await asyncio.to_thread(self._described, indexed, transcript, language, background)

    def _described(
        self, indexed: IndexedSource, transcript: Transcript, language: str, background: Background
    ) -> IndexedSource:
        texts = [unit.text for unit in indexed.units]
        chapters = transcript.chapters
        if not chapters and transcript.timing is Timing.HEARD:
            starts_s = [unit.start_s for unit in indexed.units]
            chapters = find_chapters(
                starts_s, texts, indexed.unit_terms, transcript.duration_s, self._stem, language=language
            )
        about = topics(texts, self._stem, language=language, background=background)
        return replace(indexed, topics=about, chapters=chapters)

    async def validate(self, indexed: IndexedSource, duration_s: float) -> None:
        """See that the source would be found, before anybody searches it.

        Args:
            indexed: what ``index`` made.
            duration_s: the source's length; paragraphs, where it has no times.

        Raises:
            UploadRefused: its times do not lie inside its length.
            ProviderError: vectors have another dimension, or do not find their own sentences.
        """
        if not all(0 <= unit.start_s <= unit.end_s <= duration_s + LEEWAY_S for unit in indexed.units):
            raise UploadRefused("Some of its times are outside its length. Please check the file and send it again.")
        vectors = indexed.unit_vectors
        if vectors.shape != (len(indexed.units), self.embedder.dimensions) or not np.isfinite(vectors).all():
            raise ProviderError(
                f"{self.embedder.embedder_id} returned vectors of shape {vectors.shape}, or not numbers"
            )
        positions = np.unique(np.linspace(0, len(indexed.units) - 1, SEARCHED_AGAIN).round().astype(int))
        asked = await self.embedder.embed_passages([indexed.units[position].text for position in positions])
        scores = asked @ vectors.T
        own = scores[np.arange(len(positions)), positions]
        if (own < scores.max(axis=1) - AS_GOOD).any():
            raise ProviderError(f"the vectors of {self.embedder.embedder_id} do not find their own sentences")

    def _terms(self, units: Sequence[Unit]) -> list[NDArray[np.int32]]:
        return [term_ids(tokens(unit.text), self._stem) for unit in units]

    async def _embed(self, texts: Sequence[str], report: ReportShare, known: Mapping[str, Vector]) -> Vector:
        made = dict(known)
        missing = [text for text in dict.fromkeys(texts) if text not in made]
        for first in range(0, len(missing), SLICE):
            await report(first / len(missing))
            part = missing[first : first + SLICE]
            made.update(zip(part, await self.embedder.embed_passages(part), strict=True))
        return np.stack([made[text] for text in texts])


async def nobody_waits(_share: float) -> None:
    """Hears of work in the background, which has no card."""
