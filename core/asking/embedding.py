"""What turns text into vectors; the ranking only knows that they have length 1."""

from collections.abc import Sequence
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
