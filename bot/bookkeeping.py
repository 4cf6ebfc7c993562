"""What the operator does with the books in the shell: check them, and let payouts go on."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from bot.administration import creator_called
from bot.app import open_deployment
from bot.settings import Settings
from core.errors import Refused
from core.rewards.ledger import Fault


@dataclass(frozen=True, slots=True)
class Books:
    """A creator's books: what is wrong in them, and whether payouts are paused."""

    handle: str
    faults: tuple[Fault, ...]
    paused: bool

    @property
    def lines(self) -> list[str]:
        """For a person to read."""
        state = f"{len(self.faults)} faults" if self.faults else "in order"
        pause = f"; payouts are paused: 'chronos ledger thaw {self.handle}' ends it" if self.paused else ""
        return [f"{self.handle}: {state}{pause}", *(f"  {fault.fault}: {fault.about}" for fault in self.faults)]

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return {
            "creator": self.handle,
            "faults": [asdict(fault) for fault in self.faults],
            "payouts_paused": self.paused,
        }


async def check_books(settings: Settings, handle: str) -> list[Books]:
    """Look through a creator's books, or through all creators'; nothing is changed."""
    found = []
    async with open_deployment(settings) as deployment:
        freezes, directory = deployment.payouts.freezes, deployment.directory
        creators = [await creator_called(deployment, handle)] if handle else await directory.creators()
        for creator in creators:
            faults = [*await deployment.services.ledger.faults(creator.id), *await freezes.faults(creator.id)]
            found.append(Books(creator.handle, tuple(faults), await freezes.is_frozen(creator.id)))
    return found


async def thaw(settings: Settings, handle: str) -> None:
    """Let a creator's payouts go on.

    Raises:
        Refused: they were not paused.
    """
    async with open_deployment(settings) as deployment:
        creator = await creator_called(deployment, handle)
        if not await deployment.payouts.freezes.thaw(creator.id, datetime.now(UTC)):
            raise Refused(f"The payouts of {handle} are not paused.")
