"""Payouts by PayPal: one batch with one item for a redemption, under the redemption's key.

PayPal knows a batch's key for 30 days and cannot be asked for it: the same key sent again answers with the batch that
there is. A batch that succeeded does not mean that its item did.
"""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import aiohttp

from adapters.services.http_calls import Answer, Calls
from core.errors import ProviderBusy, ProviderError
from core.rewards.redemption import Fate, Found, Keep, Redemption
from core.webhooks import Delivery, Unsigned

OFFICIAL: Final = "https://api-m.paypal.com"
TOKEN_SPARE_S: Final = 60.0
ITEM_FATES: Final = {
    "SUCCESS": Fate.SETTLED,
    **dict.fromkeys(("FAILED", "RETURNED", "BLOCKED", "REFUNDED", "REVERSED", "DENIED", "CANCELED"), Fate.FAILED),
}
"""Every other status, one that is new to us included, leaves the payout pending."""
UNCLAIMED: Final = (
    "PayPal holds it until you claim it: sign in at PayPal with this mail address. After 30 days it comes back."
)
UNPAID: Final = "PayPal did not pay it ({})."
REFUSED: Final = "PayPal does not accept it ({})."
OURS: Final = "PayPal does not take our payouts at the moment ({})."
NO_RECEIVER: Final = frozenset({"VALIDATION_ERROR", "RECEIVER_UNREGISTERED", "RECEIVER_UNCONFIRMED", "INVALID_EMAIL"})
HEADERS: Final = {
    "auth_algo": "paypal-auth-algo",
    "cert_url": "paypal-cert-url",
    "transmission_id": "paypal-transmission-id",
    "transmission_sig": "paypal-transmission-sig",
    "transmission_time": "paypal-transmission-time",
}


class PayPalPayouts:
    """See :class:`core.rewards.redemption.Payout`."""

    sends_again_for: timedelta | None = timedelta(days=25)

    def __init__(self, client_id: str, client_secret: str, base_url: str, webhook_id: str) -> None:
        self._credentials = aiohttp.encode_basic_auth(client_id, client_secret)
        self._calls = Calls("PayPal", base_url or OFFICIAL)
        self._webhook_id = webhook_id
        self._token, self._token_until = "", 0.0

    async def send(self, redemption: Redemption, keep: Keep) -> Found:
        """Have it paid, or find the batch that has this key already."""
        headers = {"PayPal-Request-Id": batch_key(redemption)}
        answer = await self._call("POST", "/v1/payments/payouts", _batch(redemption), headers)
        if answer.status in {200, 201}:
            return Found(Fate.PENDING, _text(answer.body, "batch_header", "payout_batch_id"))
        if original := _original(answer.body):
            return await self._original(original, redemption)
        return _declined(answer)

    async def look(self, redemption: Redemption) -> Found:
        """What became of the item; without a batch's name PayPal cannot be asked."""
        if not redemption.ref:
            return Found(Fate.UNKNOWN)
        return _found(await self._batch_called(redemption.ref), redemption)

    async def delivery(self, body: bytes, headers: Mapping[str, str]) -> Delivery:
        """A webhook that PayPal itself says is PayPal's, asked about what came; see :data:`core.webhooks.Verify`."""
        try:
            event = json.loads(body)
        except ValueError:
            raise Unsigned("That is no event.") from None
        given = {name: headers.get(header, "") for name, header in HEADERS.items()}
        if not self._webhook_id or not all(given.values()) or not isinstance(event, dict):
            raise Unsigned("The signature is missing.")
        question = {**given, "webhook_id": self._webhook_id, "webhook_event": event}
        answer = await self._call("POST", "/v1/notifications/verify-webhook-signature", question)
        if answer.status != 200:
            raise ProviderBusy(f"PayPal does not say whether a webhook is its own ({answer.status})")
        if answer.body.get("verification_status") != "SUCCESS" or not isinstance(event.get("id"), str):
            raise Unsigned("The signature is wrong.")
        return Delivery("paypal", event["id"], body)

    async def close(self) -> None:
        """Give the connections back."""
        await self._calls.close()

    async def _original(self, batch_id: str, redemption: Redemption) -> Found:
        """The batch that was made under this key; another's would mean that the key is not ours alone."""
        batch = await self._batch_called(batch_id)
        if _text(batch, "batch_header", "sender_batch_header", "sender_batch_id") != batch_key(redemption):
            raise ProviderError(f"PayPal names {batch_id} for another key")
        return _found(batch, redemption)

    async def _batch_called(self, batch_id: str) -> Mapping[str, Any]:
        answer = await self._call("GET", f"/v1/payments/payouts/{batch_id}?page_size=10")
        if answer.status != 200:
            raise ProviderError(f"PayPal does not show its batch {batch_id} ({answer.status})")
        return answer.body

    async def _call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        token = await self._access_token()
        return await self._calls.send(method, path, {"Authorization": f"Bearer {token}", **(headers or {})}, body)

    async def _access_token(self) -> str:
        if time.monotonic() < self._token_until:
            return self._token
        answer = await self._calls.send(
            "POST",
            "/v1/oauth2/token",
            {"Authorization": self._credentials},
            form={"grant_type": "client_credentials"},
        )
        token, lasts_s = answer.body.get("access_token"), answer.body.get("expires_in", 0)
        if answer.status != 200 or not isinstance(token, str) or not isinstance(lasts_s, int):
            raise ProviderBusy(
                f"PayPal does not know us ({answer.status}): check [paypal] client_id and client_secret"
            )
        self._token, self._token_until = token, time.monotonic() + lasts_s - TOKEN_SPARE_S
        return token


