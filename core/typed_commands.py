"""Commands where only text can be typed: ``/name key:value key:"two words" the rest``.

The rest goes to the first parameter that is required or says that it takes it; a link or a file fills the link or the
file parameter. Whatever is not clearly meant for a parameter stays text where a text is required, so that a question
may hold colons, times, links and quotes; elsewhere a mistyped name is refused.
"""

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.conversation import Attachment, Command, Kind, Parameter, Person, Value
from core.errors import UserError


class UnknownCommand(UserError):
    """There is no such command; names the closest one."""


class MissingArgument(UserError):
    """A required argument was not typed; shows how the command is written."""


class BadArgument(UserError):
    """A value does not fit its parameter; says what would."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as it was typed, its arguments checked against its parameters."""

    command: Command
    arguments: Mapping[str, Value] = field(default_factory=dict)


FindFile = Callable[[str], Attachment | None]
FindMember = Callable[[str], Person | None]

_COMMAND: Final = re.compile(r"\s*/(?P<name>[^\s@]*)(?:@\S*)?\s*(?P<rest>.*)", re.DOTALL)
_WORD: Final = re.compile(
    r"""(?P<gap>\s*)
        (?: (?:(?P<key>\w+):)? (?: "(?P<quoted>[^"]*)" | “(?P<curly>[^“”]*)” ) (?=\s|$)
          | (?P<bare>\S+) )""",
    re.VERBOSE,
)
_NAMED: Final = re.compile(r"(?P<key>[^\W\d]\w+):(?!//)\S+")
_LINK: Final = re.compile(r"<?(https?://[^\s<>]+)>?", re.IGNORECASE)
_SHOWN: Final = 60


def parse(
    text: str, commands: Sequence[Command], attachment: Attachment | None = None, find_file: FindFile | None = None,
    find_member: FindMember | None = None,
) -> Typed:  # fmt: skip
    """Read a typed command.

    Args:
        text: what was typed, starting with a slash; ``/name@botname`` is the same as ``/name``.
        commands: those that exist.
        attachment: a file that came with the message.
        find_file: where files can be named instead of attached, opens one; None means there is no such file.
        find_member: whom a text names, as far as the platform says; for an empty text, who is meant without words.

    Raises:
        UnknownCommand, MissingArgument, BadArgument: with words for whoever typed it.
    """
    name, rest = _split_name(text)
    command = _named(name, commands)
    words = _Words(command, find_file, find_member or (lambda _: None))
    if attachment is not None and (target := command.parameter(Kind.FILE)):
        words.arguments[target.name] = attachment
    words.read(rest)
    words.read_unsaid()
    _require_all(command, words.arguments)
    return Typed(command, words.arguments)


def usage(command: Command) -> str:
    """How a command is written: what to fill in stands in ``<>``, what may be left out in brackets.

    Such as ``/upload <file> [link:<link>] [title:<title>] [language:en|de]``.
    """
    return " ".join([f"/{command.name}", *map(_usage_of, command.parameters)])


def quoted(value: str) -> str:
    """A value as it is typed behind ``key:``, so that a hint can be sent as it stands."""
    if '"' in value:
        return f"“{value}”"
    return f'"{value}"' if len(value.split()) > 1 else value


def _usage_of(parameter: Parameter) -> str:
    blank = f"<{parameter.name.replace('_', ' ')}>"
    shown = blank if parameter.kind is Kind.FILE else f"{parameter.name}:{'|'.join(parameter.choices) or blank}"
    return shown if parameter.required else f"[{shown}]"


def _split_name(text: str) -> tuple[str, str]:
    match = _COMMAND.fullmatch(text)
    if not match:
        raise UnknownCommand("A command starts with a slash. /help shows what there is.")
    return match["name"].lower(), match["rest"]


def _named(name: str, commands: Sequence[Command]) -> Command:
    by_name = {command.name: command for command in commands}
    if name in by_name:
        return by_name[name]
    close = difflib.get_close_matches(name[:_SHOWN], by_name, n=1)
    hint = f"Did you mean /{close[0]}? " if close else ""
    raise UnknownCommand(f"There is no command /{_short(name)}. {hint}/help shows what there is.")


def _takes_rest(command: Command) -> Parameter | None:
    typed = (p for p in command.parameters if p.kind not in {Kind.LINK, Kind.FILE})
    return next((p for p in typed if p.required or p.takes_rest), None)


