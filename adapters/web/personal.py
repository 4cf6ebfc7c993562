"""``/watch/own/{token}``: a student's own page of a recording, which counts what has played."""

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from adapters.web.pages import notice
from adapters.web.recordings import send
from adapters.web.signing import LinkExpired, LinkUnknown, PersonalWatchLinks, SignedWatchLinks
from adapters.web.watch import OWN_EXPIRED, Own, second_of, unknown, watch_page
from core.errors import Refused
from core.ids import CreatorId
from core.library.media import MediaFiles
from core.library.watching import Transcripts
from core.rewards.telling import progress_words
from core.rewards.watching import FASTEST, LEAST_APART_S, Beaten, Heard, Progress, Stretch, Viewer, Watching, missing

LONGEST_BEAT_BYTES: Final = 4096
MOST_PLAYED: Final = 16
LONGEST_S: Final = 48 * 3600.0
NOT_A_BEAT: Final = "That is no heartbeat of this page. Load the page again."
_FAILED: Final = {
    Heard.TOO_SOON: (HTTPStatus.TOO_MANY_REQUESTS, "Too soon after the one before."),
    Heard.TOO_FAST: (HTTPStatus.UNPROCESSABLE_ENTITY, "That is faster than it can have played; it does not count."),
    Heard.STALE: (HTTPStatus.CONFLICT, "That was counted already, or out of order."),
    Heard.ELSEWHERE: (
        HTTPStatus.CONFLICT,
        "You are watching this in another window, which counts. Press play here to go on here.",
    ),
}


class NotABeat(Exception):
    """What came in is no heartbeat."""


@dataclass(frozen=True, slots=True)
class PersonalPages:
    """The pages behind personal links; a link is all that its holder needs, so there are no cookies.

    ``amount_for`` says what watching to the end earns with a creator; ``now`` is the clock.
    """

    links: PersonalWatchLinks
    public_links: SignedWatchLinks
    transcripts: Transcripts
    files: MediaFiles
    watching: Watching
    amount_for: Callable[[CreatorId], Awaitable[int]]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def show(self, request: web.Request) -> web.Response:
        """The recording with how far the student is; words where they may not see it (any longer)."""
        token = request.match_info["token"]
        viewer = self._viewer(token)
        if isinstance(viewer, web.Response):
            return viewer
        try:
            progress = await self.watching.progress(viewer)
        except Refused as error:
            return notice(HTTPStatus.FORBIDDEN, "Not open to you now", str(error))
        source = await self.transcripts.transcript(viewer.creator_id, viewer.source_id)
        if source is None:
            return unknown()
        own = self._own(viewer, token, progress, await self._amount(viewer))
        return watch_page(source, f"/media/own/{token}", second_of(request), own)

    async def play(self, request: web.Request) -> web.StreamResponse:
        """The recording itself; it ends with the link, the enrolment and the tier."""
        viewer = self._viewer(request.match_info["token"])
        if isinstance(viewer, web.Response):
            return viewer
        try:
            await self.watching.progress(viewer)
        except Refused as error:
            return notice(HTTPStatus.FORBIDDEN, "Not open to you now", str(error))
        key = await self.transcripts.recording(viewer.creator_id, viewer.source_id)
        return unknown() if key is None else await send(request, self.files, key)

    async def look(self, request: web.Request) -> web.Response:
        """How far the student is, as JSON."""
        viewer = self._viewer(request.match_info["token"])
        if isinstance(viewer, web.Response):
            return _refused(HTTPStatus(viewer.status), OWN_EXPIRED)
        try:
            return web.json_response(await self._state(viewer, await self.watching.progress(viewer)))
        except Refused as error:
            return _refused(HTTPStatus.FORBIDDEN, str(error))

    async def beat(self, request: web.Request) -> web.Response:
        """Take ``{"begin": true}`` or a heartbeat, and answer with how far the student is and the next ticket."""
        viewer = self._viewer(request.match_info["token"])
        if isinstance(viewer, web.Response):
            return _refused(HTTPStatus(viewer.status), OWN_EXPIRED)
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return _refused(HTTPStatus.FORBIDDEN, "Only the page itself counts.")
        try:
            return await self._answer(viewer, await self._heard(viewer, await _body(request)))
        except NotABeat as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error) or NOT_A_BEAT)
        except Refused as error:
            return _refused(HTTPStatus.FORBIDDEN, str(error))

    async def _heard(self, viewer: Viewer, body: dict[str, Any]) -> Beaten:
        if body.get("begin") is True:
            return await self.watching.begin(viewer, self.now())
        session = self.links.session(viewer, str(body.get("ticket")))
        if session is None:
            raise NotABeat
        return await self.watching.beat(viewer, session, _played(body), self.now())

    async def _answer(self, viewer: Viewer, beaten: Beaten) -> web.Response:
        state = await self._state(viewer, beaten.progress)
        if beaten.heard is Heard.COUNTED:
            return web.json_response(state | {"ticket": self.links.ticket(viewer, beaten.session)})
        status, words = _FAILED[beaten.heard]
        answer = state | {"error": words, "heard": beaten.heard.value}
        headers = {"Retry-After": f"{LEAST_APART_S:.0f}"} if beaten.heard is Heard.TOO_SOON else {}
        return web.json_response(answer, status=status, headers=headers)

    def _viewer(self, token: str) -> Viewer | web.Response:
        try:
            return self.links.read(token)
        except LinkExpired:
            return notice(HTTPStatus.GONE, "This link has expired", OWN_EXPIRED)
        except LinkUnknown:
            return unknown()

    def _own(self, viewer: Viewer, token: str, progress: Progress, amount: int) -> Own:
        left = progress.duration_s - progress.position_s
        return Own(
            f"/watch/own/{token}",
            json.dumps(_state(progress, amount)),
            progress_words(progress, amount),
            self.public_links.link(viewer.creator_id, viewer.source_id, None),
            progress.position_s if progress.position_s and left > LEAST_APART_S else None,
        )

    async def _amount(self, viewer: Viewer) -> int:
        return 0 if viewer.staff else await self.amount_for(viewer.creator_id)

    async def _state(self, viewer: Viewer, progress: Progress) -> dict[str, Any]:
        return _state(progress, await self._amount(viewer))


