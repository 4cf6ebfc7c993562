"""The local chat page: a conversation in the browser of whoever runs Chronos on this machine."""

import base64
import ipaddress
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import BodyPartReader, MultipartReader, web

from adapters.web.cards import PLATFORM, WebMessenger
from adapters.web.pages import page
from adapters.web.signing import BrowserNames
from core.conversation import (
    EVERY_AUDIENCE,
    MAX_BUTTON_ID_BYTES,
    PLAIN_AUDIENCE,
    Attachment,
    Person,
    Place,
    Reply,
    Request,
    Responder,
    Show,
    listed,
    reply_to_json,
    unended,
    unshown,
)
from core.errors import UserError
from core.library.saving import PIECE_BYTES, Pieces, pieces_of, save_pieces
from core.library.scratch import Scratch
from core.newest import Newest
from core.richtext import RichText
from core.typed_commands import parse

COOKIE: Final = "chronos_browser"
COOKIE_AGE_S: Final = 365 * 24 * 3600
BY_THE_LINE: Final = "application/x-ndjson"
LONGEST_FIELD_BYTES: Final = 64 * 1024
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class ChatRoom:
    """A creator to talk to: the place of the conversation, and what could be asked first."""

    name: str
    place: Place
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalChat:
    """The chat page; only browsers on this machine may use it.

    ``rooms`` lists the creators at each view, ``manages`` says whether the person may do what staff may. A file
    stands in ``scratch`` until the answer is there; of one that is larger than ``largest_file_bytes`` only the size
    is kept, for the command that refuses it.
    """

    responder: Responder
    rooms: Callable[[], Awaitable[Sequence[ChatRoom]]]
    names: BrowserNames
    messenger: WebMessenger
    largest_file_bytes: int
    scratch: Scratch
    manages: bool = False

    async def show(self, request: web.Request) -> web.Response:
        """The chat, or a page that says what this is to whoever is not on this machine."""
        if not _is_local(request):
            return about()
        audiences = EVERY_AUDIENCE if self.manages else PLAIN_AUDIENCE
        response = page(
            "chat.html", rooms=await self.rooms(),
            commands=listed(self.responder.commands, audiences, direct=False),
            largest_file_bytes=self.largest_file_bytes,
        )  # fmt: skip
        if self._browser(request) is None:
            value = self.names.sign(secrets.token_hex(8))
            response.set_cookie(COOKIE, value, max_age=COOKIE_AGE_S, httponly=True, samesite="Strict")
        return response

    async def say(self, request: web.Request) -> web.StreamResponse:
        """Answer ``{"room", "text"}`` or ``{"room", "button"}`` with a reply as JSON; a form may bring a ``file``.

        Who accepts JSON by the line gets ``{"growing": reply}`` while it is written, and last ``{"reply": reply}``.
        """
        browser = self._browser(request)
        if not _is_local(request) or not _is_same_origin(request) or browser is None:
            return _refused(HTTPStatus.FORBIDDEN, "Open the page again on this machine, then ask once more.")
        if request.content_type not in _READERS:
            return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Only JSON and forms with a file are understood here.")
        async with self.scratch.folder("chat") as folder:
            said = await _READERS[request.content_type](request, folder, self.largest_file_bytes)
            return await self._reply(request, browser, said)

    async def _reply(self, request: web.Request, browser: str, said: dict[str, Any]) -> web.StreamResponse:
        room = next((room for room in await self.rooms() if room.place.key == said.get("room")), None)
        if room is None:
            return _refused(HTTPStatus.BAD_REQUEST, "This creator is not here any more. Load the page again.")
        person = Person(PLATFORM, browser, "local visitor", manages=self.manages)
        if BY_THE_LINE not in request.headers.get("Accept", ""):
            return web.json_response(as_json(await self._answer(room.place, person, said)))
        lines = _Lines()
        await lines.response.prepare(request)
        growing = Newest(lines.grow)

        async def show(reply: Reply) -> None:
            growing.put(reply)

        try:
            reply = await self._answer(room.place, person, said, show)
        finally:
            await growing.close()
        await lines.write({"reply": as_json(reply)})
        return lines.response

    async def news(self, request: web.Request) -> web.Response:
        """What came without being asked for in ``?room=`` after the change ``?after=``, as JSON."""
        if not _is_local(request) or not _is_same_origin(request) or self._browser(request) is None:
            return _refused(HTTPStatus.FORBIDDEN, "Open the page again on this machine.")
        after = request.query.get("after", "")
        changed = self.messenger.since(request.query.get("room", ""), int(after) if after.isdecimal() else 0)
        return web.json_response(
            [{"number": number, "id": id_, "reply": as_json(reply)} for number, id_, reply in changed]
        )

    async def _answer(self, place: Place, person: Person, said: dict[str, Any], show: Show = unshown) -> Reply:
        text, button = str(said.get("text") or "").strip(), str(said.get("button") or "")
        file = said["file"] if isinstance(said.get("file"), Attachment) else None
        if file is not None and not text.startswith("/"):
            text = f"/upload {text}"
        if button and len(button.encode(errors="replace")) <= MAX_BUTTON_ID_BYTES:
            action, _, payload = button.partition(":")
            return await self.responder.respond(Request(place, person, action, {"payload": payload}))
        if not text.startswith("/"):
            return await self.responder.respond(Request(place, person, "ask", {"question": text}), show)
        try:
            typed = parse(text, self.responder.commands, file)
        except UserError as error:
            return Reply(RichText.of(str(error)), private=True)
        return await self.responder.respond(Request(place, person, typed.command.name, typed.arguments))

    def _browser(self, request: web.Request) -> str | None:
        return self.names.read(request.cookies.get(COOKIE, ""))