class _Words:
    """The words after a command's name, each given to the parameter it is meant for or left as text."""

    def __init__(self, command: Command, find_file: FindFile | None, find_member: FindMember) -> None:
        self.arguments: dict[str, Value] = {}
        self._command = command
        self._find_file = find_file
        self._find_member = find_member
        self._by_name = {parameter.name: parameter for parameter in command.parameters}
        self._rest = _takes_rest(command)
        self._left = ""

    def read(self, text: str) -> None:
        """Go through the text once, then place what is left.

        Raises:
            BadArgument: a value does not fit, or nothing takes the words that are left.
        """
        for match in _WORD.finditer(text.rstrip()):
            if not (self._read_named(match) or self._read_link(match) or self._read_file(match)):
                self._refuse_unknown(match)
                self._left += match[0]
        self._place_rest(self._left.strip())

    def read_unsaid(self) -> None:
        """Fill the member whom the message means without naming anybody, such as by replying."""
        target = self._command.parameter(Kind.MEMBER)
        if target and target.name not in self.arguments and (found := self._find_member("")):
            self.arguments[target.name] = found

    def _read_named(self, match: re.Match[str]) -> bool:
        key, value, quoted = _key_and_value(match)
        parameter = self._by_name.get(key)
        if parameter is None or not value.strip():
            return False
        if parameter is self._rest and not quoted:
            return self._begin_rest(match["gap"] + value)
        self.arguments[parameter.name] = self._fit(parameter, value)
        return True

    def _begin_rest(self, words: str) -> bool:
        """``question:what is it`` is the question "what is it"; in the middle of a text the word stays as it is."""
        if self._left:
            return False
        self._left = words
        return True

    def _read_link(self, match: re.Match[str]) -> bool:
        target = self._command.parameter(Kind.LINK)
        link = _LINK.fullmatch(match["bare"] or "")
        if not (target and link) or target.name in self.arguments:
            return False
        self.arguments[target.name] = link[1]
        return True

    def _read_file(self, match: re.Match[str]) -> bool:
        target = self._command.parameter(Kind.FILE)
        name = match["bare"] or match["quoted"] or ""
        if not (target and self._find_file and name) or match["key"] or target.name in self.arguments:
            return False
        found = self._find_file(name)
        if found:
            self.arguments[target.name] = found
        return found is not None

    def _refuse_unknown(self, match: re.Match[str]) -> None:
        """A name that no parameter has is a mistake, but where a required text may hold anything."""
        named = _NAMED.fullmatch(match["bare"] or "")
        key = named["key"] if named else match["key"]
        if not key or not self._command.parameters or key.lower() in self._by_name:
            return
        if self._rest is None or not self._rest.required:
            raise BadArgument(f"/{self._command.name} knows no “{_short(key)}”. {_how(self._command)}")

    def _fit(self, parameter: Parameter, value: str) -> Value:
        match parameter.kind:
            case Kind.NUMBER:
                return _number(parameter, value)
            case Kind.CHOICE:
                return _choice(parameter, value)
            case Kind.FILE:
                return self._file(parameter, value)
            case Kind.MEMBER:
                return self._find_member(value.strip()) or value.strip()
            case _:
                return value.strip()

    def _file(self, parameter: Parameter, value: str) -> Attachment:
        if self._find_file is None:
            raise BadArgument(f"Attach the {parameter.name} to your message instead of naming it.")
        found = self._find_file(value)
        if found is None:
            raise BadArgument(f"There is no file {_short(value)}.")
        return found

    def _place_rest(self, text: str) -> None:
        if not text or not self._command.parameters:
            return
        target = self._open_parameter()
        if target is None:
            raise BadArgument(f"/{self._command.name} has no place for “{_short(text)}”. {_how(self._command)}")
        self.arguments[target.name] = self._fit(target, text)

    def _open_parameter(self) -> Parameter | None:
        """The parameter for the rest: the first text or, once that has its value, a required text without one."""
        if self._rest and self._rest.name not in self.arguments:
            return self._rest
        required = (p for p in self._command.parameters if p.required and p.kind is Kind.TEXT)
        return next((p for p in required if p.name not in self.arguments), None)


def _how(command: Command) -> str:
    text = command.parameter(Kind.TEXT)
    quotes = f' Several words stand in quotes: {text.name}:"two words".' if text else ""
    return f"It is written: {usage(command)}{'.' if quotes else ''}{quotes}"


def _key_and_value(match: re.Match[str]) -> tuple[str, str, bool]:
    """A word's key (empty: it names none), its value, and whether that stood in quotes that are closed."""
    quoted = match["quoted"] if match["quoted"] is not None else match["curly"]
    if quoted is not None:
        return (match["key"] or "").lower(), quoted, True
    key, _, value = match["bare"].partition(":")
    return ("", "", False) if value.startswith(('"', "“")) else (key.lower(), value, False)


def _number(parameter: Parameter, value: str) -> float:
    try:
        number = float(value.strip().replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadArgument(f"{parameter.name} takes a number, such as {parameter.name}:5, not “{_short(value)}”.")
    return number


def _choice(parameter: Parameter, value: str) -> str:
    for choice in parameter.choices:
        if choice.lower() == value.strip().lower():
            return choice
    raise BadArgument(f"{parameter.name} takes {_either(parameter.choices)}, not “{_short(value)}”.")


def _either(choices: Sequence[str]) -> str:
    return " or ".join(part for part in (", ".join(choices[:-1]), *choices[-1:]) if part)


def _require_all(command: Command, arguments: Mapping[str, Value]) -> None:
    for parameter in command.parameters:
        if parameter.required and parameter.name not in arguments:
            what = parameter.description.rstrip(".")
            raise MissingArgument(f"/{command.name} needs {parameter.name} ({what}). It is written: {usage(command)}")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
