"""Memberships that are paid for elsewhere (at Whop), and the enrolments that follow them.

A webhook is a hint: what counts is what the seller says when it is asked. Access never hangs on the order in which
hints come, and a nightly look at everything finds what no hint told.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from core.conversation import Reply
from core.ids import StudentId
from core.members.directory import Creator
from core.richtext import RichText, bold, code, link
from core.webhooks import Delivery

PLATFORM: Final = "whop"
"""Under which the seller's accounts are identities."""
_PAID: Final = frozenset({"active", "trialing", "completed", "canceling"})
_RANKS: Final = ("active", "paused", "ended")


@dataclass(frozen=True, slots=True)
class Membership:
    """What the seller says of one membership now.

    Attributes:
        id: ``mem_...``.
        status: in the seller's own word.
        product_id: what was bought.
        user_id: who has it at the seller; empty while nobody claimed it.
        stated_at: when that last changed, as the seller says; None where it does not say.
        link: where its owner can see to it; empty where the seller names no page.
    """

    id: str
    status: str
    product_id: str
    user_id: str = ""
    stated_at: datetime | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """What the operator says a product gives: a creator, by handle, and a tier or none; ``link`` sells it."""

    id: str
    creator: str
    tier: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """What a membership comes to: a status of an enrolment, its tier, and until when grace alone keeps it active."""

    status: str
    tier: str = ""
    grace_until: datetime | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook is about: a membership, and the Discord account that the seller knows its owner by, or none."""

    membership_id: str
    discord_id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """How an enrolment changed by a membership; an empty ``before`` was none."""

    creator: Creator
    student_id: StudentId
    before: str
    before_tier: str
    now: Access


def access_of(
    status: str, tier: str, link: str, past_due_since: datetime | None, at: datetime, grace: timedelta
) -> Access:
    """What a membership of this status comes to at a moment."""
    if status in _PAID:
        return Access("active", tier, link=link)
    if status == "past_due" and past_due_since is not None:
        until = past_due_since + grace
        return Access("active", tier, until, link) if at < until else Access("paused", tier, link=link)
    if status in {"past_due", "paused", "unresolved"}:
        return Access("paused", tier, link=link)
    return Access("ended", link=link)


def following(source: str, best: Access | None, invited_tier: str | None) -> Access | None:
    """What an enrolment becomes by its student's memberships; None where it stays as it is.

    What the staff gave is never changed. What nobody paid for is replaced by what is paid for, and by nothing less:
    an old membership that is over takes away nothing. What was paid for falls back to what an invite gave.

    Args:
        source: who the enrolment is from; empty where there is none.
        best: what the memberships come to; None where there are none (any more).
        invited_tier: what an invite code gave before, empty for no tier; None where none was used.
    """
    if source == "staff" or (source != PLATFORM and (best is None or best.status != "active")):
        return None
    if best is None or best.status == "ended":
        return (
            Access("ended", link=best.link if best else "")
            if invited_tier is None
            else Access("active", invited_tier)
        )
    return best


def best_of(accesses: Sequence[Access]) -> Access | None:
    """The one that gives most: active before paused before ended, without grace before with, with a tier before none.

    Among equals it is the first.
    """
    if not accesses:
        return None
    return min(accesses, key=lambda a: (_RANKS.index(a.status), a.grace_until is not None, not a.tier))


def hint_of(body: bytes) -> Hint | None:
    """What a webhook is about; None where it is about no membership.

    Both envelopes are read: ``{"type", "data"}``, and the older ``{"action", "data"}`` that once called it ``body``.
    """
    try:
        event = json.loads(body)
    except ValueError:
        return None
    data = _mapping(event).get("data") or _mapping(event).get("body")
    kind = str(_mapping(event).get("type") or _mapping(event).get("action") or "")
    found = _mapping(data)
    nested = _mapping(found.get("membership"))
    membership_id = str(found.get("membership_id") or nested.get("id") or found.get("id") or "")
    if "membership" not in kind and not kind.startswith("payment"):
        return None
    discord_id = str(_mapping(found.get("discord")).get("id") or "")
    return Hint(membership_id, discord_id) if membership_id.startswith("mem_") else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class Seller(Protocol):
    """Who sells memberships. Its methods raise ProviderError, ProviderBusy where it may work later."""

    async def membership(self, membership_id: str) -> Membership | None:
        """What a membership is now; None where the seller knows none."""
        ...

    def memberships(self, *, user_id: str = "") -> AsyncIterator[Sequence[Membership]]:
        """All memberships, or those of one account, a page at a time."""
        ...


class Memberships(Protocol):
    """The memberships that are known, and the enrolments they make."""

    async def apply(
        self, membership: Membership, product: Product, *, at: datetime, discord_id: str = ""
    ) -> Sequence[Change]:
        """Keep what the seller says, unless something newer is kept, and have the enrolment of its owner follow.

        Whoever has no account here yet is kept by the seller's id. ``discord_id`` finds the owner where no account
        here is linked with that id.
        """
        ...

    async def settle(self, student_id: StudentId, *, at: datetime) -> Sequence[Change]:
        """Have a student's enrolments follow all that is known: after linking, or when grace is over."""
        ...

    async def past_grace(self, at: datetime) -> Sequence[StudentId]:
        """Whose enrolments only grace kept, which is over now."""
        ...

    async def end(self, membership_id: str, *, at: datetime) -> Sequence[Change]:
        """Note that a membership is over, whatever was kept of it; nothing where none was."""
        ...

    async def known(self) -> Sequence[str]:
        """The ids of all memberships that are not known to be over."""
        ...


