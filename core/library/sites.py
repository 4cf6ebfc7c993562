"""Addresses on sites that are known: what a link there shows, and the one form of each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from core.library.origins import LinkKind

_ID: Final = r"[A-Za-z0-9_-]+"
YOUTUBE: Final = re.compile(r"(?:(?:www|m|music)\.)?youtube(?:-nocookie)?\.com")
YOUTUBE_SHORT: Final = re.compile(r"(?:www\.)?youtu\.be")
VIMEO: Final = re.compile(r"(?:www\.|player\.)?vimeo\.com")
LOOM: Final = re.compile(r"(?:www\.)?loom\.com")
WISTIA: Final = re.compile(r"(?:[a-z0-9-]+\.)*wistia\.(?:com|net)")
DRIVE: Final = re.compile(r"drive\.google\.com")
GOOGLE_DOCS: Final = re.compile(r"docs\.google\.com")
DROPBOX: Final = re.compile(r"(?:www\.)?dropbox\.com")
YOUTUBE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
VIMEO_HASH: Final = re.compile(r"[0-9A-Fa-f]{4,64}")
# Names below /embed/ that are players of something else than one video.
NO_VIDEO: Final = frozenset({"videoseries", "live_stream"})
DRIVE_FILE: Final = re.compile(rf"/file/(?:u/[0-9]+/)?d/(?P<id>{_ID})(?:/.*)?")
# What is published to the web has an address below /d/e/, and is a page.
GOOGLE_DOCUMENT: Final = re.compile(rf"/(?P<kind>document|presentation)/(?:u/[0-9]+/)?d/(?!e/)(?P<id>{_ID})(?:/.*)?")

Said = Mapping[str, str]
"""What a link says: the named parts of its path, and its query."""


def _watch(said: Said) -> str:
    video_id = said.get("id") or said.get("v", "")
    known = YOUTUBE_ID.fullmatch(video_id) and video_id not in NO_VIDEO
    return f"https://www.youtube.com/watch?v={video_id}" if known else ""


def _youtube_list(said: Said) -> str:
    return f"https://www.youtube.com/playlist?list={quote(said['list'])}" if said.get("list") else ""


def _vimeo_video(said: Said) -> str:
    unlisted = _vimeo_hash(said)
    return f"https://vimeo.com/{said['id']}{f'/{unlisted}' if unlisted else ''}"


def _vimeo_player(said: Said) -> str:  # vimeo.com itself asks for a login
    unlisted = _vimeo_hash(said)
    return f"https://player.vimeo.com/video/{said['id']}{f'?h={unlisted}' if unlisted else ''}"


def _vimeo_hash(said: Said) -> str:
    """What opens an unlisted video."""
    unlisted = said.get("hash") or said.get("h", "")
    return unlisted if VIMEO_HASH.fullmatch(unlisted) else ""


def _drive_file(said: Said) -> str:
    key = said.get("resourcekey", "")
    return f"https://drive.google.com/file/d/{said['id']}/view{f'?resourcekey={quote(key)}' if key else ''}"


def _dropbox_file(said: Said) -> str:
    key = said.get("rlkey", "")
    return f"https://www.dropbox.com{said['path']}{f'?rlkey={quote(key)}' if key else ''}"


def _form(template: str) -> Callable[[Said], str]:
    return template.format_map


@dataclass(frozen=True, slots=True)
class _Address:
    """One kind of address: ``page`` is its one form, ``player`` the one that the site's player has."""

    host: re.Pattern[str]
    path: re.Pattern[str]
    kind: LinkKind | None
    page: Callable[[Said], str]
    player: Callable[[Said], str] | None = None


