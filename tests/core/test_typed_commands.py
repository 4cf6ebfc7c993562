"""Typed commands: what is meant for a parameter gets there, and everything else stays the person's own words."""

from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.conversation import Attachment, Command, Kind, Parameter, Person, Value
from core.errors import UserError
from core.typed_commands import BadArgument, MissingArgument, UnknownCommand, parse, quoted, usage

ASK: Final = Command("ask", "Ask the videos", parameters=(Parameter("question", "Your question", required=True),))
UPLOAD: Final = Command(
    "upload",
    "Add a source",
    parameters=(
        Parameter("file", "A caption file", Kind.FILE),
        Parameter("link", "Where it is", Kind.LINK),
        Parameter("title", "Its title", takes_rest=True),
        Parameter("language", "Its language", Kind.CHOICE, choices=("en", "de", "tr")),
        Parameter("weight", "How much it counts", Kind.NUMBER),
    ),
)
REMOVE: Final = Command(
    "remove", "Remove a source", parameters=(Parameter("source", "Which", Kind.SOURCE, required=True),)
)
TEACH: Final = Command(
    "teach",
    "Add an answer",
    parameters=(
        Parameter("question", "What is asked", required=True),
        Parameter("answer", "What to say", required=True),
    ),
)
STUDENTS: Final = Command(
    "students",
    "List students",
    parameters=(
        Parameter("member", "Who", Kind.MEMBER, takes_rest=True),
        Parameter("status", "Which", Kind.CHOICE, choices=("active", "paused")),
    ),
)
PAGE: Final = Command(
    "videos", "List sources", parameters=(Parameter("page", "Which page", Kind.NUMBER, takes_rest=True),)
)
SETTINGS: Final = Command(
    "settings",
    "See and change the settings",
    parameters=(
        Parameter("name", "The name"),
        Parameter("language", "The language"),
        Parameter("who_may_ask", "Who", Kind.CHOICE, choices=("everyone", "enrolled")),
    ),
)
NEW: Final = Command("new", "Forget the conversation")
COMMANDS: Final = (ASK, UPLOAD, REMOVE, TEACH, PAGE, SETTINGS, NEW)


async def _nothing(path: Path) -> None:
    raise AssertionError(f"{path} is not asked for")


CAPTIONS: Final = Attachment("lesson.vtt", 6, _nothing)


def arguments(text: str, attachment: Attachment | None = None) -> dict[str, Value]:
    return dict(parse(text, COMMANDS, attachment).arguments)


@pytest.mark.parametrize(
    "question",
    [
        "what is f(x): a function?",
        "what happens at 12:30",
        "is https://example.org/a?b=c:d right about this",
        'what does "gradient descent" mean',
        'he said "unbalanced and left',
        "what does question: mean",
        "why does the line question:answer appear",
        "first line\n\n  second line",
        "language:en is what",
        "a:b:c ::: x: :y",
        "--; DROP TABLE sources",
        "😀",
        "“quoted” and so on",
    ],
)
def test_a_question_stays_intact(question: str) -> None:
    assert arguments(f"/ask {question}") == {"question": question}


@pytest.mark.parametrize(
    "text", ["/ask question:what is it", '/ask question:"what is it"', "/ASK@chronos_bot what is it"]
)
def test_the_rest_may_be_named_quoted_or_addressed(text: str) -> None:
    assert arguments(text) == {"question": "what is it"}


def test_values_reach_their_parameters_in_any_order() -> None:
    typed = '/upload language:EN https://youtu.be/x?t=1 weight:1,5 title:"Lesson 3: limits"'
    assert arguments(typed) == {
        "link": "https://youtu.be/x?t=1",
        "title": "Lesson 3: limits",
        "language": "en",
        "weight": 1.5,
    }


def test_a_phone_s_curly_quotes_count_as_quotes() -> None:
    assert arguments("/upload title:“Lesson 3” https://a.example/v") == {
        "title": "Lesson 3",
        "link": "https://a.example/v",
    }


