"""YouTube's own caption format (json3) as what Whisper writes, which every caption reader here understands.

Automatic captions in any other format repeat each line while it rolls up the screen; here every word stands once,
with the moment at which it was heard.
"""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from core.errors import UploadRefused

SOUND: Final = re.compile(r"\s*[\[(][^\])]*[\])]\s*")
LONGEST_WORD_S: Final = 1.0
LONGEST_MS: Final = 48 * 3_600_000


def whisper_json(content: bytes, *, automatic: bool) -> bytes:
    """Turn json3 into JSON of segments, or of single words where a machine heard them.

    Raises:
        UploadRefused: it is not json3, or nothing is said.
    """
    events = list(_events(content))
    if automatic:
        said: dict[str, Any] = {"words": _words(events)}
    else:
        said = {"segments": [segment for event in events if (segment := _segment(event))["text"]]}
    if not any(said.values()):
        raise UploadRefused("The captions of this video are empty.")
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")


def _events(content: bytes) -> Iterator[dict[str, Any]]:
    try:
        document = json.loads(content)
        events = document["events"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise UploadRefused("The captions of this video cannot be read.") from None
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and isinstance(event.get("segs"), list) and "tStartMs" in event:
            yield event


def _segment(event: dict[str, Any]) -> dict[str, Any]:
    text = " ".join("".join(_text(piece) for piece in event["segs"]).split())
    start_s, end_s = _span_s(event)
    return {"start": start_s, "end": end_s, "text": text}


def _words(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All words in order; each ends where the next one starts, or after a second."""
    heard: list[tuple[float, float, str]] = []
    for event in events:
        start_s, end_s = _span_s(event)
        for piece in event["segs"]:
            word = _text(piece).strip()
            if word and not SOUND.fullmatch(word):
                at_s = start_s + _ms(piece.get("tOffsetMs")) / 1000
                heard.append((at_s, max(at_s, end_s), word))
    heard.sort(key=lambda word: word[0])
    ends = [min(end_s, following, at_s + LONGEST_WORD_S) for (at_s, end_s, _), (following, _, _) in pairwise(heard)]
    ends += [min(end_s, at_s + LONGEST_WORD_S) for at_s, end_s, _ in heard[-1:]]
    return [
        {"start": round(at_s, 3), "end": round(end_s, 3), "word": f" {word}"}
        for (at_s, _, word), end_s in zip(heard, ends, strict=True)
    ]


def _span_s(event: dict[str, Any]) -> tuple[float, float]:
    start_ms = _ms(event["tStartMs"])
    return round(start_ms / 1000, 3), round((start_ms + _ms(event.get("dDurationMs"))) / 1000, 3)


def _text(piece: object) -> str:
    text = piece.get("utf8") if isinstance(piece, dict) else None
    return text if isinstance(text, str) else ""


def _ms(value: object) -> float:
    """A time that can be one; 0.0 for anything else, also for numbers that no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < LONGEST_MS else 0.0
