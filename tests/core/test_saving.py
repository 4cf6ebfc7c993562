"""What is sent is written as it comes, never beyond what is taken, and never left behind half."""

import errno
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from core.errors import UploadRefused
from core.library.saving import PIECE_BYTES, pieces_of, save_pieces


class Sender:
    """Sends pieces without end, looks at the file before each, and notes when it is hung up on."""

    def __init__(self, path: Path, fails_after: int | None = None, error: Exception | None = None) -> None:
        self.path = path
        self.sent_bytes = 0
        self.seen_bytes = 0
        self.is_over = False
        self._fails_after = fails_after
        self._error = error or ConnectionError("cut")

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                if self.path.exists():
                    self.seen_bytes = self.path.stat().st_size
                if self._fails_after is not None and self.sent_bytes >= self._fails_after:
                    raise self._error
                self.sent_bytes += 100_000
                yield bytes(100_000)
        finally:
            self.is_over = True


async def test_a_file_without_end_is_stopped_at_the_limit(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "film")
    with pytest.raises(UploadRefused, match=r"1\.0 MB"):
        await save_pieces(sender.pieces(), sender.path, name="film", size_bytes=0, largest_bytes=1_000_000)
    assert (sender.sent_bytes, sender.is_over) == (1_100_000, True)
    assert 0 < sender.seen_bytes <= 1_000_000
    assert not sender.path.exists()


async def test_a_file_never_grows_beyond_what_was_announced(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "film")
    with pytest.raises(UploadRefused, match="goes on after"):
        await save_pieces(sender.pieces(), sender.path, name="film", size_bytes=250_000, largest_bytes=1_000_000)
    assert sender.sent_bytes == 300_000
    assert not sender.path.exists()


async def test_a_file_that_is_announced_too_large_is_not_begun(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "film")
    with pytest.raises(UploadRefused, match="at most 1 MB"):
        await save_pieces(sender.pieces(), sender.path, name="film", size_bytes=2_000_000, largest_bytes=1_000_000)
    assert sender.sent_bytes == 0
    assert not sender.path.exists()


async def test_a_download_that_is_cut_leaves_no_file(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "film", fails_after=300_000)
    with pytest.raises(ConnectionError):
        await save_pieces(sender.pieces(), sender.path, name="film", size_bytes=0, largest_bytes=1_000_000)
    assert not sender.path.exists()


async def test_a_full_disk_is_said_in_words_and_leaves_no_file(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "film", fails_after=300_000, error=OSError(errno.ENOSPC, "no space"))
    with pytest.raises(UploadRefused, match="The disk here is full"):
        await save_pieces(sender.pieces(), sender.path, name="film", size_bytes=0, largest_bytes=1_000_000)
    assert not sender.path.exists()


@pytest.mark.parametrize("size_bytes", [0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 1])
async def test_a_file_of_this_machine_is_copied_whole(tmp_path: Path, size_bytes: int) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(bytes(size_bytes))
    await save_pieces(pieces_of(source), copy, name="film", size_bytes=size_bytes, largest_bytes=3 * PIECE_BYTES)
    assert copy.read_bytes() == source.read_bytes()
