"""Looking again at what was uploaded as a link: lists grow, pages change, and some of it vanishes."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from core.errors import DatabaseError, DiskFull, EmbedderChanged, ProviderError, SourceGone, UploadRefused
from core.ids import CreatorId, SourceId
from core.library.indexing import Indexer, nobody_waits
from core.library.ingestion import Interrupted, entries_to_add, prepared
from core.library.origins import UNKNOWN, Freshness, Listing
from core.library.reading import ReadSource
from core.library.store import IndexedSource, NewSource, SourceKind, UploadSettings
from core.library.workbench import Workbench

log = logging.getLogger(__name__)

AT_A_TIME: Final = 50


@dataclass(frozen=True, slots=True)
class Watched:
    """A listing, page, document or recording behind a link, and which version of it is here."""

    source_id: SourceId
    kind: SourceKind
    link: str
    language: str
    settings: UploadSettings
    freshness: Freshness = UNKNOWN


class Outcome(StrEnum):
    """What a look showed; UNKNOWN where its site did not answer, or with something that cannot be read."""

    THERE = "there"
    GONE = "gone"
    UNKNOWN = "unknown"


class Watchlist(Protocol):
    """What is looked at again. No method can reach across creators."""

    async def due(self, creator_id: CreatorId, limit: int) -> list[Watched]:
        """What nobody has looked at today, recordings within weeks; longest ago first, recordings last."""
        ...

    async def checked(self, creator_id: CreatorId, source_id: SourceId, outcome: Outcome) -> None:
        """Note a look that changes no text; a source that is gone keeps it, and is marked."""
        ...

    async def grow(self, creator_id: CreatorId, source_id: SourceId, new: Sequence[NewSource]) -> int:
        """Put what a listing has never held before into its workflow; how many sources that are."""
        ...

    async def replace(
        self, creator_id: CreatorId, source_id: SourceId, read: ReadSource, indexed: IndexedSource
    ) -> bool:
        """Note the version that was read, and store its text anew where it differs; whether it did.

        Raises:
            EmbedderChanged: the library's vectors come from another embedder by now.
        """
        ...


class Rereader(Protocol):
    """Fetches a source once more."""

    async def look_again(self, watched: Watched) -> ReadSource | Listing | None:
        """Return what a listing holds or a page says now; None where there is nothing newer, as of recordings.

        Raises:
            SourceGone: there is nothing any more.
            UploadRefused: there is something else now, or nothing that can be read.
            ProviderError: its site is away, or broken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recheck:
    """Looks at a creator's links again."""

    watchlist: Watchlist
    rereader: Rereader
    bench: Workbench
    indexer: Indexer

    async def all_due(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Look at everything that is due, one after another; what cannot be read changes nothing.

        Raises:
            Interrupted: ``stop`` was set; what is left is still due.
            DatabaseError: what was seen cannot be kept.
            EmbedderChanged: the library was moved meanwhile; what is left is still due.
        """
        while due := await self.watchlist.due(creator_id, AT_A_TIME):
            for watched in due:
                if stop.is_set():
                    raise Interrupted
                await self._look(creator_id, watched)

    async def _look(self, creator_id: CreatorId, watched: Watched) -> None:
        try:
            found = await self.rereader.look_again(watched)
            if isinstance(found, Listing):
                await self.watchlist.grow(creator_id, watched.source_id, entries_to_add(found, watched.language))
            elif found is not None:
                await self._renew(creator_id, watched, found)
            outcome = Outcome.THERE
        except SourceGone:
            outcome = Outcome.GONE
        except (DatabaseError, DiskFull, EmbedderChanged, Interrupted):
            raise
        except (UploadRefused, ProviderError):
            outcome = Outcome.UNKNOWN
        except Exception:
            log.exception("a link could not be looked at again", extra={"source_id": watched.source_id})
            outcome = Outcome.UNKNOWN
        await self.watchlist.checked(creator_id, watched.source_id, outcome)

    async def _renew(self, creator_id: CreatorId, watched: Watched, read: ReadSource) -> None:
        """Embed what is new in a text; vectors of what stayed are taken over."""
        indexed = await prepared(
            creator_id, watched.source_id, read.transcript, watched.language or read.language, watched.settings,
            bench=self.bench, indexer=self.indexer, report=nobody_waits,
        )  # fmt: skip
        await self.watchlist.replace(creator_id, watched.source_id, read, indexed)
