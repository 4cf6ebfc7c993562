"""Captions: WebVTT and SubRip, which are cues under a line of two times.

Read line by line, in time that grows with the file: the readers of this field skip a cue that they cannot read
without a word, whereas the person who uploads wants to know which line is wrong.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from adapters.sources.segments import (
    MAX_NAME_CHARS,
    MAX_SEGMENTS,
    arranged,
    checked_s,
    clean_markup,
    clean_name,
)
from core.errors import UploadRefused
from core.library.transcript import Segment, Transcript

ARROW: Final = "-->"
WEBVTT: Final = "WEBVTT"
_TIME: Final = r"(-?)(?:([0-9]{1,6}):)?([0-9]{1,3}):([0-9]{1,2})(?:[.,]([0-9]{1,9}))?"
TIMING: Final = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
TIMING_ATTEMPT: Final = re.compile(r"\s*-?[0-9]+[:.,][0-9:.,\s]*-->|.*-->\s*-?[0-9]+:[0-9:.,\s]*$")
BLOCKS_WITHOUT_CUE: Final = ("NOTE", "STYLE", "REGION")
VOICE: Final = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]+)>")
OVERRIDE: Final = re.compile(r"\{\\[^{}]*\}")
LANGUAGE: Final = re.compile(r"^Language:\s*([A-Za-z]{2})(?:[-_][A-Za-z]+)?\s*$", re.MULTILINE)
SIXTY: Final = 60

# Automatic captions roll: every cue repeats the line above, and cues of 10 ms hold a line still in between.
STILL_S: Final = 0.05
TOUCHING_S: Final = 0.2
ROLLING_SHARE: Final = 0.3
MOST_LINES: Final = 6


@dataclass(slots=True)
class _Cue:
    start_s: float
    end_s: float
    lines: list[str] = field(default_factory=list)
    speaker: str = ""


def read_webvtt(text: str) -> Transcript:
    """Return the cues of a WebVTT file; raises UploadRefused with the line that is wrong."""
    header, _, _ = text.lstrip().partition("\n\n")
    language = LANGUAGE.search(header)
    cues = _cues(text, blank_line_ends_text=True)
    return Transcript(_segments(cues), language=language[1].lower() if language else "")


def read_subrip(text: str) -> Transcript:
    """Return the cues of a SubRip file, counters or not; raises UploadRefused with the line that is wrong."""
    return Transcript(_segments(_cues(text, blank_line_ends_text=False)))


def begins_with_cues(text: str) -> bool:
    """Tell whether a text begins with the times of a cue, with nothing but their counter before them."""
    lines = (line for line in text.split("\n") if line.strip())
    first, second = next(lines, ""), next(lines, "")
    return _is_timing(first) or (first.strip().isdecimal() and _is_timing(second))


def first_cue_line(text: str) -> int:
    """Return the number of the first line that looks like the times of a cue, 0 where there is none."""
    return next((number for number, line in enumerate(text.split("\n"), start=1) if _is_timing(line)), 0)


def _cues(text: str, *, blank_line_ends_text: bool) -> list[_Cue]:
    cues: list[_Cue] = []
    blocks: list[tuple[int, list[str]]] = [*_blocks(text), (0, [])]
    for (number, block), (_, following) in pairwise(blocks):
        if any(_is_timing(line) for line in block):
            _add_block(cues, number, block, inside=bool(cues) and not blank_line_ends_text)
        elif cues and not _is_lone_counter(block, following):
            # A cue without text yet stays open: editors strip the lone space that rolling captions begin with.
            speech = not cues[-1].lines and not block[0].startswith(BLOCKS_WITHOUT_CUE)
            if speech or not blank_line_ends_text:
                cues[-1].lines.extend(block)
        if len(cues) > MAX_SEGMENTS:
            raise UploadRefused(f"Line {number}: the file has more than {MAX_SEGMENTS:,} cues. Split it.")
    return cues


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the stretches between empty lines, each with the number of its first line."""
    block: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line:
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []
    if block:
        yield text.count("\n") + 2 - len(block), block


