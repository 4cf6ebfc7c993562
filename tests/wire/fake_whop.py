"""A fake of Whop: memberships, webhooks as it signs them, and its OAuth, with what trips up clients.

    async with FakeWhop() as whop:
        whop.sell("mem_1", "prod_gold", user_id="user_ana")
        body, headers = whop.event("membership.activated", "mem_1")

The secret of a webhook is its own bytes, not base64; it is told once, when the webhook is made. Lists only ever
narrow. Refresh tokens rotate. ``nested`` gives memberships in the older shape.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

API_KEY = "apik_made_up"
SECRET = "ws_5f0c_made+up/secret"
ACCOUNT = "biz_drawing"
CLIENT = "app_chronos"
CLIENT_SECRET = "made up"


@dataclass
class Sold:
    """A membership as Whop keeps it."""

    id: str
    product_id: str
    user_id: str | None
    status: str = "active"
    updated_at: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)
    account_id: str = ACCOUNT

    def shown(self, *, nested: bool = False) -> dict[str, Any]:
        said = {"id": self.id, "status": self.status, "updated_at": self.updated_at.isoformat(), "metadata": {}}
        if nested:
            user = {"id": self.user_id, "username": "ana"} if self.user_id else None
            return {**said, "user": user, "product": {"id": self.product_id}, "company": {"id": self.account_id}}
        product, account = {"id": self.product_id, "title": "A product"}, {"id": self.account_id}
        return {
            **said,
            "user_id": self.user_id,
            "product_id": self.product_id,
            "product": product,
            "account": account,
        }


@dataclass
class Grant:
    """What a person allowed an app, until it is exchanged."""

    user_id: str
    challenge: str
    return_to: str
    nonce: str


@dataclass
class FakeWhop:
    """The server; ``busy`` answers so often with 429 first, ``calls`` are the requests as ``GET /path?query``."""

    sold: dict[str, Sold] = field(default_factory=dict)
    nested: bool = False
    page: int = 2
    busy: int = 0
    signs_as: str = "user_ana"
    forged_nonce: bool = False
    calls: list[str] = field(default_factory=list)
    hooks: dict[str, str] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    bearers: dict[str, str] = field(default_factory=dict)
    refreshes: dict[str, str] = field(default_factory=dict)
    address: str = ""
    _runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        return f"{self.address}/api/v1"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._heard])
        app.router.add_get("/api/v1/memberships", self._list)
        app.router.add_get("/api/v1/memberships/{id}", self._one)
        app.router.add_post("/api/v1/webhooks", self._make_hook)
        app.router.add_get("/api/v1/webhooks/{id}", self._show_hook)
        app.router.add_get("/oauth/authorize", self._authorize)
        app.router.add_post("/oauth/token", self._token)
        app.router.add_get("/oauth/userinfo", self._userinfo)
        app.router.add_post("/oauth/revoke", self._revoke)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def sell(
        self, membership_id: str, product_id: str, user_id: str | None = None, status: str = "active",
        account_id: str = ACCOUNT,
    ) -> Sold:  # fmt: skip
        """Have a membership."""
        self.sold[membership_id] = Sold(membership_id, product_id, user_id, status, account_id=account_id)
        return self.sold[membership_id]

    def change(self, membership_id: str, status: str, user_id: str | None = None) -> None:
        """Have a membership changed, a minute later."""
        sold = self.sold[membership_id]
        sold.status, sold.user_id = status, user_id or sold.user_id
        sold.updated_at += timedelta(minutes=1)

    def event(
        self, name: str, membership_id: str, *, legacy: bool = False, discord_id: str = ""
    ) -> tuple[bytes, dict[str, str]]:
        """A webhook about a membership as it is now, signed now."""
        sold = self.sold[membership_id]
        if legacy:
            said: dict[str, Any] = {
                "action": name,
                "data": {**sold.shown(nested=True), "discord": {"id": discord_id}},
            }
        else:
            said = {
                "id": "msg_x", "api_version": "v1", "type": name, "data": sold.shown(),
                "account_id": sold.account_id, "timestamp": datetime.now(UTC).isoformat(),
            }  # fmt: skip
        body = json.dumps(said).encode()
        return body, self.signed(body)

    @staticmethod
    def signed(
        body: bytes, *, delivery_id: str = "", at: datetime | None = None, key: bytes = SECRET.encode()
    ) -> dict[str, str]:
        """The headers of a delivery; beside its own there is the signature of a secret that was in use before."""
        delivery_id = delivery_id or f"msg_{secrets.token_hex(6)}"
        moment = str(int((at or datetime.now(UTC)).timestamp()))
        told = f"{delivery_id}.{moment}.".encode() + body
        proofs = [base64.b64encode(hmac.digest(each, told, "sha256")).decode() for each in (b"ws_old", key)]
        return {
            "webhook-id": delivery_id, "webhook-timestamp": moment,
            "webhook-signature": " ".join(f"v1,{proof}" for proof in proofs), "content-type": "application/json",
        }  # fmt: skip

    @web.middleware
    async def _heard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path_qs}")
        if not request.path.startswith("/api/"):
            return await handler(request)
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return _error(401, "unauthorized")
        if self.busy > 0:
            self.busy -= 1
            return _error(429, "rate_limited", {"Retry-After": "7"})
        return await handler(request)

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        found = [
            sold
            for _, sold in sorted(self.sold.items())
            if sold.account_id == query.get("account_id", sold.account_id)
            and (sold.user_id or "") == query.get("user_id", sold.user_id or "")
            and sold.id > query.get("after", "")
        ]
        shown: Sequence[Sold] = found[: min(self.page, int(query.get("first", "10")))]
        about = {"end_cursor": shown[-1].id if shown else None, "has_next_page": len(found) > len(shown)}
        return web.json_response({"data": [sold.shown(nested=self.nested) for sold in shown], "page_info": about})

    async def _one(self, request: web.Request) -> web.Response:
        sold = self.sold.get(request.match_info["id"])
        return _error(404, "not_found") if sold is None else web.json_response(sold.shown(nested=self.nested))

    async def _make_hook(self, request: web.Request) -> web.Response:
        hook_id = f"hook_{secrets.token_hex(4)}"
        self.hooks[hook_id] = (await request.json())["url"]
        return web.json_response({"id": hook_id, "url": self.hooks[hook_id], "webhook_secret": SECRET})

    async def _show_hook(self, request: web.Request) -> web.Response:
        hook_id = request.match_info["id"]
        return web.json_response({"id": hook_id, "url": self.hooks[hook_id]})

    async def _authorize(self, request: web.Request) -> web.Response:
        """The person is signed in and says yes."""
        asked = request.query
        fixed = {"client_id": CLIENT, "code_challenge_method": "S256", "response_type": "code"}
        wrong = [name for name in ("redirect_uri", "state", "nonce", "code_challenge") if not asked.get(name)]
        wrong += [name for name, only in fixed.items() if asked.get(name) != only]
        if wrong or "openid" not in asked.get("scope", ""):
            return _oauth_error("invalid_request", ", ".join(wrong))
        code = f"code_{secrets.token_hex(6)}"
        self.grants[code] = Grant(self.signs_as, asked["code_challenge"], asked["redirect_uri"], asked["nonce"])
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def _token(self, request: web.Request) -> web.Response:
        asked = await request.json() if "json" in request.content_type else dict(parse_qsl(await request.text()))
        if asked.get("client_id") != CLIENT or asked.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
            return _oauth_error("invalid_client", "who are you?")
        if asked.get("grant_type") == "refresh_token":
            user_id = self.refreshes.pop(asked.get("refresh_token", ""), "")
            return self._given(user_id, "") if user_id else _oauth_error("invalid_grant", "used")
        grant = self.grants.pop(asked.get("code", ""), None)
        made = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(made).decode().rstrip("=")
        if grant is None or grant.challenge != challenge or grant.return_to != asked.get("redirect_uri"):
            return _oauth_error("invalid_grant", "the code is used, old or another's")
        return self._given(grant.user_id, "forged" if self.forged_nonce else grant.nonce)

    def _given(self, user_id: str, nonce: str) -> web.Response:
        bearer, refresh = secrets.token_hex(8), secrets.token_hex(8)
        self.bearers[bearer], self.refreshes[refresh] = user_id, user_id
        claims = base64.urlsafe_b64encode(json.dumps({"sub": user_id, "nonce": nonce}).encode()).decode().rstrip("=")
        return web.json_response(
            {
                "access_token": bearer, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600,
                "id_token": f"e30.{claims}.c2ln",
            }
        )  # fmt: skip

    async def _userinfo(self, request: web.Request) -> web.Response:
        user_id = self.bearers.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if user_id is None:
            return _oauth_error("invalid_token", "unknown", 401)
        return web.json_response({"sub": user_id, "preferred_username": user_id.removeprefix("user_")})

    async def _revoke(self, request: web.Request) -> web.Response:
        self.refreshes.pop((await request.json())["token"], None)
        return web.json_response({})


def _error(status: int, kind: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"type": kind, "message": kind}}, status=status, headers=headers)


def _oauth_error(kind: str, words: str, status: int = 400) -> web.Response:
    return web.json_response({"error": kind, "error_description": words}, status=status)


def query_of(address: str) -> dict[str, str]:
    """The query of an address."""
    return dict(parse_qsl(urlsplit(address).query))
