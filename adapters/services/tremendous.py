"""Gift cards by Tremendous: one order for a redemption, whose link the student gets.

An order is known by our key for ever: 200 says that it was made, 201 that it was there, 409 that the key has another
order. The link comes with the answer that makes the order and has to be asked for afterwards.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from adapters.services.http_calls import Answer, Calls
from core.errors import ProviderError
from core.rewards.redemption import Fate, Found, Keep, Redemption
from core.webhooks import Delivery, Unsigned

OFFICIAL: Final = "https://www.tremendous.com/api/v2"
FUNDS: Final = "BALANCE"
SIGNATURE: Final = "tremendous-webhook-signature"
UNPAID: Final = "the gift card could not be issued ({})."
REFUSED: Final = "the gift card service does not accept it ({})."
OURS: Final = "the gift card service does not take our orders at the moment ({})."
_ENDED: Final = frozenset({"CANCELED", "FAILED"})


class TremendousGiftCards:
    """See :class:`core.rewards.redemption.Payout`."""

    sends_again_for: timedelta | None = None

    def __init__(self, api_key: str, base_url: str, campaign_id: str, webhook_secret: str) -> None:
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._calls = Calls("Tremendous", base_url or OFFICIAL)
        self._campaign_id = campaign_id
        self._webhook_secret = webhook_secret

    async def send(self, redemption: Redemption, keep: Keep) -> Found:
        """Order it, or find the order that has this key already."""
        answer = await self._calls.send("POST", "/orders", self._headers, self._order(redemption))
        if answer.status in {200, 201}:
            return await self._found(answer.body, redemption)
        if answer.status == 409:  # our key: only what we are configured with can differ, and the order stands
            return await self.look(redemption)
        return _declined(answer)

    async def look(self, redemption: Redemption) -> Found:
        """What became of the order."""
        answer = await self._calls.send("GET", f"/orders/{quote(redemption.key)}", self._headers)
        if answer.status == 404:
            return Found(Fate.MISSING)
        if answer.status != 200:
            raise ProviderError(f"Tremendous does not show the order ({answer.status})")
        return await self._found(answer.body, redemption)

    async def delivery(self, body: bytes, headers: Mapping[str, str]) -> Delivery:
        """A webhook that is signed, over the very bytes that came, with the key we share."""
        expected = "sha256=" + hmac.new(self._webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        given = headers.get(SIGNATURE, "")
        if not self._webhook_secret or not hmac.compare_digest(expected.encode(), given.encode()):
            raise Unsigned("The signature is missing or wrong.")
        try:
            delivery_id = json.loads(body)["uuid"]
        except (ValueError, KeyError, TypeError):
            raise Unsigned("That is no event.") from None
        return Delivery("tremendous", str(delivery_id), body)

    async def close(self) -> None:
        """Give the connections back."""
        await self._calls.close()

    def _order(self, redemption: Redemption) -> dict[str, Any]:
        # JSON has one kind of number; a sum in cents divided once is written with its two digits again.
        denomination = redemption.cents // 100 if not redemption.cents % 100 else redemption.cents / 100
        return {
            "external_id": redemption.key,
            "payment": {"funding_source_id": FUNDS},
            "reward": {
                "value": {"denomination": denomination, "currency_code": redemption.currency},
                "campaign_id": self._campaign_id,
                "recipient": {"name": "CHRONOS"},
                "delivery": {"method": "LINK"},
            },
        }

    async def _found(self, body: Mapping[str, Any], redemption: Redemption) -> Found:
        order = body.get("order")
        if not isinstance(order, dict) or order.get("external_id") != redemption.key:
            raise ProviderError("Tremendous answers with something else than the order")
        status, ref, reward = str(order.get("status", "")), str(order.get("id", "")), _reward(order)
        if status in _ENDED or str(reward.get("status", "")) in _ENDED:
            return Found(Fate.FAILED, ref, UNPAID.format(status.lower()))
        if status != "EXECUTED":
            return Found(Fate.PENDING, ref)
        return Found(Fate.SETTLED, ref, receipt=redemption.receipt or await self._link(reward))

    async def _link(self, reward: Mapping[str, Any]) -> str:
        """Where the student opens the card: as it came with the order, else made anew."""
        delivery = reward.get("delivery")
        came = delivery.get("link") if isinstance(delivery, dict) else None
        if isinstance(came, str) and came:
            return came
        made = await self._calls.send(
            "POST", f"/rewards/{quote(str(reward.get('id', '')))}/generate_link", self._headers
        )
        again = made.body.get("reward")
        link = again.get("link") if isinstance(again, dict) else None
        if made.status != 200 or not isinstance(link, str) or not link:
            raise ProviderError(f"Tremendous gives no link to the gift card ({made.status})")
        return link


def refs_of(event: Mapping[str, Any]) -> list[str]:
    """The order that a webhook speaks of; of one about a reward we know no name, so all open ones are looked at."""
    payload = event.get("payload")
    resource = payload.get("resource") if isinstance(payload, dict) else None
    found = resource.get("id") if isinstance(resource, dict) and resource.get("type") == "orders" else None
    return [found] if isinstance(found, str) else []


def _reward(order: Mapping[str, Any]) -> Mapping[str, Any]:
    rewards = order.get("rewards")
    first = rewards[0] if isinstance(rewards, list) and rewards else {}
    return first if isinstance(first, dict) else {}


def _declined(answer: Answer) -> Found:
    errors = answer.body.get("errors")
    words = str(errors.get("message", ""))[:200] if isinstance(errors, dict) else ""
    if answer.status in {400, 422}:
        return Found(Fate.FAILED, reason=REFUSED.format(words or answer.status))
    return Found(Fate.POSTPONED, reason=OURS.format(words or answer.status))
