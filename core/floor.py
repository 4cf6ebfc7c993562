"""Who has the floor: once a person answers somebody's question, the bot keeps silent until it is called again.

A talk is a question to the bot with all that replies to it, to the bot's answer, or to such a reply. It lives in the
process that is connected to the platform: after a restart the bot answers as if nobody had joined in.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

MOST_MESSAGES: Final = 20_000
MOST_THREADS: Final = 1_000


@dataclass(slots=True, eq=False)
class Talk:
    """A question to the bot and what belongs to it; ``taken`` once somebody besides its askers replied."""

    channel: str
    askers: set[str] = field(default_factory=set)
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def stays_free(self, work: "asyncio.Task[Any]") -> bool:
        """Wait for some work; False as soon as a person has answered instead, while the work itself goes on."""
        joining = asyncio.create_task(self.taken.wait())
        try:
            await asyncio.wait({work, joining}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            work.cancel()
            raise
        finally:
            joining.cancel()
        return not self.taken.is_set()


class Floor:
    """The talks of one platform; messages and people are named by the platform's ids."""

    def __init__(self, most_messages: int = MOST_MESSAGES) -> None:
        self._most_messages = most_messages
        self._talks: OrderedDict[tuple[str, str], Talk] = OrderedDict()
        self._threads: OrderedDict[str, list[Talk]] = OrderedDict()

    def called(self, channel: str, message_id: str, asker: str, about: str = "", *, thread: bool = False) -> Talk:
        """The bot is asked, by name or for the first time: the floor is its own.

        Args:
            channel: where, as unique as its messages' ids are.
            message_id: the message that asks.
            asker: who asks.
            about: the message that it replies to, or empty.
            thread: the channel is one talk of its own, in which the staff need not reply to anything.
        """
        talk = self._talks.get((channel, about)) or Talk(channel)
        talk.askers.add(asker)
        talk.taken.clear()
        self._note(talk, [message_id])
        if thread:
            self._note_thread(talk)
        return talk

    def answered(self, talk: Talk, message_ids: Iterable[str]) -> None:
        """The bot's answer stands in these messages."""
        self._note(talk, message_ids)

    def heard(self, channel: str, message_id: str, author: str, about: str) -> None:
        """Somebody says something that is not for the bot, as a reply to ``about`` or to nothing (empty)."""
        talk = self._talks.get((channel, about)) if about else None
        if talk is None:
            return
        if author not in talk.askers:
            talk.taken.set()
        self._note(talk, [message_id])

    def waits_in(self, channel: str, author: str) -> bool:
        """Whether it matters that this person joins in: somebody else asked the bot in this thread."""
        return any(author not in talk.askers for talk in self._threads.get(channel, ()))

    def joined(self, channel: str, author: str) -> None:
        """One of the staff speaks in a thread, without replying to anything."""
        for talk in self._threads.get(channel, ()):
            if author not in talk.askers:
                talk.taken.set()

    def is_taken(self, channel: str, about: str) -> bool:
        """Whether a reply to this message is for the person who joined in, rather than for the bot."""
        talk = self._talks.get((channel, about))
        return talk is not None and talk.taken.is_set()

    def _note(self, talk: Talk, message_ids: Iterable[str]) -> None:
        for message_id in message_ids:
            self._talks[talk.channel, message_id] = talk
        while len(self._talks) > self._most_messages:
            self._talks.popitem(last=False)

    def _note_thread(self, talk: Talk) -> None:
        talks = self._threads.setdefault(talk.channel, [])
        if talk not in talks:
            talks.append(talk)
        self._threads.move_to_end(talk.channel)
        if len(self._threads) > MOST_THREADS:
            self._threads.popitem(last=False)
