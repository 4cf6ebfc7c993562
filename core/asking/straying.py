"""Answers that are plainly in another language than they were to be in; what is in doubt passes."""

import re
from typing import Final

from core.asking.tongue import NAMES, language_of
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
    """Tell whether an answer is plainly in another language than the one that it was to be in.

    That is the one that the person wishes for, else that of the question, else, where that is unclear, the task's.
    Where the question speaks of a language, nothing is plain; nor in a language that is not told from others here.
    """
    if sum(map(str.isalpha, answer)) < LEAST_LETTERS or _LANGUAGE_NAMES.search(task.question):
        return False
    wanted = task.wishes.language or language_of(task.question) or task.language
    said = language_of(answer)
    is_other = wanted in NAMES and bool(said) and wanted != said
    return is_other and not any({wanted, said} <= near for near in _NEIGHBOURS)
