"""Answers that a model was paid for, given again: to the same question, or to one that is shown to ask the same.

What is kept is words and places. A kept answer is given only after every sentence that it cites was read again under
the scope of who asks, and its links are made from what was read.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from core.asking.answer import Answer, Citation, Confidence, Mode, Outcome, Sentence
from core.asking.citing import SAME_MOMENT, Evidence, Place, citation, spans_to_read
from core.asking.embedding import Vector
from core.asking.given import GivenText
from core.asking.holdings import CorpusState, Holdings, Span, StoredSentence
from core.asking.notes import as_evidence, with_notes
from core.asking.sameness import Difference, difference
from core.asking.wording import SURE, Found
from core.asking.words import Stemmer
from core.asking.writing import Manner, Wishes
from core.errors import DatabaseFull
from core.ids import CreatorId, SourceId
from core.library.watching import WatchLinks
from core.tiers import Scope

PROMPTS: Final = "2"
"""Moves with every change of our own prompts or checks: what was written under older ones is written anew."""
CLOSE: Final = 0.85
"""From this cosine on two questions are looked at; whether they ask the same is told otherwise."""
MOST_NEAR: Final = 5
LIFETIME: Final = timedelta(days=7)
MOST_KEPT: Final = 2_000
"""Entries of one creator; what was given longest ago goes first."""


_END: Final = re.compile(r"(?<=[\w)\]>])\s*(?:\?+!*|[.?]+)$")
"""What ends a question without being a part of it: an operator stands alone, and ``save!`` is a name."""


class Looked(StrEnum):
    """What became of a look into the cache; what is refused names what told the closest kept question apart."""

    EXACT = "exact"
    VERIFIED = "verified"
    MISS = "miss"
    NUMBERS = "refused_numbers"
    NAMES = "refused_names"
    NEGATION = "refused_negation"
    WORDING = "refused_wording"
    EVIDENCE = "refused_evidence"
    GONE = "refused_gone"

    @property
    def hit(self) -> bool:
        """Whether an answer was given from the cache."""
        return self in {Looked.EXACT, Looked.VERIFIED}


@dataclass(frozen=True, slots=True)
class Setting:
    """What an answer without a conversation depends on, beside the question and the material."""

    embedder_id: str
    models: tuple[str, ...]
    language: str
    manner: Manner
    wishes: Wishes

    def key(self, scope: Scope) -> bytes:
        """The same for whoever would be answered alike: 32 bytes."""
        said = asdict(self) | {"tiers": sorted(scope.tiers or ()), "prompts": PROMPTS}
        said["manner"]["sources"] = None if self.manner.sources is None else sorted(self.manner.sources)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question that leans on no conversation, as it is looked up; ``scope`` names tiers that the library has."""

    scope: Scope
    setting: bytes
    corpus_version: int
    question: str

    @classmethod
    def of(cls, question: str, scope: Scope, state: CorpusState, setting: Setting) -> "Inquiry":
        """Look a question up in the present state of a library."""
        within = scope.among(state.tiers)
        return cls(within, setting.key(within), state.version, _plain(question))

    @property
    def key(self) -> bytes:
        """See :func:`question_key`."""
        return question_key(self.question)


def question_key(question: str) -> bytes:
    """A question without case and the marks that end it, as 32 bytes from which its words cannot be read."""
    return hashlib.sha256(_END.sub("", _plain(question).casefold()).encode()).digest()


def _plain(question: str) -> str:
    """A question as it was typed, in one spelling: a tag, an operator or a bracket may be what it is about."""
    raised = "".join(f"^{mark}" if _raised(mark) else mark for mark in question)
    return " ".join(unicodedata.normalize("NFKC", raised).split())


def _raised(mark: str) -> bool:
    """Whether it is a small figure above or below the line, which NFKC would put beside the one before it."""
    return unicodedata.decomposition(mark).startswith(("<super>", "<sub>"))


