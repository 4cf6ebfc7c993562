"""Answers that are seen while they are written, and models that fail in the middle of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from core.asking.answer import Answer, Confidence, Mode, Outcome, Usage
from core.asking.authors import CANCELLED
from core.asking.breaker import FAILURES
from core.asking.embedding import Vector
from core.asking.gate import null_questions
from core.asking.notices import CLOSEST, UNFINISHED, WORDS_ONLY, WORDS_ONLY_NOTHING
from core.asking.question import Question
from core.asking.searching import AT_ONCE
from core.asking.shortening import shortened
from core.asking.single_flight import SingleFlight
from core.asking.straying import strays
from core.asking.writing import (
    Background,
    Draft,
    DraftSentence,
    EvidenceSentence,
    EvidenceSource,
    Heard,
    Task,
    Turn,
    Wishes,
    unheard,
)
from core.errors import ProviderBusy, ProviderError, TooLong
from core.ids import SourceId, UsageId
from core.newest import Newest
from tests.core.embedders import Rack
from tests.core.test_clerk import FakeTill
from tests.core.test_engine import CLEAN_THE_DRILL, DRILL, EMBEDDER, Desk, FakeHoldings, WorkshopEmbedder
from tests.core.workshop import CREATOR
from tests.waiting import eventually

CAREFULLY, BRUSH, STORE = (
    "Clean the drill as carefully as anybody can.",
    "I clean the drill carefully.",
    "The drill is cleaned.",
)
PAID = Usage(10, 5, 0, 0.25)
GERMAN = "Man reinigt die Maschine und den Tisch mit der Hand, wenn das nicht zu viel ist."


@dataclass
class Speaker:
    """Says sentence after sentence, each when it is let, and then breaks off or has finished."""

    name: str
    texts: Sequence[str] = (CAREFULLY,)
    breaks: ProviderError | None = None
    label: str = ""
    gates: list[asyncio.Event] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    usage: Usage = PAID

    async def write(self, task: Task, heard: Heard = unheard) -> Draft:
        self.tasks.append(task)
        found = next(s for source in task.evidence for s in source.sentences if "Here I clean" in s.text)
        said = tuple(DraftSentence(text, (self.label or found.label,)) for text in self.texts)
        for at, sentence in enumerate(said):
            if at < len(self.gates):
                await self.gates[at].wait()
            await heard(sentence)
        if self.breaks is not None:
            self.breaks.usage = self.usage
            raise self.breaks
        return Draft(covered=True, sentences=said, model=self.name, usage=self.usage, first_word_ms=7.0)

    async def close(self) -> None:
        """Holds no connection."""


@dataclass
class Onlooker:
    """Remembers what an answer looked like while it grew."""

    seen: list[Answer] = field(default_factory=list)

    async def __call__(self, answer: Answer) -> None:
        self.seen.append(answer)

    @property
    def texts(self) -> list[str]:
        return [" ".join(sentence.text for sentence in answer.sentences) for answer in self.seen]


def desk(*speakers: Speaker, holdings: FakeHoldings | None = None) -> Desk:
    return Desk(holdings or FakeHoldings(), models=speakers)  # type: ignore[arg-type]  # they speak as models do


async def watched(at: Desk, onlooker: Onlooker, text: str = CLEAN_THE_DRILL) -> Answer:
    return await at.engine.answer(Question(CREATOR, text), onlooker)


async def test_a_checked_sentence_is_seen_with_its_link_while_the_model_writes_the_next() -> None:
    speaker, onlooker = Speaker("one", (CAREFULLY, BRUSH), gates=[asyncio.Event(), asyncio.Event()]), Onlooker()
    asking = asyncio.create_task(watched(desk(speaker), onlooker))
    speaker.gates[0].set()
    await eventually(lambda: onlooker.seen, "the first sentence")

    (first,) = onlooker.seen
    assert (first.mode, first.citations[0].source_id, first.citations[0].url) == (
        Mode.WRITTEN, DRILL, "https://youtu.be/AbCdEfGhIjK?t=" + first.citations[0].url.rpartition("=")[2],
    )  # fmt: skip
    assert not asking.done()
    speaker.gates[1].set()
    assert [s.text for s in (await asking).sentences] == [CAREFULLY, BRUSH]
    assert onlooker.texts[0] == CAREFULLY


@pytest.mark.parametrize(
    "text", ["Clean it within 45 minutes, says Zebulon.", "Never clean the drill.", '{"tool": "delete"}']
)
async def test_what_the_evidence_does_not_carry_is_never_seen(text: str) -> None:
    onlooker = Onlooker()
    answer = await watched(desk(Speaker("one", (text, CAREFULLY))), onlooker)

    assert [s.text for s in answer.sentences] == [CAREFULLY]
    assert onlooker.texts == [CAREFULLY]


async def test_labels_that_were_not_given_out_are_never_seen_and_the_creator_is_quoted() -> None:
    onlooker = Onlooker()
    answer = await watched(desk(Speaker("one", label="S999")), onlooker)

    assert (onlooker.seen, answer.mode) == ([], Mode.QUOTED)
    assert answer.usage.cost_usd == 0.25, "it was paid for all the same"


async def test_somebody_slow_holds_up_neither_the_model_nor_the_answer() -> None:
    let = asyncio.Event()
    shown: list[str] = []

    async def slow(answer: Answer) -> None:
        shown.append(answer.text)
        await let.wait()

    speaker = Speaker("one", (CAREFULLY, BRUSH, STORE))
    asking = asyncio.create_task(desk(speaker).engine.answer(Question(CREATOR, CLEAN_THE_DRILL), slow))
    await eventually(lambda: shown, "the first sentence to be shown")
    assert len(shown) == 1
    let.set()
    assert len((await asking).sentences) == 3


async def test_when_a_model_breaks_off_the_next_one_finishes_and_what_stands_there_never_shrinks() -> None:
    broken = Speaker("one", (CAREFULLY, BRUSH), breaks=ProviderError("cut"))
    rescue = Speaker("two", (CAREFULLY, STORE, BRUSH), gates=[asyncio.Event() for _ in range(3)])
    onlooker = Onlooker()
    asking = asyncio.create_task(watched(desk(broken, rescue), onlooker))
    for gate in rescue.gates:
        await eventually(lambda: rescue.tasks, "the second model to be asked")
        gate.set()
    answer = await asking

    assert (answer.model, answer.finished) == ("two", True)
    assert [s.text for s in answer.sentences] == [CAREFULLY, STORE, BRUSH]
    lengths = [len(text) for text in onlooker.texts]
    assert lengths == sorted(lengths)
    assert [(call.model, bool(call.failure)) for call in answer.calls] == [("one", True), ("two", False)]
    assert answer.usage.cost_usd == 0.5


async def test_when_all_break_off_what_was_said_stays_with_its_links_and_is_called_unfinished() -> None:
    speakers = [Speaker("one", (CAREFULLY,), breaks=ProviderBusy("silent")), Speaker("two", (), breaks=TooLong("x"))]
    at, onlooker = desk(*speakers), Onlooker()
    answer = await watched(at, onlooker)

    assert (answer.outcome, answer.mode, answer.finished) == (Outcome.ANSWERED, Mode.WRITTEN, False)
    assert [s.text for s in answer.sentences] == [CAREFULLY]
    assert answer.citations
    assert answer.text.endswith(UNFINISHED)
    assert not answer.grounded, "nobody earns by half an answer"
    assert len(answer.calls) == 3, "the second was tried again with less"
    await watched(at, onlooker)
    assert len(speakers[0].tasks) == 2, "what is unfinished is kept for nobody"


async def test_when_nothing_was_said_before_all_failed_the_creator_is_quoted() -> None:
    onlooker = Onlooker()
    answer = await watched(desk(Speaker("one", (), breaks=ProviderError("down"))), onlooker)

    assert (answer.mode, answer.finished, onlooker.seen) == (Mode.QUOTED, True, [])
    assert answer.outcome is Outcome.ANSWERED


async def test_everybody_who_asks_the_same_at_once_sees_it_grow_and_one_call_is_made() -> None:
    speaker = Speaker("one", (CAREFULLY, BRUSH), gates=[asyncio.Event(), asyncio.Event()])
    at, lookers = desk(speaker), [Onlooker() for _ in range(3)]
    first = asyncio.create_task(watched(at, lookers[0]))
    await eventually(lambda: speaker.tasks, "the model to be asked")
    second = asyncio.create_task(watched(at, lookers[1]))
    speaker.gates[0].set()
    await eventually(lambda: lookers[0].seen, "the first sentence")
    late = asyncio.create_task(watched(at, lookers[2]))
    await eventually(lambda: all(looker.seen for looker in lookers), "all to see it")
    speaker.gates[1].set()
    answers = [await asked for asked in (first, second, late)]

    assert [looker.texts[0] for looker in lookers] == [CAREFULLY] * 3
    assert [len(answer.calls) for answer in answers] == [1, 0, 0], "only who began it pays"
    assert len(speaker.tasks) == 1


async def test_a_growing_answer_counts_as_one_for_members_as_soon_as_anything_read_is_for_members() -> None:
    gold = frozenset({"gold"})
    onlooker = Onlooker()
    at = desk(Speaker("one"), holdings=FakeHoldings(tiers={DRILL: "gold"}))
    await at.engine.answer(Question(CREATOR, CLEAN_THE_DRILL, tiers=gold), onlooker)

    assert onlooker.seen
    assert all(answer.members_only for answer in onlooker.seen)


async def test_an_answer_in_another_language_is_not_shown_and_the_next_model_is_asked_once() -> None:
    german, english = Speaker("one", (GERMAN,)), Speaker("two")
    at, onlooker = desk(german, english), Onlooker()
    answer = await watched(at, onlooker, "How do I clean the drill when it is dirty?")

    assert (answer.model, onlooker.texts) == ("two", [CAREFULLY])
    assert "another language" in at.heard.failures[0][1]
    alone = await watched(desk(Speaker("one", (GERMAN,))), onlooker, "How do I clean the drill when it is dirty?")
    assert alone.mode is Mode.QUOTED


@pytest.mark.parametrize(
    ("answer", "is_astray"),
    [
        (CAREFULLY, False),
        (GERMAN, True),
        ("Ja, genau.", False),
        (
            "\u3069\u3046\u3084\u3063\u3066\u30c9\u30ea\u30eb\u3092\u6383\u9664\u3057\u307e\u3059\u304b\u3002" * 2,
            True,
        ),
        ("12 34 56", False),
    ],
)
def test_a_language_counts_only_where_it_is_plain(answer: str, *, is_astray: bool) -> None:
    assert strays(answer, Task("How do I clean the drill when it is dirty?", ())) == is_astray


@pytest.mark.parametrize(
    ("question", "wished", "usual", "is_astray"),
    [
        ("How do I clean the drill when it is dirty?", "de", "en", True),
        ("Wie mache ich die Maschine sauber, wenn sie nicht neu ist?", "en", "en", False),
        ("Drill cleaning?", "", "de", True),
        ("Drill cleaning?", "", "en", False),
        ("How do I say in German that the drill is not clean?", "de", "de", False),
        ("How do I clean the drill when it is dirty?", "nl", "en", False),
    ],
)
def test_an_answer_is_held_to_the_language_that_was_wished_for_else_asked_in_else_usual(
    question: str, wished: str, usual: str, *, is_astray: bool
) -> None:
    english = "I clean the drill with a brush, and this is how you can do it, too."
    task = Task(question, (), language=usual, wishes=Wishes(language=wished))
    assert strays(english, task) == is_astray


async def test_an_answer_in_the_language_of_the_question_is_astray_where_another_was_wished_for() -> None:
    question = "How do I clean the drill when it is dirty?"
    at, onlooker = desk(Speaker("one", (BRUSH,)), Speaker("two", (GERMAN,))), Onlooker()
    answer = await at.engine.answer(Question(CREATOR, question, wishes=Wishes(language="de")), onlooker)
    assert [bool(call.failure) for call in answer.calls] == [True, False]
    assert BRUSH not in onlooker.texts


async def test_nobody_judges_the_language_where_the_question_speaks_of_one() -> None:
    at = desk(Speaker("one", (GERMAN,)))
    answer = await at.engine.answer(Question(CREATOR, "How do I say in German that the drill is not clean?"))
    assert at.heard.failures == []
    assert answer.calls[0].failure == ""


# Less evidence, and no vector.


def task_of(count: int) -> Task:
    said = [EvidenceSentence(f"S{n}", SourceId(1), n, f"Sentence {n} is about paint.") for n in range(1, count)]
    about = EvidenceSentence(f"S{count}", SourceId(1), count, "The drill is cleaned with a brush.")
    history = (Turn("a", "b"), Turn("c", "d"))
    return Task(CLEAN_THE_DRILL, (EvidenceSource("One", (*said, about)),), history, background=Background("long"))


async def test_a_model_that_was_sent_too_much_gets_the_half_that_matters_once_more() -> None:
    @dataclass
    class Narrow(Speaker):
        async def write(self, task: Task, heard: Heard = unheard) -> Draft:
            if not self.tasks:
                self.tasks.append(task)
                raise TooLong("more than it reads")
            return await super().write(task, heard)

    narrow = Narrow("one")
    at, onlooker = desk(narrow), Onlooker()
    answer = await watched(at, onlooker)

    sizes = [sum(len(source.sentences) for source in task.evidence) for task in narrow.tasks]
    assert sizes[1] <= sizes[0] / 2
    assert answer.mode is Mode.WRITTEN
    assert [bool(call.failure) for call in answer.calls] == [True, False]


def test_a_shorter_task_keeps_what_speaks_of_the_question_under_the_same_labels() -> None:
    short = shortened(task_of(20))
    labels = [s.label for source in short.evidence for s in source.sentences]
    assert len(labels) == 10
    assert {"S18", "S19", "S20"} <= set(labels)
    assert (len(short.history), short.background) == (1, Background())
    assert shortened(task_of(1)).evidence, "something is always left"


class Dead(WorkshopEmbedder):
    """An embedder whose provider is down, until it is not."""

    def __init__(self) -> None:
        super().__init__()
        self.down = True

    async def embed_query(self, text: str) -> Vector:
        vector = await super().embed_query(text)
        if self.down:
            raise ProviderBusy("the embedder is down")
        return vector


async def test_without_an_embedder_words_alone_are_searched_and_the_answer_says_so() -> None:
    dead = Dead()
    at = Desk(FakeHoldings(cutoff=None), embedders=Rack({EMBEDDER: dead}))
    answer = await at.ask(CLEAN_THE_DRILL)

    assert (answer.outcome, answer.confidence) == (Outcome.CLOSEST, Confidence.LOW)
    assert answer.notice == f"{WORDS_ONLY}\n\n{CLOSEST}"
    assert answer.citations[0].source_id == DRILL
    assert at.heard.failures[0] == (EMBEDDER, "the embedder is down")
    several = await at.ask("How do I clean the drill? And how do I store the varnish?")
    assert several.notice.startswith(WORDS_ONLY), "its parts need no vectors either"
    nothing = await at.ask("Who won the election in Peru?")
    assert (nothing.outcome, nothing.notice) == (Outcome.ABSTAINED, WORDS_ONLY_NOTHING)


async def test_an_embedder_that_fails_again_and_again_is_left_alone_and_nothing_of_that_is_kept() -> None:
    dead, speaker = Dead(), Speaker("one")
    at = replace(desk(speaker), embedders=Rack({EMBEDDER: dead}))
    for _ in range(FAILURES + 1):
        answer = await at.ask(CLEAN_THE_DRILL)
    assert len(dead.asked) == FAILURES
    assert len(speaker.tasks) == FAILURES + 1, "an answer from words alone is not kept"
    assert (answer.mode, answer.outcome, answer.notice) == (Mode.WRITTEN, Outcome.CLOSEST, WORDS_ONLY)


class Spare(WorkshopEmbedder):
    """An embedder that has had enough after so many questions."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    async def embed_query(self, text: str) -> Vector:
        vector = await super().embed_query(text)
        self.left -= 1
        if self.left < 0:
            raise ProviderBusy("the embedder is busy")
        return vector


