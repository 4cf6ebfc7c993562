"""The port through which texts become vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Maps texts to vectors whose dot product says how near their meanings are; vectors have length 1."""

    @property
    def embedder_id(self) -> str:
        """A name that is stored with every vector; vectors of two names are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """The ISO 639-1 codes of the languages that it reads; empty where it reads all."""
        ...

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of a question, of shape (dimensions,).

        Raises:
            ProviderError: the model cannot be used.
        """
        ...

    async def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of passages, of shape (len(texts), dimensions), in the order of the texts.

        Raises:
            ProviderError: the model cannot be used.
        """
        ...
