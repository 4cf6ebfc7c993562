"""The part of a large library that may answer a question: the windows closest by vector and by words.

Under row-level security an index on terms cannot be used, because overlap of arrays is not leakproof; a creator's
windows are read through the key of the creator and filtered, and so are the vectors: both are exact.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
from pgvector import HalfVector

from adapters.postgres.database import Connection
from adapters.postgres.packed import OPEN, RANGES, UNIT_COLUMNS, VECTORS, scoped, unpack_source
from core.asking.holdings import Extent
from core.asking.lexical import LENGTH_SHARE, SATURATION, WordStatistics
from core.asking.ranking import SPAN_WORDS, SearchQuery
from core.asking.snapshot import Snapshot, SourceIndex
from core.ids import CreatorId, SourceId
from core.library.store import AS_USUAL, UploadSettings
from core.tiers import Scope

NEAREST_WINDOWS: Final = 250
TELLING_WINDOWS: Final = 250

NEAREST: Final = f"""
    SELECT source_id, position FROM passage_embeddings
     WHERE creator_id = $1 AND embedder = $4 AND source_id IN ({OPEN})
     ORDER BY embedding <=> $5 LIMIT $6
"""
# BM25 as in core.asking.lexical; a term of the question counts as often as the window has it.
TELLING: Final = f"""
    WITH matched AS MATERIALIZED (
        SELECT p.source_id, p.position, cardinality(p.terms)::float8 AS length, w.term,
               cardinality(array_positions(p.terms, w.term))::float8 AS repeats
          FROM passages p JOIN unnest($4::integer[]) AS w (term) ON w.term = ANY(p.terms)
         WHERE p.creator_id = $1 AND p.terms && $4 AND p.source_id IN ({OPEN})
    ), common AS (
        SELECT term, count(*)::float8 AS windows FROM matched GROUP BY term
    ), best AS (
        SELECT m.source_id, m.position,
               sum(ln(1 + greatest($5::float8 - c.windows + 0.5, 0.5) / (c.windows + 0.5))
                   * m.repeats * {SATURATION + 1}
                   / (m.repeats + {SATURATION} * ({1 - LENGTH_SHARE} + {LENGTH_SHARE} * m.length / $6::float8))
               ) AS score
          FROM matched m JOIN common c USING (term)
         GROUP BY m.source_id, m.position
         ORDER BY score DESC, m.source_id, m.position LIMIT $7
    )
    SELECT ARRAY(SELECT source_id FROM best ORDER BY source_id, position) AS sources,
           ARRAY(SELECT position FROM best ORDER BY source_id, position) AS positions,
           ARRAY(SELECT term FROM common ORDER BY term) AS terms,
           ARRAY(SELECT windows::integer FROM common ORDER BY term) AS windows
"""
CUT_OTHERWISE: Final = """
    SELECT i.source_id, w.settings
      FROM items i JOIN workflows w ON w.creator_id = i.creator_id AND w.id = i.workflow_id
     WHERE i.creator_id = $1 AND i.source_id = ANY($2)
       AND (coalesce((w.settings ->> 'window_words')::integer, $3) <> $3
            OR coalesce((w.settings ->> 'overlap')::float8, $4) <> $4)
"""
WINDOWS_OF_RUNS: Final = f"""
    SELECT r.n, r.source_id, min(p.first_segment) AS first, max(p.last_segment) AS last, {RANGES} AS ranges,
           {VECTORS} AS vectors
      FROM unnest($3::bigint[], $4::integer[], $5::integer[]) WITH ORDINALITY AS r (source_id, first, last, n)
      JOIN passages p ON p.creator_id = $1 AND p.source_id = r.source_id AND p.position BETWEEN r.first AND r.last
      JOIN passage_embeddings e ON e.creator_id = $1 AND e.embedder = $2 AND e.source_id = p.source_id
                               AND e.position = p.position
     GROUP BY r.n, r.source_id ORDER BY r.n
"""
UNITS_OF_RUNS: Final = f"""
    SELECT {UNIT_COLUMNS}, {VECTORS} AS vectors
      FROM unnest($3::bigint[], $4::integer[], $5::integer[]) WITH ORDINALITY AS r (source_id, first, last, n)
      JOIN segments s ON s.creator_id = $1 AND s.source_id = r.source_id AND s.position BETWEEN r.first AND r.last
      JOIN segment_embeddings e ON e.creator_id = $1 AND e.embedder = $2 AND e.source_id = s.source_id
                               AND e.position = s.position
     GROUP BY r.n ORDER BY r.n
