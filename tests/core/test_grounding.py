"""What an answer rests on: read before it is written, said where it ends, looked at again where it is disputed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.asking.answer import Answer, Confidence, Mode, Origin, Outcome, Usage
from core.asking.authors import Authors
from core.asking.budgets import Step
from core.asking.engine import Engine
from core.asking.forms import Filled, Form
from core.asking.gate import Cutoff
from core.asking.holdings import CorpusState, Snapshots, Span
from core.asking.notices import (
    AGAIN_NOTHING,
    AGAIN_OTHERS,
    AGAIN_SAME,
    ALL_THERE_IS,
    CLOSEST,
    LOOK_FIRST,
    NEW_HERE,
    NONE_OF_KIND,
    NOT_COVERED,
    NOTHING_NEW,
    ONLY_PARTLY,
    SPEAK_OF_IT,
    UNFINISHED,
    in_language,
)
from core.asking.parts import parts_of
from core.asking.question import Question
from core.asking.routing import Routing
from core.asking.writing import Manner, Turn, Wishes
from core.ids import CreatorId, SourceId, UsageId
from core.library.catalogue import Contained
from core.library.store import SourceKind
from core.tiers import NO_TIERS, Scope, Tiers
from tests.core.embedders import Rack
from tests.core.test_engine import (
    CLEAN_THE_DRILL,
    DRILL,
    EMBEDDER,
    FakeHoldings,
    Heard,
    NoLinks,
    ScriptedModel,
    WorkshopEmbedder,
)
from tests.core.workshop import CREATOR, STEM, SUBJECTS, lesson

WITH_A_NUMBER = "How do I clean the drill within 45 minutes?"
TWO_THINGS = "How do I clean the drill? And how long does sourdough bread bake?"
COST = Usage(100, 10, 0, 0.001)


@dataclass
class ScriptedClerk:
    """Fills every form alike, or none; remembers what it was given."""

    values: Mapping[str, Any] | None
    forms: list[tuple[Form, str]] = field(default_factory=list)

    async def fill(
        self, creator_id: CreatorId, form: Form, purpose: str, question: UsageId | None = None
    ) -> Filled | None:
        self.forms.append((form, purpose))
        return None if self.values is None else Filled(self.values, "small", COST)


@dataclass
class FakeContents:
    """A library's list in memory, the latest first."""

    ages: Mapping[SourceId, timedelta]
    kinds: Mapping[SourceId, SourceKind] = field(default_factory=dict)
    titles: Mapping[SourceId, str] = field(default_factory=dict)

    async def listed(
        self, scope: Scope, kinds: Collection[SourceKind], within: timedelta | None, limit: int
    ) -> list[Contained]:
        found = [each for each, age in self.ages.items() if within is None or age < within]
        wanted = [each for each in found if self.kinds.get(each, SourceKind.VIDEO) in kinds]
        return [self._contained(each, len(wanted)) for each in wanted][:limit]

    async def about(
        self, scope: Scope, sources: Collection[SourceId], topic: str
    ) -> Mapping[SourceId, Contained]:  # fmt: skip
        called = [each for each, title in self.titles.items() if topic in title]
        return {each: self._contained(each, 1) for each in (*sources, *called)}

    def _contained(self, source_id: SourceId, total: int) -> Contained:
        added_at = datetime(2026, 11, 21, tzinfo=UTC) - self.ages[source_id]
        return Contained(source_id, self.kinds.get(source_id, SourceKind.VIDEO), added_at, total)


class EnglishEmbedder(WorkshopEmbedder):
    """Reads English only."""

    languages = frozenset({"en"})


@dataclass
class EnglishHoldings(FakeHoldings):
    """A library that is known to be in English."""

    async def state(self, creator_id: CreatorId) -> CorpusState:
        return replace(await super().state(creator_id), languages=frozenset({"en"}))


