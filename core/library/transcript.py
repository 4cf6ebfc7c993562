"""Timed text: what every kind of source becomes before it is searchable."""

from dataclasses import dataclass
from enum import StrEnum


class Timing(StrEnum):
    """How far the times of a source can be trusted; only ``HEARD`` times are linked to the second."""

    HEARD = "heard"
    ESTIMATED = "estimated"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a source as its file gives it: a cue, a recognised phrase, a paragraph.

    ``start_s`` and ``end_s`` are seconds from the beginning of the source, 0 <= start_s <= end_s. For a source
    without times (``Timing.NONE``) they count paragraphs instead: paragraph n is ``(n, n + 1)``.
    """

    start_s: float
    end_s: float
    text: str
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """All segments of one source, ordered by time, with what its file says of it; empty strings where it does not."""

    segments: tuple[Segment, ...]
    timing: Timing = Timing.HEARD
    title: str = ""
    language: str = ""
    creator: str = ""
    video_id: str = ""

    @property
    def duration_s(self) -> float:
        """The end of the last segment in seconds, 0.0 for an empty transcript."""
        return max((segment.end_s for segment in self.segments), default=0.0)