async def test_where_no_cut_off_can_be_found_words_decide_and_what_was_embedded_for_one_stays() -> None:
    spare = Spare(1 + AT_ONCE)
    at = Desk(FakeHoldings(cutoff=None), embedders=Rack({EMBEDDER: spare}))
    answer = await at.ask(CLEAN_THE_DRILL)

    assert (answer.outcome, answer.confidence) == (Outcome.CLOSEST, Confidence.LOW)
    assert answer.notice == f"{WORDS_ONLY}\n\n{CLOSEST}"
    assert answer.citations[0].source_id == DRILL
    assert at.heard.failures == [(EMBEDDER, "the embedder is busy")]
    spare.left, already = 10_000, len(spare.asked)
    assert (await at.ask(CLEAN_THE_DRILL)).outcome is Outcome.ANSWERED
    assert len(spare.asked) - already == 1 + len(null_questions()) - AT_ONCE


# The newest state, and flights.


async def test_only_the_newest_state_is_handed_over_and_never_two_at_once() -> None:
    let, given = asyncio.Event(), list[int]()

    async def give(state: int) -> None:
        given.append(state)
        await let.wait()

    newest = Newest(give)
    newest.put(1)
    await eventually(lambda: given, "the first state")
    for state in (2, 3, 4):
        newest.put(state)
    let.set()
    await eventually(lambda: len(given) > 1, "the newest state")
    await newest.close()
    newest.put(5)
    assert given == [1, 4]


