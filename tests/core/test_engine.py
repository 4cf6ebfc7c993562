"""The engine from question to answer, with a made-up library and models that say what a test wants."""

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from core.asking.answer import Answer, Confidence, Mode, Origin, Outcome, Sentence, Usage
from core.asking.authors import Authors
from core.asking.breaker import FAILURES
from core.asking.budgets import Step
from core.asking.cache import AnswerCache
from core.asking.clerk import Till
from core.asking.embedding import Vector
from core.asking.engine import Engine
from core.asking.gate import Cutoff, null_questions
from core.asking.given import NOTHING_GIVEN, Given, GivenText
from core.asking.holdings import CorpusState, Extent, Snapshots, Span, StoredSentence
from core.asking.notices import CLOSEST, NO_QUESTION, NOT_COVERED, NOT_COVERED_HERE, NOTHING_YET, WITHDRAWN
from core.asking.question import Question, in_context
from core.asking.ranking import SearchQuery
from core.asking.routing import Routing
from core.asking.snapshot import Snapshot
from core.asking.words import clean_question
from core.asking.writing import Draft, DraftSentence, Task, Turn, unheard
from core.asking.writing import Heard as Hearing
from core.errors import ProviderBusy, ProviderError
from core.ids import CreatorId, SourceId
from core.library.knowledge import fold
from core.tiers import ALL_TIERS, NO_TIERS, Scope, Tiers
from tests.core.embedders import Rack
from tests.core.kept_answers import FakeKeptAnswers, HeardLooks
from tests.core.workshop import CREATOR, DIMENSIONS, STEM, SUBJECTS, embed, index, lesson, library
from tests.waiting import eventually

EMBEDDER = "made-up"
CUTOFF = Cutoff(mean=1.0, deviation=0.1)
DRILL = SourceId(10 + SUBJECTS.index("drill"))
CLEAN_THE_DRILL = "How do I clean the drill?"
GOLD, SILVER = frozenset({"gold"}), frozenset({"silver"})


class WorkshopEmbedder:
    """Embeds as the workshop does; remembers what it was asked."""

    embedder_id = EMBEDDER
    dimensions = DIMENSIONS
    languages: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed_query(self, text: str) -> Vector:
        self.asked.append(text)
        return embed(text)

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        raise NotImplementedError


