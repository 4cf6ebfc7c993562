"""All that ranking needs of one creator, as arrays that never change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.asking.lexical import (
    Counted,
    Floats,
    Ints,
    Positions,
    Postings,
    Vocabulary,
    WordStatistics,
    inverse_frequency,
)
from core.asking.words import Stemmer, TermIds, term_ids, tokens
from core.ids import CreatorId, SourceId
from core.library.units import Unit, Window, count_words

Halves = NDArray[np.float16]
Flags = NDArray[np.bool_]

T = TypeVar("T", bound=np.generic)

_STORED_TERM: Final = np.dtype("<i4")


@dataclass(frozen=True, slots=True)
class SourceIndex:
    """What is stored of one source; n units, m windows, t content terms, d dimensions.

    Attributes:
        source_id: whose units these are.
        starts_s, ends_s: float32 (n,), seconds or paragraph numbers.
        estimated: bool (n,), starts that were not heard.
        words: int32 (n,), words of each unit.
        terms: int32 (t,), ids of the content words of unit after unit.
        term_counts: int32 (n,), how many of them each unit has.
        unit_vectors: float16 or float32 (n, d), each of length 1.
        windows: int32 (m, 2), first and last unit of each window, inclusive, counted within this index.
        window_vectors: float16 or float32 (m, d), each of length 1.
        first_unit: position in the source of the first unit here, where only a part of it was loaded.
    """

    source_id: SourceId
    starts_s: Floats
    ends_s: Floats
    estimated: Flags
    words: Ints
    terms: TermIds
    term_counts: Ints
    unit_vectors: NDArray[np.floating[Any]]
    windows: Ints
    window_vectors: NDArray[np.floating[Any]]
    first_unit: int = 0

    @classmethod
    def of(
        cls,
        source_id: SourceId,
        units: Sequence[Unit],
        windows: Sequence[Window],
        unit_vectors: NDArray[np.floating[Any]],
        window_vectors: NDArray[np.floating[Any]],
        stem: Stemmer,
    ) -> Self:
        """Index a source that was just cut into units."""
        terms = [term_ids(tokens(unit.text), stem) for unit in units]
        return cls(
            source_id=source_id,
            starts_s=np.array([unit.start_s for unit in units], np.float32),
            ends_s=np.array([unit.end_s for unit in units], np.float32),
            estimated=np.array([unit.estimated for unit in units], np.bool_),
            words=np.array([count_words(unit.text) for unit in units], np.int32),
            terms=np.concatenate([np.zeros(0, np.int32), *terms]),
            term_counts=np.array([len(ids) for ids in terms], np.int32),
            unit_vectors=unit_vectors,
            windows=np.array([(window.first, window.last) for window in windows], np.int32).reshape(-1, 2),
            window_vectors=window_vectors,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One creator's units and windows at one version of the corpus; n units, m windows, d dimensions.

    Attributes:
        source_ids: of every source with units, in the order they were given.
        source_starts: int64 (n_sources + 1,), the first unit of each source, and n.
        first_positions: int64 (n_sources,), position in its source of each source's first unit here.
        starts_s, ends_s, estimated: (n,), see ``SourceIndex``.
        total_words: int64 (n + 1,), words of all units before.
        unit_vectors: float16 (n, d); read only for candidates.
        window_first, window_last: int64 (m,), inclusive unit positions in this snapshot.
        window_vectors: float32 (m, d); read for every question.
        vocabulary, unit_words, window_words: the postings of units and windows.
    """

    creator_id: CreatorId
    version: int
    embedder_id: str
    source_ids: tuple[SourceId, ...]
    source_starts: Positions
    first_positions: Positions
    starts_s: Floats
    ends_s: Floats
    estimated: Flags
    total_words: Positions
    unit_vectors: Halves
    window_first: Positions
    window_last: Positions
    window_vectors: Floats
    vocabulary: Vocabulary
    unit_words: Postings
    window_words: Postings

    @classmethod
    def build(
        cls,
        creator_id: CreatorId,
        version: int,
        embedder_id: str,
        sources: Sequence[SourceIndex],
        statistics: WordStatistics | None = None,
    ) -> Self:
        """Join the sources of one creator.

        Args:
            creator_id: whose they are.
            version: of the corpus, to notice that it moved.
            embedder_id: of all the vectors.
            sources: all of them, or, with ``statistics``, those parts that may answer a question.
            statistics: the word counts of the whole library, so that a part is scored as the whole would be.

        Raises:
            ValueError: vectors and units do not match, or vectors differ in their dimensions.
        """
        sources = _checked(sources)
        starts = np.cumsum([0, *(len(source.words) for source in sources)])
        windows = _windows(sources, starts)
        lexical = _Lexical.of(sources, windows, statistics)
        return cls(
            creator_id=creator_id,
            version=version,
            embedder_id=embedder_id,
            source_ids=tuple(source.source_id for source in sources),
            source_starts=starts,
            first_positions=np.array([source.first_unit for source in sources], np.int64),
            starts_s=_joined([source.starts_s for source in sources], np.float32),
            ends_s=_joined([source.ends_s for source in sources], np.float32),
            estimated=_joined([source.estimated for source in sources], np.bool_),
            total_words=_running(_joined([source.words for source in sources], np.int64)),
            unit_vectors=_joined([source.unit_vectors for source in sources], np.float16),
            window_first=windows[:, 0],
            window_last=windows[:, 1],
            window_vectors=_joined([source.window_vectors for source in sources], np.float32),
            vocabulary=lexical.vocabulary,
            unit_words=lexical.units,
            window_words=lexical.windows,
        )

    def place(self, unit: int) -> tuple[SourceId, int]:
        """Return the source of a unit and what turns its position here into its position there."""
        source = int(np.searchsorted(self.source_starts, unit, side="right")) - 1
        return self.source_ids[source], int(self.first_positions[source] - self.source_starts[source])

    @property
    def n_units(self) -> int:
        """Units held."""
        return len(self.starts_s)

    @property
    def n_windows(self) -> int:
        """Windows held."""
        return len(self.window_first)

    @property
    def nbytes(self) -> int:
        """Bytes held, near enough to bound a cache by it."""
        arrays = (getattr(self, name) for name in self.__slots__)
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray | Postings | Vocabulary))


