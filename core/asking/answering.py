"""From what was found to an answer: given again, read, written or quoted, with the staff's notes above it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.asking.answer import Answer, Confidence, ModelCall, Outcome
from core.asking.authors import Attempts, Authors
from core.asking.cache import AnswerCache, Inquiry, Setting
from core.asking.citing import Evidence, spans_to_quote, spans_to_read
from core.asking.clerk import Till
from core.asking.embedding import Vector
from core.asking.forms import Clerk
from core.asking.given import MOST_NOTES, NEARLY, Given, GivenText, asks_the_same, touched
from core.asking.growing import Growing
from core.asking.holdings import CorpusState, Holdings, Span
from core.asking.notes import applied, as_evidence, notes_alone, with_notes
from core.asking.notices import NOT_COVERED, NOT_COVERED_HERE, OTHER_LANGUAGE, filled
from core.asking.parts import parts_of, said_partly, unsaid
from core.asking.question import Course, Question
from core.asking.routing import Asked, Routing
from core.asking.searching import Search
from core.asking.sufficiency import Reading, Verdict, read, worth_reading
from core.asking.tongue import NAMES
from core.asking.translating import Searched
from core.asking.tutoring import led
from core.asking.wording import SURE, Found, Wording, by_words_only, without_answer
from core.asking.words import Stemmer
from core.asking.writing import AnswerModel, Task
from core.library.store import SourceKind
from core.library.watching import WatchLinks
from core.tiers import Scope


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question as it is looked up among kept answers, with its vector, float32 (d,) of length 1."""

    inquiry: Inquiry
    vector: Vector