def _add_block(cues: list[_Cue], number: int, block: list[str], *, inside: bool) -> None:
    """Add the cues of a block; ``inside`` tells that it may begin with more words of the last cue."""
    for offset, line in enumerate(block):
        if not _is_timing(line):
            if inside:
                cues[-1].lines.append(line)
            continue
        if offset and inside and cues[-1].lines and cues[-1].lines[-1].strip().isdecimal():
            cues[-1].lines.pop()
        cues.append(_opened(line, number + offset))
        inside = True


def _is_lone_counter(block: list[str], following: list[str]) -> bool:
    """Tell the counter of a cue that double line spacing tore from its times."""
    return len(block) == 1 and block[0].strip().isdecimal() and bool(following) and _is_timing(following[0])


def _is_timing(line: str) -> bool:
    return ARROW in line and TIMING_ATTEMPT.match(line) is not None


def _opened(line: str, number: int) -> _Cue:
    where = f"Line {number}"
    match = TIMING.fullmatch(line)
    if match is None:
        raise UploadRefused(
            f"{where}: these are not the times of a cue. They look like 00:01:02.500 --> 00:01:05.000."
        )
    start_s, end_s = _seconds(match.groups()[:5], where), _seconds(match.groups()[5:], where)
    return _Cue(start_s, end_s)


def _seconds(parts: Sequence[str | None], where: str) -> float:
    sign, hours, minutes, seconds, fraction = (part or "" for part in parts)
    if int(seconds) >= SIXTY or (hours and int(minutes) >= SIXTY):
        raise UploadRefused(
            f"{where}: a time has 60 or more minutes or seconds. Correct it to hours:minutes:seconds."
        )
    total_s = (int(hours or 0) * SIXTY + int(minutes)) * SIXTY + float(f"{seconds}.{fraction or 0}")
    return checked_s(-total_s if sign else total_s, where)


def _segments(cues: list[_Cue]) -> tuple[Segment, ...]:
    if not cues:
        raise UploadRefused("The file has no cues. A cue is a line like 00:01:02.500 --> 00:01:05.000 and its text.")
    ordered = sorted((_cleaned(cue) for cue in cues), key=lambda cue: cue.start_s)
    return arranged(_unrolled(ordered) if _rolls(ordered) else map(_segment, ordered))


def _cleaned(cue: _Cue) -> _Cue:
    raw = "\n".join(cue.lines)
    voices = dict.fromkeys(clean_name(clean_markup(voice)) for voice in VOICE.findall(raw))
    lines = [text for line in cue.lines if (text := clean_markup(OVERRIDE.sub("", line)))]
    return _Cue(cue.start_s, cue.end_s, lines, ", ".join(filter(None, voices))[:MAX_NAME_CHARS])


def _segment(cue: _Cue) -> Segment:
    return Segment(cue.start_s, cue.end_s, " ".join(cue.lines), cue.speaker)


def _rolls(cues: list[_Cue]) -> bool:
    """Tell rolling captions from a speaker who repeats a line now and then."""
    rolled = sum(1 for before, cue in pairwise(cues) if _repeated(before, cue) and _in_rolling_form(before, cue))
    return rolled > ROLLING_SHARE * (len(cues) - 1)


def _in_rolling_form(before: _Cue, cue: _Cue) -> bool:
    still = min(before.end_s - before.start_s, cue.end_s - cue.start_s) <= STILL_S
    return still or max(len(before.lines), len(cue.lines)) > 1


def _repeated(before: _Cue, cue: _Cue) -> int:
    """Count the lines at the top of ``cue`` that stood at the bottom of the one before, still on the screen."""
    if cue.start_s > before.end_s + TOUCHING_S:
        return 0
    # More than a handful of lines never fits on a screen.
    longest = min(len(before.lines), len(cue.lines), MOST_LINES)
    return next((n for n in range(longest, 0, -1) if before.lines[-n:] == cue.lines[:n]), 0)


def _unrolled(cues: list[_Cue]) -> list[Segment]:
    said: list[Segment] = []
    before = _Cue(0.0, -math.inf)
    for cue in cues:
        fresh = cue.lines[_repeated(before, cue) :]
        if fresh:
            said.append(Segment(cue.start_s, cue.end_s, " ".join(fresh), cue.speaker))
        elif said and cue.lines:
            said[-1] = replace(said[-1], end_s=max(said[-1].end_s, cue.end_s))
        before = cue
    return said
