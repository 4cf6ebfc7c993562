"""A source's sentences and passages with their vectors: written anew as a whole, and read back for another time."""

from typing import Final

from pgvector import HalfVector

from adapters.postgres.database import Connection
from core.asking.embedding import Vector
from core.asking.snapshot import pack_terms
from core.asking.words import TermIds
from core.ids import CreatorId, SourceId
from core.library.store import IndexedSource
from core.library.topics import Background

OTHERS: Final = 20

CLEAR_SEGMENTS: Final = "DELETE FROM segments WHERE creator_id = $1 AND source_id = $2"
CLEAR_PASSAGES: Final = "DELETE FROM passages WHERE creator_id = $1 AND source_id = $2"
ADD_SEGMENT: Final = """
    INSERT INTO segments (creator_id, source_id, position, paragraph, start_s, end_s, estimated, text, words, terms,
                          locator, speaker)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
ADD_PASSAGE: Final = """
    INSERT INTO passages (creator_id, source_id, position, first_segment, last_segment, terms, kind)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
ADD_SEGMENT_EMBEDDING: Final = """
    INSERT INTO segment_embeddings (creator_id, source_id, position, embedder, embedding) VALUES ($1, $2, $3, $4, $5)
"""
ADD_PASSAGE_EMBEDDING: Final = """
    INSERT INTO passage_embeddings (creator_id, source_id, position, embedder, embedding) VALUES ($1, $2, $3, $4, $5)
"""
COPY_SEGMENTS: Final = """
    INSERT INTO segments (creator_id, source_id, position, paragraph, start_s, end_s, estimated, text, words, terms,
                          locator, speaker)
    SELECT creator_id, $3, position, paragraph, start_s, end_s, estimated, text, words, terms, locator, speaker
      FROM segments WHERE creator_id = $1 AND source_id = $2
"""
COPY_PASSAGES: Final = """
    INSERT INTO passages (creator_id, source_id, position, first_segment, last_segment, terms, kind)
    SELECT creator_id, $3, position, first_segment, last_segment, terms, kind
      FROM passages WHERE creator_id = $1 AND source_id = $2
"""
COPY_SEGMENT_EMBEDDINGS: Final = """
    INSERT INTO segment_embeddings (creator_id, source_id, position, embedder, embedding)
    SELECT creator_id, $3, position, embedder, embedding
      FROM segment_embeddings WHERE creator_id = $1 AND source_id = $2
"""
COPY_PASSAGE_EMBEDDINGS: Final = """
    INSERT INTO passage_embeddings (creator_id, source_id, position, embedder, embedding)
    SELECT creator_id, $3, position, embedder, embedding
      FROM passage_embeddings WHERE creator_id = $1 AND source_id = $2
"""
EMBEDDED: Final = """
    SELECT s.text, e.embedding
      FROM segment_embeddings e JOIN segments s USING (creator_id, source_id, position)
     WHERE e.creator_id = $1 AND e.source_id = $2 AND e.embedder = $3
     UNION ALL
    SELECT (SELECT string_agg(s.text, ' ' ORDER BY s.position) FROM segments s
             WHERE s.creator_id = $1 AND s.source_id = $2 AND s.position BETWEEN p.first_segment AND p.last_segment),
           e.embedding
      FROM passage_embeddings e JOIN passages p USING (creator_id, source_id, position)
     WHERE e.creator_id = $1 AND e.source_id = $2 AND e.embedder = $3
"""
# Every second window holds all there is to read of a source that is cut as usual: each shares half with the next.
BACKGROUND: Final = f"""
    WITH others AS (
        SELECT id FROM sources
         WHERE creator_id = $1 AND id <> $2 AND status = 'ready' AND removed_at IS NULL
           AND kind NOT IN ('qa', 'note')
         ORDER BY id LIMIT {OTHERS}
    )
    SELECT (SELECT count(*) FROM others) AS texts, term, count(DISTINCT source_id) AS texts_with
      FROM passages p JOIN others o ON o.id = p.source_id, unnest(p.terms) AS term
     WHERE p.creator_id = $1 AND p.position % 2 = 0 AND term = ANY($3::integer[])
     GROUP BY term
"""


async def read_background(
    connection: Connection, creator_id: CreatorId, source_id: SourceId, terms: TermIds
) -> Background:
    """In how many other sources each term occurs: of the oldest, so that later uploads change little."""
    rows = await connection.fetch(BACKGROUND, creator_id, source_id, terms.tolist())
    return Background(rows[0]["texts"] if rows else 0, {row["term"]: row["texts_with"] for row in rows})


async def read_embedded(
    connection: Connection, creator_id: CreatorId, source_id: SourceId, embedder_id: str
) -> dict[str, Vector]:
    """The stored vectors of a source by their texts: float32 of length 1, as precise as halves are."""
    rows = await connection.fetch(EMBEDDED, creator_id, source_id, embedder_id)
    return {row["text"]: row["embedding"].to_numpy().astype("float32") for row in rows}


async def copy_index(connection: Connection, creator_id: CreatorId, source_id: SourceId, copy_id: SourceId) -> None:
    """Replace one source's rows by those of another."""
    await connection.execute(CLEAR_PASSAGES, creator_id, copy_id)
    await connection.execute(CLEAR_SEGMENTS, creator_id, copy_id)
    for statement in (COPY_SEGMENTS, COPY_PASSAGES, COPY_SEGMENT_EMBEDDINGS, COPY_PASSAGE_EMBEDDINGS):
        await connection.execute(statement, creator_id, source_id, copy_id)


async def store_index(
    connection: Connection, creator_id: CreatorId, source_id: SourceId, indexed: IndexedSource
) -> None:
    """Replace a source's rows. Row-level security rules COPY out, so the rows go as one pipelined batch a table."""
    await connection.execute(CLEAR_PASSAGES, creator_id, source_id)
    await connection.execute(CLEAR_SEGMENTS, creator_id, source_id)
    key = (creator_id, source_id)
    cut = zip(indexed.units, indexed.unit_words, indexed.unit_terms, strict=True)
    await connection.executemany(
        ADD_SEGMENT,
        [
            (*key, n, unit.paragraph, unit.start_s, unit.end_s, unit.estimated, unit.text, words, pack_terms(terms),
             unit.locator, unit.speaker)
            for n, (unit, words, terms) in enumerate(cut)
        ],
    )  # fmt: skip
    await connection.executemany(
        ADD_PASSAGE,
        [
            (*key, n, window.first, window.last, _window_terms(indexed, window.first, window.last), kind.value)
            for n, (window, kind) in enumerate(zip(indexed.windows, indexed.window_kinds, strict=True))
        ],
    )
    for statement, vectors in (
        (ADD_SEGMENT_EMBEDDING, indexed.unit_vectors),
        (ADD_PASSAGE_EMBEDDING, indexed.window_vectors),
    ):
        rows = [(*key, n, indexed.embedder_id, HalfVector(vector)) for n, vector in enumerate(vectors)]
        await connection.executemany(statement, rows)


def _window_terms(indexed: IndexedSource, first: int, last: int) -> list[int]:
    return sorted(int(term) for terms in indexed.unit_terms[first : last + 1] for term in terms)