@dataclass
class FakeHoldings:
    """A library in memory; remembers how often it was read."""

    version: int = 1
    embedder_id: str = EMBEDDER
    cutoff: Cutoff | None = CUTOFF
    texts: dict[SourceId, list[str]] = field(
        default_factory=lambda: {SourceId(10 + at): lesson(subject) for at, subject in enumerate(SUBJECTS)}
    )
    removed: set[SourceId] = field(default_factory=set)
    pairs: list[GivenText] = field(default_factory=list)
    noted: Given = NOTHING_GIVEN
    tiers: dict[SourceId, str] = field(default_factory=dict)
    link: str = "https://youtu.be/AbCdEfGhIjK"
    calls: list[str] = field(default_factory=list)
    kept: dict[CreatorId, tuple[int, str, Cutoff]] = field(default_factory=dict)

    async def state(self, creator_id: CreatorId) -> CorpusState:
        self.calls.append("state")
        return CorpusState(self.version, self.embedder_id, self.cutoff, frozenset(self.tiers.values()))

    async def extent(self, scope: Scope) -> Extent:
        units = sum(len(sentences) for sentences in self._open(scope).values())
        return Extent(self.version, self.embedder_id, units, units // 6, 5.0, 50.0)

    async def load(self, scope: Scope) -> Snapshot:
        self.calls.append("load")
        await asyncio.sleep(0)
        sources = [index(source_id, sentences) for source_id, sentences in self._open(scope).items()]
        return Snapshot.build(scope.creator_id, self.version, self.embedder_id, sources)

    async def candidates(self, scope: Scope, query: SearchQuery, extent: Extent) -> Snapshot:
        self.calls.append("candidates")
        sources = [source for source in library() if source.source_id in self._open(scope)]
        return Snapshot.build(scope.creator_id, extent.version, extent.embedder_id, sources)

    async def sentences(self, scope: Scope, spans: Sequence[Span]) -> list[StoredSentence]:
        self.calls.append("sentences")
        return [
            self._sentence(span.source_id, position)
            for span in spans
            if span.source_id not in self.removed and span.source_id in self._open(scope)
            for position in range(span.first, min(span.last + 1, len(self.texts[span.source_id])))
        ]

    async def given(self, scope: Scope, folded: str) -> Given:
        return replace(self.noted, pair=next((p for p in self.pairs if fold(p.question) == folded), None))

    async def pair(self, scope: Scope, source_id: SourceId) -> GivenText | None:
        return next((pair for pair in self.pairs if pair.source_id == source_id), None)

    async def set_cutoff(self, creator_id: CreatorId, version: int, embedder_id: str, cutoff: Cutoff) -> None:
        self.kept[creator_id] = (version, embedder_id, cutoff)

    def _open(self, scope: Scope) -> dict[SourceId, list[str]]:
        open_to_all = {
            found: texts for found, texts in self.texts.items() if scope.sources is None or found in scope.sources
        }
        return {found: texts for found, texts in open_to_all.items() if scope.opens(self.tiers.get(found, ""))}

    def _sentence(self, source_id: SourceId, position: int) -> StoredSentence:
        return StoredSentence(
            source_id, position, 5.0 * position, 5.0 * position + 5.0, 5.0 * position, 0,
            self.texts[source_id][position], f"Lesson {source_id}", self.link, 300.0, timed=True,
            tier=self.tiers.get(source_id, ""),
        )  # fmt: skip


@dataclass
class ScriptedModel:
    """Writes what it is told to, or fails; remembers what it was asked."""

    name: str
    reply: ProviderError | bool | tuple[tuple[str, ...], ...]
    """An error, whether the evidence covers the question, or the labels of one sentence after another."""
    tasks: list[Task] = field(default_factory=list)

    async def write(self, task: Task, heard: Hearing = unheard) -> Draft:
        self.tasks.append(task)
        if isinstance(self.reply, ProviderError):
            raise self.reply
        first = next(s for source in task.evidence for s in source.sentences if "Here I clean" in s.text)
        labels = self.reply if isinstance(self.reply, tuple) else ((first.label,),)
        written = tuple(DraftSentence("Clean the drill as carefully as anybody can.", found) for found in labels)
        return Draft(covered=self.reply is not False, sentences=written, model=self.name)

    async def close(self) -> None:
        """Holds no connection."""


@dataclass
class Heard:
    """Hears of failures."""

    failures: list[tuple[str, str]] = field(default_factory=list)

    def model_failed(self, model: str, error: ProviderError) -> None:
        self.failures.append((model, str(error)))


class NoLinks:
    """Links to our own pages, unsigned."""

    def link(self, creator_id: CreatorId, source_id: SourceId, start_s: float | None) -> str:
        return f"https://chronos.example/watch/{creator_id}/{source_id}?t={start_s}"


@dataclass
class Desk:
    """An engine with everything it stands on in reach."""

    holdings: FakeHoldings = field(default_factory=FakeHoldings)
    models: Sequence[ScriptedModel] = ()
    heard: Heard = field(default_factory=Heard)
    most_units: int = 100_000
    embedders: Rack = field(default_factory=lambda: Rack({EMBEDDER: WorkshopEmbedder()}))
    kept: FakeKeptAnswers = field(default_factory=FakeKeptAnswers)
    heard_looks: HeardLooks = field(default_factory=HeardLooks)

    def __post_init__(self) -> None:
        self.cache = AnswerCache(self.kept, self.holdings, STEM, NoLinks(), self.heard_looks)
        self.engine = self.engine_with(self.cache)

    def engine_with(self, cache: AnswerCache, till: Till | None = None) -> Engine:
        """The same engine, with another cache or a till."""
        return Engine(
            holdings=self.holdings, snapshots=Snapshots(self.holdings, 10**9, self.most_units),
            embedders=self.embedders, stem=STEM, routing=Routing(self.models),
            authors=Authors(self.heard), links=NoLinks(), cache=cache, till=till,
        )  # fmt: skip

    async def ask(
        self, text: str, *history: Turn, step: Step = Step.LARGE, tiers: Tiers = NO_TIERS
    ) -> Answer:  # fmt: skip
        return await self.engine.answer(Question(CREATOR, text, history, step=step, tiers=tiers))


async def test_without_a_model_the_creators_own_words_are_quoted_with_a_link_to_the_second() -> None:
    answer = await Desk().ask(CLEAN_THE_DRILL)

    said_at = next(at for at, text in enumerate(lesson("drill")) if "clean" in text)
    assert (answer.outcome, answer.mode) == (Outcome.ANSWERED, Mode.QUOTED)
    assert answer.citations[0].start_s == 5.0 * said_at
    assert answer.citations[0].url.endswith(f"t={5 * said_at}")
    assert answer.text.startswith("Here I clean the drill as carefully as anybody can.")
    assert [sentence.labels for sentence in answer.sentences] == [("1",), ("2",), ("3",)][: len(answer.sentences)]
    assert answer.grounded


async def test_what_the_material_does_not_cover_is_declined_without_showing_anything() -> None:
    desk = Desk()
    answer = await desk.ask("Who won the election in Peru?")

    assert (answer.outcome, answer.notice, answer.citations) == (Outcome.ABSTAINED, NOT_COVERED, ())
    assert "sentences" not in desk.holdings.calls


async def test_a_number_that_nobody_said_makes_it_the_closest_moments() -> None:
    answer = await Desk().ask("How do I clean the drill within 45 minutes?")

    assert (answer.outcome, answer.confidence, answer.notice) == (Outcome.CLOSEST, Confidence.LOW, CLOSEST)
    assert answer.citations
    assert not answer.grounded


async def test_thin_evidence_shows_the_closest_moments() -> None:
    sure = await Desk().engine.explain(Question(CREATOR, CLEAN_THE_DRILL))
    thin = Desk(FakeHoldings(cutoff=Cutoff(mean=sure.gate - 0.27, deviation=0.1)))

    assert (await thin.ask(CLEAN_THE_DRILL)).outcome is Outcome.CLOSEST


async def test_an_empty_library_says_that_nothing_was_added_yet() -> None:
    answer = await Desk(FakeHoldings(version=0, embedder_id="")).ask(CLEAN_THE_DRILL)

    assert (answer.outcome, answer.notice) == (Outcome.ABSTAINED, NOTHING_YET)


@pytest.mark.parametrize("text", ["", "   ", "🎉🎉🎉", "-" * 40, "@everyone", "https://videos.example/x", "?!"])
async def test_what_holds_no_word_is_refused_with_an_example(text: str) -> None:
    desk = Desk()
    answer = await desk.ask(text)

    assert (answer.outcome, answer.notice) == (Outcome.REFUSED, NO_QUESTION)
    assert desk.holdings.calls == []


async def test_a_question_of_2001_characters_is_refused_with_its_length_and_one_of_2000_is_not() -> None:
    desk = Desk()
    padded = CLEAN_THE_DRILL.ljust(2000, "!")

    assert (await desk.ask(padded)).outcome is not Outcome.REFUSED
    refused = await desk.ask(padded + "!")
    assert refused.outcome is Outcome.REFUSED
    assert "2,001 characters" in refused.notice
    assert "2,000" in refused.notice


async def test_a_follow_up_is_found_by_the_question_before_it() -> None:
    before = Turn(CLEAN_THE_DRILL, "Carefully.")
    alone, followed = await Desk().ask("and how do I store it?"), await Desk().ask("and how do I store it?", before)

    assert followed.citations[0].source_id == DRILL
    assert "store the drill" in followed.citations[0].quote
    assert not alone.citations or alone.citations[0].source_id != DRILL


async def test_a_question_that_stands_alone_is_not_drawn_to_the_one_before_it() -> None:
    answer = await Desk().ask("Which steps repair a broken hinge properly?", Turn(CLEAN_THE_DRILL, "Carefully."))

    assert "repair the hinge" in answer.citations[0].quote


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("and the clamp?", True),
        ("how long does it take to dry before sanding again?", True),
        ("why?", True),
        ("Which varnish should I apply on an old oak table?", False),
    ],
)
def test_short_and_referring_questions_lean_on_the_one_before(question: str, *, leans: bool) -> None:
    context = in_context(clean_question(question), (Turn("How do I store varnish?", ""),))

    assert (context is not None) == leans
    assert context is None or {"store", "varnish"} <= set(context.words)


