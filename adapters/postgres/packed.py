"""Parts of a library as they come from the database: one row a source, its columns side by side in binary."""

from typing import Any, Final

import asyncpg
import numpy as np
from numpy.typing import NDArray

from core.asking.snapshot import SourceIndex
from core.ids import CreatorId, SourceId
from core.tiers import Scope, Tiers

OPEN: Final = """
    SELECT id FROM sources
     WHERE creator_id = $1 AND status = 'ready' AND removed_at IS NULL
       AND (tier = '' OR $2::text[] IS NULL OR tier = ANY($2)) AND ($3::bigint[] IS NULL OR id = ANY($3))
"""
"""The sources of a creator that can be answered from, as far as they are in scope: :func:`scoped` has $1 to $3."""
UNIT_COLUMNS: Final = """
    string_agg(float4send(s.start_s::real), ''::bytea ORDER BY s.position) AS starts,
    string_agg(float4send(s.end_s::real), ''::bytea ORDER BY s.position) AS ends,
    string_agg(boolsend(s.estimated), ''::bytea ORDER BY s.position) AS estimated,
    string_agg(int4send(s.words), ''::bytea ORDER BY s.position) AS words,
    string_agg(int4send(octet_length(s.terms) / 4), ''::bytea ORDER BY s.position) AS counts,
    string_agg(s.terms, ''::bytea ORDER BY s.position) AS terms
"""
"""Of segments ``s``."""
RANGES: Final = "string_agg(int4send(p.first_segment) || int4send(p.last_segment), ''::bytea ORDER BY p.position)"
"""Of passages ``p``."""
VECTORS: Final = "string_agg(halfvec_send(e.embedding), ''::bytea ORDER BY e.position)"
"""Of embeddings ``e``."""


def scoped(scope: Scope) -> tuple[CreatorId, Tiers, list[SourceId] | None]:
    """The creator, the tiers and the sources of a scope, as $1, $2 and $3 of a statement; null: all."""
    return scope.creator_id, scope.tiers, None if scope.sources is None else sorted(scope.sources)


def unpack_source(
    source_id: SourceId, units: asyncpg.Record, ranges: bytes, unit_vectors: bytes, window_vectors: bytes,
    *, first_unit: int = 0,
) -> SourceIndex:  # fmt: skip
    """Unpack a source, or a run of its units from position ``first_unit`` on.

    Args:
        source_id: whose units these are.
        units: a row with ``UNIT_COLUMNS``.
        ranges: by position in the source.
        unit_vectors: of those units, in order.
        window_vectors: of those ranges, in order.
        first_unit: position in the source of the first unit.
    """
    return SourceIndex(
        source_id=source_id,
        starts_s=_numbers(units["starts"], ">f4", np.float32),
        ends_s=_numbers(units["ends"], ">f4", np.float32),
        estimated=_numbers(units["estimated"], "?", np.bool_),
        words=_numbers(units["words"], ">i4", np.int32),
        terms=_numbers(units["terms"], "<i4", np.int32),
        term_counts=_numbers(units["counts"], ">i4", np.int32),
        unit_vectors=_halfvecs(unit_vectors),
        windows=_numbers(ranges, ">i4", np.int32).reshape(-1, 2) - np.int32(first_unit),
        window_vectors=_halfvecs(window_vectors),
        first_unit=first_unit,
    )


def _numbers(data: bytes, stored: str, wanted: type[Any]) -> NDArray[Any]:
    return np.frombuffer(data, stored).astype(wanted, copy=False)


def _halfvecs(data: bytes) -> NDArray[np.float16]:
    """Unpack halfvec_send's rows: two int16, the first the dimensions, then that many float16, all big-endian."""
    dimensions = int.from_bytes(data[:2], "big")
    rows = np.frombuffer(data, np.dtype([("header", ">i2", 2), ("vector", ">f2", dimensions)]))
    return rows["vector"].astype(np.float16)
