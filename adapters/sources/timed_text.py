"""Files of timed text: WebVTT, SubRip, Whisper's JSON and TSV, and ``corpus.jsonl``."""

from pathlib import PurePosixPath
from typing import Final

from adapters.sources.captions import WEBVTT, holds_cues, read_subrip, read_webvtt
from adapters.sources.decoding import decode_text
from adapters.sources.json_transcripts import read_json
from adapters.sources.tables import is_table, read_table
from core.errors import UploadRefused
from core.library.transcript import Transcript

BEGINNING_BYTES: Final = 4_000
JSON_STARTS: Final = ("{", "[")
CORPUS_ENDINGS: Final = (".jsonl", ".ndjson")


def read_timed_text(name: str, content: bytes) -> list[Transcript]:
    """Read a file of timed text, recognised by its content; only a doubt is settled by its name.

    Args:
        name: the file's name as uploaded.
        content: its bytes, at most 20 MB.

    Returns:
        One transcript, or one for every line of a corpus. Segments are in order and do not overlap, their texts
        are never empty and hold no markup and no invisible characters.

    Raises:
        UploadRefused: the file breaks a rule; says which one, where, and what would work.
    """
    text = decode_text(content)
    first = text.lstrip()
    if first.startswith(WEBVTT):
        return [read_webvtt(text)]
    if first.startswith(JSON_STARTS):
        return read_json(text, prefer_corpus=PurePosixPath(name).suffix.lower() in CORPUS_ENDINGS)
    if is_table(text):
        return [read_table(text)]
    if holds_cues(text):
        return [read_subrip(text)]
    raise UploadRefused(
        "The file is not timed text that can be read: WebVTT, SRT, Whisper JSON or TSV, or corpus.jsonl. "
        "Export the captions in one of these."
    )


def looks_like_timed_text(first_bytes: bytes) -> bool:
    """Tell from how a file begins whether it is meant to be timed text; a few hundred bytes are enough."""
    try:
        text = decode_text(first_bytes[:BEGINNING_BYTES].rsplit(b"\n", 1)[0])
    except UploadRefused:
        return False
    return text.lstrip().startswith(WEBVTT) or is_table(text) or holds_cues(text)
