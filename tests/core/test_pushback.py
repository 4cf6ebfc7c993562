"""An objection is told from a question, and what it objects to is found."""

# ruff: noqa: RUF001 - objections in several scripts

import pytest

from core.asking.holdings import Span
from core.asking.pushback import asked_last, disputed, objection_rest
from core.asking.question import in_context
from core.asking.words import clean_question
from core.asking.writing import Turn
from core.ids import SourceId

ASKED = Turn("How many coats does the table need?", "Two coats.", (Span(SourceId(7), 3, 5),))


@pytest.mark.parametrize(
    "text",
    [
        "no, you're wrong", "No, that's wrong!", "that's not right", "that isn't true", "wrong", "Are you sure?",
        "are you sure about that??", "that’s not what he says", "he never said that", "I don't think so.", "nope",
        "i disagree", "you are completely wrong", "Sorry, but that is incorrect.", "this can't be right",
        "check again please", "it's wrong", "It isn't true!", "an error",
        "no no, that's false", "hmm, are you really sure?", "bs",
        "Eso no es cierto", "¿Estás seguro?", "te equivocas", "isso está errado", "tem certeza?", "não é verdade",
        "Das stimmt nicht!", "nein, das ist falsch", "Bist du sicher?", "c'est faux", "tu es sûr ?", "ti sbagli",
        "это неправда", "нет, это неверно", "ти впевнений?", "yanlış", "emin misin?", "itu salah", "यह गलत है",
        "هل أنت متأكد؟", "不对", "你确定吗？", "違います", "틀렸어요",
    ],
)  # fmt: skip
def test_an_objection_is_known_by_its_form(text: str) -> None:
    assert objection_rest(text) == ""


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("no, that's wrong, it needs three coats", "it needs three coats"),
        ("Are you sure that varnish needs three coats?", "varnish needs three coats"),
        ("that's wrong because oak needs three", "because oak needs three"),
        ("this is wrong, oak takes three", "oak takes three"),
        ("it's not what he said, he said three coats", "he said three coats"),
        ("It's wrong. That's not what he said, it was three", "it was three"),
        ("that's not right, how many coats does oak need?", "how many coats does oak need"),
        ("Nein, das stimmt nicht. Eiche braucht drei", "Eiche braucht drei"),
    ],
)
def test_what_is_said_besides_is_looked_for_too(text: str, rest: str) -> None:
    assert objection_rest(text) == rest


@pytest.mark.parametrize(
    "text",
    [
        "How do I clean the drill?", "What is wrong with my drill?", "Is it wrong to sand wet wood?", "ok", "",
        "no oil, right?", "Why is my varnish not drying?", "How can I be sure that the glue holds?", "thanks",
        "What went wrong?", "No matter which glue I use, the joint opens. What do I do?", "that's right",
        "true or false: glue dries in an hour", "How do I check again whether the glue is dry?", "you are right",
        "Is that true for oak?", "What did he say is wrong with cheap chisels?", "wrong side of the sandpaper",
        "false teeth repair",
        "It's an error, how do I fix it?", "It looks wrong, mine is flat", "It's not right, what should I do?",
        "It is a mistake, how do I undo it?", "it's wrong because I sanded too much",
        "This is wrong, what do I do now?", "This looks wrong. Is there a way back?",
        "This isn't right, my joint opens", "A mistake, how do I undo it?",
        "that's wrong " + "and something else " * 12,
    ],
)  # fmt: skip
def test_a_question_is_no_objection(text: str) -> None:
    assert objection_rest(text) is None


def test_the_first_message_of_a_session_objects_to_nothing() -> None:
    assert disputed("that's wrong", ()) is None


@pytest.mark.parametrize("text", ["No", "nope!", "Really?", "nein", "いいえ"])
def test_a_lone_no_answers_a_question_and_objects_to_all_else(text: str) -> None:
    led = Turn(ASKED.question, "Look at the second coat. Is it dry yet? [1] [2]", ASKED.cited)
    assert disputed(text, (ASKED,)) is not None
    assert disputed(text, (ASKED,), tutor=True) is None
    assert disputed(text, (led,)) is None
    assert disputed("no, that's wrong", (led,), tutor=True) is not None
    assert asked_last((led, Turn(text, "Then wait."))) == 1, "so it is a turn of its own"


def test_a_follow_up_to_an_objection_leans_on_the_question_that_it_was_about() -> None:
    history = (ASKED, Turn("no, that's wrong", "I looked again."), Turn("are you sure?", "I looked again."))
    asked = in_context(clean_question("And for oak?"), history)

    assert asked is not None
    assert asked.text == f"{ASKED.question} And for oak?"


def test_objecting_again_and_again_goes_back_to_the_question_and_all_that_was_shown_for_it() -> None:
    before = Turn("What is glue?", "Glue.")
    again = Turn("no, that's wrong", "I looked again.", (Span(SourceId(8), 0, 1),))
    dispute = disputed("are you sure?", (before, ASKED, again))

    assert dispute is not None
    assert (dispute.question, dispute.history) == (ASKED.question, (before,))
    assert dispute.shown == (Span(SourceId(7), 3, 5), Span(SourceId(8), 0, 1))
