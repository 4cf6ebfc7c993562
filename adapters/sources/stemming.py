"""English Snowball stems by PyStemmer."""

from collections.abc import Sequence

import Stemmer


class SnowballStemmer:
    """Stems words; remembers none, because Snowball is not shared between threads safely with its cache."""

    def __init__(self, language: str = "english") -> None:
        self._language = language

    def __call__(self, words: Sequence[str]) -> list[str]:
        """Return the stem of each word."""
        stems: list[str] = Stemmer.Stemmer(self._language).stemWords(list(words))
        return stems
