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
    """Those whose number or whole title it is; where there are none, those with it in their title, in any case."""
    every = list(things)
    exact = [thing for thing in every if wanted in {str(thing.id), thing.title}]
    return exact or [thing for thing in every if wanted and wanted.casefold() in thing.title.casefold()]
