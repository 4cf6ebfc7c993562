"""What the staff gives and takes back, within limits, with a reason that the member reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from core.conversation import Reply
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.ledger import Award, AwardStatus, Budget
from core.richtext import RichText, bold

REVOCABLE_FOR: Final = timedelta(days=30)
"""How long after a gift it can be taken back by its amount."""


@dataclass(frozen=True, slots=True)
class Gift:
    """Something given that was not taken back, by its key in the books."""

    key: str
    amount: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is taken back to make up an amount: whole gifts, and what of the last one is given again."""

    keys: tuple[str, ...]
    given_again: int


class Grants(Protocol):
    """Gifts of a creator's staff. Each is noted in the audit, and the member is told, in the same transaction."""

    async def give(
        self, creator_id: CreatorId, by: StudentId, student_id: StudentId, award: Award, budget: Budget, told: Reply
    ) -> AwardStatus:
        """Give an award out of the budget and tell the member, once for its key."""
        ...

    async def take_back(
        self, creator_id: CreatorId, by: StudentId, student_id: StudentId, key: str, reason: str, creator_name: str
    ) -> int:
        """Take one gift back and tell the member; what is gone is owed. Returns how much, 0 where it was done before.

        Raises:
            Refused: there is no such gift to this member.
        """
        ...

    async def revoke(
        self, creator_id: CreatorId, by: StudentId, student_id: StudentId, amount: int, reason: str, creator_name: str
    ) -> None:
        """Take an amount back out of the last gifts and tell the member; what is gone is owed.

        Raises:
            Refused: the staff gave less than that in the last 30 days.
        """
        ...


def revocation(gifts: Sequence[Gift], amount: int) -> Revocation:
    """Choose what is taken back to make up an amount.

    Args:
        gifts: what can be taken back, newest first.
        amount: at least 1.

    Raises:
        Refused: there is less than that.
    """
    taken, keys = 0, []
    for gift in gifts:
        if taken >= amount:
            break
        taken += gift.amount
        keys.append(gift.key)
    if taken < amount:
        there = f"at most {taken:,} can be taken back" if taken else "there is nothing to take back"
        raise Refused(
            f"The staff gave that member less than {amount:,} CHRONOS in the last 30 days: {there}. "
            "What they were given before they linked their accounts cannot be taken back."
        )
    return Revocation(tuple(keys), taken - amount)


def gift_told(creator_name: str, amount: int, reason: str) -> Reply:
    """What a member is told who was given something."""
    return Reply(
        RichText.of(
            "🎁 ", bold(f"{amount:,} CHRONOS"), f" from the staff of {creator_name}: {reason}. /balance shows all."
        )
    )


def revocation_told(creator_name: str, amount: int, reason: str) -> Reply:
    """What a member is told from whom something was taken back."""
    words = (
        f" of what the staff of {creator_name} gave you were taken back: {reason}. Please ask them if that is wrong."
    )
    return Reply(RichText.of(bold(f"{amount:,} CHRONOS"), words))
