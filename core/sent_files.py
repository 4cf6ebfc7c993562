"""Files and links that come without a command: an upload from those who may, else the question beside them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from core.conversation import Attachment, Command, Kind, Request, Responder, Value
from core.typed_commands import parse

UPLOAD: Final = "upload"
_LINKS: Final = re.compile(r"(?:<?https?://[^\s<>]+>?(?:\s+|$))+", re.IGNORECASE)
_QUESTION: Final = re.compile(r"[?\uff1f\u061f\u037e]")
_NO_SOURCE: Final = re.compile(r"image/.*", re.IGNORECASE)


def may_be_a_source(content_type: str | None) -> bool:
    """Whether a file that came without a command is taken for an upload: a picture only illustrates a question."""
    return _NO_SOURCE.fullmatch(content_type or "") is None


async def requests_of(
    asked: Request, responder: Responder, files: Sequence[Attachment], answered: Sequence[Attachment] = ()
) -> list[Request]:
    """Say what a message wants that is no command.

    An upload of each file, the text being read as the options of ``/upload``, or an upload of links that stand
    alone. From those who may not upload, words are a question; files without words are theirs to be refused once.

    Args:
        asked: the question that the message would be without its files; its text may be empty.
        responder: knows the commands and who may use them.
        files: those that came with it.
        answered: those of the message that it replies to; a question about them stays one.

    Raises:
        UserError: the text reads like options, and one of them does not fit; with words for whoever wrote it.
    """
    text = str(asked.arguments["question"])
    command = next((command for command in responder.commands if command.name == UPLOAD), None)
    if command is None:
        return [asked]
    options = _begins_with_options(command, text)
    files = files or ([] if _QUESTION.search(text) and not options else answered)
    if not (files or _LINKS.fullmatch(text)):
        return [asked]
    upload = replace(asked, command=UPLOAD)
    if await responder.may(upload):
        if not files:
            return [replace(upload, arguments=_arguments(command, text))]
        return [replace(upload, arguments=_arguments(command, text, file)) for file in files]
    if text and not (files and options):
        return [asked]
    return [replace(upload, arguments=_arguments(command, "", files[0]))]


def _arguments(command: Command, text: str, file: Attachment | None = None) -> dict[str, Value]:
    return dict(parse(f"/{command.name} {text}", [command], file).arguments)


def _begins_with_options(command: Command, text: str) -> bool:
    names = "|".join(re.escape(parameter.name) for parameter in command.parameters if parameter.kind is not Kind.FILE)
    return re.match(rf"(?:{names}):\S|<?https?://", text, re.IGNORECASE) is not None
