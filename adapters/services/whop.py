"""Whop: memberships over its API, webhooks by their signature, and accounts by OAuth.

Both shapes of a membership are read: the flat one (``user_id``, ``product_id``) and the older one (``user: {id}``).
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
from standardwebhooks import Webhook, WebhookVerificationError

from core.errors import ProviderBusy, ProviderError, Refused
from core.members.linking import SellerAccount
from core.members.memberships import PLATFORM, Membership
from core.webhooks import Delivery, Unsigned

OFFICIAL: Final = "https://api.whop.com/api/v1"
API_DATE: Final = "2026-10-15-1"
PAGE: Final = 100
MOST_ATTEMPTS: Final = 5
LONGEST_WAIT_S: Final = 60.0
ANSWERS_WITHIN_S: Final = 30.0
NEEDED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")

Sleep = Callable[[float], Awaitable[None]]


def whop_verifier(secret: str) -> "Callable[[bytes, Mapping[str, str]], Awaitable[Delivery]]":
    """How a webhook of Whop proves itself: Standard Webhooks, with the secret's own bytes as the key."""
    webhook = Webhook(secret.encode())

    async def verify(body: bytes, headers: Mapping[str, str]) -> Delivery:
        needed = {name: headers.get(name, "") for name in NEEDED}
        try:
            webhook.verify(body, needed, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:  # what is no base64 is a ValueError
            raise Unsigned(f"The signature does not hold: {error}.") from error
        return Delivery(PLATFORM, needed["webhook-id"][:200], body, needed)

    return verify


@dataclass(frozen=True, slots=True)
class WhopApp:
    """The OAuth application with which people show which Whop account is theirs."""

    client_id: str
    client_secret: str = ""


class Whop:
    """See :class:`core.members.memberships.Seller` and :class:`core.members.linking.AccountProof`.

    ``account_id`` (``biz_...``) narrows lists to one seller. An open connection is kept until :meth:`close`.
    """

    def __init__(
        self, api_key: str, base_url: str = "", *, account_id: str = "", app: WhopApp | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._base = (base_url or OFFICIAL).rstrip("/")
        self._oauth = "{0.scheme}://{0.netloc}/oauth".format(urlsplit(self._base))
        self._headers = {"Authorization": f"Bearer {api_key}", "Api-Version-Date": API_DATE}
        self._account_id = account_id
        self._app = app
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def membership(self, membership_id: str) -> Membership | None:
        """What a membership is now; None where Whop knows none."""
        found = await self._get(f"/memberships/{membership_id}", {})
        return None if found is None else _membership(found)

    async def memberships(self, *, user_id: str = "") -> AsyncIterator[Sequence[Membership]]:
        """All memberships, or those of one account, a page at a time."""
        query = {"first": str(PAGE), "account_id": self._account_id, "user_id": user_id}
        seen: set[str] = set()
        while True:
            page = await self._get("/memberships", {name: value for name, value in query.items() if value})
            if page is None:
                raise ProviderError(
                    "Whop does not list memberships. Check whop.account_id and the rights of the key."
                )
            yield [_membership(each) for each in page.get("data") or ()]
            about = page.get("page_info") or {}
            cursor = str(about.get("end_cursor") or "")
            if not about.get("has_next_page") or not cursor or cursor in seen:
                return
            seen.add(cursor)
            query["after"] = cursor

    def address(self, *, state: str, nonce: str, challenge: str, return_to: str) -> str:
        """Where a person says at Whop which account is theirs."""
        asked = {
            "response_type": "code", "client_id": self._client.client_id, "redirect_uri": return_to,
            "scope": "openid profile", "state": state, "nonce": nonce, "code_challenge": challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{self._oauth}/authorize?{urlencode(asked)}"

    async def account(self, *, code: str, verifier: str, return_to: str, nonce: str) -> SellerAccount:
        """Whose account it is; nothing that would let us act for them is kept.

        Raises:
            Refused: the code is used, old or somebody else's.
            ProviderError: Whop does not answer.
        """
        app = self._client
        asked = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": return_to, "client_id": app.client_id,
            "code_verifier": verifier,
        } | ({"client_secret": app.client_secret} if app.client_secret else {})  # fmt: skip
        given = await self._post("/token", asked)
        _require_nonce(str(given.get("id_token") or ""), nonce)
        bearer = {"Authorization": f"Bearer {given.get('access_token', '')}"}
        status, who = await self._call("GET", f"{self._oauth}/userinfo", headers=bearer)
        if status != HTTPStatus.OK or not who.get("sub"):
            raise ProviderError(f"Whop does not say whose account it is (status {status}).")
        if given.get("refresh_token"):
            revoked = {"token": given["refresh_token"], "client_id": app.client_id}
            await self._call("POST", f"{self._oauth}/revoke", json_body=revoked)
        return SellerAccount(str(who["sub"]), str(who.get("preferred_username") or who.get("name") or ""))

    @property
    def _client(self) -> WhopApp:
        if self._app is None:
            raise Refused("Whop accounts cannot be linked here: the operator has not set whop.client_id.")
        return self._app

    async def _post(self, path: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        status, found = await self._call("POST", f"{self._oauth}{path}", json_body=dict(fields))
        if status == HTTPStatus.BAD_REQUEST and found.get("error") == "invalid_grant":
            raise Refused("Whop says that this was used already or took too long. Please start again with /link.")
        if status != HTTPStatus.OK:
            raise ProviderError(f"Whop refused the linking: {found.get('error') or status}. Check whop.client_id.")
        return found

    async def _get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Ask the API, again where it is busy; None where there is nothing.

        Raises:
            ProviderBusy: it stayed busy.
            ProviderError: it refused.
        """
        status, wait_s = 0, 1.0
        for attempt in range(MOST_ATTEMPTS):
            status, found = await self._call("GET", self._base + path, query=query, headers=self._headers)
            if status == HTTPStatus.OK:
                return found
            if status == HTTPStatus.NOT_FOUND:
                return None
            if status not in {408, 409, 429} and status < 500:
                said = found.get("error") or {}
                raise ProviderError(f"Whop refused {path} with status {status}: {said.get('message', '')}")
            wait_s = min(float(found.get("retry_after_s") or 2.0**attempt), LONGEST_WAIT_S)
            if attempt + 1 < MOST_ATTEMPTS:
                await self._sleep(wait_s)
        raise ProviderBusy(f"Whop is busy (status {status}).", retry_after_s=wait_s)

    async def _call(
        self, method: str, address: str, *, query: Mapping[str, str] | None = None,
        json_body: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, Any]]:  # fmt: skip
        """One exchange: the status and what was said; how long to wait is under ``retry_after_s``."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWERS_WITHIN_S))
        try:
            async with self._session.request(
                method, address, params=query, json=json_body, headers=headers, allow_redirects=False
            ) as response:
                text = await response.text(errors="replace")
                waits = {"retry_after_s": _retry_after_s(response.headers)} if response.status == 429 else {}
                return response.status, {**_object(text), **waits}
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ProviderError(f"Whop does not answer: {error or type(error).__name__}.") from error


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0), ("x-ratelimit-reset", 1.0)):
        said = headers.get(name, "")
        if said.replace(".", "", 1).isdecimal():
            return float(said) * unit_s
    return None


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _require_nonce(id_token: str, nonce: str) -> None:
    """See that what Whop signed was made for this very visit; it came from Whop itself, over TLS."""
    if not id_token:
        return
    body = id_token.split(".")[1:2] or [""]
    try:
        claims = _object(base64.urlsafe_b64decode(body[0] + "==").decode())
    except ValueError:
        claims = {}
    if claims.get("nonce") != nonce:
        raise Refused("That answer of Whop's was for another visit. Please start again with /link.")


def _membership(found: Mapping[str, Any]) -> Membership:
    link = str(found.get("manage_url") or "")
    return Membership(
        str(found.get("id") or ""), str(found.get("status") or ""), _id_of(found, "product"), _id_of(found, "user"),
        _moment(found.get("updated_at")), link if link.startswith("https://") else "",
    )  # fmt: skip


def _id_of(found: Mapping[str, Any], name: str) -> str:
    """An id, flat or nested; empty where there is none."""
    nested = found.get(name)
    inner = nested.get("id") if isinstance(nested, dict) else nested
    return str(found.get(f"{name}_id") or inner or "")


def _moment(value: object) -> datetime | None:
    """A time as ISO 8601 or in unix seconds."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
