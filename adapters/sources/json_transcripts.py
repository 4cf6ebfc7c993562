"""Transcripts as JSON: what Whisper writes, and ``corpus.jsonl`` with a recording or document on every line."""

import json
import math
import re
from collections.abc import Iterator
from typing import Final

from adapters.sources.segments import MAX_SEGMENTS, arranged, checked_s, clean_name, clean_text
from core.errors import UploadRefused
from core.library.transcript import Segment, Timing, Transcript

CORPUS_KEYS: Final = frozenset({"creator", "video_id"})
LANGUAGE: Final = re.compile(r"([a-z]{2})(?:[-_][a-z0-9-]+)?")
SENTENCE_END: Final = (".", "?", "!", "\u3002", "\uff1f", "\uff01")
PAUSE_S: Final = 1.0
MOST_WORDS: Final = 20


def read_json(text: str, *, prefer_corpus: bool) -> list[Transcript]:
    """Return the transcripts of a Whisper file or of a corpus, whichever it is.

    Args:
        text: the file.
        prefer_corpus: take a lone object with segments for a corpus of one.

    Raises:
        UploadRefused: not JSON, or not of these shapes; names the line, segment or key.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) > 1 and _is_object(lines[0][1]):
        return _corpus(lines)
    document = _parsed(text, line=1)
    if isinstance(document, dict) and (prefer_corpus or not CORPUS_KEYS.isdisjoint(document)):
        return [_recording(document, "Line 1")]
    return [_whisper(document)]


def _corpus(lines: list[tuple[int, str]]) -> list[Transcript]:
    transcripts: list[Transcript] = []
    lines_by_id: dict[tuple[str, str], int] = {}
    segments = 0
    for number, line in lines:
        recording = _recording(_parsed(line, line=number), f"Line {number}")
        key = (recording.creator, recording.video_id)
        if recording.video_id and lines_by_id.setdefault(key, number) != number:
            raise UploadRefused(
                f"Line {number}: the video_id occurs in line {lines_by_id[key]} already. Give each its own."
            )
        segments += len(recording.segments)
        if segments > MAX_SEGMENTS:
            raise UploadRefused(f"Line {number}: the file has more than {MAX_SEGMENTS:,} segments. Split it.")
        transcripts.append(recording)
    return transcripts


def _recording(document: object, where: str) -> Transcript:
    """Read a recording or document of a corpus; ``where`` is its line."""
    if not isinstance(document, dict) or not isinstance(document.get("segments"), list):
        raise UploadRefused(f'{where}: not an object with "segments". One line holds one recording.')
    timing = document.get("timing")
    counted = isinstance(timing, str) and timing.strip().lower().startswith("none")
    kind = Timing.NONE if counted else Timing.HEARD
    try:
        segments = arranged(_pieces(document["segments"], where=f"{where}, segment", counted=counted), kind)
    except UploadRefused as error:
        raise error if str(error).startswith(where) else UploadRefused(f"{where}: {error}") from error
    return Transcript(
        segments,
        timing=kind,
        title=clean_name(document.get("title")),
        language=_language(document.get("language")),
        creator=clean_name(document.get("creator")),
        video_id=clean_name(document.get("video_id")),
    )


def _whisper(document: object) -> Transcript:
    listed = document
    language = ""
    if isinstance(document, dict):
        # An empty list of segments beside words is what the transcription API gives for words alone.
        listed = document.get("segments") or document.get("words")
        language = _language(document.get("language"))
    if not isinstance(listed, list):
        raise UploadRefused(
            'The JSON has no "segments". Upload what Whisper writes, or a list of start, end and text.'
        )
    if listed and all(isinstance(piece, dict) and "word" in piece for piece in listed):
        return Transcript(arranged(_phrases(list(_words(listed, where="Word")))), language=language)
    return Transcript(arranged(_pieces(listed, where="Segment", counted=False)), language=language)


def _pieces(listed: list[object], *, where: str, counted: bool) -> Iterator[Segment]:
    if len(listed) > MAX_SEGMENTS:
        raise UploadRefused(f"{where} {MAX_SEGMENTS + 1}: at most {MAX_SEGMENTS:,} segments fit. Split the file.")
    for number, piece in enumerate(listed, start=1):
        here = f"{where} {number}"
        if not isinstance(piece, dict):
            raise UploadRefused(f"{here}: not an object with start, end and text.")
        text = piece.get("text")
        if not isinstance(text, str):
            raise UploadRefused(f'{here}: "text" is missing or not a text.')
        start_s, end_s = _times(piece, here)
        speaker = clean_name(piece.get("speaker"))
        yield Segment(math.floor(start_s) if counted else start_s, end_s, clean_text(text), speaker)


def _words(listed: list[object], *, where: str) -> Iterator[Segment]:
    """Read single words; the text keeps the space before it, where Whisper gives one."""
    for number, word in enumerate(listed, start=1):
        here = f"{where} {number}"
        if not isinstance(word, dict) or not isinstance(word.get("word"), str):
            raise UploadRefused(f'{here}: not an object with "word", "start" and "end".')
        start_s, end_s = _times(word, here)
        yield Segment(start_s, end_s, str(word["word"]))


def _phrases(words: list[Segment]) -> Iterator[Segment]:
    """Group words into phrases that end at a sentence's end, at a pause, or after 20 words."""
    between = "" if any(word.text.startswith(" ") for word in words) else " "
    ordered = sorted(words, key=lambda word: word.start_s)
    phrase: list[Segment] = []
    for word in ordered:
        if phrase and _ends_phrase(phrase, word):
            yield _phrase(phrase, between)
            phrase = []
        phrase.append(word)
    if phrase:
        yield _phrase(phrase, between)


def _ends_phrase(phrase: list[Segment], following: Segment) -> bool:
    last = phrase[-1]
    said_all = last.text.rstrip().endswith(SENTENCE_END) or len(phrase) >= MOST_WORDS
    return said_all or following.start_s - last.end_s > PAUSE_S


def _phrase(words: list[Segment], between: str) -> Segment:
    return Segment(words[0].start_s, words[-1].end_s, clean_text(between.join(word.text for word in words)))


def _times(piece: dict[str, object], where: str) -> tuple[float, float]:
    """Return start and end in seconds; a missing end is the start, a missing start that of the first word."""
    start = piece.get("start")
    words = piece.get("words")
    if start is None and isinstance(words, list) and words and isinstance(words[0], dict):
        start = words[0].get("start")
    start_s = _seconds(start, where)
    end = piece.get("end")
    return start_s, start_s if end is None else _seconds(end, where)


def _seconds(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UploadRefused(f'{where}: "start" and "end" must be numbers, seconds from the start.')
    try:
        return checked_s(float(value), where)
    except OverflowError:
        return checked_s(math.inf, where)


def _language(value: object) -> str:
    match = LANGUAGE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    return match[1] if match else ""


def _is_object(line: str) -> bool:
    return line.lstrip().startswith("{") and line.rstrip().endswith("}")


def _parsed(text: str, *, line: int) -> object:
    try:
        document: object = json.loads(text)
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        raise UploadRefused(f"Line {at}: not valid JSON ({error.msg} at column {error.colno}).") from error
    except (ValueError, RecursionError) as error:
        raise UploadRefused(
            f"Line {line}: JSON with numbers too long or nested too deeply to be a transcript."
        ) from error
    return document
