"""The answer engine: a question in, a checked answer with citations out. Every way of asking comes through here."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from core.asking.answer import Answer, Confidence, ModelCall, Outcome, Usage
from core.asking.authors import Authors
from core.asking.budgets import Step
from core.asking.cache import AnswerCache, AnswerKey
from core.asking.citing import Evidence, spans_to_quote, spans_to_read
from core.asking.embedding import Embedder, Embedders
from core.asking.gate import Cutoff, calibrate, confidence, cutoff_of, null_questions
from core.asking.given import MOST_NOTES, NEARLY, Given, GivenText, asks_the_same, touched
from core.asking.holdings import CorpusState, Extent, Holdings, Snapshots, Span
from core.asking.notes import applied, as_evidence, notes_alone, pair_answer, with_notes
from core.asking.ranking import Hit, Ranking, SearchQuery, rank
from core.asking.routing import Asked, Routing
from core.asking.single_flight import SingleFlight
from core.asking.snapshot import Snapshot
from core.asking.tutoring import led
from core.asking.wording import NOT_COVERED, SURE, Found, Wording, without_answer
from core.asking.words import LONGEST_QUESTION, CleanQuestion, Stemmer, clean_question, term_ids
from core.asking.writing import Manner, Task, Turn, Wishes
from core.errors import EmbedderChanged, EmbedderMissing
from core.ids import CreatorId
from core.library.knowledge import fold
from core.library.store import SourceKind
from core.library.watching import WatchLinks
from core.tiers import NO_TIERS, Scope, Tiers

NOT_COVERED_HERE: Final = (
    "The material that is open to you here does not cover that, so I would rather not guess. /videos shows what is "
    "for which members."
)
NOTHING_YET: Final = "There is nothing to answer from yet: no video or document has been added."
WITHDRAWN: Final = "The staff took back what I answered to that. A better answer is on its way."
NO_QUESTION: Final = "I could not find a question in that. Try a whole sentence, such as: how do I start?"

SHORT_QUESTION: Final = 3
"""A question of at most this many content words may lean on the one before it."""
REFERRING: Final = frozenset(
    """and also but so then or it its this that these those they them their he she his her there one ones""".split()
)
AT_ONCE: Final = 16
"""How many of the unrelated questions are embedded at once: of a vendor's embedder each is a request."""
THINNED: Final = 4
"""Of the unrelated questions every fourth is enough for a library whose parts come from the database each time."""
KNOWN_SHARE: Final = 0.5
"""So many of a follow-up's own content words the library must have, before it takes context."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one creator's material; ``history`` are the earlier turns of the session, oldest first.

    ``tiers`` are those that are open to who asks. ``step`` says which models may be paid for; none: the answer is
    quoted. ``models`` are those that the creator prefers. ``background`` sums up what was said before ``history``.
    """

    creator_id: CreatorId
    text: str
    history: tuple[Turn, ...] = ()
    language: str = "en"
    step: Step = Step.LARGE
    tiers: Tiers = NO_TIERS
    manner: Manner = field(default_factory=Manner)
    wishes: Wishes = field(default_factory=Wishes)
    background: str = ""
    models: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """What it may be answered from."""
        return Scope(self.creator_id, self.tiers, self.manner.sources)


@dataclass(frozen=True, slots=True)
class Opened:
    """A creator's library as it is searched; ``cutoff`` is None where none was found yet.

    ``scope`` names the tiers that the library has of those open to who asks; ``partial``: it has others, too.
    """

    scope: Scope
    library: Snapshot | Extent
    cutoff: Cutoff | None
    partial: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """An answer with what it was made from, for evaluation; ``gate`` is what the cut-off is held against."""

    answer: Answer
    hits: tuple[Hit, ...] = ()
    gate: float = 0.0

    @property
    def free(self) -> "Explained":
        """The same for somebody who waited for another's answer: it is paid for once."""
        return replace(self, answer=replace(self.answer, usage=Usage(), calls=()))


@dataclass(slots=True)
class Timing:
    """How long each part of an answer took, in milliseconds."""

    taken_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Measure a part; measured twice, it adds up."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - began) * 1000
            self.taken_ms[part] = round(self.taken_ms.get(part, 0.0) + spent, 2)


