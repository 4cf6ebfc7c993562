"""The shop: what a creator sells for CHRONOS, what becomes of a purchase, and the words for both."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from core.errors import Refused
from core.ids import CommunityId, CreatorId, PurchaseId, ShopItemId, StudentId
from core.richtext import RichText, counted, one_line
from core.richtext import role as role_span

LONGEST_NAME: Final = 60
LONGEST_DESCRIPTION: Final = 300
HIGHEST_PRICE: Final = 1_000_000
LONGEST_DAYS: Final = 3650
MOST_QUESTIONS: Final = 10_000
LARGEST_STOCK: Final = 1_000_000
REMINDED_BEFORE: Final = timedelta(hours=1)
WARNED_BEFORE: Final = timedelta(days=1)
RESUMED_AFTER: Final = timedelta(minutes=1)
"""When a purchase that is still in the middle is somebody's who is gone."""


class ItemKind(StrEnum):
    """What buying brings."""

    ROLE = "role"
    QUESTIONS = "questions"
    TIER = "tier"
    FREEZE = "freeze"
    PLACE = "place"
    CUSTOM = "custom"


class OfferState(StrEnum):
    """Whether students see it."""

    OPEN = "open"
    HIDDEN = "hidden"
    DELETED = "deleted"


class PurchaseState(StrEnum):
    """Where the CHRONOS of a purchase are: held, spent, or given back before or after they were."""

    HELD = "held"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Item:
    """What is sold.

    Attributes:
        kind: what buying brings.
        name: how it is called.
        price: whole CHRONOS.
        description: words of the staff's.
        community_id: of a role, where it is.
        role: of a role, the platform's id.
        tier: of a tier, its name.
        days: of a role, tier or more questions, for how long.
        questions: how many more a day.
        starts_at: of a place in a session, when that begins.
        stock: how many are left; None: any number.
        per_student: how many each may buy; None: any number.
        sale_ends_at: until when it can be bought; None: for as long as it is there.
    """

    kind: ItemKind
    name: str
    price: int
    description: str = ""
    community_id: CommunityId | None = None
    role: str = ""
    tier: str = ""
    days: int | None = None
    questions: int | None = None
    starts_at: datetime | None = None
    stock: int | None = None
    per_student: int | None = None
    sale_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """An item in a shop; ``version`` counts the changes of what it is."""

    id: ShopItemId
    item: Item
    state: OfferState
    version: int

    @property
    def title(self) -> str:
        """What it is called."""
        return self.item.name


@dataclass(frozen=True, slots=True)
class Purchase:
    """What somebody bought, as it was then; ``until`` is when it ends, or when the session begins."""

    id: PurchaseId
    offer_id: ShopItemId
    student_id: StudentId
    item: Item
    state: PurchaseState
    bought_at: datetime
    failure: str = ""
    until: datetime | None = None
    student_name: str = ""

    @property
    def key(self) -> str:
        """What joins its movements in the ledger."""
        return f"purchase:{self.id}"

    @property
    def source(self) -> str:
        """As which it wants a role."""
        return f"shop:{self.id}"

    @property
    def reason(self) -> str:
        """What the ledger says it was for."""
        return f"{self.item.name} in the shop"

    def lasts(self, at: datetime) -> bool:
        """Whether there is something of it at a moment, or will be."""
        bought = self.state in {PurchaseState.HELD, PurchaseState.FULFILLED}
        return bought and (self.until is None or self.until > at) and not self._is_used_up

    @property
    def _is_used_up(self) -> bool:
        done = self.state is PurchaseState.FULFILLED
        return done and self.item.kind in {ItemKind.FREEZE, ItemKind.CUSTOM}

    def may_be_returned(self, at: datetime) -> bool:
        """Whether the student may give it back: a place until the session begins, else as long as it is not there."""
        place = self.item.kind is ItemKind.PLACE and self.state is PurchaseState.FULFILLED
        return self.state is PurchaseState.HELD or (place and self.until is not None and self.until > at)


