"""The ledger of CHRONOS: whole amounts that move between accounts, each movement once for its key.

A wallet is a student's accounts over all creators. What was issued by a creator stays in that creator's books
wherever it is spent, so that every creator's books balance on their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from core.ids import CreatorId, StudentId

UNDECIDED_FOR: Final = timedelta(days=14)
"""What is held longer for the staff to decide, a redemption or a perk that is theirs to do, is given back."""


class AwardStatus(StrEnum):
    """What became of an award; only ``AWARDED`` moved anything."""

    AWARDED = "awarded"
    DUPLICATE = "duplicate"
    CAPPED = "capped"
    OVER_BUDGET = "over_budget"


class ReversalStatus(StrEnum):
    """What became of taking an award back."""

    REVERSED = "reversed"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


class HoldEnd(StrEnum):
    """How a hold ends, once: given back, spent with a creator, or paid out."""

    RELEASE = "release"
    SPEND = "spend"
    REDEEM = "redeem"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much CHRONOS a creator may issue on a day and in a month, as those who earn have them."""

    per_day: int
    per_month: int


@dataclass(frozen=True, slots=True)
class Award:
    """What a student gets for one thing done.

    Attributes:
        rule: what it was done for, such as ``question``; the limit a day is counted by it.
        key: names the thing, with the rule, so that it pays once: ``question:17``.
        amount: whole CHRONOS, at least 1.
        most_a_day: how often the rule pays on ``day``.
        day: in the student's own time zone.
        evidence: what it was awarded for, as plain data without anybody's words: it stays for good.
        note: words of the staff's for the student, at most 200 characters; they go with the student.
        budget_day: the calendar's day (UTC), out of whose budget it is paid; None: the same as ``day``.
    """

    rule: str
    key: str
    amount: int
    most_a_day: int
    day: date
    evidence: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    budget_day: date | None = None


@dataclass(frozen=True, slots=True)
class Wallet:
    """A student's CHRONOS, with one creator or over all.

    ``owed`` was reversed after it had been spent; ``total_refunded`` was spent or redeemed and came back;
    ``taken_over`` came along with accounts that were linked.
    """

    balance: int = 0
    held: int = 0
    owed: int = 0
    total_earned: int = 0
    total_spent: int = 0
    total_redeemed: int = 0
    total_reversed: int = 0
    total_refunded: int = 0
    taken_over: int = 0


@dataclass(frozen=True, slots=True)
class Transaction:
    """One movement as its student sees it; ``change`` is what it did to the balance: 0 where a hold was spent."""

    id: int
    creator_id: CreatorId
    creator_name: str
    amount: int
    change: int
    kind: str
    reason: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Only:
    """Which movements are meant: of a kind (empty: all), with a creator, from a day through another (UTC)."""

    kind: str = ""
    creator_id: CreatorId | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a creator's books that must never be; ``about`` is an account, a transfer or a student."""

    fault: str
    about: str


class Ledger(Protocol):
    """The books. Every call that moves CHRONOS may be made again with the same key and then moves nothing more."""

    async def award(self, creator_id: CreatorId, student_id: StudentId, award: Award, budget: Budget) -> AwardStatus:
        """Pay an award within the rule's daily limit and the creator's budget; what is owed is paid back from it.

        Raises:
            Refused: the key was used for something else.
        """
        ...

    async def reverse(
        self, creator_id: CreatorId, student_id: StudentId, key: str, reason: str,
        metadata: Mapping[str, Any] | None = None,
    ) -> ReversalStatus:  # fmt: skip
        """Take an award back as a new transfer; what is not there any more is owed."""
        ...

    async def hold(
        self, student_id: StudentId, issuers: Sequence[CreatorId], key: str, reason: str, amount: int
    ) -> None:
        """Set an amount aside, drawn from the issuers in their order.

        Raises:
            Refused: there is not enough, or the key was used for something else.
        """
        ...

    async def end_hold(self, student_id: StudentId, key: str, end: HoldEnd) -> None:
        """End what was set aside under a key.

        Raises:
            Refused: nothing is held under it, or it ended in another way.
        """
        ...

    async def wallet(self, student_id: StudentId) -> Wallet:
        """A student's wallet over all creators."""
        ...

    async def issuers(self, student_id: StudentId) -> Sequence[CreatorId]:
        """Whose CHRONOS a student has, the largest part first."""
        ...

    async def transactions(
        self, student_id: StudentId, only: Only | None = None, *, offset: int = 0, limit: int = 10
    ) -> tuple[list[Transaction], int]:
        """A student's movements, newest first, and how many there are in all."""
        ...

    async def paid_on(self, creator_id: CreatorId, student_id: StudentId, day: date) -> Mapping[str, int]:
        """How often each rule paid a student on a day of theirs."""
        ...

    async def faults(self, creator_id: CreatorId) -> list[Fault]:
        """What is wrong in a creator's books; empty in all of them, always."""
        ...
