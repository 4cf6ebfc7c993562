"""Making what the staff wrote down searchable, in the background and within seconds."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from core.ids import CreatorId, SourceId
from core.library.indexing import Indexer, nobody_waits
from core.library.ingestion import Interrupted
from core.library.knowledge import Wording, units_of
from core.library.store import IndexedSource
from core.library.units import SentenceSplitter

AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Unlearnt:
    """An entry whose present version is not searched yet."""

    id: SourceId
    version: int
    said: Wording


class LearningBench(Protocol):
    """Where entries wait to be learnt. No method can reach across creators."""

    async def unlearnt(self, creator_id: CreatorId) -> Unlearnt | None:
        """The oldest entry that waits."""
        ...

    async def embedder_of(self, creator_id: CreatorId) -> str:
        """The id of the embedder that this library is searched with; empty where nothing is searched yet."""
        ...

    async def another_turn(self, creator_id: CreatorId) -> None:
        """Have what is left learnt behind what others wait for."""
        ...

    async def learn(self, creator_id: CreatorId, entry: Unlearnt, indexed: IndexedSource) -> None:
        """Make a version searchable, unless there is a newer one by now.

        Raises:
            EmbedderChanged: the library was moved to another embedder meanwhile.
        """
        ...


@dataclass(frozen=True, slots=True)
class Learning:
    """Learns entries one by one; doing it twice changes nothing."""

    bench: LearningBench
    indexer: Indexer
    split: SentenceSplitter

    async def take_turn(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Learn what waits of a creator; of a large table a part, and the rest in another turn.

        Raises:
            Interrupted: this process is stopping.
            ProviderError: the embedder failed; what waits is learnt in another attempt.
        """
        for _ in range(AT_ONCE):
            entry = await self.bench.unlearnt(creator_id)
            if entry is None:
                return
            if stop.is_set():
                raise Interrupted
            indexer = self.indexer.using(await self.bench.embedder_of(creator_id))
            units = units_of(entry.said, self._sentences(entry.said.answer))
            indexed = await indexer.index_units(units, nobody_waits)
            await indexer.validate(indexed, duration_s=2.0)
            await self.bench.learn(creator_id, entry, indexed)
        await self.bench.another_turn(creator_id)

    def _sentences(self, text: str) -> Sequence[str]:
        return [
            sentence
            for line in text.split("\n")
            for start, end in self.split(line)
            if (sentence := line[start:end].strip())
        ]