class Engine:
    """Searches one creator's material at a time and answers from it, or says that it does not cover the question."""

    def __init__(
        self, *, holdings: Holdings, snapshots: Snapshots, embedders: Embedders, stem: Stemmer,
        routing: Routing, authors: Authors, links: WatchLinks,
    ) -> None:  # fmt: skip
        self._holdings = holdings
        self._snapshots = snapshots
        self._embedders = embedders
        self._stem = stem
        self._routing = routing
        self._authors = authors
        self._links = links
        self._unrelated: dict[str, tuple[SearchQuery, ...]] = {}
        self._embedding_unrelated = asyncio.Lock()
        self._cache = AnswerCache()
        self._flights: SingleFlight[Explained] = SingleFlight()

    async def answer(self, question: Question) -> Answer:
        """Answer from the creator's material, or abstain; when every model fails, the answer is quoted.

        Raises:
            ProviderError: the embedder failed.
            DatabaseError: the library could not be read.
        """
        return (await self.explain(question)).answer

    async def explain(self, question: Question) -> Explained:
        """Answer, and say what was found on the way; see :meth:`answer`."""
        timing = Timing()
        with timing.of("total"):
            explained = await self._explain(question, timing)
        return replace(explained, answer=replace(explained.answer, timing_ms=timing.taken_ms))

    async def recalibrate(self, creator_id: CreatorId) -> None:
        """Find a creator's cut-off for the present version of the corpus and keep it."""
        found_for = -1
        while (state := await self._holdings.state(creator_id)).version > found_for:  # it may move meanwhile
            scope = Scope.whole(creator_id).among(state.tiers)
            library = await self._snapshots.current(scope, state)
            cutoff = await self._calibrated(scope, library)
            await self._holdings.set_cutoff(creator_id, library.version, library.embedder_id, cutoff)
            found_for = library.version

    async def _explain(self, question: Question, timing: Timing) -> Explained:
        cleaned = clean_question(question.text)
        if problem := _problem(question.text, cleaned):
            return Explained(without_answer(Outcome.REFUSED, problem))
        try:
            try:
                return await self._searched(question, cleaned, timing)
            except EmbedderChanged:  # moved just now: from here on there is only the new one
                return await self._searched(question, cleaned, timing)
        except EmbedderMissing as missing:
            return Explained(without_answer(Outcome.REFUSED, str(missing)))

    async def _searched(self, question: Question, cleaned: CleanQuestion, timing: Timing) -> Explained:
        with timing.of("library"):
            state, given = await asyncio.gather(
                self._holdings.state(question.creator_id),
                self._holdings.given(question.scope, fold(question.text)),
            )
        if given.pair and given.answered_by(given.pair):
            return Explained(pair_answer(question.creator_id, given.pair, self._links))
        if state.version == 0:
            on_topic = touched(given.notes, question.text, self._stem)
            return Explained(self._notes_or(on_topic, question, without_answer(Outcome.ABSTAINED, NOTHING_YET)))
        key = None if given.withdrawn_at else _cache_key(question, cleaned, state)
        if key and (kept := self._cache.find(key)):
            return Explained(kept)
        if not key or not self._routing.models or not question.step.may_write:
            return await self._looked_up(question, cleaned, state, given, timing)
        explained, joined = await self._flights.fly(
            key, lambda: self._looked_up(question, cleaned, state, given, timing, key)
        )
        return explained.free if joined else explained

    async def _looked_up(
        self,
        question: Question,
        cleaned: CleanQuestion,
        state: CorpusState,
        given: Given,
        timing: Timing,
        key: AnswerKey | None = None,
    ) -> Explained:
        opened, queries = await self._prepared(question, cleaned, state, timing)
        found = await self._find(queries, opened, timing)
        pair = await self._nearly_asked(found, question, opened.scope)
        if pair and given.answered_by(pair):
            return Explained(pair_answer(question.creator_id, pair, self._links), found.ranking.hits)
        if given.withdrawn_at:
            return Explained(without_answer(Outcome.ABSTAINED, WITHDRAWN))
        answer = await self._noted(found, question, opened.scope, given, timing)
        if opened.partial and answer.outcome is Outcome.ABSTAINED:
            answer = replace(answer, notice=NOT_COVERED_HERE)
        if key and opened.library.version == state.version:  # it may have moved meanwhile
            self._cache.keep(key, answer)
        return Explained(answer, found.ranking.hits, found.ranking.gate)

    async def _nearly_asked(self, found: Found, question: Question, scope: Scope) -> GivenText | None:
        """The pair that was written for this question in hardly other words."""
        near = [Span(s.source_id, s.unit, s.unit) for s in found.ranking.starts if s.close >= NEARLY]
        for sentence in await self._holdings.sentences(scope, near) if near else ():
            asked = sentence.kind is SourceKind.QA and sentence.text == sentence.locator
            if asked and asks_the_same(question.text, sentence.text, self._stem):
                return await self._holdings.pair(scope, sentence.source_id)
        return None

    async def _noted(self, found: Found, question: Question, scope: Scope, given: Given, timing: Timing) -> Answer:
        """Answer below the notes that belong to the question; where the library hardly says, by notes alone."""
        on_topic = touched(given.notes, question.text, self._stem)
        notes, besides = applied(given.notes, on_topic, found.ranking)
        answer = await self._answer_from(replace(found, ranking=besides), question, scope, notes, timing)
        if answer.outcome is Outcome.ABSTAINED or (on_topic and answer.notice):
            shown = notes if found.confidence in SURE else on_topic
            return self._notes_or(shown, question, answer)
        return led(with_notes(answer, notes, question.creator_id, self._links), question.manner)

    def _notes_or(self, notes: Sequence[GivenText], question: Question, answer: Answer) -> Answer:
        if not notes:
            return answer
        noted = notes_alone(question.creator_id, notes[:MOST_NOTES], self._links)
        return replace(noted, usage=answer.usage, calls=answer.calls)

    async def _answer_from(
        self, found: Found, question: Question, scope: Scope, notes: Sequence[GivenText], timing: Timing
    ) -> Answer:  # fmt: skip
        if found.confidence is Confidence.NONE or not found.ranking.starts:
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        with timing.of("evidence"):
            models = self._routing.order(_asked(question), found)
            spans = spans_to_read(found.ranking) if models else spans_to_quote(found.ranking)
            stored = await self._holdings.sentences(scope, spans)
            evidence = Evidence.of([*as_evidence(notes), *stored])
        if not stored:  # removed between ranking and reading
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        wording = Wording(question.creator_id, question.text, found, evidence, self._links, question.wishes.length)
        calls: list[ModelCall] = []
        if models:
            with timing.of("writing"):
                task = _task(question, evidence)
                draft = await self._authors.write(models, task, calls)
            if draft:
                written = wording.written(draft, task)
                return replace(written, model=draft.model, usage=draft.usage, calls=tuple(calls))
        with timing.of("quoting"):
            return replace(wording.quoted(), calls=tuple(calls))

    async def _prepared(
        self, question: Question, cleaned: CleanQuestion, state: CorpusState, timing: Timing
    ) -> tuple[Opened, list[SearchQuery]]:
        """Open the library while the question is embedded; a follow-up also together with the question before it."""
        context = in_context(cleaned, question.history)
        searched = [cleaned, context] if context else [cleaned]
        embedder = self._embedders.of(state.embedder_id)
        return await asyncio.gather(
            self._opened(question.scope, state, timing), self._embedded(searched, embedder, timing)
        )

    async def _opened(self, asked: Scope, state: CorpusState, timing: Timing) -> Opened:
        scope = asked.among(state.tiers)
        with timing.of("library"):
            library = await self._snapshots.current(scope, state)
        if library.embedder_id != state.embedder_id:  # vectors of two embedders are never compared
            raise EmbedderChanged(f"A library is searched with {library.embedder_id} by now.")
        return Opened(scope, library, state.cutoff, partial=scope.tiers != state.tiers)

    async def _embedded(
        self, searched: Sequence[CleanQuestion], embedder: Embedder, timing: Timing
    ) -> list[SearchQuery]:
        with timing.of("embedding"):
            return [await self._query(cleaned, embedder) for cleaned in searched]

    async def _find(self, queries: Sequence[SearchQuery], opened: Opened, timing: Timing) -> Found:
        with timing.of("calibration"):
            cutoff = opened.cutoff or await self._calibrated(opened.scope, opened.library)
        leaning = queries[1:] if _known_here(opened.library, queries[0]) else ()
        found = [await self._ranked(opened, query, timing) for query in (queries[0], *leaning)]
        ranking = max(found, key=lambda ranking: ranking.gate)
        return Found(ranking, confidence(ranking.gate, cutoff))

    async def _ranked(self, opened: Opened, query: SearchQuery, timing: Timing) -> Ranking:
        with timing.of("candidates"):
            part = await self._snapshots.part_for(opened.scope, opened.library, query)
        with timing.of("ranking"):
            return await asyncio.to_thread(rank, part, query)

    async def _query(self, cleaned: CleanQuestion, embedder: Embedder) -> SearchQuery:
        vector = await embedder.embed_query(cleaned.text)
        return SearchQuery(vector, np.unique(term_ids(cleaned.words, self._stem)))

    async def _unrelated_to(self, embedder_id: str) -> tuple[SearchQuery, ...]:
        """Questions that no library answers, embedded once however many ask for them."""
        async with self._embedding_unrelated:
            if embedder_id not in self._unrelated:
                embedder = self._embedders.of(embedder_id)
                texts = null_questions()
                queries: list[SearchQuery] = []
                for at in range(0, len(texts), AT_ONCE):
                    batch = (self._query(clean_question(text), embedder) for text in texts[at : at + AT_ONCE])
                    queries += await asyncio.gather(*batch)
                self._unrelated[embedder_id] = tuple(queries)
            return self._unrelated[embedder_id]

    async def _calibrated(self, scope: Scope, library: Snapshot | Extent) -> Cutoff:
        unrelated = await self._unrelated_to(library.embedder_id)
        if isinstance(library, Snapshot):
            return await asyncio.to_thread(calibrate, library, unrelated)
        gates: list[float] = []
        for query in unrelated[::THINNED]:
            part = await self._snapshots.part_for(scope, library, query)
            gates.append((await asyncio.to_thread(rank, part, query, 1)).gate)
        return cutoff_of(gates)


