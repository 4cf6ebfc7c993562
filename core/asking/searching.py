"""Searching one creator's library for a question, and how sure it is that what was found answers it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from core.asking.answer import Confidence
from core.asking.authors import ModelWatch
from core.asking.breaker import Breaker
from core.asking.embedding import Embedder, Embedders, Vector
from core.asking.facts import wants_a_fact
from core.asking.forms import Clerk
from core.asking.gate import Cutoff, calibrate, confidence, cutoff_of, null_questions
from core.asking.holdings import CorpusState, Extent, Snapshots
from core.asking.parts import parts_of
from core.asking.pushback import held_against, units_of
from core.asking.question import Course, Question, Timing, in_context
from core.asking.ranking import Ranking, SearchQuery, rank
from core.asking.snapshot import Snapshot
from core.asking.tongue import language_of
from core.asking.translating import Searched, language_to_search, translated
from core.asking.wording import Found
from core.asking.words import CleanQuestion, Stemmer, clean_question, term_ids
from core.errors import EmbedderChanged, ProviderError
from core.tiers import Scope

AT_ONCE: Final = 16
"""How many of the unrelated questions are embedded at once: of a vendor's embedder each is a request."""
THINNED: Final = 4
"""Of the unrelated questions every fourth is enough for a library whose parts come from the database each time."""
KNOWN_SHARE: Final = 0.5
"""So many of a follow-up's own content words the library must have, before it takes context."""
WORDS_COVERED: Final = 0.5
"""So many of a question's words a place must say to be shown, where there are only words to search with."""


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
class Search:
    """A question that was searched for: where, with which vector (float32 (d,) of length 1), and what was found.

    ``searched`` is the question as it was put into the library's language, where that had to be.
    """

    opened: Opened
    vector: Vector
    found: Found
    searched: Searched


