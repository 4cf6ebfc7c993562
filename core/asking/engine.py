"""The answer engine: a question in, a checked answer with citations out. Every way of asking comes through here."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from core.asking.answer import Answer, Confidence, Outcome, Usage
from core.asking.authors import Authors
from core.asking.breaker import Breaker
from core.asking.budgets import Step
from core.asking.cache import AnswerCache, Inquiry, Setting
from core.asking.citing import Evidence, spans_to_quote, spans_to_read
from core.asking.contents import Listing, Wanted, asks_for_contents, entries, spans_of
from core.asking.embedding import Embedder, Embedders, Vector
from core.asking.forms import Clerk
from core.asking.gate import Cutoff, calibrate, confidence, cutoff_of, null_questions
from core.asking.given import MOST_NOTES, NEARLY, Given, GivenText, asks_the_same, touched
from core.asking.growing import Growing, Shown, Tell, untold
from core.asking.holdings import CorpusState, Extent, Holdings, Snapshots, Span
from core.asking.notes import applied, as_evidence, notes_alone, pair_answer, with_notes
from core.asking.notices import (
    NO_QUESTION,
    NOT_COVERED,
    NOT_COVERED_HERE,
    NOTHING_YET,
    OTHER_LANGUAGE,
    WITHDRAWN,
    filled,
    in_language,
)
from core.asking.parts import parts_of, said_partly, unsaid
from core.asking.pushback import Dispute, disputed, held_against, looked_again, units_of
from core.asking.ranking import Hit, Ranking, SearchQuery, rank
from core.asking.routing import Asked, Routing
from core.asking.single_flight import SingleFlight
from core.asking.snapshot import Snapshot
from core.asking.sufficiency import Reading, Verdict, read, worth_reading
from core.asking.tongue import NAMES, language_of
from core.asking.translating import Searched, language_to_search, translated
from core.asking.tutoring import led
from core.asking.wording import SURE, Found, Wording, by_words_only, without_answer
from core.asking.words import LONGEST_QUESTION, CleanQuestion, Stemmer, TermIds, clean_question, term_ids
from core.asking.writing import AnswerModel, Manner, Task, Turn, Wishes
from core.errors import EmbedderChanged, EmbedderMissing, ProviderError
from core.ids import CreatorId
from core.library.catalogue import Contents
from core.library.knowledge import fold
from core.library.store import SourceKind
from core.library.watching import WatchLinks
from core.newest import Newest
from core.tiers import NO_TIERS, Scope, Tiers

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
WORDS_COVERED: Final = 0.5
"""So many of a question's words a place must say to be shown, where there are only words to search with."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one creator's material; ``history`` are the earlier turns of the session, oldest first.

    ``tiers`` are those that are open to who asks. ``step`` says which models may be paid for; none: an answer is one
    that was paid for before, or quoted. ``models`` are those that the creator prefers. ``background`` sums up what
    was said before ``history``. ``fresh``: no answer of before is given, and this one is not kept. ``language`` is
    the creator's; the one that is asked in, or wished for, outranks it and leaves it in ``usual``.

    ``objection`` is what was said against the answer that this question got; ``besides`` are the units that were
    shown then.
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
    fresh: bool = False
    usual: str = ""
    objection: str = ""
    besides: tuple[Span, ...] = ()

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
class Lookup:
    """A question as it is looked up among kept answers, with its vector, float32 (d,) of length 1."""

    inquiry: Inquiry
    vector: Vector


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
        routing: Routing, authors: Authors, links: WatchLinks, cache: AnswerCache | None = None,
        clerk: Clerk | None = None, contents: Contents | None = None,
    ) -> None:  # fmt: skip
        self._holdings = holdings
        self._snapshots = snapshots
        self._embedders = embedders
        self._stem = stem
        self._routing = routing
        self._authors = authors
        self._links = links
        self._clerk = clerk
        self._contents = contents
        self._unrelated: dict[str, tuple[SearchQuery, ...]] = {}
        self._embedding_unrelated = asyncio.Lock()
        self._cache = cache
        self._flights: SingleFlight[Explained, Answer] = SingleFlight()
        self._embedding = Breaker()

    async def answer(self, question: Question, shown: Shown | None = None) -> Answer:
        """Answer from the creator's material, or abstain; when every model fails, the answer is quoted.

        ``shown`` sees a written answer grow, sentence by checked sentence; it may be slow, and nobody waits for it.
        Where the embedder fails, words alone are searched for, and the answer says so.

        Raises:
            DatabaseError: the library could not be read.
        """
        return (await self.explain(question, shown)).answer

    async def explain(self, question: Question, shown: Shown | None = None) -> Explained:
        """Answer, and say what was found on the way; see :meth:`answer`."""
        timing, question = Timing(), in_own_language(question)
        newest = Newest(shown) if shown else None
        try:
            with timing.of("total"):
                explained = await self._explain(question, timing, newest.put if newest else untold)
        finally:
            if newest:
                await newest.close()
        notice = in_language(explained.answer.notice, question.language)
        return replace(explained, answer=replace(explained.answer, notice=notice, timing_ms=timing.taken_ms))

    async def recalibrate(self, creator_id: CreatorId) -> None:
        """Find a creator's cut-off for the present version of the corpus and keep it."""
        found_for = -1
        while (state := await self._holdings.state(creator_id)).version > found_for:  # it may move meanwhile
            scope = Scope.whole(creator_id).among(state.tiers)
            library = await self._snapshots.current(scope, state)
            cutoff = await self._calibrated(scope, library)
            await self._holdings.set_cutoff(creator_id, library.version, library.embedder_id, cutoff)
            found_for = library.version

    async def _explain(self, question: Question, timing: Timing, tell: Tell) -> Explained:
        cleaned = clean_question(question.text)
        if problem := _problem(question.text, cleaned):
            return Explained(without_answer(Outcome.REFUSED, problem))
        try:
            try:
                return await self._taken_up(question, cleaned, timing, tell)
            except EmbedderChanged:  # moved just now: from here on there is only the new one
                return await self._taken_up(question, cleaned, timing, tell)
        except EmbedderMissing as missing:
            return Explained(without_answer(Outcome.REFUSED, str(missing)))

    async def _taken_up(self, question: Question, cleaned: CleanQuestion, timing: Timing, tell: Tell) -> Explained:
        if dispute := disputed(question.text, question.history):
            return await self._again(question, dispute, timing)
        return await self._searched(question, cleaned, timing, tell)

    async def _searched(self, question: Question, cleaned: CleanQuestion, timing: Timing, tell: Tell) -> Explained:
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
        if listed := await self._listed(question, state, timing):
            return listed
        inquiry = None if given.withdrawn_at else self._inquiry(question, state)
        if inquiry and self._cache:
            with timing.of("cache"):
                kept = await self._cache.exact(inquiry, given.notes)
            if kept:
                return Explained(kept)
        if not inquiry or not question.step.may_write:
            return await self._looked_up(question, cleaned, state, given, timing, inquiry, tell)
        explained, joined = await self._flights.fly(
            inquiry,
            lambda tell_all: self._looked_up(question, cleaned, state, given, timing, inquiry, tell_all),
            tell,
        )
        return explained.free if joined else explained

    async def _again(self, question: Question, dispute: Dispute, timing: Timing) -> Explained:
        """Search once more for what was answered wrongly, they say: first besides what was shown, then as before."""
        asked = replace(question, text=dispute.question, history=dispute.history, objection=dispute.objection)
        cleaned = clean_question(asked.text)
        found = await self._searched(replace(asked, besides=dispute.shown), cleaned, timing, untold)
        if dispute.shown and found.answer.outcome is not Outcome.ANSWERED:
            before = found.answer
            found = await self._searched(replace(asked, step=Step.QUOTING), cleaned, timing, untold)
            found = replace(found, answer=replace(found.answer, usage=before.usage, calls=before.calls))
        return replace(found, answer=looked_again(found.answer, dispute.shown))

    async def _listed(self, question: Question, state: CorpusState, timing: Timing) -> Explained | None:
        """Answer a question about the library itself; None where it is none, or its topic is nowhere."""
        wanted = asks_for_contents(question.text)
        if self._contents is None or wanted is None or question.objection:
            return None
        scope = question.scope.among(state.tiers)
        hits, sure = await self._speaking_of(wanted, question, state, timing)
        found = await entries(wanted, scope, self._contents, hits)
        if wanted.topic and not found:
            return None
        opened = await self._holdings.sentences(scope, spans_of(found))
        answer = Listing(question.creator_id, question.language, self._links).of(wanted, found, opened, sure)
        return Explained(answer, tuple(hits))

    async def _speaking_of(
        self, wanted: Wanted, question: Question, state: CorpusState, timing: Timing
    ) -> tuple[Sequence[Hit], Confidence]:
        """The passages on a topic; where none is, only a title can be about it."""
        topic = clean_question(wanted.topic)
        if topic.empty:
            return (), Confidence.HIGH
        opened, queries = await self._prepared(replace(question, history=()), topic, state, timing)
        found = await self._find(queries, opened, timing)
        if found.confidence is Confidence.NONE:
            return (), Confidence.MEDIUM
        return found.ranking.hits, found.confidence

    async def _looked_up(
        self,
        question: Question,
        cleaned: CleanQuestion,
        state: CorpusState,
        given: Given,
        timing: Timing,
        inquiry: Inquiry | None,
        tell: Tell,
    ) -> Explained:
        searched = await self._in_its_language(question, cleaned, state)
        opened, queries = await self._prepared(question, searched.cleaned, state, timing)
        found = await self._find(queries, opened, timing)
        ranking = held_against(found.ranking) if question.besides else found.ranking
        found = replace(found, ranking=ranking, lacking=await self._lacking(question, found, opened, timing))
        pair = await self._nearly_asked(found, question, opened.scope)
        if pair and given.answered_by(pair):
            return Explained(pair_answer(question.creator_id, pair, self._links), found.ranking.hits)
        if given.withdrawn_at:
            return Explained(without_answer(Outcome.ABSTAINED, WITHDRAWN))
        is_looked_up = inquiry and opened.library.version == state.version and not found.words_only
        lookup = Lookup(inquiry, queries[0].vector) if inquiry and is_looked_up else None
        answer = await self._noted(found, question, opened.scope, given, timing, lookup, tell)
        if found.words_only:
            return Explained(by_words_only(answer), found.ranking.hits, found.ranking.gate)
        if opened.partial and answer.outcome is Outcome.ABSTAINED:
            answer = replace(answer, notice=NOT_COVERED_HERE)
        answer = _searched_abroad(answer, searched, question.language)
        return Explained(answer, found.ranking.hits, found.ranking.gate)

    async def _in_its_language(self, question: Question, cleaned: CleanQuestion, state: CorpusState) -> Searched:
        """The question in the library's language, where the embedder could not bridge the two."""
        reads = self._embedders.of(state.embedder_id).languages
        language = language_to_search(question.language, state.languages, reads, question.usual)
        wished_for = language_of(cleaned.text) != question.language  # and not what is asked in
        if not language or wished_for:
            return Searched(cleaned)
        clerk = self._clerk if question.step.may_write else None
        return await translated(clerk, question.creator_id, cleaned, language)

    async def _lacking(
        self, question: Question, found: Found, opened: Opened, timing: Timing
    ) -> tuple[str, ...]:  # fmt: skip
        """Of a question with several parts those that find nothing when they are asked alone."""
        parts = parts_of(question.text) if found.confidence is not Confidence.NONE else ()
        if not parts:
            return ()
        cutoff = opened.cutoff or await self._calibrated(opened.scope, opened.library)
        embedder = self._embedders.of(opened.library.embedder_id)
        queries = await self._embedded([clean_question(part) for part in parts], embedder, timing)
        rankings = [await self._ranked(opened, query, timing) for query in queries]
        sure = [confidence(ranking.gate, cutoff) for ranking in rankings]
        lacking = tuple(p for p, each in zip(parts, sure, strict=True) if each is Confidence.NONE)
        return lacking if len(lacking) < len(parts) else ()

    async def _nearly_asked(self, found: Found, question: Question, scope: Scope) -> GivenText | None:
        """The pair that was written for this question in hardly other words."""
        near = [Span(s.source_id, s.unit, s.unit) for s in found.ranking.starts if s.close >= NEARLY]
        for sentence in await self._holdings.sentences(scope, near) if near else ():
            asked = sentence.kind is SourceKind.QA and sentence.text == sentence.locator
            if asked and asks_the_same(question.text, sentence.text, self._stem):
                return await self._holdings.pair(scope, sentence.source_id)
        return None

    async def _noted(
        self, found: Found, question: Question, scope: Scope, given: Given, timing: Timing, lookup: Lookup | None,
        tell: Tell,
    ) -> Answer:  # fmt: skip
        """Answer below the notes that belong to the question; where the library hardly says, by notes alone."""
        on_topic = touched(given.notes, question.text, self._stem)
        notes, besides = applied(given.notes, on_topic, found.ranking)

        def tell_noted(growing: Answer) -> None:
            tell(with_notes(growing, notes, question.creator_id, self._links))

        answer = await self._kept_or_new(
            replace(found, ranking=besides), question, scope, notes, timing, lookup, tell_noted
        )
        if answer.outcome is Outcome.ABSTAINED or (on_topic and answer.outcome is Outcome.CLOSEST):
            shown = notes if found.confidence in SURE else on_topic
            return self._notes_or(shown, question, answer)
        return led(with_notes(answer, notes, question.creator_id, self._links), question.manner)

    def _notes_or(self, notes: Sequence[GivenText], question: Question, answer: Answer) -> Answer:
        if not notes:
            return answer
        noted = notes_alone(question.creator_id, notes[:MOST_NOTES], self._links)
        return replace(noted, usage=answer.usage, calls=answer.calls)

    async def _kept_or_new(
        self, found: Found, question: Question, scope: Scope, notes: Sequence[GivenText], timing: Timing,
        lookup: Lookup | None, tell: Tell,
    ) -> Answer:  # fmt: skip
        """An answer that was paid for already, where one is kept that holds; else a new one, kept for the next."""
        unsure = found.confidence is Confidence.NONE or not found.ranking.starts
        if unsure or lookup is None or self._cache is None:
            return await self._answer_from(found, question, scope, notes, timing, tell)
        with timing.of("cache"):
            kept = await self._cache.verified(lookup.inquiry, lookup.vector, found, notes)
        if kept:
            return kept
        answer = await self._answer_from(found, question, scope, notes, timing, tell)
        if answer.finished:
            await self._cache.keep(lookup.inquiry, lookup.vector, found, notes, answer)
        return answer

    def _inquiry(self, question: Question, state: CorpusState) -> Inquiry | None:
        """How a question is looked up; None where it leans on a conversation, or nobody is paid for answers."""
        models = tuple(model.name for model in (*self._routing.models, *self._routing.small))
        if question.history or question.background or question.objection or question.fresh or not models:
            return None
        preferred = question.manner.models or question.models
        setting = Setting(
            state.embedder_id, (*preferred, *models), question.language, question.manner, question.wishes
        )
        return Inquiry.of(question.text, question.scope, state, setting)

    async def _answer_from(
        self, found: Found, question: Question, scope: Scope, notes: Sequence[GivenText], timing: Timing, tell: Tell
    ) -> Answer:
        if found.confidence is Confidence.NONE or not found.ranking.starts:
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        with timing.of("evidence"):
            models = self._routing.order(_asked(question), found)
            spans = spans_to_read(found.ranking) if models else spans_to_quote(found.ranking)
            stored = await self._holdings.sentences(scope, [*spans, *question.besides])
            evidence = Evidence.of([*as_evidence(notes), *stored])
        if not stored:  # removed between ranking and reading
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        wording = Wording(question.creator_id, question.text, found, evidence, self._links, question.wishes.length)
        reading = await self._read(question, found, evidence, timing)
        if reading and reading.verdict is Verdict.INSUFFICIENT:
            return replace(wording.doubted(), usage=reading.usage)
        answer = await self._worded(wording, models, question, timing, tell)
        return self._completed(answer, reading, question, wording)

    async def _read(
        self, question: Question, found: Found, evidence: Evidence, timing: Timing
    ) -> Reading | None:  # fmt: skip
        """Have somebody look whether the evidence answers, where there is somebody and any doubt."""
        if self._clerk is None or not question.step.may_write:
            return None
        if not worth_reading(question.text, found, evidence.text):
            return None
        with timing.of("reading"):
            return await read(self._clerk, question.creator_id, question.text, evidence.labelled())

    async def _worded(
        self, wording: Wording, models: Sequence[AnswerModel], question: Question, timing: Timing, tell: Tell
    ) -> Answer:  # fmt: skip
        if models:
            return await self._written(models, wording, _task(question, wording.evidence), timing, tell)
        with timing.of("quoting"):
            return wording.quoted()

    async def _written(
        self, models: Sequence[AnswerModel], wording: Wording, task: Task, timing: Timing, tell: Tell
    ) -> Answer:
        """What the models make of it: a whole answer, how far one of them came, or else quotes."""
        growing = Growing(wording, task, tell)
        with timing.of("writing"):
            tried = await self._authors.write(models, task, growing)
        with timing.of("checking"):
            answer = wording.written(tried.draft, task) if tried.draft else wording.unfinished(growing.kept)
        model = tried.draft.model if tried.draft else ""
        return replace(answer, model=model, usage=tried.usage, calls=tried.calls)

    def _completed(
        self, answer: Answer, reading: Reading | None, question: Question, wording: Wording
    ) -> Answer:  # fmt: skip
        """Say what of the question is not covered: as a reader found, or where a part of it is nowhere."""
        if reading:
            answer = replace(answer, usage=answer.usage + reading.usage)
            partly = reading.verdict is Verdict.PARTLY
            return said_partly(answer, reading.answered, reading.missing, question.language) if partly else answer
        missing = unsaid(wording.found.lacking, wording.evidence.text, self._stem)
        if not missing:
            return answer
        answered = [part for part in parts_of(question.text) if part not in missing]
        return said_partly(answer, answered, missing, question.language)

    async def _prepared(
        self, question: Question, cleaned: CleanQuestion, state: CorpusState, timing: Timing
    ) -> tuple[Opened, list[SearchQuery]]:
        """Open the library while the question is embedded; a follow-up also together with the question before it."""
        context = in_context(cleaned, question.history)
        searched = [cleaned, context] if context else [cleaned]
        embedder = self._embedders.of(state.embedder_id)
        opened, queries = await asyncio.gather(
            self._opened(question.scope, state, timing), self._embedded(searched, embedder, timing)
        )
        shown = units_of(question.besides)
        return opened, [replace(query, besides=shown) for query in queries]

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
        """The questions as they are searched for; by words alone where the embedder fails."""
        with timing.of("embedding"):
            if self._embedding.allows(embedder.embedder_id):
                try:
                    queries = [await self._query(cleaned, embedder) for cleaned in searched]
                except ProviderError as error:
                    self._embedding.failed(embedder.embedder_id, error)
                    self._authors.watch.model_failed(embedder.embedder_id, error)
                else:
                    self._embedding.succeeded(embedder.embedder_id)
                    return queries
            nowhere = np.zeros(embedder.dimensions, np.float32)
            return [SearchQuery(nowhere, self._terms(cleaned)) for cleaned in searched]

    async def _find(self, queries: Sequence[SearchQuery], opened: Opened, timing: Timing) -> Found:
        leaning = queries[1:] if _known_here(opened.library, queries[0]) else ()
        found = [await self._ranked(opened, query, timing) for query in (queries[0], *leaning)]
        ranking = max(found, key=lambda ranking: ranking.gate)
        if queries[0].words_only:
            is_said = ranking.covered >= WORDS_COVERED and len(queries[0].terms)
            return Found(ranking, Confidence.LOW if is_said else Confidence.NONE, words_only=True)
        with timing.of("calibration"):
            cutoff = opened.cutoff or await self._calibrated(opened.scope, opened.library)
        return Found(ranking, confidence(ranking.gate, cutoff))

    async def _ranked(self, opened: Opened, query: SearchQuery, timing: Timing) -> Ranking:
        with timing.of("candidates"):
            part = await self._snapshots.part_for(opened.scope, opened.library, query)
        with timing.of("ranking"):
            return await asyncio.to_thread(rank, part, query)

    async def _query(self, cleaned: CleanQuestion, embedder: Embedder) -> SearchQuery:
        vector = await embedder.embed_query(cleaned.text)
        return SearchQuery(vector, self._terms(cleaned))

    def _terms(self, cleaned: CleanQuestion) -> TermIds:
        return np.unique(term_ids(cleaned.words, self._stem))

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


def in_own_language(question: Question) -> Question:
    """The same question with the language that its answer is to be in: wished for, or asked in, now or before."""
    asked = (question.text, *(turn.question for turn in reversed(question.history)))
    spoken = next((language for text in asked if (language := language_of(text))), question.language)
    return replace(question, language=question.wishes.language or spoken, usual=question.usual or question.language)


def _searched_abroad(answer: Answer, searched: Searched, language: str) -> Answer:
    """Say that the material is in another language, where that may be why nothing sure was found."""
    answer = replace(answer, usage=answer.usage + searched.usage)
    if not searched.foreign or answer.outcome is Outcome.ANSWERED:
        return answer
    name = NAMES.get(searched.foreign, searched.foreign)
    return answer.noticed(filled(OTHER_LANGUAGE, language, language=name))


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
        question.background, question.objection,
    )  # fmt: skip


def _asked(question: Question) -> Asked:
    wanted = question.manner.models or question.models
    return Asked(question.text, question.step, wanted, follows=bool(question.history))


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