def test_the_rest_around_a_link_becomes_the_title() -> None:
    typed = arguments("/upload Lesson 3 <https://a.example/v> on limits language:de", CAPTIONS)
    assert typed == {"file": CAPTIONS, "link": "https://a.example/v", "title": "Lesson 3 on limits", "language": "de"}


def test_only_the_first_link_is_taken() -> None:
    typed = arguments("/upload https://a.example/v https://b.example/w")
    assert typed == {"link": "https://a.example/v", "title": "https://b.example/w"}


@pytest.mark.parametrize("title", ["Glaze", "Two words", 'The "red" one', "a  b", '"'])
def test_what_a_hint_quotes_is_read_as_one_value(title: str) -> None:
    typed = parse(f"/upload https://v.test/1 title:{quoted(title)} language:en", [UPLOAD])
    assert (typed.arguments["title"], typed.arguments["language"]) == (title, "en")


def test_unbalanced_quotes_stay_text() -> None:
    assert arguments('/upload title:"Lesson 3') == {"title": 'title:"Lesson 3'}


def test_a_key_without_a_value_stays_text() -> None:
    assert arguments("/upload weight: heavy") == {"title": "weight: heavy"}


def test_an_attachment_is_ignored_where_no_file_is_taken() -> None:
    assert arguments("/ask what is this", CAPTIONS) == {"question": "what is this"}


def test_a_file_can_be_named_where_there_are_local_files() -> None:
    for typed in ("/upload lesson.vtt Lesson", "/upload file:lesson.vtt Lesson", '/upload "lesson.vtt" Lesson'):
        found = parse(typed, COMMANDS, find_file={"lesson.vtt": CAPTIONS}.get)
        assert found.arguments == {"file": CAPTIONS, "title": "Lesson"}


def test_a_named_file_that_is_not_there_is_said() -> None:
    with pytest.raises(BadArgument, match=r"There is no file gone\.vtt"):
        parse("/upload file:gone.vtt", COMMANDS, find_file=lambda _: None)


def test_a_file_cannot_be_named_in_a_chat() -> None:
    with pytest.raises(BadArgument, match="Attach the file"):
        parse("/upload file:/etc/passwd", COMMANDS)


def test_the_rest_goes_to_the_only_parameter_of_another_kind() -> None:
    assert arguments("/remove Lesson 3: limits") == {"source": "Lesson 3: limits"}
    assert arguments("/videos 2") == {"page": 2.0}


def test_a_second_required_text_takes_the_rest_once_the_first_is_named() -> None:
    assert arguments('/teach question:"Who?" It was me') == {"question": "Who?", "answer": "It was me"}


def test_words_after_a_command_without_parameters_do_no_harm() -> None:
    assert arguments("/new please") == {}


@pytest.mark.parametrize(("typed", "meant"), [("/aks what", "/ask"), ("/uplaod x", "/upload"), ("/video", "/videos")])
def test_an_unknown_command_names_the_closest_one(typed: str, meant: str) -> None:
    with pytest.raises(UnknownCommand) as raised:
        parse(typed, COMMANDS)
    assert f"Did you mean {meant}?" in str(raised.value)
    assert "/help" in str(raised.value)


@pytest.mark.parametrize("text", ["/", "", "hello", "/ ask", "/" + "x" * 10_000])
def test_what_is_no_command_points_to_help(text: str) -> None:
    with pytest.raises(UnknownCommand, match="/help") as raised:
        parse(text, COMMANDS)
    assert len(str(raised.value)) < 200


def test_a_missing_argument_shows_how_the_command_is_written() -> None:
    with pytest.raises(
        MissingArgument, match=r"/ask needs question \(Your question\). It is written: /ask question:<question>"
    ):
        parse("/ask  ", COMMANDS)


@pytest.mark.parametrize("value", ["many", "nan", "inf", "1e999", '"5 apples"'])
def test_a_bad_number_is_explained(value: str) -> None:
    with pytest.raises(BadArgument, match="weight takes a number"):
        parse(f"/upload weight:{value}", COMMANDS)


