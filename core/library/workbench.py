"""The work on items, as the worker sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.asking.embedding import Vector
from core.asking.words import TermIds
from core.ids import CreatorId, ItemId, SourceId
from core.library.glossary import Glossary
from core.library.reading import ReadSource
from core.library.store import IndexedSource, NewSource, Stage, Work
from core.library.topics import Background


@dataclass(frozen=True, slots=True)
class Wait:
    """Why an item is put off for ``delay_s`` seconds: in words for its creator, as an error for the operator.

    ``paused`` where a quota or a busy service is waited for; ``counts`` where the attempt counts as failed.
    """

    reason: str
    error: str
    delay_s: float
    paused: bool = False
    counts: bool = True


class Workbench(Protocol):
    """Work on items. Everything here may be called twice, and does nothing where the item is done or given up."""

    async def claim(self, creator_id: CreatorId, item_id: ItemId) -> Work | None:
        """Begin an attempt; None where the item is done, given up or removed."""
        ...

    async def advance(self, creator_id: CreatorId, item_id: ItemId, stage: Stage, progress: float) -> None:
        """Note how far the work is (``progress`` in [0, 1] of the stage), and move the card along."""
        ...

    async def describe(self, creator_id: CreatorId, item_id: ItemId, read: ReadSource) -> None:
        """Keep what was read, so that it is read once, and what it says where the uploader said nothing."""
        ...

    async def follow(self, work: Work, link: str) -> Work:
        """Note that what is worked on is found at this canonical link, and is known by it from now on.

        Raises:
            UploadRefused: that is here already.
        """
        ...

    async def expand(self, creator_id: CreatorId, item_id: ItemId, title: str, new: Sequence[NewSource]) -> None:
        """Put what a listing holds into its workflow, without what is known already; its own item is done."""
        ...

    async def embedder_of(self, creator_id: CreatorId) -> str:
        """The id of the embedder that this library is searched with; empty where nothing is searched yet."""
        ...

    async def embedded(self, creator_id: CreatorId, source_id: SourceId, embedder_id: str) -> Mapping[str, Vector]:
        """The vectors that a source has from this embedder, by their texts."""
        ...

    async def background(self, creator_id: CreatorId, source_id: SourceId, terms: TermIds) -> Background:
        """In how many of the creator's other sources, of some tens at most, each term occurs."""
        ...

    async def glossary(self, creator_id: CreatorId) -> Glossary:
        """How the creator's names are written."""
        ...

    async def complete(self, creator_id: CreatorId, item_id: ItemId, indexed: IndexedSource) -> None:
        """Store a source anew, make it searchable and move the corpus version, in one transaction.

        What revises another source takes its place, and keeps what stood there before.

        Raises:
            UploadRefused: what it revises was removed.
            EmbedderChanged: the library's vectors come from another embedder by now.
        """
        ...

    async def pause(self, creator_id: CreatorId, item_id: ItemId, reason: str) -> None:
        """Say in words why the work on an item waits; whoever holds it goes on by themselves."""
        ...

    async def put_off(self, creator_id: CreatorId, item_id: ItemId, wait: Wait) -> None:
        """Give an item back, for anybody to take after a while, and say in words why it waits."""
        ...

    async def fail(self, creator_id: CreatorId, item_id: ItemId, reason: str, *, error: str = "") -> None:
        """Give an item up, with the reason in the creator's words and the error in the operator's."""
        ...
