"""Takes out what recognisers of speech invent: loops, and phrases where nobody speaks."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.library.transcript import Segment, Word

Span = tuple[float, float]
"""(start_s, end_s) in seconds from the beginning of a recording."""
Cut = tuple[int, int]
"""(start, end) offsets of characters that go."""

FASTEST_CHARS_A_S: Final = 30.0
"""Nobody speaks faster: a phrase that has less sound than this was not said."""
EDGE_S: Final = 0.3
"""Recognisers place words this inexactly, so only what lies deeper in a silence was invented."""
PAUSE_S: Final = 1.5
LONGEST_ROUND_WORDS: Final = 30
FEWEST_ROUNDS: Final = 3
FEWEST_LOOP_WORDS: Final = 8
"""People do say "no, no, no" and "one two, one two": a loop has at least so many words, and three rounds."""

_UNSPACED: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['\u2019][^\W{_UNSPACED}]+)*")


class Quiet:
    """Where a recording is silent."""

    def __init__(self, silences: Sequence[Span], length_s: float) -> None:
        """Take silences in any order; one at the beginning or end of the recording reaches beyond it."""
        self._edges_s = [-EDGE_S]
        self._silent_s = [0.0]
        for span in sorted(silences):
            start_s = span[0] if span[0] > EDGE_S else -EDGE_S
            end_s = max(span[1] if span[1] < length_s - EDGE_S else length_s + EDGE_S, self._edges_s[-1])
            if len(self._edges_s) > 1 and start_s <= self._edges_s[-1]:
                self._silent_s[-1] += end_s - self._edges_s[-1]
                self._edges_s[-1] = end_s
            else:
                self._edges_s += [start_s, end_s]
                self._silent_s += [self._silent_s[-1], self._silent_s[-1] + end_s - start_s]

    def within(self, start_s: float, end_s: float) -> float:
        """Return the seconds between two moments that are silent."""
        before, after = np.interp([start_s, end_s], self._edges_s, self._silent_s)
        return float(after - before)

    def around(self, at_s: float) -> Span | None:
        """Return the silence that a moment lies in."""
        edge = bisect_right(self._edges_s, at_s)
        return (self._edges_s[edge - 1], self._edges_s[edge]) if edge and edge % 2 == 0 else None

    def trim(self, start_s: float, end_s: float) -> Span:
        """Shorten a span to where it sounds; one that lies in a single silence stays as it is."""
        before, after = self.around(start_s), self.around(end_s)
        if before is not None and before[1] < end_s:
            start_s = before[1]
        if after is not None and after[0] > start_s:
            end_s = after[0]
        return start_s, end_s


def without_invented(segments: Sequence[Segment], quiet: Quiet) -> tuple[Segment, ...]:
    """Return what was said, in order.

    - A phrase that lies mostly in silence and has too little sound to be spoken goes; so do single words deep inside
      a silence.
    - What is repeated round after round stays once.
    - Words and segments that reach into a silence end, or begin, where it does.
    - A segment ends where its speaker pauses, and where the same speaker's next one begins.

    Args:
        segments: ordered by their start.
        quiet: where the recording is silent.
    """
    said = [segment for segment in segments if not _unsaid(segment, quiet)]
    said = _cut_all(said, [_silent_words(segment, quiet) for segment in said])
    said = _cut_all(said, _loops(said))
    return tuple(_ended([part for segment in said for part in _phrases(_trimmed(segment, quiet))]))


def _unsaid(segment: Segment, quiet: Quiet) -> bool:
    length_s = segment.end_s - segment.start_s
    silent_s = quiet.within(segment.start_s, segment.end_s)
    return silent_s >= length_s / 2 and silent_s > 0 and length_s - silent_s < len(segment.text) / FASTEST_CHARS_A_S


def _silent_words(segment: Segment, quiet: Quiet) -> list[Cut]:
    places = _places(segment)
    return [place for word, place in zip(segment.words, places, strict=False) if _deep(word, quiet)]


def _deep(word: Word, quiet: Quiet) -> bool:
    start_s, end_s = word.start_s - EDGE_S, word.end_s + EDGE_S
    return quiet.within(start_s, end_s) > end_s - start_s - 1e-6


def _places(segment: Segment) -> list[Cut]:
    """Return where in its text each word stands, with what follows it; nothing where one is not found."""
    starts: list[int] = []
    after = 0
    for word in segment.words:
        start = segment.text.find(word.text, after)
        if start < 0:
            return []
        starts.append(start)
        after = start + len(word.text)
    return list(pairwise([*starts, len(segment.text)]))


def _loops(segments: Sequence[Segment]) -> list[list[Cut]]:
    """Find, over all segments, the words of every round but the first."""
    found = [list(_WORD.finditer(segment.text)) for segment in segments]
    vocabulary: dict[str, int] = {}
    ids = [vocabulary.setdefault(word[0].casefold(), len(vocabulary)) for words in found for word in words]
    repeated = iter(_repeated(np.array(ids, np.int64)).tolist())
    cuts: list[list[Cut]] = []
    for segment, words in zip(segments, found, strict=True):
        spans = pairwise([*(word.start() for word in words), len(segment.text)])
        cuts.append([span for span in spans if next(repeated)])
    return cuts


def _repeated(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the words that say again, three times or more, what was said right before them."""
    marked = np.zeros(len(ids), np.bool_)
    for length in range(1, min(LONGEST_ROUND_WORDS, len(ids) // FEWEST_ROUNDS) + 1):
        same = np.concatenate(([0], ids[length:] == ids[:-length], [0])).astype(np.int8)
        changes = np.flatnonzero(np.diff(same))
        for first, end in changes.reshape(-1, 2):
            if end + length - first >= max(FEWEST_ROUNDS * length, FEWEST_LOOP_WORDS):
                marked[first + length : end + length] = True
    return marked


def _cut_all(segments: Sequence[Segment], cuts: Sequence[Sequence[Cut]]) -> list[Segment]:
    shortened = (_cut(segment, spans) for segment, spans in zip(segments, cuts, strict=True))
    return [segment for segment in shortened if segment.text]


def _cut(segment: Segment, cuts: Sequence[Cut]) -> Segment:
    """Take characters out of a segment's text, and the words that begin there."""
    if not cuts:
        return segment
    kept = [
        word
        for word, place in zip(segment.words, _places(segment), strict=False)
        if not any(start <= place[0] < end for start, end in cuts)
    ]
    text = segment.text
    for start, end in reversed(cuts):
        text = text[:start] + text[end:]
    times = (kept[0].start_s, kept[-1].end_s) if kept else (segment.start_s, segment.end_s)
    return replace(segment, start_s=times[0], end_s=times[1], text=text.strip(), words=tuple(kept))


def _trimmed(segment: Segment, quiet: Quiet) -> Segment:
    start_s, end_s = quiet.trim(segment.start_s, segment.end_s)
    words = (Word(*quiet.trim(word.start_s, word.end_s), word.text) for word in segment.words)
    return replace(segment, start_s=start_s, end_s=end_s, words=tuple(words))


def _phrases(segment: Segment) -> Iterator[Segment]:
    """Part a segment where its words are a pause apart, so that each part has a time of its own."""
    places = _places(segment)
    pauses = [
        at for at, (word, after) in enumerate(pairwise(segment.words), 1) if after.start_s - word.end_s >= PAUSE_S
    ]
    if not (places and pauses):
        yield segment
        return
    for first, end in pairwise([0, *pauses, len(places)]):
        words = segment.words[first:end]
        text = segment.text[places[first][0] if first else 0 : places[end - 1][1]].strip()
        yield replace(segment, start_s=words[0].start_s, end_s=words[-1].end_s, text=text, words=words)


def _ended(segments: list[Segment]) -> Iterator[Segment]:
    """Let no segment run into the same speaker's next one."""
    segments.sort(key=lambda segment: segment.start_s)
    for segment, following in pairwise(segments):
        late = following.speaker == segment.speaker and following.start_s < segment.end_s
        yield _until(segment, following.start_s) if late else segment
    yield from segments[-1:]


def _until(segment: Segment, end_s: float) -> Segment:
    words = (Word(min(word.start_s, end_s), min(word.end_s, end_s), word.text) for word in segment.words)
    return replace(segment, end_s=end_s, words=tuple(words))
