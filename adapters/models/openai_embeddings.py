"""Vectors by OpenAI's embeddings endpoint, in requests as large as it takes."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from adapters.models.vendor_calls import Vendor
from core.asking.embedding import Vector
from core.errors import ConfigurationError, ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OFFICIAL_URL: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "text-embedding-3-small"
DIMENSIONS: Final = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
QUESTION_WITHIN_S: Final = 8.0
"""Somebody waits for a question's vector; without one, words alone are searched."""
MOST_INPUTS: Final = 2_048
MOST_TOKENS_OF_INPUT: Final = 8_192
MOST_TOKENS_OF_REQUEST: Final = 300_000


class OpenAIEmbedder:
    """Texts to unit vectors of OpenAI's models, which read all languages."""

    languages: Final[frozenset[str]] = frozenset()

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        api_key: str,
        base_url: str = "",
        dimensions: int | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._model = model
        self._shortened_to = dimensions
        self.dimensions = dimensions or _known_dimensions(model)
        self.embedder_id = f"openai:{model}:{self.dimensions}"

        def open_client() -> "AsyncOpenAI":
            from openai import AsyncOpenAI

            return AsyncOpenAI(
                api_key=api_key, base_url=base_url or OFFICIAL_URL, max_retries=0, timeout=timeout_s * 2
            )

        self._vendor: Vendor[AsyncOpenAI] = Vendor("OpenAI", open_client, timeout_s)

    async def embed_query(self, text: str) -> Vector:
        """Return float32 of shape (dimensions,) and length 1.

        Raises:
            ProviderBusy: overloaded, rate limited or timed out.
            ProviderError: any other failure, vectors of another shape included.
        """
        request = partial(self._request, [_shortened(text)])
        rows = await self._vendor.call(request, within_s=QUESTION_WITHIN_S)
        vector: Vector = self._unit_vectors(rows, 1)[0]
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        """Return float32 of shape (len(texts), dimensions), each row of length 1, in the order of the texts.

        Raises:
            ProviderBusy: overloaded, rate limited or timed out.
            ProviderError: any other failure, vectors of another shape included.
        """
        vectors = [np.empty((0, self.dimensions), np.float32)]
        for batch in _batches([_shortened(text) for text in texts]):
            rows = await self._vendor.call(partial(self._request, batch))
            vectors.append(self._unit_vectors(rows, len(batch)))
        return np.concatenate(vectors)

    async def close(self) -> None:
        """Give the connections back."""
        await self._vendor.close()

    async def _request(self, batch: list[str], client: "AsyncOpenAI") -> list[tuple[int, Any]]:
        asked: dict[str, Any] = {"dimensions": self._shortened_to} if self._shortened_to else {}
        reply = await client.embeddings.create(model=self._model, input=batch, **asked)
        return [(row.index, row.embedding) for row in reply.data]

    def _unit_vectors(self, rows: list[tuple[int, Any]], expected: int) -> Vector:
        if sorted(index for index, _ in rows) != list(range(expected)):
            raise ProviderError(f"OpenAI returned {len(rows)} vectors for {expected} texts")
        try:
            found = np.array([vector for _, vector in sorted(rows, key=lambda row: row[0])], np.float32)
        except ValueError as error:
            raise ProviderError("OpenAI's vectors cannot be read") from error
        lengths = np.linalg.norm(found, axis=-1, keepdims=True)
        if found.shape != (expected, self.dimensions) or not np.isfinite(lengths).all() or not lengths.all():
            raise ProviderError(f"OpenAI's vectors do not have {self.dimensions} usable numbers each")
        vectors: Vector = found / lengths
        return vectors


def _known_dimensions(model: str) -> int:
    if model not in DIMENSIONS:
        raise ConfigurationError(f"models.embed: {model} is not one of {', '.join(sorted(DIMENSIONS))}")
    return DIMENSIONS[model]


def _batches(texts: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    batch_tokens = 0
    for text in texts:
        tokens = _most_tokens(text)
        if batch and (len(batch) == MOST_INPUTS or batch_tokens + tokens > MOST_TOKENS_OF_REQUEST):
            yield batch
            batch, batch_tokens = [], 0
        batch.append(text)
        batch_tokens += tokens
    if batch:
        yield batch


def _most_tokens(text: str) -> int:
    """Guess high: a token for three ASCII characters, three tokens for two characters of any other script."""
    plain = sum(map(str.isascii, text))
    other = len(text.encode("utf-16-le", "replace")) // 2 - plain
    return plain // 3 + other * 3 // 2 + 1


def _shortened(text: str) -> str:
    """Cut a text to what the model reads; an empty one becomes a blank, because the API refuses it."""
    while (tokens := _most_tokens(text)) > MOST_TOKENS_OF_INPUT:
        text = text[: len(text) * MOST_TOKENS_OF_INPUT // tokens]
    return text or " "