@dataclass
class Counter:
    """An engine with a reader and a list of what there is."""

    clerk: ScriptedClerk | None = None
    models: Sequence[ScriptedModel] = ()
    holdings: FakeHoldings = field(default_factory=FakeHoldings)
    contents: FakeContents | None = None
    embedder: WorkshopEmbedder = field(default_factory=WorkshopEmbedder)

    async def ask(self, text: str, *history: Turn, tiers: Tiers = NO_TIERS, **more: Any) -> Answer:  # noqa: ANN401 - fields of a question
        engine = Engine(
            holdings=self.holdings, snapshots=Snapshots(self.holdings, 10**9, 100_000),
            embedders=Rack({EMBEDDER: self.embedder}), stem=STEM, routing=Routing(self.models),
            authors=Authors(Heard()), links=NoLinks(), clerk=self.clerk, contents=self.contents,
        )  # fmt: skip
        return await engine.answer(Question(CREATOR, text, history, tiers=tiers, **more))


def reads(
    *, sufficient: bool, answered: Sequence[str] = (), missing: Sequence[str] = (), label: str = "S1"
) -> ScriptedClerk:
    """A reader that finds the same for every question."""
    return ScriptedClerk(
        {"answered": list(answered), "missing": list(missing), "sufficient": sufficient, "labels": [label]}
    )


async def test_nobody_waits_for_long_before_an_answer_begins() -> None:
    clerk = reads(sufficient=True)
    await Counter(clerk, [ScriptedModel("one", True)]).ask(WITH_A_NUMBER)
    await Counter(clerk, holdings=EnglishHoldings(), embedder=EnglishEmbedder()).ask("¿Cómo limpio el taladro?")
    assert {(purpose, form.within_s) for form, purpose in clerk.forms} == {("sufficiency", 4.0), ("translation", 4.0)}


async def test_a_doubtful_question_is_read_once_and_then_written() -> None:
    clerk, model = reads(sufficient=True, answered=["clean the drill"]), ScriptedModel("one", True)
    answer = await Counter(clerk, [model]).ask(WITH_A_NUMBER)

    assert (answer.outcome, answer.mode, answer.notice) == (Outcome.ANSWERED, Mode.WRITTEN, "")
    assert answer.usage == COST
    ((form, purpose),) = clerk.forms
    assert purpose == "sufficiency"
    assert form.material.endswith(f"Question: {WITH_A_NUMBER}")
    assert "Here I clean the drill" in form.material
    assert WITH_A_NUMBER not in form.rules


async def test_a_question_that_is_plainly_answered_is_not_read() -> None:
    clerk = reads(sufficient=False)
    answer = await Counter(clerk, [ScriptedModel("one", True)]).ask(CLEAN_THE_DRILL)

    assert answer.outcome is Outcome.ANSWERED
    assert clerk.forms == []


async def test_what_a_reader_finds_no_answer_to_is_the_closest_moments_and_never_an_answer() -> None:
    clerk, model = reads(sufficient=False, missing=["within 45 minutes"]), ScriptedModel("one", True)
    answer = await Counter(clerk, [model]).ask(WITH_A_NUMBER)

    assert (answer.outcome, answer.confidence, answer.notice) == (Outcome.CLOSEST, Confidence.LOW, CLOSEST)
    assert (answer.mode, answer.usage, model.tasks) == (Mode.QUOTED, COST, [])
    assert answer.citations
    assert not answer.grounded


async def test_where_scores_are_low_as_well_nothing_is_shown() -> None:
    low = FakeHoldings(cutoff=Cutoff(mean=await _gate() - 0.27, deviation=0.1))
    counter = Counter(reads(sufficient=False), [ScriptedModel("one", True)], low)

    assert (await counter.ask(CLEAN_THE_DRILL)).outcome is Outcome.ABSTAINED