@dataclass(frozen=True, slots=True)
class Following:
    """Has enrolments follow memberships."""

    seller: Seller
    store: Memberships
    products: Mapping[str, Product]

    async def hear(self, delivery: Delivery, at: datetime) -> None:
        """Look at what a webhook is about."""
        hint = hint_of(delivery.body)
        if hint is not None:
            await self._look(hint, at)

    async def reconcile(self, at: datetime) -> int:
        """Read all memberships anew, and one by one those that no page named; return how many changes there were.

        Those that the seller does not know any more are over; that it answers at all was seen by its pages.
        """
        changes, seen = 0, set[str]()
        async for page in self.seller.memberships():
            for membership in page:
                seen.add(membership.id)
                changes += await self._apply(membership, at)
        for membership_id in await self.store.known():
            if membership_id not in seen:
                changes += await self._look_or_end(membership_id, at)
        return changes

    async def end_grace(self, at: datetime) -> None:
        """Pause those whose grace is over."""
        for student_id in await self.store.past_grace(at):
            await self.store.settle(student_id, at=at)

    async def linked(self, student_id: StudentId, user_id: str, at: datetime) -> Sequence[Change]:
        """Give a student what the account that was just linked has: what is known, then what the seller says.

        Raises:
            ProviderError: the seller does not answer; what was known is given all the same.
        """
        changes = list(await self.store.settle(student_id, at=at))
        async for page in self.seller.memberships(user_id=user_id):
            for membership in page:
                product = self.products.get(membership.product_id)
                if product is not None and membership.user_id == user_id:
                    changes += await self.store.apply(membership, product, at=at)
        return changes

    async def _look(self, hint: Hint, at: datetime) -> int:
        membership = await self.seller.membership(hint.membership_id)
        return 0 if membership is None else await self._apply(membership, at, hint.discord_id)

    async def _look_or_end(self, membership_id: str, at: datetime) -> int:
        membership = await self.seller.membership(membership_id)
        if membership is None:
            return len(await self.store.end(membership_id, at=at))
        return await self._apply(membership, at)

    async def _apply(self, membership: Membership, at: datetime, discord_id: str = "") -> int:
        product = self.products.get(membership.product_id)
        if product is None:  # not sold here, or not any more
            return len(await self.store.end(membership.id, at=at))
        return len(await self.store.apply(membership, product, at=at, discord_id=discord_id))


def change_told(change: Change) -> Reply | None:
    """What the student is told; None where nothing that they notice changed."""
    name, now, tier = change.creator.name, change.now, f" in {change.now.tier}" if change.now.tier else ""
    page = link("Whop", now.link) if now.link else "Whop"
    if now.status == "active" and now.grace_until is not None:
        return Reply(
            RichText.of(
                "Your last payment for ", bold(name), f" did not go through. You stay enrolled until "
                f"{now.grace_until:%d %B, %H:%M} UTC; see to it on ", page, ".",
            )
        )  # fmt: skip
    if now.status == "active":
        if (change.before, change.before_tier) == ("active", now.tier):
            return None
        return Reply(RichText.of("✅ You are enrolled with ", bold(name), f"{tier}. Ask with ", code("/ask"), "."))
    if change.before in {now.status, ""}:
        return None
    words = (
        "is paused, because a payment did not go through. It returns by itself once that is paid on "
        if now.status == "paused"
        else "has ended with your membership. It returns with a new one on "
    )
    return Reply(RichText.of("Your access to ", bold(name), f" {words}", page, "."))
