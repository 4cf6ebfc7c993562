"""``GET /media/{token}``: a kept recording in ranges, so that a browser can jump to any second of it."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from adapters.web.pages import notice
from core.errors import ProviderError
from core.library.media import PLAYED_AS, MediaFiles, MediaKey, container_of

log = structlog.get_logger()

UNPLAYED: Final = "application/octet-stream"
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
AWAY: Final = "The recording cannot be read at the moment. Its words are on the page; try again in a minute."


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a file from ``start`` up to but without ``end``; ``whole`` where no range was asked for."""

    start: int
    end: int
    whole: bool


def media_type(media_key: str) -> str:
    """What browsers are told a recording is; ``UNPLAYED`` where they would not play it."""
    return PLAYED_AS.get(container_of(media_key), UNPLAYED)


def stretch_of(header: str, size_bytes: int) -> Stretch | None:
    """What a Range header asks for; None where the file has nothing there.

    A header in another form is as none, as RFC 9110 (14.2) has it; of several ranges the whole file is sent.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return Stretch(0, size_bytes, whole=True)
    if not found[1]:
        start, end = max(size_bytes - int(found[2]), 0), size_bytes
    else:
        start, last = int(found[1]), int(found[2] or size_bytes)
        if found[2] and last < start:
            return Stretch(0, size_bytes, whole=True)
        end = min(last + 1, size_bytes)
    return Stretch(start, end, whole=False) if start < end else None


async def send(request: web.Request, files: MediaFiles, key: MediaKey) -> web.StreamResponse:
    """Answer a request for a recording, or for a range of it, holding one piece of it at a time."""
    try:
        size_bytes = await files.size_bytes(key)
    except ProviderError as error:
        log.warning("a recording cannot be read", reason=str(error))
        return notice(HTTPStatus.SERVICE_UNAVAILABLE, "Not at the moment", AWAY)
    if size_bytes is None:
        log.warning("a recording is gone from the storage", key=key)
        return notice(HTTPStatus.NOT_FOUND, "The recording is gone", "Its words are still on the page.")
    stretch = stretch_of(request.headers.get("Range", ""), size_bytes)
    if stretch is None:
        headers = {"Content-Range": f"bytes */{size_bytes}", "Accept-Ranges": "bytes"}
        return web.Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    response = _headed(key, stretch, size_bytes)
    await response.prepare(request)
    if request.method != "HEAD":
        await _stream(request, response, files, key, stretch)
    return response


def _headed(key: MediaKey, stretch: Stretch, size_bytes: int) -> web.StreamResponse:
    status = HTTPStatus.OK if stretch.whole else HTTPStatus.PARTIAL_CONTENT
    response = web.StreamResponse(status=status, headers={"Accept-Ranges": "bytes"})
    response.content_type = media_type(key)
    response.content_length = stretch.end - stretch.start
    if not stretch.whole:
        response.headers["Content-Range"] = f"bytes {stretch.start}-{stretch.end - 1}/{size_bytes}"
    return response


async def _stream(
    request: web.Request, response: web.StreamResponse, files: MediaFiles, key: MediaKey, stretch: Stretch
) -> None:
    sent = 0
    try:
        async for piece in files.read(key, stretch.start, stretch.end):
            await response.write(piece)
            sent += len(piece)
    except ProviderError as error:
        log.warning("a recording broke off", reason=str(error))
    if sent == stretch.end - stretch.start:
        await response.write_eof()
    elif request.transport is not None:
        request.transport.abort()  # the browser must not take what came for all there is
