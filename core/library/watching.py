"""What a watch page shows, and the links that open it."""

from dataclasses import dataclass
from typing import Protocol

from core.ids import CreatorId, SourceId


@dataclass(frozen=True, slots=True)
class WatchedSentence:
    """A sentence of a transcript; seconds from the start, or paragraph numbers where the source has no times."""

    start_s: float
    end_s: float
    paragraph: int
    text: str


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """A source as its page shows it; ``timed`` is False for documents, ``link`` is empty where it has none."""

    title: str
    link: str
    duration_s: float
    timed: bool
    sentences: tuple[WatchedSentence, ...]


class Transcripts(Protocol):
    """Reads what a watch page shows, under the creator's scope."""

    async def transcript(self, creator_id: CreatorId, source_id: SourceId) -> WatchedSource | None:
        """The source with all its sentences; None where there is none any more."""
        ...


class WatchLinks(Protocol):
    """Makes signed links to our own page of a source."""

    def link(self, creator_id: CreatorId, source_id: SourceId, start_s: float | None) -> str:
        """An address that opens the source's page, at a second where one is given."""
        ...
