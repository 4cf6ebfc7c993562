"""An HTTP server that says exactly the bytes it is told to, right or wrong, and remembers what it was asked."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

Say = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


class Asked:
    """A request: its first line's words and its headers, lower case."""

    def __init__(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name
        }


class RoughServer:
    """Serves on a port of 127.0.0.1; ``answers`` holds what to do for each path."""

    def __init__(self) -> None:
        self.answers: dict[str, Say] = {}
        self.asked: list[Asked] = []
        self._busy: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    def link(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of ``path`` on this server under any name for it."""
        return f"http://{host}:{self.port}{path}"

    def say(self, path: str, *parts: str | bytes) -> None:
        """Answer ``path`` with these bytes and close."""

        async def write(_: Asked, writer: asyncio.StreamWriter) -> None:
            for part in parts:
                writer.write(part.encode("latin-1") if isinstance(part, str) else part)
                await writer.drain()

        self.answers[path] = write

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._busy.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                asked = Asked(await reader.readuntil(b"\r\n\r\n"))
                self.asked.append(asked)
                await self.answers[asked.target.partition("?")[0]](asked, writer)
        finally:
            writer.close()
