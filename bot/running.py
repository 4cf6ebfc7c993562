"""`chronos run`: the long-lived parts side by side, until Ctrl-C, SIGTERM, or the first of them that fails."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

import structlog

from adapters.postgres.deployment import backlog, link_key
from adapters.postgres.inbox import PostgresInbox
from adapters.web.cards import WebMessenger
from adapters.web.chat import LocalChat
from adapters.web.connect import ConnectPages
from adapters.web.hooks import InboundHooks
from adapters.web.personal import PersonalPages
from adapters.web.server import build_web, serve
from adapters.web.signing import BrowserNames, PersonalWatchLinks
from adapters.web.watch import WatchPages
from bot.app import Deployment, open_deployment, run_clock, run_deliveries, run_presence, run_role_changes
from bot.listening import note_for_ever
from bot.logs import set_up_logs
from bot.platforms import Platform, open_platforms
from bot.sample import LOCAL, add_sample_library, chat_rooms, join_everything, whom_to_ask
from bot.settings import MEGABYTE, Settings
from bot.tasks import run_worker
from bot.webhooks import verifiers_of
from core.conversation import Link, Place
from core.errors import ChronosError, DatabaseError
from core.ids import CreatorId
from core.rewards.rules import WATCH, amount_for
from core.richtext import RichText, bold, code

log = structlog.get_logger()

HEALTH_WITHIN_S: Final = 3.0
STOP_WITHIN_S: Final = 8.0
"""What a part may take to put its work down before it is cancelled."""


async def run_everything(settings: Settings, roles: frozenset[str]) -> None:
    """Run the chosen parts until stopped.

    Raises:
        ConfigurationError: something that is configured cannot be used; nothing keeps running then.
        DatabaseError: the database cannot be used.
    """
    local = not settings.has_platform and "bot" in roles
    chat = local and sys.stdin.isatty() and sys.stdout.isatty()
    if chat:
        settings.storage.data_dir.mkdir(parents=True, exist_ok=True)
        set_up_logs(settings.storage.data_dir / "chronos.log", debug=True)
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with open_deployment(settings) as deployment:
        if local:
            await add_sample_library(deployment)
            await join_everything(deployment)
        platforms = open_platforms(deployment) if "bot" in roles else []
        messenger = WebMessenger()
        app = build_web(
            health=lambda: _health(deployment, platforms),
            watch=WatchPages(deployment.links, deployment.holdings, deployment.keeping.files),
            chat=await _local_chat(deployment, messenger) if local else None,
            hooks=InboundHooks(
                PostgresInbox(deployment.database), {**verifiers_of(settings), **deployment.payouts.verifiers}
            ),
            personal=await _personal_pages(deployment),
            connect=await _connect_pages(deployment),
        )
        for platform in platforms:
            platform.add_routes(app)
        async with serve(app, settings.http.host, settings.http.port) as address:
            log.info("running", roles=sorted(roles), web=address)
            if local and not chat:
                print(f"Chronos is running. Ask it at {address}/ and stop it with Ctrl-C.", flush=True)  # noqa: T201
            parts = _parts(deployment, roles, platforms, stop)
            if local:
                parts.append(_until(stop, run_deliveries(deployment, messenger)))
            if chat:
                parts.append(_until(stop, _terminal(deployment, address, stop)))
            await _run_until_stopped(parts, stop)
    log.info("stopped")


def _parts(
    deployment: Deployment, roles: frozenset[str], platforms: list[Platform], stop: asyncio.Event
) -> list[Coroutine[Any, Any, None]]:
    parts: list[Coroutine[Any, Any, None]] = []
    if "worker" in roles:
        parts.append(run_worker(deployment, stop))
    if "scheduler" in roles:
        parts.append(_until(stop, run_clock(deployment)))
    if "bot" in roles:
        parts.append(_until(stop, note_for_ever(deployment.listening)))
        parts.append(_until(stop, run_presence(deployment, lambda: _reachable(platforms))))
    for platform in platforms:
        parts += [platform.run(stop), _until(stop, run_deliveries(deployment, platform.messenger))]
        if platform.roles is not None:
            name = platform.messenger.platform
            parts.append(_until(stop, run_role_changes(deployment, name, platform.roles)))
    return parts


def _reachable(platforms: list[Platform]) -> bool:
    """Whether the bot can be asked somewhere; without a platform it is on this machine."""
    return not platforms or any(platform.liveness().link is Link.CONNECTED for platform in platforms)


async def _run_until_stopped(parts: list[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run all parts; one that fails stops the others, and its error is raised."""
    tasks = {asyncio.create_task(part) for part in parts}
    stopping = asyncio.create_task(stop.wait())
    waiting = {stopping, *tasks}
    failed: list[asyncio.Task[Any]] = []
    while not stop.is_set() and not failed:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in done if task in tasks and task.exception() is not None]
    stop.set()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, stopping, return_exceptions=True)
    for task in failed:
        error = task.exception()
        if not isinstance(error, ChronosError):
            log.error("a part failed unexpectedly", exc_info=error)
        task.result()


