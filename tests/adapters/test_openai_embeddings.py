import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web

from adapters.models.openai_embeddings import OpenAIEmbedder
from core.asking.embedding import Embedder
from core.errors import ConfigurationError, ProviderBusy, ProviderError
from tests.wire.fake_models import RecordedRequest
from tests.wire.fake_models_openai import FakeOpenAI, embedding_of
from tests.wire.openai_spec import check_requests


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
        yield running
        check_requests(running.requests)


@asynccontextmanager
async def embedder_at(
    server: FakeOpenAI, model: str = "text-embedding-3-small", dimensions: int | None = None, timeout_s: float = 30.0
) -> AsyncIterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder(
        model, api_key=server.api_key, base_url=server.base_url, dimensions=dimensions, timeout_s=timeout_s
    )
    try:
        yield embedder
    finally:
        await embedder.close()


def inputs_of(server: FakeOpenAI) -> list[list[str]]:
    return [request.body["input"] for request in server.requests]


async def test_a_question_becomes_a_vector_of_length_one(server: FakeOpenAI) -> None:
    async with embedder_at(server) as embedder:
        port: Embedder = embedder
        vector = await port.embed_query("What is gravity?")
    assert vector.dtype == np.float32
    assert vector.shape == (1536,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert np.allclose(vector, embedding_of("What is gravity?", 1536), atol=1e-5)
    assert (port.embedder_id, port.dimensions, port.languages) == (
        "openai:text-embedding-3-small:1536",
        1536,
        frozenset(),
    )


async def test_fewer_dimensions_are_asked_for_and_named(server: FakeOpenAI) -> None:
    async with embedder_at(server, "text-embedding-3-large", dimensions=256) as embedder:
        vectors = await embedder.embed_passages(["a", "b"])
        assert embedder.embedder_id == "openai:text-embedding-3-large:256"
    assert vectors.shape == (2, 256)


async def test_many_passages_go_in_batches_and_come_back_in_order(server: FakeOpenAI) -> None:
    texts = [f"passage {number}" for number in range(2_050)]
    async with embedder_at(server, dimensions=16) as embedder:
        vectors = await embedder.embed_passages(texts)
    assert [len(batch) for batch in inputs_of(server)] == [2_048, 2]
    expected = np.array([embedding_of(text, 16) for text in texts], np.float32)
    assert np.allclose(vectors, expected, atol=1e-5)


@pytest.mark.parametrize("letter", ["a", "ж", "字", "\U0001f600"])
async def test_a_long_passage_is_cut_to_what_the_model_reads(server: FakeOpenAI, letter: str) -> None:
    async with embedder_at(server, dimensions=16) as embedder:
        vectors = await embedder.embed_passages([letter * 50_000, "short"])
    assert vectors.shape == (2, 16)
    assert len(inputs_of(server)[0][0]) > 2_000


async def test_a_request_never_holds_more_tokens_than_allowed(server: FakeOpenAI) -> None:
    async with embedder_at(server, dimensions=16) as embedder:
        vectors = await embedder.embed_passages(["word " * 4_000] * 50)
    assert vectors.shape == (50, 16)
    assert len(server.requests) > 1


async def test_nothing_to_embed_asks_nobody(server: FakeOpenAI) -> None:
    async with embedder_at(server) as embedder:
        assert (await embedder.embed_passages([])).shape == (0, 1536)
    assert server.requests == []


async def test_an_empty_passage_has_a_vector_too(server: FakeOpenAI) -> None:
    async with embedder_at(server) as embedder:
        assert (await embedder.embed_passages(["", "a"])).shape == (2, 1536)


async def test_a_wrong_key_is_a_provider_error(server: FakeOpenAI) -> None:
    async with embedder_at(server) as embedder:
        server.api_key = "another"
        with pytest.raises(ProviderError, match="401"):
            await embedder.embed_query("a")


def test_an_unknown_model_needs_its_dimensions() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.embed"):
        OpenAIEmbedder("nomic", api_key="k")
    assert OpenAIEmbedder("nomic", api_key="k", dimensions=768).embedder_id == "openai:nomic:768"


class Verbatim(FakeOpenAI):
    """Answers with given documents, one after the other; the last one stays."""

    def __init__(self, *documents: tuple[int, object]) -> None:
        super().__init__()
        self.documents = list(documents)

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        status, document = self.documents.pop(0) if len(self.documents) > 1 else self.documents[0]
        return web.Response(status=status, text=json.dumps(document), content_type="application/json")


def rows(*vectors: tuple[int, object]) -> object:
    return {"data": [{"index": index, "embedding": vector, "object": "embedding"} for index, vector in vectors]}


async def embedded(*documents: tuple[int, object]) -> list[list[float]]:
    async with Verbatim(*documents) as server, embedder_at(server, dimensions=2) as embedder:
        found: list[list[float]] = (await embedder.embed_passages(["a", "b"])).tolist()
        return found


async def test_rows_are_put_in_order_and_scaled() -> None:
    assert await embedded((200, rows((1, [0.0, 2.0]), (0, [3.0, 0.0])))) == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    "document",
    [
        rows((0, [1.0, 0.0])),
        rows((0, [1.0, 0.0]), (0, [1.0, 0.0])),
        rows((0, [1.0, 0.0]), (1, [1.0])),
        rows((0, [1.0, 0.0, 0.0]), (1, [1.0, 0.0, 0.0])),
        rows((0, [1.0, 0.0]), (1, [0.0, 0.0])),
        rows((0, [1.0, 0.0]), (1, ["x", "y"])),
        rows(),
        {"data": None},
        ["unexpected"],
        "text",
    ],
)
async def test_vectors_of_another_number_or_shape_are_refused(document: object) -> None:
    with pytest.raises(ProviderError):
        await embedded((200, document))


async def test_a_busy_moment_goes_unnoticed_and_a_busy_hour_does_not() -> None:
    busy = (503, {"error": {"message": "overloaded"}})
    assert await embedded(busy, (200, rows((0, [1.0, 0.0]), (1, [0.0, 1.0])))) == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(ProviderBusy, match="503"):
        await embedded(busy)
