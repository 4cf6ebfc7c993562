"""What the staff wrote, as an answer or above one: cited like everything else, and shown as it was written."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from core.asking.answer import Answer, Citation, Confidence, Locator, Mode, Origin, Outcome, Sentence
from core.asking.given import MOST_NOTES, GivenText
from core.asking.holdings import StoredSentence
from core.asking.markup import strip_markup
from core.asking.ranking import Ranking
from core.ids import CreatorId
from core.library.store import SourceKind
from core.library.transcript import LocatorKind
from core.library.watching import WatchLinks

_LINK: Final = re.compile(r"https?://", re.IGNORECASE)


def pair_answer(creator_id: CreatorId, pair: GivenText, links: WatchLinks) -> Answer:
    """The answer that was written for a question, word for word."""
    return Answer(
        Outcome.ANSWERED, Mode.QUOTED, Confidence.HIGH, (Sentence(pair.text, ("1",), Origin.PAIR),),
        (_citation(creator_id, "1", pair, links, SourceKind.QA),), members_only=bool(pair.tier),
    )  # fmt: skip


def notes_alone(creator_id: CreatorId, notes: Sequence[GivenText], links: WatchLinks) -> Answer:
    """An answer that nothing but notes on the question's topic gives."""
    nothing = Answer(Outcome.ANSWERED, Mode.QUOTED, Confidence.MEDIUM)
    return with_notes(nothing, notes, creator_id, links)


def with_notes(answer: Answer, notes: Sequence[GivenText], creator_id: CreatorId, links: WatchLinks) -> Answer:
    """The same answer below notes: those that it does not cite, and those whose links only they can show."""
    cited = {citation.source_id: citation for citation in answer.citations}
    missing = [note for note in notes if note.source_id not in cited]
    moved = {c.label: str(int(c.label) + len(missing)) for c in answer.citations}
    labels = {note.source_id: str(at) for at, note in enumerate(missing, 1)}
    labels |= {source_id: moved[citation.label] for source_id, citation in cited.items()}
    shown = [note for note in notes if note in missing or _LINK.search(note.text)]
    return replace(
        answer,
        sentences=(
            *(Sentence(note.text, (labels[note.source_id],), Origin.NOTE) for note in shown),
            *(replace(s, labels=tuple(moved[label] for label in s.labels)) for s in answer.sentences),
        ),
        citations=(
            *(_citation(creator_id, labels[note.source_id], note, links, SourceKind.NOTE) for note in missing),
            *(replace(c, label=moved[c.label]) for c in answer.citations),
        ),
        members_only=answer.members_only or any(note.tier for note in shown),
    )


def _citation(
    creator_id: CreatorId, label: str, given: GivenText, links: WatchLinks, kind: SourceKind
) -> Citation:  # fmt: skip
    where = Locator(LocatorKind.HEADING.value, strip_markup(given.question))
    url = links.link(creator_id, given.source_id, None)
    return Citation(label, given.source_id, given.title, url, where, None, None, strip_markup(given.text), kind.value)


def applied(
    notes: Sequence[GivenText], on_topic: Sequence[GivenText], ranking: Ranking
) -> tuple[list[GivenText], Ranking]:
    """The notes that belong to a question, and what was found besides them.

    Args:
        notes: all that are open to who asks.
        on_topic: those whose words the question says; they come first.
        ranking: what was found; a note among the best moments belongs to the question, too.
    """
    known = {note.source_id: note for note in notes}
    found = [known[start.source_id] for start in ranking.starts if start.source_id in known]
    besides = replace(
        ranking,
        hits=tuple(hit for hit in ranking.hits if hit.source_id not in known),
        starts=tuple(start for start in ranking.starts if start.source_id not in known),
    )
    return list(dict.fromkeys([*on_topic, *found]))[:MOST_NOTES], besides


def as_evidence(notes: Sequence[GivenText]) -> list[StoredSentence]:
    """Notes as sentences that a model may read and cite: text like any other, and no instruction."""
    return [
        StoredSentence(
            note.source_id, 0, 0.0, 1.0, None, 0, note.text, note.title, "", 0.0, timed=False,
            locator=note.question, locator_kind=LocatorKind.HEADING, tier=note.tier, kind=SourceKind.NOTE,
        )
        for note in notes
    ]  # fmt: skip
