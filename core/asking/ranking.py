"""From a question's vector and words to the passages that answer it and the second to link to.

Windows are scored first; only the units of promising windows are looked at one by one. Every scale is the score
divided by the best of this question, so that a part of a library is scored as the whole of it would be.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.lexical import Floats
from core.asking.snapshot import Snapshot
from core.asking.words import TermIds
from core.ids import SourceId

SPAN_WORDS: Final = 145
SHORTEST_SPAN_WORDS: Final = 30
STARTS: Final = 3

WINDOW_DENSE: Final = 0.25
WINDOW_LEXICAL: Final = 0.40
UNIT_DENSE: Final = 0.25
UNIT_LEXICAL: Final = 0.10
START_LEXICAL: Final = 0.4
START_WINDOW: Final = 0.6
START_WINDOWS: Final = 5
"""The cited unit lies in one of this many best windows."""

PROMISING_WINDOWS: Final = 300
PROMISING_UNITS: Final = 60


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question as ranking sees it: ``vector`` float32 (d,) of length 1, ``terms`` its different term ids."""

    vector: Floats
    terms: TermIds


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage of at most 145 words; unit positions count within the source, both ends inclusive.

    ``cited_unit`` lies inside and is what a link should open.
    """

    source_id: SourceId
    first_unit: int
    last_unit: int
    cited_unit: int
    score: float


@dataclass(frozen=True, slots=True)
class Start:
    """A unit worth linking to: its position within the source and its score."""

    source_id: SourceId
    unit: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best passages, best first and without overlap; the three best starts; what the gate compares."""

    hits: tuple[Hit, ...]
    starts: tuple[Start, ...]
    gate: float


@dataclass(frozen=True, slots=True)
class _Scores:
    """Scores of the promising windows and of all their units, each in ascending order of position."""

    windows: NDArray[np.int64]
    window: Floats
    units: NDArray[np.int64]
    unit: Floats


def rank(snapshot: Snapshot, query: SearchQuery, limit: int = 10) -> Ranking:
    """Rank the passages of one creator for one question.

    Args:
        snapshot: the creator's library, or the part of it that may answer.
        query: vector and terms of the question; without terms only the vector counts.
        limit: most hits to return.
    """
    if snapshot.n_windows == 0:
        return Ranking((), (), 0.0)
    scores, gate = _scored(snapshot, query)
    best = np.argsort(-scores.window, kind="stable")
    starts = _starts(snapshot, scores, best)
    spans = _spans(snapshot, scores, best, starts[0], limit)
    return Ranking(
        hits=tuple(_hit(snapshot, scores, span, score) for span, score in spans),
        starts=tuple(_start(snapshot, scores, at) for at in starts),
        gate=gate,
    )


def _scored(snapshot: Snapshot, query: SearchQuery) -> tuple[_Scores, float]:
    columns, known = snapshot.vocabulary.columns(query.terms)
    columns = columns[known]
    dense = snapshot.window_vectors @ query.vector
    lexical = snapshot.window_words.scores(columns)
    unit_lexical = snapshot.unit_words.scores(columns)
    windows = _promising(snapshot, WINDOW_DENSE * _scaled(dense) + WINDOW_LEXICAL * _scaled(lexical), unit_lexical)
    units = _units_of(snapshot, windows)
    unit_dense = snapshot.unit_vectors[units].astype(np.float32) @ query.vector
    first = np.searchsorted(units, snapshot.window_first[windows])
    last = np.searchsorted(units, snapshot.window_last[windows])
    dense_scaled, lexical_scaled = _scaled(unit_dense), _scaled(unit_lexical[units])
    window = (
        WINDOW_DENSE * _scaled(dense)[windows]
        + WINDOW_LEXICAL * _scaled(lexical)[windows]
        + UNIT_DENSE * _best_inside(dense_scaled, first, last)
        + UNIT_LEXICAL * _best_inside(lexical_scaled, first, last)
    )
    around = np.zeros(len(units), np.float32)
    for at in np.argsort(window, kind="stable"):
        around[first[at] : last[at] + 1] = window[at]
    unit = dense_scaled + START_LEXICAL * lexical_scaled + START_WINDOW * around
    return _Scores(windows, window, units, unit), float(dense.max())