@dataclass(frozen=True, slots=True)
class KeptCitation:
    """A citation as it is kept: where its sentences are, and a digest of their words."""

    label: str
    source_id: SourceId
    positions: tuple[int, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it is kept, without the notes above it; ``starts`` are the best moments that it was made from.

    ``entry_id`` is 0 until it is kept. ``notes`` are those of the staff that stood above it.
    """

    question: str
    corpus_version: int
    outcome: Outcome
    confidence: Confidence
    notice: str
    model: str
    sentences: tuple[Sentence, ...]
    citations: tuple[KeptCitation, ...]
    starts: tuple[Place, ...]
    notes: tuple[SourceId, ...] = ()
    entry_id: int = 0


class KeptAnswers(Protocol):
    """Where answers are kept, each creator's for themselves, for all processes. Times are aware."""

    async def exact(self, inquiry: Inquiry, since: datetime) -> KeptAnswer | None:
        """What was kept for just this question at this version, or given for it since."""
        ...

    async def near(self, inquiry: Inquiry, vector: Vector, since: datetime) -> list[KeptAnswer]:
        """The closest of the same setting from a cosine of ``CLOSE`` on, at most ``MOST_NEAR``, closest first."""
        ...

    async def keep(self, inquiry: Inquiry, vector: Vector, kept: KeptAnswer, at: datetime) -> None:
        """Keep an answer in place of an older one, unless the corpus has moved on; beyond ``MOST_KEPT`` some go."""
        ...

    async def note(self, inquiry: Inquiry, looked: Looked, at: datetime, entry_id: int = 0) -> None:
        """Count a look; of a hit, note that the entry was used, and for which question."""
        ...

    async def cache_counts(self, creator_id: CreatorId, since: datetime) -> Mapping[Looked, int]:
        """How often each came of a look since the day of ``since``."""
        ...

    async def purge(self, creator_id: CreatorId, now: datetime) -> None:
        """Forget what is too old to be given again."""
        ...


class CacheWatch(Protocol):
    """Hears what becomes of each look."""

    def looked(self, looked: Looked) -> None:
        """Count it."""
        ...


class AnswerCache:
    """Gives kept answers again, where nothing that they rest on has changed."""

    def __init__(
        self, kept: KeptAnswers, holdings: Holdings, stem: Stemmer, links: WatchLinks, watch: CacheWatch,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._kept = kept
        self._holdings = holdings
        self._stem = stem
        self._links = links
        self._watch = watch
        self._now = now

    async def exact(self, inquiry: Inquiry, notes: Sequence[GivenText]) -> Answer | None:
        """The answer to this very question at this version of the corpus, below the notes it had."""
        kept = await self._kept.exact(inquiry, self._now() - LIFETIME)
        shown = [note for note in notes if kept and note.source_id in kept.notes]
        if kept is None or len(shown) < len(kept.notes):
            return None
        answer = await self._again(kept, inquiry.scope, shown)
        if answer is None:
            return None
        await self._note(inquiry, Looked.EXACT, kept.entry_id)
        in_order = sorted(shown, key=lambda note: kept.notes.index(note.source_id))
        return with_notes(answer, in_order, inquiry.scope.creator_id, self._links)

    async def verified(
        self, inquiry: Inquiry, vector: Vector, found: Found, notes: Sequence[GivenText]
    ) -> Answer | None:  # fmt: skip
        """The answer to a question that asks the same and finds the same; notes are still to be put above it.

        Args:
            inquiry: what is asked.
            vector: float32 (d,) of length 1, of the question.
            found: what searching for this question brought just now.
            notes: those that apply to it.
        """
        near = await self._kept.near(inquiry, vector, self._now() - LIFETIME)
        reasons: list[Looked] = []
        for kept in near:
            reason = self._told_apart(kept, inquiry, found, notes)
            answer = None if reason else await self._again(kept, inquiry.scope, notes)
            if answer:
                await self._note(inquiry, Looked.VERIFIED, kept.entry_id)
                return answer
            reasons.append(reason or Looked.GONE)
        await self._note(inquiry, reasons[0] if reasons else Looked.MISS)
        return None

    async def keep(
        self, inquiry: Inquiry, vector: Vector, found: Found, notes: Sequence[GivenText], answer: Answer
    ) -> None:
        """Keep what a model wrote; a quote is found again as fast, and a refusal may be wrong tomorrow."""
        if answer.mode is not Mode.WRITTEN or not answer.places:
            return
        cited = tuple(
            KeptCitation(each.label, each.source_id, places, _digest_of_quote(each))
            for each, places in zip(answer.citations, answer.places, strict=True)
        )
        kept = KeptAnswer(
            inquiry.question, inquiry.corpus_version, answer.outcome, answer.confidence, answer.notice, answer.model,
            answer.sentences, cited, _starts(found), tuple(note.source_id for note in notes),
        )  # fmt: skip
        with suppress(DatabaseFull):
            await self._kept.keep(inquiry, vector, kept, self._now())

    def _told_apart(
        self, kept: KeptAnswer, inquiry: Inquiry, found: Found, notes: Sequence[GivenText]
    ) -> Looked | None:  # fmt: skip
        if differs := difference(kept.question, inquiry.question, self._stem):
            return _REFUSED[differs]
        same = _same_evidence(kept, found) and set(kept.notes) == {note.source_id for note in notes}
        return None if same else Looked.EVIDENCE

    async def _again(self, kept: KeptAnswer, scope: Scope, notes: Sequence[GivenText]) -> Answer | None:
        """The answer with its citations as the database has them now; None where one is gone or was worded anew."""
        noted = {note.source_id for note in notes}
        cited = [Span(c.source_id, at, at) for c in kept.citations if c.source_id not in noted for at in c.positions]
        read = Evidence.of([*as_evidence(notes), *(await self._holdings.sentences(scope, cited))]).stored
        shown: list[Citation] = []
        sentences: list[StoredSentence] = []
        for each in kept.citations:
            quote = [read[place] for at in each.positions if (place := (each.source_id, at)) in read]
            made = citation(scope.creator_id, each.label, quote, self._links) if quote else None
            if made is None or len(quote) < len(each.positions) or _digest_of_quote(made) != each.digest:
                return None
            shown.append(made)
            sentences += quote
        return Answer(
            kept.outcome, Mode.WRITTEN, kept.confidence, kept.sentences, tuple(shown), kept.notice, kept.model,
            members_only=any(sentence.tier for sentence in sentences),
        )  # fmt: skip

    async def _note(self, inquiry: Inquiry, looked: Looked, entry_id: int = 0) -> None:
        self._watch.looked(looked)
        with suppress(DatabaseFull):
            await self._kept.note(inquiry, looked, self._now(), entry_id)


_REFUSED: Final = {differs: Looked(f"refused_{differs.value}") for differs in Difference}


def _same_evidence(kept: KeptAnswer, found: Found) -> bool:
    """Whether searching found the moments that an answer was made from, and as surely, and no other ones."""
    fresh = _starts(found)
    read = {
        (span.source_id, at) for span in spans_to_read(found.ranking) for at in range(span.first, span.last + 1)
    } | {(note, 0) for note in kept.notes}
    return (
        (kept.confidence not in SURE or found.confidence in SURE)
        and all(_among(start, kept.starts) for start in fresh)
        and all(_among(start, fresh) for start in kept.starts)
        and all((each.source_id, at) in read for each in kept.citations for at in each.positions)
    )


def _starts(found: Found) -> tuple[Place, ...]:
    return tuple((start.source_id, start.unit) for start in found.ranking.starts)


def _among(place: Place, others: Iterable[Place]) -> bool:
    """Whether one of the others is the same moment."""
    return any(place[0] == source_id and abs(place[1] - unit) <= SAME_MOMENT for source_id, unit in others)


def _digest_of_quote(cited: Citation) -> str:
    """The words of a citation; its title, link and time may change, and are as they are now."""
    return hashlib.sha256(cited.quote.encode()).hexdigest()
