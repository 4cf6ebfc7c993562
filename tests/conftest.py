"""A real PostgreSQL for the tests: one embedded server a session, a fresh copy of a migrated database a test."""

import asyncio
import faulthandler
import itertools
import logging
import os
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
import structlog

from adapters.postgres.database import Database, open_database
from adapters.postgres.embedded import EmbeddedServer, open_server
from adapters.postgres.migrations import migrate

TEMPLATE = "chronos_template"
LONGEST_CLEANUP_S = 180.0
_numbers = itertools.count()


_uncaptured = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep standard error as it is before a test's output is captured."""
    config.stash[_uncaptured] = os.dup(2)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """End the whole run where cleaning up hangs: nobody else watches a test any more once it has failed."""
    faulthandler.dump_traceback_later(LONGEST_CLEANUP_S, exit=True, file=item.config.stash[_uncaptured])
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def logs_as_found() -> Iterator[None]:
    """A command that is run inside a test sets its own logs up; the next test must not write to them."""
    handlers = logging.root.handlers[:]
    # Structlog's own way shows every variable of a stack: half a minute for one that holds the whole deployment.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, plain]
    )
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The session's server, with a migrated database to copy."""
    folder: Path = tmp_path_factory.mktemp("postgres")

    async def start() -> EmbeddedServer:
        server = await open_server(folder)
        await migrate(await server.create_database(TEMPLATE))
        return server

    server = asyncio.run(start())
    yield server
    asyncio.run(server.close())


@pytest.fixture
async def database_url(postgres: EmbeddedServer) -> AsyncIterator[str]:
    """The address of a migrated database that nobody else uses."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield await postgres.create_database(name, template=TEMPLATE)
    await postgres.drop_database(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """That database, opened as the application opens it."""
    async with open_database(database_url) as opened:
        yield opened