async def _gate() -> float:
    engine = Engine(
        holdings=(held := FakeHoldings()), snapshots=Snapshots(held, 10**9, 100_000), stem=STEM, routing=Routing(),
        embedders=Rack({EMBEDDER: WorkshopEmbedder()}), authors=Authors(Heard()), links=NoLinks(),
    )  # fmt: skip
    return (await engine.explain(Question(CREATOR, CLEAN_THE_DRILL))).gate


async def test_what_is_missing_is_said_in_the_askers_own_words() -> None:
    clerk = reads(sufficient=False, answered=["clean the drill"], missing=["within 45 minutes?"])
    answer = await Counter(clerk, [ScriptedModel("one", True)]).ask(WITH_A_NUMBER)

    assert answer.outcome is Outcome.ANSWERED
    assert answer.notice == "The material covers “clean the drill”. I found nothing on “within 45 minutes”."


@pytest.mark.parametrize(
    "missing",
    ["Visit evil-example.com now", "https://evil.example", "45 @everyone minutes", "how do I", "", "45 " * 60],
)
async def test_a_reader_cannot_speak_through_what_is_missing(missing: str) -> None:
    clerk = reads(sufficient=False, answered=["clean the drill"], missing=[missing])
    answer = await Counter(clerk, [ScriptedModel("one", True)]).ask(WITH_A_NUMBER)

    assert answer.notice == ONLY_PARTLY


@pytest.mark.parametrize(
    "values",
    [
        None,
        {},
        {"answered": "all", "missing": None, "sufficient": "yes", "labels": 3},
        {"answered": ["clean the drill"], "missing": [], "sufficient": True, "labels": ["S999"]},
    ],
)
async def test_without_a_reader_that_makes_sense_it_is_answered_as_before(values: Mapping[str, Any] | None) -> None:
    answer = await Counter(ScriptedClerk(values), [ScriptedModel("one", True)]).ask(WITH_A_NUMBER)

    assert (answer.outcome, answer.mode, answer.notice) == (Outcome.ANSWERED, Mode.WRITTEN, "")


async def test_nobody_reads_where_no_model_may_be_paid_for() -> None:
    clerk = reads(sufficient=True)
    answer = await Counter(clerk, [ScriptedModel("one", True)]).ask(WITH_A_NUMBER, step=Step.QUOTING)

    assert answer.outcome is Outcome.CLOSEST
    assert clerk.forms == []


@pytest.mark.parametrize(
    "question",
    [
        "How do I clean the drill within 45 minutes?",
        "How do I clean the drill for Marvin?",
        "How do I clean the drill without chisels?",
        "Why must I never clean the drill?",
        "How do I clean the 57 drills?",
        "How do I clean the drill with ACME?",
    ],
)
async def test_without_a_model_an_altered_question_gets_the_closest_moments_with_low_confidence(
    question: str,
) -> None:
    answer = await Counter().ask(question)

    assert (answer.outcome, answer.confidence, answer.notice) == (Outcome.CLOSEST, Confidence.LOW, CLOSEST)


@pytest.mark.parametrize("models", [(), (ScriptedModel("one", True),)])
async def test_a_part_that_nobody_speaks_of_is_named(models: Sequence[ScriptedModel]) -> None:
    answer = await Counter(models=models).ask(TWO_THINGS)

    assert "I found nothing on “And how long does sourdough bread bake”." in answer.notice
    assert "covers “How do I clean the drill”" in answer.notice
    assert answer.citations