def test_the_first_question_of_a_session_leans_on_nothing() -> None:
    assert in_context(clean_question("and the clamp?"), ()) is None


async def test_a_model_words_the_answer_and_its_labels_become_citations() -> None:
    model = ScriptedModel("one", True)
    answer = await Desk(models=[model]).ask(CLEAN_THE_DRILL, Turn("hello", "hi"))

    assert (answer.outcome, answer.mode, answer.model) == (Outcome.ANSWERED, Mode.WRITTEN, "one")
    assert answer.text == "Clean the drill as carefully as anybody can. [1]"
    assert answer.citations[0].source_id == DRILL
    (task,) = model.tasks
    assert [turn.question for turn in task.history] == ["hello"]
    labels = [s.label for source in task.evidence for s in source.sentences]
    assert labels[0] == "S1"
    assert len(set(labels)) == len(labels)


async def test_when_a_model_fails_the_next_one_answers_and_the_operator_hears_of_it() -> None:
    models = [ScriptedModel("one", ProviderBusy("overloaded")), ScriptedModel("two", True)]
    desk = Desk(models=models)
    answer = await desk.ask(CLEAN_THE_DRILL)

    assert (answer.mode, answer.model) == (Mode.WRITTEN, "two")
    assert desk.heard.failures == [("one", "overloaded")]


