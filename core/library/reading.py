"""From what was uploaded to a transcript: the one place that knows which way a source is read."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from core.errors import UploadRefused
from core.library.origins import UNKNOWN, Freshness, Listing
from core.library.store import SourceKind, Stage, Work
from core.library.transcript import Transcript

Report = Callable[[Stage, float], Awaitable[None]]
"""Hears which stage the work is in and the share of it that is done, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class ReadSource:
    """A source that was read. What is empty was not found; what the uploader said stays as it was said.

    ``media_key`` names the kept recording that a watch page can play, ``recogniser`` who heard the words, where
    nobody had written them down. Without a ``kind``, a source with times is a video and any other a document.
    ``freshness`` is what the server of a page or document behind a link calls this version.
    """

    transcript: Transcript
    title: str = ""
    link: str = ""
    language: str = ""
    media_key: str = ""
    recogniser: str = ""
    size_bytes: int = 0
    cost_usd: float = 0.0
    kind: SourceKind | None = None
    freshness: Freshness = UNKNOWN


@dataclass(frozen=True, slots=True)
class LeadsTo:
    """A link that only leads on to ``link`` on a site of videos, by which its source is known."""

    link: str


class SourceReader(Protocol):
    """Reads sources of every kind."""

    async def read(self, work: Work, report: Report) -> ReadSource | Listing | LeadsTo:
        """Return what a source says, or what a playlist, channel or feed lists, or where a short link leads.

        Raises:
            UploadRefused: it cannot become a source; says why and what would work.
            ProviderBusy: what is needed is away or limits us; the same may work later.
            ProviderError: an outside part failed.
        """
        ...


class TimedTextOnly:
    """Stands in where nothing but timed text is taken, which needs no reading."""

    async def read(self, work: Work, report: Report) -> ReadSource | Listing | LeadsTo:
        """Refuse whatever it is."""
        raise UploadRefused("This kind of file or link cannot be read here. Upload its captions or transcript.")


TIMED_TEXT_ONLY: Final = TimedTextOnly()
