"""Libraries of any size from a seed: made-up words in sentences, with vectors that know what they are about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import product
from typing import Any, Final
from zlib import crc32

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from adapters.postgres.database import prepare_connection
from adapters.sources.stemming import SnowballStemmer
from core.asking.ranking import SearchQuery
from core.asking.snapshot import pack_terms
from core.asking.words import STOP_WORDS, clean_question, term_ids
from core.ids import CreatorId
from core.library.units import window_ranges

Floats = NDArray[np.float32]

SOURCE_PASSAGES: Final = 100
TABLES: Final = ("sources", "segments", "passages", "segment_embeddings", "passage_embeddings", "corpora")
STEM: Final = SnowballStemmer()
_COPIES: Final = {
    "segments": "source_id, position, paragraph, start_s, end_s, estimated, text, words, terms",
    "passages": "source_id, position, first_segment, last_segment, terms",
    "segment_embeddings": "source_id, position, embedder, embedding",
    "passage_embeddings": "source_id, position, embedder, embedding",
    "corpora": "version, embedder, cutoff",
}
COPY_SOURCES: Final = """
    INSERT INTO sources (creator_id, id, timing, title, link, content_hash, duration_s, status)
    OVERRIDING SYSTEM VALUE SELECT $2, id, timing, title, link, content_hash, duration_s, status
      FROM sources WHERE creator_id = $1
"""
COPIES: Final = [
    f"INSERT INTO {table} (creator_id, {columns}) SELECT $2, {columns} FROM {table} WHERE creator_id = $1"  # noqa: S608
    for table, columns in _COPIES.items()
]
SEGMENT: Final = "creator_id source_id position paragraph start_s end_s estimated text words terms"
PASSAGE: Final = "creator_id source_id position first_segment last_segment terms"
EMBEDDING: Final = "creator_id embedder source_id position embedding"
ADD_SOURCE: Final = """
    INSERT INTO sources (creator_id, timing, title, link, content_hash, duration_s, status)
    VALUES ($1, 'heard', 'Made up', 'https://videos.example/1', $2, $3, 'ready') RETURNING id
"""


@cache
def vocabulary() -> tuple[str, ...]:
    """Some thousand pronounceable words, the first ones the most frequent."""
    openings = ("b", "br", "d", "f", "gl", "k", "l", "m", "n", "p", "pr", "st", "t", "tr", "v", "z")
    words = [
        "".join(parts) for parts in product(openings, "aeiou", ("b", "d", "l", "m", "n", "rt", "sk"), "aio", "kmn")
    ]
    chosen = np.random.default_rng(7).permutation([word for word in words if word not in STOP_WORDS])[:4000]
    return tuple(chosen.tolist())


@cache
def _vocabulary_ids() -> NDArray[np.int32]:
    stems = STEM(vocabulary())
    return np.array([crc32(stem.encode()) for stem in stems], np.uint32).view(np.int32)


@dataclass(frozen=True, slots=True)
class MadeUpSource:
    """A source: words of each unit as positions in the vocabulary, ranges of windows, and the vectors of both."""

    units: Sequence[NDArray[np.int64]]
    windows: Sequence[tuple[int, int]]
    unit_vectors: Floats
    window_vectors: Floats

    def text(self, unit: int) -> str:
        """A unit as a sentence."""
        return " ".join(vocabulary()[word] for word in self.units[unit]).capitalize() + "."

    def terms(self, unit: int) -> NDArray[np.int32]:
        """Ids of a unit's words."""
        return _vocabulary_ids()[self.units[unit]]


def made_up_library(seed: int, passages: int, *, dimensions: int, unit_words: int = 14) -> list[MadeUpSource]:
    """Sources with ``passages`` windows in all; the same ones for the same seed."""
    random = np.random.default_rng(seed)
    sources: list[MadeUpSource] = []
    while (left := passages - sum(len(source.windows) for source in sources)) > 0:
        sources.append(_source(random, min(left, SOURCE_PASSAGES), dimensions, unit_words))
    return sources


def question_about(source: MadeUpSource, unit: int, seed: int) -> tuple[str, Floats]:
    """A question with words of a unit, and a vector that is close to the unit's."""
    random = np.random.default_rng(seed)
    words = random.choice(source.units[unit], min(5, len(source.units[unit])), replace=False)
    noise = _unit_length(random.standard_normal((source.unit_vectors.shape[1],)))
    text = f"How do I {' '.join(vocabulary()[word] for word in words)}?"
    return text, _unit_length(source.unit_vectors[unit] + 0.6 * noise)