# The first that fits tells.
ADDRESSES: Final = (
    _Address(YOUTUBE_SHORT, re.compile(rf"/(?P<id>{_ID})/?"), LinkKind.VIDEO, _watch),
    _Address(YOUTUBE, re.compile(r"/embed/videoseries/?|/playlist/?"), LinkKind.PLAYLIST, _youtube_list),
    _Address(YOUTUBE, re.compile(rf"/watch/?|/(?:shorts|live|embed|v)/(?P<id>{_ID})/?"), LinkKind.VIDEO, _watch),
    _Address(
        YOUTUBE, re.compile(r"/(?P<name>(?:@|channel/|c/|user/)[^/]+)(?:/(?:featured|videos)?)?"), LinkKind.CHANNEL,
        _form("https://www.youtube.com/{name}"),
    ),
    _Address(
        YOUTUBE, re.compile(r"/(?P<name>(?:@|channel/|c/|user/)[^/]+/(?:streams|shorts))"), LinkKind.CHANNEL,
        _form("https://www.youtube.com/{name}"),
    ),
    _Address(
        VIMEO, re.compile(r"/(?P<name>(?:channels|groups|album|showcase)/[^/]+)/?"), LinkKind.PLAYLIST,
        _form("https://vimeo.com/{name}"),
    ),
    _Address(
        VIMEO, re.compile(r"/(?P<id>[0-9]+)(?:/(?P<hash>[0-9A-Za-z]+))?/?"), LinkKind.VIDEO, _vimeo_video,
        _vimeo_player,
    ),
    _Address(
        VIMEO, re.compile(r"/(?:[\w-]+/)+(?P<id>[0-9]+)(?:/(?P<hash>[0-9]*[A-Za-z][0-9A-Za-z]*))?/?", re.ASCII),
        LinkKind.VIDEO, _vimeo_video, _vimeo_player,
    ),
    _Address(
        VIMEO, re.compile(r"/(?P<name>[A-Za-z][\w-]*)(?:/videos)?/?", re.ASCII), LinkKind.CHANNEL,
        _form("https://vimeo.com/{name}"),
    ),
    _Address(
        LOOM, re.compile(r"/(?:share|embed)/(?:[\w-]+-)?(?P<id>[0-9a-f]{32})/?"), LinkKind.VIDEO,
        _form("https://www.loom.com/share/{id}"),
    ),
    _Address(
        WISTIA, re.compile(r"/(?:embed/)?(?:medias|iframe)/(?P<id>[a-z0-9]{10})(?:\.json)?/?"), LinkKind.VIDEO,
        _form("https://fast.wistia.net/embed/iframe/{id}"), _form("https://fast.wistia.net/embed/medias/{id}"),
    ),
    _Address(
        WISTIA, re.compile(r"/(?:embed/)?playlists/(?P<id>[a-z0-9]{10})/?"), LinkKind.PLAYLIST,
        _form("https://fast.wistia.net/embed/playlists/{id}"),
    ),
    _Address(
        WISTIA, re.compile(r"/(?:embed/)?channel/(?P<id>[a-z0-9]{10})/?"), LinkKind.CHANNEL,
        _form("https://fast.wistia.net/embed/channel/{id}"),
    ),
    _Address(DRIVE, DRIVE_FILE, None, _drive_file),
    _Address(GOOGLE_DOCS, GOOGLE_DOCUMENT, None, _form("https://docs.google.com/{kind}/d/{id}/edit")),
    _Address(DROPBOX, re.compile(r"(?P<path>/(?:s|scl/fi)/.+)"), None, _dropbox_file),
)  # fmt: skip


def site_kind(link: str) -> LinkKind | None:
    """Tell what a link to a site of videos shows: YouTube, Vimeo, Loom, Wistia; None for any other link."""
    url = split_link(link)
    found = None if url is None else _address(url)
    return found[0].kind if found else None


def plain_title(link: str) -> str:
    """What a link is called until it is read: its query may hold a key, except where it names a video."""
    url = split_link(link)
    return link if url is None or site_kind(link) is not None else url._replace(query="", fragment="").geturl()


def known_form(url: SplitResult) -> str:
    """The one form of an address on a known site; empty for any other address."""
    found = _address(url)
    return found[0].page(found[1]) if found else ""


def player_link(link: str) -> str:
    """The same video where its site shows it to everybody; any other link as it is."""
    url = split_link(link)
    found = None if url is None else _address(url)
    return found[0].player(found[1]) if found and found[0].player else link


def youtube_id(url: SplitResult) -> str:
    """The id of the one video that a YouTube link shows, or an empty text."""
    found = _address(url)
    return found[0].page(found[1]).rpartition("=")[2] if found and found[0].page is _watch else ""


def split_link(link: str) -> SplitResult | None:
    """The parts of a link; None where it is no web address."""
    try:
        url = urlsplit(link.strip())
        known = url.scheme in {"http", "https"} and bool(url.hostname)
    except ValueError:
        return None
    return url if known else None


def _address(url: SplitResult) -> tuple[_Address, Said] | None:
    host = (url.hostname or "").casefold()
    for address in ADDRESSES:
        if address.host.fullmatch(host) and (match := address.path.fullmatch(url.path)):
            named = {name: value for name, value in match.groupdict().items() if value}
            return address, {**dict(parse_qsl(url.query)), **named}
    return None
