"""Fetches what a link leads to, from public addresses only, within limits of size and time.

The address is checked where the socket is made, so that it is the very one that is connected to: neither a redirect
nor a name that answers differently the second time gets around it.
"""

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final
from urllib.parse import unquote

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from adapters.sources.addresses import is_loopback, is_public
from core.errors import ProviderBusy, ProviderError, SourceGone, UploadRefused
from core.library.origins import UNKNOWN, Downloaded, DownloadLimits, Freshness, Page, Peek, Report

MOST_REDIRECTS: Final = 5
MOST_RESUMES: Final = 5
LONGEST_LINK: Final = 8_000  # of a redirect: signed links of file stores run to several thousand letters
PEEKED_BYTES: Final = 4_096
PEEK: Final = DownloadLimits(size_bytes=PEEKED_BYTES, wall_s=60.0)
PIECE_BYTES: Final = 64 * 1024
LONGEST_NAME: Final = 200
LONGEST_WAIT_S: Final = 6 * 3600.0
USER_AGENT: Final = "Mozilla/5.0 (compatible; Chronos/0.1; reads what its creator asked it to)"
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
NOT_TEXT: Final = re.compile(
    r"(?:video|audio|image|font)/.*|application/(?:zip|gzip|pdf|x-tar|vnd\.openxml.*|msword)"
)
QUOTED: Final = re.compile(r"[!-~]+")
CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/(?:[0-9]{1,18}|\*)")

WORDS_FOR_STATUS: Final = {
    401: "The link is private: its site asks for a login. Share it with everyone who has the link, or upload the "
    "file.",
    403: "The link is private: its site does not let me in. Share it with everyone who has the link, or upload the "
    "file.",
    404: "There is nothing behind this link. Copy it again, or upload the file.",
    410: "What was behind this link has been removed. Upload the file instead.",
    451: "The site may not show this for legal reasons. Upload the file instead.",
}
NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
BUSY: Final = frozenset({408, 425, 429, 503})


class _Cut(Exception):
    """The connection ended before the file did."""


class _NotPublic(OSError):
    """The address is none of the public internet; an OSError, so that a host's next address is tried."""


