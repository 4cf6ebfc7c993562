"""What is asked of yt-dlp; runs in a process of its own (``adapters.sources.apart``) and speaks JSON.

yt-dlp is held to four sites and to their own pages: no generic extractor, no settings, plugins or cookies of the
machine, and no program is started, neither a player's script nor a converter.
"""

import base64
import contextlib
import math
import os
import re
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from adapters.sources.addresses import is_public
from adapters.sources.apart import Json
from adapters.sources.youtube_captions import whisper_json
from core.errors import DiskFull, ProviderError, SourceGone, UploadRefused
from core.library.origins import CaptionKind, primary_language

if TYPE_CHECKING:
    import yt_dlp  # type: ignore[import-untyped]  # it ships no types

EXTRACTORS: Final = (
    "youtube", "youtube:tab", "youtube:playlist", "youtubeytbe", "vimeo", "vimeo:(?:album|channel|groups|user)",
    "loom", "wistia", "wistiaplaylist", "wistiachannel",
)  # fmt: skip
MOST_ENTRIES: Final = 5_000
MOST_HOPS: Final = 4
MOST_CAPTION_BYTES: Final = 20_000_000
BUSY_WAIT_S: Final = 900.0
NETWORK_WAIT_S: Final = 60.0
# Little is heard in more than this; where a site offers no sound alone, its smaller picture saves the most.
FORMAT: Final = "bestaudio/best[height<=480]/best"
CAPTION_FORMATS: Final = ("json3", "vtt", "srt", "json")
LOOKING: Final = {"writesubtitles": True}  # some sites are asked for captions only then; nothing is written
NO_CAPTIONS: Final = frozenset({"live_chat", "rechat", "comments", "danmaku"})
AUTOMATIC_TAG: Final = re.compile(r"-x-autogen|-orig$|^a-")
GONE: Final = frozenset({401, 403, 404, 410})

BLOCKED: Final = (
    "The video site blocks this server's address for now. The operator can set a proxy for video sites (a "
    "residential one), or wait a few hours."
)
PRIVATE: Final = "This video is private. Make it public or unlisted, or upload the file instead."
LIVE: Final = "This is a live broadcast that is not over. Send its link again when the recording is there."
# What yt-dlp says, in its order of precedence, and what it means to the person who sent the link.
BUSY_WORDS: Final = re.compile(
    r"not a bot|HTTP Error 429|Too Many Requests|rate.?limited|captcha|being blocked|may be blocked|TLS fingerprint"
    r"|unusual traffic|try again later|video data: HTTP Error 403|\[(?:youtube|vimeo)[^\]]*\].*HTTP Error 403",
    re.IGNORECASE,
)
NO_FORMAT_WORDS: Final = re.compile(r"requested format|no video formats", re.IGNORECASE)
AWAY_WORDS: Final = re.compile(
    r"HTTP Error (?:408|5[0-9]{2})|timed out|unable to connect|connection (?:refused|reset|aborted|broken)"
    r"|failed to (?:establish|resolve)",
    re.IGNORECASE,
)
NO_ROOM_WORDS: Final = re.compile(r"No space left on device|Disk quota exceeded", re.IGNORECASE)
VIDEO_ID: Final = re.compile(r"(\[[^\]]+\] )[^ ]+: ")  # any word can stand in an id
NOT_PUBLIC: Final = "not a public address"
MEMBERS_ONLY: Final = (
    "This video is for paying members only, so I cannot read it. Upload its file or its captions instead."
)
PROTECTED: Final = "This video asks for a password. Take it off for the upload, or upload the file instead."
REMOVED: Final = "This video or playlist has been removed, or never existed. Copy its link again."
REFUSALS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"members?.only|channel's members|join this channel|requires payment|rental|premium|patron",
         MEMBERS_ONLY),
        (r"confirm your age|age.?restrict|inappropriate for some users|age_verification",
         "This video is age-restricted, so I cannot read it. Upload its file or its captions instead."),
        (r"will begin|premieres? (?:in|at)|\bis live\b|offline|not currently live",
         LIVE),
        (r"password.protected|by a password|video.password",
         PROTECTED),
        (r"your country|your location|your region|geo.?restrict|blocked it",
         "This video is not available in the country of this server. Upload its file or its captions instead."),
        (r"private|embed-only|only available (?:for|to)|sign in|log(?:ged)?.?in|not authori[sz]ed|permission"
         r"|HTTP Error 40[13]",
         PRIVATE),
        (r"\bDRM\b", "This video is copy-protected, so it cannot be read."),
        (r"has ended|terminated|removed|deleted|no longer available|does(?: not|n't) exist|not found|unavailable"
         r"|isn't available|not available|HTTP Error 4(?:04|10)",
         REMOVED),
        (r"no suitable extractor|unsupported url|not a valid url|unable to recognize|incomplete.*id",
         "This link shows no single video, playlist or channel. Copy the link of one."),
    )
)  # fmt: skip
NOT_THERE: Final = frozenset({PRIVATE, REMOVED})
"""What is gone, if it could be seen before; all else may be a matter of who asks, and from where."""


