"""The embedders of a deployment: the local one, that of ``models.embed``, and whatever a library still has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from adapters.models.local_embedder import LocalEmbedder
from adapters.models.openai_embeddings import DIMENSIONS, OpenAIEmbedder
from bot.settings import Settings
from core.asking.embedding import Embedder, Offer
from core.errors import ConfigurationError, EmbedderMissing

LOCAL: Final = "local"
OPENAI: Final = "openai:"
OTHERWISE: Final = ", or staff move this library to another search model with /reindex."


class ConfiguredEmbedders:
    """See :class:`core.asking.embedding.Embedders`.

    Raises:
        ConfigurationError: ``models.embed`` names what is not known, or its key is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self._openai = settings.openai
        self._local = LocalEmbedder()
        self._remote: dict[str, OpenAIEmbedder] = {}
        self.usual: Final[Embedder] = self._named(settings.models.embed)
        local = Offer(LOCAL, self._local.embedder_id, paid=False)
        chosen = Offer(settings.models.embed, self.usual.embedder_id, paid=True)
        self.offers: Final = (local,) if settings.models.embed == LOCAL else (chosen, local)

    def of(self, embedder_id: str) -> Embedder:
        """The embedder of a library."""
        if embedder_id == self._local.embedder_id:
            return self._local
        name, _, dimensions = embedder_id.removeprefix(OPENAI).rpartition(":")
        if not embedder_id.startswith(OPENAI) or name not in DIMENSIONS or not dimensions.isdecimal():
            raise EmbedderMissing(
                f"The search model {embedder_id} is not known here: the operator goes back to a release that has it"
                f"{OTHERWISE}"
            )
        if not self._openai.api_key.get_secret_value():
            raise EmbedderMissing(
                f"The search model {embedder_id} cannot be used, because its key is missing: the operator sets "
                f"openai.api_key{OTHERWISE}"
            )
        return self._opened(name, None if int(dimensions) == DIMENSIONS[name] else int(dimensions))

    def languages(self, embedder_id: str) -> frozenset[str]:
        """What the embedder of a library reads; of one that cannot be had nothing is known."""
        try:
            return (self.of(embedder_id) if embedder_id else self.usual).languages
        except EmbedderMissing:
            return frozenset()

    async def close(self) -> None:
        """Give threads and connections back."""
        self._local.close()
        for embedder in self._remote.values():
            await embedder.close()

    def _named(self, name: str) -> Embedder:
        if name == LOCAL:
            return self._local
        if not self._openai.api_key.get_secret_value():
            raise ConfigurationError("models.embed names a model whose key is missing: set openai.api_key.")
        return self._opened(name.removeprefix(OPENAI))

    def _opened(self, model: str, dimensions: int | None = None) -> OpenAIEmbedder:
        key, url = self._openai.api_key.get_secret_value(), self._openai.base_url
        embedder = OpenAIEmbedder(model, api_key=key, base_url=url, dimensions=dimensions)
        return self._remote.setdefault(embedder.embedder_id, embedder)


@asynccontextmanager
async def open_embedders(settings: Settings) -> AsyncIterator[ConfiguredEmbedders]:
    """The embedders while the block lasts.

    Raises:
        ConfigurationError: ``models.embed`` names what cannot be used.
    """
    embedders = ConfiguredEmbedders(settings)
    try:
        yield embedders
    finally:
        await embedders.close()
