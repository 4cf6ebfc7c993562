"""What may be said of an assistant, what it answers from, and how a tutor leads to an answer."""

# ruff: noqa: RUF001 - wishes in several scripts

import pytest

from core.asking.answer import Answer, Confidence, Mode, Origin, Outcome, Sentence
from core.asking.assistants import (
    KINDS,
    LONGEST_PROMPT,
    MOST_CHOSEN,
    Choice,
    Profile,
    ProfileChange,
    Spot,
    Voice,
    checked_name,
    checked_prompt,
    checked_tone,
    choice_from_json,
    choice_to_json,
    choice_words,
    read_choice,
)
from core.asking.given import Given, GivenText
from core.asking.holdings import Snapshots
from core.asking.notices import CLOSEST, LOOK_FIRST, NOT_COVERED
from core.asking.prompt_changes import Changed, Mark, changes
from core.asking.question import Question
from core.asking.tutoring import asked_outright, keeps_back, led
from core.asking.writing import Manner
from core.errors import Refused
from core.ids import SourceId
from core.tiers import Scope
from tests.core.test_engine import CLEAN_THE_DRILL, DRILL, Desk, FakeHoldings, ScriptedModel
from tests.core.workshop import CREATOR, SUBJECTS

TITLES = {SourceId(3): "Glazing, part 1", SourceId(4): "Glazing, part 2", SourceId(5): "Firing | slowly"}
GLUE = SourceId(10 + SUBJECTS.index("glue"))


def _named(wanted: str) -> SourceId:
    """The one source with these words in its title, or of this number."""
    found = [at for at, title in TITLES.items() if wanted in title or wanted == f"#{at}"]
    if len(found) != 1:
        raise Refused(f"{len(found)} sources fit {wanted}")
    return found[0]


@pytest.mark.parametrize("name", ["Ada", "Ada L.", "Größe 2", "先生", "O'Brien & Co"])
def test_names_of_people_are_names(name: str) -> None:
    assert checked_name(f"  {name}\n") == name


@pytest.mark.parametrize(
    "name",
    ["", "  ", "12", "@everyone", "<@1>", "a/b", "https://x.example", "www.x.example", "**A**", "A" * 41, "[x](y)"],
)
def test_what_could_be_taken_for_something_else_is_no_name(name: str) -> None:
    with pytest.raises(Refused):
        checked_name(name)


def test_what_nobody_can_see_is_in_no_name_tone_or_prompt() -> None:
    assert checked_name("A\u202eda\u200b") == "Ada"
    assert checked_tone("warm\u2066,\nbrief") == "warm, brief"
    assert checked_prompt("\ufeffBe kind.  \r\n\r\n\r\n\r\nBe\u200b brief.\n") == "Be kind.\n\nBe brief."


@pytest.mark.parametrize(("check", "text"), [(checked_tone, "a" * 201), (checked_prompt, " \n\u200b")])
def test_a_tone_is_short_and_a_prompt_says_something(check: object, text: str) -> None:
    assert callable(check)
    with pytest.raises(Refused):
        check(text)
    with pytest.raises(Refused, match="8,001 characters"):
        checked_prompt("a" * (LONGEST_PROMPT + 1))


def test_sources_are_chosen_by_title_number_kind_topic_and_tag() -> None:
    choice = read_choice("part 1 | #4 | Documents | topic: Glazes |tag:#Care | videos| topic:glazes", _named)
    assert choice == Choice((SourceId(3), SourceId(4)), ("documents", "videos"), ("glazes",), ("care",))
    assert choice.stored_kinds == ["document", "video", "audio"]
    assert choice_words(choice, TITLES) == (
        "Glazing, part 1 | Glazing, part 2 | documents | videos | topic:glazes | tag:care"
    )
    assert choice_words(Choice((SourceId(99),)), TITLES) == "#99 (removed)"
    assert choice_words(None, TITLES) == "all sources"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Glazing", "2 sources fit Glazing"),
        ("videos | Vases", "0 sources fit Vases"),
        (" | ", "Say which sources"),
        ("topic:", "0 sources fit topic:"),
        (" | ".join(f"tag:{n}" for n in range(MOST_CHOSEN + 1)), "At most 100"),
    ],
)
def test_what_names_no_source_or_several_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        read_choice(text, _named)