def search_query(text: str, vector: Floats) -> SearchQuery:
    """A question as ranking sees it."""
    return SearchQuery(vector, np.unique(term_ids(clean_question(text).words, STEM)))


def _source(random: np.random.Generator, passages: int, dimensions: int, unit_words: int) -> MadeUpSource:
    lengths = random.integers(unit_words - 6, unit_words + 7, 60 * passages // unit_words + 20)
    windows = window_ranges(lengths.tolist(), 100)[:passages]
    lengths = lengths[: windows[-1][1] + 1]
    subject = random.permutation(len(vocabulary()))
    ranks = np.minimum(random.zipf(1.3, int(lengths.sum())) - 1 + random.integers(0, 40, int(lengths.sum())), 3999)
    common = random.random(len(ranks)) < 0.5
    words = np.where(common, ranks, subject[ranks])
    units = np.split(words, np.cumsum(lengths)[:-1])
    chapters = random.standard_normal((len(units) // 12 + 1, dimensions))
    scattered = random.standard_normal((len(units), dimensions))
    unit_vectors = _unit_length(chapters[np.arange(len(units)) // 12] + scattered)
    means = np.stack([unit_vectors[first : last + 1].mean(axis=0) for first, last in windows])
    window_vectors = _unit_length(means + 0.2 * random.standard_normal(means.shape) / np.sqrt(dimensions))
    return MadeUpSource(units, windows, unit_vectors, window_vectors)


def _unit_length(vectors: NDArray[Any]) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


class Warehouse:
    """Puts whole libraries into a database past row-level security, as the owner of its tables."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def add(self, handle: str, embedder_id: str, sources: Sequence[MadeUpSource], cutoff: object) -> CreatorId:
        """Add a creator with a library that is ready to be asked."""
        await prepare_connection(self._connection)
        async with self._connection.transaction():
            await self._force(on=False)
            creator_id = await self._creator(handle)
            for source in sources:
                await self._add_source(creator_id, embedder_id, source)
            await self._connection.execute(
                "INSERT INTO corpora (creator_id, version, embedder, cutoff) VALUES ($1, 1, $2, $3)",
                creator_id, embedder_id, cutoff,
            )  # fmt: skip
            await self._force(on=True)
        await self._connection.execute("ANALYZE")
        return creator_id

    async def copy(self, creator_id: CreatorId, handle: str) -> CreatorId:
        """Add a creator with the same library as another one has."""
        async with self._connection.transaction():
            await self._force(on=False)
            copied = await self._creator(handle)
            for statement in (COPY_SOURCES, *COPIES):
                await self._connection.execute(statement, creator_id, copied)
            await self._force(on=True)
        return copied

    async def _creator(self, handle: str) -> CreatorId:
        statement = "INSERT INTO creators (handle, name) VALUES ($1, $1) RETURNING id"
        return CreatorId(await self._connection.fetchval(statement, handle))

    async def _force(self, *, on: bool) -> None:
        for table in TABLES:
            await self._connection.execute(f"ALTER TABLE {table} {'' if on else 'NO '}FORCE ROW LEVEL SECURITY")

    async def _add_source(self, creator_id: CreatorId, embedder_id: str, source: MadeUpSource) -> None:
        digest = sha256(source.window_vectors.tobytes()).digest()
        source_id = await self._connection.fetchval(ADD_SOURCE, creator_id, digest, 5.0 * len(source.units))
        key = (creator_id, source_id)
        await self._rows("segments", SEGMENT, (
            (*key, n, 0, 5.0 * n, 5.0 * n + 5, False, source.text(n), len(unit), pack_terms(source.terms(n)))
            for n, unit in enumerate(source.units)
        ))  # fmt: skip
        await self._rows("passages", PASSAGE, (
            (*key, n, first, last, sorted(np.concatenate([source.terms(u) for u in range(first, last + 1)]).tolist()))
            for n, (first, last) in enumerate(source.windows)
        ))  # fmt: skip
        for table, vectors in (
            ("segment_embeddings", source.unit_vectors),
            ("passage_embeddings", source.window_vectors),
        ):
            rows = ((creator_id, embedder_id, source_id, n, HalfVector(vector)) for n, vector in enumerate(vectors))
            await self._rows(table, EMBEDDING, rows)

    async def _rows(self, table: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
        await self._connection.copy_records_to_table(table, columns=columns.split(), records=rows)
