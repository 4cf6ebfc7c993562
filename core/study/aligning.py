"""Finding where a creator said what a model says that they said; what is found nowhere is not theirs."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from core.asking.claims import negated, numbers
from core.asking.words import tokens

LEAST_WORDS: Final = 3
LEAST_SHARED: Final = 0.85
"""So much of a quote has to stand in a run of sentences, word for word and in order: a slip of a recogniser may be
put right, another word of ten may not."""
MOST_SENTENCES: Final = 4
"""A quote runs over so many sentences at most."""


def aligned(quote: str, sentences: Sequence[str]) -> tuple[int, int] | None:
    """Return the first and last of the sentences that a quote was taken from; None where nobody said it.

    Args:
        quote: words that are claimed to be said; dots of an omission are no words.
        sentences: what was said, in order.

    Returns:
        Positions, both inclusive, of the shortest run of at most four sentences that holds all of its words in order,
        or else nearly all of them, with the same numbers and denials.
    """
    words = tokens(quote)
    if len(words) < LEAST_WORDS:
        return None
    said = [tokens(sentence) for sentence in sentences]
    return _exactly(words, said) or _nearly(quote, words, sentences, said)


def found_again(quote: str, sentences: Sequence[str]) -> tuple[int, int] | None:
    """Return where words that were once said stand now, however few they are; None where they do not any more."""
    words = tokens(quote)
    same = next((at for at, sentence in enumerate(sentences) if tokens(sentence) == words), None)
    return aligned(quote, sentences) if same is None else (same, same)


def _exactly(words: list[str], said: Sequence[list[str]]) -> tuple[int, int] | None:
    wanted = f" {' '.join(words)} "
    for first in range(len(said)):
        run: list[str] = []
        for last in range(first, min(first + MOST_SENTENCES, len(said))):
            run += said[last]
            if wanted in f" {' '.join(run)} ":
                return _narrowed(wanted, said, first, last)
    return None


def _narrowed(wanted: str, said: Sequence[list[str]], first: int, last: int) -> tuple[int, int]:
    """Without the sentences before the quote begins."""
    while first < last:
        rest = " ".join(word for sentence in said[first + 1 : last + 1] for word in sentence)
        if wanted not in f" {rest} ":
            break
        first += 1
    return first, last


def _nearly(
    quote: str, words: list[str], sentences: Sequence[str], said: Sequence[list[str]]
) -> tuple[int, int] | None:
    wanted = set(words)
    best, found = LEAST_SHARED, None
    for first in range(len(said)):
        if not wanted.intersection(said[first]):
            continue
        run: list[str] = []
        for last in range(first, min(first + MOST_SENTENCES, len(said))):
            run += said[last]
            if len(wanted.intersection(run)) < LEAST_SHARED * len(wanted):
                continue
            share = _in_order(words, run)
            if share > best and _same_claims(quote, " ".join(sentences[first : last + 1])):
                best, found = share, (first, last)
    return found


def _in_order(words: list[str], run: list[str]) -> float:
    blocks = SequenceMatcher(None, words, run, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(words)


def _same_claims(quote: str, said: str) -> bool:
    return numbers(quote) <= numbers(said) and (negated(quote) or not negated(said))
