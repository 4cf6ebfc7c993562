"""``GET /watch/{token}?t=SECONDS``: a source's transcript at the cited sentence."""

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from adapters.web.pages import notice, page
from adapters.web.signing import MOMENT, LinkExpired, LinkUnknown, SignedWatchLinks
from core.library.links import deep_link
from core.library.watching import Transcripts, WatchedSource, paragraphs, sentence_at

EXPIRED: Final = "This link has expired: ask again in the chat, or type /history there, for a fresh one."
UNKNOWN: Final = (
    "This link does not open anything. It may have been cut when it was copied, or the source was removed. "
    "Ask again in the chat for a fresh one."
)


@dataclass(frozen=True, slots=True)
class WatchPages:
    """The pages behind signed links."""

    links: SignedWatchLinks
    transcripts: Transcripts

    async def show(self, request: web.Request) -> web.Response:
        """The transcript; words where the link is too old, not ours, or its source is gone."""
        try:
            target = self.links.read(request.match_info["token"])
        except LinkExpired:
            return notice(HTTPStatus.GONE, "This link has expired", EXPIRED)
        except LinkUnknown:
            return _unknown()
        source = await self.transcripts.transcript(target.creator_id, target.source_id)
        return _unknown() if source is None else _transcript(source, _seconds(request.query.get("t", "")))


def _unknown() -> web.Response:
    return notice(HTTPStatus.NOT_FOUND, "Nothing behind this link", UNKNOWN)


def _transcript(source: WatchedSource, at_s: float | None) -> web.Response:
    marked = None if at_s is None or not source.timed else sentence_at(source.sentences, at_s)
    return page(
        "watch.html",
        source=source,
        paragraphs=paragraphs(source),
        marked=marked,
        moment=MOMENT,
        original=_original(source, at_s),
        at_s=None if marked is None else source.sentences[marked].start_s,
    )


def _original(source: WatchedSource, at_s: float | None) -> str:
    """The source's own address at the moment, where it has one; nothing but web addresses may be opened."""
    if not source.link.lower().startswith(("https://", "http://")):
        return ""
    moment = None if at_s is None or not source.timed or source.estimated else at_s
    return source.link if moment is None else deep_link(source.link, moment, source.duration_s or None) or source.link


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