async def test_when_every_model_fails_the_answer_is_quoted() -> None:
    desk = Desk(models=[ScriptedModel("one", ProviderBusy("busy")), ScriptedModel("two", ProviderError("cut"))])
    answer = await desk.ask(CLEAN_THE_DRILL)

    assert (answer.outcome, answer.mode, answer.model) == (Outcome.ANSWERED, Mode.QUOTED, "")
    assert [name for name, _ in desk.heard.failures] == ["one", "two"]


async def test_sentences_with_invented_labels_are_not_said() -> None:
    model = ScriptedModel("one", True)
    await Desk(models=[model]).ask(CLEAN_THE_DRILL)
    real = next(s.label for e in model.tasks[0].evidence for s in e.sentences if "Here I clean" in s.text)

    mixed = await Desk(models=[ScriptedModel("one", (("S999",), (real, "S998"), ()))]).ask(CLEAN_THE_DRILL)

    assert mixed.mode is Mode.WRITTEN
    assert [sentence.labels for sentence in mixed.sentences] == [("1",)]
    assert len(mixed.citations) == 1


async def test_an_answer_of_nothing_but_invented_labels_is_replaced_by_quotes() -> None:
    answer = await Desk(models=[ScriptedModel("one", (("S999",),))]).ask(CLEAN_THE_DRILL)

    assert answer.mode is Mode.QUOTED
    assert answer.citations


async def test_a_model_that_finds_the_evidence_silent_declines() -> None:
    answer = await Desk(models=[ScriptedModel("one", False)]).ask(CLEAN_THE_DRILL)

    assert (answer.outcome, answer.notice, answer.model) == (Outcome.ABSTAINED, NOT_COVERED, "one")


async def test_the_same_question_is_paid_for_once_until_what_it_was_answered_from_changes() -> None:
    model = ScriptedModel("one", True)
    desk = Desk(models=[model])
    first, again = await desk.ask(CLEAN_THE_DRILL), await desk.ask("how do I clean the DRILL?")
    assert (len(model.tasks), again.text, again.citations) == (1, first.text, first.citations)
    desk.holdings.texts[DRILL] = [text.replace("drill", "drill there") for text in desk.holdings.texts[DRILL]]
    desk.holdings.version += 1
    await desk.ask(CLEAN_THE_DRILL)
    assert len(model.tasks) == 2


async def test_an_answer_that_was_paid_for_is_given_again_when_the_money_is_used_up() -> None:
    desk = Desk(models=[ScriptedModel("one", True)])
    await desk.ask(CLEAN_THE_DRILL)
    assert (await desk.ask(CLEAN_THE_DRILL, step=Step.QUOTING)).mode is Mode.WRITTEN


async def test_an_answer_that_leans_on_a_conversation_is_not_kept() -> None:
    model = ScriptedModel("one", True)
    desk = Desk(models=[model])
    for _ in range(2):
        await desk.ask(CLEAN_THE_DRILL, Turn("hello", "hi"))
    assert len(model.tasks) == 2