def test_a_choice_comes_back_as_it_was_kept() -> None:
    choice = Choice((SourceId(3),), tuple(KINDS), ("a",), ("b",))
    assert choice_from_json(choice_to_json(choice)) == choice
    assert choice_from_json(choice_to_json(None)) is None
    assert choice_from_json({"ids": [], "kinds": ["scrolls", "notes"], "topics": [], "tags": []}) == Choice(
        kinds=("notes",)
    )


def test_a_change_leaves_what_it_does_not_name() -> None:
    before = Profile("Ada", "warm", ("m",), tutor=True, choice=Choice((SourceId(3),)))
    assert ProfileChange().empty
    assert ProfileChange(name="Bo").applied(before) == Profile("Bo", "warm", ("m",), True, before.choice)
    assert ProfileChange(tone="", models=(), tutor=False, all_sources=True).applied(before) == Profile("Ada")


@pytest.mark.parametrize("key", ["discord", "discord:5", "discord::", ":5:", "a:b:c:d"])
def test_a_button_names_a_whole_place_or_none(key: str) -> None:
    with pytest.raises(Refused):
        Spot.kept(key)


def test_a_difference_shows_what_went_what_came_and_that_the_rest_stayed() -> None:
    before = "Be kind. Be brief.\nUse first names. End well."
    after = "Be kind. Be brief.\nUse last names.\nEnd well. Thank them."
    assert changes(before, after) == [
        Changed(Mark.SAME, "Be kind. … (2 sentences stay)"),
        Changed(Mark.REMOVED, "Use first names."),
        Changed(Mark.ADDED, "Use last names."),
        Changed(Mark.SAME, "End well."),
        Changed(Mark.ADDED, "Thank them."),
    ]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("just tell me", ""),
        ("No, just tell me the answer!", ""),
        ("Please, show me the full answer, please.", ""),
        ("OK, give me the answer", ""),
        ("just tell me: how long does it dry?", "how long does it dry?"),
        ("Simply tell me how to glaze", "how to glaze"),
        ("¡Dímelo!", ""),
        ("Só me diz a resposta", ""),
        ("Nein, sag es mir einfach!", ""),
        ("Sag mir bitte die Antwort", ""),
        ("Dis-moi juste la réponse", ""),
        ("dimmi la risposta, per favore", ""),
        ("Просто скажи", ""),
        ("Скажи мені відповідь", ""),
        ("बस बता दो", ""),
        ("katakan saja jawabannya", ""),
        ("Sadece söyle", ""),
        ("直接告诉我吧。", ""),
        ("答えを教えて", ""),
        ("그냥 알려 주세요", ""),
        ("فقط أخبرني", ""),
        ("Sag mir, wie man glasiert", None),
        ("dime cómo se esmalta", None),
        ("Скажи, как глазуровать", None),
        ("怎么上釉？", None),
        ("How do I just tell the clay from the slip?", None),
        ("tell me about glazes", None),
        ("Show me how to centre clay", None),
        ("", None),
    ],
)
def test_whoever_wants_to_be_told_says_so(text: str, asked: str | None) -> None:
    assert asked_outright(text) == asked


def test_a_tutor_keeps_quotes_back_and_nothing_else() -> None:
    quoted = Answer(Outcome.ANSWERED, Mode.QUOTED, Confidence.HIGH, (Sentence("Two hours.", ("1",)),))
    given = Answer(Outcome.ANSWERED, Mode.QUOTED, Confidence.HIGH, (Sentence("Two.", ("1",), Origin.PAIR),))
    written = Answer(Outcome.ANSWERED, Mode.WRITTEN, Confidence.HIGH, quoted.sentences)
    tutor = Manner(tutor=True)
    assert (led(quoted, tutor).sentences, led(quoted, tutor).notice) == ((), LOOK_FIRST)
    assert [led(answer, tutor) for answer in (given, written)] == [given, written]
    assert led(quoted, Manner()) == quoted


