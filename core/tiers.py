"""Tiers: names that a creator's staff give to sources and to members, such as gold.

A source without a tier is open to everybody who may ask; one with a tier to the members of just that tier.
"""

from dataclasses import dataclass, replace
from typing import Final

from core.errors import Refused
from core.ids import CreatorId, SourceId
from core.richtext import one_line

Tiers = frozenset[str] | None
"""Those that are open to somebody beside what is for everybody; None: all of them, as for staff."""

NO_TIERS: Final[frozenset[str]] = frozenset()
ALL_TIERS: Final = None
LONGEST_TIER_BYTES: Final = 24
"""A button carries a tier's name, too."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody may be answered from: one creator's sources for everybody, and those of ``tiers``.

    ``sources``: only these of them, as the assistant that answers was told; None: all.
    """

    creator_id: CreatorId
    tiers: Tiers
    sources: frozenset[SourceId] | None = None

    @classmethod
    def whole(cls, creator_id: CreatorId) -> "Scope":
        """All of a creator's sources."""
        return cls(creator_id, ALL_TIERS)

    def opens(self, tier: str) -> bool:
        """Whether a source of this tier is within."""
        return not tier or self.tiers is None or tier in self.tiers

    def among(self, known: frozenset[str]) -> "Scope":
        """The same, named by the tiers that a library really has, so that equal rights share what is held of it."""
        return replace(self, tiers=known if self.tiers is None else self.tiers & known)

    def among_sources(self, source_id: SourceId) -> bool:
        """Whether a source is one of those that are answered from, whatever its tier."""
        return self.sources is None or source_id in self.sources


def tier_said(text: str) -> str | None:
    """A tier as it was typed; None where nothing was said, empty where none is wanted.

    Raises:
        Refused: it is too long for a name.
    """
    name = one_line(text).lower()
    if len(name.encode()) > LONGEST_TIER_BYTES:
        raise Refused(
            f"A tier has a short name, such as gold: at most {LONGEST_TIER_BYTES} letters, or half of that "
            "where they are not Latin."
        )
    return {"": None, "none": ""}.get(name, name)


def tier_words(tier: str | None) -> str:
    """The inverse of :func:`tier_said`."""
    return {None: "", "": "none"}.get(tier, tier or "")


def locked(tier: str) -> str:
    """How what is for other members is marked."""
    return f"🔒 for {tier}"
