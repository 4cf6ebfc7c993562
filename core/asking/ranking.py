"""From a question's vector and words to the passages that answer it and the second to link to.

Windows are scored first; only the units of promising windows are looked at one by one. From the units of the best
windows spans run forward, and the second to link to is chosen apart from the span that is shown. Every measure is
divided by the best of this question, so that a part of a library is scored as the whole of it would be.
docs/decisions/0003-ranking.md and 0021-ranking-again.md have the figures behind the weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.asking.laying import Ground, Span, lay_by_chance, lay_by_fit
from core.asking.lexical import Floats, Ints, Positions
from core.asking.opening import Beginnings, Flags, chances, on_one_line, openings
from core.asking.snapshot import Halves, Snapshot
from core.asking.words import TermIds
from core.ids import SourceId

SPAN_WORDS: Final = 145
ONWARD_WORDS: Final = 100
STARTS: Final = 3

PROMISING_WINDOWS: Final = 150
PROMISING_UNITS: Final = 40
BEST_WINDOWS: Final = 25
BEST_UNITS: Final = 15
COVERED_WINDOWS: Final = 5

_MANTISSA_GAP: Final = 13
_EXPONENT_GAP: Final = 112
_SIGN_EXPONENT_MANTISSA: Final = np.int32(-0x70002000)

REPEATS: Final = 1.2
"""How soon more units with the same term stop counting for a span."""
NEARLY_AS_CLOSE: Final = 0.7
"""After an objection, what is shown begins with a sentence that is nearly as close to the question as the closest."""
FASTEST_SPEECH: Final = 8.0
"""Words a second; a source with more of them was written, and its times are numbers of paragraphs."""
WELCOME_S: Final = 15.0
"""A recording first says for about so long what it will be about; what is said there is seldom the answer."""


@dataclass(frozen=True, slots=True)
class _Weights:
    """Shares of a passage's measures: its vector, its words, its best unit by vector and by words."""

    dense: float = 0.25
    lexical: float = 0.40
    unit_dense: float = 0.25
    unit_lexical: float = 0.10
    source: float = 0.30
    """Of spans only: the best unit of their source by vector."""


@dataclass(frozen=True, slots=True)
class _StartWeights:
    """Beside the unit's vector, which counts 1: its words, its window, terms and closeness of what follows."""

    lexical: float = 0.4
    window: float = 2.0
    coverage: float = 1.4
    own_coverage: float = 0.4
    onward: float = 0.4
    welcome: float = -0.3


PASSAGE: Final = _Weights()
START: Final = _StartWeights()

