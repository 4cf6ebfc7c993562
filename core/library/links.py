"""Links to a source, and to a very second of it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from core.errors import UploadRefused
from core.library.sites import DRIVE, LOOM, VIMEO, WISTIA, known_form, youtube_id

MAX_LINK_CHARS: Final = 2_000
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# What cannot stand in a link, or would let it show as another one.
FORBIDDEN: Final = re.compile(
    r"[\s\0-\x20\x7f-\x9f\\\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
HOST: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:.]+\]")
KEPT_IN_PATH: Final = "/%:@!$&'()*+,;=~-._"
KEPT_IN_QUERY: Final = KEPT_IN_PATH + "?[]"

_ID: Final = r"[A-Za-z0-9_-]{1,64}"
YOUTUBE_TIMES: Final = frozenset({"t", "start", "time_continue"})
# What campaigns and share buttons add, which says who followed a link and not where it leads.
TRACKING: Final = re.compile(
    r"utm_\w+|fbclid|gclid|gbraid|wbraid|dclid|msclkid|twclid|ttclid|yclid|igshid|igsh|mc_[ce]id|_hs(?:enc|mi)|mkt_tok"
)
# A signature holds for the query as it is.
SIGNED: Final = re.compile(r"(?:^|[&-])(?:signature|sig|hmac|hash)=", re.IGNORECASE)
# Some pages live behind a fragment of this form.
ROUTE: Final = ("/", "!")


@dataclass(frozen=True, slots=True)
class _Site:
    """How one site writes a moment: ``name=moment`` in the query, or alone in the fragment."""

    host: re.Pattern[str]
    path: re.Pattern[str]
    name: str
    moment: Callable[[int], str] = str
    in_fragment: bool = False

    def matches(self, url: SplitResult) -> bool:
        return bool(self.host.fullmatch(_host(url)) and self.path.fullmatch(url.path))


def _plain_s(second: int) -> str:
    return f"{second}s"


def _hours_minutes_s(second: int) -> str:
    return f"{second // 3600}h{second // 60 % 60}m{second % 60}s"


MEDIA_PATH: Final = re.compile(r"/.*\.(?:mp4|webm|mov|m4v|mkv|mp3|m4a|wav|ogg|opus|flac|m3u8)", re.IGNORECASE)
SITES: Final = (
    _Site(
        VIMEO,
        re.compile(r"/(?:[\w-]+/)*[0-9]+(?:/[0-9A-Za-z]+)?/?", re.ASCII),
        "t",
        _plain_s,
        in_fragment=True,
    ),
    _Site(LOOM, re.compile(rf"/(?:share|embed)/{_ID}/?"), "t"),
    _Site(
        WISTIA,
        re.compile(rf"/(?:medias|embed/(?:iframe|medias))/{_ID}/?"),
        "wtime",
    ),
    _Site(DRIVE, re.compile(r"/file/(?:u/[0-9]+/)?d/[^/]+(?:/[a-z]*)?|/open"), "t"),
    _Site(re.compile(r"(?:(?:www|m)\.)?twitch\.tv"), re.compile(r"/videos/[0-9]+/?"), "t", _hours_minutes_s),
    _Site(re.compile(r"(?:www\.)?dailymotion\.com"), re.compile(rf"/(?:embed/)?video/{_ID}/?"), "start"),
    _Site(re.compile(r"dai\.ly"), re.compile(rf"/{_ID}/?"), "start"),
    _Site(re.compile(r".*"), MEDIA_PATH, "t", in_fragment=True),
)


def canonical_link(link: str) -> str:
    """Return the one form of a link by which the same source is known again, without any moment in it.

    Raises:
        UploadRefused: not a plain http or https link of at most 2,000 characters.
    """
    url = _checked(link)
    canonical = known_form(url) or _general_form(_without_moment(url))
    if len(canonical) > MAX_LINK_CHARS:
        raise _too_long()
    return canonical


def former_link(link: str) -> str:
    """The canonical form that links had before forms of one page were brought together; see ``canonical_link``."""
    url = _checked(link)
    video_id = youtube_id(url)
    return f"https://www.youtube.com/watch?v={video_id}" if video_id else _without_moment(url).geturl()


def _without_moment(url: SplitResult) -> SplitResult:
    site = _site(url)
    if site is None:
        return url
    query = url.query if site.in_fragment else _without(url.query, {site.name})
    return url._replace(query=query, fragment=_without(url.fragment, {site.name}))


def _general_form(url: SplitResult) -> str:
    """Without what does not change where a link leads: its place in the page, and who followed it."""
    fragment = url.fragment if url.fragment.startswith(ROUTE) else ""
    query = url.query if SIGNED.search(url.query) else _untracked(url.query)
    return url._replace(query=query, fragment=fragment).geturl()


def _untracked(query: str) -> str:
    return "&".join(part for part in query.split("&") if not TRACKING.fullmatch(part.partition("=")[0]))


def deep_link(link: str, start_s: float, duration_s: float | None = None) -> str | None:
    """Return ``link`` opening at the second of ``start_s``, or None where the site has no known way to say it.

    Args:
        link: a link to a video or recording; its own moment, if it has one, is replaced.
        start_s: seconds from the start; rounded down, never below 0.
        duration_s: length of the source in seconds, past which no link points; None when unknown.
    """
    try:
        url = _checked(link)
    except UploadRefused:
        return None
    second = _second(start_s, duration_s)
    if video_id := youtube_id(url):
        return _youtube_moment(url, video_id, second)
    site = _site(url)
    if site is None:
        return None
    moment = f"{site.name}={site.moment(second)}"
    if site.in_fragment:
        return url._replace(fragment=moment).geturl()
    query = _with(_without(url.query, {site.name}), moment)
    return url._replace(query=query).geturl()


def _checked(link: str) -> SplitResult:
    """Split a link into lower-case scheme and host, an ASCII path, query and fragment."""
    link = link.strip()
    if len(link) > MAX_LINK_CHARS:
        raise _too_long()
    if FORBIDDEN.search(link):
        raise UploadRefused("The link holds spaces or invisible characters. Copy it again from the address bar.")
    try:
        url = urlsplit(link)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise UploadRefused("The link cannot be read. Copy it again from the address bar.") from error
    if url.scheme not in DEFAULT_PORTS or not host:
        raise UploadRefused("The link must be a web address that starts with https:// or http://.")
    if "@" in url.netloc:
        raise UploadRefused("The link holds a user name or password. Remove the part before the @.")
    shown_port = "" if port is None or port == DEFAULT_PORTS[url.scheme] else f":{port}"
    return SplitResult(
        url.scheme,
        _ascii_host(host) + shown_port,
        quote(url.path, safe=KEPT_IN_PATH) or "/",
        quote(url.query, safe=KEPT_IN_QUERY),
        quote(url.fragment, safe=KEPT_IN_QUERY),
    )


def _ascii_host(host: str) -> str:
    host = f"[{host}]" if ":" in host else host
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_host = ""
    if not HOST.fullmatch(ascii_host):
        raise UploadRefused("The link's server name is not valid. Copy it again from the address bar.")
    return ascii_host


def _too_long() -> UploadRefused:
    return UploadRefused(f"The link is longer than {MAX_LINK_CHARS:,} characters. Use the short link of the video.")


def _host(url: SplitResult) -> str:
    return url.netloc.rpartition(":")[0] if re.search(r":[0-9]+$", url.netloc) else url.netloc


def _site(url: SplitResult) -> _Site | None:
    return next((site for site in SITES if site.matches(url)), None)


def _youtube_moment(url: SplitResult, video_id: str, second: int) -> str:
    query = _without(url.query, YOUTUBE_TIMES)
    fragment = _without(url.fragment, {"t"})
    kept = url._replace(fragment=fragment)
    if url.path.startswith(("/embed/", "/v/")):
        return kept._replace(query=_with(query, f"start={second}")).geturl()
    if url.path.startswith(("/shorts/", "/live/")):
        # The players of these pages ignore a moment; the same video's ordinary page does not.
        query = _with(f"v={video_id}", _without(query, {"v"}))
        kept = kept._replace(path="/watch")
    return kept._replace(query=_with(query, f"t={second}")).geturl()


def _without(query: str, names: frozenset[str] | set[str]) -> str:
    """Drop the named parameters and leave all others exactly as they are."""
    return "&".join(part for part in query.split("&") if part.partition("=")[0] not in names)


def _with(query: str, parameter: str) -> str:
    return "&".join(part for part in (query, parameter) if part)


def _second(start_s: float, duration_s: float | None) -> int:
    latest_s = duration_s if duration_s is not None and math.isfinite(duration_s) else math.inf
    second = max(0.0, min(start_s, latest_s))
    return int(second) if math.isfinite(second) else 0
