"""Tab-separated transcripts: a start, an end and a text in every row."""

import re
from collections.abc import Iterator
from typing import Final

from adapters.sources.segments import MAX_SEGMENTS, arranged, checked_s, clean_text
from core.errors import UploadRefused
from core.library.transcript import Segment, Transcript

HEADER: Final = ["start", "end", "text"]
COLUMNS: Final = len(HEADER)
MEANT_AS_NUMBER: Final = re.compile(r"-?[0-9.]+")
NUMBER: Final = re.compile(r"-?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})")
MS_PER_S: Final = 1000


def is_table(text: str) -> bool:
    """Tell whether the first line that is not empty is the header or a row of such a table."""
    first = text.lstrip("\n ").partition("\n")[0]
    return _is_header(first) or _is_row(first)


def read_table(text: str) -> Transcript:
    """Return the rows; whole numbers are milliseconds as Whisper writes them, decimals are seconds.

    Raises:
        UploadRefused: a row lacks a column or a time is none; names the line.
    """
    rows = list(_rows(text))
    unit = 1 if any("." in start or "." in end for _, start, end, _ in rows) else MS_PER_S
    return Transcript(
        arranged(
            Segment(_seconds(start, unit, number), _seconds(end, unit, number), clean_text(words))
            for number, start, end, words in rows
        )
    )


def _rows(text: str) -> Iterator[tuple[int, str, str, str]]:
    header_may_come = True
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or (header_may_come and _is_header(line)):
            continue
        header_may_come = False
        fields = line.split("\t", COLUMNS - 1)
        if len(fields) < COLUMNS:
            raise UploadRefused(f"Line {number}: a row needs start, end and text with a tab between them.")
        if number > MAX_SEGMENTS * 2:
            raise UploadRefused(f"The table has more than {MAX_SEGMENTS:,} rows. Split it.")
        yield number, fields[0].strip(), fields[1].strip(), fields[2]


def _is_row(line: str) -> bool:
    times = [field.strip() for field in line.split("\t", COLUMNS - 1)[:-1]]
    return len(times) == COLUMNS - 1 and all(MEANT_AS_NUMBER.fullmatch(each) for each in times)


def _is_header(line: str) -> bool:
    return [name.strip().lower() for name in line.split("\t", COLUMNS)[:COLUMNS]] == HEADER


def _seconds(value: str, unit: int, number: int) -> float:
    if not NUMBER.fullmatch(value):
        raise UploadRefused(f"Line {number}: a time is not a number. Give milliseconds, or seconds with decimals.")
    return checked_s(float(value) / unit, f"Line {number}")
