"""What is kept of a creator's library, and the work on it. Every method begins with the creator and sees no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.asking.words import TermIds
from core.conversation import Place
from core.ids import CreatorId, ItemId, SourceId
from core.library.transcript import Timing, Transcript
from core.library.units import Unit, Window


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


class OriginKind(StrEnum):
    """What a source is made from: text with times, a kept file, or what a link leads to (one thing, or a list)."""

    TIMED_TEXT = "timed_text"
    MEDIA = "media"
    DOCUMENT = "document"
    LINK = "link"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a source is made from. ``key`` names a kept file, ``name`` is how it was called where it came from.

    ``captions`` are links to the creator's own transcripts of a recording, as feeds name them.
    """

    kind: OriginKind
    link: str = ""
    key: str = ""
    name: str = ""
    captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewSource:
    """What an upload brings, checked: a title of 1 to 300 characters, a canonical link or none.

    ``transcript`` is there for timed text alone; all else is read by the worker. ``digest`` (32 bytes) is what the
    same upload is known by again: of a file's bytes, of a canonical link; empty for timed text.
    """

    transcript: Transcript | None
    title: str
    link: str = ""
    language: str = ""
    origin: Origin = Origin(OriginKind.TIMED_TEXT)
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Source:
    """A source as lists show it, with the work on it."""

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


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an upload; ``known`` where the creator has the very same content already."""

    source_id: SourceId
    title: str
    known: bool


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed item: what the worker turns into searchable text. ``attempts`` counts this one."""

    creator_id: CreatorId
    item_id: ItemId
    source_id: SourceId
    title: str
    language: str
    transcript: Transcript | None
    attempts: int
    origin: Origin = Origin(OriginKind.TIMED_TEXT)
    link: str = ""


@dataclass(frozen=True, slots=True)
class IndexedSource:
    """A source ready to be searched: units with their terms and vectors, windows with theirs.

    ``unit_vectors`` is (n_units, d), ``window_vectors`` (n_windows, d), both float32 with rows of length 1.
    """

    embedder_id: str
    units: Sequence[Unit]
    unit_words: Sequence[int]
    unit_terms: Sequence[TermIds]
    unit_vectors: NDArray[np.float32]
    windows: Sequence[Window]
    window_vectors: NDArray[np.float32]


class Shelf(Protocol):
    """The sources of creators: adding, listing, removing."""

    async def add(self, creator_id: CreatorId, new: Sequence[NewSource], place: Place | None) -> list[Added]:
        """Write sources, their items, their jobs and (with a place) a status card each, in one transaction."""
        ...

    async def sources(self, creator_id: CreatorId) -> list[Source]:
        """All sources that are not removed, newest first."""
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


class Workbench(Protocol):
    """The work on items, as the worker sees it. Everything here may be called twice."""

    async def claim(self, creator_id: CreatorId, item_id: ItemId) -> Work | None:
        """Begin an attempt; None where the item is done, given up, removed, or in other hands."""
        ...

    async def advance(self, creator_id: CreatorId, item_id: ItemId, stage: Stage, progress: float) -> None:
        """Note how far the work is (``progress`` in [0, 1] of the stage), and move the card along."""
        ...

    async def complete(self, creator_id: CreatorId, item_id: ItemId, indexed: IndexedSource) -> None:
        """Store a source anew, make it searchable and move the corpus version, in one transaction.

        Raises:
            UploadRefused: the library's vectors come from another embedder.
        """
        ...

    async def pause(self, creator_id: CreatorId, item_id: ItemId, reason: str) -> None:
        """Say in words why the work on an item waits; it goes on by itself with the next attempt."""
        ...

    async def fail(self, creator_id: CreatorId, item_id: ItemId, reason: str) -> None:
        """Give an item up, with the reason in words."""
        ...
