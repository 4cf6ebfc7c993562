"""What a creator decides about models: which are tried first, and what happens when the money is used up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Protocol

from core.errors import Refused
from core.ids import CreatorId

DEFAULT: Final = "default"
"""What is typed to use the operator's order again."""
QUOTE, STOP = "quote", "stop"
"""What may happen when a budget is used up."""
ON, OFF = "on", "off"
"""Whether models are paid for study material."""
_BETWEEN: Final = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The models that a creator wants tried first, by name, and whether nothing is answered without money.

    ``studies``: models may be paid for study material.
    """

    models: tuple[str, ...] = ()
    stops: bool = False
    studies: bool = True


class ModelChoices(Protocol):
    """The choices of creators. No method can reach across creators."""

    async def of(self, creator_id: CreatorId) -> ModelChoice:
        """What a creator chose; the defaults where they chose nothing."""
        ...

    async def choose(self, creator_id: CreatorId, choice: ModelChoice) -> None:
        """Keep a choice in place of the one before."""
        ...


def chosen_models(typed: str, offered: Sequence[str]) -> tuple[str, ...]:
    """Read names of models with commas between; ``default`` is none of one's own.

    Raises:
        Refused: the operator has no such model; names those that there are.
    """
    if typed.strip().casefold() == DEFAULT:
        return ()
    names = tuple(dict.fromkeys(name for name in _BETWEEN.split(typed.strip()) if name))
    if not offered:
        raise Refused("The operator of this bot has set up no models: answers quote you.")
    unknown = [name for name in names if name not in offered]
    if unknown:
        close = get_close_matches(unknown[0], offered, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise Refused(
            f"There is no model {unknown[0][:80]} here.{meant} There are: {', '.join(offered)}; or {DEFAULT}."
        )
    return names
