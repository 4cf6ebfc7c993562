"""Files that people send go to the disk piece by piece: never held whole, never left behind half."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, Final

from core.errors import FULL, UploadRefused
from core.library.uploads import check_size

PIECE_BYTES: Final = 256 * 1024

Pieces = AsyncGenerator[bytes, None]


async def save_pieces(pieces: Pieces, path: Path, *, name: str, size_bytes: int, largest_bytes: int) -> None:
    """Write pieces to a file as they come; after any error there is no file.

    Args:
        pieces: the content; closed at the end, also when only a part was taken.
        path: the file to write; whatever was there is replaced.
        name: how its sender calls it.
        size_bytes: what was announced, which is not exceeded; 0 where nothing was.
        largest_bytes: what is taken at most.

    Raises:
        UploadRefused: it is larger than announced or than is taken, or the disk is full.
    """
    async with aclosing(pieces):
        check_size(name, size_bytes, largest_bytes)
        file = await asyncio.to_thread(path.open, "wb")
        done = False
        try:
            await _write(pieces, file, name, min(size_bytes or largest_bytes, largest_bytes))
            done = True
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise UploadRefused(
                f"The disk here is full, so I have no room for {name}. Please send it again once the operator has "
                "freed some space."
            ) from error
        finally:
            _close(file, path, keep=done)


async def pieces_of(path: Path) -> Pieces:
    """The content of a file on this machine."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
    finally:
        file.close()


async def _write(pieces: Pieces, file: BinaryIO, name: str, most_bytes: int) -> None:
    written = 0
    async for piece in pieces:
        written += len(piece)
        if written > most_bytes:
            raise UploadRefused(
                f"{name} goes on after the {most_bytes / 1e6:.1f} MB that it may have, so I stopped. "
                "Please send it again, or in two parts."
            )
        await asyncio.to_thread(file.write, piece)
    await asyncio.to_thread(file.flush)


def _close(file: BinaryIO, path: Path, *, keep: bool) -> None:
    try:
        file.close()
    finally:
        if not keep:
            path.unlink(missing_ok=True)
