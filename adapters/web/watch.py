"""``GET /watch/{token}?t=SECONDS``: a source's recording and transcript at the cited sentence."""

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from adapters.web.pages import notice, page
from adapters.web.recordings import UNPLAYED, media_type, send
from adapters.web.signing import MOMENT, LinkExpired, LinkUnknown, SignedWatchLinks, WatchTarget
from core.library.links import deep_link
from core.library.media import MediaFiles, container_of
from core.library.transcript import LocatorKind
from core.library.watching import Paragraph, Transcripts, WatchedSource, paragraphs, sentence_at

EXPIRED: Final = "This link has expired: ask again in the chat, or type /history there, for a fresh one."
OWN_EXPIRED: Final = "This link has expired: type /watch in the chat for a fresh one; what you watched is kept."
UNKNOWN: Final = (
    "This link does not open anything. It may have been cut when it was copied, or the source was removed. "
    "Ask again in the chat for a fresh one."
)


@dataclass(frozen=True, slots=True)
class WatchPages:
    """The pages behind signed links."""

    links: SignedWatchLinks
    transcripts: Transcripts
    files: MediaFiles

    async def show(self, request: web.Request) -> web.Response:
        """The transcript beside its recording; words where the link is too old, not ours, or its source is gone."""
        token = request.match_info["token"]
        target = self._target(token)
        if isinstance(target, web.Response):
            return target
        source = await self.transcripts.transcript(target.creator_id, target.source_id)
        return unknown() if source is None else watch_page(source, f"/media/{token}", second_of(request))

    async def play(self, request: web.Request) -> web.StreamResponse:
        """The recording itself, for the page with the same token; it ends with the page's link."""
        target = self._target(request.match_info["token"])
        if isinstance(target, web.Response):
            return target
        key = await self.transcripts.recording(target.creator_id, target.source_id)
        return unknown() if key is None else await send(request, self.files, key)

    def _target(self, token: str) -> WatchTarget | web.Response:
        """What a token opens, or the page that says why it opens nothing."""
        try:
            return self.links.read(token)
        except LinkExpired:
            return notice(HTTPStatus.GONE, "This link has expired", EXPIRED)
        except LinkUnknown:
            return unknown()


def unknown() -> web.Response:
    """A link that opens nothing."""
    return notice(HTTPStatus.NOT_FOUND, "Nothing behind this link", UNKNOWN)


def watch_page(source: WatchedSource, media: str, at_s: float | None, own: "Own | None" = None) -> web.Response:
    """The page of a source, whose recording is at ``media``; ``own`` where it is a student's own."""
    marked = None if at_s is None or not source.timed else sentence_at(source.sentences, at_s)
    return page(
        "watch.html",
        source=source,
        paragraphs=paragraphs(source),
        place_of=_place_of,
        heading_of=_heading_of,
        player=_player(source, media, own.resume_s if own and at_s is None else at_s),
        chapters=source.chapters if source.timed else (),
        expired=EXPIRED if own is None else OWN_EXPIRED,
        own=own,
        marked=marked,
        moment=MOMENT,
        original=_original(source, at_s),
        at_s=None if marked is None else source.sentences[marked].start_s,
    )


@dataclass(frozen=True, slots=True)
class Own:
    """What a student's own page shows beside a source.

    Attributes:
        address: where its heartbeats go.
        state: how far the student is, as its script reads it.
        words: the same in words.
        public: the address to pass on to others, which earns nothing.
        resume_s: where they stopped.
    """

    address: str
    state: str
    words: str
    public: str
    resume_s: float | None


@dataclass(frozen=True, slots=True)
class Player:
    """How a page plays a recording: ``tag`` is empty where browsers cannot play its ``kind``."""

    tag: str
    kind: str
    address: str


def _player(source: WatchedSource, media: str, at_s: float | None) -> Player | None:
    if not source.media_key:
        return None
    kind, played_as = container_of(source.media_key), media_type(source.media_key)
    tag = "" if played_as == UNPLAYED else played_as.partition("/")[0]
    moment = "" if at_s is None else f"#t={at_s:g}"
    return Player(tag, kind, f"{media}{moment}")


def _place_of(source: WatchedSource, paragraph: Paragraph) -> str:
    """What stands beside a document's paragraph: its page or slide, else its number."""
    first = paragraph.sentences[0]
    if first.locator and source.locator_kind in {LocatorKind.PAGE, LocatorKind.SLIDE}:
        return f"{source.locator_kind.value} {first.locator}"
    return f"¶ {first.paragraph + 1}"


def _heading_of(source: WatchedSource, paragraph: Paragraph) -> str:
    """The heading that a document's paragraph stands under, empty where it has none."""
    return paragraph.sentences[0].locator if source.locator_kind is LocatorKind.HEADING else ""


def _original(source: WatchedSource, at_s: float | None) -> str:
    """The source's own address at the moment, where it has one; nothing but web addresses may be opened."""
    if not source.link.lower().startswith(("https://", "http://")):
        return ""
    moment = None if at_s is None or not source.timed or source.estimated else at_s
    return source.link if moment is None else deep_link(source.link, moment, source.duration_s or None) or source.link


def second_of(request: web.Request) -> float | None:
    """The second that an address asks for."""
    try:
        seconds = float(request.query.get("t", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