@dataclass(frozen=True, slots=True)
class _Lexical:
    vocabulary: Vocabulary
    units: Postings
    windows: Postings

    @classmethod
    def of(cls, sources: Sequence[SourceIndex], windows: Positions, statistics: WordStatistics | None) -> Self:
        terms = _joined([source.terms for source in sources], np.int32)
        counts = _joined([source.term_counts for source in sources], np.int32)
        ids, columns = np.unique(terms, return_inverse=True)
        narrow: Ints = columns.astype(np.int32)
        in_units = Counted.of(narrow, counts)
        in_windows = _window_counts(narrow, _running(counts), windows)
        known = statistics or _statistics(ids, in_units, in_windows)
        frequency = np.fromiter((known.frequencies.get(term, 0) for term in ids.tolist()), np.float32, len(ids))
        idf = inverse_frequency(frequency, known.windows)
        unseen = inverse_frequency(np.zeros(1, np.float32), known.windows)
        return cls(
            Vocabulary(ids, idf, float(unseen[0])),
            Postings.build(in_units, idf, known.unit_terms),
            Postings.build(in_windows, idf, known.window_terms),
        )


def pack_terms(terms: TermIds) -> bytes:
    """Return the ids as stored: little-endian int32, in order."""
    return terms.astype(_STORED_TERM).tobytes()


def _statistics(ids: TermIds, in_units: Counted, in_windows: Counted) -> WordStatistics:
    frequencies = in_windows.frequencies(len(ids)).astype(int).tolist()
    return WordStatistics(
        windows=len(in_windows.lengths),
        unit_terms=_mean(in_units.lengths),
        window_terms=_mean(in_windows.lengths),
        frequencies=dict(zip(ids.tolist(), frequencies, strict=True)),
    )


def _window_counts(columns: Ints, offsets: Positions, windows: Positions) -> Counted:
    """Count terms in windows, whose occurrences lie side by side because their units do."""
    begins, ends = offsets[windows[:, 0]], offsets[windows[:, 1] + 1]
    lengths = ends - begins
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Counted.of(columns[np.repeat(begins, lengths) + within], lengths.astype(np.int32))


def _checked(sources: Sequence[SourceIndex]) -> list[SourceIndex]:
    """The sources that hold words, each found to be whole."""
    spoken = [source for source in sources if len(source.words)]
    for source in spoken:
        _check(source)
    return spoken


def _windows(sources: Sequence[SourceIndex], starts: Positions) -> Positions:
    """All windows by their first and last unit in the snapshot; (m, 2)."""
    moved = [source.windows + at for source, at in zip(sources, starts, strict=False)]
    return _joined(moved, np.int64).reshape(-1, 2)


def _check(source: SourceIndex) -> None:
    n, m = len(source.words), len(source.windows)
    sizes = (source.starts_s, source.ends_s, source.estimated, source.term_counts, source.unit_vectors)
    if any(len(array) != n for array in sizes) or len(source.window_vectors) != m:
        raise ValueError(f"source {source.source_id}: units, windows and vectors differ in number")
    if int(source.term_counts.sum()) != len(source.terms):
        raise ValueError(f"source {source.source_id}: terms and their counts differ")
    if m and (source.windows.min() < 0 or source.windows.max() >= n):
        raise ValueError(f"source {source.source_id}: a window reaches beyond the units")


def _joined(parts: Sequence[NDArray[Any]], dtype: type[T]) -> NDArray[T]:
    if not parts:
        return np.zeros(0, dtype)
    return np.ascontiguousarray(np.concatenate(parts, dtype=dtype, casting="unsafe"))


def _running(counts: NDArray[np.integer[Any]]) -> Positions:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _mean(lengths: Ints) -> float:
    return float(lengths.mean()) if len(lengths) else 0.0
