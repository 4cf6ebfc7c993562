"""Keeps what people said about themselves out of answers: a model may heed it, and never repeats it."""

from typing import Final

from core.asking.words import STOP_WORDS, tokens
from core.asking.writing import Task

STEM_LETTERS: Final = 5


def gives_away(sentence: str, task: Task) -> bool:
    """Tell whether a sentence has a telling word of a fact that neither the evidence nor who asks has said here."""
    if not task.background.facts:
        return False
    told = _telling(" ".join(task.background.facts)) & _telling(sentence)
    return bool(told) and not told <= _telling(_open_to_all(task))


def _open_to_all(task: Task) -> str:
    asked = (task.question, *(turn.question for turn in task.history))
    given = (text for source in task.evidence for text in (source.title, *(each.text for each in source.sentences)))
    return "\n".join((*asked, *given))


def _telling(text: str) -> frozenset[str]:
    return frozenset(word[:STEM_LETTERS] for word in tokens(text) if word not in STOP_WORDS)