def in_context(cleaned: CleanQuestion, history: Sequence[Turn]) -> CleanQuestion | None:
    """A follow-up with the content words of the question before it; None where the question stands alone."""
    if not history:
        return None
    opening = cleaned.text.casefold().replace(",", " ").split()[:6]
    if len(cleaned.words) > SHORT_QUESTION and REFERRING.isdisjoint(opening):
        return None
    before = clean_question(history[-1].question)
    return CleanQuestion(f"{before.text} {cleaned.text}", tuple(dict.fromkeys((*cleaned.words, *before.words))))


def _task(question: Question, evidence: Evidence) -> Task:
    return Task(
        question.text, evidence.labelled(), question.history, question.language, question.manner, question.wishes,
        question.background,
    )  # fmt: skip


def _asked(question: Question) -> Asked:
    wanted = question.manner.models or question.models
    return Asked(question.text, question.step, wanted, follows=bool(question.history))


def _cache_key(question: Question, cleaned: CleanQuestion, state: CorpusState) -> AnswerKey | None:
    """What an answer may be kept under; None where it leans on a conversation or is worded for one person."""
    if question.history or question.background or question.wishes != Wishes():
        return None
    scope = question.scope.among(state.tiers)
    return AnswerKey(
        scope, state.version, question.language, cleaned.text.casefold(), question.manner.key, question.wishes
    )


def _known_here(library: Snapshot | Extent, query: SearchQuery) -> bool:
    """Whether a question's own words are mostly said here; else the one before it must not lend it an answer."""
    if isinstance(library, Extent) or not len(query.terms):
        return True
    _, known = library.vocabulary.columns(query.terms)
    return float(known.mean()) >= KNOWN_SHARE


def _problem(text: str, cleaned: CleanQuestion) -> str:
    if len(text) > LONGEST_QUESTION:
        return f"That is {len(text):,} characters. Please ask one question in at most {LONGEST_QUESTION:,}."
    return NO_QUESTION if cleaned.empty else ""
