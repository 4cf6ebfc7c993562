"""Structured logs on standard error: for people in a terminal, JSON lines elsewhere; no secrets, no questions."""

import logging
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final, TextIO

import structlog

QUIET: Final = ("httpx", "httpx2", "httpcore", "telegram", "discord", "apscheduler", "pgqueuer", "asyncio", "aiohttp")
SECRETS: Final = frozenset({"token", "bot_token", "api_key", "password", "secret", "url", "database_url"})


def set_up_logs(file: Path | None = None, *, debug: bool = False) -> None:
    """Send all logs, ours and the libraries', to standard error, or to ``file`` so that a chat is not disturbed.

    Args:
        file: is appended to.
        debug: let our own entries of that level through, which tell where an unexpected error comes from.
    """
    stream: TextIO = sys.stderr if file is None else file.open("a", encoding="utf-8", buffering=1)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if stream.isatty()
        else structlog.processors.JSONRenderer()
    )
    if not stream.isatty():
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=structlog.PrintLoggerFactory(stream),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _hide_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in SECRETS & event.keys():
        event[name] = "***"
    return event
