"""The conversation in a terminal: lines in, replies out, and the outbox's messages in between."""

import asyncio
import contextlib
import io
import itertools
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.terminal.rendering import clean
from adapters.terminal.screen import Screen
from core.conversation import Attachment, Button, Person, Place, Reply, Request, Responder
from core.errors import UserError
from core.library.saving import pieces_of, save_pieces
from core.richtext import RichText
from core.typed_commands import parse

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History
    from prompt_toolkit.input import Input

PLATFORM: Final = "terminal"
LEAVING: Final = frozenset({"/quit", "/exit"})
CANCELLED: Final = "Cancelled."
EVERY_S: Final = 10.0


class TerminalMessenger:
    """See :class:`core.conversation.Messenger`; a changed card is told in one line, since paper cannot be edited.

    What moves on under the same heading is told every ``every_s`` seconds at most.
    """

    platform: Final = PLATFORM

    def __init__(self, screen: Screen | None = None, *, every_s: float = EVERY_S) -> None:
        self._screen = screen or Screen()
        self._every_s = every_s
        self._numbers = itertools.count(1)
        self._told: dict[str, tuple[float, list[str]]] = {}

    async def deliver(self, place: Place, reply: Reply, message_id: str) -> str:
        """Print a message, or what is new in the one with ``message_id``."""
        lines = reply.text.plain.splitlines()
        told_at, before = self._told.get(message_id, (0.0, []))
        message_id = message_id or str(next(self._numbers))
        if lines[:1] == before[:1]:
            if time.monotonic() - told_at < self._every_s:
                return message_id
            self._screen.say(RichText.of(" · ".join([*lines[:1], *(line for line in lines if line not in before)])))
        else:
            self._screen.show(reply)
        self._told[message_id] = (time.monotonic(), lines)
        return message_id


async def run_terminal(
    responder: Responder,
    place: Place,
    person: Person,
    *,
    banner: RichText,
    history: Path,
    screen: Screen | None = None,
) -> None:
    """Talk until the person leaves with Ctrl-D or ``/quit``, or the input ends.

    Args:
        responder: what answers.
        place: the conversation.
        person: who sits there.
        banner: what is shown first, where somebody sits there.
        history: the file in which typed lines are kept for the next time.
        screen: shared with the :class:`TerminalMessenger`, so that buttons of its messages can be pressed.
    """
    talk = _Talk(responder, place, person, screen or Screen())
    if sys.stdin.isatty() and sys.stdout.isatty():
        await _interactive(talk, banner, history)
        return
    async for line in _piped_lines():
        if not await talk.hear(line):
            return


class _Talk:
    """What a line means here, and what is done about it."""

    def __init__(self, responder: Responder, place: Place, person: Person, screen: Screen) -> None:
        self.responder = responder
        self.place = place
        self.person = person
        self.screen = screen
        self.cancellable: Callable[[asyncio.Task[Reply]], contextlib.AbstractContextManager[None]] = _uncancellable

    async def hear(self, line: str) -> bool:
        """Act on a line; False when the person leaves."""
        line = line.strip()
        if line in LEAVING:
            return False
        if button := self.screen.button(line):
            await self._press(button)
        elif line.startswith("/"):
            await self._command(line)
        elif line:
            await self._ask(self._request("ask", {"question": line}))
        return True

    async def _command(self, line: str) -> None:
        try:
            typed = parse(line, self.responder.commands, find_file=find_file)
        except UserError as error:
            self.screen.complain(str(error))
            return
        await self._ask(Request(self.place, self.person, typed.command.name, typed.arguments))

    async def _press(self, button: Button) -> None:
        await self._ask(self._request(button.action, {"payload": button.payload}), pressed=True)

    def _request(self, command: str, arguments: dict[str, str]) -> Request:
        return Request(self.place, self.person, command, arguments)

    async def _ask(self, request: Request, *, pressed: bool = False) -> None:
        words = "Searching… (Ctrl-C cancels)" if request.command == "ask" else "Working… (Ctrl-C cancels)"
        printed = self.screen.growing()

        async def show(reply: Reply) -> None:
            printed.grow(reply)

        task = asyncio.create_task(self.responder.respond(request, show))
        try:
            with self.screen.working(words), self.cancellable(task):
                await asyncio.wait({task})
        finally:
            task.cancel()
        if task.cancelled():
            self.screen.complain(CANCELLED)
        else:
            self.screen.show(printed.rest(task.result()), pressed=pressed)


def find_file(name: str) -> Attachment | None:
    """A file of this machine by its path, or None."""
    try:
        path = Path(name).expanduser()
        size_bytes = path.stat().st_size if path.is_file() else None
    except (OSError, RuntimeError, ValueError):
        return None
    if size_bytes is None:
        return None

    async def save(copy: Path) -> None:
        await save_pieces(pieces_of(path), copy, name=path.name, size_bytes=size_bytes, largest_bytes=size_bytes)

    return Attachment(path.name, size_bytes, save)


async def _interactive(talk: _Talk, banner: RichText, history: Path) -> None:
    from prompt_toolkit.patch_stdout import patch_stdout

    session = _session(talk, history)
    talk.cancellable = lambda task: _cancelled_by_ctrl_c(session.input, task)
    talk.screen.show(Reply(banner))
    while True:
        try:
            with patch_stdout(raw=True):
                line = await session.prompt_async([("class:prompt", "> ")])
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if not await talk.hear(line):
            return


def _session(talk: _Talk, history: Path) -> "PromptSession[str]":
    from prompt_toolkit import PromptSession
    from prompt_toolkit.styles import Style

    from adapters.terminal.completion import CommandCompleter

    return PromptSession(
        history=_history(history),
        completer=CommandCompleter(talk.responder, talk.place, talk.person),
        style=Style.from_dict({"prompt": "ansiyellow bold"}),
        reserve_space_for_menu=6,
    )


def _history(path: Path) -> "History":
    """Kept in a file that only its owner can read; in memory where it cannot be written."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


@contextlib.contextmanager
def _cancelled_by_ctrl_c(keys: "Input", task: asyncio.Task[Reply]) -> Iterator[None]:
    """Read the keyboard while a task runs: Ctrl-C cancels it, everything else is kept for the next line."""
    from prompt_toolkit.input.typeahead import store_typeahead
    from prompt_toolkit.keys import Keys

    def on_keys() -> None:
        pressed = keys.read_keys()
        if any(press.key is Keys.ControlC for press in pressed):
            task.cancel()
        store_typeahead(keys, [press for press in pressed if press.key is not Keys.ControlC])

    with keys.raw_mode(), keys.attach(on_keys):
        yield


@contextlib.contextmanager
def _uncancellable(_task: asyncio.Task[Reply]) -> Iterator[None]:
    yield


async def _piped_lines() -> AsyncIterator[str]:
    """Lines of the standard input without blocking the loop, and without keeping the program from ending."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        # Unbuffered: a thread that waits inside a buffered reader would hold its lock while Python shuts down.
        with io.FileIO(sys.stdin.fileno(), closefd=False) as source, contextlib.suppress(RuntimeError):
            for line in itertools.chain(iter(source.readline, b""), [b""]):
                loop.call_soon_threadsafe(lines.put_nowait, line)

    threading.Thread(target=read, daemon=True).start()
    while line := await lines.get():
        yield clean(line.decode(errors="replace"))