def look_up(link: str, proxy: str) -> Json:
    """Return ``{"listing": ...}`` or ``{"video": ...}`` of a link, or ``{"busy": ..., "wait_s": ...}``."""
    with _asking(proxy, LOOKING) as ask:
        ask.result = _described(_extracted(ask.ydl, link))
    return ask.said


def captions(link: str, kind: str, language: str, track_link: str, proxy: str) -> Json:
    """Return ``{"content": base64}`` of a track: as it was linked, or from a new look where that has expired."""
    with _asking(proxy, LOOKING) as ask:
        content = _read(ask.ydl, track_link)
        if content is None:
            tracks = _described(_extracted(ask.ydl, link)).get("video", {}).get("captions", [])
            anew = [each["link"] for each in tracks if (each["kind"], each["language"]) == (kind, language)]
            content = _read(ask.ydl, anew[0]) if anew else None
        if content is None:
            raise UploadRefused("The video has no such captions any more.")
        if _is_json3(track_link):
            content = whisper_json(content, automatic=kind == CaptionKind.AUTOMATIC)
        ask.result = {"content": base64.b64encode(content).decode()}
    return ask.said


def download_audio(
    link: str, folder: str, largest_bytes: int, proxy: str, *, report: Callable[[float], None]
) -> Json:
    """Fetch a video's sound into ``folder`` and return ``{"file": name}``."""

    def hear(progress: dict[str, Any]) -> None:
        done, whole = progress.get("downloaded_bytes") or 0, _whole(progress)
        if max(done, progress.get("total_bytes") or 0) > largest_bytes:
            raise UploadRefused(f"The video is larger than the {largest_bytes / 1e6:.0f} MB that are taken.")
        if whole:
            report(min(done / whole, 1.0))

    wanted = {
        "format": FORMAT,
        "outtmpl": {"default": os.path.join(folder.replace("%", "%%"), "sound.%(ext)s")},  # noqa: PTH118 - a template
        "progress_hooks": [hear],
    }
    with _asking(proxy, wanted) as ask:
        ask.ydl.extract_info(link)
        files = [name for name in os.listdir(folder) if name.startswith("sound.")]  # noqa: PTH208 - names only
        if len(files) != 1:
            raise ProviderError("the video site offers no sound that can be fetched")
        ask.result = {"file": files[0]}
    return ask.said


class _Silence:
    """Takes what yt-dlp would print."""

    def debug(self, message: str) -> None:
        """Say nothing."""

    warning = error = debug


class _Asking:
    """One talk with yt-dlp and what came of it."""

    def __init__(self, ydl: "yt_dlp.YoutubeDL") -> None:
        self.ydl = ydl
        self.result: Json = None
        self.busy: Json = None

    @property
    def said(self) -> Json:
        return self.busy or self.result


@contextlib.contextmanager
def _asking(proxy: str, wanted: dict[str, Any]) -> Iterator[_Asking]:
    os.environ["YTDLP_NO_PLUGINS"] = "1"
    import yt_dlp
    from yt_dlp.networking.exceptions import RequestError  # type: ignore[import-untyped]  # as above

    if not proxy:
        _stay_public()
    with yt_dlp.YoutubeDL({**_options(proxy), **wanted}) as ydl:
        asking = _Asking(ydl)
        try:
            yield asking
        except (yt_dlp.utils.YoutubeDLError, RequestError) as error:
            said = str(error).replace(proxy, "the proxy") if proxy else str(error)  # it may hold a password
            asking.busy = _meaning(said)


