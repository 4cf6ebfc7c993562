"""The chat platforms that are configured, as ``chronos run`` sees them."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.app import Deployment
from bot.settings import MEGABYTE, Settings
from core.conversation import Liveness, Messenger
from core.members.roles import RoleKeeper


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform to run: its connection and how that stands, its way to write, and what it adds to the web server.

    ``roles`` is the way to change members' roles, where the platform has them.
    """

    messenger: Messenger
    run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]
    liveness: Callable[[], Liveness]
    add_routes: Callable[[web.Application], None]
    roles: RoleKeeper | None = None


def open_platforms(deployment: Deployment) -> list[Platform]:
    """Every platform whose token is set."""
    settings = deployment.settings
    found: list[Platform] = []
    if settings.discord.bot_token.get_secret_value():
        found.append(_discord(deployment, settings))
    if settings.telegram.bot_token.get_secret_value():
        found.append(_telegram(deployment, settings))
    return found


def _discord(deployment: Deployment, settings: Settings) -> Platform:
    from adapters.discord.platform import DiscordPlatform

    platform = DiscordPlatform(
        deployment.responder,
        bot_token=settings.discord.bot_token.get_secret_value(),
        api_url=settings.discord.api_url,
        gateway_url=settings.discord.gateway_url,
        largest_file_bytes=settings.limits.media_mb * MEGABYTE,
        listener=deployment.listening,
        leftovers=deployment.outbox,
    )
    return Platform(platform, platform.run, platform.liveness, lambda _: None, platform)


def _telegram(deployment: Deployment, settings: Settings) -> Platform:
    from adapters.telegram.platform import TelegramPlatform

    async def moved(name: str, old_id: str, new_id: str) -> None:
        await deployment.directory.move_community(name, old_id, new_id)
        await deployment.greetings.first(name, new_id)

    platform = TelegramPlatform(
        deployment.responder,
        bot_token=settings.telegram.bot_token.get_secret_value(),
        api_url=settings.telegram.api_url,
        mode=settings.telegram.mode,
        public_url=settings.public_url,
        webhook_secret=settings.telegram.webhook_secret.get_secret_value(),
        largest_file_bytes=settings.limits.media_mb * MEGABYTE,
        listener=deployment.listening,
        leftovers=deployment.outbox,
        moved=moved,
    )

    async def receive(request: web.Request) -> web.Response:
        return web.Response(status=await platform.receive(request.headers, await request.read()))

    def add_routes(app: web.Application) -> None:
        if settings.telegram.mode == "webhook":
            app.router.add_post(platform.path, receive)

    return Platform(platform, platform.run, platform.liveness, add_routes)
