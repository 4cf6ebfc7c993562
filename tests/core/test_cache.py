"""Answers that were paid for: given again to whoever asks the same, as long as everything they rest on is there."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from core.asking.answer import Mode, Origin
from core.asking.budgets import Step
from core.asking.cache import LIFETIME, AnswerCache, KeptAnswer, Looked
from core.asking.given import Given, GivenText
from core.asking.notices import WITHDRAWN
from core.asking.question import Question
from core.asking.writing import Background, Manner, Turn, Wishes
from core.errors import DatabaseFull
from core.ids import CreatorId, SourceId
from core.tiers import NO_TIERS
from tests.core.kept_answers import FakeKeptAnswers
from tests.core.test_engine import CLEAN_THE_DRILL, DRILL, GOLD, Desk, NoLinks, ScriptedModel
from tests.core.workshop import CREATOR, STEM, lesson

SAME_WORDS = "how do I clean the DRILL"
OTHER_WORDS = "Hello, what is the best way to clean the drill?"
NOTE = GivenText(SourceId(70), "Notes", "drill", "Unplug it first.", topics=("drill",))


@dataclass
class Shop(Desk):
    """A desk where one model writes, which counts what it is asked."""

    model: ScriptedModel = field(default_factory=lambda: ScriptedModel("one", True))

    def __post_init__(self) -> None:
        self.models = [self.model]
        super().__post_init__()

    @property
    def paid(self) -> int:
        return len(self.model.tasks)


async def test_other_words_for_the_same_question_cost_nothing_and_are_known_from_then_on() -> None:
    shop = Shop()
    first, other, again = [await shop.ask(text) for text in (CLEAN_THE_DRILL, OTHER_WORDS, OTHER_WORDS)]
    assert shop.paid == 1
    for given in (other, again):
        assert (given.text, given.citations, given.model) == (first.text, first.citations, "one")
        assert given.usage.cost_usd == 0
    assert shop.heard_looks.looks == [Looked.MISS, Looked.VERIFIED, Looked.EXACT]
    assert "embedding" not in again.timing_ms


@pytest.mark.parametrize(
    ("asked", "looked"),
    [
        ("How do I never clean the drill?", Looked.NEGATION),
        ("How do I clean the 2 drill?", Looked.NUMBERS),
        ("How do I clean the DrillMaster drill?", Looked.NAMES),
        ("Why do I clean the drill?", Looked.WORDING),
        ("How do I clean the drill without water?", Looked.NEGATION),
        ("How do I clean the drill outside?", Looked.WORDING),
    ],
)
async def test_what_only_looks_alike_is_answered_anew_and_says_what_told_it_apart(asked: str, looked: Looked) -> None:
    shop = Shop()
    await shop.ask(CLEAN_THE_DRILL)
    await shop.ask(asked)
    assert (shop.paid, shop.heard_looks.looks) == (2, [Looked.MISS, looked])


async def test_a_change_elsewhere_leaves_an_answer_and_better_evidence_replaces_it() -> None:
    shop = Shop()
    await shop.ask(CLEAN_THE_DRILL)
    shop.holdings.texts[SourceId(98)] = ["Nothing of this is about tools at all."] * 20
    shop.holdings.version += 1
    await shop.ask(CLEAN_THE_DRILL)
    await shop.ask(SAME_WORDS)
    assert shop.heard_looks.looks[1:] == [Looked.VERIFIED, Looked.EXACT]

    shop.holdings.texts[SourceId(99)] = lesson("drill")
    shop.holdings.version += 1
    await shop.ask(OTHER_WORDS)
    assert (shop.heard_looks.looks[-1], shop.paid) == (Looked.EVIDENCE, 2)


async def test_an_answer_whose_passage_is_gone_or_says_another_thing_is_not_given() -> None:
    for text in (CLEAN_THE_DRILL, OTHER_WORDS):
        shop = Shop()
        await shop.ask(CLEAN_THE_DRILL)
        shop.holdings.texts[DRILL] = [words.replace("carefully", "quickly") for words in lesson("drill")]
        await shop.ask(text)  # the version has not been seen to move
        assert (shop.heard_looks.looks[-1], shop.paid) == (Looked.GONE, 2)
    shop = Shop()
    await shop.ask(CLEAN_THE_DRILL)
    shop.holdings.removed = {DRILL}
    assert DRILL not in {cited.source_id for cited in (await shop.ask(CLEAN_THE_DRILL)).citations}
    assert shop.heard_looks.looks[-1] is Looked.GONE


async def test_titles_and_links_are_those_of_now() -> None:
    shop = Shop()
    first = await shop.ask(CLEAN_THE_DRILL)
    moved = replace(first.citations[0], url=first.citations[0].url.replace("AbCdEfGhIjK", "ZZZZZZZZZZZ"))
    shop.holdings.link = "https://youtu.be/ZZZZZZZZZZZ"
    assert (await shop.ask(SAME_WORDS)).citations[0] == moved
    assert shop.paid == 1


async def test_when_the_money_is_used_up_kept_answers_are_given_and_all_else_is_quoted() -> None:
    shop = Shop()
    await shop.ask(CLEAN_THE_DRILL)
    modes = [
        (await shop.ask(text, step=Step.QUOTING)).mode for text in (SAME_WORDS, OTHER_WORDS, "How to test glue?")
    ]
    assert modes == [Mode.WRITTEN, Mode.WRITTEN, Mode.QUOTED]
    assert shop.paid == 1


async def test_what_is_remembered_of_somebody_takes_no_kept_answer_away_where_nobody_is_paid() -> None:
    shop = Shop()
    await shop.ask(CLEAN_THE_DRILL)
    remembered = Question(CREATOR, CLEAN_THE_DRILL, step=Step.QUOTING, background=Background("They own a drill."))
    assert (await shop.engine.answer(remembered)).mode is Mode.WRITTEN
    assert (shop.paid, shop.heard_looks.looks) == (1, [Looked.MISS, Looked.EXACT])


async def test_what_leans_on_a_conversation_or_is_to_be_fresh_is_neither_kept_nor_looked_up() -> None:
    shop = Shop()
    await shop.ask(CLEAN_THE_DRILL, Turn("hello", "hi"))
    await shop.engine.answer(Question(CREATOR, CLEAN_THE_DRILL, background=Background(facts=("They own a drill.",))))
    await shop.engine.answer(Question(CREATOR, CLEAN_THE_DRILL, fresh=True))
    assert (shop.paid, shop.kept.rows, shop.heard_looks.looks) == (3, {}, [])


async def test_another_manner_wish_or_language_is_answered_for_itself() -> None:
    shop = Shop()
    asked = Question(CREATOR, CLEAN_THE_DRILL)
    others = (
        replace(asked, manner=Manner(key="tutor", tutor=True)), replace(asked, wishes=Wishes(length="short")),
        replace(asked, wishes=Wishes(language="de")), replace(asked, creator_id=CreatorId(2)),
    )  # fmt: skip
    for question in (asked, *others, asked):
        await shop.engine.answer(question)
    assert shop.paid == 1 + len(others)


async def test_a_note_stands_above_a_kept_answer_as_it_is_now_and_a_new_one_asks_anew() -> None:
    shop = Shop()
    shop.holdings.noted = Given(notes=(NOTE,))
    first = await shop.ask(CLEAN_THE_DRILL)
    assert [sentence.origin for sentence in first.sentences] == [Origin.NOTE, Origin.SOURCE]
    for text in (SAME_WORDS, OTHER_WORDS):
        given = await shop.ask(text)
        assert (given.text, given.citations) == (first.text, first.citations)
    assert shop.paid == 1

    shop.holdings.noted = Given(notes=(NOTE, replace(NOTE, source_id=SourceId(71), text="Wear gloves.")))
    shop.holdings.version += 1
    assert "Wear gloves." in (await shop.ask(OTHER_WORDS)).text
    assert (shop.paid, shop.heard_looks.looks[-1]) == (2, Looked.EVIDENCE)


async def test_an_answer_that_was_taken_back_is_not_looked_up() -> None:
    shop = Shop()
    await shop.ask(CLEAN_THE_DRILL)
    shop.holdings.noted = Given(withdrawn_at=datetime(2026, 11, 21, tzinfo=UTC))
    assert (await shop.ask(CLEAN_THE_DRILL)).text == WITHDRAWN


async def test_a_kept_answer_of_members_stays_with_them() -> None:
    shop = Shop()
    shop.holdings.tiers = {DRILL: "gold"}
    assert (await shop.ask(CLEAN_THE_DRILL, tiers=GOLD)).members_only
    assert (await shop.ask(OTHER_WORDS, tiers=GOLD)).members_only
    for text in (CLEAN_THE_DRILL, OTHER_WORDS):
        assert DRILL not in {cited.source_id for cited in (await shop.ask(text, tiers=NO_TIERS)).citations}


async def test_answers_end_with_their_time() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    shop = Shop()
    clock = [now]
    cache = AnswerCache(shop.kept, shop.holdings, STEM, NoLinks(), shop.heard_looks, lambda: clock[0])
    engine = shop.engine_with(cache)
    for after in (LIFETIME * 0, LIFETIME * 0.99, LIFETIME):
        clock[0] = now + after
        await engine.answer(Question(CREATOR, CLEAN_THE_DRILL))
    assert shop.heard_looks.looks == [Looked.MISS, Looked.EXACT, Looked.MISS]


async def test_quotes_are_not_kept() -> None:
    shop = Shop(model=ScriptedModel("one", (("S999",),)))
    assert (await shop.ask(CLEAN_THE_DRILL)).mode is Mode.QUOTED
    assert shop.kept.rows == {}


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same() -> None:
    class FullDisk(FakeKeptAnswers):
        async def keep(self, *_: object) -> None:
            raise DatabaseFull("full")

        async def note(self, *_: object) -> None:
            raise DatabaseFull("full")

    assert (await Shop(kept=FullDisk()).ask(CLEAN_THE_DRILL)).mode is Mode.WRITTEN


async def test_without_a_model_nothing_is_looked_up() -> None:
    class Unused(FakeKeptAnswers):
        async def exact(self, *_: object) -> None:
            raise AssertionError("looked up")

        async def near(self, *_: object) -> list[KeptAnswer]:
            raise AssertionError("looked up")

    assert (await Desk(kept=Unused()).ask(CLEAN_THE_DRILL)).mode is Mode.QUOTED