def _options(proxy: str) -> dict[str, Any]:
    return {
        "allowed_extractors": list(EXTRACTORS),
        "proxy": proxy,
        "quiet": True,
        "noprogress": True,
        "logger": _Silence(),
        "color": "never",
        "cachedir": False,
        "noplaylist": True,
        "extract_flat": "in_playlist",
        "playlistend": MOST_ENTRIES,
        "js_runtimes": {},
        "postprocessors": [],
        "fixup": "never",
        "ffmpeg_location": os.devnull,
        "hls_prefer_native": True,
        "external_downloader": {"default": "native"},
        "socket_timeout": 30,
        "retries": 3,
        "fragment_retries": 3,
        "extractor_retries": 2,
        "nopart": True,
        "updatetime": False,
        # Certificates that the operator names count; else those that come with Python's certifi.
        "compat_opts": {"no-certifi"} if os.environ.get("SSL_CERT_FILE") else set(),
    }


def _stay_public() -> None:
    """Let every name lead to public addresses only, wherever a site's answer or redirect may point."""
    ask = socket.getaddrinfo

    def public(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - exactly what it stands in for
        found = [each for each in ask(*args, **options) if is_public(str(each[4][0]))]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, NOT_PUBLIC)
        return found

    socket.getaddrinfo = public


def _meaning(said: str) -> Json:
    """Tell what an error of yt-dlp means: a result that says to come back later, or an exception.

    Raises:
        SourceGone: there is nothing, or nothing that the public may see.
        UploadRefused: it will not work later either.
        DiskFull: our own disk is full.
        ProviderError: none of the known reasons.
    """
    plain = VIDEO_ID.sub(r"\1", said.replace("\u2019", "'"), count=1)
    if NOT_PUBLIC in plain:
        raise UploadRefused("The link leads into a private network. Only public sites can be read.")
    if BUSY_WORDS.search(plain):
        return {"busy": BLOCKED, "wait_s": BUSY_WAIT_S}
    if AWAY_WORDS.search(plain):
        return {"busy": "the video site does not answer", "wait_s": NETWORK_WAIT_S}
    if NO_ROOM_WORDS.search(plain):
        raise DiskFull("The disk is full: free some space.")
    if "File too large" in plain:
        raise UploadRefused("The video is larger than what is taken.")
    if NO_FORMAT_WORDS.search(plain):
        raise ProviderError("the video site offers no sound that yt-dlp can fetch; a newer one may")
    for pattern, words in REFUSALS:
        if pattern.search(plain):
            raise SourceGone(words) if words in NOT_THERE else UploadRefused(words)
    raise ProviderError(f"yt-dlp: {plain[:300]}")


def _extracted(ydl: "yt_dlp.YoutubeDL", link: str) -> dict[str, Any]:
    """What an extractor says of a link, before any choice of a format, which captions do not need."""
    info: dict[str, Any] = ydl.extract_info(link, download=False, process=False)
    for _ in range(MOST_HOPS):
        if info.get("_type") not in {"url", "url_transparent"}:
            break
        info = ydl.extract_info(info["url"], download=False, process=False, ie_key=info.get("ie_key"))
    if info.get("live_status") in {"is_live", "is_upcoming"}:
        raise UploadRefused(LIVE)
    return info


def _described(info: dict[str, Any]) -> Json:
    title = str(info.get("title") or "")
    if info.get("_type") in {"playlist", "multi_video"}:
        return {"listing": {"title": title, "entries": list(_entries(info))}}
    if not title:  # of a private recording Loom says nothing at all
        raise SourceGone(PRIVATE)
    return {
        "video": {
            "title": title,
            "duration_s": _number(info.get("duration")),
            "language": _language(info),
            "chapters": [
                {"start_s": _number(each.get("start_time")) or 0.0, "title": str(each.get("title") or "")}
                for each in info.get("chapters") or []
            ],
            "captions": list(_tracks(info)),
        }
    }


def _entries(info: dict[str, Any], room: int = MOST_ENTRIES) -> Iterator[Json]:
    """Flatten a channel's tabs, each of which is a playlist."""
    for entry in info.get("entries") or ():
        if room <= 0:
            return
        if entry.get("_type") in {"playlist", "multi_video"}:
            for inner in _entries(entry, room):
                room -= 1
                yield inner
            continue
        room -= 1
        yield {
            "link": _page(entry),
            "title": str(entry.get("title") or ""),
            "duration_s": _number(entry.get("duration")),
        }


