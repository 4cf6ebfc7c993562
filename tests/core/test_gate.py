"""When to answer, when to show what is close, and when to say that it is not there."""

import numpy as np
import pytest

from core.asking.answer import Confidence
from core.asking.gate import Cutoff, answers_by_itself, calibrate, confidence, null_questions
from core.asking.ranking import rank
from tests.core.workshop import SUBJECTS, VERBS, ask, snapshot


def cutoff() -> Cutoff:
    return calibrate(snapshot(), [ask(question) for question in null_questions()])


@pytest.mark.parametrize("subject", SUBJECTS)
def test_questions_about_the_material_lie_above_the_cut_off(subject: str) -> None:
    gate = rank(snapshot(), ask(f"How do I {VERBS[2]} the {subject}?")).gate

    assert confidence(gate, cutoff()) in {Confidence.MEDIUM, Confidence.HIGH}


@pytest.mark.parametrize("question", ["Who won the election in Peru?", "Where do zebras sleep?", "hello there"])
def test_questions_about_something_else_lie_below_it(question: str) -> None:
    assert confidence(rank(snapshot(), ask(question)).gate, cutoff()) is Confidence.NONE


def test_confidence_grows_with_the_distance_from_unrelated_questions() -> None:
    found = Cutoff(mean=0.6, deviation=0.2)

    assert [confidence(gate, found) for gate in (0.6, 1.06, 1.08, 1.21, 1.5, 1.61)] == [
        Confidence.NONE,
        Confidence.NONE,
        Confidence.LOW,
        Confidence.MEDIUM,
        Confidence.MEDIUM,
        Confidence.HIGH,
    ]


def test_a_few_unrelated_questions_that_have_an_answer_here_do_not_move_the_cut_off_much() -> None:
    unrelated = [ask(question) for question in null_questions()]
    plain = calibrate(snapshot(), unrelated)

    spoilt = calibrate(snapshot(), [*unrelated, *(ask(f"How do I clean the {subject}?") for subject in SUBJECTS[:5])])

    assert spoilt.mean == pytest.approx(plain.mean, abs=0.05)
    assert spoilt.deviation <= 1.5 * plain.deviation


def test_an_empty_library_answers_nothing() -> None:
    empty = snapshot([])

    found = calibrate(empty, [ask(question) for question in null_questions()])

    assert confidence(rank(empty, ask("How do I clean the drill?")).gate, found) is Confidence.NONE


def test_a_cut_off_cannot_be_found_from_nothing() -> None:
    with pytest.raises(ValueError, match="needs questions"):
        calibrate(snapshot(), [])


def test_the_unrelated_questions_are_many_different_whole_questions() -> None:
    questions = null_questions()

    assert len(set(questions)) == len(questions) >= 100
    assert all(question.endswith("?") and question == question.strip() for question in questions)


@pytest.mark.parametrize(
    ("question", "quoted", "stands"),
    [
        ("How do I cut 45 degrees?", "Set the saw to 45 degrees.", True),
        ("How do I cut forty-five degrees?", "Set the saw to 45 degrees.", True),
        ("How do I cut 30 degrees?", "Set the saw to 45 degrees.", False),
        ("Was it 1,500 or 2.5?", "It was 1,500.", False),
        ("Which glue does not hold?", "This glue holds.", False),
        ("Which glue doesn\u2019t hold?", "That one never holds.", True),
        ("Which glue holds?", "That one never holds.", True),
        ("How do I knot a rope?", "Knot it.", True),
        ("How do I glue a Titebond joint?", "Any glue holds this joint.", False),
        ("How do I glue a Titebond joint?", "Titebond holds this joint.", True),
    ],
)
def test_numbers_names_and_denials_of_a_question_must_occur_in_what_answers_it(
    question: str, quoted: str, stands: bool
) -> None:
    assert answers_by_itself(question, quoted, covered=1.0) is stands


def test_quotes_that_say_little_of_the_question_are_no_answer() -> None:
    assert not answers_by_itself("How do I tune a piano?", "How do I tune a saw?", covered=0.2)


def test_the_share_of_the_question_that_is_said_is_found_with_the_ranking() -> None:
    known = rank(snapshot(), ask("How do I clean the drill?"))
    strange = rank(snapshot(), ask("How do I clean a marsupial harpsichord?"))

    assert known.covered > strange.covered > 0


def test_gate_values_are_plain_numbers() -> None:
    assert np.isfinite(rank(snapshot(), ask("How do I clean the drill?")).gate)
