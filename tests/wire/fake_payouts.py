"""PayPal's payouts and Tremendous' orders as they are on the wire, with what surprises in both.

Money moves in ``paid`` alone; a test compares that with the books. ``traps`` are taken one by one, by the calls that
pay.
"""

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from aiohttp import encode_basic_auth, web

CLIENT_ID: Final = "client"
CLIENT_SECRET: Final = "client secret"
API_KEY: Final = "gift key"
CAMPAIGN: Final = "CAMPAIGN1"
WEBHOOK_ID: Final = "WH-7"
WEBHOOK_SECRET: Final = "webhook secret"
CERTIFICATES: Final = "https://api.paypal.com/v1/notifications/certs/"


class Trap(Enum):
    """What happens to a call that pays."""

    DROPPED_BEFORE = "the connection ends and nothing is paid"
    DROPPED_AFTER = "it is paid and the connection ends"
    FAILS_BEFORE = "503, and nothing is paid"
    FAILS_AFTER = "503, and it is paid"
    NO_FUNDS = "our account is empty"
    UNKNOWN_TO_THEM = "401"
    WRONG_RECEIVER = "the receiver is refused"
    BUSY = "429"


@dataclass
class Provider:
    """What both services have in common."""

    traps: deque[Trap] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)
    on_call: Callable[[str], None] | None = None
    """Is told of every call, as ``METHOD path``, before it is answered; may kill whoever makes it."""
    after_paying: Callable[[], None] | None = None
    url: str = ""

    async def noticed(self, request: web.Request) -> None:
        call = f"{request.method} {request.path}"
        self.calls.append(call)
        if self.on_call is not None:
            self.on_call(call)

    @contextmanager
    def trapped(self, request: web.Request) -> Iterator[Trap | None]:
        """The next trap; what fails before paying fails on the way in, the others on the way out."""
        trap = self.traps.popleft() if self.traps else None
        if trap is Trap.DROPPED_BEFORE:
            _drop(request)
        if trap is Trap.FAILS_BEFORE:
            raise web.HTTPServiceUnavailable
        yield trap
        if self.after_paying is not None:
            self.after_paying()
        if trap is Trap.DROPPED_AFTER:
            _drop(request)
        if trap is Trap.FAILS_AFTER:
            raise web.HTTPServiceUnavailable


