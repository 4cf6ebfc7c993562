"""Completion of commands, parameters, choices, files and the responder's suggestions while a line is typed."""

import re
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Final

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from adapters.terminal.rendering import clean
from core.conversation import (
    COMPLETED,
    EVERY_AUDIENCE,
    PLAIN_AUDIENCE,
    Command,
    Kind,
    Parameter,
    Person,
    Place,
    Request,
    Responder,
    listed,
)

_LINE: Final = re.compile(r"/(?P<name>\w*)(?P<rest>\s.*)?", re.DOTALL)
_LAST_WORD: Final = re.compile(r"(?:(?P<key>\w+):)?(?P<value>\"[^\"]*|[^\s\"]*)\Z")
LEAVE: Final = ("quit", "Leave")
MAX_FILES: Final = 50


class CommandCompleter(Completer):
    """Completes typed commands; questions are left alone."""

    def __init__(self, responder: Responder, place: Place, person: Person) -> None:
        self._responder = responder
        self._place = place
        self._person = person

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Nothing: suggestions are only there asynchronously."""
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """What could follow at the cursor."""
        line = _LINE.fullmatch(document.text_before_cursor)
        if not line:
            return
        if line["rest"] is None:
            for name, description in self._names(line["name"]):
                yield Completion(name, -len(line["name"]), display_meta=description)
            return
        command = next((c for c in self._responder.commands if c.name == line["name"]), None)
        word = _LAST_WORD.search(line["rest"])
        if command and word:
            async for completion in self._arguments(command, line["rest"], word):
                yield completion

    def _names(self, typed: str) -> list[tuple[str, str]]:
        audiences = EVERY_AUDIENCE if self._person.manages else PLAIN_AUDIENCE
        shown = listed(self._responder.commands, audiences, direct=self._place.direct)
        known = [(command.name, command.description) for command in shown]
        return [(name, description) for name, description in [*known, LEAVE] if name.startswith(typed)]

    async def _arguments(self, command: Command, rest: str, word: re.Match[str]) -> AsyncGenerator[Completion, None]:
        value = word["value"].lstrip('"')
        parameter = next((p for p in command.parameters if p.name == word["key"]), None)
        if parameter:
            for text, shown in await self._values(command, parameter, value):
                yield Completion(_quoted(text), -len(word["value"]), display=shown)
            return
        for parameter in command.parameters:
            if parameter.name.startswith(value) and f"{parameter.name}:" not in rest:
                yield Completion(f"{parameter.name}:", -len(value), display_meta=parameter.description)
        named = next((p for p in command.parameters if p.kind in COMPLETED), None)
        for text, shown in await self._values(command, named, value) if named else ():
            yield Completion(f"{named.name}:{_quoted(text)}" if named else text, -len(word["value"]), display=shown)

    async def _values(self, command: Command, parameter: Parameter, typed: str) -> list[tuple[str, str]]:
        if parameter.choices:
            return [(choice, choice) for choice in parameter.choices if choice.startswith(typed)]
        if parameter.kind is Kind.FILE:
            return [(path, path) for path in _paths(typed)]
        request = Request(self._place, self._person, command.name, {parameter.name: typed})
        suggested = await self._responder.suggest(request, parameter.name, typed)
        return [(clean(suggestion.value), clean(suggestion.label)) for suggestion in suggested]


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"\s", value) else value


def _paths(typed: str) -> list[str]:
    folder, _, start = typed.rpartition("/")
    opening = f"{folder}/" if "/" in typed else ""
    try:
        found = sorted(Path(opening or ".").expanduser().glob(f"{_literal(start)}*"))[:MAX_FILES]
    except (OSError, RuntimeError, ValueError):
        return []
    return [f"{opening}{clean(path.name)}{'/' if path.is_dir() else ''}" for path in found]


def _literal(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)
