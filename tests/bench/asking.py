"""From question to answer at growing sizes, against the bare embedder, a bare numpy scan and bare SQL."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
import numpy as np
from pgvector import HalfVector

from adapters.models.local_embedder import DIMENSIONS, LocalEmbedder
from adapters.postgres.database import Database, open_database
from adapters.postgres.embedded import embedded_server
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.migrations import migrate
from core.asking.answer import Answer
from core.asking.authors import Authors
from core.asking.embedding import Vector
from core.asking.engine import Engine
from core.asking.holdings import Snapshots
from core.asking.question import Question
from core.asking.routing import Routing
from core.asking.snapshot import Snapshot
from core.errors import ProviderError
from core.ids import CreatorId, SourceId
from core.tiers import Scope
from tests.bench.made_up import STEM, MadeUpSource, Warehouse, made_up_library, question_about
from tests.bench.table import Row, percentile
from tests.core.embedders import Rack

SURE: Final = {"version": 1, "mean": -10.0, "deviation": 1.0}
"""A cut-off that every question passes, so that every one is answered in full."""
GOAL_SIZE: Final = 10_000
"""The goals for times are set for this many passages of one creator."""
LARGEST_NEIGHBOUR: Final = 10_000
NEIGHBOUR_UNIT_WORDS: Final = 28
FIRST_QUESTIONS: Final = 3
NEAREST: Final = 10
SAME_COSINE: Final = 1e-6
"""Windows whose cosines differ by less are equally near: sums of floats end on either side."""
BESIDE: Final = {"library": ", while embedding"}
# By inner product, as ranking compares: the length of a vector that was rounded to halves is not quite 1.
NEAREST_SQL: Final = """
    SELECT source_id, position FROM passage_embeddings
     WHERE creator_id = $1 ORDER BY embedding <#> $2 LIMIT 10
