"""Messages that come without being asked for, such as status cards, until a page looks for them."""

import secrets
import time
from collections import OrderedDict
from typing import Final

from core.conversation import Place, Reply

PLATFORM: Final = "web"
MOST_KEPT: Final = 200


class WebMessenger:
    """See :class:`core.conversation.Messenger`; keeps the newest version of each message for the pages to fetch."""

    platform: Final = PLATFORM

    def __init__(self) -> None:
        self._last = 0
        self._cards: OrderedDict[str, tuple[int, str, Reply]] = OrderedDict()

    async def deliver(self, place: Place, reply: Reply, message_id: str) -> str:
        """Keep a message, or the new version of the one with ``message_id``."""
        message_id = message_id or secrets.token_hex(6)
        # A clock, so that a page that was open over a restart asks for what is newer all the same.
        self._last = max(self._last + 1, time.time_ns() // 1_000_000)
        self._cards[message_id] = (self._last, place.key, reply)
        self._cards.move_to_end(message_id)
        while len(self._cards) > MOST_KEPT:
            self._cards.popitem(last=False)
        return message_id

    def since(self, room: str, number: int) -> list[tuple[int, str, Reply]]:
        """What changed in a room after ``number``, oldest first: the number of the change, the message's id, it."""
        return [
            (changed, message_id, reply)
            for message_id, (changed, place, reply) in self._cards.items()
            if place == room and changed > number
        ]
