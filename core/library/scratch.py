"""Folders for large files while somebody works on them; what a process that died left behind is swept away."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from core.errors import FULL, DiskFull

SPARE_BYTES: Final = 64_000_000
"""Left free on the disk, where the database may live too."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Makes such folders under ``root``, which is made when it is needed; several processes may share it.

    A folder that is in use is locked, and the kernel lets go of the lock when its holder dies, however it dies.
    """

    root: Path

    @asynccontextmanager
    async def folder(self, purpose: str) -> AsyncIterator[Path]:
        """An empty folder for as long as the context lasts, with ``purpose`` in its name.

        Raises:
            DiskFull: there is no room for it, or for what was written inside.
        """
        with self._full_disk_named():
            folder, lock = await asyncio.to_thread(self._take, purpose)
            try:
                yield folder
            finally:
                await asyncio.to_thread(_give_back, folder, lock)

    async def require_room(self, size_bytes: float) -> None:
        """See that so much can be written before anything is.

        Raises:
            DiskFull: it cannot.
        """
        await asyncio.to_thread(self._require_room, size_bytes)

    def _require_room(self, size_bytes: float) -> None:
        with self._full_disk_named():
            self.root.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.root).free < size_bytes + SPARE_BYTES:
            raise DiskFull(f"{self.root}: the disk is full: free some space.")

    @contextmanager
    def _full_disk_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise DiskFull(f"{self.root}: the disk is full: free some space.") from error

    async def sweep(self) -> int:
        """Delete the folders of processes that died, and return how many those were."""
        return await asyncio.to_thread(self._sweep)

    def _take(self, purpose: str) -> tuple[Path, int]:
        self.root.mkdir(parents=True, exist_ok=True)
        while True:
            folder = Path(mkdtemp(dir=self.root, prefix=f"{purpose}-"))
            lock = _lock(folder)
            if lock is not None:
                if folder.exists():
                    return folder, lock
                os.close(lock)  # a sweep was faster than the lock

    def _sweep(self) -> int:
        swept = 0
        if sys.platform == "win32":  # a folder cannot be locked there, so none is ever taken for abandoned
            return swept
        for folder in self.root.glob("*-*"):
            lock = _lock(folder)
            if lock is not None:
                _give_back(folder, lock)
                swept += 1
        return swept


def _give_back(folder: Path, lock: int) -> None:
    """Delete a folder as far as that goes; what stays is swept another time."""
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


if sys.platform == "win32":

    def _lock(_folder: Path) -> int | None:
        return os.open(os.devnull, os.O_RDONLY)

else:
    import fcntl

    def _lock(folder: Path) -> int | None:
        """Lock a folder against every other process, and this one; None where it is locked, or gone."""
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
