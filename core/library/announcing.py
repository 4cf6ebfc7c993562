"""Telling a community that there is something new to ask about."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from core.conversation import Button, Place, Reply, Tone
from core.ids import CommunityId, CreatorId, SourceId
from core.library.cards import clock
from core.richtext import RichText, joined, link

MOST_TITLES: Final = 5


class Subject(StrEnum):
    """What a community wants to be told of: new lessons, and what concerns its staff."""

    LESSONS = "lessons"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Fresh:
    """A source that has just become ready; ``link`` is empty where it has none."""

    source_id: SourceId
    title: str
    link: str
    duration_s: float


class Announcements(Protocol):
    """Where communities want what told. No method can reach across creators."""

    async def place(self, creator_id: CreatorId, community_id: CommunityId, subject: Subject) -> Place | None:
        """Where in a community it is told; None where it is not."""
        ...

    async def choose(
        self, creator_id: CreatorId, community_id: CommunityId, subject: Subject, place: Place | None
    ) -> None:
        """Tell what happens from now on in a place, or nowhere."""
        ...


def announcement(fresh: Sequence[Fresh]) -> Reply:
    """One message, however many sources became ready together."""
    if len(fresh) == 1:
        about = Button("Ask about it", "about", str(fresh[0].source_id), Tone.GOOD)
        return Reply(RichText.of("📣 New: ", *_line(fresh[0]).spans, ". Ask about it."), ((about,),))
    lines = [RichText.of("▸ ", *_line(each).spans) for each in fresh[:MOST_TITLES]]
    more = f"\n… and {len(fresh) - MOST_TITLES} more" if len(fresh) > MOST_TITLES else ""
    return Reply(RichText.of(f"📣 {len(fresh)} new lessons to ask about:\n", *joined(lines).spans, more))


def _line(fresh: Fresh) -> RichText:
    length = f" ({clock(fresh.duration_s)})" if fresh.duration_s else ""
    return RichText.of(link(fresh.title, fresh.link) if fresh.link else fresh.title, length)
