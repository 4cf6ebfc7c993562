"""Files of timed text: WebVTT, SubRip, Whisper's JSON and TSV, and ``corpus.jsonl``."""

import asyncio
from pathlib import Path, PurePosixPath
from typing import Final

from adapters.sources.apart import MEGABYTE, Json, Limits, run_on
from adapters.sources.captions import WEBVTT, begins_with_cues, first_cue_line, read_subrip, read_webvtt
from adapters.sources.decoding import beginning, decode_text
from adapters.sources.json_transcripts import read_json
from adapters.sources.signatures import is_document
from adapters.sources.tables import is_table, read_table
from core.errors import UploadRefused
from core.library.transcript import Segment, Timing, Transcript

BEGINNING_BYTES: Final = 4_000
SMALL_BYTES: Final = 16_000
"""Up to here even a step whose time grew with the square of the file would hold nobody up."""
LIMITS: Final = Limits(wall_s=120.0, memory_bytes=1_500 * MEGABYTE, file_bytes=MEGABYTE)
JSON_STARTS: Final = ("{", "[")
CORPUS_ENDINGS: Final = (".jsonl", ".ndjson")
ENDINGS: Final = frozenset({".vtt", ".srt", ".json", ".tsv", *CORPUS_ENDINGS})


async def read_timed_text_apart(name: str, content: bytes) -> list[Transcript]:
    """Do as ``read_timed_text`` with a file from outside, in a process of its own unless it is small.

    Starting one takes about .2 s, a hundredth of what embedding an hour of captions takes.

    Raises:
        UploadRefused: as ``read_timed_text``, and where reading takes too long or too much memory.
        ProviderError: reading failed in a way that is no fault of the file.
    """
    if len(content) <= SMALL_BYTES:
        return await asyncio.to_thread(read_timed_text, name, content)
    said = await run_on(f"{__name__}:read_file", content, name, limits=LIMITS)
    return await asyncio.to_thread(lambda: [_transcript(each) for each in said])


def read_file(path: str, name: str) -> Json:
    """Read the file at ``path``: what the child process runs.

    Raises:
        UploadRefused: as ``read_timed_text``.
    """
    return [_as_json(transcript) for transcript in read_timed_text(name, Path(path).read_bytes())]


def _as_json(transcript: Transcript) -> Json:
    segments = [[each.start_s, each.end_s, each.text, each.speaker] for each in transcript.segments]
    return [
        segments, transcript.timing, transcript.title, transcript.language, transcript.creator, transcript.video_id
    ]  # fmt: skip


def _transcript(said: Json) -> Transcript:
    segments, timing, *names = said
    return Transcript(tuple(Segment(*each) for each in segments), Timing(timing), *names)


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
    if begins_with_cues(text):
        return [read_subrip(text)]
    if at := first_cue_line(text):
        raise UploadRefused(
            f"The file begins with other text, and its first cue stands in line {at}. Take out what stands before "
            "it, or upload the whole as a document (.md or .txt)."
        )
    raise UploadRefused(
        "The file is not timed text that can be read: WebVTT, SRT, Whisper JSON or TSV, or corpus.jsonl. "
        "Export the captions in one of these."
    )


def holds_timed_text(name: str, first_bytes: bytes) -> bool:
    """Tell timed text from everything else by how a file begins; its name settles only what that leaves open.

    Args:
        name: the file's name as uploaded.
        first_bytes: a few hundred are enough.
    """
    text = beginning(first_bytes[:BEGINNING_BYTES])
    if text is None or is_document(first_bytes):
        return False
    if text.lstrip().startswith(WEBVTT) or is_table(text) or begins_with_cues(text):
        return True
    return PurePosixPath(name).suffix.lower() in ENDINGS
