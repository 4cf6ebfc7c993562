"""What a link leads to, told from the link itself where its site is known, else from what comes back."""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, urlencode

from adapters.sources.signatures import is_document, may_be_media
from core.errors import UploadRefused
from core.library.origins import LinkKind
from core.library.sites import DRIVE_FILE, GOOGLE_DOCUMENT, site_kind, split_link

_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
GOOGLE_EXPORT: Final = {"document": "export?format=docx", "presentation": "export/pptx"}
DRIVE_HOSTS: Final = frozenset({"drive.google.com", "drive.usercontent.google.com"})
DROPBOX_HOSTS: Final = frozenset({"dropbox.com", "www.dropbox.com"})
ONEDRIVE_SHORT: Final = frozenset({"1drv.ms"})
ONEDRIVE_HOSTS: Final = frozenset({"onedrive.live.com"})
SHAREPOINT: Final = re.compile(r"[a-z0-9-]+(?:-my)?\.sharepoint\.com")

FEED_TYPES: Final = frozenset({"application/rss+xml", "application/atom+xml", "application/rdf+xml"})
XML_TYPES: Final = frozenset({"application/xml", "text/xml"})
PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
DOCUMENT_TYPES: Final = re.compile(
    r"text/.*|application/(?:pdf|msword|json|x-subrip|vnd\.openxmlformats-officedocument\..*|vnd\.ms-powerpoint|x-ndjson)"
)
MEDIA_TYPES: Final = re.compile(r"(?:video|audio)/.*|application/(?:ogg|x-matroska|mp4)")
FEED_START: Final = re.compile(rb"<(?:rss|feed|rdf:RDF)[\s>]")
PAGE_START: Final = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
CAPTION_STARTS: Final = (b"WEBVTT", b"\xef\xbb\xbfWEBVTT")
NEVER_MEDIA: Final = ("image/", "font/")


def classify(link: str, media_type: str, first_bytes: bytes) -> LinkKind:
    """Tell what is behind a link.

    Args:
        link: where its redirects end.
        media_type: what its server calls it, without parameters; often wrong, so that the content counts first.
        first_bytes: how it begins; a few hundred bytes are enough.

    Raises:
        UploadRefused: it is nothing that words can be had from.
    """
    named = site_kind(link)
    if named is not None:
        return named
    told = media_type.partition(";")[0].strip().casefold()
    kind = _kind_of_content(first_bytes, told) or _kind_of_type(told)
    if kind is None or (kind is LinkKind.DOCUMENT and told.startswith("image/")):
        what = told or "a file of an unknown kind"
        raise UploadRefused(f"Behind this link is {what}. A video, recording, feed, web page or document would work.")
    return kind


def _kind_of_content(first_bytes: bytes, told: str) -> LinkKind | None:
    start = first_bytes.lstrip()
    if is_document(first_bytes) or start.startswith(CAPTION_STARTS):
        return LinkKind.DOCUMENT
    if may_be_media(first_bytes) and not told.startswith(NEVER_MEDIA):
        return LinkKind.MEDIA
    if FEED_START.search(first_bytes) and (told in XML_TYPES or start.startswith((b"<", b"\xef\xbb\xbf<"))):
        return LinkKind.ARTICLE if PAGE_START.match(start) else LinkKind.FEED
    if PAGE_START.search(first_bytes):
        return LinkKind.ARTICLE
    return None


def _kind_of_type(told: str) -> LinkKind | None:
    if told in FEED_TYPES:
        return LinkKind.FEED
    if told in PAGE_TYPES:
        return LinkKind.ARTICLE
    if MEDIA_TYPES.fullmatch(told):
        return LinkKind.MEDIA
    return LinkKind.DOCUMENT if DOCUMENT_TYPES.fullmatch(told) and told not in XML_TYPES else None


def direct_link(link: str) -> str:
    """Turn a link that shows a shared document in Google's, Dropbox's or Microsoft's pages into one to its file.

    Any other link comes back as it is. Documents of Google's own are asked for as DOCX and PPTX.
    """
    url = split_link(link)
    if url is None:
        return link
    host = _host(url)
    if host == "docs.google.com" and (match := GOOGLE_DOCUMENT.fullmatch(url.path)):
        return f"https://docs.google.com/{match['kind']}/d/{match['id']}/{GOOGLE_EXPORT[match['kind']]}"
    if host in DRIVE_HOSTS and (file_id := _drive_id(url)):
        return _drive_download(url, file_id)
    if host in DROPBOX_HOSTS and url.path.startswith(("/s/", "/scl/fi/")):
        return url._replace(query=_query(url, {"dl": "1"}), fragment="").geturl()
    if host in ONEDRIVE_SHORT or host in ONEDRIVE_HOSTS or SHAREPOINT.fullmatch(host):
        return _microsoft_download(url, host)
    return link


def _drive_id(url: SplitResult) -> str:
    if match := DRIVE_FILE.fullmatch(url.path):
        return match["id"]
    given = parse_qs(url.query).get("id", [""])[0] if url.path in {"/open", "/uc", "/download"} else ""
    return given if _ID.fullmatch(given) else ""


def _drive_download(url: SplitResult, file_id: str) -> str:
    # Large files answer with a page that warns of viruses unknown, unless it is confirmed beforehand.
    asked = {"id": file_id, "export": "download", "confirm": "t"}
    key = parse_qs(url.query).get("resourcekey", [""])[0]
    query = urlencode({**asked, "resourcekey": key} if key else asked)
    return f"https://drive.usercontent.google.com/download?{query}"


def _microsoft_download(url: SplitResult, host: str) -> str:
    if host in ONEDRIVE_HOSTS and url.path.startswith(("/embed", "/redir", "/download")):
        return url._replace(path="/download", fragment="").geturl()
    if host in ONEDRIVE_HOSTS and not parse_qs(url.query).get("resid"):
        return url.geturl()
    return url._replace(query=_query(url, {"download": "1"}), fragment="").geturl()


def _query(url: SplitResult, changes: dict[str, str]) -> str:
    """The query with some of its parameters set and all others left exactly as they are."""
    kept = [part for part in url.query.split("&") if part and part.partition("=")[0] not in changes]
    return "&".join([*kept, *(f"{name}={quote(value)}" for name, value in changes.items())])


def _host(url: SplitResult) -> str:
    return (url.hostname or "").casefold()