async def test_without_money_no_model_is_asked() -> None:
    model = ScriptedModel("one", True)
    answer = await Desk(models=[model]).ask(CLEAN_THE_DRILL, step=Step.QUOTING)

    assert answer.mode is Mode.QUOTED
    assert model.tasks == []


@pytest.mark.parametrize("models", [[], [ScriptedModel("one", True)]])
async def test_a_source_removed_between_ranking_and_reading_is_not_shown(models: list[ScriptedModel]) -> None:
    holdings = FakeHoldings()
    holdings.removed = set(holdings.texts)
    answer = await Desk(holdings, models).ask(CLEAN_THE_DRILL)

    assert (answer.outcome, answer.citations) == (Outcome.ABSTAINED, ())
    assert all(model.tasks == [] for model in models)


async def test_the_removal_of_one_source_leaves_the_others_to_quote() -> None:
    answer = await Desk(FakeHoldings(removed={DRILL})).ask(CLEAN_THE_DRILL)

    assert DRILL not in {cited.source_id for cited in answer.citations}


async def test_what_a_platform_would_act_on_is_stripped_from_quotes() -> None:
    holdings = FakeHoldings()
    holdings.texts[DRILL] = [
        text.replace("clean the drill", "clean the drill @everyone https://evil.example **now**")
        for text in holdings.texts[DRILL]
    ]
    answer = await Desk(holdings).ask(CLEAN_THE_DRILL)

    shown = answer.text + "".join(cited.quote for cited in answer.citations)
    assert "clean the drill" in shown
    assert not any(bait in shown for bait in ("@everyone", "http", "**"))


async def test_where_a_librarys_embedder_cannot_be_had_the_refusal_says_what_to_do() -> None:
    answer = await Desk(FakeHoldings(embedder_id="other")).ask(CLEAN_THE_DRILL)
    assert (answer.outcome, answer.text) == (Outcome.REFUSED, "Set the key of other.")


async def test_a_question_that_meets_the_switch_is_embedded_again_with_the_new_embedder() -> None:
    class Moving(FakeHoldings):
        """Is moved between the look at its state and the reading of its vectors."""

        async def load(self, scope: Scope) -> Snapshot:
            self.embedder_id, self.version = "new", 2
            return await super().load(scope)

    old, new = WorkshopEmbedder(), WorkshopEmbedder()
    desk = Desk(Moving(), embedders=Rack({EMBEDDER: old, "new": new}))
    answer = await desk.ask(CLEAN_THE_DRILL)
    assert answer.outcome is Outcome.ANSWERED
    assert (len(old.asked), len(new.asked)) == (1, 1)
    assert desk.holdings.calls.count("load") == 1


async def test_a_cut_off_is_found_with_the_librarys_own_embedder() -> None:
    other = WorkshopEmbedder()
    desk = Desk(FakeHoldings(embedder_id="other"), embedders=Rack({EMBEDDER: WorkshopEmbedder(), "other": other}))
    await desk.engine.recalibrate(CREATOR)
    assert desk.holdings.kept[CREATOR][1] == "other"
    assert len(other.asked) == len(null_questions())


async def test_without_a_stored_cut_off_one_is_found_for_the_question() -> None:
    desk = Desk(FakeHoldings(cutoff=None))

    assert (await desk.ask(CLEAN_THE_DRILL)).outcome is Outcome.ANSWERED
    assert (await desk.ask("Who won the election in Peru?")).outcome is Outcome.ABSTAINED


async def test_recalibrating_keeps_a_cut_off_with_its_version() -> None:
    desk = Desk(FakeHoldings(version=7))
    await desk.engine.recalibrate(CREATOR)

    version, _, cutoff = desk.holdings.kept[CREATOR]
    assert version == 7
    assert cutoff.deviation > 0


async def test_people_who_ask_at_once_share_one_reading_of_the_library() -> None:
    desk = Desk()
    answers = await asyncio.gather(*(desk.ask(f"How do I clean the {subject}?") for subject in SUBJECTS))

    assert all(answer.outcome is Outcome.ANSWERED for answer in answers)
    assert desk.holdings.calls.count("load") == 1