async def _until(stop: asyncio.Event, endless: Coroutine[Any, Any, None]) -> None:
    """Run a part that never ends by itself, and cancel it as soon as ``stop`` is set."""
    running, stopping = asyncio.create_task(endless), asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if running.done():
        running.result()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _health(deployment: Deployment, platforms: list[Platform]) -> Mapping[str, object]:
    """What works: without the database nothing does; without a platform, the others do."""
    database, queue = "ok", None
    try:
        async with asyncio.timeout(HEALTH_WITHIN_S):
            queue = asdict(await backlog(deployment.database))
    except (DatabaseError, TimeoutError) as error:
        database = str(error) or "does not answer in time"
    standing = {platform.messenger.platform: platform.liveness() for platform in platforms}
    connected = all(liveness.link is Link.CONNECTED for liveness in standing.values())
    return {
        "status": "failing" if queue is None else "ok" if connected else "degraded",
        "version": version("chronos-bot"),
        "database": database,
        "queue": queue,
        "platforms": {name: {"state": each.link, "reason": each.reason} for name, each in standing.items()},
    }


async def _personal_pages(deployment: Deployment) -> PersonalPages:
    services = deployment.services

    async def amount(creator_id: CreatorId) -> int:
        return amount_for(await services.tariffs.of(creator_id), WATCH)

    return PersonalPages(
        PersonalWatchLinks(await link_key(deployment.database), deployment.settings.public_url), deployment.links,
        deployment.holdings, deployment.keeping.files, services.watching, amount,
    )  # fmt: skip


async def _connect_pages(deployment: Deployment) -> ConnectPages | None:
    linking = deployment.services.linking
    if linking.proof is None:
        return None
    return ConnectPages(linking, linking.proof, await link_key(deployment.database))


async def _local_chat(deployment: Deployment, messenger: WebMessenger) -> LocalChat:
    names = BrowserNames(await link_key(deployment.database))
    return LocalChat(
        deployment.responder, lambda: chat_rooms(deployment), names, messenger,
        deployment.settings.limits.media_mb * MEGABYTE, deployment.services.scratch, manages=True,
    )  # fmt: skip


async def _terminal(deployment: Deployment, address: str, stop: asyncio.Event) -> None:
    from adapters.terminal.chat import TerminalMessenger, run_terminal
    from adapters.terminal.screen import Screen

    banner = RichText.of(
        bold("Chronos"), f" answers from videos, with links to the second. {await whom_to_ask(deployment)}  ",
        code("/creator"), " switches, ", code("/help"), " shows more, ", code("/quit"), " leaves.\n",
        f"Web page: {address}/",
    )  # fmt: skip
    place = Place("terminal", channel="local")
    screen = Screen()
    deliveries = asyncio.create_task(run_deliveries(deployment, TerminalMessenger(screen)))
    history = deployment.settings.storage.data_dir / "terminal_history"
    try:
        await run_terminal(deployment.responder, place, LOCAL, banner=banner, history=history, screen=screen)
    finally:
        deliveries.cancel()
        stop.set()


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(name, stop.set)
