"""CHRONOS that leave as money, a gift card, credit or tokens: the terms, a redemption, and the way it is paid.

A redemption is held, perhaps approved, sent under its own key, and then settled or given back. What a provider did
with a call that was not answered is unknown: then the CHRONOS stay held until the provider says it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from core.errors import Refused
from core.ids import CreatorId, StudentId

PAUSED: Final = "Payouts are paused while the books are checked. Your CHRONOS stay yours; please try again later."
PAUSED_SHORT: Final = "payouts are paused while the books are checked"
NOTHING_HERE: Final = "Nothing can be redeemed here yet: no payouts are funded for this community."


class Rail(StrEnum):
    """The way in which a redemption is paid."""

    PAYPAL = "paypal"
    GIFTCARD = "giftcard"
    CREDIT = "credit"
    SOLANA = "solana"


RAIL_NAMES: Final = {
    Rail.PAYPAL: "PayPal",
    Rail.GIFTCARD: "gift card",
    Rail.CREDIT: "platform credit",
    Rail.SOLANA: "Solana",
}


PAYOUT: Final = "payout: "
"""What stands in the ledger before the name of the way."""


class State(StrEnum):
    """Where a redemption stands; the CHRONOS are held until it is settled or released."""

    APPROVAL = "approval"
    READY = "ready"
    SENDING = "sending"
    SENT = "sent"
    SETTLED = "settled"
    RELEASED = "released"
    RETURNED = "returned"


NOT_SENT: Final = frozenset({State.APPROVAL, State.READY})
"""States in which a redemption can still be cancelled."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator allows; amounts in whole CHRONOS and whole cents.

    Attributes:
        rails: the ways that are open.
        funded: handles of the creators whose CHRONOS are paid for.
        cents_per_100: what 100 CHRONOS are worth.
        approval_above: more than this at once waits for the staff.
        per_day: redemptions a student and day (UTC).
        change_delay: how long a changed address or mail waits before it counts.
    """

    rails: tuple[Rail, ...] = ()
    funded: frozenset[str] = frozenset()
    cents_per_100: int = 100
    currency: str = "USD"
    minimum: int = 500
    largest: int = 10_000
    approval_above: int = 2_000
    per_day: int = 3
    account_age_days: int = 7
    change_delay: timedelta = timedelta(hours=24)

    def checked_amount(self, amount: float | None) -> int:
        """A whole amount within the limits that is worth whole cents.

        Raises:
            Refused: it is not; says what would be.
        """
        if amount is None or not float(amount).is_integer() or not self.minimum <= amount <= self.largest:
            raise Refused(f"Redeem a whole number of CHRONOS from {self.minimum:,} to {self.largest:,}.")
        whole = int(amount)
        if whole * self.cents_per_100 % 100:
            fitting = next((n for n in range(whole, 0, -1) if not n * self.cents_per_100 % 100), 0)
            raise Refused(f"{whole:,} CHRONOS are no whole number of cents; {fitting:,} would be.")
        return whole

    def cents(self, chronos: int) -> int:
        """What an amount that was checked is worth."""
        return chronos * self.cents_per_100 // 100


def money(cents: int, currency: str) -> str:
    """A sum as people read it."""
    return f"{cents // 100:,}.{cents % 100:02d} {currency}"


@dataclass(frozen=True, slots=True)
class Redemption:
    """One redemption, as it stands.

    Attributes:
        creator_id: with whom it was asked for.
        key: under which the provider knows it.
        student_id: None where the person was erased.
        destination: a mail address, a chain address, or nothing where the provider needs none.
        ref: the provider's own name of it, once known.
        receipt: what the student gets to see, such as a gift card's link.
        attempt: what was signed and may be sent again.
        looks: how often its outcome was asked for since it was sent.
    """

    id: int
    creator_id: CreatorId
    key: str
    student_id: StudentId | None
    rail: Rail
    chronos: int
    cents: int
    currency: str
    destination: str
    state: State
    asked_at: datetime
    issuers: tuple[CreatorId, ...] = ()
    reason: str = ""
    ref: str = ""
    receipt: str = ""
    attempt: Mapping[str, Any] | None = field(default=None, repr=False)
    began_at: datetime | None = None
    looks: int = 0

    @property
    def worth(self) -> str:
        """What is sent, in words."""
        return f"{self.chronos:,} CHRONOS" if self.rail is Rail.SOLANA else money(self.cents, self.currency)

    @property
    def wallet_key(self) -> str:
        """Under which the books hold it."""
        return wallet_key(self.key)


def wallet_key(key: str) -> str:
    """Under which the books hold a redemption."""
    return f"redemption:{key}"


class Fate(StrEnum):
    """What a provider says of a payout.

    ``MISSING``: it was never sent and no earlier call can send it any more. ``POSTPONED``: this call sent nothing,
    for a reason that passes, such as an empty account of ours. ``UNKNOWN``: it shows nothing of it yet.
    """

    SETTLED = "settled"
    PENDING = "pending"
    FAILED = "failed"
    MISSING = "missing"
    POSTPONED = "postponed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """A payout's fate with what is known of it; ``reason`` is fit for the student."""

    fate: Fate
    ref: str = ""
    reason: str = ""
    receipt: str = ""


