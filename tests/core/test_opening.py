"""Where a link opens, on sentences that are only numbers here: when they are said and how good they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.asking.opening import LEAD_S, Beginnings, chances, on_one_line, openings

RECORDING = 0


def said(*sentences: tuple[float, float], close: float = 0.0, place: int = RECORDING) -> Beginnings:
    """Sentences by second and score, none of which has a word of the question."""
    seconds, scores = (np.array(column, np.float32) for column in zip(*sentences, strict=True))
    places = np.full(len(sentences), place, np.int64)
    nothing = np.zeros(len(sentences), np.bool_)
    return Beginnings(on_one_line(places, seconds), scores, np.full(len(sentences), close, np.float32), nothing)


def with_words(beginnings: Beginnings, *sentences: int) -> Beginnings:
    """The same where these sentences have a word of the question."""
    named = beginnings.on_subject.copy()
    named[list(sentences)] = True
    return Beginnings(beginnings.moments, beginnings.scores, beginnings.close, named)


def test_a_link_opens_at_the_best_sentence_when_what_leads_up_to_it_is_about_something_else() -> None:
    beginnings = with_words(said((0, 1), (5, 1), (9, 4)), 2)

    assert openings(beginnings, 1) == [2]


def test_a_link_opens_earlier_where_a_word_of_the_question_is_said_shortly_before() -> None:
    beginnings = with_words(said((0, 1), (5, 2), (9, 4)), 1, 2)

    assert openings(beginnings, 1) == [1]


def test_a_link_opens_earlier_where_the_sentence_before_is_close_though_in_other_words() -> None:
    assert openings(said((0, 1), (9, 4), close=0.5), 1) == [0]


@pytest.mark.parametrize(("seconds_before", "opened"), [(LEAD_S, 0), (LEAD_S + 0.5, 1)])
def test_no_link_opens_more_than_ten_seconds_before_the_best_sentence(seconds_before: float, opened: int) -> None:
    beginnings = with_words(said((0, 3), (seconds_before, 4)), 0, 1)

    assert openings(beginnings, 1) == [opened]


def test_several_good_sentences_within_seconds_count_for_more_than_one_that_is_hardly_better() -> None:
    beginnings = with_words(said((0, 3.9), (4, 3.9), (8, 3.9), (300, 4)), 0, 1, 2, 3)

    assert openings(beginnings, 2) == [0, 3]


def test_links_open_more_than_ten_seconds_apart() -> None:
    beginnings = with_words(said((0, 4), (6, 3.9), (12, 3), (40, 2)), 0, 1, 2, 3)

    assert openings(beginnings, 3) == [0, 2, 3]


def test_another_recording_at_the_same_second_is_another_moment() -> None:
    places, seconds = np.array([0, 1], np.int64), np.array([5, 5], np.float32)
    anything = np.ones(2, np.float32)
    beginnings = Beginnings(on_one_line(places, seconds), np.array([3, 4], np.float32), anything, anything > 0)

    assert openings(beginnings, 3) == [1, 0]


def test_what_was_shown_before_is_neither_opened_again_nor_does_it_speak_for_what_leads_to_it() -> None:
    beginnings = with_words(said((0, 1), (5, 4), (60, 2), (90, 1.5)), 0, 1, 2, 3)
    before = np.array([False, True, False, False])

    assert openings(beginnings, 2, before) == [2, 3]
    assert openings(beginnings, 4, ~before) == [1]
    assert openings(beginnings, 4, before | ~before) == []


def test_there_are_no_more_links_than_sentences() -> None:
    assert openings(said((0, 1)), 3) == [0]


def test_chances_add_up_and_a_better_sentence_has_more_of_them() -> None:
    likely = chances(np.array([1, 3, 2.9], np.float32))

    assert likely.sum() == pytest.approx(1)
    assert likely[1] > likely[2] > likely[0]


@given(
    sentences=st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 40)), min_size=1, max_size=30, unique_by=lambda each: each[0]
    ),
    named=st.integers(0, 2**30 - 1),
)
def test_whatever_is_said_links_open_at_different_moments_and_the_first_leads_to_something_likely(
    sentences: list[tuple[int, int]], named: int
) -> None:
    heard = said(*[(float(second), score / 10) for second, score in sorted(sentences)])
    beginnings = with_words(heard, *[at for at in range(len(sentences)) if named >> at & 1])

    found = openings(beginnings, 3)

    moments = np.sort(beginnings.moments[found])
    assert 1 <= len(found) <= 3
    assert (np.diff(moments) > LEAD_S).all()
    ahead = beginnings.moments - beginnings.moments[found[0]]
    likely = chances(beginnings.scores)[(ahead >= 0) & (ahead <= LEAD_S)].sum()
    assert likely * len(sentences) >= 1 - 1e-9
