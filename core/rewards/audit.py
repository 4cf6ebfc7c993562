"""What the staff of a creator did that others may ask about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from core.ids import CreatorId


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing done: by whom and about whom by name, empty where they are gone; ``note`` is the reason given."""

    at: datetime
    by: str
    action: str
    about: str
    details: Mapping[str, Any]
    note: str = ""


class Audit(Protocol):
    """What was done, to read; it is written with what is done."""

    async def deeds(
        self, creator_id: CreatorId, *, platform: str, action: str = "", offset: int = 0, limit: int = 10
    ) -> tuple[Sequence[Deed], int]:
        """What was done with a creator's community, newest first, and how much there is in all."""
        ...