class Offers(Protocol):
    """What all creators sell."""

    async def offers(self, creator_id: CreatorId, *, everything: bool) -> Sequence[Offer]:
        """What there is to buy, cheapest first; ``everything``: also what is hidden, newest first."""
        ...

    async def offer(self, creator_id: CreatorId, offer_id: ShopItemId) -> Offer | None:
        """One item, also a hidden or deleted one."""
        ...

    async def add(self, creator_id: CreatorId, item: Item) -> Offer:
        """Sell something from now on."""
        ...

    async def change(self, creator_id: CreatorId, offer: Offer, item: Item, at: datetime) -> Offer:
        """Sell it differently; who has a place in a session that was moved is told.

        Raises:
            Refused: it was changed meanwhile.
        """
        ...

    async def set_state(self, creator_id: CreatorId, offer_id: ShopItemId, state: OfferState) -> Offer | None:
        """Hide, show or delete an item; None where there is none."""
        ...


class Purchases(Protocol):
    """What was bought. Whatever is said of it is written in the transaction of what happened."""

    async def times_bought(self, creator_id: CreatorId, student_id: StudentId, offer_id: ShopItemId) -> int:
        """How often a student bought an item and did not get the CHRONOS back."""
        ...

    async def take(
        self, creator_id: CreatorId, student_id: StudentId, offer_id: ShopItemId, version: int, key: str, at: datetime
    ) -> PurchaseId | None:
        """Set an item and its price aside, once for a key; None where it cannot be had as it was seen.

        Raises:
            Refused: there is not enough, or the person has no account to give it to.
        """
        ...

    async def fulfil(self, creator_id: CreatorId, purchase_id: PurchaseId, at: datetime) -> Purchase:
        """Bring what was bought and spend what was set aside, or give it back; what has to be waited for stays held.

        Raises:
            Refused: there is no such purchase.
        """
        ...

    async def decide(
        self, creator_id: CreatorId, purchase_id: PurchaseId, at: datetime, *, done: bool, platform: str = ""
    ) -> tuple[Purchase, bool]:
        """What the staff says on a platform of a perk that is theirs to do; the purchase, and whether that was new.

        Raises:
            Refused: there is no such purchase.
        """
        ...

    async def give_back(
        self, creator_id: CreatorId, purchase_id: PurchaseId, at: datetime, *, by: StudentId, staff: bool,
        platform: str = "",
    ) -> Purchase:  # fmt: skip
        """Take a purchase back: what it brought ends, the CHRONOS return; one who is not staff, only their own.

        Raises:
            Refused: there is nothing to take back, or not any more.
        """
        ...

    async def lasting(self, creator_id: CreatorId, offer_id: ShopItemId, at: datetime) -> Sequence[PurchaseId]:
        """The purchases of an item that are not over."""
        ...

    async def purchase(self, creator_id: CreatorId, purchase_id: PurchaseId, platform: str) -> Purchase | None:
        """One purchase, with its student's name as read on a platform."""
        ...

    async def bought(self, creator_id: CreatorId, student_id: StudentId, limit: int) -> Sequence[Purchase]:
        """A student's purchases, newest first."""
        ...

    async def sales(
        self, creator_id: CreatorId, offer_id: ShopItemId | None, *, platform: str, offset: int, limit: int
    ) -> tuple[Sequence[Purchase], int]:
        """What was bought of one item or of all, newest first, with the students' names; and how many in all."""
        ...

    async def all_due(self, creator_id: CreatorId, at: datetime) -> None:
        """Resume what was left in the middle, give back what the staff left undone, warn, and end what is over."""
        ...


_NEEDED: Final = {
    ItemKind.ROLE: ("role", "days"),
    ItemKind.QUESTIONS: ("questions", "days"),
    ItemKind.TIER: ("tier", "days"),
    ItemKind.FREEZE: (),
    ItemKind.PLACE: ("starts_at",),
    ItemKind.CUSTOM: (),
}
_PARTICULARS: Final = {
    "role": "role", "tier": "tier", "days": "days", "questions": "questions", "starts_at": "starts",
}  # fmt: skip
"""What only some kinds have, and how it is called in commands."""
_RANGES: Final = (
    ("price", 1, HIGHEST_PRICE), ("days", 1, LONGEST_DAYS), ("questions", 1, MOST_QUESTIONS),
    ("stock", 0, LARGEST_STOCK), ("per_student", 1, LARGEST_STOCK),
)  # fmt: skip


