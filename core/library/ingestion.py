"""The whole work on one item: read it, make it searchable, or say why not."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import numpy as np

from core.errors import BrokeOff, ChronosError, EmbedderMissing, ProviderBusy, UploadRefused
from core.ids import CreatorId, ItemId, SourceId
from core.library.indexing import Indexer, ReportShare
from core.library.links import canonical_link
from core.library.origins import Entry, Listing
from core.library.reading import TIMED_TEXT_ONLY, LeadsTo, SourceReader
from core.library.store import (
    IndexedSource,
    NewSource,
    Origin,
    OriginKind,
    Stage,
    UploadSettings,
    Work,
)
from core.library.transcript import Transcript
from core.library.uploads import TITLE_LENGTH, former_digests, link_digest
from core.library.workbench import Workbench

WRITE_EVERY_S: Final = 1.0
"""Progress inside a stage is written down at most so often."""
MOST_BROKEN_OFF: Final = 3
"""After so many attempts it is the file's fault that reading it breaks off, and not that of a busy machine."""


LIST_IN_LIST: Final = (
    "This is a list inside of a list, which I do not follow. To have it read too, /remove it here and upload its "
    "link."
)


class Interrupted(ChronosError):
    """This process is stopping, or has lost the item; another one goes on with the work."""


class Lost(ChronosError):
    """The item is done, removed, or in other hands."""


async def _always() -> bool:
    """Whoever works alone holds what they work on."""
    return True


class Progress:
    """Notes how far the work on an item is, often enough for its readers and seldom enough for the database."""

    def __init__(
        self, bench: Workbench, creator_id: CreatorId, item_id: ItemId, stop: asyncio.Event | None,
        holds: Callable[[], Awaitable[bool]] = _always,
    ) -> None:  # fmt: skip
        self.stage = Stage.PENDING
        self._holds = holds
        self.heard_at = time.monotonic()
        self._bench = bench
        self._key = (creator_id, item_id)
        self._stop = stop
        self._written_at = 0.0

    async def report(self, stage: Stage, share: float) -> None:
        """Note a stage and the share of it that is done, in [0, 1].

        Raises:
            Interrupted: this process is stopping.
        """
        if self._stop is not None and self._stop.is_set():
            raise Interrupted
        self.heard_at = time.monotonic()
        if stage is self.stage and self.heard_at - self._written_at < WRITE_EVERY_S:
            return
        self.stage, self._written_at = stage, self.heard_at
        await self._bench.advance(*self._key, stage, min(max(share, 0.0), 1.0))

    async def require_hold(self) -> None:
        """See that the item is still ours, before it ends as we say.

        Raises:
            Lost: it is not; a worker that slept over its lease knows nothing that is true any more.
        """
        if not await self._holds():
            raise Lost


async def process(
    creator_id: CreatorId, item_id: ItemId, *, bench: Workbench, indexer: Indexer,
    reader: SourceReader = TIMED_TEXT_ONLY, progress: Progress | None = None,
) -> bool:  # fmt: skip
    """Do the whole work on one item; doing it again changes nothing.

    Returns:
        Whether the creator's library changed.

    Raises:
        ProviderError: an outside part failed; the item stays as it is for another attempt.
        EmbedderChanged: the library was moved meanwhile; likewise.
        Interrupted: the process is stopping; likewise.
        Lost: it cannot become a source, and is not ours to give up any more.
    """
    work = await bench.claim(creator_id, item_id)
    if work is None:
        return False
    progress = progress or Progress(bench, creator_id, item_id, None)
    try:
        transcript = work.transcript or await _read(work, bench, reader, progress)
        if transcript is None:
            return False
        await _make_searchable(work, transcript, bench, indexer, progress)
    except (UploadRefused, EmbedderMissing) as refusal:
        await progress.require_hold()
        if isinstance(refusal, BrokeOff) and work.attempts < MOST_BROKEN_OFF:
            raise ProviderBusy(str(refusal)) from refusal
        await bench.fail(creator_id, item_id, str(refusal))
        return False
    return True


async def _read(work: Work, bench: Workbench, reader: SourceReader, progress: Progress) -> Transcript | None:
    """Return what a source says, kept for another attempt; None for a listing, whose entries are now items."""
    read = await reader.read(work, progress.report)
    if isinstance(read, LeadsTo):
        work = await bench.follow(work, canonical_link(read.link))
        read = await reader.read(work, progress.report)
    if isinstance(read, LeadsTo):
        raise UploadRefused("This link leads on and on. Copy the last one from the address bar of your browser.")
    if isinstance(read, Listing):
        if work.revises is not None:
            raise UploadRefused("This link leads to a list. Give the link of the one video that is the new cut.")
        if work.listed:
            raise UploadRefused(LIST_IN_LIST)
        await bench.expand(work.creator_id, work.item_id, read.title, entries_to_add(read, work.language))
        return None
    if not read.transcript.segments:
        raise UploadRefused("There are no words in it, so there is nothing to answer from.")
    await bench.describe(work.creator_id, work.item_id, read)
    return replace(read.transcript, language=read.language or read.transcript.language)


