"""Applying a changed glossary to what is searchable already."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from core.ids import CreatorId, SourceId
from core.library.glossary import Glossaries, Glossary, edited
from core.library.indexing import Indexer, nobody_waits
from core.library.ingestion import Interrupted, told
from core.library.store import IndexedSource, UploadSettings
from core.library.transcript import Chapter, Segment, Timing, Transcript
from core.library.units import Unit
from core.library.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Spoken:
    """A searchable recording as it is stored, cut into units."""

    source_id: SourceId
    units: tuple[Unit, ...]
    timing: Timing
    chapters: tuple[Chapter, ...]
    language: str
    settings: UploadSettings


class SpokenTexts(Protocol):
    """The stored words of recordings. No method can reach across creators."""

    async def spoken(self, creator_id: CreatorId, source_id: SourceId) -> Spoken | None:
        """A recording that is searchable; None where it is not, or not any more."""
        ...

    async def put_spelling(self, creator_id: CreatorId, before: Spoken, indexed: IndexedSource) -> bool:
        """Store its words anew and move the corpus version; False where they are not as ``before`` any more."""
        ...


@dataclass(frozen=True, slots=True)
class Respelling:
    """Spells the names in a creator's recordings; times stay, and what did not change is not embedded again."""

    glossaries: Glossaries
    texts: SpokenTexts
    bench: Workbench
    indexer: Indexer

    async def all_misspelt(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Go through every source in which a wrong spelling stands; what changes meanwhile is left as it is.

        Raises:
            Interrupted: ``stop`` was set; what is left is still misspelt.
            ProviderError: the embedder failed; likewise.
        """
        glossary = await self.glossaries.glossary(creator_id)
        for source_id in await self.glossaries.misspelt(creator_id):
            if stop.is_set():
                raise Interrupted
            spoken = await self.texts.spoken(creator_id, source_id)
            if spoken is not None:
                await self._respell(creator_id, spoken, glossary)

    async def _respell(self, creator_id: CreatorId, spoken: Spoken, glossary: Glossary) -> None:
        units = respelled(spoken.units, glossary)
        indexer = self.indexer.using(await self.bench.embedder_of(creator_id))
        known = await self.bench.embedded(creator_id, spoken.source_id, indexer.embedder.embedder_id)
        indexed = await indexer.index_units(units, nobody_waits, spoken.settings, known)
        segments = tuple(Segment(unit.start_s, unit.end_s, unit.text) for unit in units)
        chapters = tuple(replace(each, title=glossary.corrected(each.title)) for each in spoken.chapters)
        indexed = await told(
            creator_id, spoken.source_id, indexed, Transcript(segments, spoken.timing, chapters=chapters),
            spoken.language, bench=self.bench, indexer=indexer,
        )  # fmt: skip
        await self.texts.put_spelling(creator_id, spoken, indexed)


def respelled(units: Sequence[Unit], glossary: Glossary) -> list[Unit]:
    """Units with every name as it is written, each at its time; one of which nothing is left is left out."""
    changes = glossary.edits([unit.text for unit in units])
    spelt = (replace(unit, text=edited(unit.text, changes.get(n, []))) for n, unit in enumerate(units))
    return [unit for unit in spelt if unit.text]