"""

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Reach:
    """What is read with a window of a source: how many windows begin within it, and within a span from its end.

    Runs with no more windows between them than begin within one share units, or nearly, and are read as one.
    """

    within: int
    after: int

    @classmethod
    def of(cls, settings: UploadSettings) -> "_Reach":
        """By how many words after one window the next one begins."""
        step = max(settings.window_words * (1 - settings.overlap), 1.0)
        return cls(math.ceil(settings.window_words / step), math.ceil(SPAN_WORDS / step))


_USUAL: Final = _Reach.of(AS_USUAL)


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring windows of one source, by position, both ends inclusive."""

    source_id: int
    first: int
    last: int


async def read_candidates(connection: Connection, scope: Scope, query: SearchQuery, extent: Extent) -> Snapshot:
    """Read the part of what is in scope that may answer a question, in the creator's transaction."""
    creator_id, key = scope.creator_id, scoped(scope)
    near = await connection.fetch(NEAREST, *key, extent.embedder_id, HalfVector(query.vector), NEAREST_WINDOWS)
    telling = await connection.fetchrow(
        TELLING, *key, query.terms.tolist(), extent.windows, max(extent.window_terms, 1e-9), TELLING_WINDOWS
    )
    places = {(row["source_id"], row["position"]) for row in near}
    frequencies: dict[int, int] = {}
    if telling is not None:
        places.update(zip(telling["sources"], telling["positions"], strict=True))
        frequencies.update(zip(telling["terms"], telling["windows"], strict=True))
    reaches = await _unusual(connection, creator_id, {source_id for source_id, _ in places})
    sources = await _read_runs(connection, creator_id, extent.embedder_id, list(_runs(places, reaches)))
    statistics = WordStatistics(extent.windows, extent.unit_terms, extent.window_terms, frequencies)
    return Snapshot.build(creator_id, extent.version, extent.embedder_id, sources, statistics)


async def _unusual(
    connection: Connection, creator_id: CreatorId, source_ids: Collection[int]
) -> dict[int, _Reach]:  # fmt: skip
    """How far is read in those sources that were not cut as usual."""
    usual = (AS_USUAL.window_words, AS_USUAL.overlap)
    rows = await connection.fetch(CUT_OTHERWISE, creator_id, list(source_ids), *usual)
    return {row["source_id"]: _Reach.of(UploadSettings(**row["settings"])) for row in rows}


def _runs(places: Iterable[Place], reaches: Mapping[int, _Reach]) -> Iterator[_Run]:
    """Join windows with those around them, in the order of the library."""
    open_run: _Run | None = None
    for source_id, position in sorted(places):
        reach = reaches.get(source_id, _USUAL)
        first, last = max(position - reach.within + 1, 0), position + reach.after
        if open_run and open_run.source_id == source_id and first - open_run.last <= reach.within + 1:
            open_run = _Run(source_id, open_run.first, last)
            continue
        if open_run:
            yield open_run
        open_run = _Run(source_id, first, last)
    if open_run:
        yield open_run


async def _read_runs(
    connection: Connection, creator_id: CreatorId, embedder_id: str, runs: Sequence[_Run]
) -> list[SourceIndex]:
    windows = await connection.fetch(
        WINDOWS_OF_RUNS, creator_id, embedder_id, [run.source_id for run in runs], [run.first for run in runs],
        [run.last for run in runs],
    )  # fmt: skip
    bounds = [[row[name] for row in windows] for name in ("source_id", "first", "last")]
    units = await connection.fetch(UNITS_OF_RUNS, creator_id, embedder_id, *bounds)
    return [_unpacked(of_windows, of_units) for of_windows, of_units in zip(windows, units, strict=True)]


def _unpacked(windows: asyncpg.Record, units: asyncpg.Record) -> SourceIndex:
    return unpack_source(
        SourceId(windows["source_id"]), units, windows["ranges"], units["vectors"], windows["vectors"],
        first_unit=windows["first"],
    )  # fmt: skip
