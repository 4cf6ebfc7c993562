"""Answers in their final words: what the evidence carries of a draft, or the creator's own sentences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.asking.answer import Answer, Confidence, Mode, Outcome, Sentence
from core.asking.checking import verify
from core.asking.citing import Evidence, citation, numbered, quotes
from core.asking.gate import answers_by_itself
from core.asking.holdings import StoredSentence
from core.asking.notices import CLOSEST, NOT_COVERED, WORDS_ONLY, WORDS_ONLY_NOTHING
from core.asking.ranking import Ranking
from core.asking.writing import Draft, DraftSentence, Task
from core.ids import CreatorId
from core.library.transcript import LocatorKind
from core.library.watching import WatchLinks

SURE: Final = frozenset({Confidence.HIGH, Confidence.MEDIUM})


@dataclass(frozen=True, slots=True)
class Found:
    """What searching brought, and how sure it is.

    ``lacking`` are parts of the question that alone find nothing. ``words_only``: there was no vector to search with.
    """

    ranking: Ranking
    confidence: Confidence
    lacking: tuple[str, ...] = ()
    words_only: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """Puts what was found for one question into words; ``evidence`` are the sentences as the database has them.

    ``length`` is what the asker wishes, as in :class:`core.asking.writing.Wishes`.
    """

    creator_id: CreatorId
    question: str
    found: Found
    evidence: Evidence
    links: WatchLinks
    length: str = ""

    def written(self, draft: Draft, task: Task) -> Answer:
        """What of a draft its evidence carries; where nothing is left of it, the creator is quoted."""
        if not draft.covered:
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        kept = verify(draft, task)
        if not kept:
            return self.quoted()
        return self._of(kept)

    def growing(self, kept: Sequence[DraftSentence]) -> Answer:
        """An answer so far; what comes may cite anything that was read, so for members it counts as cited."""
        return replace(self._of(kept), members_only=_members_only([tuple(self.evidence.stored.values())]))

    def unfinished(self, kept: Sequence[DraftSentence]) -> Answer:
        """How far models came that all broke off; where nothing of it stands, the creator is quoted."""
        return replace(self._of(kept), finished=False) if kept else self.quoted()

    def _of(self, kept: Sequence[DraftSentence]) -> Answer:
        sentences, cited = numbered(kept, self.evidence)
        return Answer(
            outcome=Outcome.ANSWERED if self.found.confidence in SURE else Outcome.CLOSEST,
            mode=Mode.WRITTEN,
            confidence=self.found.confidence,
            sentences=sentences,
            citations=tuple(
                citation(self.creator_id, str(number), quote, self.links) for number, quote in enumerate(cited, 1)
            ),
            members_only=_members_only(cited),
            places=tuple(tuple(sentence.position for sentence in quote) for quote in cited),
        )

    def doubted(self) -> Answer:
        """Where a reader found no answer: nothing if scores are low as well, else the closest moments."""
        if self.found.confidence is Confidence.LOW:
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        return self.quoted(doubted=True)

    def quoted(self, *, doubted: bool = False) -> Answer:
        """The best moments in the creator's own words; ``doubted``: a reader found that they do not answer."""
        ranking = self.found.ranking
        chosen = quotes(ranking.starts, self.evidence, self.length)
        if not chosen:
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        citations = tuple(
            citation(self.creator_id, str(number), quote, self.links) for number, quote in enumerate(chosen, 1)
        )
        quoted = " ".join(
            f"{cited.title} {_above(quote)} {cited.quote}" for cited, quote in zip(citations, chosen, strict=True)
        )
        answers = not doubted and answers_by_itself(self.question, quoted, ranking.covered)
        sure = self.found.confidence in SURE and answers
        return Answer(
            outcome=Outcome.ANSWERED if sure else Outcome.CLOSEST,
            mode=Mode.QUOTED,
            confidence=self.found.confidence if sure else Confidence.LOW,
            sentences=tuple(Sentence(cited.quote, (cited.label,)) for cited in citations),
            citations=citations,
            notice="" if sure else CLOSEST,
            members_only=_members_only(chosen),
        )


def by_words_only(answer: Answer) -> Answer:
    """Say of an answer that it was looked for by words alone; it is at most the closest there is."""
    if not answer.citations:
        return replace(answer, notice=WORDS_ONLY_NOTHING)
    return replace(answer, notice="\n\n".join(part for part in (WORDS_ONLY, answer.notice) if part))


def without_answer(outcome: Outcome, notice: str) -> Answer:
    """An answer that is none, and says why."""
    return Answer(outcome, Mode.QUOTED, Confidence.NONE, notice=notice)


def _above(quote: Sequence[StoredSentence]) -> str:
    """The heading, or the question, that a quote stands under."""
    return quote[0].locator if quote[0].locator_kind is LocatorKind.HEADING else ""


def _members_only(cited: Iterable[Sequence[StoredSentence]]) -> bool:
    return any(sentence.tier for quote in cited for sentence in quote)
