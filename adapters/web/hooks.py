"""``POST /hooks/{provider}``: what other services tell us is checked, kept and answered at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from aiohttp import web

from core.errors import DatabaseError, ProviderError
from core.webhooks import Inbox, Kept, Unsigned, Verify

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class InboundHooks:
    """The route for all providers; ``verifiers`` by the provider's name in the address."""

    inbox: Inbox
    verifiers: Mapping[str, Verify]

    async def receive(self, request: web.Request) -> web.Response:
        """Keep what a provider sends; the same again changes nothing."""
        provider = request.match_info["provider"]
        if provider not in self.verifiers:
            raise web.HTTPNotFound
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            kept = await self.inbox.keep(await self.verifiers[provider](body, headers))
        except Unsigned as error:
            log.warning("a webhook was refused", provider=provider, reason=str(error))
            return _said(HTTPStatus.UNAUTHORIZED, str(error))
        except (DatabaseError, ProviderError) as error:
            log.error("a webhook cannot be kept; its sender tries again", provider=provider, reason=str(error))
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, "Please try again later.")
        if kept is Kept.ANOTHER:
            log.warning("a webhook was refused", provider=provider, reason="its id was another one's")
            return _said(HTTPStatus.BAD_REQUEST, "This id was used for something else.")
        return _said(HTTPStatus.OK, "Thank you.")


def _said(status: HTTPStatus, words: str) -> web.Response:
    headers = {"Retry-After": "60"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return web.Response(status=status, text=f"{words}\n", headers=headers)
