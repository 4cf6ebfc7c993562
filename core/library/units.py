"""What is searched and cited: sentences as units, and windows of about a hundred words over them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Final, Protocol

from core.library.transcript import LocatorKind, Segment, Timing, Transcript, Word

WINDOW_WORDS: Final = 100
LONGEST_UNIT_WORDS: Final = 45
LONGEST_SENTENCE_WORDS: Final = 80
JOINED_CUE_WORDS: Final = 14
PAUSE_S: Final = 3.0
"""A silence this long between two cues ends a sentence that no punctuation ended."""
LEAD_S: Final = 1.0
"""A sentence that begins this shortly before the next cue is linked to that cue."""
QUOTE_CHARS: Final = 3
"""So many quotation marks and brackets may stand around a timed word without being part of it."""
SKIPPED_CHARS: Final = 40
"""A timed word further along in the text than this is another one that reads the same."""

_UNSPACED: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]{{1,2}}|[^\s{_UNSPACED}]{{1,30}}")
_ENDS_SENTENCE: Final = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u2019\u201d)\]\u300d]*$")
_SENTENCE_INSIDE: Final = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]")


class SentenceSplitter(Protocol):
    """Finds sentences."""

    def __call__(self, text: str) -> Sequence[tuple[int, int]]:
        """Return (start, end) character offsets, in order, without overlap, covering all but blanks."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence or so: the smallest piece that is searched, quoted and cited.

    ``start_s`` and ``end_s`` are seconds, or paragraph numbers where the source has no times. A unit that begins
    inside a short cue starts with its cue, as heard. One that begins inside a long cue has a start worked out from
    the length of the text: it is ``estimated`` and a link takes the start of an earlier unit (``linked_s``). Where
    the words were timed, a unit starts with its first word. ``locator`` is that of its segment: the page, slide or
    heading of a document; ``speaker`` likewise. Units of one ``paragraph`` may be quoted as one.
    """

    start_s: float
    end_s: float
    text: str
    paragraph: int
    estimated: bool = False
    locator: str = ""
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A run of units, both ends inclusive, as positions in the list of units."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A timed word and where it stands in the text of its block."""

    start: int
    end: int
    word: Word


@dataclass(frozen=True, slots=True)
class _Block:
    """Cues of one speaker that punctuation or a pause closes, as one text."""

    segments: tuple[Segment, ...]
    offsets: tuple[int, ...]
    text: str
    words: tuple[PlacedWord, ...]

    def cue_at(self, position: int) -> int:
        return bisect_right(self.offsets, position) - 1

    def time_at(self, position: int) -> float:
        """Interpolate by characters inside the cue."""
        cue = bisect_left(self.offsets, position, 1) - 1
        segment = self.segments[cue]
        share = (position - self.offsets[cue]) / max(len(segment.text), 1)
        return segment.start_s + (segment.end_s - segment.start_s) * min(share, 1.0)

    def word_from(self, position: int) -> Word | None:
        """The timed word with which the text from ``position`` begins, None without one."""
        found = bisect_left(self.words, position, key=lambda placed: placed.start)
        if found < len(self.words) and self.words[found].start - position <= QUOTE_CHARS:
            return self.words[found].word
        return None

    def word_to(self, position: int) -> Word | None:
        """The timed word with which the text up to ``position`` ends, None without one."""
        found = bisect_left(self.words, position, key=lambda placed: placed.start) - 1
        if found >= 0 and abs(position - self.words[found].end) <= QUOTE_CHARS:
            return self.words[found].word
        return None


def count_words(text: str) -> int:
    """Count words; scripts without spaces count a word for every two characters, endless strings one per 30."""
    return sum(1 for _ in _WORD.finditer(text))


def build_units(transcript: Transcript, split: SentenceSplitter) -> list[Unit]:
    """Cut a transcript into units that never cross a paragraph or a change of speaker."""
    segments = [_tidied(segment) for segment in transcript.segments if segment.text.strip()]
    if transcript.timing is Timing.NONE:
        numbers = _paragraph_numbers(segments, transcript.locator_kind)
        return [
            unit
            for number, segment in zip(numbers, segments, strict=True)
            for unit in _written(segment, number, split)
        ]
    heard = transcript.timing is Timing.HEARD
    return [
        _unit(block, span, paragraph, heard=heard)
        for paragraph, turn in enumerate(_turns(segments))
        for block in _blocks(turn)
        for span in _spans(block, split)
    ]


