"""A creator's library read for answers: whole, as packed arrays, or sentence by sentence."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Final

import asyncpg

from adapters.postgres.candidates import read_candidates
from adapters.postgres.database import Database, system_role
from adapters.postgres.knowledge import read_given, read_pair
from adapters.postgres.packed import OPEN, RANGES, UNIT_COLUMNS, VECTORS, scoped, unpack_source
from adapters.postgres.transcripts import chapters_from_json
from core.asking.gate import Cutoff
from core.asking.given import Given, GivenText
from core.asking.holdings import CorpusState, Extent, Span, StoredSentence
from core.asking.ranking import SearchQuery
from core.asking.snapshot import Snapshot
from core.errors import EmbedderChanged
from core.ids import CreatorId, SourceId
from core.library.media import MediaKey
from core.library.store import SourceKind
from core.library.transcript import Chapter, LocatorKind
from core.library.watching import WatchedSentence, WatchedSource
from core.tiers import Scope

STATE: Final = """
    SELECT version, embedder, cutoff,
           ARRAY(SELECT DISTINCT tier FROM sources
                  WHERE creator_id = $1 AND tier <> '' AND status = 'ready' AND removed_at IS NULL) AS tiers,
           ARRAY(SELECT DISTINCT language FROM sources
                  WHERE creator_id = $1 AND language <> '' AND status = 'ready' AND removed_at IS NULL) AS languages
      FROM corpora WHERE creator_id = $1
"""
SET_CUTOFF: Final = """
    UPDATE corpora SET cutoff = $3
     WHERE creator_id = $1 AND embedder = $4 AND coalesce((cutoff ->> 'version')::bigint, 0) <= $2
"""
# A library is read as fast as its pages come.
UNITS: Final = f"""
    SELECT s.source_id, {UNIT_COLUMNS} FROM segments s WHERE s.creator_id = $1 AND s.source_id IN ({OPEN})
     GROUP BY s.source_id ORDER BY s.source_id
"""
WINDOWS: Final = f"""
    SELECT p.source_id, {RANGES} AS ranges FROM passages p WHERE p.creator_id = $1 AND p.source_id IN ({OPEN})
     GROUP BY p.source_id
"""
_VECTORS: Final = f"""
    SELECT e.source_id, {VECTORS} AS vectors
      FROM {{table}} e WHERE e.creator_id = $1 AND e.embedder = $4 AND e.source_id IN ({OPEN})
     GROUP BY e.source_id
"""
EXTENT: Final = f"""
    SELECT u.units, w.windows, coalesce(u.terms, 0) AS unit_terms, coalesce(w.terms, 0) AS window_terms
      FROM (SELECT count(*) AS units, avg(octet_length(terms) / 4)::float8 AS terms
              FROM segments WHERE creator_id = $1 AND source_id IN ({OPEN})) u,
           (SELECT count(*) AS windows, avg(cardinality(terms))::float8 AS terms
              FROM passages WHERE creator_id = $1 AND source_id IN ({OPEN})) w
"""
UNIT_VECTORS: Final = _VECTORS.format(table="segment_embeddings")
WINDOW_VECTORS: Final = _VECTORS.format(table="passage_embeddings")
# One place after another: of a range, the planner would read the whole source.
SENTENCES: Final = """
    SELECT s.source_id, s.position, s.start_s, s.end_s, s.paragraph, s.text, x.title, x.link, x.duration_s,
           x.timing <> 'none' AS timed, s.locator, x.locator_kind, s.speaker, x.tier, x.kind,
           (SELECT h.start_s FROM segments h
             WHERE h.creator_id = $1 AND h.source_id = s.source_id AND h.position <= s.position AND NOT h.estimated
             ORDER BY h.position DESC LIMIT 1) AS linked_s
      FROM unnest($4::bigint[], $5::integer[]) WITH ORDINALITY AS wanted (source_id, position, n)
      JOIN sources x ON x.creator_id = $1 AND x.id = wanted.source_id
                    AND x.status = 'ready' AND x.removed_at IS NULL
                    AND (x.tier = '' OR $2::text[] IS NULL OR x.tier = ANY($2))
                    AND ($3::bigint[] IS NULL OR x.id = ANY($3))
      JOIN segments s ON s.creator_id = $1 AND s.source_id = wanted.source_id
                     AND s.position = wanted.position
     ORDER BY wanted.n
