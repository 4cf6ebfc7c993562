"""What is different between two versions of a text, line by line, as people read it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

_ENDS: Final = re.compile(r"\n+|(?<=[.!?])\s+")


class Mark(StrEnum):
    """What became of a sentence."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Changed:
    """A sentence or line of a text, and what became of it; of the same in between only a count is kept."""

    mark: Mark
    text: str


def changes(before: str, after: str) -> list[Changed]:
    """Both texts as one: what was taken out, what was put in, and between them how much stayed."""
    former, later = _sentences(before), _sentences(after)
    found: list[Changed] = []
    for _, first, last, begin, end in SequenceMatcher(a=former, b=later, autojunk=False).get_opcodes():
        found += _step(former[first:last], later[begin:end])
    return found


def _step(former: list[str], later: list[str]) -> Iterator[Changed]:
    if former == later:
        yield Changed(Mark.SAME, former[0] if len(former) == 1 else f"{former[0]} … ({len(former)} sentences stay)")
        return
    yield from (Changed(Mark.REMOVED, text) for text in former)
    yield from (Changed(Mark.ADDED, text) for text in later)


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in _ENDS.split(text) if part.strip()]