def checked(item: Item) -> Item:
    """An item as it can be sold.

    Raises:
        Refused: something is missing, too much, or out of range; says what.
    """
    named = replace(item, name=one_line(item.name), description=one_line(item.description))
    if not 1 <= len(named.name) <= LONGEST_NAME:
        raise Refused(f"It needs a name of 1 to {LONGEST_NAME} characters.")
    if len(named.description) > LONGEST_DESCRIPTION:
        raise Refused(f"A description has at most {LONGEST_DESCRIPTION} characters.")
    for name, least, most in _RANGES:
        value = getattr(named, name)
        if value is not None and not least <= value <= most:
            raise Refused(f"{name} is a whole number from {least} to {most:,}.")
    needed = _NEEDED[named.kind]
    for field, typed in _PARTICULARS.items():
        if field in needed and not getattr(named, field):
            raise Refused(f"A {named.kind} needs {typed}: too.")
        if field not in needed and getattr(named, field):
            raise Refused(f"A {named.kind} has no {typed}:; leave that out.")
    return named


def require_ahead(item: Item, at: datetime) -> None:
    """See that a session is still to come, and that it can be bought before.

    Raises:
        Refused: it is over.
    """
    for moment_of, what in (
        (item.starts_at, "session would have begun"),
        (item.sale_ends_at, "sale would have ended"),
    ):
        if moment_of is not None and moment_of <= at:
            raise Refused(f"That {what} already, at {moment(moment_of)}.")


def differences(before: Item, after: Item) -> list[str]:
    """What changed, in words: ``price 50 → 30``."""
    changed = [
        (field.name, getattr(before, field.name), getattr(after, field.name))
        for field in fields(Item)
        if field.name != "community_id"
    ]
    return [
        f"{_PARTICULARS.get(name, name)} {_plain(old)} → {_plain(new)}" for name, old, new in changed if old != new
    ]


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return "none" if value is None or value == "" else str(value)


def what_it_is(item: Item) -> RichText:
    """What buying brings."""
    days = f"for {counted(item.days or 0, 'day')}"
    match item.kind:
        case ItemKind.ROLE:
            return RichText.of("the role ", role_span(item.role), f" {days}")
        case ItemKind.QUESTIONS:
            return RichText.of(f"{counted(item.questions or 0, 'more question')} a day {days}")
        case ItemKind.TIER:
            return RichText.of(f"what is for {item.tier} {days}")
        case ItemKind.FREEZE:
            return RichText.of("a freeze: a day without learning does not break your streak")
        case ItemKind.PLACE:
            return RichText.of(f"a place in the session on {moment(item.starts_at)}")
        case ItemKind.CUSTOM:
            return RichText.of("done for you by the staff")


def terms(item: Item) -> str:
    """Under which terms it is sold; empty where there are none."""
    limits = []
    if item.stock is not None:
        limits.append(f"{item.stock} left" if item.stock else "sold out")
    if item.per_student is not None:
        limits.append(f"at most {item.per_student} each")
    if item.sale_ends_at is not None:
        limits.append(f"until {moment(item.sale_ends_at)}")
    return " · ".join(limits)


def objection(offer: Offer, times_bought: int, at: datetime) -> str:
    """Why it cannot be bought now; empty where it can."""
    item = offer.item
    if offer.state is not OfferState.OPEN:
        return f"{item.name} is not for sale any more."
    if item.sale_ends_at is not None and item.sale_ends_at <= at:
        return f"{item.name} was for sale until {moment(item.sale_ends_at)}."
    if item.starts_at is not None and item.starts_at <= at:
        return f"{item.name} began at {moment(item.starts_at)}."
    if item.stock == 0:
        return f"{item.name} is sold out."
    if item.per_student is not None and times_bought >= item.per_student:
        return f"You have {item.name} already; each may buy it {counted(item.per_student, 'time')}."
    return ""


def ends_at(item: Item, at: datetime, covered_until: datetime | None) -> datetime | None:
    """Until when it lasts, bought at a moment; a role or tier that is there already is made longer."""
    if item.starts_at is not None:
        return item.starts_at
    if item.days is None:
        return None
    begins = at if covered_until is None else max(at, covered_until)
    return begins + timedelta(days=item.days)


def moment(at: datetime | None) -> str:
    """A moment for everybody to read."""
    return "" if at is None else f"{at.astimezone(UTC):%d %B %Y, %H:%M} UTC"


def read_date(text: str) -> datetime:
    """A moment as the staff types it: ``2026-12-05 18:00``, with ``+01:00`` where it is not UTC.

    Raises:
        Refused: it is none.
    """
    try:
        read = datetime.fromisoformat(text.strip().replace(" +", "+").replace(" UTC", "Z"))
    except ValueError:
        raise Refused(
            f"{text[:40]!r} is no time. Write it as 2026-12-05 18:00, with +01:00 behind where it is not UTC."
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