async def test_what_was_added_since_is_found_by_the_next_question() -> None:
    desk = Desk()
    await desk.ask(CLEAN_THE_DRILL)
    desk.holdings.texts[SourceId(99)] = [text.replace("drill", "anvil") for text in lesson("drill")]
    desk.holdings.version = 2

    answer = await desk.ask("How do I clean the anvil?")

    assert answer.citations[0].source_id == 99


async def test_a_library_too_large_to_be_held_takes_candidates_and_answers_alike() -> None:
    held, large = Desk(), Desk(most_units=100)

    answers = await held.ask(CLEAN_THE_DRILL), await large.ask(CLEAN_THE_DRILL)

    assert replace(answers[0], timing_ms={}) == replace(answers[1], timing_ms={})
    assert "load" not in large.holdings.calls
    assert "candidates" not in held.holdings.calls


async def test_a_library_too_large_to_be_held_finds_its_cut_off_from_candidates() -> None:
    desk = Desk(FakeHoldings(version=3), most_units=100)
    await desk.engine.recalibrate(CREATOR)

    assert desk.holdings.kept[CREATOR][0] == 3
    assert desk.holdings.calls.count("candidates") > 30


@pytest.mark.parametrize("most_units", [100_000, 100])
async def test_members_of_different_tiers_who_ask_the_same_at_once_each_get_what_is_open_to_them(
    most_units: int,
) -> None:
    model = ScriptedModel("one", True)
    desk = Desk(FakeHoldings(tiers={DRILL: "gold"}), [model], most_units=most_units)
    for _ in ("asked", "from the cache"):
        gold, staff, silver, anybody = await asyncio.gather(
            *(desk.ask(CLEAN_THE_DRILL, tiers=tiers) for tiers in (GOLD, ALL_TIERS, SILVER, NO_TIERS))
        )
        for allowed in (gold, staff):
            assert (allowed.mode, allowed.members_only) == (Mode.WRITTEN, True)
            assert DRILL in {cited.source_id for cited in allowed.citations}
        for other in (silver, anybody):
            assert DRILL not in {cited.source_id for cited in other.citations}
            assert "drill" not in other.text
            assert not other.members_only


async def test_rights_that_open_the_same_share_what_is_held_and_what_was_paid_for() -> None:
    model = ScriptedModel("one", True)
    desk = Desk(models=[model])
    for tiers in (NO_TIERS, GOLD, SILVER, ALL_TIERS):
        await desk.ask(CLEAN_THE_DRILL, tiers=tiers)
    assert (desk.holdings.calls.count("load"), len(model.tasks)) == (1, 1)

    desk.holdings.tiers[SourceId(DRILL + 1)] = "gold"
    desk.holdings.version += 1
    answers = [await desk.ask(CLEAN_THE_DRILL, tiers=tiers) for tiers in (NO_TIERS, SILVER, GOLD, ALL_TIERS)]
    assert (desk.holdings.calls.count("load"), len(model.tasks)) == (3, 2)
    assert not any(answer.members_only for answer in answers)


async def test_a_tier_given_since_takes_an_answer_out_of_the_cache() -> None:
    desk = Desk(models=[ScriptedModel("one", True)])
    assert (await desk.ask(CLEAN_THE_DRILL)).mode is Mode.WRITTEN

    desk.holdings.tiers[DRILL] = "gold"
    desk.holdings.version += 1

    assert DRILL not in {cited.source_id for cited in (await desk.ask(CLEAN_THE_DRILL)).citations}
    assert (await desk.ask(CLEAN_THE_DRILL, tiers=GOLD)).members_only


async def test_a_source_locked_between_ranking_and_reading_is_not_shown() -> None:
    desk = Desk()
    await desk.ask(CLEAN_THE_DRILL)
    desk.holdings.tiers = dict.fromkeys(desk.holdings.texts, "gold")  # its version has not been seen yet

    answer = await desk.ask(CLEAN_THE_DRILL)

    assert (answer.outcome, answer.citations) == (Outcome.ABSTAINED, ())