"""


class NoLinks:
    """Links to nowhere; made-up sources have links of their own."""

    def link(self, creator_id: CreatorId, source_id: SourceId, start_s: float | None) -> str:
        """See :class:`core.library.watching.WatchLinks`."""
        return ""

    def model_failed(self, model: str, error: ProviderError) -> None:
        """There is no model to fail."""


@dataclass
class Times:
    """Milliseconds of each way to look, question by question."""

    embedding: list[float] = field(default_factory=list)
    scan: list[float] = field(default_factory=list)
    sql: list[float] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    """Share of the windows that exact search finds."""

    def parts(self) -> dict[str, float]:
        """The middle of each part of an answer."""
        names = self.answers[0].timing_ms
        return {name: percentile([answer.timing_ms[name] for answer in self.answers], 50) for name in names}


@dataclass(frozen=True)
class Town:
    """A database with creators of every size, and what it takes to ask them."""

    url: str
    database: Database
    warehouse: Warehouse
    embedder: LocalEmbedder

    def engine(self, *, most_units: int = 10**9, embedder: LocalEmbedder | None = None) -> Engine:
        """An engine that has read nothing yet."""
        holdings, nowhere = PostgresHoldings(self.database), NoLinks()
        embedders = Rack({self.embedder.embedder_id: embedder or self.embedder})
        return Engine(
            holdings=holdings, snapshots=Snapshots(holdings, 10**9, most_units), embedders=embedders, stem=STEM,
            routing=Routing(), authors=Authors(nowhere), links=nowhere,
        )  # fmt: skip


@asynccontextmanager
async def open_town(folder: Path) -> AsyncIterator[Town]:
    """A server of its own with an empty database."""
    async with embedded_server(folder) as server:
        url = await server.create_database("bench")
        await migrate(url)
        owner = await asyncpg.connect(url)
        try:
            async with open_database(url) as database:
                embedder = LocalEmbedder()
                await embedder.embed_query("Load the model.")
                yield Town(url, database, Warehouse(owner), embedder)
                embedder.close()
        finally:
            await owner.close()


async def measure_asking(town: Town, sizes: Sequence[int], questions: int) -> tuple[list[Row], CreatorId]:
    """Grow the town and ask the creator of each size; return the rows and the last creator but one.

    Args:
        town: where they live.
        sizes: passages per creator, growing.
        questions: asked at each size.
    """
    rows: list[Row] = []
    creators: list[CreatorId] = []
    living = 0
    for size in sizes:
        library = made_up_library(size, size, dimensions=DIMENSIONS)
        embedder_id = town.embedder.embedder_id
        creators.append(await town.warehouse.add(f"creator-{size}", embedder_id, library, SURE))
        living = await _neighbours(town, size, living + size)
        say(f"{size:,} passages of {living:,}")
        rows += await _at_size(town, creators[-1], library, questions, size)
    return rows, creators[max(len(creators) - 2, 0)]


async def _neighbours(town: Town, size: int, living: int) -> int:
    """Add creators until there are ten times as many passages as the one who is asked has."""
    each = min(size, LARGEST_NEIGHBOUR)
    model: CreatorId | None = None
    while living < 10 * size:
        handle = f"neighbour-{size}-{living}"
        if model is None:
            library = made_up_library(size + 1, each, dimensions=DIMENSIONS, unit_words=NEIGHBOUR_UNIT_WORDS)
            model = await town.warehouse.add(handle, town.embedder.embedder_id, library, SURE)
        else:
            await town.warehouse.copy(model, handle)
        living += each
    return living


async def _at_size(
    town: Town, creator_id: CreatorId, library: Sequence[MadeUpSource], questions: int, size: int
) -> list[Row]:
    texts = _questions(library, questions)
    first_s = [await _first_question(town, creator_id, text) for text in texts[:FIRST_QUESTIONS]]
    engine = town.engine()
    await engine.answer(Question(creator_id, texts[0]))
    snapshot = await PostgresHoldings(town.database).load(Scope.whole(creator_id))
    times = Times()
    for text in texts:
        await _ask_every_way(town, engine, snapshot, text, times)
    group = f"{size:,} passages"
    return [*_rows(group, times, size), Row(group, "first question after a restart", percentile(first_s, 50), "s",
            goal=1.0 if size == GOAL_SIZE else None)]  # fmt: skip


def _rows(group: str, times: Times, size: int) -> list[Row]:
    totals = [answer.timing_ms["total"] for answer in times.answers]
    bare = percentile(times.embedding, 50) + percentile(times.scan, 50)
    goal = 2.0 if size == GOAL_SIZE else None
    rest = {name: ms for name, ms in times.parts().items() if name not in {"total", "embedding"} and ms >= 0.05}
    return [
        Row(group, "question to answer, p50 (embedding + numpy scan)", percentile(totals, 50), "ms", bare,
            goal),
        Row(group, "question to answer, p95 (the same)", percentile(totals, 95), "ms",
            percentile(times.embedding, 95) + percentile(times.scan, 95)),
        Row(group, "  embedding", times.parts()["embedding"], "ms", percentile(times.embedding, 50)),
        *(Row(group, f"  {name}{BESIDE.get(name, '')}", ms, "ms") for name, ms in rest.items()),
        Row(group, "all but embedding (exact SQL)", percentile(totals, 50) - times.parts()["embedding"], "ms",
            percentile(times.sql, 50)),
        Row(group, f"recall of the {NEAREST} nearest windows", float(np.mean(times.found)), "", goal=1.0,
            at_least=True),
    ]  # fmt: skip


async def _ask_every_way(town: Town, engine: Engine, snapshot: Snapshot, text: str, times: Times) -> None:
    began = time.perf_counter()
    vector = await town.embedder.embed_query(text)
    embedded = time.perf_counter()
    scores = snapshot.window_vectors @ vector
    np.argpartition(-scores, NEAREST)
    scanned = time.perf_counter()
    exact = await _nearest_by_sql(town, snapshot.creator_id, vector)
    read = time.perf_counter()
    times.embedding.append(1000 * (embedded - began))
    times.scan.append(1000 * (scanned - embedded))
    times.sql.append(1000 * (read - scanned))
    # SQL compares with the question's vector rounded to halves; so does this, or rounding would pass for a miss.
    rounded = snapshot.window_vectors @ vector.astype(np.float16).astype(np.float32)
    last = np.partition(rounded, -NEAREST)[-NEAREST]
    times.found.append(float(np.mean([rounded[_window(snapshot, place)] >= last - SAME_COSINE for place in exact])))
    times.answers.append(await engine.answer(Question(snapshot.creator_id, text)))


async def _nearest_by_sql(town: Town, creator_id: CreatorId, vector: Vector) -> set[tuple[int, int]]:
    async with town.database.creator(creator_id) as connection:
        rows = await connection.fetch(NEAREST_SQL, creator_id, HalfVector(vector))
    return {(row["source_id"], row["position"]) for row in rows}


def _window(snapshot: Snapshot, place: tuple[int, int]) -> int:
    """The window at a position of a source."""
    source = snapshot.source_ids.index(SourceId(place[0]))
    return int(np.searchsorted(snapshot.window_first, snapshot.source_starts[source])) + place[1]


async def _first_question(town: Town, creator_id: CreatorId, text: str) -> float:
    """Seconds to the first answer of a process that has neither the model nor the library in memory."""
    embedder = LocalEmbedder()
    began = time.perf_counter()
    await town.engine(embedder=embedder).answer(Question(creator_id, text))
    taken_s = time.perf_counter() - began
    await asyncio.to_thread(embedder.close)
    return taken_s


async def measure_candidates(town: Town, creator_id: CreatorId, passages: int, questions: int) -> list[Row]:
    """Ask by candidates from SQL, as libraries too large to be held are: whether it links alike, and its time."""
    library = made_up_library(passages, passages, dimensions=DIMENSIONS)
    held, large = town.engine(), town.engine(most_units=0)
    same, taken_ms, held_ms = 0, [], []
    for text in _questions(library, questions):
        question = Question(creator_id, text)
        expected, answer = await held.answer(question), await large.answer(question)
        same += [c.start_s for c in expected.citations] == [c.start_s for c in answer.citations]
        held_ms.append(expected.timing_ms["total"])
        taken_ms.append(answer.timing_ms["total"])
    group = f"candidates from SQL, {passages:,}"
    return [
        Row(group, "answers with the same links as from memory", same / questions, "", goal=0.95, at_least=True),
        Row(group, "question to answer, p50 (held in memory)", percentile(taken_ms, 50), "ms",
            percentile(held_ms[1:], 50)),
    ]  # fmt: skip


def questions_about(passages: int, count: int) -> list[str]:
    """Different questions about the made-up library of a size."""
    return list(dict.fromkeys(_questions(made_up_library(passages, passages, dimensions=DIMENSIONS), 2 * count)))[
        :count
    ]


def _questions(library: Sequence[MadeUpSource], count: int) -> list[str]:
    asked = [(library[7 * n % len(library)], n) for n in range(count)]
    return [question_about(source, 11 * n % len(source.units), n)[0] for source, n in asked]


def say(what: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stderr.write(f"bench: {what}\n")
