"""A library that is too large to be held answers as it would if it were held."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from adapters.postgres.database import Database, open_database
from adapters.postgres.embedded import EmbeddedServer
from adapters.postgres.holdings import PostgresHoldings
from core.asking.embedding import Vector
from core.asking.gate import cutoff_of
from core.asking.holdings import Extent, Snapshots, Span
from core.asking.ranking import Ranking, SearchQuery, rank
from core.asking.snapshot import Snapshot
from core.ids import CreatorId
from core.tiers import NO_TIERS, Scope
from tests.bench.made_up import MadeUpSource, Warehouse, made_up_library, question_about, search_query
from tests.conftest import TEMPLATE

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSAGES = 4000
DIMENSIONS = 64
EMBEDDER = "made-up:64"


@dataclass(frozen=True)
class Stored:
    """A creator with a large library among others, in a database of its own."""

    database: Database
    creator_id: CreatorId
    sources: list[MadeUpSource]

    @property
    def holdings(self) -> PostgresHoldings:
        return PostgresHoldings(self.database)

    def queries(self, count: int) -> list[SearchQuery]:
        chosen = [(self.sources[(7 * n) % len(self.sources)], 11 * n % 200, n) for n in range(count)]
        return [search_query(*question_about(source, unit, seed)) for source, unit, seed in chosen]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stored(postgres: EmbeddedServer) -> AsyncIterator[Stored]:
    url = await postgres.create_database("large_library", template=TEMPLATE)
    sources = made_up_library(1, PASSAGES, dimensions=DIMENSIONS)
    owner = await asyncpg.connect(url)
    warehouse = Warehouse(owner)
    await warehouse.add("neighbour", EMBEDDER, made_up_library(2, 300, dimensions=DIMENSIONS), None)
    creator_id = await warehouse.add("large", EMBEDDER, sources, None)
    await owner.close()
    async with open_database(url) as database:
        yield Stored(database, creator_id, sources)
    await postgres.drop_database("large_library")


@dataclass(frozen=True)
class Compared:
    """The same questions ranked in the whole library and in the part that SQL brought for each."""

    whole: list[Ranking]
    parts: list[Ranking]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def compared(stored: Stored) -> Compared:
    holdings = stored.holdings
    snapshot, extent = (
        await holdings.load(Scope.whole(stored.creator_id)),
        await holdings.extent(Scope.whole(stored.creator_id)),
    )
    queries = stored.queries(40)
    parts = [await holdings.candidates(Scope.whole(stored.creator_id), query, extent) for query in queries]
    assert max(part.n_windows for part in parts) < 0.5 * snapshot.n_windows
    return Compared(
        whole=[rank(snapshot, query) for query in queries],
        parts=[rank(part, query) for part, query in zip(parts, queries, strict=True)],
    )


def _starts(ranking: Ranking) -> list[tuple[int, int]]:
    return [(start.source_id, start.unit) for start in ranking.starts]


def _hits(ranking: Ranking) -> list[tuple[int, int, int]]:
    return [(hit.source_id, hit.first_unit, hit.last_unit) for hit in ranking.hits[:5]]


def _direction(random: np.random.Generator) -> Vector:
    vector = random.standard_normal(DIMENSIONS)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


async def test_both_ways_link_to_the_same_seconds(compared: Compared) -> None:
    assert [_starts(part) for part in compared.parts] == [_starts(whole) for whole in compared.whole]


async def test_both_ways_find_the_same_passages(compared: Compared) -> None:
    same = [_hits(part) == _hits(whole) for part, whole in zip(compared.parts, compared.whole, strict=True)]
    assert sum(same) >= 0.95 * len(same)
    assert all(_hits(part)[0] == _hits(whole)[0] for part, whole in zip(compared.parts, compared.whole, strict=True))


async def test_both_ways_are_as_sure(compared: Compared) -> None:
    for part, whole in zip(compared.parts, compared.whole, strict=True):
        assert part.gate == pytest.approx(whole.gate, abs=1e-4)


async def test_both_ways_have_nearly_the_same_cut_off(stored: Stored) -> None:
    holdings = stored.holdings
    snapshot, extent = (
        await holdings.load(Scope.whole(stored.creator_id)),
        await holdings.extent(Scope.whole(stored.creator_id)),
    )
    random = np.random.default_rng(3)
    unrelated = [
        SearchQuery(_direction(random), np.unique(query.terms[:2])) for query in reversed(stored.queries(20))
    ]
    parts = [
        rank(await holdings.candidates(Scope.whole(stored.creator_id), query, extent), query).gate
        for query in unrelated
    ]
    whole = cutoff_of([rank(snapshot, query).gate for query in unrelated])
    assert cutoff_of(parts).mean == pytest.approx(whole.mean, abs=0.2 * whole.deviation)
    assert cutoff_of(parts).deviation == pytest.approx(whole.deviation, rel=0.2)


async def test_the_extent_is_what_the_snapshot_holds(stored: Stored) -> None:
    snapshot, extent = (
        await stored.holdings.load(Scope.whole(stored.creator_id)),
        await stored.holdings.extent(Scope.whole(stored.creator_id)),
    )
    assert (extent.units, extent.windows) == (snapshot.n_units, snapshot.n_windows)
    assert (extent.version, extent.embedder_id) == (snapshot.version, snapshot.embedder_id)
    words = [len(unit) for source in stored.sources for unit in source.units]
    assert extent.unit_terms == pytest.approx(sum(words) / len(words))


async def test_only_the_creators_own_windows_are_candidates(stored: Stored) -> None:
    (query,) = stored.queries(1)
    whole, extent = (
        await stored.holdings.load(Scope.whole(stored.creator_id)),
        await stored.holdings.extent(Scope.whole(stored.creator_id)),
    )
    part = await stored.holdings.candidates(Scope.whole(stored.creator_id), query, extent)
    assert set(part.source_ids) <= set(whole.source_ids)
    stranger = CreatorId(stored.creator_id + 1000)
    assert (await stored.holdings.candidates(Scope.whole(stranger), query, extent)).n_units == 0


async def test_removed_sources_are_no_candidates(stored: Stored) -> None:
    (query,) = stored.queries(1)
    extent = await stored.holdings.extent(Scope.whole(stored.creator_id))
    best = (
        rank(await stored.holdings.candidates(Scope.whole(stored.creator_id), query, extent), query)
        .starts[0]
        .source_id
    )
    async with stored.database.creator(stored.creator_id) as connection:
        await connection.execute("UPDATE sources SET removed_at = now() WHERE id = $1", best)
    part = await stored.holdings.candidates(Scope.whole(stored.creator_id), query, extent)
    async with stored.database.creator(stored.creator_id) as connection:
        await connection.execute("UPDATE sources SET removed_at = NULL WHERE id = $1", best)
    assert part.n_windows > 0
    assert best not in part.source_ids


async def test_what_is_locked_is_no_candidate_and_the_rest_is_ranked_as_if_it_were_all(stored: Stored) -> None:
    queries, everybody = stored.queries(10), Scope(stored.creator_id, NO_TIERS)
    locked = [rank(await stored.holdings.load(Scope.whole(stored.creator_id)), query) for query in queries[:3]]
    ids = [ranking.starts[0].source_id for ranking in locked]
    async with stored.database.creator(stored.creator_id) as connection:
        await connection.execute("UPDATE sources SET tier = 'gold' WHERE id = ANY($1)", ids)
    try:
        left, extent = await stored.holdings.load(everybody), await stored.holdings.extent(everybody)
        parts = [rank(await stored.holdings.candidates(everybody, query, extent), query) for query in queries]
        gold = await stored.holdings.candidates(Scope(stored.creator_id, frozenset({"gold"})), queries[0], extent)
    finally:
        async with stored.database.creator(stored.creator_id) as connection:
            await connection.execute("UPDATE sources SET tier = ''")
    assert [_starts(part) for part in parts] == [_starts(rank(left, query)) for query in queries]
    assert not {start.source_id for part in parts for start in part.starts} & set(ids)
    assert ids[0] in gold.source_ids


async def test_an_assistants_sources_are_ranked_as_if_they_were_all_in_memory_and_from_sql(stored: Stored) -> None:
    queries = stored.queries(10)
    ids = (await stored.holdings.load(Scope.whole(stored.creator_id))).source_ids
    chosen = frozenset(ids[::3])
    scope = Scope(stored.creator_id, NO_TIERS, chosen)
    left, extent = await stored.holdings.load(scope), await stored.holdings.extent(scope)
    parts = [rank(await stored.holdings.candidates(scope, query, extent), query) for query in queries]
    assert set(left.source_ids) == chosen
    assert (extent.units, extent.windows) == (left.n_units, left.n_windows)
    assert [_starts(part) for part in parts] == [_starts(rank(left, query)) for query in queries]
    spans = [Span(start.source_id, start.unit, start.unit) for part in parts for start in part.starts]
    assert len(await stored.holdings.sentences(scope, spans)) == len(spans)
    none = Scope(stored.creator_id, NO_TIERS, frozenset())
    assert await stored.holdings.sentences(none, spans) == []
    assert (await stored.holdings.candidates(none, queries[0], extent)).n_units == 0


async def test_a_question_without_words_takes_candidates_by_its_vector(stored: Stored) -> None:
    extent = await stored.holdings.extent(Scope.whole(stored.creator_id))
    query = SearchQuery(stored.sources[3].window_vectors[5], np.zeros(0, np.int32))
    ranking = rank(await stored.holdings.candidates(Scope.whole(stored.creator_id), query, extent), query)
    assert ranking.hits
    assert ranking.gate > 0.9


async def test_a_library_above_the_limit_is_never_loaded(stored: Stored) -> None:
    state = await stored.holdings.state(stored.creator_id)
    small = await Snapshots(stored.holdings, 10**9, 100_000).current(Scope.whole(stored.creator_id), state)
    large = await Snapshots(stored.holdings, 10**9, 10_000).current(Scope.whole(stored.creator_id), state)
    assert isinstance(small, Snapshot)
    assert isinstance(large, Extent)


async def test_without_a_vector_the_part_that_words_bring_is_ranked_as_the_whole_library(stored: Stored) -> None:
    everybody = Scope.whole(stored.creator_id)
    snapshot, extent = await stored.holdings.load(everybody), await stored.holdings.extent(everybody)
    for query in stored.queries(5):
        by_words = SearchQuery(np.zeros_like(query.vector), query.terms)
        part = await stored.holdings.candidates(everybody, by_words, extent)
        assert _starts(rank(part, by_words)) == _starts(rank(snapshot, by_words))
