"""Answers that are plainly in another language than the question; what is in doubt passes."""

import re
from typing import Final

from core.asking.tongue import language_of
from core.asking.writing import Task

LEAST_LETTERS: Final = 20
"""A shorter text may be a name or a term that is the same everywhere."""
_NEIGHBOURS: Final = (frozenset({"es", "pt"}), frozenset({"ru", "uk"}))
"""So close to each other that a sentence or two may be taken for the other."""
_LANGUAGE_NAMES: Final = re.compile(
    r"\b(?:english|german|french|spanish|italian|portuguese|dutch|russian|arabic|chinese|japanese|korean|hindi|translat\w+"
    r"|englisch\w*|deutsch\w*|franz\u00f6sisch\w*|spanisch\w*|ingl[e\u00e9]s|espa\u00f1ol|alem[a\u00e1]n|fran[c\u00e7]ais"
    r"|anglais|allemand|espagnol|inglese|italiano|ingl\u00eas|portugu[e\u00ea]s)\b",
    re.IGNORECASE,
)


def strays(answer: str, task: Task) -> bool:
    """Tell whether an answer is plainly in another language than the question that it answers.

    Where the person wishes for a language, or the question speaks of one, nothing is plain.
    """
    is_judged = sum(map(str.isalpha, answer)) >= LEAST_LETTERS and not task.wishes.language
    if not is_judged or _LANGUAGE_NAMES.search(task.question):
        return False
    asked, said = language_of(task.question), language_of(answer)
    return bool(asked and said and asked != said) and not any({asked, said} <= near for near in _NEIGHBOURS)
