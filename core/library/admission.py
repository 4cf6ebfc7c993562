"""Which item's turn it is, over all creators, and who holds it."""

from dataclasses import dataclass
from typing import Final, Protocol

from core.ids import CreatorId, ItemId

MOST_AT_ONCE: Final = 5
"""So many items of one creator are worked on at once."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An item that a worker holds; ``failures`` counts attempts that went wrong and workers that died over it."""

    creator_id: CreatorId
    item_id: ItemId
    failures: int = 0


class Admission(Protocol):
    """Lets items in fairly.

    The creator with the fewest items under way is next, then the one who waited longest; of a creator's items those
    of the smallest workflow, then the oldest. A held item comes back when its holder dies or stops renewing it.
    """

    async def next(self, worker: str) -> Admitted | None:
        """Give the item whose turn it is to a worker (a UUID); None where there is none that may begin now."""
        ...

    async def renew(self, worker: str, admitted: Admitted) -> bool:
        """Go on holding an item; False where it is done, removed, or in other hands."""
        ...

    async def release(self, worker: str, admitted: Admitted) -> None:
        """Give an item back at once, without counting a failure."""
        ...

    async def wake(self) -> None:
        """Wake a worker where an item may begin now."""
        ...