@pytest.mark.parametrize("tiers", [{}, dict.fromkeys([SourceId(10 + at) for at in range(len(SUBJECTS))], "gold")])
async def test_who_may_not_read_everything_is_told_that_more_may_cover_it(tiers: dict[SourceId, str]) -> None:
    desk = Desk(FakeHoldings(tiers={DRILL: "gold", **tiers}))

    asked = "Who won the election in Peru?"
    assert (await desk.ask(asked)).notice == NOT_COVERED_HERE
    assert (await desk.ask(asked, tiers=GOLD)).notice == NOT_COVERED


async def test_of_a_library_that_changed_no_older_snapshot_is_kept() -> None:
    holdings, creator_id = FakeHoldings(tiers={DRILL: "gold"}), CreatorId(77)
    snapshots = Snapshots(holdings, 10**9, 100_000)
    for tier in ("gold", "silver"):
        holdings.tiers[DRILL], holdings.version = tier, holdings.version + 1
        for tiers in (NO_TIERS, frozenset({tier})):
            await snapshots.current(Scope(creator_id, tiers), await holdings.state(creator_id))

    gc.collect()
    held = [found for found in gc.get_objects() if isinstance(found, Snapshot) and found.creator_id == creator_id]
    assert [snapshot.version for snapshot in held] == [3, 3]


async def test_every_part_of_an_answer_is_timed() -> None:
    answer = await Desk().ask(CLEAN_THE_DRILL)

    assert set(answer.timing_ms) >= {"library", "embedding", "ranking", "evidence", "quoting", "total"}
    assert answer.timing_ms["total"] >= answer.timing_ms["ranking"]


class SlowModel(ScriptedModel):
    """Writes once it is let."""

    def __init__(self) -> None:
        super().__init__("one", True)
        self.let = asyncio.Event()

    async def write(self, task: Task, heard: Hearing = unheard) -> Draft:
        draft = await super().write(task, heard)
        await self.let.wait()
        return replace(draft, usage=Usage(cost_usd=1.0))


async def test_the_same_question_at_once_is_paid_for_once_and_answered_to_all() -> None:
    model = SlowModel()
    desk = Desk(models=[model])
    asking = [asyncio.create_task(desk.ask(CLEAN_THE_DRILL)) for _ in range(5)]
    await eventually(lambda: model.tasks, "the model to be asked")
    asking[0].cancel()  # who began it leaves
    model.let.set()

    answers = await asyncio.gather(*asking[1:])

    assert len(model.tasks) == 1
    assert {answer.mode for answer in answers} == {Mode.WRITTEN}
    assert sorted(answer.usage.cost_usd for answer in answers) == [0.0, 0.0, 0.0, 1.0], "the first who got it pays"


async def test_a_model_that_fails_again_and_again_is_left_alone() -> None:
    models = [ScriptedModel("one", ProviderError("cut")), ScriptedModel("two", True)]
    desk = Desk(models=models)
    for subject in SUBJECTS[:6]:
        await desk.ask(f"How do I clean the {subject}?")

    assert len(models[0].tasks) == FAILURES
    assert len(models[1].tasks) > FAILURES


# What the staff wrote.

PAIR = GivenText(
    SourceId(90), "Answer by Ada, 21 November 2026", CLEAN_THE_DRILL, "With a brush: https://example.com/b"
)
RULE = GivenText(
    SourceId(91),
    "Note by Ada, 21 November 2026",
    "drill, money back",
    "Unplug it: https://example.com/n",
    topics=("drill",),
)
PLAIN_RULE = replace(RULE, text="Always unplug it first.")


async def test_what_was_written_for_a_question_is_the_answer_and_no_model_is_asked() -> None:
    desk = Desk(FakeHoldings(version=0, pairs=[PAIR]), models=[ScriptedModel("any", reply=True)])
    answer = await desk.ask("how do I clean the DRILL")

    assert (answer.outcome, answer.confidence, answer.mode) == (Outcome.ANSWERED, Confidence.HIGH, Mode.QUOTED)
    assert answer.text == "With a brush: https://example.com/b [1]"
    assert (answer.citations[0].title, answer.citations[0].locator.words) == (PAIR.title, CLEAN_THE_DRILL)
    assert answer.grounded
    assert desk.holdings.calls == ["state"]