async def test_two_parts_that_are_both_there_are_answered_without_a_word_about_it() -> None:
    answer = await Counter(models=[ScriptedModel("one", True)]).ask(
        "How do I clean the drill? How do I store the drill?"
    )

    assert answer.outcome is Outcome.ANSWERED
    assert answer.notice == ""


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("How do I glue it? What does it cost?", ("How do I glue it", "What does it cost")),
        ("How do I glue it and how long does it dry?", ("How do I glue it", "how long does it dry")),
        ("How do I clean the drill and bake sourdough bread?", ("How do I clean the drill", "bake sourdough bread")),
        ("Tell me:\n- cleaning the drill\n- baking bread", ("cleaning the drill", "baking bread")),
        ("Wie klebe ich das und wie lange trocknet es?", ("Wie klebe ich das", "wie lange trocknet es")),
        ("How do I clean the drill?", ()),
        ("What is the difference between glue and varnish?", ()),
        ("What are the pros and cons of the old drill?", ()),
        ("Hello. How do I clean the drill?", ()),
        ("How do I glue? Why? When? Where? With what?", ()),
    ],
)
def test_a_question_is_cut_where_each_part_could_be_asked_alone(question: str, parts: tuple[str, ...]) -> None:
    assert parts_of(question) == parts


async def test_who_objects_gets_other_moments_where_there_are_any() -> None:
    first = await Counter().ask(CLEAN_THE_DRILL)
    shown = tuple(Span(c.source_id, c.first, c.last) for c in first.citations)
    twice = FakeHoldings()
    twice.texts[SourceId(90)] = [text.replace("carefully as", "gently as") for text in lesson("drill")]
    before = Turn(CLEAN_THE_DRILL, first.text, shown)
    again = await Counter(holdings=twice).ask("No, you're wrong!", before)

    assert again.notice == AGAIN_OTHERS
    assert again.citations[0].source_id == SourceId(90)
    assert "clean the drill as gently" in again.citations[0].quote


async def test_who_objects_where_nothing_else_is_said_gets_the_same_quoted_and_no_agreement() -> None:
    first = await Counter().ask(CLEAN_THE_DRILL)
    before = Turn(CLEAN_THE_DRILL, first.text, tuple(Span(c.source_id, c.first, c.last) for c in first.citations))
    model = ScriptedModel("one", False)
    for models in ((), (model,)):
        again = await Counter(models=models).ask("that's not right", before)

        assert again.notice.startswith(AGAIN_SAME)
        assert (again.mode, again.citations[0].quote) == (Mode.QUOTED, first.citations[0].quote)
    assert [call.model for call in again.calls] == ["one"], "what was paid for is not lost"
    assert model.tasks[0].objection == "that's not right"
    assert model.tasks[0].question == CLEAN_THE_DRILL


async def test_a_model_that_looks_again_reads_what_was_shown_before_beside_what_was_not() -> None:
    first = await Counter().ask(CLEAN_THE_DRILL)
    before = Turn(CLEAN_THE_DRILL, first.text, tuple(Span(c.source_id, c.first, c.last) for c in first.citations))
    model = ScriptedModel("one", True)
    again = await Counter(models=[model]).ask("are you sure?", before)

    read = {(s.source_id, s.position) for source in model.tasks[0].evidence for s in source.sentences}
    assert {(c.source_id, c.first) for c in first.citations} <= read
    assert (again.mode, again.notice) == (Mode.WRITTEN, AGAIN_SAME)
    assert again.sentences


async def test_an_objection_to_what_was_declined_is_looked_for_again_and_declined_again() -> None:
    before = Turn("Who won the election in Peru?", NOT_COVERED)
    answer = await Counter().ask("I don't think so. It was Fujimori", before)

    assert (answer.outcome, answer.notice) == (Outcome.ABSTAINED, AGAIN_NOTHING)


async def test_an_objection_without_anything_before_it_is_a_question_like_any_other() -> None:
    assert (await Counter().ask("that's wrong")).outcome is Outcome.ABSTAINED


AGES = {SourceId(10 + at): timedelta(days=3 * at) for at in range(len(SUBJECTS))}


async def test_which_video_covers_something_is_answered_with_its_best_moment() -> None:
    answer = await Counter(contents=FakeContents(AGES)).ask("Which video covers how to clean the drill?")

    assert (answer.outcome, answer.mode, answer.notice) == (Outcome.ANSWERED, Mode.QUOTED, SPEAK_OF_IT)
    assert answer.citations[0].source_id == DRILL
    assert "clean the drill" in answer.citations[0].quote
    assert answer.citations[0].start_s
    assert {sentence.origin for sentence in answer.sentences} == {Origin.ENTRY}
    assert answer.sentences[0].text == "Lesson 12 · video · 2026-11-15"
    assert len({citation.source_id for citation in answer.citations}) == len(answer.citations)


