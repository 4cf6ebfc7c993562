"""The web server that every process runs: health, metrics, watch pages and, locally, a chat."""

import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from adapters.web.chat import LocalChat, about
from adapters.web.connect import ConnectPages
from adapters.web.hooks import InboundHooks
from adapters.web.pages import add_headers, words_for_errors
from adapters.web.personal import PersonalPages
from adapters.web.watch import WatchPages
from core.errors import ConfigurationError

Health = Callable[[], Awaitable[Mapping[str, object]]]
MAX_BODY_BYTES: Final = 256 * 1024
STATIC: Final = Path(__file__).parent / "static"


def build_web(
    *, health: Health, watch: WatchPages | None = None, chat: LocalChat | None = None,
    hooks: InboundHooks | None = None,
    personal: PersonalPages | None = None,
    connect: ConnectPages | None = None,
) -> web.Application:  # fmt: skip
    """Put the routes together; more may be added before the application is served.

    Args:
        health: what ``/health`` shows; the ``status`` ``failing`` makes it a 503.
        watch: the pages behind signed links.
        chat: the local chat page; None shows a page that says what this is.
        hooks: takes what other services tell us.
        personal: students' own pages, which count what they watch.
        connect: the way to the seller of memberships and back.
    """
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[words_for_errors])
    app.on_response_prepare.append(add_headers)
    app.router.add_get("/health", _health_handler(health))
    app.router.add_get("/metrics", make_aiohttp_handler())
    app.router.add_static("/static/", STATIC)
    if watch:
        app.router.add_get("/watch/{token}", watch.show)
        app.router.add_get("/media/{token}", watch.play)
    if connect:
        app.router.add_get("/whop/connect", connect.connect)
        app.router.add_get("/whop/callback", connect.callback)
    if hooks:
        app.router.add_post("/hooks/{provider}", hooks.receive)
    if personal:
        app.router.add_get("/watch/own/{token}", personal.show)
        app.router.add_post("/watch/own/{token}", personal.beat)
        app.router.add_get("/watch/own/{token}/progress", personal.look)
        app.router.add_get("/media/own/{token}", personal.play)
    if chat:
        app.router.add_post("/chat", chat.say)
        app.router.add_get("/news", chat.news)
    app.router.add_get("/", chat.show if chat else _about)
    return app


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve until the block ends; yields the address, with the real port where ``port`` is 0.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    # No access log: it would hold the signed links.
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise _cannot_listen(error, host, port) from error
        yield _address(host, runner)
    finally:
        await runner.cleanup()


def _health_handler(health: Health) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def show(_request: web.Request) -> web.Response:
        state = await health()
        status = HTTPStatus.SERVICE_UNAVAILABLE if state.get("status") == "failing" else HTTPStatus.OK
        return web.json_response(dict(state), status=status)

    return show


async def _about(_request: web.Request) -> web.Response:
    return about()


def _cannot_listen(error: OSError, host: str, port: int) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"http.port: {port} is taken by another program. Stop that one or set another port, such as {port + 1}."
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ConfigurationError(f"http.port: {port} may not be used by this account. Take one above 1023.")
    return ConfigurationError(f"http.host: cannot listen on {host!r} ({error.strerror or error}).")


def _address(host: str, runner: web.AppRunner) -> str:
    port = runner.addresses[0][1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host)  # noqa: S104 - read, not bound
    return f"http://{shown or (f'[{host}]' if ':' in host else host)}:{port}"
