"""What is shown in the terminal: replies, their buttons as numbers, their files saved, a sign of work."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from adapters.terminal.rendering import clean, links_work, terminal_text
from core.conversation import Button, File, Reply
from core.richtext import RichText, beyond, italic

_SPINNER: Final = "dots"
ANEW: Final = "The whole answer reads a little differently:"


class Screen:
    """The terminal's output; one for everything that is printed, so that nothing writes across anything else."""

    def __init__(self, folder: Path | None = None) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._clickable = self._console.is_terminal and links_work(os.environ)
        self._folder = folder
        self._buttons: list[Button] = []

    def show(self, reply: Reply, *, pressed: bool = False) -> None:
        """Print a reply; its buttons take the numbers, and those before it lose theirs unless one was pressed."""
        self.say(reply.text)
        for file in reply.files:
            self.say(RichText.of(self._save(file)))
        if reply.buttons or reply.replaces or not pressed:
            self._buttons = [button for row in reply.buttons for button in row]
        if reply.buttons:
            self._print(Text(_numbered(self._buttons), style="bold"))
        self._print(Text())

    def growing(self) -> "Growing":
        """A reply that is printed while it grows."""
        return Growing(self.say)

    def say(self, text: RichText) -> None:
        """Print a text."""
        if text:
            self._print(terminal_text(text, clickable=self._clickable))

    def complain(self, words: str) -> None:
        """Print why something was not done."""
        self._print(Text(clean(words), style="yellow"))

    def button(self, number: str) -> Button | None:
        """The button with a typed number, or None where there is none."""
        position = int(number) - 1 if number.isascii() and number.isdecimal() and len(number) < len("100") else -1
        return self._buttons[position] if 0 <= position < len(self._buttons) else None

    @contextmanager
    def working(self, words: str) -> Iterator[None]:
        """Show that something is being done, where somebody can see it."""
        if not self._console.is_interactive:
            yield
            return
        with self._console.status(Text(words, style="dim"), spinner=_SPINNER):
            yield

    def _print(self, text: Text) -> None:
        # Words wrap where people read; everything that goes to another program stays whole.
        self._console.print(text, overflow="fold", soft_wrap=not self._console.is_terminal)

    def _save(self, file: File) -> str:
        try:
            return f"Saved as {_write(self._folder or Path.cwd(), file)}"
        except OSError as error:
            return f"{clean(file.name)} could not be saved here: {error.strerror or error}"


class Growing:
    """Prints what is new of a reply; paper cannot be edited, so what was printed is not printed again.

    Numbers such as ``[1]`` come without their addresses, which stand below the whole reply.
    """

    def __init__(self, say: Callable[[RichText], None]) -> None:
        self._say = say
        self._printed = ""

    def grow(self, reply: Reply) -> None:
        """Print what was added since the last time; a reply that begins anew waits until it is whole."""
        text = reply.text.plain
        if text.startswith(self._printed):
            self._say(RichText.of(text[len(self._printed) :].strip()))
            self._printed = text

    def rest(self, reply: Reply) -> Reply:
        """What of the whole reply is not on the paper yet; all of it where it reads otherwise by now."""
        if not self._printed:
            return reply
        if reply.text.plain.startswith(self._printed):
            return replace(reply, text=beyond(reply.text, len(self._printed)))
        return replace(reply, text=RichText.of(italic(ANEW), "\n\n", reply.text))


def _numbered(buttons: list[Button]) -> str:
    return "  ".join(f"[{number}] {clean(button.label)}" for number, button in enumerate(buttons, start=1))


def _write(folder: Path, file: File) -> str:
    """Write a file under its own name, or the next free one; never over another, never outside the folder."""
    asked = Path(clean(file.name).replace("\\", "/").replace("\n", " ")).name.lstrip(".") or "file"
    stem, suffix = Path(asked).stem, Path(asked).suffix
    for number in itertools.count(1):
        name = asked if number == 1 else f"{stem} ({number}){suffix}"
        try:
            with (folder / name).open("xb") as target:
                target.write(file.content)
        except FileExistsError:
            continue
        return name
    raise AssertionError  # pragma: no cover - counting does not end
