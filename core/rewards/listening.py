"""Contributions: what members write among themselves, noted in batches so that it costs the chat nothing."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from core.conversation import Place
from core.errors import OperatorError
from core.overheard import Fact, Said
from core.rewards.acts import FEWEST_CHARACTERS, Wording

MOST_HELD: Final = 2_000
"""Messages that wait to be noted; what comes on top is dropped and counted."""
BATCH: Final = 500
LONGEST_RUN: Final = 5
CHANNELS_KNOWN: Final = 10_000
_COMMAND_MARKS: Final = ("/", "!")


@dataclass(frozen=True, slots=True)
class Contribution:
    """A message that may count, without its words."""

    said: Said
    wording: Wording


class Notebook(Protocol):
    """Where overheard facts are noted."""

    async def note(self, facts: Sequence[Fact]) -> None:
        """Note a batch, in the order in which things happened; noting one again changes nothing.

        Raises:
            DatabaseError: nothing can be noted now.
        """
        ...


class Runs:
    """Who wrote last in each channel, and how often in a row."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def length(self, channel: str, author: str) -> int:
        """Count a message; how many its author has now written there without anybody between."""
        before, count = self._last.pop(channel, ("", 0))
        count = count + 1 if before == author else 1
        self._last[channel] = (author, count)
        if len(self._last) > CHANNELS_KNOWN:
            self._last.popitem(last=False)
        return count


class Listening:
    """A bounded buffer between the chat and the database. See :class:`core.overheard.Listener`."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._held: deque[Fact] = deque()
        self._runs = Runs()
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many facts wait to be noted."""
        return len(self._held)

    def heard(self, fact: Fact) -> None:
        """Take a fact. Deletions have room of their own: what was earned is taken back also after a burst."""
        if isinstance(fact, Said) and not self._may_count(fact):
            return
        if len(self._held) >= MOST_HELD * (1 if isinstance(fact, Said) else 2):
            self.dropped += 1
            return
        self._held.append(fact)

    async def write(self) -> int:
        """Note what waits, at most a batch of it, and return how much that was; on failure it goes on waiting.

        Raises:
            DatabaseError: nothing can be noted now.
        """
        batch = [self._held.popleft() for _ in range(min(BATCH, len(self._held)))]
        try:
            if batch:
                await self._notebook.note(batch)
        except (OperatorError, asyncio.CancelledError):
            self._held.extendleft(reversed(batch))
            raise
        return len(batch)

    def _may_count(self, said: Said) -> bool:
        """What is plainly no contribution is not even kept until the next batch."""
        run = self._runs.length(said.place.key, said.person.external_id)
        text = said.text.strip()
        # Scripts without spaces say in half as many characters what others do.
        return run <= LONGEST_RUN and len(text) >= FEWEST_CHARACTERS // 2 and not text.startswith(_COMMAND_MARKS)


def contributions(facts: Iterable[Fact]) -> list[Contribution]:
    """Measure the messages among facts, which takes a while; those that are too short to count are left out."""
    measured = (Contribution(fact, Wording.of(fact.text)) for fact in facts if isinstance(fact, Said))
    return [each for each in measured if not each.wording.too_short]


def message_key(place: Place, message_id: str) -> str:
    """What a message's act is called: the same whoever tells of the message, and once for each."""
    return f"message:{place.platform}:{place.channel}:{message_id}"