def build_windows(units: Sequence[Unit], words: int = WINDOW_WORDS, overlap: float = 0.5) -> list[Window]:
    """Lay overlapping windows of at most ``words`` words over the units of one source."""
    ranges = window_ranges([count_words(unit.text) for unit in units], words, overlap)
    return [Window(first, last) for first, last in ranges]


def window_ranges(counts: Sequence[int], words: int, overlap: float = 0.5) -> list[tuple[int, int]]:
    """Return (first, last) positions of windows of at most ``words`` words; a longer unit is a window of its own.

    Args:
        counts: words of every unit of one source.
        words: size of a window.
        overlap: the share of it, in [0, 1), that the next one begins with.
    """
    total = [0, *accumulate(counts)]
    ranges: list[tuple[int, int]] = []
    first, seen = 0, -1
    while seen < len(counts) - 1:
        last = max(bisect_right(total, total[first] + words) - 2, first)
        if last > seen:
            ranges.append((first, last))
            following = bisect_right(total, total[first] + words * (1 - overlap) - 0.5)
            first, seen = min(max(following, first + 1), last + 1), last
        else:  # the next unit is too long to share a window with these
            first = seen + 1
    return ranges


def linked_s(units: Sequence[Unit], position: int) -> float | None:
    """Return the last second at or before a unit that was heard: what a link may carry; None without one."""
    return next((unit.start_s for unit in units[position::-1] if not unit.estimated), None)


def window_text(units: Sequence[Unit], window: Window) -> str:
    """Return what is embedded for a window."""
    return " ".join(unit.text for unit in units[window.first : window.last + 1])


def _tidied(segment: Segment) -> Segment:
    return replace(segment, text=" ".join(segment.text.split()))


def _paragraph_numbers(segments: Sequence[Segment], kind: LocatorKind) -> list[int]:
    """Number the paragraphs; a slide is one, and so are a heading and what follows, lest it be quoted alone."""
    numbers: list[int] = []
    for number, segment in enumerate(segments):
        above = segments[number - 1] if number else None
        same_place = above is not None and segment.locator != "" and above.locator == segment.locator
        whole = kind is LocatorKind.SLIDE or (
            kind is LocatorKind.HEADING and above is not None and above.text == above.locator
        )
        numbers.append(numbers[-1] if same_place and whole else number)
    return numbers


def _written(segment: Segment, number: int, split: SentenceSplitter) -> Iterator[Unit]:
    block = _block([segment])
    for start, end in _sentences(block, split):
        text = block.text[start:end].strip()
        yield Unit(
            segment.start_s, segment.end_s, text, number, locator=segment.locator, speaker=segment.speaker
        )  # fmt: skip


