"""What a platform lets the bot see in a community although it is not meant for it: facts, handed over at once."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.conversation import Person, Place


@dataclass(frozen=True, slots=True)
class Said:
    """A new message of a person in a community: no command, nothing edited or forwarded, no bot's or webhook's."""

    place: Place
    message_id: str
    person: Person
    at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deleted:
    """Messages of a channel that are gone."""

    place: Place
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reacted:
    """A person's reactions to a message: ``stands`` says whether there is one now; ``place`` is the message's."""

    place: Place
    message_id: str
    person: Person
    at: datetime
    stands: bool


Fact = Said | Deleted | Reacted


class Listener(Protocol):
    """Takes what is overheard. Never waits, never raises."""

    def heard(self, fact: Fact) -> None:
        """Take a fact; what becomes of it is found out later."""
        ...


class Forgetful:
    """A listener that keeps the last few facts for whoever looks, and does nothing with them."""

    def __init__(self, most: int = 0) -> None:
        self.facts: deque[Fact] = deque(maxlen=most)

    def heard(self, fact: Fact) -> None:
        """See :class:`Listener`."""
        self.facts.append(fact)
