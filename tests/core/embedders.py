"""The embedders of a test's deployment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.asking.embedding import Embedder, Offer
from core.errors import EmbedderMissing


@dataclass(frozen=True)
class Rack:
    """Embedders by their ids, the usual one first; what is not there cannot be had."""

    embedders: Mapping[str, Embedder]

    @property
    def usual(self) -> Embedder:
        return next(iter(self.embedders.values()))

    @property
    def offers(self) -> Sequence[Offer]:
        return [Offer(embedder_id, embedder_id, paid=False) for embedder_id in self.embedders]

    def of(self, embedder_id: str) -> Embedder:
        if embedder_id not in self.embedders:
            raise EmbedderMissing(f"Set the key of {embedder_id}.")
        return self.embedders[embedder_id]

    def languages(self, embedder_id: str) -> frozenset[str]:
        return self.of(embedder_id).languages
