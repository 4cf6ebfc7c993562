"""Models as their vendors list them: whether a configured name is there, what was meant, and when one ends."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Final

MOST_MATCHES: Final = 3
_VERSION: Final = re.compile(r"(?:-\d{4}-?\d{2}-?\d{2}|:latest)")
"""What a vendor's list adds to a name that works without it, too."""
_LATEST: Final = "-latest"


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model that a key may use; ``ends`` is None where the vendor announced nothing.

    ``deprecated``: the vendor says that it will end, with a date or without.
    """

    name: str
    ends: date | None = None
    deprecated: bool = False


def find_offered(name: str, offered: Iterable[OfferedModel]) -> OfferedModel | None:
    """The offered model that a configured name means, also where the list has it with a date or a tag.

    ``NAME-latest`` is whatever of that line there is; of several the last one is meant.
    """
    line = name.removesuffix(_LATEST)
    last = None
    for model in offered:
        if model.name == name:
            return model
        rest = model.name.removeprefix(line)
        dated = model.name.startswith(line) and _VERSION.fullmatch(rest)
        if dated or (line != name and model.name.startswith(line)):
            last = model
    return last


def near_matches(name: str, offered: Sequence[OfferedModel]) -> list[str]:
    """Names that somebody may have meant, the closest first."""
    undated = {_VERSION.sub("", model.name): model.name for model in offered}
    close = [undated[each] for each in get_close_matches(name, undated, n=MOST_MATCHES)]
    inside = [model.name for model in offered if name.casefold() in model.name.casefold()]
    return list(dict.fromkeys([*close, *inside]))[:MOST_MATCHES]
