"""Reading an answer while a vendor still sends it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.models.estimates import size_bytes
from core.asking.answer import Usage
from core.asking.writing import DraftSentence

Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Written:
    """What a vendor's model wrote; not ``covered``: the evidence does not answer the question."""

    sentences: tuple[DraftSentence, ...]
    covered: bool = True


class Reader(ABC, Generic[Event]):
    """Takes in one answer event by event.

    ``usage`` is what the vendor said of it so far; ``model`` and ``cost_usd`` are set where the vendor says which of
    several models answers, and what it takes. They count whether or not the answer is of any use.
    """

    usage: Usage = Usage()
    model: str = ""
    cost_usd: float | None = None
    counted: bool = False
    """Whether ``usage`` is of all of it."""
    received_bytes: int = 0
    """How much of its text has come."""

    @property
    def begun(self) -> bool:
        """Whether a first word has come."""
        return self.received_bytes > 0

    def receive(self, text: str) -> None:
        """Note that a piece of text has come, of use or not."""
        self.received_bytes += size_bytes([text])

    @abstractmethod
    def take(self, event: Event) -> Iterable[DraftSentence]:
        """Take in an event; returns the sentences that it completed.

        Raises:
            ProviderError: the event says that the vendor failed or the model refused.
        """

    @abstractmethod
    def written(self) -> Written:
        """All of the answer, once the events have ended; it begins with the sentences that were completed.

        Raises:
            Declined: the model refused, was cut by its limit, or wrote what cannot be read.
            ProviderError: it broke off.
        """