def batch_key(redemption: Redemption) -> str:
    """What PayPal knows a redemption by."""
    return f"chronos-{redemption.key}"


def refs_of(event: Mapping[str, Any]) -> list[str]:
    """The batch that a webhook speaks of; it is looked at, and nothing else of the webhook is believed."""
    resource = event.get("resource")
    if not isinstance(resource, dict):
        return []
    found = (resource.get("payout_batch_id"), _text(resource, "batch_header", "payout_batch_id"))
    return [ref for ref in found if isinstance(ref, str) and ref]


def _batch(redemption: Redemption) -> dict[str, Any]:
    """Made of what is kept alone, so that it is the same however often it is sent."""
    value = f"{redemption.cents // 100}.{redemption.cents % 100:02d}"
    return {
        "sender_batch_header": {
            "sender_batch_id": batch_key(redemption),
            "email_subject": "Your CHRONOS payout",
            "email_message": f"{redemption.chronos} CHRONOS that you earned by learning.",
        },
        "items": [
            {
                "recipient_type": "EMAIL",
                "amount": {"value": value, "currency": redemption.currency},
                "receiver": redemption.destination,
                "note": f"{redemption.chronos} CHRONOS",
                "sender_item_id": redemption.key,
                "recipient_wallet": "PAYPAL",
                "purpose": "REBATES",
            }
        ],
    }


def _found(batch: Mapping[str, Any], redemption: Redemption) -> Found:
    ref = _text(batch, "batch_header", "payout_batch_id")
    items = batch.get("items")
    item = next((i for i in items if _item_key(i) == redemption.key), None) if isinstance(items, list) else None
    if item is None:
        status = _text(batch, "batch_header", "batch_status")
        fate = Fate.FAILED if status in {"DENIED", "CANCELED"} else Fate.PENDING
        return Found(fate, ref, UNPAID.format(status.lower()) if fate is Fate.FAILED else "")
    status = str(item.get("transaction_status", ""))
    fate = ITEM_FATES.get(status, Fate.PENDING)
    reason = UNPAID.format(_why(item) or status.lower()) if fate is Fate.FAILED else ""
    return Found(fate, ref, UNCLAIMED if status == "UNCLAIMED" else reason)


def _item_key(item: object) -> str:
    return _text(item, "payout_item", "sender_item_id") if isinstance(item, dict) else ""


def _why(item: Mapping[str, Any]) -> str:
    return _text(item, "errors", "name").replace("_", " ").lower()


def _declined(answer: Answer) -> Found:
    """What an answer other than a batch means: the receiver is wrong, or we may not pay; else nobody knows."""
    name = str(answer.body.get("name", answer.status))
    if answer.status == 400 and name in NO_RECEIVER:
        return Found(Fate.FAILED, reason=REFUSED.format(_issue(answer.body) or name.replace("_", " ").lower()))
    if name == "USER_BUSINESS_ERROR":
        raise ProviderError("PayPal refuses the key and names no batch")
    return Found(Fate.POSTPONED, reason=OURS.format(name.replace("_", " ").lower()))


def _issue(body: Mapping[str, Any]) -> str:
    details = body.get("details")
    first = details[0] if isinstance(details, list) and details else {}
    return str(first.get("issue", ""))[:100] if isinstance(first, dict) else ""


def _original(body: Mapping[str, Any]) -> str:
    """The batch that an error about a key that was used links to; empty where there is none."""
    links = body.get("links")
    for link in links if isinstance(links, list) else []:
        _, found, batch_id = str(link.get("href", "") if isinstance(link, dict) else "").partition(
            "/payments/payouts/"
        )
        if found and batch_id.isalnum():
            return batch_id
    return ""


def _text(body: Mapping[str, Any], *path: str) -> str:
    value: object = body
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
