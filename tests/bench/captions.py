"""Made-up captions of any length from a seed: the sample lectures' words in an order in which nobody said them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np

from bot.sample_library import sample_library

WORDS_A_MINUTE: Final = 150
CUE_WORDS: Final = 10
CUE_S: Final = 60 * CUE_WORDS / WORDS_A_MINUTE
SHORTEST_SENTENCE, LONGEST_SENTENCE = 6, 22


def made_up_captions(seed: int, minutes: int) -> bytes:
    """A WebVTT file of sentences that cross its cues, as captions of speech have them; the same for the same seed."""
    words = made_up_words(seed, minutes * WORDS_A_MINUTE)
    cues = [
        f"{_clock(number * CUE_S)} --> {_clock((number + 1) * CUE_S)}\n{' '.join(words[first : first + CUE_WORDS])}"
        for number, first in enumerate(range(0, len(words), CUE_WORDS))
    ]
    return "\n\n".join(["WEBVTT", *cues, ""]).encode()


def made_up_words(seed: int, count: int) -> list[str]:
    """Words in sentences; the same ones for the same seed."""
    random = np.random.default_rng(seed)
    words: list[str] = random.choice(_words(), count).tolist()
    for first, last in _sentences(random, count):
        words[first] = words[first].capitalize()
        words[last] += "."
    return words


def _sentences(random: np.random.Generator, count: int) -> Iterator[tuple[int, int]]:
    """The first and the last word of each."""
    first = 0
    while first < count:
        last = min(first + int(random.integers(SHORTEST_SENTENCE, LONGEST_SENTENCE)), count) - 1
        yield first, last
        first = last + 1


@cache
def _words() -> tuple[str, ...]:
    """Every word of the lectures as often as it occurs there."""
    lectures = [source.content.decode() for creator in sample_library().creators for source in creator.sources]
    return tuple(re.findall(r"\b[a-z]+\b", " ".join(lectures)))


def _clock(at_s: float) -> str:
    minutes, seconds = divmod(at_s, 60)
    return f"{int(minutes) // 60:02}:{int(minutes) % 60:02}:{seconds:06.3f}"
