"""Sources that take the place of another: a corrected transcript, or a new cut. The former one can be had back."""

from typing import Final, Protocol

from core.conversation import Button, Place, Reply, Tone
from core.ids import CreatorId, SourceId, StudentId
from core.library.store import Added, NewSource, Revision, Source, Stage
from core.library.uploads import TITLE_LENGTH
from core.richtext import RichText, bold

CALLED: Final = {Revision.CORRECTION: "corrected", Revision.REPLACEMENT: "new cut"}
"""What a revision is called behind the title of what it revises."""


class Revisions(Protocol):
    """Revisions of sources. No method can reach across creators."""

    async def begin(
        self, creator_id: CreatorId, revised: SourceId, kind: Revision, new: NewSource, *,
        uploader: StudentId, place: Place | None,
    ) -> Added:  # fmt: skip
        """Write a revision as a source of its own, with its work and a card; ``known`` where it is there already.

        Without a place it waits, seen by nobody, until it is confirmed or a week has passed.
        """
        ...

    async def confirm(self, creator_id: CreatorId, source_id: SourceId, place: Place) -> bool:
        """Begin the work on what waits; False where nothing does."""
        ...

    async def undo(self, creator_id: CreatorId, source_id: SourceId) -> Source | None:
        """Give back the place that a revision took; the source as it is then. None where it is too late."""
        ...


def title_of(source: Source, kind: Revision) -> str:
    """What the revision of a source is called while it is worked on."""
    behind = f" ({CALLED[kind]})"
    return source.title[: TITLE_LENGTH - len(behind)] + behind


def revision_card(source: Source) -> Reply:
    """The card of a revision that has taken its place, or could not."""
    if source.stage is Stage.FAILED:
        again = Button("Try again", "retry", str(source.id), Tone.GOOD)
        remove = Button("Remove", "discard", str(source.id), Tone.DANGER)
        words = f" could not be used, so answers stay with what was there. {source.reason}"
        return Reply(RichText.of("❌ ", bold(source.title), words), ((again, remove),))
    words = " is what answers use now. Links and history stay; for a week, Undo brings back what was there before."
    return Reply(RichText.of("✅ ", bold(source.title), words), ((Button("Undo", "former", str(source.id)),),))
