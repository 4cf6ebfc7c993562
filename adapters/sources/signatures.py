"""What files begin with, where that tells what they are."""

from typing import Final

from adapters.sources.decoding import beginning

PDF: Final = b"%PDF-"
PDF_HEAD_BYTES: Final = 1024
"""Some programs write a few lines of their own before a PDF."""
OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
RTF: Final = b"{\\rtf"
TAR: Final = slice(257, 262)
ARCHIVES: Final = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
EXECUTABLES: Final = (
    b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)  # fmt: skip
PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
BRAND: Final = slice(8, 12)
PICTURE_BRANDS: Final = frozenset((b"WEBP", b"avif", b"avis", b"heic", b"heix", b"mif1"))
"""Pictures in containers that recordings use too."""


def is_document(content: bytes) -> bool:
    """Tell PDF, Office files and RTF."""
    return PDF in content[:PDF_HEAD_BYTES] or content.startswith((*ZIP, OLD_OFFICE, RTF))


def is_archive(content: bytes) -> bool:
    """Tell archives, but for those that an Office file is too."""
    return content.startswith(ARCHIVES) or content[TAR] == b"ustar"


def is_executable(content: bytes) -> bool:
    """Tell programs."""
    return content.startswith(EXECUTABLES) or (content.startswith(b"MZ") and b"\0" in content)


def is_picture(content: bytes) -> bool:
    """Tell pictures."""
    return content.startswith(PICTURES) or content[BRAND] in PICTURE_BRANDS


def may_be_media(first_bytes: bytes) -> bool:
    """Tell what only FFmpeg can judge: no text, and nothing that is known to be something else.

    Recordings begin in too many ways to list them: with silence, a box that is to be skipped, a frame of any kind.
    """
    other = is_document(first_bytes) or is_archive(first_bytes)
    return not (other or is_executable(first_bytes) or is_picture(first_bytes)) and beginning(first_bytes) is None
