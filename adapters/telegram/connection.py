"""The live connection to Telegram: it begins, polls or takes a webhook's updates, and ends."""

import asyncio
import itertools
import logging
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import structlog
from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    Update,
)
from telegram.error import BadRequest, Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from adapters.telegram.access import Access
from adapters.telegram.answering import Answering
from adapters.telegram.failures import provider_errors, retry_after_s
from adapters.telegram.files import Files
from adapters.telegram.pacing import Pace
from adapters.telegram.writing import Writer
from core.conversation import (
    CONNECTED,
    EVERY_AUDIENCE,
    PLAIN_AUDIENCE,
    Audience,
    Link,
    Liveness,
    Place,
    Reply,
    Responder,
    listed,
)
from core.errors import ConfigurationError, ProviderBusy
from core.outbox import Leftovers
from core.overheard import Listener

T = TypeVar("T")

log = structlog.get_logger()

UPDATES: Final = ["message", "callback_query", "my_chat_member", "message_reaction"]
POLL_S: Final = 30
MOST_AT_ONCE: Final = 64
REMEMBERED_UPDATES: Final = 10_000
LONGEST_PAUSE_S: Final = 60.0
PAUSE_AFTER_CONFLICT_S: Final = 5.0
LAST_WORDS_S: Final = 3.0
HANGING_UP_S: Final = 0.8
WATCH_EVERY_S: Final = 60.0
SHARE_OF_CARDS: Final = 0.75
SHARE_OF_GROWING: Final = 0.5
"""Of a group's minute, what answers that still grow may have: whole answers go first."""
_TAKEN: Final = "another program receives this bot's updates; stop it, or give each its own bot_token"


