"""Timed text: what every kind of source becomes before it is searchable."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Timing(StrEnum):
    """How far the times of a source can be trusted; only ``HEARD`` times are linked to the second."""

    HEARD = "heard"
    ESTIMATED = "estimated"
    NONE = "none"


class LocatorKind(StrEnum):
    """How a citation says where in its source it stands: by time, or where a document's reader finds it."""

    TIME = "time"
    PAGE = "page"
    SLIDE = "slide"
    HEADING = "heading"


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was heard; seconds from the beginning of the source."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a source with a name of its own; ``start_s`` as in its segments."""

    start_s: float
    title: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a source as its file gives it: a cue, a recognised phrase, a paragraph.

    ``start_s`` and ``end_s`` are seconds from the beginning of the source, 0 <= start_s <= end_s. For a source
    without times (``Timing.NONE``) they count paragraphs instead: paragraph n is ``(n, n + 1)``. ``locator`` is then
    what its reader looks for: the number of a page or slide, or the heading above. ``words`` are the words of
    ``text`` in order where each was timed, else empty.
    """

    start_s: float
    end_s: float
    text: str
    speaker: str = ""
    locator: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """All segments of one source, ordered by time, with what its file says of it; empty strings where it does not.

    ``length_s`` is how long the recording is, as its site or its file tells; 0 where nobody knows.
    """

    segments: tuple[Segment, ...]
    timing: Timing = Timing.HEARD
    title: str = ""
    language: str = ""
    creator: str = ""
    video_id: str = ""
    locator_kind: LocatorKind = LocatorKind.TIME
    chapters: tuple[Chapter, ...] = ()
    length_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """How long the source is in seconds: where nobody knows, until its last segment ends."""
        return self.length_s or self.ends_s

    @property
    def ends_s(self) -> float:
        """The end of the last segment in seconds, 0.0 for an empty transcript."""
        return max((segment.end_s for segment in self.segments), default=0.0)

    def of_length(self, length_s: float) -> "Transcript":
        """The same for a recording of ``length_s`` seconds: nothing is said or ends later than that."""
        segments = tuple(_until(each, length_s) for each in self.segments if each.start_s < length_s)
        return replace(self, segments=segments, length_s=length_s)


def _until(segment: Segment, end_s: float) -> Segment:
    if segment.end_s <= end_s:
        return segment
    words = tuple(
        replace(word, start_s=min(word.start_s, end_s), end_s=min(word.end_s, end_s)) for word in segment.words
    )
    return replace(segment, end_s=end_s, words=words)
