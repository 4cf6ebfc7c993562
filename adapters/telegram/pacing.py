"""Telegram's limits on writing, kept before it has to insist; an edit counts like a message.

The limiter of python-telegram-bot counts lookups and "typing" as well, has no limit for a single chat, lets a group
have twice its minute at first, and cannot let an answer go before a status card; so this is our own.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

MOST_CHATS: Final = 4096


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most so many messages within a time, wherever it begins."""

    most: int
    within_s: float

    def wait_s(self, sent_s: Sequence[float], now_s: float, share: float = 1.0) -> float:
        """Seconds until another message fits into ``share`` of the allowance; ``sent_s`` are ascending times."""
        most = max(1, int(self.most * share))
        return max(0.0, sent_s[-most] + self.within_s - now_s) if len(sent_s) >= most else 0.0


EVERYWHERE: Final = Allowance(30, 1.0)
CHAT: Final = Allowance(5, 5.0)
"""A message a second, and a short burst, as Telegram allows it."""
GROUP: Final = Allowance(20, 60.0)


class Pace:
    """Remembers what one bot wrote, and says how long it has to wait."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._everywhere: deque[float] = deque(maxlen=EVERYWHERE.most)
        self._chats: dict[str, deque[float]] = {}

    def wait_s(self, chat: str, share: float = 1.0) -> float:
        """Seconds until a message may be written to a chat.

        Args:
            chat: its id; those of groups are negative.
            share: below 1, the rest of what all chats, or a group's minute, may have is left to others.
        """
        now_s, sent_s = self._now_s(), self._chats.get(chat, ())
        in_group_s = GROUP.wait_s(sent_s, now_s, share) if chat.startswith("-") else 0.0
        return max(EVERYWHERE.wait_s(self._everywhere, now_s, share), CHAT.wait_s(sent_s, now_s), in_group_s)

    def note(self, chat: str) -> None:
        """Count a message that is being written."""
        now_s = self._now_s()
        if len(self._chats) >= MOST_CHATS:
            self._chats = {k: sent for k, sent in self._chats.items() if now_s - sent[-1] < GROUP.within_s}
        self._everywhere.append(now_s)
        self._chats.setdefault(chat, deque(maxlen=GROUP.most)).append(now_s)

    def take_back(self, chat: str) -> None:
        """Uncount what was noted last for a chat: it was refused."""
        sent_s = self._chats.get(chat)
        if sent_s:
            sent_s.pop()
            self._everywhere.pop()
        if not sent_s:
            self._chats.pop(chat, None)
