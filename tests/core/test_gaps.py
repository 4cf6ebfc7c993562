"""What is asked in vain is grouped, always in the same way."""

from datetime import UTC, datetime

import numpy as np

from adapters.sources.stemming import SnowballStemmer
from core.asking.answer import Outcome
from core.asking.gaps import Asked, find_gaps
from core.ids import MessageId
from tests.core.workshop import embed

STEM = SnowballStemmer()


def asked(number: int, question: str, asker: int = 0, unhelpful: int = 0) -> Asked:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return Asked(
        MessageId(number), asker or number, question, Outcome.ABSTAINED, unhelpful, withdrawn=False, asked_at=at
    )


def test_questions_about_the_same_are_one_gap_and_what_most_people_asked_comes_first() -> None:
    questions = [
        asked(1, "How do I repair the hinge?"),
        asked(2, "How do I clean the drill?"),
        asked(3, "Now how can I clean my drill?", unhelpful=2),
        asked(4, "Do I clean the drill?", asker=2),
        asked(5, "How do I repair a hinge?", asker=1),
    ]
    vectors = np.stack([embed(each.question) for each in questions])
    first, second = find_gaps(questions, vectors, STEM)
    assert {each.message_id for each in first.questions} == {2, 3, 4}
    assert (first.people, first.rated_badly) == (2, 1)
    assert {each.message_id for each in second.questions} == {1, 5}
    assert second.people == 1, "one person asked twice"
    assert find_gaps(questions, vectors, STEM) == [first, second]


def test_the_question_that_is_closest_to_all_speaks_for_a_gap() -> None:
    questions = [asked(n, f"one {n}") for n in range(1, 4)]
    vectors = np.array([[1.0, 0.0], [0.9, 0.436], [0.75, 0.661]], np.float32)
    (gap,) = find_gaps(questions, vectors, STEM)
    assert gap.example.message_id == 2
