"""What an attachment leaves on the disk."""

import tempfile
from pathlib import Path

from core.conversation import Attachment
from core.errors import UploadRefused


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


async def content_of(file: Attachment) -> bytes:
    """Save a file and read it.

    Raises:
        AssertionError: it was refused and left something behind.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved"
        try:
            await file.save(path)
            return path.read_bytes()
        except Exception:
            assert files_in(Path(folder)) == [], "a refused file is on the disk"
            raise


async def content_or_refusal(file: Attachment) -> bytes | UploadRefused:
    """Save a file and read it, or return why it was refused."""
    try:
        return await content_of(file)
    except UploadRefused as error:
        return error
