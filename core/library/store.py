"""What is kept of a creator's library, and the work on it. Every method begins with the creator and sees no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from core.asking.words import TermIds
from core.conversation import Place
from core.ids import CreatorId, ItemId, SourceId, StudentId, WorkflowId
from core.library.origins import CaptionTrack
from core.library.topics import PassageKind
from core.library.transcript import Chapter, Timing, Transcript
from core.library.units import WINDOW_WORDS, Unit, Window


class Stage(StrEnum):
    """How far the work on a source is."""

    PENDING = "pending"
    DOWNLOADING = "downloading"
    TRANSCRIBING = "transcribing"
    CHUNKING = "chunking"
    EMBEDDING = "embedding"
    VALIDATING = "validating"
    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"


class SourceKind(StrEnum):
    """What a source is; a listing (playlist, channel, feed) is never searched, only looked at again.

    A question with its answer, and a note, are written by the staff: see ``core.library.knowledge``.
    """

    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    WEB_PAGE = "web_page"
    LISTING = "listing"
    QA = "qa"
    NOTE = "note"


RECORDINGS: Final = frozenset({SourceKind.VIDEO, SourceKind.AUDIO})


class OriginKind(StrEnum):
    """What a source is made from: text with times, a kept file, or what a link leads to (one thing, or a list)."""

    TIMED_TEXT = "timed_text"
    MEDIA = "media"
    DOCUMENT = "document"
    LINK = "link"
    LISTING = "listing"


class Revision(StrEnum):
    """What a source is that takes the place of another: its corrected transcript, or a new recording or text."""

    CORRECTION = "correction"
    REPLACEMENT = "replacement"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a source is made from. ``key`` names a kept file, ``name`` is how it was called where it came from.

    ``captions`` are what a feed offers for an episode beside the media file behind ``link``.
    """

    kind: OriginKind
    link: str = ""
    key: str = ""
    name: str = ""
    captions: tuple[CaptionTrack, ...] = ()


@dataclass(frozen=True, slots=True)
class NewSource:
    """What an upload brings, checked: a title of at most 300 characters, a canonical link or none.

    ``transcript`` is there for timed text alone; all else is read by the worker, and its title may be empty: then
    what is read names it. ``digest`` (32 bytes) is what the same upload is known by again: of a file's bytes, of a
    canonical link (see ``link_digest``); empty for timed text. ``known_as`` are the digests that the same upload had
    in earlier versions of the program: a source that has one of them is this source. ``duration_s`` is a recording's
    length, 0 where only reading will tell.
    """

    transcript: Transcript | None
    title: str
    link: str = ""
    language: str = ""
    origin: Origin = Origin(OriginKind.TIMED_TEXT)
    digest: bytes = b""
    known_as: tuple[bytes, ...] = ()
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """How what was uploaded together is to be cut, and which tier's members may be answered from it (empty: all).

    Windows of ``window_words`` words begin so that they share ``overlap`` (in [0, 0.9]) of them with the one before.
    """

    window_words: int = WINDOW_WORDS
    overlap: float = 0.5
    tier: str = ""


AS_USUAL: Final = UploadSettings()


@dataclass(frozen=True, slots=True)
class NewWorkflow:
    """What is said of several sources at once; the title stands on their card, empty for the first one's.

    Of the creator's workflows at most ``most_an_hour`` begin within an hour; 0 means no limit.
    """

    title: str = ""
    settings: UploadSettings = AS_USUAL
    uploader: StudentId | None = None
    most_an_hour: int = 0


UNNAMED: Final = NewWorkflow()


@dataclass(frozen=True, slots=True)
class Source:
    """A source as lists show it, with the work on it.

    ``stage_s`` are the seconds since its stage began, ``progress_s`` those in which it came as far as it is noted.
    ``settings`` are those of its upload: its own ``tier`` may have been changed since.
    ``revision`` is there where it takes, or took, the place of another.
    """

    id: SourceId
    item_id: ItemId
    title: str
    link: str
    language: str
    timing: Timing
    duration_s: float
    stage: Stage
    progress: float
    reason: str
    created_at: datetime
    kind: SourceKind = SourceKind.VIDEO
    origin: OriginKind = OriginKind.TIMED_TEXT
    workflow_id: WorkflowId | None = None
    topics: tuple[str, ...] = ()
    tier: str = ""
    stage_s: float = 0.0
    last_error: str = ""
    vanished_at: datetime | None = None
    settings: UploadSettings = AS_USUAL
    revision: Revision | None = None
    progress_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an upload; ``known`` where the creator has the very same content already."""

    source_id: SourceId
    title: str
    known: bool


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed item: what the worker turns into searchable text. ``attempts`` counts this one.

    ``revises`` is the source whose place it takes once it is searchable, ``names`` are words that occur in the
    creator's recordings and are hard to spell. ``listed`` where a playlist, channel or feed brought it in.
    """

    creator_id: CreatorId
    item_id: ItemId
    source_id: SourceId
    title: str
    language: str
    transcript: Transcript | None
    attempts: int
    origin: Origin = Origin(OriginKind.TIMED_TEXT)
    link: str = ""
    settings: UploadSettings = AS_USUAL
    revises: SourceId | None = None
    names: tuple[str, ...] = ()
    listed: bool = False

    @property
    def searched_as(self) -> SourceId:
        """The source as which it will be found."""
        return self.source_id if self.revises is None else self.revises


@dataclass(frozen=True, slots=True)
class IndexedSource:
    """A source ready to be searched: units with their terms and vectors, windows with theirs.

    ``unit_vectors`` is (n_units, d), ``window_vectors`` (n_windows, d), both float32 with rows of length 1. What it
    is about, ``topics`` and ``chapters``, is empty until it is told.
    """

    embedder_id: str
    units: Sequence[Unit]
    unit_words: Sequence[int]
    unit_terms: Sequence[TermIds]
    unit_vectors: NDArray[np.float32]
    windows: Sequence[Window]
    window_vectors: NDArray[np.float32]
    window_kinds: Sequence[PassageKind]
    topics: tuple[str, ...] = ()
    chapters: tuple[Chapter, ...] = ()


class Shelf(Protocol):
    """The sources of creators: adding, listing, removing."""

    async def add(
        self, creator_id: CreatorId, new: Sequence[NewSource], place: Place | None,
        workflow: NewWorkflow = UNNAMED,
    ) -> list[Added]:  # fmt: skip
        """Write sources as one workflow: items, wake-ups and (with a place) a status card, in one transaction."""
        ...

    async def sources(self, creator_id: CreatorId) -> list[Source]:
        """All sources that are not removed, newest first."""
        ...

    async def embedder_of(self, creator_id: CreatorId) -> str:
        """The id of the embedder that this library is searched with; empty where nothing is searched yet."""
        ...

    async def undone(self, creator_id: CreatorId, limit: int) -> tuple[list[Source], int]:
        """The newest sources whose work is not done, at most ``limit``, and how many there are in all."""
        ...

    async def remove(self, creator_id: CreatorId, source_id: SourceId) -> Source | None:
        """Take a source out of every answer at once; None when there is no such source."""
        ...

    async def restore(self, creator_id: CreatorId, source_id: SourceId) -> Source | None:
        """Undo a removal; None when it is too late."""
        ...

    async def retry(self, creator_id: CreatorId, source_id: SourceId) -> bool:
        """Put failed work back into the queue; False when there is nothing to try again."""
        ...

    async def retry_workflow(self, creator_id: CreatorId, workflow_id: WorkflowId) -> int:
        """Put back all that failed of what was uploaded together; how many that are."""
        ...