"""
WATCHED: Final = """
    SELECT title, link, duration_s, timing, locator_kind, chapters, media_key FROM sources
     WHERE creator_id = $1 AND id = $2 AND status = 'ready' AND removed_at IS NULL
"""
RECORDING: Final = """
    SELECT media_key FROM sources
     WHERE creator_id = $1 AND id = $2 AND status = 'ready' AND removed_at IS NULL AND media_key <> ''
"""
CREATOR_NAME: Final = "SELECT name FROM creators WHERE id = $1"
TRANSCRIPT: Final = """
    SELECT start_s, end_s, paragraph, text, locator, speaker, estimated FROM segments
     WHERE creator_id = $1 AND source_id = $2 ORDER BY position
"""
HIDDEN_CHAPTERS: Final = """
    SELECT first_segment FROM study_points
     WHERE creator_id = $1 AND source_id = $2 AND kind = 'chapter' AND NOT stale
       AND (hidden OR removed_at IS NOT NULL)
"""


class PostgresHoldings:
    """See :class:`core.asking.holdings.Holdings` and :class:`core.library.watching.Transcripts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, creator_id: CreatorId) -> CorpusState:
        """The present state of a creator's corpus."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(STATE, creator_id)
        return _state(row)

    async def extent(self, scope: Scope) -> Extent:
        """How large the present version is, as far as it is in scope."""
        async with self._database.creator(scope.creator_id, frozen=True) as connection:
            state = _state(await connection.fetchrow(STATE, scope.creator_id))
            size = await connection.fetchrow(EXTENT, *scoped(scope))
        return Extent(state.version, state.embedder_id, **dict(size or {}))

    async def candidates(self, scope: Scope, query: SearchQuery, extent: Extent) -> Snapshot:
        """The windows in scope that are close to a question by vector or by words, with what surrounds them."""
        async with self._database.creator(scope.creator_id, frozen=True) as connection:
            state = _state(await connection.fetchrow(STATE, scope.creator_id))
            if state.version and state.embedder_id != extent.embedder_id:
                raise EmbedderChanged(f"A library is searched with {state.embedder_id} by now.")
            return await read_candidates(connection, scope, query, extent)

    async def load(self, scope: Scope) -> Snapshot:
        """A snapshot of the present version as far as it is in scope, read as of one moment."""
        creator_id, key = scope.creator_id, scoped(scope)
        async with self._database.creator(creator_id, frozen=True) as connection:
            state = _state(await connection.fetchrow(STATE, creator_id))
            units = await connection.fetch(UNITS, *key)
            windows = await connection.fetch(WINDOWS, *key)
            unit_vectors = await connection.fetch(UNIT_VECTORS, *key, state.embedder_id)
            window_vectors = await connection.fetch(WINDOW_VECTORS, *key, state.embedder_id)
        return await asyncio.to_thread(
            _build, creator_id, state, units, _by_source(windows, "ranges"), _by_source(unit_vectors, "vectors"),
            _by_source(window_vectors, "vectors"),
        )  # fmt: skip

    async def sentences(self, scope: Scope, spans: Sequence[Span]) -> list[StoredSentence]:
        """The sentences of spans, span after span; those of sources removed or out of scope are left out."""
        places = [(span.source_id, position) for span in spans for position in range(span.first, span.last + 1)]
        sources, positions = [source_id for source_id, _ in places], [position for _, position in places]
        async with self._database.creator(scope.creator_id) as connection:
            rows = await connection.fetch(SENTENCES, *scoped(scope), sources, positions)
        return [
            StoredSentence(
                SourceId(row["source_id"]), row["position"], row["start_s"], row["end_s"], row["linked_s"],
                row["paragraph"], row["text"], row["title"], row["link"], row["duration_s"], row["timed"],
                row["locator"], LocatorKind(row["locator_kind"]), row["speaker"], row["tier"],
                SourceKind(row["kind"]),
            )
            for row in rows
        ]  # fmt: skip

    async def given(self, scope: Scope, folded: str) -> Given:
        """What was written for a question in just these words, and the notes."""
        async with self._database.creator(scope.creator_id) as connection:
            return await read_given(connection, scope, folded)

    async def pair(self, scope: Scope, source_id: SourceId) -> GivenText | None:
        """A question with its answer, as it is now; None where it was removed, or is out of scope."""
        async with self._database.creator(scope.creator_id) as connection:
            return await read_pair(connection, scope, source_id)

    async def set_cutoff(self, creator_id: CreatorId, version: int, embedder_id: str, cutoff: Cutoff) -> None:
        """Keep a calibrated gate, unless one of a later version is there, or another embedder."""
        kept = {"version": version, **asdict(cutoff)}
        async with self._database.creator(creator_id) as connection:
            await connection.execute(SET_CUTOFF, creator_id, version, kept, embedder_id)

    async def transcript(self, creator_id: CreatorId, source_id: SourceId) -> WatchedSource | None:
        """A source with all its sentences for the watch page; None where there is none any more."""
        async with self._database.creator(creator_id) as connection:
            source = await connection.fetchrow(WATCHED, creator_id, source_id)
            rows = await connection.fetch(TRANSCRIPT, creator_id, source_id)
            hidden = {row["first_segment"] for row in await connection.fetch(HIDDEN_CHAPTERS, creator_id, source_id)}
            async with system_role(connection):
                name = await connection.fetchval(CREATOR_NAME, creator_id)
        if source is None:
            return None
        return WatchedSource(
            title=source["title"], link=source["link"], duration_s=source["duration_s"],
            timed=source["timing"] != "none",
            sentences=tuple(WatchedSentence(**row) for row in rows),
            creator_name=name or "",
            estimated=source["timing"] == "estimated",
            locator_kind=LocatorKind(source["locator_kind"]),
            chapters=_without(hidden, chapters_from_json(source["chapters"]), [row["start_s"] for row in rows]),
            media_key=source["media_key"],
        )  # fmt: skip

    async def recording(self, creator_id: CreatorId, source_id: SourceId) -> MediaKey | None:
        """The key of a source's kept recording; None where it has none, or is gone itself."""
        async with self._database.creator(creator_id) as connection:
            key = await connection.fetchval(RECORDING, creator_id, source_id)
        return MediaKey(key) if key else None


def _without(hidden: Collection[int], chapters: Sequence[Chapter], starts_s: Sequence[float]) -> tuple[Chapter, ...]:
    """Chapters but those that the staff hid or deleted, known by the first sentence that is said in each."""
    firsts = [next((n for n, at in enumerate(starts_s) if at >= chapter.start_s), None) for chapter in chapters]
    return tuple(chapter for chapter, first in zip(chapters, firsts, strict=True) if first not in hidden)


def _state(row: asyncpg.Record | None) -> CorpusState:
    if row is None:
        return CorpusState(0)
    cutoff = None
    if row["cutoff"] is not None:
        cutoff = Cutoff(**{name: value for name, value in row["cutoff"].items() if name != "version"})
    return CorpusState(row["version"], row["embedder"], cutoff, frozenset(row["tiers"]), frozenset(row["languages"]))


def _by_source(rows: Sequence[asyncpg.Record], column: str) -> dict[int, bytes]:
    return {row["source_id"]: row[column] for row in rows}


def _build(
    creator_id: CreatorId, state: CorpusState, units: Sequence[asyncpg.Record], windows: dict[int, bytes],
    unit_vectors: dict[int, bytes], window_vectors: dict[int, bytes],
) -> Snapshot:  # fmt: skip
    sources = [
        unpack_source(SourceId(found), row, windows[found], unit_vectors[found], window_vectors[found])
        for row in units
        if (found := row["source_id"]) in unit_vectors and found in window_vectors
    ]
    return Snapshot.build(creator_id, state.version, state.embedder_id, sources)
