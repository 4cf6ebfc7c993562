"""What turns text into vectors; the ranking only knows that they have length 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


class Embedder(Protocol):
    """Embeds questions and passages into one space; vectors of two embedders are never compared."""

    @property
    def embedder_id(self) -> str:
        """Names the model and its dimensions; stored beside every vector."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of every vector."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Two-letter codes of the languages it reads; empty where it reads all."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """Return float32 of shape (dimensions,) and length 1.

        Raises:
            ProviderError: no vector could be made.
        """
        ...

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        """Return float32 of shape (len(texts), dimensions), each row of length 1, in the order of the texts.

        Raises:
            ProviderError: no vectors could be made.
        """
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """An embedder that a library can be moved to, by the name that people use; ``paid`` where texts cost money."""

    name: str
    embedder_id: str
    paid: bool


class Embedders(Protocol):
    """The embedders of a deployment; each library is searched with its own, which is opened when first needed."""

    @property
    def usual(self) -> Embedder:
        """The embedder of new libraries."""
        ...

    @property
    def offers(self) -> Sequence[Offer]:
        """What a library can be moved to, the usual one first."""
        ...

    def of(self, embedder_id: str) -> Embedder:
        """The embedder of a library.

        Raises:
            EmbedderMissing: it cannot be had; says what to do.
        """
        ...

    def languages(self, embedder_id: str) -> frozenset[str]:
        """What the embedder of a library reads, the usual one's where there is none yet; empty where it reads all."""
        ...