def _state(progress: Progress, amount: int) -> dict[str, Any]:
    """How far somebody is, as the page's script reads it."""
    return {
        "words": progress_words(progress, amount),
        "duration": progress.duration_s,
        "covered": [[round(each.start_s, 2), round(each.end_s, 2)] for each in progress.covered],
        "missing": [[round(each.start_s, 2), round(each.end_s, 2)] for each in missing(progress)],
        "done": progress.done_at is not None,
        "settled": progress.verdict is not None,
    }


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON object that came in.

    Raises:
        NotABeat: it is something else, or too large.
    """
    if request.content_type != "application/json":
        raise NotABeat("Only JSON is understood here.")
    text = await request.content.read(LONGEST_BEAT_BYTES + 1)
    while len(text) <= LONGEST_BEAT_BYTES and (piece := await request.content.read(LONGEST_BEAT_BYTES)):
        text += piece
    try:
        body = json.loads(text) if len(text) <= LONGEST_BEAT_BYTES else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise NotABeat
    return body


def _played(body: dict[str, Any]) -> list[Stretch]:
    """What has played since the heartbeat before, in order.

    Raises:
        NotABeat: these are no stretches of a recording, or it played too fast.
    """
    rate, played = body.get("rate", 1), body.get("played")
    if not _is_number(rate) or rate <= 0 or not isinstance(played, list) or len(played) > MOST_PLAYED:
        raise NotABeat
    if rate > FASTEST:
        raise NotABeat(f"Only up to {FASTEST:.0f}x counts.")
    stretches = [_stretch(each) for each in played]
    return [each for each in stretches if each.length_s > 0]


def _stretch(pair: object) -> Stretch:
    if not isinstance(pair, list) or len(pair) != 2 or not all(_is_number(edge) for edge in pair):
        raise NotABeat
    start_s, end_s = float(pair[0]), float(pair[1])
    if not 0 <= start_s <= end_s <= LONGEST_S:
        raise NotABeat
    return Stretch(start_s, end_s)


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 and math.isfinite(value)
    )


def _refused(status: HTTPStatus, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)