class Connection:
    """One bot, from its first call to its last."""

    def __init__(
        self, access: Access, responder: Responder, moved: Callable[[str, str, str], Awaitable[None]],
        listener: Listener, leftovers: Leftovers,
    ) -> None:  # fmt: skip
        _prepare_library()
        root = access.api_url.rstrip("/")
        self._access = access
        self._responder = responder
        self._bot = Bot(
            access.bot_token, base_url=f"{root}/bot", base_file_url=f"{root}/file/bot",
            request=HTTPXRequest(read_timeout=20, write_timeout=20, pool_timeout=20, media_write_timeout=60),
            get_updates_request=HTTPXRequest(connection_pool_size=2, read_timeout=10),
        )  # fmt: skip
        pace = Pace()
        answers = Writer(self._bot, moved, pace)
        files = Files(self._bot, f"{root}/file/bot{access.bot_token}", access.largest_file_bytes)
        growing = Writer(self._bot, moved, pace, patience_s=0, share=SHARE_OF_GROWING)
        self._answering = Answering(self._bot, responder, answers, files, moved, listener, growing, leftovers)
        # What waits in the outbox is tried again later; people's answers go first.
        self._outgoing = Writer(self._bot, moved, pace, patience_s=0, share=SHARE_OF_CARDS)
        self.liveness = Liveness()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._handling: set[asyncio.Task[None]] = set()
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._next_update = 0
        self._connected = False

    async def serve(self) -> None:
        """Connect and take updates until cancelled.

        Raises:
            ConfigurationError: Telegram rejects the token or the webhook.
        """
        await self._insist("a connection", self._bot.initialize)
        self._connected = True
        log.info("telegram connected", bot=self._bot.username, mode=self._access.mode)
        await self._publish_menu()
        if self._access.mode == "webhook":
            await self._insist("the webhook", self._set_webhook)
            while True:
                await asyncio.sleep(WATCH_EVERY_S)
                await self._watch_webhook()
        await self._insist("polling", self._bot.delete_webhook)
        while True:
            await self._poll()

    async def close(self) -> None:
        """Let running answers finish for a moment, then hang up."""
        self._connected = False
        if self._next_update:
            # Confirms what was taken, so that nothing is answered twice after a restart.
            with suppress(TelegramError, TimeoutError):
                async with asyncio.timeout(HANGING_UP_S):
                    await self._bot.get_updates(offset=self._next_update, limit=1, timeout=0)
        if self._handling:
            _, late = await asyncio.wait(self._handling, timeout=LAST_WORDS_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(HANGING_UP_S):
                await self._bot.shutdown()

    async def deliver(self, place: Place, reply: Reply, message_id: str) -> str:
        """See :meth:`core.conversation.Messenger.deliver`."""
        if not self._connected:
            raise ProviderBusy("Telegram is not connected yet", retry_after_s=2)
        to = place if place.channel else replace(place, channel=place.recipient)  # a private chat has its person's id
        with provider_errors():
            if message_id:
                return await self._outgoing.edit(to, reply, message_id)
            return await self._outgoing.say(to, reply)

    async def receive(self, data: Any) -> int:  # noqa: ANN401 - whatever the body held
        """Take an update from the webhook; returns the HTTP status."""
        if not self._connected:
            return 503
        try:
            update = Update.de_json(data, self._bot)
        except (TypeError, ValueError, KeyError, AttributeError):
            return 400
        await self._take(update)
        return 200

    async def _poll(self) -> None:
        updates = await self._insist(
            "updates",
            lambda: self._bot.get_updates(
                offset=self._next_update or None,
                allowed_updates=UPDATES,
                # The first poll after a failure comes back at once, and so shows that Telegram is there again.
                timeout=POLL_S if self.liveness == CONNECTED else 0,
            ),
        )
        for update in updates:
            await self._take(update)
            self._next_update = update.update_id + 1

    async def _take(self, update: Update) -> None:
        """Begin to handle an update, once there is room for it; one that was seen before is ignored."""
        await self._room.acquire()
        if self._is_repeated(update.update_id):
            self._room.release()
            return
        task = asyncio.create_task(self._answering.handle(update))
        self._handling.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._handling.discard(task)
        self._room.release()

    def _is_repeated(self, update_id: int) -> bool:
        if update_id in self._seen:
            return True
        self._seen[update_id] = None
        if len(self._seen) > REMEMBERED_UPDATES:
            self._seen.popitem(last=False)
        return False

    async def _set_webhook(self) -> bool:
        return await self._bot.set_webhook(
            self._access.webhook_url, secret_token=self._access.secret, allowed_updates=UPDATES
        )

    async def _watch_webhook(self) -> None:
        """Only Telegram knows whether its updates reach us."""
        found = await self._insist("the webhook", self._bot.get_webhook_info)
        failed_at = found.last_error_date
        if failed_at and (datetime.now(UTC) - failed_at).total_seconds() < 2 * WATCH_EVERY_S:
            reason = f"Telegram cannot reach {self._access.webhook_url}: {found.last_error_message}"
            log.warning("telegram cannot hand over updates", reason=reason)
            self.liveness = Liveness(Link.RECONNECTING, reason)

    async def _publish_menu(self) -> None:
        menus: list[tuple[BotCommandScope, list[BotCommand]]] = [
            (BotCommandScopeAllPrivateChats(), self._menu(PLAIN_AUDIENCE, direct=True)),
            (BotCommandScopeAllGroupChats(), self._menu(PLAIN_AUDIENCE, direct=False)),
            (BotCommandScopeAllChatAdministrators(), self._menu(EVERY_AUDIENCE, direct=False)),
        ]
        for scope, commands in menus:
            try:
                await self._bot.set_my_commands(commands, scope)
            except TelegramError as error:
                log.warning("telegram did not take the command menu", scope=scope.type, reason=str(error))

    def _menu(self, audiences: frozenset[Audience], *, direct: bool) -> list[BotCommand]:
        shown = listed(self._responder.commands, audiences, direct=direct)
        return [BotCommand(command.name, command.description) for command in shown]

    async def _insist(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it works, with growing pauses.

        Raises:
            ConfigurationError: it can never work with these settings.
        """
        for attempt in itertools.count():
            try:
                result = await call()
            except TelegramError as error:
                pause_s = self._pause_s(error, what, attempt)
                self.liveness = Liveness(Link.RECONNECTING, self._reason(error))
            except Exception as error:
                pause_s = _growing_s(attempt)
                log.exception("telegram sent something that cannot be read", what=what, exc_info=error)
            else:
                self.liveness = CONNECTED
                return result
            await asyncio.sleep(pause_s)
        raise AssertionError("unreachable")

    def _pause_s(self, error: TelegramError, what: str, attempt: int) -> float:
        match error:
            case InvalidToken():
                # The vendor's message holds the token.
                raise ConfigurationError(_rejected(self._access.api_url)) from None
            case BadRequest():
                raise ConfigurationError(f"Telegram refuses {what}: {self._masked(error)}") from None
            case RetryAfter():
                return retry_after_s(error)
            case Conflict():
                log.warning(_TAKEN, reason=self._masked(error))
                return PAUSE_AFTER_CONFLICT_S
            case _:
                log.warning("telegram cannot be reached, trying again", what=what, reason=self._masked(error))
                return _growing_s(attempt)

    def _reason(self, error: TelegramError) -> str:
        return _TAKEN if isinstance(error, Conflict) else f"Telegram cannot be reached ({self._masked(error)})"

    def _masked(self, error: Exception) -> str:
        return f"{type(error).__name__}: {error}".replace(self._access.bot_token, "(bot_token)")


def _growing_s(attempt: int) -> float:
    return min(0.5 * 2.0 ** min(attempt, 10), LONGEST_PAUSE_S)


def _rejected(api_url: str) -> str:
    return (
        f"telegram.bot_token was rejected by {api_url}. Copy it again from @BotFather; if telegram.api_url is not "
        "Telegram's own address, check that it is the root of a Bot API server."
    )


def _prepare_library() -> None:
    os.environ["PTB_TIMEDELTA"] = "1"  # waits as timedelta, without a warning at each
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.WARNING)  # addresses hold the token
    # It writes whole updates when it cannot read them; we say that ourselves, without what people wrote.
    logging.getLogger("telegram.Bot").setLevel(logging.CRITICAL + 1)