async def test_nothing_is_handed_over_before_its_time_and_closing_does_not_wait_for_it() -> None:
    given = list[int]()

    async def give(state: int) -> None:
        given.append(state)

    newest = Newest(give, every_s=1_000.0)
    newest.put(1)
    await eventually(lambda: given, "the first state")
    newest.put(2)
    await newest.close()
    assert given == [1]


async def test_closing_waits_for_what_is_being_handed_over() -> None:
    let, given = asyncio.Event(), list[str]()

    async def give(state: str) -> None:
        given.append(f"{state} begun")
        await let.wait()
        given.append(f"{state} done")

    newest = Newest(give)
    newest.put("a")
    await eventually(lambda: given, "it to begin")
    closing = asyncio.create_task(newest.close())
    let.set()
    await closing
    assert given == ["a begun", "a done"]


async def test_a_hand_over_that_fails_is_told_to_the_loop_and_ends_there() -> None:
    told = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))

    async def give(state: int) -> None:
        raise KeyError(state)

    newest = Newest(give)
    newest.put(1)
    await eventually(lambda: told, "the handler to hear of it")
    newest.put(2)
    await newest.close()
    assert [type(each) for each in told] == [KeyError]


async def test_whoever_leaves_a_flight_sees_no_more_of_it() -> None:
    flights, let = SingleFlight[str, int](), asyncio.Event()
    seen: dict[str, list[int]] = {"stays": [], "leaves": []}

    async def made(key: str) -> str:
        async def make(tell: "object") -> str:
            assert callable(tell)
            tell(1)
            await let.wait()
            tell(2)
            return "made"

        return (await flights.fly("it", make, seen[key].append))[0]

    leaving, staying = asyncio.create_task(made("leaves")), asyncio.create_task(made("stays"))
    await eventually(lambda: seen["stays"], "both to look on")
    leaving.cancel()
    await asyncio.wait({leaving})
    let.set()
    assert await staying == "made"
    assert seen == {"stays": [1, 2], "leaves": [1]}