GATE_UNIT: Final = 0.9
GATE_COVERAGE: Final = 0.5
GATE_LEXICAL: Final = 0.045


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question as ranking sees it: ``vector`` float32 (d,) of length 1, ``terms`` its different term ids.

    ``besides`` are units, by source and position, that were shown before: no start may be one, or lead up to one.
    ``fact`` tells that one sentence would answer it, see ``core.asking.facts``.
    """

    vector: Floats
    terms: TermIds
    besides: frozenset[tuple[SourceId, int]] = frozenset()
    fact: bool = False

    @property
    def words_only(self) -> bool:
        """Whether there is no vector, all zeros: then only words count."""
        return not self.vector.any()


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
    """A unit worth linking to: its position within the source and its score; ``close`` is its own cosine."""

    source_id: SourceId
    unit: int
    score: float
    close: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best passages, best first and without overlap; the three best starts; what the gate compares.

    ``covered`` is the share of the question's terms that one of the starts' spans says: by number or by how telling
    they are, whichever is more, since in a small library its own subject tells little.
    """

    hits: tuple[Hit, ...]
    starts: tuple[Start, ...]
    gate: float
    covered: float = 1.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What every window and unit scores by itself: ``dense`` and ``lexical`` (m,), ``unit_lexical`` (n,).

    ``columns`` (k,) are the known terms of the question, ``idf`` (k,) how telling they are, ``all_idf`` their sum
    with the unknown ones.
    """

    columns: Ints
    idf: Floats
    all_idf: float
    dense: Floats
    lexical: Floats
    unit_lexical: Floats


@dataclass(frozen=True, slots=True)
class _Promising:
    """Windows worth a closer look, with their score, and their units with vector score and best window around."""

    windows: Positions
    score: Floats
    units: Positions
    unit_dense: Floats
    around: Floats


@dataclass(frozen=True, slots=True)
class _Spans:
    """Spans that run forward from candidate units: how good each is as a start and as a hit, and what it covers.

    ``close`` are the cosines of the units that they begin with, ``on_subject`` those that have a term themselves.
    """

    first: Positions
    last: Positions
    close: Floats
    on_subject: Flags
    spoken: Flags
    start: Floats
    hit: Floats
    covered: Floats


def rank(snapshot: Snapshot, query: SearchQuery, limit: int = 10) -> Ranking:
    """Rank the passages of one creator for one question.

    Args:
        snapshot: the creator's library, or the part of it that may answer.
        query: vector and terms of the question; without terms only the vector counts.
        limit: most hits to return.
    """
    if snapshot.n_windows == 0:
        return Ranking((), (), 0.0, 0.0)
    seen = _seen(snapshot, query)
    promising = _promising(snapshot, query, seen)
    spans = _spans(snapshot, query, seen, promising)
    opened = openings(_beginnings(snapshot, spans), STARTS, _shown_before(snapshot, spans, query))
    if not opened:
        return Ranking((), (), 0.0, 0.0)
    return Ranking(
        hits=tuple(_hits(snapshot, spans, opened[0], limit, fact=query.fact)),
        starts=tuple(_start(snapshot, spans, at) for at in opened),
        gate=_gate(snapshot, seen, promising),
        covered=max(
            (float(spans.covered[at]) for at in _answering(snapshot, spans, promising, opened, query)), default=0.0
        ),
    )


def _answering(
    snapshot: Snapshot, spans: _Spans, promising: _Promising, opened: Sequence[int], query: SearchQuery
) -> Iterator[int]:
    """Yield the opened spans that may answer: after an objection those that are new and nearly as close as any."""
    least = NEARLY_AS_CLOSE * float(promising.unit_dense.max()) if query.besides else -1.0
    for at in opened:
        source_id, shift = snapshot.place(int(spans.first[at]))
        units = range(int(spans.first[at]) + shift, int(spans.last[at]) + shift + 1)
        if spans.close[at] >= least and query.besides.isdisjoint((source_id, unit) for unit in units):
            yield at


def _shown_before(snapshot: Snapshot, spans: _Spans, query: SearchQuery) -> Flags:
    """Tell which spans begin with, or lead up to, what was shown before."""
    if not query.besides:
        return np.zeros(len(spans.first), np.bool_)
    shown = np.zeros(len(spans.first), np.bool_)
    for at, (first, last) in enumerate(zip(spans.first, spans.last, strict=True)):
        source_id, shift = snapshot.place(int(first))
        shown[at] = any((source_id, unit + shift) in query.besides for unit in range(int(first), int(last) + 1))
    return shown


def _seen(snapshot: Snapshot, query: SearchQuery) -> _Seen:
    columns, known = snapshot.vocabulary.columns(query.terms)
    columns = columns[known]
    return _Seen(
        columns=columns,
        idf=snapshot.vocabulary.idf[columns],
        all_idf=max(float(snapshot.vocabulary.idf_of(query.terms).sum()), 1e-6),
        dense=snapshot.window_vectors @ query.vector,
        lexical=snapshot.window_words.scores(columns),
        unit_lexical=snapshot.unit_words.scores(columns),
    )


def _promising(snapshot: Snapshot, query: SearchQuery, seen: _Seen) -> _Promising:
    dense, lexical = _scaled(seen.dense), _scaled(seen.lexical)
    coarse = PASSAGE.dense * dense + PASSAGE.lexical * lexical
    windows = _worth_a_look(snapshot, coarse, seen.unit_lexical)
    units = _covered(snapshot, snapshot.window_first[windows], snapshot.window_last[windows])
    unit_dense = _cosines(snapshot, units, query)
    first = np.searchsorted(units, snapshot.window_first[windows])
    last = np.searchsorted(units, snapshot.window_last[windows])
    inside_dense = _best_inside(_scaled(unit_dense), first, last)
    inside_lexical = _best_inside(seen.unit_lexical[units], first, last) / _top(seen.unit_lexical)
    score = coarse[windows] + PASSAGE.unit_dense * inside_dense + PASSAGE.unit_lexical * inside_lexical
    around = np.zeros(len(units), np.float32)
    for at in np.argsort(score, kind="stable"):
        around[first[at] : last[at] + 1] = score[at]
    return _Promising(windows, score, units, unit_dense, around)


def _worth_a_look(snapshot: Snapshot, coarse: Floats, unit_lexical: Floats) -> Positions:
    """Choose the best windows as a whole, and those around the best units by words."""
    if snapshot.n_windows <= PROMISING_WINDOWS:
        return np.arange(snapshot.n_windows)
    best = np.argpartition(-coarse, PROMISING_WINDOWS)[:PROMISING_WINDOWS]
    most = min(PROMISING_UNITS, len(unit_lexical))
    units = np.argpartition(-unit_lexical, most - 1)[:most]
    around = np.searchsorted(snapshot.window_first, units, side="right") - 1
    return np.unique(np.concatenate([best, around, np.maximum(around - 1, 0)]))


def _spans(snapshot: Snapshot, query: SearchQuery, seen: _Seen, promising: _Promising) -> _Spans:
    at = _candidates(snapshot, seen, promising)
    first = promising.units[at]
    last = _forward(snapshot, first, SPAN_WORDS)
    counts = snapshot.unit_words.rows_within(seen.columns, first, last)
    said, said_first = counts > 0, snapshot.unit_words.rows_within(seen.columns, first, first) > 0
    coverage = seen.idf @ said / seen.all_idf
    lexical = _scaled(seen.idf @ (counts / (counts + REPEATS)))
    own_words = seen.unit_lexical / _top(seen.unit_lexical)
    spoken = _spoken(snapshot, first)
    near = _covered(snapshot, first, last)
    cosines = _cosines_near(snapshot, query, promising, near)
    here, there = np.searchsorted(near, first), np.searchsorted(near, last)
    onward = _onward(cosines, here, np.searchsorted(near, _forward(snapshot, first, ONWARD_WORDS)))
    start = (
        promising.unit_dense[at] / _top(promising.unit_dense)
        + START.lexical * own_words[first]
        + START.window * promising.around[at]
        + START.coverage * coverage
        + START.own_coverage * (seen.idf @ said_first / seen.all_idf)
        + START.onward * onward
        + START.welcome * (spoken & (snapshot.starts_s[first] < WELCOME_S))
    )
    hit = (
        PASSAGE.dense * onward
        + PASSAGE.lexical * lexical
        + PASSAGE.unit_dense * _scaled(_best_inside(cosines, here, there))
        + PASSAGE.unit_lexical * _best_inside(own_words[near], here, there)
        + PASSAGE.source * _best_of_source(snapshot, promising, first)
    )
    by_number = said.sum(axis=0) / max(len(query.terms), 1)
    return _Spans(
        first, last, promising.unit_dense[at], np.any(said_first, axis=0), spoken, start, hit,
        np.maximum(coverage, by_number),
    )  # fmt: skip


def _candidates(snapshot: Snapshot, seen: _Seen, promising: _Promising) -> Positions:
    """Choose the units of the best windows and the best units anywhere, as positions in ``promising.units``."""
    windows = promising.windows[np.argsort(-promising.score, kind="stable")[:BEST_WINDOWS]]
    inside = _covered(snapshot, snapshot.window_first[windows], snapshot.window_last[windows])
    unit = _scaled(promising.unit_dense) + seen.unit_lexical[promising.units] / _top(seen.unit_lexical)
    best = np.argsort(-unit, kind="stable")[:BEST_UNITS]
    return np.union1d(np.searchsorted(promising.units, inside), best)


def _onward(cosines: Floats, here: Positions, there: Positions) -> Floats:
    """Add up how close the next 100 words are, so that several close sentences count for more than one."""
    total = np.concatenate([[0.0], np.cumsum(cosines, dtype=np.float64)])
    return _scaled(((total[there + 1] - total[here]) / np.sqrt(there + 1 - here)).astype(np.float32))


def _best_of_source(snapshot: Snapshot, promising: _Promising, first: Positions) -> Floats:
    """Return how close the closest unit of the source of each span is, whichever parts of it are here."""
    _, source = np.unique(np.array(snapshot.source_ids), return_inverse=True)
    best = np.zeros(len(snapshot.source_ids), np.float32)
    np.maximum.at(best, source[_source_of(snapshot, promising.units)], _scaled(promising.unit_dense))
    of_spans: Floats = best[source[_source_of(snapshot, first)]]
    return of_spans


def _spoken(snapshot: Snapshot, units: Positions) -> Flags:
    """Tell which units are of a recording: nobody says more than a few words a second."""
    begin, end = snapshot.source_starts[:-1], snapshot.source_starts[1:]
    words = snapshot.total_words[end] - snapshot.total_words[begin]
    spoken: Flags = words <= FASTEST_SPEECH * (snapshot.ends_s[end - 1] - snapshot.starts_s[begin])
    return spoken[_source_of(snapshot, units)]


def _beginnings(snapshot: Snapshot, spans: _Spans) -> Beginnings:
    """Lay the first units of spans on a line; those of a text lie apart, where nothing is said within seconds."""
    source = _source_of(snapshot, spans.first)
    place = np.where(spans.spoken, source, len(snapshot.source_ids) + spans.first)
    moments = on_one_line(place, snapshot.starts_s[spans.first])
    return Beginnings(moments, spans.start, spans.close, spans.on_subject)


def _hits(snapshot: Snapshot, spans: _Spans, start: int, limit: int, *, fact: bool) -> Iterator[Hit]:
    source = _source_of(snapshot, spans.first)
    begin, end = snapshot.source_starts[source], snapshot.source_starts[source + 1]
    words = snapshot.total_words
    ground = Ground(spans.first, spans.last, words, words[end] - words[begin])
    likely = chances(spans.start)
    laid = lay_by_chance(ground, start, likely, limit) if fact else lay_by_fit(ground, start, spans.hit, limit)
    for number, (span, score) in enumerate(laid):
        cited = int(spans.first[start]) if number == 0 else _cited(spans, span)
        source_id, shift = snapshot.place(span[0])
        yield Hit(source_id, span[0] + shift, span[1] + shift, cited + shift, score)


def _gate(snapshot: Snapshot, seen: _Seen, promising: _Promising) -> float:
    """Blend how close the closest window and unit are, how many terms a window covers, and how well."""
    windows = promising.windows[np.argsort(-promising.score, kind="stable")[:COVERED_WINDOWS]]
    first, last = snapshot.window_first[windows], snapshot.window_last[windows]
    covered = seen.idf @ (snapshot.unit_words.rows_within(seen.columns, first, last) > 0) / seen.all_idf
    close = float(seen.dense.max()) + GATE_UNIT * float(promising.unit_dense.max())
    return close + GATE_COVERAGE * float(covered.max()) + GATE_LEXICAL * float(seen.lexical.max())


def _cosines(snapshot: Snapshot, units: Positions, query: SearchQuery) -> Floats:
    scale = np.float32(2.0**_EXPONENT_GAP)
    return _shifted(snapshot.unit_vectors[units]) @ (query.vector * scale)


def _cosines_near(snapshot: Snapshot, query: SearchQuery, promising: _Promising, near: Positions) -> Floats:
    """Return the cosines of units most of which were compared already."""
    at = np.minimum(np.searchsorted(promising.units, near), len(promising.units) - 1)
    cosines = promising.unit_dense[at]
    new = promising.units[at] != near
    cosines[new] = _cosines(snapshot, near[new], query)
    return cosines


def _shifted(halves: Halves) -> Floats:
    """Return the halves as float32 divided by 2**112: the bits only move, an eighth of the cost of a conversion."""
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= _MANTISSA_GAP
    bits &= _SIGN_EXPONENT_MANTISSA
    return bits.view(np.float32)


def _covered(snapshot: Snapshot, first: Positions, last: Positions) -> Positions:
    """Return the units inside any of the ranges, ascending."""
    steps = np.bincount(first, minlength=snapshot.n_units + 1) - np.bincount(last + 1, minlength=snapshot.n_units + 1)
    return np.flatnonzero(np.cumsum(steps[:-1]) > 0)


def _best_inside(values: Floats, first: Positions, last: Positions) -> Floats:
    bounds = np.stack([first, last + 1], axis=1).ravel()
    best: Floats = np.maximum.reduceat(np.append(values, np.float32(0)), bounds)[::2]
    return best


def _top(scores: Floats) -> float:
    """Return the best score, or 1 where none is above 0, so that dividing by it is safe."""
    best = float(scores.max()) if len(scores) else 0.0
    return best if best > 0 else 1.0


def _scaled(scores: Floats) -> Floats:
    return scores / np.float32(_top(scores))


def _forward(snapshot: Snapshot, first: Positions, words: int) -> Positions:
    """Return the last units of runs of at most ``words`` words that stay in their source; never before ``first``."""
    source = _source_of(snapshot, first)
    last = np.searchsorted(snapshot.total_words, snapshot.total_words[first] + words, side="right") - 2
    return np.maximum(np.minimum(last, snapshot.source_starts[source + 1] - 1), first)


def _source_of(snapshot: Snapshot, units: Positions) -> Positions:
    """Return the index of the source of each unit."""
    return np.searchsorted(snapshot.source_starts, units, side="right") - 1


def _cited(spans: _Spans, span: Span) -> int:
    """Return the unit inside a span with which an answer most likely begins."""
    inside = np.flatnonzero((spans.first >= span[0]) & (spans.first <= span[1]))
    return int(spans.first[inside[np.argmax(spans.start[inside])]]) if len(inside) else span[0]


def _start(snapshot: Snapshot, spans: _Spans, at: int) -> Start:
    unit = int(spans.first[at])
    source_id, shift = snapshot.place(unit)
    return Start(source_id, unit + shift, float(spans.start[at]), float(spans.close[at]))
