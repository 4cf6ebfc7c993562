"""What a watch page shows, and the links that open it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

from core.ids import CreatorId, SourceId
from core.library.media import MediaKey
from core.library.transcript import Chapter, LocatorKind

PAUSE_S: Final = 2.0
PARAGRAPH_S: Final = 30.0
LONGEST_PARAGRAPH_S: Final = 60.0
_SENTENCE_ENDS: Final = (".", "!", "?", "…", '."', '?"', '!"', "。", "؟")


@dataclass(frozen=True, slots=True)
class WatchedSentence:
    """A sentence of a transcript; seconds from the start, or paragraph numbers where the source has no times.

    ``locator`` is the page, slide or heading of a document's sentence; ``speaker`` is empty where nobody says.
    ``estimated`` says that its start was worked out and not heard.
    """

    start_s: float
    end_s: float
    paragraph: int
    text: str
    locator: str = ""
    speaker: str = ""
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """A source as its page shows it; ``timed`` is False for documents, ``link`` is empty where it has none.

    ``estimated`` says that its times were not heard and are shown as "about". ``media_key`` names the kept recording,
    empty where there is none to play.
    """

    title: str
    link: str
    duration_s: float
    timed: bool
    sentences: tuple[WatchedSentence, ...]
    creator_name: str = ""
    estimated: bool = False
    locator_kind: LocatorKind = LocatorKind.TIME
    chapters: tuple[Chapter, ...] = ()
    media_key: str = ""


class Transcripts(Protocol):
    """Reads what a watch page shows, under the creator's scope."""

    async def transcript(self, creator_id: CreatorId, source_id: SourceId) -> WatchedSource | None:
        """The source with all its sentences; None where there is none any more."""
        ...

    async def recording(self, creator_id: CreatorId, source_id: SourceId) -> MediaKey | None:
        """The source's kept recording; None where it has none, or is gone itself."""
        ...


class WatchLinks(Protocol):
    """Makes signed links to our own page of a source."""

    def link(self, creator_id: CreatorId, source_id: SourceId, start_s: float | None) -> str:
        """An address that opens the source's page, at a second where one is given."""
        ...


class RenewableLinks(WatchLinks, Protocol):
    """Links that expire, and are made afresh where an old one is shown again."""

    def is_ours(self, address: str) -> bool:
        """Whether an address was made here, lately or long ago."""
        ...


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences that are read together; ``first`` is the position of its first sentence in the source."""

    first: int
    sentences: tuple[WatchedSentence, ...]

    @property
    def start_s(self) -> float:
        """Where it begins, in seconds from the start of the source."""
        return self.sentences[0].start_s


def paragraphs(source: WatchedSource) -> tuple[Paragraph, ...]:
    """Group a source's sentences for reading: by its own paragraphs, speech also by pauses and length."""
    if not source.sentences:
        return ()
    starts = [0]
    for position, (before, after) in enumerate(pairwise(source.sentences), start=1):
        opening = source.sentences[starts[-1]]
        if before.paragraph != after.paragraph or (source.timed and _breaks(opening, before, after)):
            starts.append(position)
    ends = [*starts[1:], len(source.sentences)]
    return tuple(Paragraph(start, source.sentences[start:end]) for start, end in zip(starts, ends, strict=True))


def _breaks(opening: WatchedSentence, before: WatchedSentence, after: WatchedSentence) -> bool:
    long_s = after.start_s - opening.start_s
    ended = before.text.rstrip().endswith(_SENTENCE_ENDS)
    return (
        after.start_s - before.end_s >= PAUSE_S or (long_s >= PARAGRAPH_S and ended) or long_s >= LONGEST_PARAGRAPH_S
    )


def sentence_at(sentences: Sequence[WatchedSentence], at_s: float) -> int | None:
    """The position of the sentence that a link to a second means; None before the first.

    Links carry whole seconds, rounded down: a sentence that begins within the linked second is meant before the one
    that is still being said then.
    """
    for position, sentence in enumerate(sentences):
        if at_s <= sentence.start_s < at_s + 1:
            return position
    begun = [position for position, sentence in enumerate(sentences) if sentence.start_s <= at_s]
    return begun[-1] if begun else None
