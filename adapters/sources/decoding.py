"""Bytes of a text file to text, whatever wrote them."""

import codecs
from typing import Final

from adapters.sources.language import detect_language
from core.errors import UploadRefused

MAX_CONTENT_BYTES: Final = 20 * 1024 * 1024
GUESS_BYTES: Final = 64 * 1024
SPARSE: Final = 0.1
MAX_CONTROL_SHARE: Final = 0.01
TOLERATED_CONTROLS: Final = 8
TEXT_CONTROLS: Final = "\t\n\v\f\r\x1a\x1b\x85"
ONE_BYTE_A_LETTER: Final = "latin-1"
WESTERN: Final = "cp1252"
WESTERN_LANGUAGES: Final = frozenset(
    ("ca", "da", "de", "en", "es", "fi", "fr", "gl", "is", "it", "nl", "no", "pt", "sv")
)
BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # The mark of UTF-32-LE begins with that of UTF-16-LE, so it has to be asked for first.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(content: bytes) -> str:
    r"""Return the text of a file with ``\n`` line ends and without a byte order mark.

    UTF-8, UTF-16 and UTF-32 are recognised for certain, older encodings are guessed from the letters in use.

    Raises:
        UploadRefused: the file is empty, above 20 MB, not text, or in an encoding that nobody can tell.
    """
    if len(content) > MAX_CONTENT_BYTES:
        raise UploadRefused("The file is larger than 20 MB. Split it, or upload the captions without the video.")
    text = _decoded(content).removeprefix("\ufeff")
    if not text.strip("\ufeff \t\r\n"):
        raise UploadRefused("The file is empty. Upload captions or a transcript with at least one timed line.")
    if _looks_binary(text):
        raise UploadRefused("The file is not text. Upload VTT, SRT, Whisper JSON, TSV or corpus.jsonl.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def beginning(first_bytes: bytes) -> str | None:
    r"""Return how a file of text begins, its ASCII letters as they are and all others perhaps as wrong ones.

    Cheap, since nothing is guessed: enough to tell what a file is, not to read it.

    Args:
        first_bytes: up to a few thousand; the last letter may be cut.

    Returns:
        Text with ``\n`` line ends; None for what is no text.
    """
    encoding = _certain_encoding(first_bytes[: len(first_bytes) // 4 * 4])
    if encoding is None and b"\0" in first_bytes:
        return None
    text = first_bytes.decode(encoding or ONE_BYTE_A_LETTER, errors="ignore").removeprefix("\ufeff")
    return None if _looks_binary(text) else text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(content: bytes) -> str:
    encoding = _certain_encoding(content)
    if encoding is None and b"\0" in content:
        raise UploadRefused("The file holds NUL bytes, so it is not text. Save it as plain text in UTF-8.")
    try:
        return content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise UploadRefused(
                f"The file is damaged at byte {error.start}: not valid {encoding}. Save it as UTF-8."
            ) from error
    return content.decode(_guessed_encoding(content), errors="replace")


def _certain_encoding(content: bytes) -> str | None:
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return encoding
    return _utf16_without_mark(content)


def _utf16_without_mark(content: bytes) -> str | None:
    """Tell UTF-16 of a mostly Latin text by the zeros in every other byte."""
    head = content[:GUESS_BYTES]
    pairs = len(head) // 2
    even, odd = head[::2].count(0), head[1::2].count(0)
    if len(content) % 2 or even + odd <= pairs // 2:
        return None
    if even <= odd * SPARSE:
        return "utf-16-le"
    return "utf-16-be" if odd <= even * SPARSE else None


def _guessed_encoding(content: bytes) -> str:
    from charset_normalizer import from_bytes

    # Only lines with other than ASCII letters say anything, and guessing over all of 20 MB would take minutes.
    telling = b"\n".join(line for line in content.splitlines() if not line.isascii())[:GUESS_BYTES]
    # Among the encodings of Latin letters the guess is often wrong; the words tell better.
    if detect_language(telling.decode(WESTERN, errors="replace")) in WESTERN_LANGUAGES:
        return WESTERN
    best = from_bytes(telling).best()
    if best is None:
        raise UploadRefused("The encoding of the file cannot be told. Save it as UTF-8 and upload it again.")
    return best.encoding


def _looks_binary(text: str) -> bool:
    head = text[:GUESS_BYTES]
    controls = sum(1 for letter in head if letter < " " and letter not in TEXT_CONTROLS)
    return "\0" in head or controls > max(TOLERATED_CONTROLS, len(head) * MAX_CONTROL_SHARE)