@dataclass
class FakePayPal(Provider):
    """Batches by their sender's id; each batch has one item."""

    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    item_status: str = "SUCCESS"
    """What becomes of the items of new batches, as soon as they are looked at."""
    forgets: bool = False
    """Whether the 30 days are over in which a sender's id is known."""

    @property
    def paid(self) -> list[tuple[str, str, str]]:
        """Receiver, sum and the sender's id of what is with its receiver or on the way there."""
        lost = {"FAILED", "RETURNED", "BLOCKED", "REFUNDED", "REVERSED"}
        return [
            (b["receiver"], b["value"], b["sender_item_id"]) for b in self.batches.values() if b["status"] not in lost
        ]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/oauth2/token", self._token),
            web.post("/v1/payments/payouts", self._pay),
            web.get("/v1/payments/payouts/{id}", self._show),
            web.post("/v1/notifications/verify-webhook-signature", self._verify),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        await self.noticed(request)
        form = await request.post()
        known = request.headers.get("Authorization") == encode_basic_auth(CLIENT_ID, CLIENT_SECRET)
        if not known or form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"access_token": "A21", "token_type": "Bearer", "expires_in": 32400})

    async def _pay(self, request: web.Request) -> web.Response:
        await self.noticed(request)
        self._authorised(request)
        body = await request.json()
        with self.trapped(request) as trap:
            if refusal := _paypal_refusal(trap):
                return refusal
            key = body["sender_batch_header"]["sender_batch_id"]
            (item,) = body["items"]
            if invalid := _invalid_item(item):
                return _paypal_error(400, "VALIDATION_ERROR", invalid)
            known = next((id_ for id_, b in self.batches.items() if b["key"] == key), None)
            if known is not None and not self.forgets:
                link = {"href": f"{self.url}/v1/payments/payouts/{known}", "rel": "self", "method": "GET"}
                return _paypal_error(400, "USER_BUSINESS_ERROR", "the batch id was used", [link])
            batch_id = f"BATCH{len(self.batches) + 1}"
            self.batches[batch_id] = {
                "key": key, "receiver": item["receiver"], "value": item["amount"]["value"],
                "currency": item["amount"]["currency"], "sender_item_id": item["sender_item_id"],
                "status": self.item_status,
            }  # fmt: skip
        header = {
            "payout_batch_id": batch_id,
            "batch_status": "PENDING",
            "sender_batch_header": {"sender_batch_id": key},
        }
        return web.json_response({"batch_header": header, "links": []}, status=201)

    async def _show(self, request: web.Request) -> web.Response:
        await self.noticed(request)
        self._authorised(request)
        batch_id = request.match_info["id"]
        batch = self.batches.get(batch_id)
        if batch is None:
            return _paypal_error(404, "RESOURCE_NOT_FOUND", "no such batch")
        header = {
            "payout_batch_id": batch_id, "batch_status": "SUCCESS",
            "sender_batch_header": {"sender_batch_id": batch["key"]},
        }  # fmt: skip
        item = {
            "payout_item_id": f"ITEM-{batch_id}", "transaction_status": batch["status"],
            "payout_item": {
                "sender_item_id": batch["sender_item_id"], "receiver": batch["receiver"],
                "amount": {"value": batch["value"], "currency": batch["currency"]},
            },
        }  # fmt: skip
        return web.json_response({"batch_header": header, "items": [item]})

    async def _verify(self, request: web.Request) -> web.Response:
        """True for what was "signed" with the delivery's own id over our webhook."""
        self._authorised(request)
        asked = await request.json()
        true = asked["webhook_id"] == WEBHOOK_ID and asked["transmission_sig"] == _paypal_signature(
            asked["transmission_id"], asked["webhook_event"]
        )
        return web.json_response({"verification_status": "SUCCESS" if true else "FAILURE"})

    def webhook(self, kind: str, resource: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """A delivery: its headers and body."""
        event = {"id": f"WH-{len(self.calls)}", "event_type": kind, "resource": resource}
        headers = {
            "Paypal-Auth-Algo": "SHA256withRSA", "Paypal-Cert-Url": CERTIFICATES + "CERT-1",
            "Paypal-Transmission-Id": "t-1", "Paypal-Transmission-Time": "2026-11-21T12:00:00Z",
            "Paypal-Transmission-Sig": _paypal_signature("t-1", event),
        }  # fmt: skip
        return headers, json.dumps(event).encode()

    def _authorised(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != "Bearer A21":
            raise web.HTTPUnauthorized


@dataclass
class FakeTremendous(Provider):
    """Orders by their external id."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: str = "EXECUTED"
    """Of new orders; with spaces where the service has them: PENDING APPROVAL."""

    @property
    def paid(self) -> list[tuple[str, float]]:
        """Our key and the sum of every card that was not taken back."""
        return [
            (order["external_id"], order["rewards"][0]["value"]["denomination"])
            for order in self.orders.values()
            if order["status"] not in {"CANCELED", "FAILED"}
        ]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/orders", self._order),
            web.get("/orders/{id}", self._show),
            web.post("/rewards/{id}/generate_link", self._link),
        ]

    async def _order(self, request: web.Request) -> web.Response:
        await self.noticed(request)
        _with_key(request)
        body = await request.json()
        with self.trapped(request) as trap:
            if refusal := _tremendous_refusal(trap):
                return refusal
            if body["reward"].get("campaign_id") != CAMPAIGN or body["payment"]["funding_source_id"] != "BALANCE":
                return _tremendous_error(422, "unknown campaign or funds")
            key = body["external_id"]
            known = self.orders.get(key)
            if known is not None:
                status = 201 if known["asked"] == body else 409
                return self._answer(known, status) if status == 201 else _tremendous_error(409, "another order")
            order = self.orders[key] = {
                "id": f"ORDER{len(self.orders) + 1}", "external_id": key, "status": self.status, "asked": body,
                "rewards": [{"id": f"REWARD{len(self.orders) + 1}", "value": body["reward"]["value"],
                             "delivery": {"method": "LINK", "status": "SUCCEEDED"}}],
            }  # fmt: skip
        return self._answer(order, 200, link=True)

    async def _show(self, request: web.Request) -> web.Response:
        await self.noticed(request)
        _with_key(request)
        wanted = request.match_info["id"]
        order = next((o for o in self.orders.values() if wanted in {o["id"], o["external_id"]}), None)
        return _tremendous_error(404, "no such order") if order is None else self._answer(order, 200)

    async def _link(self, request: web.Request) -> web.Response:
        await self.noticed(request)
        _with_key(request)
        reward = request.match_info["id"]
        return web.json_response({"reward": {"id": reward, "link": f"https://gifts.example/{reward}/again"}})

    def _answer(self, order: dict[str, Any], status: int, *, link: bool = False) -> web.Response:
        """An order as it is shown; the link comes with the answer that made it alone."""
        shown: dict[str, Any] = {name: value for name, value in order.items() if name != "asked"}
        if link and order["status"] == "EXECUTED":
            (reward,) = order["rewards"]
            came = {**reward["delivery"], "link": f"https://gifts.example/{reward['id']}"}
            shown["rewards"] = [{**reward, "delivery": came}]
        return web.json_response({"order": shown}, status=status)

    def webhook(self, kind: str, type_: str, id_: str) -> tuple[dict[str, str], bytes]:
        """A delivery: its headers and body."""
        event = {"event": kind, "uuid": "u-1", "payload": {"resource": {"id": id_, "type": type_}}}
        body = json.dumps(event).encode()
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return {"Tremendous-Webhook-Signature": f"sha256={signature}"}, body


@asynccontextmanager
async def serving(provider: FakePayPal | FakeTremendous) -> AsyncIterator[str]:
    """A provider on loopback; yields its address."""
    app = web.Application()
    app.add_routes(provider.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider.url
    finally:
        await runner.cleanup()


def _drop(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError


def _paypal_refusal(trap: Trap | None) -> web.Response | None:
    if trap is Trap.NO_FUNDS:
        return _paypal_error(422, "INSUFFICIENT_FUNDS", "add funds")
    if trap is Trap.UNKNOWN_TO_THEM:
        return _paypal_error(401, "AUTHENTICATION_FAILURE", "no")
    if trap is Trap.WRONG_RECEIVER:
        return _paypal_error(400, "VALIDATION_ERROR", "receiver is not an email")
    return _paypal_error(429, "RATE_LIMIT_REACHED", "slower") if trap is Trap.BUSY else None


def _paypal_error(status: int, name: str, issue: str, links: list[dict[str, str]] | None = None) -> web.Response:
    body = {"name": name, "message": issue, "debug_id": "d", "details": [{"issue": issue}], "links": links or []}
    return web.json_response(body, status=status)


def _invalid_item(item: dict[str, Any]) -> str:
    whole, _, cents = str(item["amount"]["value"]).partition(".")
    if not (isinstance(item["amount"]["value"], str) and whole.isdecimal() and len(cents) == 2 and cents.isdecimal()):
        return "amount"
    if item["recipient_type"] != "EMAIL" or "@" not in item["receiver"]:
        return "receiver"
    return "" if 0 < len(item["sender_item_id"]) <= 63 else "sender_item_id"


def _paypal_signature(transmission_id: str, event: dict[str, Any]) -> str:
    return hashlib.sha256(f"{transmission_id}{json.dumps(event, sort_keys=True)}".encode()).hexdigest()


def _tremendous_refusal(trap: Trap | None) -> web.Response | None:
    statuses = {Trap.NO_FUNDS: 402, Trap.UNKNOWN_TO_THEM: 401, Trap.WRONG_RECEIVER: 400, Trap.BUSY: 429}
    status = statuses.get(trap) if trap is not None else None
    return None if status is None or trap is None else _tremendous_error(status, trap.value)


def _tremendous_error(status: int, message: str) -> web.Response:
    return web.json_response({"errors": {"message": message, "payload": {}}}, status=status)


def _with_key(request: web.Request) -> None:
    if request.headers.get("Authorization") != f"Bearer {API_KEY}":
        raise web.HTTPUnauthorized
