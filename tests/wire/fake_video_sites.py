"""YouTube, Vimeo, Loom and Wistia as their own pages speak, on this machine, reached as through an operator's proxy.

    async with FakeVideoSites(tmp_path) as sites:
        sites.youtube["abcdefghijk"] = YouTubeVideo("Bread", ...)
        ...a client with ``proxy=sites.proxy`` and ``SSL_CERT_FILE=sites.certificate``...

A client asks the proxy to connect it to a site (CONNECT) and then speaks TLS with what it takes for the site. What is
answered is written from what the sites' public players ask for and read.
"""

import asyncio
import datetime as dt
import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Json: TypeAlias = Any  # whatever a JSON document holds

HOSTS: Final = (
    "www.youtube.com", "youtube.com", "*.googlevideo.com", "www.loom.com", "cdn.loom.com", "fast.wistia.net",
    "embed.wistia.com", "player.vimeo.com", "cdn.vimeo.test",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What a site was asked, with its host; ``path`` has no query."""

    host: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Json:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """What a site answers."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class YouTubeVideo:
    """A video of the fake YouTube; ``captions`` are (vssId, language, kind) of tracks with their events."""

    title: str
    duration_s: int = 60
    status: str = "OK"
    reason: str = ""
    live: bool = False
    captions: dict[tuple[str, str, str], list[Json]] = field(default_factory=dict)
    sound: bytes = b""


@dataclass(slots=True)
class LoomVideo:
    """A video of the fake Loom; ``problem`` is the kind of object that it answers instead of the video."""

    title: str
    duration_s: int = 60
    problem: str = ""
    captions: str = ""
    chapters: str = ""
    picture: bytes = b""


class FakeVideoSites:
    """Serves all sites on one port of 127.0.0.1 and remembers what was asked."""

    def __init__(self, folder: Path) -> None:
        self.youtube: dict[str, YouTubeVideo] = {}
        self.playlists: dict[str, tuple[str, list[str]]] = {}
        self.loom: dict[str, LoomVideo] = {}
        self.wistia: dict[str, Json] = {}
        self.vimeo: dict[str, Json] = {}
        self.files: dict[str, Response] = {}
        self.asked: list[Request] = []
        self.blocked = False
        self.certificate, self._context = _certificate(folder)
        self._busy: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.proxy = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._busy.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
                await self._talk(reader, writer)
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = ""
        while True:
            method, target, headers = _head(await reader.readuntil(b"\r\n\r\n"))
            if method == "CONNECT":
                host = target.partition(":")[0]
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                await writer.drain()
                await writer.start_tls(self._context)
                continue
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            url = urlsplit(target)
            request = Request(host or url.hostname or "", url.path, parse_qs(url.query), headers, body)
            self.asked.append(request)
            response = self._answer(request)
            writer.write(_written(response, with_body=method != "HEAD"))
            await writer.drain()

    def _answer(self, request: Request) -> Response:
        if self.blocked:
            return Response(b"slow down", 429, "text/plain")
        by_host: dict[str, Callable[[Request], Response]] = {
            "player.vimeo.com": self._vimeo,
            "www.youtube.com": self._youtube, "www.loom.com": self._loom, "fast.wistia.net": self._wistia,
        }  # fmt: skip
        if request.host in by_host:
            return by_host[request.host](request)
        return self.files.get(f"{request.host}{request.path}", Response(status=404))

    def _youtube(self, request: Request) -> Response:
        pages: dict[str, Callable[[Request], Response]] = {
            "/youtubei/v1/player": lambda asked: _json(self._player(asked.document["videoId"])),
            "/youtubei/v1/browse": lambda asked: _json(self._playlist(asked.document["browseId"].removeprefix("VL"))),
            "/watch": lambda asked: _page(
                ytInitialPlayerResponse=self._player(asked.query["v"][0]), ytInitialData=_NEXT
            ),
            "/playlist": lambda asked: _page(ytInitialData=self._playlist(asked.query["list"][0])),
            "/api/timedtext": self._timed_text,
        }
        missing = _page() if request.path.startswith("/embed/") else Response(status=404)
        return pages[request.path](request) if request.path in pages else missing

    def _timed_text(self, request: Request) -> Response:
        track = (request.query["vss"][0], request.query["lang"][0], request.query.get("kind", [""])[0])
        events = self.youtube[request.query["v"][0]].captions.get(track)
        return Response(status=404) if events is None else _json({"wireMagic": "pb3", "events": events})

    def _player(self, video_id: str) -> Json:
        video = self.youtube.get(video_id)
        if video is None:
            return {"playabilityStatus": {"status": "ERROR", "reason": "Video unavailable"}}
        answer: Json = {
            "playabilityStatus": {"status": video.status, "reason": video.reason},
            "videoDetails": {
                "videoId": video_id, "title": video.title, "lengthSeconds": str(video.duration_s),
                "isLive": video.live, "shortDescription": "0:00 Start\n0:20 Middle\n0:40 End",
            },
        }  # fmt: skip
        if video.status == "OK":
            answer["captions"] = {"playerCaptionsTracklistRenderer": _tracks(video_id, video)}
            answer["streamingData"] = {"adaptiveFormats": [self._stream(video_id, video)]}
        return answer

    def _stream(self, video_id: str, video: YouTubeVideo) -> Json:
        path = f"r1.googlevideo.com/{video_id}"
        self.files[path] = Response(video.sound, media_type="audio/mp4")
        return {
            "itag": 140, "url": f"https://{path}", "mimeType": 'audio/mp4; codecs="mp4a.40.2"', "bitrate": 130_000,
            "contentLength": str(len(video.sound)), "audioQuality": "AUDIO_QUALITY_MEDIUM", "audioChannels": 2,
            "approxDurationMs": str(video.duration_s * 1000),
        }  # fmt: skip

    def _playlist(self, playlist_id: str) -> Json:
        if playlist_id not in self.playlists:
            alert = {"alertRenderer": {"type": "ERROR", "text": {"simpleText": "The playlist does not exist."}}}
            return {"alerts": [alert]}
        title, video_ids = self.playlists[playlist_id]
        videos = [_playlist_video(video_id, self.youtube[video_id]) for video_id in video_ids]
        contents = {"playlistVideoListRenderer": {"contents": videos, "playlistId": playlist_id}}
        section = {"itemSectionRenderer": {"contents": [contents]}}
        tab = {"tabRenderer": {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}}
        return {
            "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [tab]}},
            "metadata": {"playlistMetadataRenderer": {"title": title}},
        }

    def _loom(self, request: Request) -> Response:
        if request.path == "/graphql":
            return _json({"data": self._loom_data(request.document)})
        video_id = request.path.split("/")[4]
        if not request.path.endswith("/transcoded-url"):
            return _json({})
        path = f"cdn.loom.com/{video_id}.mp4"
        self.files[path] = Response(self.loom[video_id].picture, media_type="video/mp4")
        return _json({"url": f"https://{path}"})

    def _loom_data(self, asked: Json) -> Json:
        video_id = asked["variables"]["videoId"]
        video = self.loom.get(video_id)
        if video is None or video.problem:
            return {"getVideo": {"__typename": video.problem if video else "PrivateVideo"}}
        if asked["operationName"] == "FetchVideoTranscript":
            path = f"cdn.loom.com/{video_id}.vtt"
            self.files[path] = Response(video.captions.encode(), media_type="text/vtt")
            return {"fetchVideoTranscript": {"captions_source_url": f"https://{path}"}}
        if asked["operationName"] == "FetchChapters":
            return {"fetchVideoChapters": {"content": video.chapters}}
        properties = {"duration": video.duration_s}
        kind = {"__typename": "RegularUserVideo", "name": video.title, "video_properties": properties}
        return {"getVideo": kind}

    def _vimeo(self, request: Request) -> Response:
        video = self.vimeo.get(request.path.removeprefix("/video/"))
        return Response(status=404) if video is None else _page(playerConfig=video)

    def _wistia(self, request: Request) -> Response:
        if request.path.endswith(".vtt"):
            return self.files.get(f"{request.host}{request.path}", Response(status=404))
        media_id = request.path.rpartition("/")[2].removesuffix(".json")
        return _json({"media": self.wistia[media_id]}) if media_id in self.wistia else _json({"error": True})


_SETTINGS: Final = {"INNERTUBE_CONTEXT": {"client": {"clientName": "WEB", "clientVersion": "2.20260114.08.00"}}}
_NEXT: Final[Json] = {"contents": {"twoColumnWatchNextResults": {"results": {}}}}


def _tracks(video_id: str, video: YouTubeVideo) -> Json:
    def link(vss: str, language: str, kind: str) -> str:
        asked = f"&kind={kind}" if kind else ""
        return f"https://www.youtube.com/api/timedtext?v={video_id}&vss={vss}&lang={language}{asked}"

    return {
        "captionTracks": [
            {
                "baseUrl": link(vss, language, kind), "vssId": vss, "languageCode": language, "isTranslatable": True,
                "name": {"simpleText": language}, **({"kind": kind} if kind else {}),
            }
            for vss, language, kind in video.captions
        ],
        "translationLanguages": [
            {"languageCode": code, "languageName": {"simpleText": code}} for code in ("en", "de", "fr")
        ],
    }  # fmt: skip


def _playlist_video(video_id: str, video: YouTubeVideo) -> Json:
    return {
        "playlistVideoRenderer": {
            "videoId": video_id, "title": {"runs": [{"text": video.title}]}, "lengthSeconds": str(video.duration_s),
        }
    }  # fmt: skip


def _page(**documents: Json) -> Response:
    scripts = "".join(f"<script>var {name} = {json.dumps(each)};</script>" for name, each in documents.items())
    settings = f"<script>ytcfg.set({json.dumps(_SETTINGS)});</script>"
    return Response(f"<html><head>{settings}</head><body>{scripts}</body></html>".encode(), media_type="text/html")


def _json(document: Json) -> Response:
    return Response(json.dumps(document).encode())


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return method, target, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _written(response: Response, *, with_body: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {response.status} Said",
        f"Content-Type: {response.media_type}",
        f"Content-Length: {len(response.body)}",
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (response.body if with_body else b"")


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate that answers for all hosts and is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "video sites of a test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "sites.pem", folder / "sites.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