async def test_what_is_new_this_week_are_the_sources_of_this_week_with_their_days() -> None:
    answer = await Counter(contents=FakeContents(AGES)).ask("What's new this week?")

    assert (answer.outcome, answer.notice) == (Outcome.ANSWERED, NEW_HERE)
    assert [c.source_id for c in answer.citations] == [SourceId(10), SourceId(11), SourceId(12)]
    assert answer.sentences[1].text.endswith("2026-11-18")
    assert (await Counter(contents=FakeContents({DRILL: timedelta(days=9)})).ask("what's new?")).citations
    older = await Counter(contents=FakeContents({DRILL: timedelta(days=9)})).ask("What's new this week?")
    assert (older.outcome, older.notice, older.citations) == (Outcome.ANSWERED, NOTHING_NEW, ())


async def test_all_there_is_is_listed_with_where_the_rest_is_found() -> None:
    many = {SourceId(10 + at % 8 + 100 * (at // 8)): timedelta(days=at) for at in range(16)}
    holdings = FakeHoldings(texts={each: lesson("glue") for each in many})
    answer = await Counter(contents=FakeContents(many), holdings=holdings).ask("List all lessons")

    assert len(answer.citations) == 10
    assert answer.notice == f"{ALL_THERE_IS}\n\nThere is more: /videos lists all 16."
    none = await Counter(contents=FakeContents(many), holdings=holdings).ask("List all documents here")
    assert (none.outcome, none.notice, none.citations) == (Outcome.ANSWERED, NONE_OF_KIND, ())


async def test_a_topic_that_only_a_title_has_is_found_by_it() -> None:
    contents = FakeContents(AGES, titles={SourceId(11): "All about Patagonia"})
    answer = await Counter(contents=contents).ask("List all videos about Patagonia")

    assert [citation.source_id for citation in answer.citations] == [SourceId(11)]
    nowhere = await Counter(contents=contents).ask("List all videos about Peru")
    assert (nowhere.outcome, nowhere.notice) == (Outcome.ABSTAINED, NOT_COVERED)


async def test_what_is_for_other_members_is_in_no_list() -> None:
    holdings = FakeHoldings(tiers={DRILL: "gold"})
    counter = Counter(contents=FakeContents(AGES), holdings=holdings)
    listed, gold = (
        await counter.ask("list all videos"),
        await counter.ask("list all videos", tiers=frozenset({"gold"})),
    )

    assert DRILL not in {citation.source_id for citation in listed.citations}
    assert DRILL in {citation.source_id for citation in gold.citations}
    assert (listed.members_only, gold.members_only) == (False, True)


async def test_what_we_say_ourselves_is_in_the_language_of_the_question_or_the_one_wished_for() -> None:
    german = await Counter().ask("Wer hat die Wahl in Peru gewonnen und warum?")
    wished = await Counter().ask("Who won the election in Peru?", wishes=Wishes(language="fr"))
    followed = await Counter().ask("Peru?", Turn("Wie reinige ich die Bohrmaschine?", "So."))

    assert german.notice == in_language(NOT_COVERED, "de")
    assert wished.notice == in_language(NOT_COVERED, "fr")
    assert followed.notice == in_language(NOT_COVERED, "de")


async def test_an_answer_knows_the_language_that_it_is_read_in_and_breaks_off_in_it() -> None:
    german = await Counter().ask(CLEAN_THE_DRILL, manner=Manner("1", tutor=True), wishes=Wishes("de"))
    assert german.language == "de"
    assert german.notice == in_language(LOOK_FIRST, "de")
    assert replace(german, finished=False).text.endswith(in_language(UNFINISHED, "de"))


async def test_a_model_is_told_the_language_that_is_asked_in() -> None:
    model = ScriptedModel("one", True)
    await Counter(models=[model]).ask("Wie kann ich clean the drill hier im Video?")
    await Counter(models=[model]).ask(CLEAN_THE_DRILL, language="es")
    await Counter(models=[model]).ask("clean drill", language="es")

    assert [task.language for task in model.tasks] == ["de", "en", "es"]


async def test_a_question_in_another_language_is_searched_for_in_the_librarys() -> None:
    clerk = ScriptedClerk({"question": CLEAN_THE_DRILL})
    embedder = EnglishEmbedder()
    counter = Counter(clerk, holdings=EnglishHoldings(), embedder=embedder)
    answer = await counter.ask("¿Cómo limpio el taladro?")

    assert [purpose for _, purpose in clerk.forms] == ["translation"] or clerk.forms[0][1] == "translation"
    assert CLEAN_THE_DRILL in embedder.asked
    assert answer.citations[0].source_id == DRILL
    assert answer.usage.cost_usd >= COST.cost_usd
    assert "English" in clerk.forms[0][0].rules


@pytest.mark.parametrize("clerk", [None, ScriptedClerk(None), ScriptedClerk({"question": "🎉"})])
async def test_where_nobody_translates_it_is_said_that_the_material_is_in_another_language(
    clerk: ScriptedClerk | None,
) -> None:
    counter = Counter(clerk, holdings=EnglishHoldings(), embedder=EnglishEmbedder())
    answer = await counter.ask("¿Cómo limpio el taladro?")

    assert answer.outcome is not Outcome.ANSWERED
    assert "otro idioma" in answer.notice
    assert "English" in answer.notice
    assert "idioma" not in (await counter.ask("Who won the election in Peru?")).notice


async def test_who_objects_in_another_language_is_translated_once_for_both_searches() -> None:
    clerk, embedder = ScriptedClerk({"question": CLEAN_THE_DRILL}), EnglishEmbedder()
    counter = Counter(clerk, holdings=EnglishHoldings(), embedder=embedder)
    asked = "¿Cómo limpio el taladro?"
    first = await counter.ask(asked)
    clerk.forms.clear()
    before = Turn(asked, first.text, tuple(Span(c.source_id, c.first, c.last) for c in first.citations))
    again = await counter.ask("Eso no es cierto", before)

    assert again.notice.startswith(in_language(AGAIN_SAME, "es"))
    assert again.citations[0].source_id == DRILL
    assert asked not in embedder.asked
    assert [purpose for _, purpose in clerk.forms].count("translation") == 1


async def test_parts_that_nobody_translated_are_not_said_to_be_missing() -> None:
    clerk, embedder = ScriptedClerk({"question": CLEAN_THE_DRILL}), EnglishEmbedder()
    counter = Counter(clerk, holdings=EnglishHoldings(), embedder=embedder)
    answer = await counter.ask("¿Cómo limpio el taladro? ¿Y dónde guardo el barniz?")

    assert embedder.asked == [CLEAN_THE_DRILL]
    assert "barniz" not in answer.notice


async def test_a_question_in_the_librarys_language_is_not_translated() -> None:
    clerk = ScriptedClerk({"question": "Something else"})
    await Counter(clerk, holdings=EnglishHoldings(), embedder=EnglishEmbedder()).ask(CLEAN_THE_DRILL)

    assert [purpose for _, purpose in clerk.forms if purpose == "translation"] == []


async def test_a_second_objection_still_finds_the_question() -> None:
    holdings = FakeHoldings()
    answer = await Counter(holdings=holdings).ask(
        "wrong", Turn("Where is Peru?", NOT_COVERED), Turn("wrong", NOT_COVERED)
    )

    assert answer.notice == AGAIN_NOTHING