def _turns(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    turn: list[Segment] = []
    for segment in segments:
        if turn and segment.speaker != turn[-1].speaker:
            yield turn
            turn = []
        turn.append(segment)
    if turn:
        yield turn


def _blocks(turn: Iterable[Segment]) -> Iterator[_Block]:
    open_cues: list[Segment] = []
    for segment in turn:
        if open_cues and segment.start_s - open_cues[-1].end_s > PAUSE_S:
            yield _block(open_cues)
            open_cues = []
        open_cues.append(segment)
        if _ENDS_SENTENCE.search(segment.text):
            yield _block(open_cues)
            open_cues = []
    if open_cues:
        yield _block(open_cues)


def _block(segments: Sequence[Segment]) -> _Block:
    offsets = tuple(accumulate((len(segment.text) + 1 for segment in segments[:-1]), initial=0))
    words = [
        word for segment, offset in zip(segments, offsets, strict=True) for word in placed_words(segment, offset)
    ]
    return _Block(tuple(segments), offsets, " ".join(segment.text for segment in segments), tuple(words))


def placed_words(segment: Segment, offset: int) -> Iterator[PlacedWord]:
    """Find the timed words in the text of their segment; one that was corrected away is left out."""
    after = 0
    for word in segment.words:
        text = word.text.strip()
        start = segment.text.find(text, after, after + len(text) + SKIPPED_CHARS) if text else -1
        if start >= 0:
            after = start + len(text)
            yield PlacedWord(offset + start, offset + after, word)


def _spans(block: _Block, split: SentenceSplitter) -> list[tuple[int, int]]:
    """Keep a short cue as it is where only its start was heard; cut the rest into sentences."""
    if len(block.segments) == 1 and not block.words and count_words(block.text) <= LONGEST_UNIT_WORDS:
        return [(0, len(block.text))]
    return _sentences(block, split)


def _sentences(block: _Block, split: SentenceSplitter) -> list[tuple[int, int]]:
    spans = split(block.text) if _SENTENCE_INSIDE.search(block.text) else [(0, len(block.text))]
    return [part for span in spans for piece in _at_cues(block, span) for part in _at_words(block.text, piece)]


def _at_cues(block: _Block, span: tuple[int, int]) -> list[tuple[int, int]]:
    """Cut a run-on sentence, or words without punctuation, where cues begin, into pieces of about 14 words."""
    start, end = span
    ends = _ENDS_SENTENCE.search(block.text[start:end].rstrip())
    if count_words(block.text[start:end]) <= (LONGEST_UNIT_WORDS if ends else 2 * JOINED_CUE_WORDS):
        return [span]
    cuts = [start]
    for offset, following in pairwise((*block.offsets, end)):
        enough = offset > start and count_words(block.text[cuts[-1] : offset]) >= JOINED_CUE_WORDS
        if enough and offset < end and count_words(block.text[offset:end]) >= JOINED_CUE_WORDS // 2:
            cuts.append(offset)
        if following >= end:
            break
    return list(pairwise((*cuts, end)))


def _at_words(text: str, span: tuple[int, int]) -> list[tuple[int, int]]:
    """Cut what no cue and no punctuation divides into equal parts."""
    words = [match.start() for match in _WORD.finditer(text, *span)]
    if len(words) <= LONGEST_SENTENCE_WORDS:
        return [span]
    parts = -(-len(words) // LONGEST_UNIT_WORDS)
    cuts = [words[len(words) * part // parts] for part in range(1, parts)]
    return list(pairwise((span[0], *cuts, span[1])))


def _unit(block: _Block, span: tuple[int, int], paragraph: int, *, heard: bool) -> Unit:
    text = block.text[slice(*span)]
    start = span[0] + len(text) - len(text.lstrip())
    end = span[0] + len(text.rstrip())
    start_s, guessed = _start_s(block, start, end)
    last = block.word_to(end)
    end_s = block.time_at(end) if last is None else _within(block.segments[block.cue_at(end - 1)], last.end_s)
    speaker = block.segments[0].speaker
    return Unit(start_s, max(end_s, start_s), text.strip(), paragraph, guessed or not heard, speaker=speaker)


def _start_s(block: _Block, start: int, end: int) -> tuple[float, bool]:
    """Where a unit starts, and whether that was worked out rather than heard."""
    cue = block.cue_at(start)
    if (first := block.word_from(start)) is not None:
        return _within(block.segments[cue], first.start_s), False
    if start > block.offsets[cue] and count_words(block.segments[cue].text) > LONGEST_UNIT_WORDS:
        return block.time_at(start), True
    return _cue_start_s(block, start, end), False


def _within(cue: Segment, moment_s: float) -> float:
    return min(max(moment_s, cue.start_s), cue.end_s)


def _cue_start_s(block: _Block, start: int, end: int) -> float:
    """The start of the cue, or of the next one for a sentence that begins just before it."""
    cue = block.cue_at(start)
    if start > block.offsets[cue] and cue + 1 < len(block.segments) and end > block.offsets[cue + 1]:
        following_s = block.segments[cue + 1].start_s
        if following_s - block.time_at(start) <= LEAD_S:
            return following_s
    return block.segments[cue].start_s