@dataclass(frozen=True, slots=True)
class Base:
    """What one answer is made from: what was found, in which scope, and the notes that apply."""

    found: Found
    scope: Scope
    notes: Sequence[GivenText]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found that an answer could rest on."""
        return self.found.confidence is Confidence.NONE or not self.found.ranking.starts


@dataclass(frozen=True, slots=True)
class Answering:
    """Makes answers of what was found; without models, a cache, a clerk or a till it does without."""

    holdings: Holdings
    stem: Stemmer
    routing: Routing
    authors: Authors
    links: WatchLinks
    cache: AnswerCache | None = None
    clerk: Clerk | None = None
    till: Till | None = None

    def inquiry(self, question: Question, state: CorpusState) -> Inquiry | None:
        """How a question is looked up; None where it leans on a conversation, or nobody is paid for answers.

        What is remembered of who asks shapes what a model writes, and nothing where none may be paid.
        """
        models = tuple(model.name for model in (*self.routing.models, *self.routing.small))
        leaning = question.history or question.objection or (question.background and question.step.may_write)
        if leaning or question.fresh or not models:
            return None
        setting = Setting(
            state.embedder_id, (*question.preferred, *models), question.language, question.manner, question.wishes
        )
        return Inquiry.of(question.text, question.scope, state, setting)

    async def kept(self, inquiry: Inquiry | None, given: Given, course: Course) -> Answer | None:
        """The answer that was paid for already to this very question."""
        if inquiry is None or self.cache is None:
            return None
        with course.timing.of("cache"):
            return await self.cache.exact(inquiry, given.notes)

    async def nearly_asked(self, found: Found, question: Question, scope: Scope) -> GivenText | None:
        """The pair that was written for this question in hardly other words."""
        near = [Span(s.source_id, s.unit, s.unit) for s in found.ranking.starts if s.close >= NEARLY]
        for sentence in await self.holdings.sentences(scope, near) if near else ():
            asked = sentence.kind is SourceKind.QA and sentence.text == sentence.locator
            if asked and asks_the_same(question.text, sentence.text, self.stem):
                return await self.holdings.pair(scope, sentence.source_id)
        return None

    async def answer(self, search: Search, given: Given, course: Course, inquiry: Inquiry | None) -> Answer:
        """Answer from a search; ``inquiry`` is None where the answer is neither looked up nor kept."""
        lookup = Lookup(inquiry, search.vector) if inquiry and not search.found.words_only else None
        answer = await self._noted(search, given, course, lookup)
        if search.found.words_only:
            return by_words_only(answer)
        if search.opened.partial and answer.outcome is Outcome.ABSTAINED:
            answer = replace(answer, notice=NOT_COVERED_HERE)
        return _searched_abroad(answer, search.searched, course.question.language)

    def from_notes(self, given: Given, question: Question, answer: Answer) -> Answer:
        """An answer by the notes on a question's topic alone; ``answer`` where there are none."""
        return self._notes_or(touched(given.notes, question.text, self.stem), question, answer)

    async def _noted(self, search: Search, given: Given, course: Course, lookup: Lookup | None) -> Answer:
        """Answer below the notes that belong to the question; where the library hardly says, by notes alone."""
        question, found = course.question, search.found
        on_topic = touched(given.notes, question.text, self.stem)
        notes, besides = applied(given.notes, on_topic, found.ranking)

        def tell_noted(growing: Answer) -> None:
            course.tell(with_notes(growing, notes, question.creator_id, self.links))

        base = Base(replace(found, ranking=besides), search.opened.scope, notes)
        answer = await self._kept_or_new(base, replace(course, tell=tell_noted), lookup)
        if answer.outcome is Outcome.ABSTAINED or (on_topic and answer.outcome is Outcome.CLOSEST):
            return self._notes_or(notes if found.confidence in SURE else on_topic, question, answer)
        return led(with_notes(answer, notes, question.creator_id, self.links), question.manner)

    def _notes_or(self, notes: Sequence[GivenText], question: Question, answer: Answer) -> Answer:
        if not notes:
            return answer
        noted = notes_alone(question.creator_id, notes[:MOST_NOTES], self.links)
        return replace(noted, usage=answer.usage, calls=answer.calls)

    async def _kept_or_new(self, base: Base, course: Course, lookup: Lookup | None) -> Answer:
        """An answer that was paid for already, where one is kept that holds; else a new one, kept for the next."""
        if base.is_empty or lookup is None or self.cache is None:
            return await self._new(base, course)
        with course.timing.of("cache"):
            kept = await self.cache.verified(lookup.inquiry, lookup.vector, base.found, base.notes)
        if kept:
            return kept
        answer = await self._new(base, course)
        if answer.finished:
            await self.cache.keep(lookup.inquiry, lookup.vector, base.found, base.notes, answer)
        return answer

    async def _new(self, base: Base, course: Course) -> Answer:
        question, found = course.question, base.found
        if base.is_empty:
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        with course.timing.of("evidence"):
            asked = Asked(question.text, question.step, question.preferred, follows=bool(question.history))
            models = self.routing.order(asked, found)
            spans = spans_to_read(found.ranking) if models else spans_to_quote(found.ranking)
            stored = await self.holdings.sentences(base.scope, [*spans, *question.besides])
            evidence = Evidence.of([*as_evidence(base.notes), *stored])
        if not stored:  # removed between ranking and reading
            return without_answer(Outcome.ABSTAINED, NOT_COVERED)
        wording = Wording(question.creator_id, question.text, found, evidence, self.links, question.wishes.length)
        reading = await self._read(wording, course)
        if reading and reading.verdict is Verdict.INSUFFICIENT:
            return replace(wording.doubted(), usage=reading.usage)
        return self._completed(await self._worded(wording, models, course), reading, question, wording)

    async def _read(self, wording: Wording, course: Course) -> Reading | None:
        """Have somebody look whether the evidence answers, where there is somebody and any doubt."""
        question, evidence = course.question, wording.evidence
        if self.clerk is None or not question.step.may_write:
            return None
        if not worth_reading(question.text, wording.found, evidence.text):
            return None
        with course.timing.of("reading"):
            sources = evidence.labelled()
            return await read(self.clerk, question.creator_id, question.text, sources, question.usage_id)

    async def _worded(self, wording: Wording, models: Sequence[AnswerModel], course: Course) -> Answer:
        """What the models make of it: a whole answer, how far one of them came, or else quotes."""
        if not models:
            with course.timing.of("quoting"):
                return wording.quoted()
        task = _task(course.question, wording.evidence)
        growing = Growing(wording, task, course.tell)
        with course.timing.of("writing"):
            tried = await self._tried(models, task, growing, course.question)
        with course.timing.of("checking"):
            answer = wording.written(tried.draft, task) if tried.draft else wording.unfinished(growing.kept)
        model = tried.draft.model if tried.draft else ""
        return replace(answer, model=model, usage=tried.usage, calls=tried.calls)

    async def _tried(
        self, models: Sequence[AnswerModel], task: Task, growing: Growing, question: Question
    ) -> Attempts:
        """Have it written; where nobody waits for it any more, charge what was begun to who asked first."""
        calls: list[ModelCall] = []
        try:
            return await self.authors.write(models, task, growing, calls)
        except asyncio.CancelledError:
            if self.till and question.usage_id and calls:
                await self.till.charge(question.creator_id, question.usage_id, calls)
            raise

    def _completed(self, answer: Answer, reading: Reading | None, question: Question, wording: Wording) -> Answer:
        """Say what of the question is not covered: as a reader found, or where a part of it is nowhere."""
        if reading:
            answer = replace(answer, usage=answer.usage + reading.usage)
            partly = reading.verdict is Verdict.PARTLY
            return said_partly(answer, reading.answered, reading.missing, question.language) if partly else answer
        missing = unsaid(wording.found.lacking, wording.evidence.text, self.stem)
        if not missing:
            return answer
        answered = [part for part in parts_of(question.text) if part not in missing]
        return said_partly(answer, answered, missing, question.language)


def _searched_abroad(answer: Answer, searched: Searched, language: str) -> Answer:
    """Say that the material is in another language, where that may be why nothing sure was found."""
    answer = replace(answer, usage=answer.usage + searched.usage)
    if not searched.foreign or answer.outcome is Outcome.ANSWERED:
        return answer
    name = NAMES.get(searched.foreign, searched.foreign)
    return answer.noticed(filled(OTHER_LANGUAGE, language, language=name))


def _task(question: Question, evidence: Evidence) -> Task:
    return Task(
        question.text,
        evidence.labelled(),
        question.history,
        question.language,
        question.manner,
        question.wishes,
        question.background,
        question.objection,
    )