def _promising(snapshot: Snapshot, coarse: Floats, unit_lexical: Floats) -> NDArray[np.int64]:
    """Choose the windows worth a closer look: the best as a whole, and those around the best units by words."""
    if snapshot.n_windows <= PROMISING_WINDOWS:
        return np.arange(snapshot.n_windows)
    best = np.argpartition(-coarse, PROMISING_WINDOWS)[:PROMISING_WINDOWS]
    units = np.argpartition(-unit_lexical, min(PROMISING_UNITS, len(unit_lexical) - 1))[:PROMISING_UNITS]
    last_before = np.searchsorted(snapshot.window_first, units, side="right") - 1
    return np.unique(np.concatenate([best, last_before, np.maximum(last_before - 1, 0)]))


def _units_of(snapshot: Snapshot, windows: NDArray[np.int64]) -> NDArray[np.int64]:
    inside = np.zeros(snapshot.n_units + 1, np.int32)
    np.add.at(inside, snapshot.window_first[windows], 1)
    np.add.at(inside, snapshot.window_last[windows] + 1, -1)
    return np.flatnonzero(np.cumsum(inside[:-1]) > 0)


def _best_inside(values: Floats, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
    bounds = np.stack([first, last + 1], axis=1).ravel()
    best: Floats = np.maximum.reduceat(np.append(values, np.float32(0)), bounds)[::2]
    return best


def _scaled(scores: Floats) -> Floats:
    best = float(scores.max()) if len(scores) else 0.0
    return scores / np.float32(best) if best > 0 else np.zeros_like(scores)


def _starts(snapshot: Snapshot, scores: _Scores, best: NDArray[np.int64]) -> list[int]:
    """Choose the best units of the best windows, as positions in ``scores.units``."""
    chosen = best[:START_WINDOWS]
    inside = np.concatenate([_positions(snapshot, scores, at) for at in chosen])
    inside = np.unique(inside)
    order = np.argsort(-scores.unit[inside], kind="stable")[:STARTS]
    return [int(inside[at]) for at in order]


def _positions(snapshot: Snapshot, scores: _Scores, at: int) -> NDArray[np.int64]:
    window = scores.windows[at]
    first, last = np.searchsorted(scores.units, (snapshot.window_first[window], snapshot.window_last[window]))
    return np.arange(first, last + 1)


def _spans(
    snapshot: Snapshot, scores: _Scores, best: NDArray[np.int64], start: int, limit: int
) -> list[tuple[tuple[int, int], float]]:
    """Lay spans without overlap: the first from the best start, then one for each window from the best down."""
    first = int(scores.units[start])
    spans = [((first, _forward(snapshot, first)), float(scores.window.max()))]
    for at in best:
        if len(spans) >= limit:
            break
        first = int(snapshot.window_first[scores.windows[at]])
        span = _freed((first, _forward(snapshot, first)), [taken for taken, _ in spans])
        if span and _words(snapshot, span) >= SHORTEST_SPAN_WORDS:
            spans.append((span, float(scores.window[at])))
    return spans


def _freed(span: tuple[int, int], taken: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Cut off what other spans already show."""
    first, last = span
    for begin, end in taken:
        if begin <= last and end >= first:
            first, last = (first, begin - 1) if begin > first else (end + 1, last)
    return (first, last) if last >= first else None


def _forward(snapshot: Snapshot, first: int) -> int:
    """Return the last unit of a span of at most 145 words that stays in its source; never before ``first``."""
    source = int(np.searchsorted(snapshot.source_starts, first, side="right")) - 1
    room = snapshot.total_words[first] + SPAN_WORDS
    last = int(np.searchsorted(snapshot.total_words, room, side="right")) - 2
    return max(min(last, int(snapshot.source_starts[source + 1]) - 1), first)


def _words(snapshot: Snapshot, span: tuple[int, int]) -> int:
    return int(snapshot.total_words[span[1] + 1] - snapshot.total_words[span[0]])


def _place(snapshot: Snapshot, unit: int) -> tuple[SourceId, int]:
    """Return the source of a unit and what to add to its position here for its position there."""
    source = int(np.searchsorted(snapshot.source_starts, unit, side="right")) - 1
    return snapshot.source_ids[source], int(snapshot.first_positions[source] - snapshot.source_starts[source])


def _hit(snapshot: Snapshot, scores: _Scores, span: tuple[int, int], score: float) -> Hit:
    source_id, shift = _place(snapshot, span[0])
    first, last = np.searchsorted(scores.units, (span[0], span[1] + 1))
    cited = int(scores.units[first + int(np.argmax(scores.unit[first:last]))]) if last > first else span[0]
    return Hit(source_id, span[0] + shift, span[1] + shift, cited + shift, score)


def _start(snapshot: Snapshot, scores: _Scores, at: int) -> Start:
    unit = int(scores.units[at])
    source_id, shift = _place(snapshot, unit)
    return Start(source_id, unit + shift, float(scores.unit[at]))
