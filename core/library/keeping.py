"""A creator's kept files: put within their limit, and deleted once nothing refers to them any more."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from core.errors import ChronosError, StorageFull
from core.ids import CreatorId
from core.library.media import MediaFiles, MediaKey

GIGABYTE: Final = 1_000_000_000
UNTOUCHED_FOR: Final = timedelta(days=1)
"""What was put later may still be about to become a source."""


class MediaClaims(Protocol):
    """Which files are needed. No method can reach across creators."""

    async def claim(self, creator_id: CreatorId, key: MediaKey, size_bytes: int) -> Mapping[MediaKey, int]:
        """Say that a source will refer to a file soon: it stays for a day; waits while it is being deleted.

        Returns:
            The other files that were claimed before, with the bytes that each takes or is about to take.
        """
        ...

    async def give_up(self, creator_id: CreatorId, key: MediaKey) -> None:
        """Keep no room for a file any more: it could not be put."""
        ...

    async def needed(self, creator_id: CreatorId) -> Mapping[MediaKey, bool]:
        """The files that sources refer to; False where all of these are removed and may yet be brought back."""
        ...

    def let_go(self, creator_id: CreatorId, key: MediaKey) -> AbstractAsyncContextManager[bool]:
        """Whether a file is neither needed nor claimed; for as long as the context lasts nobody can claim it."""
        ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """Keeps files of creators, at most ``most_gb`` for each; 0 means no limit."""

    files: MediaFiles
    claims: MediaClaims
    most_gb: float

    async def keep(self, creator_id: CreatorId, key: MediaKey, file: Path, size_bytes: int) -> None:
        """Keep a copy of ``file`` for a source that is about to refer to it; nothing is kept twice.

        Raises:
            StorageFull: the creator's files would take more than they may.
            ProviderError: it cannot be kept.
        """
        claimed = await self.claims.claim(creator_id, key, size_bytes)
        if await self.files.size_bytes(key) is not None:
            return
        try:
            await self._require_room(creator_id, size_bytes, claimed)
            await self.files.put(key, file)
        except ChronosError:
            await self.claims.give_up(creator_id, key)
            raise

    async def _require_room(self, creator_id: CreatorId, size_bytes: int, claimed: Mapping[MediaKey, int]) -> None:
        """See that a file fits beside those that are kept, and those that others are about to put."""
        if not self.most_gb:
            return
        kept = await self.files.kept(creator_id)
        used = sum({**claimed, **{file.key: file.size_bytes for file in kept}}.values())
        if used + size_bytes <= self.most_gb * GIGABYTE:
            return
        needed = await self.claims.needed(creator_id)
        going = sum(file.size_bytes for file in kept if not needed.get(file.key, False))
        waits = f"{_size(going)} of that belong to nothing any more and go within eight days. " if going else ""
        raise StorageFull(
            f"Your files here take {_size(used)} of {self.most_gb:g} GB, and this one has {_size(size_bytes)}. "
            f"{waits}/remove what is not needed any more, which makes room within eight days, or give a link to it."
        )

    async def sweep(self, creator_id: CreatorId) -> int:
        """Delete what nothing refers to any more, and return how many files that were.

        Raises:
            ProviderError: the store is away, or refuses; what is left goes another time.
        """
        before = datetime.now(UTC) - UNTOUCHED_FOR
        untouched = [file.key for file in await self.files.kept(creator_id) if file.put_at < before]
        needed = await self.claims.needed(creator_id)
        swept = 0
        for key in untouched:
            if key not in needed:
                swept += await self._let_go(creator_id, key)
        return swept

    async def _let_go(self, creator_id: CreatorId, key: MediaKey) -> bool:
        async with self.claims.let_go(creator_id, key) as free:
            if free:
                await self.files.delete(key)
        return free


def _size(size_bytes: int) -> str:
    return f"{size_bytes / GIGABYTE:.1f} GB" if size_bytes >= GIGABYTE else f"{size_bytes / 1e6:.1f} MB"
