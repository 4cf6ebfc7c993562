"""Documents: PDF, DOCX, PPTX, HTML, Markdown and plain text, told apart by what they hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from adapters.sources.apart import Json
from adapters.sources.document_kinds import archives
from adapters.sources.document_kinds.pdf import read_pdf
from adapters.sources.document_kinds.plain import read_text
from adapters.sources.document_kinds.slides import read_slides
from adapters.sources.document_kinds.word import read_word
from adapters.sources.signatures import (
    OLD_OFFICE,
    PDF,
    PDF_HEAD_BYTES,
    RTF,
    ZIP,
    is_archive,
    is_executable,
    is_picture,
)
from adapters.sources.written import Written, read_apart
from core.errors import UploadRefused
from core.library.transcript import Transcript

READABLE: Final = "PDF, DOCX, PPTX, HTML, Markdown and plain text"
PASSWORD_STREAM: Final = "EncryptedPackage".encode("utf-16-le")


async def read_document(name: str, content: bytes) -> Transcript:
    """Read a document in a process of its own.

    Args:
        name: the file's name as uploaded; settles only whether a text is Markdown or HTML where that is in doubt.
        content: its bytes.

    Returns:
        A segment for every paragraph, list item and row of a table, without times. Its locator is the number of the
        page (PDF) or slide (PPTX) from 1, else the heading above or "paragraph 3" where there is none yet.

    Raises:
        UploadRefused: it is protected, scanned, empty, damaged, too long or of another kind; says what would work.
        ProviderError: reading failed in a way that is no fault of the file.
    """
    return await read_apart(f"{__name__}:read_file", content, name)


def read_file(path: str, name: str) -> Json:
    """Read the document at ``path``: what the child process runs.

    Raises:
        UploadRefused: as ``read_document``.
    """
    content = Path(path).read_bytes()
    read = _reader(name, content)
    try:
        written = read()
    except (UploadRefused, MemoryError):
        raise
    except Exception as error:  # the libraries let anything pass that a broken file makes them stumble over
        raise UploadRefused(
            "The file is damaged, or not quite what it claims to be. Open it in the program that made it, "
            "save it again or export it as PDF, and upload that."
        ) from error
    return written.as_json()


def _reader(name: str, content: bytes) -> Callable[[], Written]:
    """The reader for the content, by its first bytes."""
    if PDF in content[:PDF_HEAD_BYTES]:
        return lambda: read_pdf(content)
    if content.startswith(ZIP):
        return lambda: _read_package(content)
    _refuse_others(content)
    return lambda: read_text(name, content)


def _read_package(content: bytes) -> Written:
    kind, package = archives.office_package(content)
    return read_word(package) if kind is archives.Office.WORD else read_slides(package)


def _refuse_others(content: bytes) -> None:
    """Refuse by name what is often tried instead of a document."""
    if content.startswith(OLD_OFFICE):
        if PASSWORD_STREAM in content:
            raise UploadRefused("The file is protected by a password. Remove the password and upload it again.")
        raise UploadRefused(
            "This is a file of an old Office version (such as .doc or .ppt). Save it as .docx, .pptx or PDF."
        )
    if is_archive(content):
        raise archives.packed()
    if is_executable(content):
        raise UploadRefused(f"This is a program, not a document. Upload {READABLE}.")
    if is_picture(content):
        raise UploadRefused("This is a picture, and I cannot read the text in pictures. Upload the text itself.")
    if content.startswith(RTF):
        raise UploadRefused("This is a rich text file (RTF). Save it as DOCX or PDF and upload that.")