@dataclass
class Flown:
    """Makes one thing when it is let; counts how often that was begun."""

    flights: SingleFlight[str, int] = field(default_factory=SingleFlight)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    cancelled: int = 0

    async def make(self, tell: object) -> str:
        self.begun += 1
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "made"

    def ask(self) -> "asyncio.Task[tuple[str, bool]]":
        return asyncio.create_task(self.flights.fly("it", self.make, lambda _: None))


async def test_where_whoever_began_leaves_the_first_who_gets_it_pays_and_nobody_else() -> None:
    flown = Flown()
    first, *others = [flown.ask() for _ in range(3)]
    await eventually(lambda: flown.begun, "it to begin")
    first.cancel()
    await asyncio.wait({first})
    flown.let.set()
    assert [await each for each in others] == [("made", False), ("made", True)]
    assert (flown.begun, flown.cancelled) == (1, 0)


async def test_what_nobody_waits_for_any_more_is_given_up_and_begun_anew_by_the_next() -> None:
    flown = Flown()
    askers = [flown.ask() for _ in range(2)]
    await eventually(lambda: flown.begun, "it to begin")
    for asker in askers:
        asker.cancel()
    await asyncio.wait(askers)
    again = flown.ask()
    await eventually(lambda: flown.begun == 2, "it to begin anew")
    assert flown.cancelled == 1
    flown.let.set()
    assert await again == ("made", False)