def test_told_outright_is_another_manner_than_being_led() -> None:
    voice = Voice(Manner("3:1:1", models=("a", "b"), tutor=True))
    assert not voice.outright().manner.tutor
    assert voice.outright().manner.key != voice.manner.key
    assert voice.among(["b", "c"]).manner.models == ("b",)


async def test_only_the_sources_of_an_assistant_are_searched_quoted_and_read_by_models() -> None:
    asked = Question(CREATOR, CLEAN_THE_DRILL, manner=Manner("1", sources=frozenset({GLUE})))
    model = ScriptedModel("one", True)
    for desk in (Desk(), Desk(most_units=10), Desk(models=[model])):
        explained = await desk.engine.explain(asked)
        seen = {hit.source_id for hit in explained.hits} | {c.source_id for c in explained.answer.citations}
        assert seen <= {GLUE}
    assert all(found.source_id == GLUE for task in model.tasks for e in task.evidence for found in e.sentences)
    within = await Desk().engine.answer(
        Question(CREATOR, CLEAN_THE_DRILL, manner=Manner("2", sources=frozenset({DRILL, GLUE})))
    )
    assert within.citations[0].source_id == DRILL


async def test_an_assistant_whose_sources_are_gone_answers_from_nothing() -> None:
    none = Manner("1", sources=frozenset())
    answer = await Desk().engine.answer(Question(CREATOR, CLEAN_THE_DRILL, manner=none))
    assert (answer.outcome, answer.notice, answer.citations) == (Outcome.ABSTAINED, NOT_COVERED, ())


async def test_a_tutors_quotes_are_kept_back_by_the_engine_unless_a_note_says_it() -> None:
    desk = Desk()
    answer = await desk.engine.answer(Question(CREATOR, CLEAN_THE_DRILL, manner=Manner("1", tutor=True)))
    assert (answer.sentences, answer.notice) == ((), LOOK_FIRST)
    assert answer.citations[0].source_id == DRILL
    assert keeps_back(answer, Manner(tutor=True))
    assert not keeps_back(answer, Manner())
    unsure = await desk.engine.answer(
        Question(CREATOR, "How do I clean the drill within 45 minutes?", manner=Manner("1", tutor=True))
    )
    assert (unsure.sentences, unsure.notice) == ((), CLOSEST)
    note = GivenText(SourceId(98), "Note by us", "drill", "Mind your fingers.", topics=("drill",))
    noted = await Desk(FakeHoldings(noted=Given(notes=(note,)))).engine.answer(
        Question(CREATOR, CLEAN_THE_DRILL, manner=Manner("1", tutor=True))
    )
    assert [sentence.text for sentence in noted.sentences] == ["Mind your fingers."]
    assert (noted.notice, noted.citations[1].source_id) == (LOOK_FIRST, DRILL)
    pair = GivenText(SourceId(99), "Answer by us", CLEAN_THE_DRILL, "With a brush.")
    given = await Desk(FakeHoldings(pairs=[pair])).engine.answer(
        Question(CREATOR, CLEAN_THE_DRILL, manner=Manner("1", tutor=True))
    )
    assert [sentence.text for sentence in given.sentences] == ["With a brush."]
    assert not keeps_back(given, Manner(tutor=True)), "there is no more to tell"


async def test_of_sources_chosen_earlier_nothing_is_held_once_the_library_changed() -> None:
    holdings = FakeHoldings()
    snapshots = Snapshots(holdings, 10**9, 40)  # one lesson can be held, two are too large
    for sources in ({DRILL}, {DRILL, GLUE}, {GLUE}, set(holdings.texts)):
        await snapshots.current(Scope(CREATOR, None, frozenset(sources)), await holdings.state(CREATOR))
        holdings.version += 1
    assert len(snapshots._held) + len(snapshots._too_large) == 1
    assert len(snapshots._loading) == 1
