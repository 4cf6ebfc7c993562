"""Which of several things a person means who types a number or words of a title."""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Titled(Protocol):
    """What has a number and a title."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def title(self) -> str:
        """What people call it."""
        ...


Thing = TypeVar("Thing", bound=Titled)


def fitting(wanted: str, things: Iterable[Thing]) -> list[Thing]:
    """Those whose number (``12`` or ``#12``) or whole title it is; where none is, those with it in their title.

    Case makes no difference, unless only case tells two titles apart.
    """
    every, folded = list(things), wanted.strip().casefold()
    numbered = [thing for thing in every if str(thing.id) == folded.removeprefix("#")]
    called = [thing for thing in every if thing.title.casefold() == folded]
    same = [thing for thing in called if thing.title == wanted]
    return numbered or same or called or [thing for thing in every if folded and folded in thing.title.casefold()]