@dataclass(slots=True)
class Searching:
    """Searches libraries; a clerk, where there is one, puts a question into a library's language."""

    snapshots: Snapshots
    embedders: Embedders
    stem: Stemmer
    watch: ModelWatch
    clerk: Clerk | None = None
    _unrelated: dict[str, list[SearchQuery]] = field(default_factory=dict)
    _embedding_unrelated: asyncio.Lock = field(default_factory=asyncio.Lock)
    _embedding: Breaker = field(default_factory=Breaker)

    async def search(self, course: Course, cleaned: CleanQuestion, state: CorpusState) -> Search:
        """Find the moments that may answer a question, and those of its parts that nothing answers.

        Raises:
            EmbedderChanged: the library was moved to another embedder just now; doing it again works.
            EmbedderMissing: its embedder cannot be had.
        """
        question = course.question
        searched = course.searched or await self._in_its_language(question, cleaned, state)
        opened, queries = await self._prepared(question, searched.cleaned, state, course.timing)
        found = await self._find(queries, opened, course.timing)
        ranking = held_against(found.ranking) if question.besides else found.ranking
        as_asked = searched.cleaned == cleaned and not searched.foreign  # its parts are not translated
        lacking = await self._lacking(question, found, opened, course.timing) if as_asked else ()
        return Search(opened, queries[0].vector, replace(found, ranking=ranking, lacking=lacking), searched)

    async def find_topic(self, course: Course, topic: CleanQuestion, state: CorpusState) -> Found:
        """Find what is said on a topic, whatever was talked of before."""
        opened, queries = await self._prepared(replace(course.question, history=()), topic, state, course.timing)
        return await self._find(queries, opened, course.timing)

    async def calibrated(self, scope: Scope, library: Snapshot | Extent) -> Cutoff:
        """Find a library's cut-off, by questions that no library answers.

        Raises:
            ProviderError: those questions could not be embedded, or not all of them.
        """
        unrelated = await self._unrelated_to(library.embedder_id)
        if isinstance(library, Snapshot):
            return await asyncio.to_thread(calibrate, library, unrelated)
        gates: list[float] = []
        for query in unrelated[::THINNED]:
            part = await self.snapshots.part_for(scope, library, query)
            gates.append((await asyncio.to_thread(rank, part, query, 1)).gate)
        return cutoff_of(gates)

    async def _in_its_language(self, question: Question, cleaned: CleanQuestion, state: CorpusState) -> Searched:
        """The question in the library's language, where the embedder could not bridge the two."""
        reads = self.embedders.of(state.embedder_id).languages
        language = language_to_search(question.language, state.languages, reads, question.usual)
        wished_for = language_of(cleaned.text) != question.language  # and not what is asked in
        if not language or wished_for:
            return Searched(cleaned)
        clerk = self.clerk if question.step.may_write else None
        return await translated(clerk, question.creator_id, cleaned, language, question.usage_id)

    async def _lacking(self, question: Question, found: Found, opened: Opened, timing: Timing) -> tuple[str, ...]:
        """Of a question with several parts those that find nothing when they are asked alone."""
        parts = parts_of(question.text) if found.confidence is not Confidence.NONE else ()
        if not parts or found.words_only:
            return ()
        cutoff = await self._cutoff(opened, timing)
        if cutoff is None:
            return ()
        embedder = self.embedders.of(opened.library.embedder_id)
        queries = await self._embedded([clean_question(part) for part in parts], embedder, timing)
        rankings = [await self._ranked(opened, query, timing) for query in queries]
        sure = [confidence(ranking.gate, cutoff) for ranking in rankings]
        lacking = tuple(p for p, each in zip(parts, sure, strict=True) if each is Confidence.NONE)
        return lacking if len(lacking) < len(parts) else ()

    async def _prepared(
        self, question: Question, cleaned: CleanQuestion, state: CorpusState, timing: Timing
    ) -> tuple[Opened, list[SearchQuery]]:
        """Open the library while the question is embedded; a follow-up also together with the question before it."""
        context = in_context(cleaned, question.history, tutor=question.manner.tutor)
        searched = [cleaned, context] if context else [cleaned]
        embedder = self.embedders.of(state.embedder_id)
        opened, queries = await asyncio.gather(
            self._opened(question.scope, state, timing), self._embedded(searched, embedder, timing)
        )
        shown = units_of(question.besides)
        return opened, [replace(query, besides=shown) for query in queries]

    async def _opened(self, asked: Scope, state: CorpusState, timing: Timing) -> Opened:
        scope = asked.among(state.tiers)
        with timing.of("library"):
            library = await self.snapshots.current(scope, state)
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
                    self.watch.model_failed(embedder.embedder_id, error)
                else:
                    self._embedding.succeeded(embedder.embedder_id)
                    return queries
            nowhere = np.zeros(embedder.dimensions, np.float32)
            return [self._by_words(cleaned, nowhere) for cleaned in searched]

    async def _find(self, queries: Sequence[SearchQuery], opened: Opened, timing: Timing) -> Found:
        leaning = queries[1:] if _known_here(opened.library, queries[0]) else ()
        found = [await self._ranked(opened, query, timing) for query in (queries[0], *leaning)]
        ranking = max(found, key=lambda ranking: ranking.gate)
        cutoff = None if queries[0].words_only else await self._cutoff(opened, timing)
        if cutoff is None:
            is_said = ranking.covered >= WORDS_COVERED and len(queries[0].terms)
            return Found(ranking, Confidence.LOW if is_said else Confidence.NONE, words_only=True)
        return Found(ranking, confidence(ranking.gate, cutoff))

    async def _cutoff(self, opened: Opened, timing: Timing) -> Cutoff | None:
        """A library's cut-off; None where there is none yet, and its embedder fails at what it is found by."""
        if opened.cutoff:
            return opened.cutoff
        embedder_id = opened.library.embedder_id
        with timing.of("calibration"):
            try:
                return await self.calibrated(opened.scope, opened.library)
            except ProviderError as error:  # whoever asks waits for no second try
                self._embedding.failed(embedder_id, error)
                self.watch.model_failed(embedder_id, error)
                return None

    async def _ranked(self, opened: Opened, query: SearchQuery, timing: Timing) -> Ranking:
        with timing.of("candidates"):
            part = await self.snapshots.part_for(opened.scope, opened.library, query)
        with timing.of("ranking"):
            return await asyncio.to_thread(rank, part, query)

    async def _query(self, cleaned: CleanQuestion, embedder: Embedder) -> SearchQuery:
        return self._by_words(cleaned, await embedder.embed_query(cleaned.text))

    def _by_words(self, cleaned: CleanQuestion, vector: Vector) -> SearchQuery:
        terms = np.unique(term_ids(cleaned.words, self.stem))
        return SearchQuery(vector, terms, fact=wants_a_fact(cleaned.text))

    async def _unrelated_to(self, embedder_id: str) -> Sequence[SearchQuery]:
        """Questions that no library answers, embedded once however many ask for them; what a failure leaves stays."""
        async with self._embedding_unrelated:
            embedder, texts = self.embedders.of(embedder_id), null_questions()
            queries = self._unrelated.setdefault(embedder_id, [])
            for at in range(len(queries), len(texts), AT_ONCE):
                batch = (self._query(clean_question(text), embedder) for text in texts[at : at + AT_ONCE])
                queries += await asyncio.gather(*batch)
            return queries


def _known_here(library: Snapshot | Extent, query: SearchQuery) -> bool:
    """Whether a question's own words are mostly said here; else the one before it must not lend it an answer."""
    if isinstance(library, Extent) or not len(query.terms):
        return True
    _, known = library.vocabulary.columns(query.terms)
    return float(known.mean()) >= KNOWN_SHARE
