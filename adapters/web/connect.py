"""``GET /whop/connect`` and ``/whop/callback``: a person shows which account at Whop is theirs, and comes back.

Whoever opens a link that somebody else was given is told whom it would be linked with; and only the browser that was
told so may come back. What belongs to a visit is made from its secret, so that nothing of it is kept.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from adapters.web.pages import notice, page
from core.errors import ProviderError, Refused
from core.members.linking import VISIT_LIFE, AccountProof, Linking

log = structlog.get_logger()

COOKIE: Final = "chronos_link"
AGAIN: Final = " Type /link provider:whop in the chat for a new link."
TOO_OLD: Final = "This link was used or is too old." + AGAIN
ELSEWHERE: Final = (
    "Please open the link from the chat again and stay in the same browser until Whop has sent you back."
)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ConnectPages:
    """The way to the seller and back; ``key`` is the deployment's."""

    linking: Linking
    proof: AccountProof
    key: str
    now: Callable[[], datetime] = _now

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Say whom it would be linked with; then, for the browser that was told, go on to the seller."""
        state = request.query.get("state", "")
        visit = await self.linking.accounts.visit(state, self.now())
        if visit is None:
            return notice(HTTPStatus.GONE, "This link does not work any more", TOO_OLD)
        if "yes" in request.query and hmac.compare_digest(request.cookies.get(COOKIE, ""), self._mark(state)):
            raise web.HTTPFound(
                self.proof.address(
                    state=state, nonce=self._made(state, "nonce"), challenge=self._challenge(state),
                    return_to=self.linking.way_back,
                )
            )  # fmt: skip
        response = page("connect.html", account=visit.account.shown, onward=f"/whop/connect?state={state}&yes=1")
        response.set_cookie(
            COOKIE, self._mark(state), max_age=int(VISIT_LIFE.total_seconds()), path="/whop", httponly=True,
            samesite="Lax", secure=self.linking.public_url.startswith("https://"),
        )  # fmt: skip
        return response

    async def callback(self, request: web.Request) -> web.Response:
        """Finish a visit; whatever went wrong is said in words."""
        state = request.query.get("state", "")
        if not hmac.compare_digest(request.cookies.get(COOKIE, ""), self._mark(state)):
            return notice(HTTPStatus.FORBIDDEN, "Not linked", ELSEWHERE)
        if "code" not in request.query:
            words = f"Whop says: {request.query.get('error', 'nothing')[:60]}. Nothing was linked." + AGAIN
            return notice(HTTPStatus.FORBIDDEN, "Not linked", words)
        try:
            return await self._finished(state, request.query["code"])
        except Refused as error:
            return notice(HTTPStatus.CONFLICT, "Not linked", str(error))
        except ProviderError as error:
            log.warning("an account could not be linked", reason=str(error))
            words = "Whop does not answer as it should. Please open the link from the chat again in a few minutes."
            return notice(HTTPStatus.BAD_GATEWAY, "Not linked", words)

    async def _finished(self, state: str, code: str) -> web.Response:
        if await self.linking.accounts.visit(state, self.now()) is None:
            return notice(HTTPStatus.GONE, "This link does not work any more", TOO_OLD)
        account = await self.proof.account(
            code=code, verifier=self._made(state, "verifier"), return_to=self.linking.way_back,
            nonce=self._made(state, "nonce"),
        )  # fmt: skip
        await self.linking.arrived(state, account, self.now())
        named = f" ({account.name})" if account.name else ""
        words = f"Your Whop account{named} is linked. You can close this page and go back to the chat."
        response = notice(HTTPStatus.OK, "Done", words)
        response.del_cookie(COOKIE, path="/whop")
        return response

    def _challenge(self, state: str) -> str:
        return _text(hashlib.sha256(self._made(state, "verifier").encode()).digest())

    def _mark(self, state: str) -> str:
        return self._made(state, "browser")

    def _made(self, state: str, purpose: str) -> str:
        return _text(hmac.digest(self.key.encode(), f"{purpose} of {state}".encode(), "sha256"))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