class _Lines:
    """Documents by the line, to a browser that may have gone."""

    def __init__(self) -> None:
        self.response = web.StreamResponse(headers={"Content-Type": BY_THE_LINE})

    async def grow(self, reply: Reply) -> None:
        await self.write({"growing": as_json(unended(reply))})

    async def write(self, document: dict[str, Any]) -> None:
        with suppress(ConnectionError):  # the answer is kept, and /history shows it
            await self.response.write(json.dumps(document).encode() + b"\n")


def about() -> web.Response:
    """What this is, for those who come without a link."""
    return page("about.html")


def as_json(reply: Reply) -> dict[str, Any]:
    """A reply as the page's script reads it; files come along in base64."""
    files = [
        {"name": file.name, "base64": base64.b64encode(file.content).decode(), "description": file.description}
        for file in reply.files
    ]
    return {**reply_to_json(reply), "files": files, "replaces": reply.replaces}


def _refused(status: HTTPStatus, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)


async def _json_object(request: web.Request, _folder: Path, _largest_bytes: int) -> dict[str, Any]:
    try:
        said = await request.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


async def _form(request: web.Request, folder: Path, largest_bytes: int) -> dict[str, Any]:
    """Texts by name, and the file as an attachment; all of it is read, so that the answer finds a reader."""
    try:
        parts = [part async for part in _parts(await request.multipart(), folder, largest_bytes)]
    except ValueError:
        return {}
    return dict(parts)


async def _parts(
    form: MultipartReader, folder: Path, largest_bytes: int
) -> AsyncIterator[tuple[str, str | Attachment]]:
    async for part in form:
        if not isinstance(part, BodyPartReader) or not part.name:
            continue
        if part.filename is None:
            yield part.name, await _text(part)
        else:
            yield part.name, await _file(part, part.filename, folder / secrets.token_hex(8), largest_bytes)


async def _text(part: BodyPartReader) -> str:
    content = bytearray()
    async for piece in _Pieces(part).all():
        content += piece[: LONGEST_FIELD_BYTES - len(content)]
    return content.decode(errors="replace")


async def _file(part: BodyPartReader, name: str, kept: Path, largest_bytes: int) -> Attachment:
    """Write a part to ``kept``; of one that is refused, only count the rest."""
    refusal: UserError | None = None
    pieces = _Pieces(part)
    try:
        await save_pieces(pieces.all(), kept, name=name, size_bytes=0, largest_bytes=largest_bytes)
    except UserError as error:
        refusal = error
        async for _ in pieces.all():
            pass

    async def save(path: Path) -> None:
        if refusal is not None:
            raise refusal
        await save_pieces(pieces_of(kept), path, name=name, size_bytes=0, largest_bytes=largest_bytes)

    return Attachment(name, pieces.size_bytes, save)


class _Pieces:
    """A part of a form as it comes, and how much has come."""

    def __init__(self, part: BodyPartReader) -> None:
        self.size_bytes = 0
        self._part = part

    async def all(self) -> Pieces:
        while piece := await self._part.read_chunk(PIECE_BYTES):
            self.size_bytes += len(piece)
            yield piece


_READERS: Final = {"application/json": _json_object, "multipart/form-data": _form}


def _is_local(request: web.Request) -> bool:
    """Whether the browser runs on this machine and means it: neither a proxy nor another name in between.

    The name matters because a foreign page can make its own name point to the loopback address.
    """
    forwarded = any(name in request.headers for name in _FORWARDED)
    return not forwarded and _is_loopback(request.remote or "") and _is_loopback(_host_of(f"//{request.host}"))


def _is_same_origin(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin" and (
        origin is None or origin == f"http://{request.host}"
    )


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
