"""Sentence ends by syntok, with what it leaves open: lower-case text and scripts without spaces."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from syntok import segmenter

LONGEST_PIECE: Final = 5_000
"""Characters given to the segmenter at once, so that endless text costs no more than its length."""

_PIECE: Final = re.compile(rf"(?s).{{1,{LONGEST_PIECE}}}(?:\s|$)|.{{1,{LONGEST_PIECE}}}")
_SURE_END: Final = re.compile(r"(?:[!?][\"'\u2019\u201d)]*(?=\s)|[\u3002\uff01\uff1f])\s*")
_LOWER_CASE_END: Final = re.compile(r"(?<=[^\W\d]{4})\.\s+")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) character offsets of the sentences of a text, blanks between them left out."""
    return [
        span
        for piece in _PIECE.finditer(text)
        for start, end in _by_syntok(piece.group(), piece.start())
        for span in _tidied(text, _cut(text, start, end))
    ]


def _by_syntok(piece: str, offset: int) -> Iterator[tuple[int, int]]:
    starts = [sentence[0].offset for paragraph in segmenter.analyze(piece) for sentence in paragraph]
    starts = [0, *starts[1:], len(piece)]
    for start, end in pairwise(starts):
        yield offset + start, offset + end


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    sentence = text[start:end]
    ends = [match.end() for match in _SURE_END.finditer(sentence)]
    if sentence == sentence.lower():
        ends += [match.end() for match in _LOWER_CASE_END.finditer(sentence)]
    cuts = [0, *sorted(set(ends) - {len(sentence)}), len(sentence)]
    for first, last in pairwise(cuts):
        yield start + first, start + last


def _tidied(text: str, spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in spans:
        sentence = text[start:end]
        if sentence.strip():
            yield start + len(sentence) - len(sentence.lstrip()), start + len(sentence.rstrip())