class HttpDownloads:
    """The port ``Downloads`` on aiohttp.

    Args:
        resolver: answers names; None for the system's. Whatever it answers is checked.
        allow_loopback: for tests only, whose servers run on this machine.
    """

    def __init__(self, *, resolver: AbstractResolver | None = None, allow_loopback: bool = False) -> None:
        self._resolver = resolver
        self._allow_loopback = allow_loopback

    async def peek(self, link: str) -> Peek:
        """Return the first bytes behind ``link``, enough to tell what it is."""
        async with self._response(link, {}, PEEK) as response:
            beginning = bytearray()
            async for piece in response.content.iter_chunked(PEEKED_BYTES):
                beginning += piece
                if len(beginning) >= PEEKED_BYTES:
                    break
            return Peek(str(response.url), response.content_type, bytes(beginning[:PEEKED_BYTES]))

    async def fetch_text(self, link: str, limits: DownloadLimits, *, known: Freshness = UNKNOWN) -> Page | None:
        """Fetch a page, feed or caption file; None if it is still the ``known`` version."""
        async with self._response(link, _conditions(known), limits) as response:
            if response.status == HTTPStatus.NOT_MODIFIED:
                return None
            if NOT_TEXT.fullmatch(response.content_type):
                raise UploadRefused(f"Behind this link is no text but {response.content_type}.")
            content = bytearray()
            async for piece in _pieces(response, 0, limits):
                content += piece
            return Page(str(response.url), response.content_type, bytes(content), _freshness(response))

    async def download(
        self, link: str, out_path: Path, limits: DownloadLimits, report: Report | None = None, *,
        known: Freshness = UNKNOWN, refuse_pages: bool = False,
    ) -> Downloaded | None:  # fmt: skip
        """Fetch a file to ``out_path``, going on where it was cut off if its server can.

        Args:
            link: where it is.
            out_path: the file to write; whatever was there is replaced. After any error it is gone.
            limits: what it may take; an OSError of a full disk is passed on as it is.
            report: hears the share that is done, where the server says how long the file is.
            known: the version that is already here.
            refuse_pages: an HTML page is not what was meant, but a site's login or notice in its place.

        Returns:
            What was fetched; None if it is still the ``known`` version, and then nothing is written.
        """
        done = False
        file = await asyncio.to_thread(out_path.open, "wb")
        try:
            async with _in_time(limits):
                fetched = await self._fetched(link, file, limits, report, known, refuse_pages=refuse_pages)
            done = fetched is not None
            return fetched
        finally:
            _close(file, out_path, keep=done)

    async def _fetched(
        self, link: str, file: BinaryIO, limits: DownloadLimits, report: Report | None, known: Freshness, *,
        refuse_pages: bool,
    ) -> Downloaded | None:  # fmt: skip
        headers = {**_conditions(known), "Accept-Encoding": "identity"}
        for _ in range(MOST_RESUMES + 1):
            async with self._response(link, headers, limits) as response:
                if response.status == HTTPStatus.NOT_MODIFIED:
                    return None
                if refuse_pages and response.content_type in PAGES:
                    raise UploadRefused(
                        "This link opens a page, not the file. Share it with everyone who has the link."
                    )
                try:
                    await _copy(response, file, limits, report)
                except _Cut:
                    headers = _for_the_rest(response, file)
                    continue
                name = _name(response)
                freshness = _freshness(response)
                return Downloaded(str(response.url), name, response.content_type, file.tell(), freshness)
        raise ProviderBusy(f"the download was cut off {MOST_RESUMES + 1} times")

    @asynccontextmanager
    async def _response(
        self, link: str, headers: Mapping[str, str], limits: DownloadLimits
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Follow ``link`` to an answer that can be read."""
        url = _address(link)
        with _in_words():
            async with _in_time(limits), self._session(limits) as session:
                for _ in range(MOST_REDIRECTS + 1):
                    async with session.get(url, headers=headers, allow_redirects=False) as response:
                        target = response.headers.get("Location")
                        if response.status in REDIRECTS and target is not None:
                            url = _onward(url, target)
                            continue
                        _check_status(response)
                        yield response
                        return
        raise UploadRefused(f"The link leads on to another one more than {MOST_REDIRECTS} times. Use the last one.")

    def _session(self, limits: DownloadLimits) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver, use_dns_cache=False, force_close=True, socket_factory=self._socket
        )
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.idle_s, sock_read=limits.idle_s)
        return aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False, headers={"User-Agent": USER_AGENT}
        )

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = info
        address = str(place[0])
        if not is_public(address) and not (self._allow_loopback and is_loopback(address)):
            raise _NotPublic("not a public address")
        return socket.socket(family, kind, protocol)


def _address(link: str) -> URL:
    if len(link) > LONGEST_LINK:
        raise UploadRefused(f"The link is longer than {LONGEST_LINK:,} letters.")
    try:
        # What is quoted stays as it is: another way of quoting would break a signature.
        return _checked(URL(link.strip(), encoded=QUOTED.fullmatch(link.strip()) is not None))
    except ValueError:
        raise UploadRefused("The link cannot be read. Copy it again from the address bar.") from None


def _onward(url: URL, target: str) -> URL:
    if len(target) > LONGEST_LINK:
        raise UploadRefused("The site sends me on to a link that is too long to be one.")
    try:
        return _checked(url.join(URL(target, encoded=QUOTED.fullmatch(target) is not None)))
    except ValueError:
        raise UploadRefused("The site sends me on to something that is no link. Upload the file instead.") from None


def _checked(url: URL) -> URL:
    if url.scheme not in {"http", "https"} or not url.host or url.port is None:
        raise UploadRefused("The link must be a web address that starts with https:// or http://.")
    if url.user is not None or url.password is not None:
        raise UploadRefused("The link holds a user name or password. Remove the part before the @.")
    return url


@asynccontextmanager
async def _in_time(limits: DownloadLimits) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limits.wall_s) as clock:
            yield
    except TimeoutError:
        if not clock.expired():
            raise
        raise ProviderBusy(f"the site took longer than {limits.wall_s:.0f} s") from None


@contextmanager
def _in_words() -> Iterator[None]:
    """Translate what aiohttp raises, so that none of it leaves this module."""
    try:
        yield
    except aiohttp.InvalidURL as error:
        raise UploadRefused("The link cannot be read. Copy it again from the address bar.") from error
    except aiohttp.ClientConnectorDNSError as error:
        if error.os_error.errno in NO_SUCH_NAME:
            raise UploadRefused(f"There is no site named {error.host}. Copy the link again.") from error
        raise ProviderBusy(f"the name {error.host} cannot be looked up right now") from error
    except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch) as error:
        raise UploadRefused("The site has no valid certificate, so I cannot tell whose it is.") from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, _NotPublic):
            raise UploadRefused("The link leads into a private network. Only public sites can be read.") from error
        raise ProviderBusy(f"{error.host} cannot be reached") from error
    except (TimeoutError, _Cut, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
        raise ProviderBusy(f"the site stops answering: {type(error).__name__}") from error
    except aiohttp.ClientError as error:
        raise ProviderError(f"the site answers something that is not HTTP: {type(error).__name__}") from error
    except UnicodeError as error:  # a name with a part that is empty or too long for the DNS
        raise UploadRefused("The link's server name is not valid. Copy it again from the address bar.") from error


def _check_status(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED}:
        return
    if status in BUSY:
        raise ProviderBusy(f"the site answers {status}", retry_after_s=_retry_after_s(response))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ProviderError(f"the site answers {status}")
    refusal = SourceGone if status in GONE else UploadRefused
    raise refusal(WORDS_FOR_STATUS.get(status, f"The site does not give this out (it answers {status})."))


def _retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdecimal() and len(said) < 10:
        return min(float(said), LONGEST_WAIT_S)
    try:
        return min(max(parsedate_to_datetime(said).timestamp() - time.time(), 0.0), LONGEST_WAIT_S)
    except (ValueError, OverflowError):
        return None


def _close(file: BinaryIO, path: Path, *, keep: bool) -> None:
    file.close()
    if not keep:
        path.unlink(missing_ok=True)


async def _copy(
    response: aiohttp.ClientResponse, file: BinaryIO, limits: DownloadLimits, report: Report | None
) -> None:
    """Write the body to ``file``, behind what is there if it is the rest of it."""
    resumed = response.status == HTTPStatus.PARTIAL_CONTENT
    if resumed and _first_byte(response) != file.tell():
        raise ProviderError("the site sends another part of the file than was asked for")
    if not resumed:
        file.seek(0)
        file.truncate()
    told = response.content_length
    whole = None if told is None else file.tell() + told
    written = file.tell()
    async for piece in _pieces(response, written, limits):
        await asyncio.to_thread(file.write, piece)
        written += len(piece)
        if report is not None and whole:
            await report(min(written / whole, 1.0))
    await asyncio.to_thread(file.flush)


async def _pieces(response: aiohttp.ClientResponse, had_bytes: int, limits: DownloadLimits) -> AsyncIterator[bytes]:
    """Yield the body, unpacked, and refuse it as soon as it is too large; raises _Cut where it ends early."""
    size_bytes = had_bytes
    if size_bytes + (response.content_length or 0) > limits.size_bytes:
        raise _too_large(limits)
    while True:
        try:
            piece = await response.content.read(PIECE_BYTES)
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError) as error:
            raise _Cut from error
        if not piece:
            return
        size_bytes += len(piece)
        if size_bytes > limits.size_bytes:
            raise _too_large(limits)
        yield piece


def _too_large(limits: DownloadLimits) -> UploadRefused:
    return UploadRefused(f"The file is larger than the {limits.size_bytes / 1e6:.0f} MB that are taken. Split it.")


def _for_the_rest(response: aiohttp.ClientResponse, file: BinaryIO) -> dict[str, str]:
    """Ask for what is missing, provided that it is still the same file.

    Raises:
        ProviderBusy: the server cannot tell, so that only a new beginning would help.
    """
    fresh = _freshness(response)
    same = fresh.etag if fresh.etag and not fresh.etag.startswith("W/") else fresh.last_modified
    can = response.headers.get("Accept-Ranges", "") == "bytes" or response.status == HTTPStatus.PARTIAL_CONTENT
    if not same or not can or response.headers.get("Content-Encoding", "identity") != "identity":
        raise ProviderBusy("the download was cut off")
    return {"Range": f"bytes={file.tell()}-", "If-Range": same, "Accept-Encoding": "identity"}


def _first_byte(response: aiohttp.ClientResponse) -> int | None:
    match = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _conditions(known: Freshness) -> dict[str, str]:
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in conditions.items() if value}


def _freshness(response: aiohttp.ClientResponse) -> Freshness:
    return Freshness(*(_validator(response.headers.get(name, "")) for name in ("ETag", "Last-Modified")))


def _validator(said: str) -> str:
    """What a server calls a version, to be stored and said back; empty where it could not be."""
    return said if said.isascii() and said.isprintable() else ""


def _name(response: aiohttp.ClientResponse) -> str:
    header = Message()
    header["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    called = header.get_filename("") or unquote(response.url.raw_path)
    name = PurePosixPath(called.replace("\\", "/")).name
    printable = "".join(letter for letter in name if letter.isprintable() and letter != os.sep)
    return printable[-LONGEST_NAME:]