def _page(entry: dict[str, Any]) -> str:
    link = str(entry.get("url") or entry.get("webpage_url") or "")
    if link.startswith("wistia:"):
        return f"https://fast.wistia.net/embed/iframe/{link.removeprefix('wistia:')}"
    if link and "/" not in link and str(entry.get("ie_key")) == "Youtube":
        return f"https://www.youtube.com/watch?v={link}"
    if "formats" in entry and entry.get("id"):
        return f"https://fast.wistia.net/embed/iframe/{entry['id']}"
    return link


def _tracks(info: dict[str, Any]) -> Iterator[Json]:
    """All caption tracks once, each in the format that tells the most."""
    for offered, by_machine in ((info.get("subtitles"), False), (info.get("automatic_captions"), True)):
        for name, formats in (offered or {}).items():
            track = _best_format(formats)
            again = by_machine and name.endswith("-orig")  # it stands under its language's own name as well
            if track is not None and not again and name not in NO_CAPTIONS:
                kind, language = _kind_of(name, track["url"], by_machine=by_machine)
                yield {"link": track["url"], "kind": kind, "language": language, "media_type": _format_of(track)}


def _kind_of(name: str, link: str, *, by_machine: bool) -> tuple[CaptionKind, str]:
    host = urlsplit(link).hostname or ""
    if host == "loom.com" or host.endswith(".loom.com"):
        return CaptionKind.AUTOMATIC, ""  # Loom hears its videos itself; yt-dlp calls every language English
    language = AUTOMATIC_TAG.sub("", name)
    if not by_machine and language == name:
        return CaptionKind.HUMAN, language
    return (CaptionKind.TRANSLATED if _is_translated(link) else CaptionKind.AUTOMATIC), language


def _is_translated(link: str) -> bool:
    return "tlang" in parse_qs(urlsplit(link).query)


def _heard_language(info: dict[str, Any]) -> str:
    names = [str(name) for name in info.get("automatic_captions") or {}]
    return next((name.removesuffix("-orig") for name in names if name.endswith("-orig")), "")


def _best_format(formats: list[dict[str, Any]]) -> dict[str, Any] | None:
    def rank(track: dict[str, Any]) -> tuple[bool, int]:
        return _is_translated(track["url"]), CAPTION_FORMATS.index(_format_of(track))

    usable = [each for each in formats or [] if _is_address(each.get("url")) and _format_of(each) in CAPTION_FORMATS]
    return min(usable, key=rank, default=None)


def _is_address(url: object) -> bool:
    try:
        return bool(urlsplit(str(url or "")).hostname)
    except ValueError:
        return False


def _format_of(track: dict[str, Any]) -> str:
    return str(track.get("ext") or urlsplit(str(track["url"])).path.rpartition(".")[2])


def _language(info: dict[str, Any]) -> str:
    by_preference = sorted(info.get("formats") or [], key=lambda each: -(each.get("language_preference") or -1))
    stated = [info.get("language"), _heard_language(info), *(each.get("language") for each in by_preference)]
    return primary_language(next((str(each) for each in stated if each), ""))


def _read(ydl: "yt_dlp.YoutubeDL", link: str) -> bytes | None:
    """The bytes behind a link of a site's own answer; None where it has expired."""
    from yt_dlp.networking.exceptions import HTTPError

    if urlsplit(link).scheme not in {"http", "https"}:
        return None
    try:
        with ydl.urlopen(link) as response:
            content: bytes = response.read(MOST_CAPTION_BYTES + 1)
    except HTTPError as error:
        if error.status in GONE:
            return None
        raise
    if len(content) > MOST_CAPTION_BYTES:
        raise UploadRefused("The captions of this video are too large to be captions.")
    return content or None


def _is_json3(link: str) -> bool:
    return parse_qs(urlsplit(link).query).get("fmt") == ["json3"]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < math.inf else None


def _whole(progress: dict[str, Any]) -> float:
    return float(progress.get("total_bytes") or progress.get("total_bytes_estimate") or 0)
