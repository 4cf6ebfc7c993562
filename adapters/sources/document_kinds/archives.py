"""Office files are archives: what they unpack to is measured before any of it is parsed."""

import io
import re
import zipfile
import zlib
from enum import Enum
from typing import Final

from adapters.sources.apart import MEGABYTE
from core.errors import UploadRefused

MAX_MEMBERS: Final = 20_000
MAX_UNPACKED_BYTES: Final = 2_000 * MEGABYTE
MAX_TEXT_BYTES: Final = 120 * MEGABYTE
MAX_RATIO: Final = 200
HARMLESS_BYTES: Final = 10 * MEGABYTE
"""Below this, a high ratio is only a short text that packs well."""
TEXT_MEMBERS: Final = (".xml", ".rels")
DECLARES_ENTITIES: Final = re.compile(b"<\0?!\0?(?:D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")
BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, UnicodeError, ValueError)


class Office(Enum):
    """The kinds of Office files that are read, by a part that each has."""

    WORD = "word/document.xml"
    SLIDES = "ppt/presentation.xml"


def office_package(content: bytes) -> tuple[Office, io.BytesIO]:
    """Return the kind of an Office file, and the file without its pictures and films.

    Raises:
        UploadRefused: it is another archive, damaged, or unpacks to more than a document can be.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_sizes(archive.infolist())
            kind = _kind(set(archive.namelist()))
            return kind, _without_media(archive)
    except BROKEN as error:
        raise UploadRefused(
            "The file is damaged: it cannot be unpacked. Open it in the program that made it, save it again, and "
            "upload that."
        ) from error


def packed() -> UploadRefused:
    """What to say of an archive."""
    return UploadRefused("This is an archive. Unpack it and upload the documents in it one by one.")


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    packed_bytes = max(sum(member.compress_size for member in members), 1)
    text = sum(member.file_size for member in members if member.filename.endswith(TEXT_MEMBERS))
    swollen = unpacked > HARMLESS_BYTES and unpacked > MAX_RATIO * packed_bytes
    if swollen or unpacked > MAX_UNPACKED_BYTES or text > MAX_TEXT_BYTES or len(members) > MAX_MEMBERS:
        raise _bomb()


def _bomb() -> UploadRefused:
    return UploadRefused(
        "The file unpacks to far more than a document holds, so I did not open it. Export it as PDF, or split it."
    )


def _kind(names: set[str]) -> Office:
    for kind in Office:
        if kind.value in names:
            return kind
    if "xl/workbook.xml" in names:
        raise UploadRefused("This is a spreadsheet, which has no running text. Export it as PDF and upload that.")
    if names & {"META-INF/manifest.xml", "META-INF/container.xml"} and "mimetype" in names:
        raise UploadRefused("OpenDocument and EPUB files are not read. Save it as DOCX, PPTX or PDF.")
    raise packed()


def _without_media(archive: zipfile.ZipFile) -> io.BytesIO:
    """Copy the text parts, each read only as far as its declared size, and leave empty what holds no text."""
    copy = io.BytesIO()
    left = MAX_TEXT_BYTES
    with zipfile.ZipFile(copy, "w") as slim:
        for name in dict.fromkeys(archive.namelist()):
            text = _read(archive, name, left) if name.endswith(TEXT_MEMBERS) else b""
            left -= len(text)
            slim.writestr(name, text)
    copy.seek(0)
    return copy


def _read(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    if archive.getinfo(name).flag_bits & 1:
        raise UploadRefused("The file is protected by a password. Remove the password and upload it again.")
    with archive.open(name) as member:
        text = member.read(most_bytes + 1)
    if len(text) > most_bytes:
        raise _bomb()
    if DECLARES_ENTITIES.search(text):
        raise UploadRefused("The file defines its own abbreviations (XML entities), which no Office program does.")
    return text