async def test_what_the_staff_took_back_is_not_answered_again() -> None:
    taken_back = FakeHoldings(noted=Given(withdrawn_at=datetime(2026, 11, 21, tzinfo=UTC)), pairs=[PAIR])
    answer = await Desk(taken_back).ask(CLEAN_THE_DRILL)
    assert (answer.outcome, answer.notice, answer.citations) == (Outcome.ABSTAINED, WITHDRAWN, ())
    taken_back.pairs = [replace(PAIR, written_at=datetime(2026, 11, 22, tzinfo=UTC))]
    assert (await Desk(taken_back).ask(CLEAN_THE_DRILL)).outcome is Outcome.ANSWERED, "it was written anew"


async def test_a_note_stands_above_quotes_and_counts_first() -> None:
    plain = await Desk().ask(CLEAN_THE_DRILL)
    answer = await Desk(FakeHoldings(noted=Given(notes=(RULE,)))).ask(CLEAN_THE_DRILL)

    assert answer.sentences[0] == Sentence(RULE.text, ("1",), Origin.NOTE)
    assert [s.text for s in answer.sentences[1:]] == [s.text for s in plain.sentences]
    assert [c.label for c in answer.citations] == [str(n) for n in range(1, len(plain.citations) + 2)]
    assert answer.citations[0].title == RULE.title
    assert [label for s in answer.sentences for label in s.labels] == [c.label for c in answer.citations]


async def test_a_note_is_the_answer_where_the_material_says_nothing_or_is_not_there() -> None:
    rule = replace(RULE, topics=("money back",))
    for holdings in (FakeHoldings(noted=Given(notes=(rule,))), FakeHoldings(version=0, noted=Given(notes=(rule,)))):
        answer = await Desk(holdings).ask("Do I get my money back?")
        assert (answer.outcome, answer.notice) == (Outcome.ANSWERED, "")
        assert [s.text for s in answer.sentences] == [RULE.text]
        declined = await Desk(holdings).ask("Who won the election in Peru?")
        assert declined.outcome is Outcome.ABSTAINED


async def test_a_model_reads_a_note_as_a_sentence_among_others_and_may_cite_it() -> None:
    model = ScriptedModel("any", reply=(("S1", "S2"),))
    desk = Desk(
        FakeHoldings(noted=Given(notes=(replace(PLAIN_RULE, text="Clean the drill as carefully as you can."),))),
        [model],
    )
    answer = await desk.ask(CLEAN_THE_DRILL)

    noted, *_ = model.tasks[0].evidence
    assert (noted.title, noted.sentences[0].text) == (RULE.title, "Clean the drill as carefully as you can.")
    assert answer.mode is Mode.WRITTEN
    assert RULE.title in {citation.title for citation in answer.citations}
    assert all(sentence.origin is Origin.SOURCE for sentence in answer.sentences), "it is cited, so not said twice"


async def test_the_link_of_a_note_that_a_model_cites_is_shown_since_models_write_none() -> None:
    rule = replace(RULE, text="Clean the drill as carefully as you can: https://example.com/n")
    desk = Desk(FakeHoldings(noted=Given(notes=(rule,))), [ScriptedModel("any", reply=(("S1", "S2"),))])
    answer = await desk.ask(CLEAN_THE_DRILL)

    cited = next(citation.label for citation in answer.citations if citation.title == RULE.title)
    assert answer.sentences[0] == Sentence(rule.text, (cited,), Origin.NOTE)
    assert cited in answer.sentences[1].labels
    assert len({citation.label for citation in answer.citations}) == len(answer.citations)


async def test_a_note_that_a_model_leaves_out_is_shown_all_the_same_and_so_is_one_with_a_link() -> None:
    for rule in (PLAIN_RULE, RULE):
        answer = await Desk(FakeHoldings(noted=Given(notes=(rule,))), [ScriptedModel("any", reply=True)]).ask(
            CLEAN_THE_DRILL
        )
        assert answer.mode is Mode.WRITTEN
        assert answer.sentences[0] == Sentence(rule.text, ("1",), Origin.NOTE)
        assert answer.sentences[1].labels == ("2",)


async def test_a_note_for_a_tier_makes_the_answer_one_for_members_alone() -> None:
    gold = replace(RULE, tier="gold")
    answer = await Desk(FakeHoldings(noted=Given(notes=(gold,)))).ask(CLEAN_THE_DRILL)
    assert answer.members_only
