"""What the staff write down: kept, compared with what is asked, and as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.stemming import SnowballStemmer
from core.asking.given import GivenText, asks_the_same, touched
from core.errors import UploadRefused
from core.ids import SourceId
from core.library.knowledge import (
    LONGEST_ANSWER,
    EntryKind,
    Wording,
    checked,
    fold,
    read_pairs,
    units_of,
    worded_anew,
    write_pairs,
)

STEM = SnowballStemmer()
PAIR, NOTE = EntryKind.PAIR, EntryKind.NOTE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I start?", "  how do i START "),
        ("What's “glaze”?", "what\u2019s glaze"),
        ("**How** do I start…", "How do I start?!"),
    ],
)
def test_case_marks_and_blanks_make_no_other_question(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("C or C++?", "C or C?"), ("C#?", "C?"), ("-5 degrees?", "5 degrees?")])
def test_marks_that_belong_to_a_word_make_another_question(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("Please tell me how long I have to wait.", "How long do I wait?"),
        ("how long should one wait", "How long do I wait?"),
        ("Which clays do you use?", "Which clay do you use"),
        ("how do i use kubernetes", "How do I use Kubernetes?"),
        ("Do I fire at 1,000 degrees?", "Do we fire at 1,000 degrees"),
    ],
)
def test_hardly_other_words_ask_the_same(asked: str, written: str) -> None:
    assert asks_the_same(asked, written, STEM)
    assert asks_the_same(written, asked, STEM)


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("How do I not glaze it?", "How do I glaze it?"),
        ("Can you glaze it twice at 1000 degrees?", "Can you glaze it twice at 900 degrees?"),
        ("Do I wait five minutes?", "Do I wait five hours?"),
        ("How do I set up the API?", "How do I set up the SDK?"),
        ("Who was taught by Anna before Ben?", "Who was taught by Ben before Anna?"),
        ("How do I convert PDF to Word?", "How do I convert Word to PDF?"),
        ("What do I do before the firing?", "What do I do after the firing?"),
        ("When do I clean the drill?", "How do I clean the drill?"),
        ("How do I increase the speed?", "How do I decrease the speed?"),
        ("Do I glaze with a brush?", "Do I glaze without a brush?"),
        ("How do I work out 2^3?", "How do I work out 2*3?"),
        ("What is it?", ""),
        ("How do I store the glaze over a long winter in an unheated garage?", "How do I store it?"),
    ],
)
def test_a_word_in_the_place_of_another_asks_something_else(asked: str, written: str) -> None:
    assert not asks_the_same(asked, written, STEM)
    assert not asks_the_same(written, asked, STEM)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Can I get refunds?", True),
        ("I want all my money back", True),
        ("Is the money good?", False),
        ("Who is back?", False),
    ],
)
def test_a_note_is_touched_where_all_words_of_one_of_its_topics_are_said(question: str, found: bool) -> None:
    note = GivenText(SourceId(1), "Note", "refund, money back", "Use the form.", topics=("refund", "money back"))
    assert touched([note], question, STEM) == ([note] if found else [])


def test_an_entry_is_kept_tidy_and_each_wording_is_found_and_not_quoted() -> None:
    said = checked(
        PAIR, " How\n long? ", " A  day.\r\n\r\n\r\n\r\nOr two.\u202e ", ["#Care", "care", ""], "Gold",
        ["how LONG", "For how long?", ""],
    )  # fmt: skip
    assert said == Wording(PAIR, "How long?", "A day.\n\nOr two.", ("care",), "gold", ("For how long?",))
    units = units_of(said, ["A day.", "Or two."])
    assert [unit.text == unit.locator for unit in units] == [True, True, False, False]
    assert len({unit.paragraph for unit in units}) == 1


@pytest.mark.parametrize(
    ("question", "answer", "tags", "wordings", "words"),
    [
        ("?!", "Yes", [], [], "no question"),
        ("How?", " \n ", [], [], "no answer"),
        ("How?", "x" * (LONGEST_ANSWER + 1), [], [], "3,001 characters"),
        ("x" * 301, "Yes", [], [], "301 characters"),
        ("How?", "Yes", ["a", "b", "c", "d", "e", "f", "g", "h", "i"], [], "8 tags"),
        ("How?", "Yes", [], ["a", "b", "c", "d"], "3 other wordings"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_rule(
    question: str, answer: str, tags: list[str], wordings: list[str], words: str
) -> None:
    with pytest.raises(UploadRefused, match=words):
        checked(PAIR, question, answer, tags, "", wordings)


def test_a_wording_more_is_kept_once_and_as_far_as_there_is_room() -> None:
    said = checked(PAIR, "How?", "So.")
    assert worded_anew(said, "how") == said
    for more in ("In which way?", "By what means?", "What with?", "Wherewith?"):
        said = worded_anew(said, more)
    assert said.wordings == ("In which way?", "By what means?", "What with?")


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@given(st.lists(st.tuples(CELLS, CELLS, st.lists(CELLS, max_size=3)), max_size=5))
def test_a_table_comes_back_as_it_went_out(rows: list[tuple[str, str, list[str]]]) -> None:
    pairs: dict[str, Wording] = {}
    for question, answer, tags in rows:
        try:
            pair = checked(PAIR, question, answer, tags)
        except UploadRefused:
            continue
        pairs.setdefault(pair.folded[0], pair)
    if pairs:
        assert read_pairs(write_pairs(pairs.values())) == list(pairs.values())


def test_a_table_without_a_question_or_with_too_many_cells_is_refused_by_line() -> None:
    with pytest.raises(UploadRefused, match="no question in this file"):
        read_pairs("question,answer\n\n")
    with pytest.raises(UploadRefused, match=r"Line 2: it has 6 cells.*double quotes"):
        read_pairs("How?,So\nWhy?,a,b,c,d,e\n")
    with pytest.raises(UploadRefused, match="and 5 more"):
        read_pairs("How?\n" * 20)
