"""The answer engine: a question in, a checked answer with citations out. Every way of asking comes through here."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from core.asking.answer import Answer, Confidence, Outcome
from core.asking.answering import Answering
from core.asking.authors import Authors
from core.asking.budgets import Step
from core.asking.cache import AnswerCache, Inquiry
from core.asking.clerk import Till
from core.asking.contents import Listing, Wanted, asks_for_contents, entries, spans_of
from core.asking.embedding import Embedders
from core.asking.forms import Clerk
from core.asking.given import Given
from core.asking.growing import Shown, untold
from core.asking.holdings import CorpusState, Holdings, Snapshots
from core.asking.notes import pair_answer
from core.asking.notices import NO_QUESTION, NOTHING_YET, WITHDRAWN, in_language
from core.asking.pushback import Dispute, disputed, looked_again
from core.asking.question import Course, Explained, Question, Timing
from core.asking.ranking import Hit
from core.asking.routing import Routing
from core.asking.searching import Searching
from core.asking.single_flight import SingleFlight
from core.asking.wording import without_answer
from core.asking.words import LONGEST_QUESTION, CleanQuestion, Stemmer, clean_question
from core.errors import EmbedderChanged, EmbedderMissing
from core.ids import CreatorId
from core.library.catalogue import Contents
from core.library.knowledge import fold
from core.library.watching import WatchLinks
from core.newest import Newest
from core.tiers import Scope


class Engine:
    """Searches one creator's material at a time and answers from it, or says that it does not cover the question."""

    def __init__(
        self,
        *,
        holdings: Holdings,
        snapshots: Snapshots,
        embedders: Embedders,
        stem: Stemmer,
        routing: Routing,
        authors: Authors,
        links: WatchLinks,
        cache: AnswerCache | None = None,
        clerk: Clerk | None = None,
        till: Till | None = None,
        contents: Contents | None = None,
    ) -> None:
        self._holdings = holdings
        self._snapshots = snapshots
        self._links = links
        self._contents = contents
        self._searching = Searching(snapshots, embedders, stem, authors.watch, clerk)
        self._answering = Answering(holdings, stem, routing, authors, links, cache, clerk, till)
        self._flights: SingleFlight[Explained, Answer] = SingleFlight()

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
        newest = Newest(shown) if shown else None
        course = Course(question.in_own_language, Timing(), newest.put if newest else untold)
        try:
            with course.timing.of("total"):
                explained = await self._explain(course)
        finally:
            if newest:
                await newest.close()
        language, answer = course.question.language, explained.answer
        notice = in_language(answer.notice, language)
        said = replace(answer, notice=notice, language=language, timing_ms=course.timing.taken_ms)
        return replace(explained, answer=said)

    async def close(self) -> None:
        """Give up answers that are on their way, and book what they took."""
        await self._flights.close()

    async def recalibrate(self, creator_id: CreatorId) -> None:
        """Find a creator's cut-off for the present version of the corpus and keep it."""
        found_for = -1
        while (state := await self._holdings.state(creator_id)).version > found_for:  # it may move meanwhile
            scope = Scope.whole(creator_id).among(state.tiers)
            library = await self._snapshots.current(scope, state)
            cutoff = await self._searching.calibrated(scope, library)
            await self._holdings.set_cutoff(creator_id, library.version, library.embedder_id, cutoff)
            found_for = library.version

    async def _explain(self, course: Course) -> Explained:
        text = course.question.text
        if problem := _problem(text, clean_question(text)):
            return Explained(without_answer(Outcome.REFUSED, problem))
        try:
            try:
                return await self._taken_up(course)
            except EmbedderChanged:  # moved just now: from here on there is only the new one
                return await self._taken_up(course)
        except EmbedderMissing as missing:
            return Explained(without_answer(Outcome.REFUSED, str(missing)))

    async def _taken_up(self, course: Course) -> Explained:
        question = course.question
        if dispute := disputed(question.text, question.history, tutor=question.manner.tutor):
            return await self._again(course.unseen, dispute)
        return await self._answered(course)

    async def _again(self, course: Course, dispute: Dispute) -> Explained:
        """Search once more for what was answered wrongly, they say: first besides what was shown, then as before."""
        asked = replace(course.question, text=dispute.question, history=dispute.history, objection=dispute.objection)
        found = await self._answered(replace(course, question=replace(asked, besides=dispute.shown)))
        if dispute.shown and found.answer.outcome is not Outcome.ANSWERED:
            before = found.answer
            once_more = replace(course, question=replace(asked, step=Step.QUOTING), searched=found.searched)
            found = await self._answered(once_more)
            found = replace(found, answer=replace(found.answer, usage=before.usage, calls=before.calls))
        return replace(found, answer=looked_again(found.answer, dispute.shown))

    async def _answered(self, course: Course) -> Explained:
        """Answer by what the staff wrote, from the library itself, by what is kept, or else by a search."""
        question = course.question
        with course.timing.of("library"):
            state, given = await asyncio.gather(
                self._holdings.state(question.creator_id),
                self._holdings.given(question.scope, fold(question.text)),
            )
        if given.pair and given.answered_by(given.pair):
            return Explained(pair_answer(question.creator_id, given.pair, self._links))
        if state.version == 0:
            nothing = without_answer(Outcome.ABSTAINED, NOTHING_YET)
            return Explained(self._answering.from_notes(given, question, nothing))
        if listed := await self._listed(course, state):
            return listed
        inquiry = None if given.withdrawn_at else self._answering.inquiry(question, state)
        if kept := await self._answering.kept(inquiry, given, course):
            return Explained(kept)
        return await self._searched_once(course, state, given, inquiry)

    async def _searched_once(
        self, course: Course, state: CorpusState, given: Given, inquiry: Inquiry | None
    ) -> Explained:
        """Search, and let those who ask the same at the same time wait for one paid answer."""
        question = course.question
        if question.fresh or not question.step.may_write:
            return await self._searched(course, state, given, inquiry)
        # Whatever an answer can depend on is in its question: who asks just this is answered alike.
        key = (inquiry.scope, inquiry.setting, inquiry.corpus_version, inquiry.key) if inquiry else None
        explained, taken = await self._flights.fly(
            key or (replace(question, usage_id=None), state.version),
            lambda tell_all: self._searched(replace(course, tell=tell_all), state, given, inquiry),
            course.tell,
        )
        return explained.free if taken else explained

    async def _searched(self, course: Course, state: CorpusState, given: Given, inquiry: Inquiry | None) -> Explained:
        question = course.question
        search = await self._searching.search(course, clean_question(question.text), state)
        found, opened = search.found, search.opened
        pair = await self._answering.nearly_asked(found, question, opened.scope)
        if pair and given.answered_by(pair):
            return Explained(pair_answer(question.creator_id, pair, self._links), found.ranking.hits)
        if given.withdrawn_at:
            return Explained(without_answer(Outcome.ABSTAINED, WITHDRAWN))
        moved = opened.library.version != state.version
        answer = await self._answering.answer(search, given, course, None if moved else inquiry)
        return Explained(answer, found.ranking.hits, found.ranking.gate, search.searched)

    async def _listed(self, course: Course, state: CorpusState) -> Explained | None:
        """Answer a question about the library itself; None where it is none, or its topic is nowhere."""
        question = course.question
        wanted = asks_for_contents(question.text)
        if self._contents is None or wanted is None or question.objection:
            return None
        scope = question.scope.among(state.tiers)
        hits, sure = await self._speaking_of(wanted, course, state)
        found = await entries(wanted, scope, self._contents, hits)
        if wanted.topic and not found:
            return None
        opened = await self._holdings.sentences(scope, spans_of(found))
        answer = Listing(question.creator_id, question.language, self._links).of(wanted, found, opened, sure)
        return Explained(answer, tuple(hits))

    async def _speaking_of(
        self, wanted: Wanted, course: Course, state: CorpusState
    ) -> tuple[Sequence[Hit], Confidence]:
        """The passages on a topic; where none is, only a title can be about it."""
        topic = clean_question(wanted.topic)
        if topic.empty:
            return (), Confidence.HIGH
        found = await self._searching.find_topic(course, topic, state)
        if found.confidence is Confidence.NONE:
            return (), Confidence.MEDIUM
        return found.ranking.hits, found.confidence


def _problem(text: str, cleaned: CleanQuestion) -> str:
    if len(text) > LONGEST_QUESTION:
        return f"That is {len(text):,} characters. Please ask one question in at most {LONGEST_QUESTION:,}."
    return NO_QUESTION if cleaned.empty else ""
