"""Raw pieces of any file to clean, ordered, non-overlapping segments."""

import html
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from core.errors import UploadRefused
from core.library.transcript import Segment, Timing
from core.richtext import INVISIBLE, one_line

MAX_SEGMENTS: Final = 200_000
MAX_TEXT_CHARS: Final = 20_000
MAX_NAME_CHARS: Final = 300
LONGEST_S: Final = 48 * 3600.0
# A cue without a length gets what a person needs to read two lines, at most.
GUESSED_LENGTH_S: Final = 10.0

# Only names that captions and web pages use, so that "a < b" and "vector<int>" stay what was said.
TAG: Final = re.compile(
    r"</?(?:c|i|b|u|s|v|rt|ruby|lang|font|span|br|p|div|em|strong|small|sub|sup|a|img|script|style|iframe|svg"
    r"|object|embed|video|audio|body|html|head|meta|link|input|form|button)(?:[\s./][^<>]*)?>"
    r"|<[0-9][0-9:.]*>",
    re.IGNORECASE,
)
ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def clean_text(text: str) -> str:
    """Return ``text`` on one line, without formatting tags and without characters that nobody can see."""
    return one_line(TAG.sub("", INVISIBLE.sub("", text)))


def clean_markup(text: str) -> str:
    """Return ``clean_text`` of a text that escapes its letters as HTML does, once decoded."""
    decoded = ENTITY.sub(_entity, TAG.sub("", INVISIBLE.sub("", text)))
    return one_line(decoded)


def clean_name(value: object) -> str:
    """Return a title, name or id from a file as one short line; "" for what is neither text nor a number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    if isinstance(value, int) and abs(value) > 1 << 63:
        return ""
    return clean_text(str(value)[: MAX_NAME_CHARS * 2])[:MAX_NAME_CHARS].strip()


def checked_s(value: float, where: str) -> float:
    """Return ``value`` in seconds, to the millisecond, if a recording can have such a moment.

    Raises:
        UploadRefused: it is not a number, negative, or past 48 hours; names ``where``.
    """
    if not math.isfinite(value):
        raise UploadRefused(f"{where}: the time is not a number. Give seconds from the start of the recording.")
    if value < 0:
        raise UploadRefused(f"{where}: the time is negative. Shift the file so that it starts at 0.")
    if value > LONGEST_S:
        raise UploadRefused(f"{where}: the time lies past 48 hours. Check the unit, or split the recording.")
    return round(value, 3)


def arranged(pieces: Iterable[Segment], timing: Timing = Timing.HEARD) -> tuple[Segment, ...]:
    """Return the pieces that say something, by time, each ending where the next one starts at the latest.

    Pieces that start at the same moment become one. A piece without a length lasts until the next one.

    Args:
        pieces: cleaned pieces in any order; ``end_s`` may lie before ``start_s`` or past the next piece.
        timing: for ``Timing.NONE`` times are paragraph numbers, and every paragraph gets ``(n, n + 1)``.

    Raises:
        UploadRefused: nothing is left, all pieces share one moment, or they are too many or too long.
    """
    ordered = sorted((piece for piece in pieces if piece.text), key=lambda piece: piece.start_s)
    if not ordered:
        raise UploadRefused("The file has times but no words. Upload captions that hold what was said.")
    if len(ordered) > MAX_SEGMENTS:
        raise UploadRefused(f"The file has more than {MAX_SEGMENTS:,} timed lines. Split it.")
    merged = list(_merged(ordered))
    if len(ordered) > 1 and len(merged) == 1 and timing is not Timing.NONE:
        raise UploadRefused("All lines start at the same second, so none can be linked. Export them with times.")
    if timing is Timing.NONE:
        return tuple(replace(piece, end_s=piece.start_s + 1) for piece in merged)
    return tuple(_clipped(merged))


def _merged(ordered: list[Segment]) -> Iterator[Segment]:
    group: list[Segment] = []
    for piece in ordered:
        if group and piece.start_s > group[0].start_s:
            yield _joined(group)
            group = []
        group.append(piece)
    yield _joined(group)


def _joined(group: list[Segment]) -> Segment:
    text = " ".join(piece.text for piece in group)
    if len(text) > MAX_TEXT_CHARS:
        raise UploadRefused(
            f"The text at {group[0].start_s:.0f} s has {len(text):,} letters; at most {MAX_TEXT_CHARS:,} can share a "
            "time. Export it with a time for every sentence."
        )
    speakers = dict.fromkeys(piece.speaker for piece in group if piece.speaker)
    end_s = max(piece.end_s for piece in group)
    return Segment(group[0].start_s, end_s, text, ", ".join(speakers)[:MAX_NAME_CHARS])


def _clipped(merged: list[Segment]) -> Iterator[Segment]:
    for piece, following in pairwise(merged):
        end_s = piece.end_s if piece.end_s > piece.start_s else piece.start_s + GUESSED_LENGTH_S
        yield replace(piece, end_s=min(end_s, following.start_s))
    last = merged[-1]
    yield replace(last, end_s=max(last.start_s, last.end_s))


def _entity(match: re.Match[str]) -> str:
    return html.unescape(match[0])