Attempt = Mapping[str, Any]
Keep = Callable[[Attempt], Awaitable[Attempt]]
"""Stores what was signed, before it is sent, in the place of what is known to have expired; returns what stands there
now, which is another's where somebody was quicker."""


class Payout(Protocol):
    """A provider that pays out. Both calls may be made again and again for the same key and pay at most once."""

    @property
    def sends_again_for(self) -> timedelta | None:
        """How long after the first call the provider still knows its key; None: for ever."""
        ...

    async def send(self, redemption: Redemption, keep: Keep) -> Found:
        """Have it paid.

        Raises:
            ProviderError: whether it is paid is unknown.
        """
        ...

    async def look(self, redemption: Redemption) -> Found:
        """What became of it.

        Raises:
            ProviderError: the provider did not say.
        """
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a student confirmed: so much, by that way, to there; ``key`` is new for every card that is confirmed."""

    key: str
    rail: Rail
    chronos: int
    cents: int
    destination: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where payouts of a kind go; ``usable_from`` in the future: not yet, None: not confirmed."""

    id: int
    kind: Rail
    destination: str
    usable_from: datetime | None


class Targets(Protocol):
    """Where people's payouts go. A destination is one person's in the whole deployment."""

    async def of(self, student_id: StudentId) -> list[Target]:
        """A student's confirmed destinations, the newest first."""
        ...

    async def propose(self, student_id: StudentId, kind: Rail, destination: str, now: datetime) -> Target:
        """Note a destination to be confirmed.

        Raises:
            Refused: it is another student's.
        """
        ...

    async def confirm(
        self, creator_id: CreatorId | None, student_id: StudentId, target_id: int, delay: timedelta, now: datetime
    ) -> Target:
        """Make it count: at once where there was none of its kind, else after a delay, of which the student is told.

        Raises:
            Refused: there is nothing to confirm, or it became another student's.
        """
        ...

    async def withdraw(self, student_id: StudentId, kind: Rail, now: datetime) -> bool:
        """Take back a change that does not count yet; False where there is none."""
        ...

    async def forget(self, creator_id: CreatorId | None, student_id: StudentId, kind: Rail, now: datetime) -> bool:
        """Forget where payouts of a kind go, which is a change, too; False where nothing was known."""
        ...


def usable(targets: Sequence[Target], kind: Rail, now: datetime) -> Target | None:
    """The destination that counts now."""
    past = [t for t in targets if t.kind is kind and t.usable_from is not None and t.usable_from <= now]
    return max(past, key=lambda target: (target.usable_from or now, target.id), default=None)


def waiting(targets: Sequence[Target], kind: Rail, now: datetime) -> Target | None:
    """The destination that will count later."""
    return next((t for t in targets if t.kind is kind and t.usable_from is not None and t.usable_from > now), None)


class Redemptions(Protocol):
    """The redemptions of students, as they and the staff see them."""

    async def require(self, creator_id: CreatorId, student_id: StudentId, terms: Terms, now: datetime) -> None:
        """See that a student may redeem with a creator.

        Raises:
            Refused: nothing is funded, payouts are paused, the account is too new or no member's of anyone who is
                funded, or often enough.
        """
        ...

    async def ask(
        self, creator_id: CreatorId, student_id: StudentId, asked: Asked, terms: Terms, now: datetime
    ) -> Redemption:
        """Hold the CHRONOS and have it sent, or ask the staff first; the same key again changes nothing.

        It draws from the creators whose verified member the student is, and from this one alone where the staff is
        asked: who decides is whose CHRONOS they are.

        Raises:
            Refused: see :meth:`require`, or there is not enough of funded issuers.
        """
        ...

    async def own(self, student_id: StudentId, limit: int = 10) -> list[Redemption]:
        """A student's redemptions, newest first."""
        ...

    async def cancel(self, creator_id: CreatorId, student_id: StudentId, redemption_id: int, now: datetime) -> bool:
        """Give back what was not sent yet; False where it is too late, or not this student's."""
        ...

    async def decide(
        self, creator_id: CreatorId, redemption_id: int, by: StudentId, *, approved: bool, now: datetime
    ) -> Redemption:
        """Approve or refuse what waits for the staff.

        Raises:
            Refused: it is one's own, or nothing waits.
        """
        ...

    async def undecided(self, creator_id: CreatorId) -> list[Redemption]:
        """What waits for the staff, oldest first."""
        ...

    async def credit(self, student_id: StudentId) -> dict[str, int]:
        """A student's platform credit in cents by currency."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What commands need to redeem; ``checked_address`` refuses what is no person's address on the chain."""

    terms: Terms
    redemptions: Redemptions
    targets: Targets
    checked_address: Callable[[str], str]
