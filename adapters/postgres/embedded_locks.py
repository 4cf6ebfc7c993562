"""Locks between processes that the kernel releases when their holder dies, however it dies."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from core.errors import DatabaseError

_POLL_S: Final = 0.05
_HOLDERS_LIMIT: Final = 256
"""Windows only: how many processes may share a lock, a byte of the file each."""

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int, first: int, count: int) -> bool:
        os.lseek(descriptor, first, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, count)
        except OSError:
            return False
        return True

    def _try_exclusive(descriptor: int) -> bool:
        return _try_lock(descriptor, 0, _HOLDERS_LIMIT)

    def _share(descriptor: int) -> None:
        if not any(_try_lock(descriptor, byte, 1) for byte in range(_HOLDERS_LIMIT)):
            raise DatabaseError(f"More than {_HOLDERS_LIMIT} processes use the embedded database.")

else:
    import fcntl

    def _try_exclusive(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _share(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_SH)


class FileLock:
    """A lock on a file of its own; a second one on the same path excludes the first, also inside one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = _open(path)

    def share(self) -> None:
        """Hold the lock together with others; waits for whoever holds it alone."""
        _share(self._descriptor)

    def try_exclusive(self) -> bool:
        """Hold the lock alone, or return False because somebody else has it."""
        return _try_exclusive(self._descriptor)

    def only_holder(self) -> bool:
        """Give a shared hold up, and say whether nobody else has one."""
        os.close(self._descriptor)
        self._descriptor = _open(self._path)
        return self.try_exclusive()

    def close(self) -> None:
        """Give the lock up."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@asynccontextmanager
async def exclusively(path: Path, *, patience_s: float) -> AsyncIterator[None]:
    """Hold the lock of ``path`` alone for the length of the block.

    Raises:
        DatabaseError: somebody else held it for ``patience_s`` seconds.
    """
    lock = FileLock(path)
    try:
        deadline = time.monotonic() + patience_s
        while not lock.try_exclusive():
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"Another Chronos process has been starting or stopping the embedded database for "
                    f"{patience_s:.0f} seconds (it holds {path}). End that process, then try again."
                )
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        lock.close()