async def _make_searchable(
    work: Work, transcript: Transcript, bench: Workbench, indexer: Indexer, progress: Progress
) -> None:
    async def embedding(share: float) -> None:
        await progress.report(Stage.EMBEDDING, share)

    async def validating() -> None:
        await progress.report(Stage.VALIDATING, 0.0)

    await progress.report(Stage.CHUNKING, 0.0)
    indexed = await prepared(
        work.creator_id, work.searched_as, transcript, work.language or transcript.language, work.settings,
        bench=bench, indexer=indexer, report=embedding, embedded=validating,
    )  # fmt: skip
    await bench.complete(work.creator_id, work.item_id, indexed)


async def _nothing() -> None:
    """Nobody waits to be told."""


async def prepared(
    creator_id: CreatorId, source_id: SourceId, transcript: Transcript, language: str, settings: UploadSettings, *,
    bench: Workbench, indexer: Indexer, report: ReportShare, embedded: Callable[[], Awaitable[None]] = _nothing,
) -> IndexedSource:  # fmt: skip
    """Make all that is stored of a source: names spelled, cut, embedded where new, validated and described.

    Args:
        creator_id: whose library is the background.
        source_id: whose vectors are taken over.
        transcript: what it says.
        language: two letters, or empty.
        settings: how it is cut.
        bench: where its vectors are.
        indexer: embeds and validates, with the embedder of this library.
        report: hears how much is embedded.
        embedded: is called before it is validated.

    Raises:
        UploadRefused: no words are left, or its times lie outside its length.
        EmbedderMissing: the library's embedder cannot be had.
        ProviderError: the embedder failed.
    """
    transcript = (await bench.glossary(creator_id)).applied(transcript)
    indexer = indexer.using(await bench.embedder_of(creator_id))
    known = await bench.embedded(creator_id, source_id, indexer.embedder.embedder_id)
    indexed = await indexer.index(transcript, report, settings, known)
    await embedded()
    return await told(creator_id, source_id, indexed, transcript, language, bench=bench, indexer=indexer)


async def told(
    creator_id: CreatorId, source_id: SourceId, indexed: IndexedSource, transcript: Transcript, language: str, *,
    bench: Workbench, indexer: Indexer,
) -> IndexedSource:  # fmt: skip
    """Validate what was embedded of a transcript and tell what it is about; see ``prepared``."""
    await indexer.validate(indexed, transcript.duration_s)
    background = await bench.background(creator_id, source_id, np.unique(np.concatenate(indexed.unit_terms)))
    return await indexer.describe(indexed, transcript, language, background)


def entries_to_add(listing: Listing, language: str) -> list[NewSource]:
    """What a playlist, channel or feed lists, as sources of their own; an entry without any link is left out."""
    entries = [entry for entry in listing.entries if entry.link or entry.enclosure]
    pages = Counter(_page(entry) for entry in entries)
    guids = Counter(entry.guid for entry in entries)
    return [
        _entry(
            entry, language, feed=listing.link,
            own_page=pages[_page(entry)] == 1, own_guid=bool(entry.guid) and guids[entry.guid] == 1,
        )
        for entry in entries
    ]  # fmt: skip


def _entry(entry: Entry, language: str, *, feed: str, own_page: bool, own_guid: bool) -> NewSource:
    """A listed video or page is known by its link, an episode by its guid or its file: its page may be the show's."""
    page, media = _page(entry), entry.enclosure.link if entry.enclosure else ""
    origin = Origin(OriginKind.LINK, media or page, captions=entry.captions)
    digest, formerly = link_digest(page), _formerly(entry.link or media)
    if media:
        formerly = (digest, *formerly) if own_page else ()
        digest = link_digest(f"{feed} {entry.guid}" if own_guid else _canonical(media))
    return NewSource(None, entry.title.strip()[:TITLE_LENGTH], page, language, origin, digest, formerly)


def _page(entry: Entry) -> str:
    return _canonical(entry.link or (entry.enclosure.link if entry.enclosure else ""))


def _formerly(link: str) -> tuple[bytes, ...]:
    try:
        return former_digests(link)
    except UploadRefused:
        return ()


def _canonical(link: str) -> str:
    """One strange link of many is kept as it is: its own item will say what is wrong with it."""
    try:
        return canonical_link(link)
    except UploadRefused:
        return link
