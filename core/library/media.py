"""Video and audio files: what is known of one, where it is kept, and the pieces that are heard one at a time."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final, NewType, Protocol

from core.ids import CreatorId

MediaKey = NewType("MediaKey", str)
KEY: Final = re.compile(r"creators/[1-9][0-9]*/[0-9a-f]{64}\.[a-z0-9]{1,8}")
LONGEST_CLIP_S: Final = 30.0
# A browser that reads MP4 also reads QuickTime, which is its older name, but not under that name.
PLAYED_AS: Final = {
    "mp4": "video/mp4", "mov": "video/mp4", "webm": "video/webm", "mp3": "audio/mpeg", "m4a": "audio/mp4",
    "wav": "audio/wav", "ogg": "audio/ogg", "opus": "audio/ogg", "flac": "audio/flac",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Media:
    """A file that holds sound, told by its content.

    ``container`` is the usual ending of its kind without a dot (``mp4``, ``mkv``, ``mp3``...), ``duration_s`` what
    was found in it, whatever its header claims.
    """

    container: str
    duration_s: float
    has_audio: bool
    has_video: bool
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch without sound; seconds from the beginning of the file."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class AudioPiece:
    """A part of a longer recording as a file of its own; seconds from the beginning of the whole."""

    path: Path
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class CutAudio:
    """A recording in pieces that follow one another without a gap, and its silent stretches."""

    pieces: tuple[AudioPiece, ...]
    silences: tuple[Silence, ...]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a creator as its store lists it; ``put_at`` is when it was last put there."""

    key: MediaKey
    size_bytes: int
    put_at: datetime


class MediaFiles(Protocol):
    """The files of creators, each under the digest of its bytes, so that a key never changes its content.

    Every method raises ``DiskFull``, ``ProviderBusy`` where it may work later (the store is away) and
    ``ProviderError`` where the operator has to act (a wrong key, no such bucket) or the file is gone.
    """

    async def put(self, key: MediaKey, file: Path) -> None:
        """Keep a copy of ``file``; it is there whole or not at all, and may be put again."""
        ...

    def local(self, key: MediaKey) -> AbstractAsyncContextManager[Path]:
        """A path to read it from, for as long as the context lasts; never write there."""
        ...

    def read(self, key: MediaKey, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to but without ``end``, in pieces; fewer where the file ends before."""
        ...

    async def size_bytes(self, key: MediaKey) -> int | None:
        """How large it is; None where there is no such file."""
        ...

    async def delete(self, key: MediaKey) -> None:
        """Remove it; nothing happens where it is not there."""
        ...

    async def kept(self, creator_id: CreatorId) -> list[KeptFile]:
        """All files of a creator."""
        ...

    async def check(self) -> None:
        """See that the store answers, and lets us put, read and delete a file."""
        ...


def creator_folder(creator_id: CreatorId) -> str:
    """Where all files of a creator are kept."""
    return f"creators/{creator_id}"


def media_key(creator_id: CreatorId, sha256: str, container: str) -> MediaKey:
    """Name a file by its creator, the digest of its bytes (64 hexadecimal digits) and its kind.

    Raises:
        ValueError: one of them is something else; what a person typed never becomes a part of a key.
    """
    return checked_key(f"{creator_folder(creator_id)}/{sha256}.{container}")


def container_of(key: str) -> str:
    """The ending of a recording's kind, without the dot; empty where there is no recording."""
    return PurePosixPath(key).suffix.removeprefix(".")


def is_key(text: str) -> bool:
    """Whether a text is a key."""
    return KEY.fullmatch(text) is not None


def checked_key(text: str) -> MediaKey:
    """Tell a key from any other text.

    Raises:
        ValueError: it is none.
    """
    if not is_key(text):
        raise ValueError("a media key is creators/NUMBER/SHA256.KIND")
    return MediaKey(text)
