"""What a person hands in, a file or links, checked and turned into sources; once for the chat and for the shell."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final, Protocol

from core.errors import UploadRefused
from core.ids import CreatorId
from core.library.keeping import Keeping
from core.library.links import canonical_link
from core.library.media import Media, media_key
from core.library.origins import LinkKind
from core.library.store import NewSource, Origin, OriginKind
from core.library.transcript import Transcript
from core.library.uploads import TITLE_LENGTH, check_size, checked_language, former_digests, link_digest, new_sources

BEGINNING_BYTES: Final = 4_000
MOST_LINKS: Final = 50
_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_BETWEEN_LINKS: Final = re.compile(r"[\s,;]*")
_ENDING: Final = re.compile(r"\.([a-z0-9]{1,8})")
_UNNAMED: Final = "file"


@dataclass(frozen=True, slots=True)
class Said:
    """What an uploader says of it, as typed; empty where nothing was said."""

    link: str = ""
    title: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What one file may take."""

    file_bytes: int
    media_bytes: int
    longest_s: float


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A file as it was handed in; ``name`` is how it was called and never becomes a path."""

    path: Path
    name: str
    size_bytes: int
    first_bytes: bytes

    @classmethod
    def of(cls, path: Path, name: str) -> "HandedIn":
        """Look at a file."""
        with path.open("rb") as file:
            return cls(path, name, path.stat().st_size, file.read(BEGINNING_BYTES))


class FileKinds(Protocol):
    """Looks into a file and tells what it is."""

    def holds_timed_text(self, name: str, first_bytes: bytes) -> bool:
        """Whether it is captions or another timed text."""
        ...

    def kind_of_file(self, name: str, first_bytes: bytes) -> LinkKind:
        """Whether it is a media file or a document; UploadRefused where it is neither."""
        ...

    async def probe(self, path: Path) -> Media:
        """What a media file holds; UploadRefused where nothing can be heard in it."""
        ...


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes files and links in."""

    keeping: Keeping
    kinds: FileKinds
    read_timed_text: Callable[[str, bytes], Awaitable[Sequence[Transcript]]]
    read_text: Callable[[str, bytes], Awaitable[Transcript]]
    detect_language: Callable[[str], str]
    limits: IntakeLimits

    async def file(self, creator_id: CreatorId, path: Path, name: str, said: Said) -> list[NewSource]:
        """Check a file and keep it where the worker finds it; timed text is read at once.

        Args:
            creator_id: whose it is.
            path: where it stands now; it may be deleted afterwards.
            name: how it was called; never used as a path.
            said: what its uploader says of it.

        Raises:
            UploadRefused: it is too large, of no kind that is taken, or nothing can be read or heard in it.
            StorageFull: there is no room for it.
            ProviderError: it cannot be kept.
        """
        file = await asyncio.to_thread(HandedIn.of, path, name)
        if not file.size_bytes:
            raise UploadRefused(f"{name} is empty.")
        if self.kinds.holds_timed_text(name, file.first_bytes):
            return await self._timed_text(file, said)
        if self.kinds.kind_of_file(name, file.first_bytes) is LinkKind.MEDIA:
            return [await self._media(creator_id, file, said)]
        return [await self._document(creator_id, file, said)]

    async def transcript(self, path: Path, name: str) -> Transcript:
        """Read a file as the transcript of one source, with times or without.

        Raises:
            UploadRefused: it is too large, is of several videos, or cannot be read.
        """
        file = await asyncio.to_thread(HandedIn.of, path, name)
        check_size(file.name, file.size_bytes, self.limits.file_bytes)
        return await self.read_text(name, await asyncio.to_thread(path.read_bytes))

    def links(self, text: str, said: Said) -> list[NewSource]:
        """Check one or several links; what is behind them is looked up by the worker.

        Raises:
            UploadRefused: one of them is no link, or there are too many.
        """
        found = {canonical_link(link): link for link in links_in(text)}
        if not found:
            raise UploadRefused("A link starts with https:// or http://.")
        if len(found) > MOST_LINKS:
            raise UploadRefused(f"These are {len(found)} links; at most {MOST_LINKS} are taken at once.")
        if len(found) > 1 and said.title:
            raise UploadRefused("One title cannot fit several links; leave it out, or give one link at a time.")
        language = checked_language(said.language)
        return [
            NewSource(
                None,
                said.title[:TITLE_LENGTH],
                link,
                language,
                Origin(OriginKind.LINK, link),
                link_digest(link),
                former_digests(given),
            )
            for link, given in found.items()
        ]

    async def _timed_text(self, file: HandedIn, said: Said) -> list[NewSource]:
        check_size(file.name, file.size_bytes, self.limits.file_bytes)
        content = await asyncio.to_thread(file.path.read_bytes)
        transcripts = await self.read_timed_text(file.name, content)
        return await asyncio.to_thread(
            new_sources, transcripts, file_name=file.name, link=said.link, title=said.title, language=said.language,
            detect=self.detect_language,
        )  # fmt: skip

    async def _media(self, creator_id: CreatorId, file: HandedIn, said: Said) -> NewSource:
        check_size(file.name, file.size_bytes, self.limits.media_bytes)
        media = await self.kinds.probe(file.path)
        hours, most = media.duration_s / 3600, self.limits.longest_s / 3600
        if hours > most:
            raise UploadRefused(f"{file.name} is {hours:.1f} hours long; at most {most:.0f} are taken. Split it.")
        kept = await self._kept(creator_id, file, said, OriginKind.MEDIA, media.container)
        return replace(kept, duration_s=media.duration_s)

    async def _document(self, creator_id: CreatorId, file: HandedIn, said: Said) -> NewSource:
        check_size(file.name, file.size_bytes, self.limits.file_bytes)
        ending = _ENDING.fullmatch(PurePath(file.name).suffix.casefold())
        return await self._kept(creator_id, file, said, OriginKind.DOCUMENT, ending[1] if ending else _UNNAMED)

    async def _kept(
        self, creator_id: CreatorId, file: HandedIn, said: Said, kind: OriginKind, container: str
    ) -> NewSource:
        language, link = checked_language(said.language), canonical_link(said.link) if said.link else ""
        digest = await asyncio.to_thread(file_digest, file.path)
        key = media_key(creator_id, digest.hex(), container)
        await self.keeping.keep(creator_id, key, file.path, file.size_bytes)
        title = said.title[:TITLE_LENGTH]
        return NewSource(None, title, link, language, Origin(kind, link, key, file.name), digest)


def links_in(text: str) -> list[str]:
    """The links of a text that holds nothing but links; an empty list for any other text."""
    return _LINK.findall(text) if text and _BETWEEN_LINKS.fullmatch(_LINK.sub("", text)) else []


def file_digest(path: Path) -> bytes:
    """Return the SHA-256 of a file, 32 bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
