"""Paying redemptions: one step at a time, each of which may be the last of this process."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from core.errors import ProviderError
from core.ids import CreatorId
from core.rewards.redemption import PAUSED_SHORT, Attempt, Fate, Found, Payout, Rail, Redemption, State

LOOK_AGAIN_AFTER: Final = (
    timedelta(seconds=20), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20), timedelta(hours=1),
)  # fmt: skip
SETTLED_LOOK: Final = timedelta(days=1)
SETTLED_FOR: Final = timedelta(days=60)
"""How long a payout that arrived is looked at every day: it may still come back."""
TOO_LATE: Final = "The provider does not know any more whether it was paid; the operator has to look."


class PayoutBook(Protocol):
    """The redemptions of a creator as a worker moves them.

    Each call is one transaction, and changes nothing where the redemption stands elsewhere by now.
    """

    async def next_due(self, creator_id: CreatorId, now: datetime) -> Redemption | None:
        """The redemption that is due longest, put off for a while so that nobody else takes it meanwhile."""
        ...

    async def begin(self, redemption: Redemption, now: datetime) -> Redemption | None:
        """Note, before the first call, that it is being sent; None where it must not be: cancelled or paused.

        Where the student is no verified member any more, it is released.
        """
        ...

    async def may_send(self, redemption: Redemption) -> bool:
        """Whether payouts of its creators go on."""
        ...

    async def keep(self, redemption: Redemption, attempt: Attempt) -> Attempt:
        """Store what was signed in the place of ``redemption.attempt``; return what stands there now."""
        ...

    async def put_off(
        self, redemption: Redemption, found: Found, state: State, now: datetime, after: timedelta
    ) -> None:
        """Note what is known, and look again later."""
        ...

    async def settle(self, redemption: Redemption, found: Found, now: datetime, due_at: datetime) -> None:
        """Note that it is paid: the CHRONOS are redeemed and the student is told."""
        ...

    async def release(self, redemption: Redemption, reason: str, now: datetime) -> None:
        """Note that it is not paid and never will be: the CHRONOS go back and the student is told."""
        ...

    async def give_back(self, redemption: Redemption, reason: str, now: datetime) -> None:
        """Note that what was paid came back: so do the CHRONOS, and the student is told."""
        ...


@dataclass(frozen=True, slots=True)
class Paying:
    """Moves redemptions on."""

    book: PayoutBook
    payouts: Mapping[Rail, Payout]

    async def all_due(self, creator_id: CreatorId, now: datetime, stop: asyncio.Event) -> None:
        """Move on all of a creator's redemptions that are due, each once."""
        while not stop.is_set() and (redemption := await self.book.next_due(creator_id, now)) is not None:
            await self.step(redemption, now)

    async def step(self, redemption: Redemption, now: datetime) -> None:
        """Move one redemption on; what a provider does not say stays held and is asked again."""
        payout = self.payouts.get(redemption.rail)
        if redemption.student_id is None and redemption.state is State.READY:
            await self.book.release(redemption, "erased", now)
        elif payout is None:
            reason = "This way of payment is closed at the moment."
            await self._put_off(redemption, Found(Fate.POSTPONED, reason=reason), redemption.state, now)
        elif redemption.state is State.READY:
            await self._send(payout, redemption, now)
        else:
            await self._resume(payout, redemption, now)

    async def _send(self, payout: Payout, redemption: Redemption, now: datetime) -> None:
        begun = await self.book.begin(redemption, now)
        if begun is not None:
            found = await self._asked(payout, begun, send=True)
            await self._apply(begun, found, now, certain=True)

    async def _resume(self, payout: Payout, redemption: Redemption, now: datetime) -> None:
        found = await self._asked(payout, redemption, send=False)
        certain = True
        if redemption.state is not State.SETTLED and _may_be_sent_anew(found):
            certain = found.fate is Fate.MISSING
            found = await self._sent_anew(payout, redemption, now)
        await self._apply(redemption, found, now, certain=certain)

    async def _sent_anew(self, payout: Payout, redemption: Redemption, now: datetime) -> Found:
        """Under the same key: it pays only where no earlier call did."""
        limit = payout.sends_again_for
        if limit is not None and redemption.began_at is not None and now - redemption.began_at > limit:
            return Found(Fate.UNKNOWN, reason=TOO_LATE)
        if not await self.book.may_send(redemption):
            return Found(Fate.UNKNOWN, reason=PAUSED_SHORT)
        return await self._asked(payout, redemption, send=True)

    async def _asked(self, payout: Payout, redemption: Redemption, *, send: bool) -> Found:
        async def keep(attempt: Attempt) -> Attempt:
            return await self.book.keep(redemption, attempt)

        try:
            return await payout.send(redemption, keep) if send else await payout.look(redemption)
        except ProviderError as error:
            return Found(Fate.UNKNOWN, reason=str(error))

    async def _apply(self, redemption: Redemption, found: Found, now: datetime, *, certain: bool) -> None:
        """Note what became of it; a refusal counts only where no earlier call can have paid."""
        settled = redemption.state is State.SETTLED
        if found.fate is Fate.SETTLED:
            await self.book.settle(redemption, found, now, now + SETTLED_LOOK)
        elif found.fate is Fate.FAILED and settled:
            await self.book.give_back(redemption, found.reason, now)
        elif settled:
            await self.book.put_off(redemption, found, State.SETTLED, now, SETTLED_LOOK)
        elif found.fate is Fate.FAILED and certain:
            await self.book.release(redemption, found.reason, now)
        elif found.fate is Fate.POSTPONED and certain:
            await self._put_off(redemption, found, State.READY, now)
        elif found.fate is Fate.PENDING:
            await self._put_off(redemption, found, State.SENT, now)
        else:
            await self._put_off(redemption, found, redemption.state, now)

    async def _put_off(self, redemption: Redemption, found: Found, state: State, now: datetime) -> None:
        after = LOOK_AGAIN_AFTER[min(redemption.looks, len(LOOK_AGAIN_AFTER) - 1)]
        await self.book.put_off(redemption, found, state, now, after)


def _may_be_sent_anew(found: Found) -> bool:
    """Whether the provider knows nothing of it; a call that failed says nothing."""
    return found.fate is Fate.MISSING or (found.fate is Fate.UNKNOWN and not found.reason)
