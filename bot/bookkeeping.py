"""What the operator does with the books in the shell: check them, and let payouts go on."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bot.administration import creator_called
from bot.app import open_deployment
from bot.settings import Settings
from core.errors import Refused
from core.rewards.ledger import Fault
from core.rewards.paying import SETTLED_LOOK
from core.rewards.redemption import RAIL_NAMES, Fate, Found, Redemption

MANY_LOOKS: Final = 5
NO_LOOKS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Books:
    """A creator's books: what is wrong in them, whether payouts are paused, and which have no known end for long."""

    handle: str
    faults: tuple[Fault, ...]
    paused: bool
    unresolved: tuple[Redemption, ...] = ()

    @property
    def lines(self) -> list[str]:
        """For a person to read."""
        state = f"{len(self.faults)} faults" if self.faults else "in order"
        pause = f"; payouts are paused: 'chronos ledger thaw {self.handle}' ends it" if self.paused else ""
        faults = [f"  {fault.fault}: {fault.about}" for fault in self.faults]
        return [f"{self.handle}: {state}{pause}", *faults, *map(_unresolved_line, self.unresolved)]

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return {
            "creator": self.handle,
            "faults": [asdict(fault) for fault in self.faults],
            "payouts_paused": self.paused,
            "unresolved": [redemption.key for redemption in self.unresolved],
        }


async def check_books(settings: Settings, handle: str) -> list[Books]:
    """Look through a creator's books, or through all creators'; nothing is changed."""
    found = []
    async with open_deployment(settings) as deployment:
        freezes, directory = deployment.payouts.freezes, deployment.directory
        creators = [await creator_called(deployment, handle)] if handle else await directory.creators()
        for creator in creators:
            faults = [*await deployment.services.ledger.faults(creator.id), *await freezes.faults(creator.id)]
            unresolved = await deployment.payouts.book.unresolved(creator.id, MANY_LOOKS)
            paused = await freezes.is_frozen(creator.id)
            found.append(Books(creator.handle, tuple(faults), paused, tuple(unresolved)))
    return found


def _unresolved_line(redemption: Redemption) -> str:
    return (
        f"  {redemption.key}: {redemption.worth} by {RAIL_NAMES[redemption.rail]}, asked "
        f"{redemption.asked_at:%Y-%m-%d}, has no known end ({redemption.reason or 'under way'}). Where the provider "
        f"will not say it here, look there, then 'chronos ledger decide {redemption.key} --paid' or '--not-paid'."
    )


async def decide(settings: Settings, key: str, *, paid: bool) -> None:
    """Say how a payout ended that the provider does not tell us of.

    Raises:
        Refused: no payout under way has this key.
    """
    now = datetime.now(UTC)
    async with open_deployment(settings) as deployment:
        book = deployment.payouts.book
        for creator in await deployment.directory.creators():
            for redemption in await book.unresolved(creator.id, NO_LOOKS, key):
                if paid:
                    await book.settle(redemption, Found(Fate.SETTLED), now, now + SETTLED_LOOK)
                else:
                    await book.release(redemption, "the operator saw that it was not paid.", now)
                return
    raise Refused(f"No payout under way has the key {key!r}; 'chronos ledger check' shows those without a known end.")


async def thaw(settings: Settings, handle: str) -> None:
    """Let a creator's payouts go on.

    Raises:
        Refused: they were not paused.
    """
    async with open_deployment(settings) as deployment:
        creator = await creator_called(deployment, handle)
        if not await deployment.payouts.freezes.thaw(creator.id, datetime.now(UTC)):
            raise Refused(f"The payouts of {handle} are not paused.")
