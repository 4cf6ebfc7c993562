"""Words of a question or a passage, and the numbers that stand for their stems."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

LONGEST_QUESTION: Final = 2_000
"""Characters; a longer message is not a question and the caller refuses it."""
MOST_TERMS: Final = 40

TermIds = NDArray[np.int32]

_STOP_WORDS: Final = """
    a about above after again against all also am an and any are aren as at be because been before being below
    between both but by can cannot could couldn d did didn do does doesn doing don down during each few for from
    further had hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it
    its itself just ll m me might more most must my myself no nor not now of off on once only or other our ours
    ourselves out over own re s same shall she should shouldn so some such t than that the their theirs them
    themselves then there these they this those through to too under until up us ve very was wasn we were weren what
    when where which while who whom whose why will with won would wouldn you your yours yourself yourselves"""
STOP_WORDS: Final = frozenset(_STOP_WORDS.split())

_UNSPACED: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN: Final = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[^\W_])+")
_IS_UNSPACED: Final = re.compile(rf"[{_UNSPACED}]")
_LONGEST_TOKEN: Final = 40
_MENTION: Final = re.compile(r"<(?:@[!&]?|#|a?:\w{1,64}:|t:|/[^:<>]{1,64}:|id:)[^<>\s]{0,64}>|(?<!\w)@\w+")
_LINK: Final = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_MARKUP: Final = re.compile(r"[*_~`|#>\[\](){}\\]+")
_APOSTROPHE: Final = re.compile(r"(?<=\w)[\u2019\u02bc](?=\w)")


class Stemmer(Protocol):
    """Reduces words to stems."""

    def __call__(self, words: Sequence[str]) -> list[str]:
        """Return one stem for each word, in order."""
        ...


@dataclass(frozen=True, slots=True)
class CleanQuestion:
    """A question as words: ``text`` is embedded, ``words`` are searched; both are empty where nothing was asked."""

    text: str
    words: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether no word is left: emoji, dashes, a lone mention."""
        return not self.words


def clean_question(text: str) -> CleanQuestion:
    """Strip mentions, links, markup and control characters; keep words, at most 40 different ones to search for."""
    shown = unicodedata.normalize("NFKC", text[:LONGEST_QUESTION])
    for noise in (_MENTION, _LINK, _TAG, _MARKUP):
        shown = noise.sub(" ", shown)
    shown = "".join(mark if _kept(mark) else " " for mark in shown)
    found = tokens(shown)
    content = [word for word in found if word not in STOP_WORDS] or found
    return CleanQuestion(" ".join(shown.split()) if found else "", tuple(dict.fromkeys(content))[:MOST_TERMS])


def tokens(text: str) -> list[str]:
    """Return the words of a text in lower case; scripts without spaces become overlapping pairs of characters."""
    plain = _APOSTROPHE.sub("'", unicodedata.normalize("NFKC", text)).casefold()
    found: list[str] = []
    for token in _TOKEN.findall(plain):
        if _IS_UNSPACED.match(token):
            found += [token[at : at + 2] for at in range(max(len(token) - 1, 1))]
        else:
            found.append(token[:_LONGEST_TOKEN])
    return found


def term_ids(words: Sequence[str], stem: Stemmer) -> TermIds:
    """Return the ids of the stems of the content words, in order and with repetitions.

    Returns:
        int32 array of shape (n_content_words,); the same word has the same id on every machine.
    """
    content = [word for word in words if word not in STOP_WORDS]
    return stem_ids(stem(content))


def stem_ids(stems: Sequence[str]) -> TermIds:
    """Return the ids of stems, int32 array of shape (n_stems,)."""
    return np.fromiter((crc32(stem.encode()) for stem in stems), dtype=np.uint32, count=len(stems)).view(np.int32)


def _kept(mark: str) -> bool:
    """Letters, digits, accents and punctuation stay; controls, emoji and symbols go, but for C++ and the like."""
    return unicodedata.category(mark)[0] in "LNMPZ" or mark in "+=<$%\u20ac\u00a3\u00b0"