async def test_closing_ends_what_is_being_made() -> None:
    flown = Flown()
    asker = flown.ask()
    await eventually(lambda: flown.begun, "it to begin")
    await flown.flights.close()
    assert flown.cancelled == 1
    await asyncio.wait({asker})
    assert asker.cancelled()


async def test_what_a_model_was_asked_is_charged_to_who_began_where_all_leave() -> None:
    speaker, till = Speaker("one", gates=[asyncio.Event()]), FakeTill()
    at = desk(speaker)
    engine = at.engine_with(at.cache, till)
    asking = asyncio.create_task(engine.answer(Question(CREATOR, CLEAN_THE_DRILL, usage_id=UsageId(5))))
    await eventually(lambda: speaker.tasks, "the model to be asked")
    asking.cancel()
    await asyncio.wait({asking})
    await eventually(lambda: till.charged, "it to be booked")
    ((usage_id, (call,)),) = till.charged
    assert (usage_id, call.failure) == (5, CANCELLED)


async def test_the_same_follow_up_twice_at_once_is_paid_for_once() -> None:
    speaker = Speaker("one", gates=[asyncio.Event()])
    at = desk(speaker)
    asked = Question(
        CREATOR,
        CLEAN_THE_DRILL,
        (Turn("Tell me of the drill.", "It is loud."),),
        background=Background("They own one."),
    )
    asking = [asyncio.create_task(at.engine.answer(replace(asked, usage_id=UsageId(n)))) for n in (1, 2)]
    other = asyncio.create_task(at.engine.answer(replace(asked, background=Background("They own none."))))
    await eventually(lambda: len(speaker.tasks) == 2, "the model to be asked by both")
    speaker.gates[0].set()
    assert sorted([len((await each).calls) for each in asking]) == [0, 1]
    assert len((await other).calls) == 1
    assert len(speaker.tasks) == 2