def test_a_bad_choice_lists_the_choices() -> None:
    with pytest.raises(BadArgument, match="language takes en, de or tr, not “fr”"):
        parse("/upload language:fr", COMMANDS)


def test_words_that_nothing_takes_are_not_dropped_silently() -> None:
    with pytest.raises(BadArgument, match="no place for “extra words”"):
        parse('/upload title:"Lesson 3" extra words', COMMANDS)


ANA: Final = Person("telegram", "4711", "Ana Lopez")
BEN: Final = Person("telegram", "4712", "Ben")


def find_member(text: str) -> Person | None:
    """Ana is mentioned by her name, and the message answers one of Ben's."""
    return {"Ana Lopez": ANA, "": BEN}.get(text)


@pytest.mark.parametrize(
    ("typed", "member"),
    [
        ("/students Ana Lopez status:paused", ANA),
        ("/students status:paused member:Ana Lopez", ANA),
        ('/students member:"Ana Lopez" status:paused', ANA),
        ("/students status:paused", BEN),
        ("/students @carla status:paused", "@carla"),
    ],
)
def test_a_member_is_who_the_platform_says_or_what_was_typed(typed: str, member: Value) -> None:
    parsed = parse(typed, [STUDENTS], find_member=find_member)
    assert parsed.arguments == {"member": member, "status": "paused"}


def test_a_member_without_words_stays_out_where_the_platform_knows_none() -> None:
    assert parse("/students", [STUDENTS]).arguments == {}
    assert parse("/students Ben", [STUDENTS]).arguments == {"member": "Ben"}


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("/settings language de", "no place for “language de”"),
        ("/settings frobnicate:1", "knows no “frobnicate”"),
        ('/settings frobnicate:"two words"', "knows no “frobnicate”"),
        ('/settings name:""', 'no place for “name:""”'),
        ("/settings name:My new name", "no place for “new name”"),
        ("/upload langauge:de Lesson 3", "knows no “langauge”"),
    ],
)
def test_what_belongs_nowhere_is_refused_with_how_to_write_it(typed: str, named: str) -> None:
    with pytest.raises(BadArgument) as raised:
        parse(typed, COMMANDS, CAPTIONS)
    assert named in str(raised.value)
    assert f"It is written: {typed.split(maxsplit=1)[0]} [" in str(raised.value)


def test_a_title_may_hold_numbers_and_colons() -> None:
    assert arguments("/upload Lesson 3: limits at 12:30") == {"title": "Lesson 3: limits at 12:30"}
    assert arguments("/upload title:Re:Zero") == {"title": "Re:Zero"}


def test_usage_marks_what_is_optional_and_what_to_fill_in() -> None:
    assert usage(UPLOAD) == ("/upload [<file>] [link:<link>] [title:<title>] [language:en|de|tr] [weight:<weight>]")
    assert usage(TEACH) == "/teach question:<question> answer:<answer>"
    assert usage(SETTINGS) == "/settings [name:<name>] [language:<language>] [who_may_ask:everyone|enrolled]"
    assert usage(NEW) == "/new"


_PIECES = st.sampled_from(
    ["/", "ask", "upload", " ", ":", '"', "“", "”", "title", "language", "https://a", "@b", "\n", "weight", "<", "5"]
)


@given(
    st.one_of(
        st.text(), st.lists(_PIECES).map("".join), st.lists(_PIECES).map(lambda parts: "/upload " + "".join(parts))
    )
)
def test_nothing_but_words_for_the_person_is_ever_raised(text: str) -> None:
    with suppress(UserError):
        parse(text, COMMANDS, CAPTIONS, {"5": CAPTIONS}.get)


@given(st.text(min_size=1).filter(lambda text: bool(text.strip())))
def test_no_word_of_a_question_is_lost(question: str) -> None:
    asked = arguments(f"/ask {question}")["question"]
    assert isinstance(asked, str)
    assert "".join(asked.split()) in "".join(question.split())
    assert len(asked) >= len(question.strip()) - len("question:") - 2
