"""A cautious guess at the language of a few words: only what is plain counts, everything else passes."""

import re
import unicodedata
from collections import Counter
from typing import Final

from core.asking.writing import Task

LEAST_LETTERS: Final = 12
LEAST_WORDS: Final = 6
LEAST_COMMON: Final = 3
"""So many small words of one language, and twice as many as of any other, make a text plainly of it."""
LEAST_SHARE: Final = 0.15
SAME_SCRIPT: Final = 0.9

_SMALL_WORDS: Final = {
    "en": "the and of to is are you that it with for this be your can have not from by when how what why if then",
    "de": "der die das und ist nicht ein eine mit auf zu den dem wie was warum man sie wird kann wenn dann auch",
    "es": "el los las una que y es con por para como pero lo se del cuando si puede esto muy al",
    "fr": "le les des une et est que qui dans pour avec sur pas vous ne ce cette il du au quand comment pourquoi",
    "it": "il gli una che di e con per non si della del nel come quando sono questo anche se pu\u00f2 dopo",
    "pt": "o os uma que e com para n\u00e3o se da do em como quando \u00e9 isso voc\u00ea pode mas ao depois",
    "nl": "de het een en is niet met op te van dat voor hoe wat waarom je wordt kan als dan ook",
}
_COMMON: Final = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}
_WORD: Final = re.compile(r"[^\W\d_]+")
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
    if task.wishes.language or _LANGUAGE_NAMES.search(task.question):
        return False
    asked, said = language(task.question), language(answer)
    return bool(asked and said and asked != said)


def language(text: str) -> str:
    """The language of a text where it is plain, as a two-letter code or, but for Latin letters, its script."""
    script = _script(text)
    if script != "LATIN":
        return script
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) < LEAST_WORDS:
        return ""
    counts = Counter({code: sum(word in common for word in words) for code, common in _COMMON.items()})
    (best, most), (_, second) = counts.most_common(2)
    return best if most >= max(LEAST_COMMON, 2 * second + 1, LEAST_SHARE * len(words)) else ""


def _script(text: str) -> str:
    """The script that nearly all letters are of; Japanese and Chinese are one, since they share most signs."""
    letters = [unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()]
    if len(letters) < LEAST_LETTERS:
        return ""
    found = Counter("CJK" if name in {"CJK", "HIRAGANA", "KATAKANA"} else name for name in letters)
    script, most = found.most_common(1)[0]
    return script if most >= SAME_SCRIPT * len(letters) else ""
