"""Who manages a group."""

import time
from typing import Final

import structlog
from telegram import Bot, ChatMember
from telegram.error import BadRequest, TelegramError

log = structlog.get_logger()

KEPT_S: Final = 60.0
LIST_KEPT_S: Final = 600.0
MOST_KEPT: Final = 4096


class Administrators:
    """Asks Telegram at most once a minute for a person in a group."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._kept: dict[tuple[int, int], tuple[float, bool]] = {}
        self._lists: dict[int, tuple[float, frozenset[int]]] = {}

    async def manages(self, chat_id: int, user_id: int) -> bool:
        """Whether a person created or administrates a group; no, while Telegram does not say."""
        until_s, manages = self._kept.get((chat_id, user_id), (0.0, False))
        if time.monotonic() < until_s:
            return manages
        try:
            manages = await self._ask(chat_id, user_id)
        except TelegramError as error:
            log.warning("telegram does not say who administrates", chat=chat_id, reason=str(error))
            return False
        self._keep((chat_id, user_id), manages)
        return manages

    async def is_listed(self, chat_id: int, user_id: int) -> bool:
        """Whether a person is among a group's administrators, who are asked for at most once in ten minutes.

        For what is not worth a question for each person: nothing may be allowed by it.
        """
        until_s, listed = self._lists.get(chat_id, (0.0, frozenset()))
        if time.monotonic() >= until_s:
            listed = await self._list(chat_id)
            if len(self._lists) >= MOST_KEPT:
                self._lists.clear()
            self._lists[chat_id] = (time.monotonic() + LIST_KEPT_S, listed)
        return user_id in listed

    async def _list(self, chat_id: int) -> frozenset[int]:
        try:
            return frozenset(member.user.id for member in await self._bot.get_chat_administrators(chat_id))
        except TelegramError as error:
            log.warning("telegram does not say who administrates", chat=chat_id, reason=str(error))
            return frozenset()

    async def _ask(self, chat_id: int, user_id: int) -> bool:
        try:
            member = await self._bot.get_chat_member(chat_id, user_id)
        except BadRequest:
            # Where a group hides its members, a bot may still see who administrates it.
            return any(member.user.id == user_id for member in await self._bot.get_chat_administrators(chat_id))
        return member.status in {ChatMember.OWNER, ChatMember.ADMINISTRATOR}

    def _keep(self, key: tuple[int, int], manages: bool) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (time.monotonic() + KEPT_S, manages)
