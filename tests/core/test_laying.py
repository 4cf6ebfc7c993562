"""Which passages are shown, on a source of sentences of fifteen words each."""

from itertools import pairwise

import numpy as np
import pytest

from core.asking.laying import Ground, lay_by_chance, lay_by_fit

WORDS = 15
SPAN = 9
"""Sentences of a passage, 135 words."""


def ground(sentences: int = 60) -> Ground:
    """Passages of nine sentences from every sentence on."""
    first = np.arange(sentences)
    last = np.minimum(first + SPAN - 1, sentences - 1)
    total = np.arange(sentences + 1) * WORDS
    return Ground(first, last, total, np.full(sentences, sentences * WORDS))


def scores(sentences: int = 60, **best: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Nothing but for some sentences: ``at7=1.0``."""
    found = np.zeros(sentences)
    for name, value in best.items():
        found[int(name.removeprefix("at"))] = value
    return found


def test_the_first_passage_is_that_of_the_best_start() -> None:
    fit = scores(at40=2.0, at5=1.0).astype(np.float32)

    assert lay_by_fit(ground(), 5, fit, 3)[0] == ((5, 13), 2.0)
    assert lay_by_chance(ground(), 5, scores(at40=0.9), 3)[0] == ((5, 13), 1.0)


def test_by_fit_what_little_is_left_beside_a_passage_takes_the_place_of_no_other_one() -> None:
    fit = scores(at16=1.0, at40=0.5).astype(np.float32)

    spans = [span for span, _ in lay_by_fit(ground(), 20, fit, 2)]

    assert spans == [(20, 28), (40, 48)]


def test_by_chance_the_sentence_just_before_the_best_start_is_shown_too() -> None:
    spans = [span for span, _ in lay_by_chance(ground(), 20, scores(at20=0.5, at18=0.4, at40=0.1), 3)]

    assert spans[0] == (20, 28)
    assert spans[1][0] <= 18 <= spans[1][1] < 20
    assert spans[2][0] <= 40 <= spans[2][1]


def test_by_chance_what_is_shown_counts_no_second_time() -> None:
    likely = scores(at20=0.5, at24=0.3, at25=0.1, at50=0.1)

    spans = [span for span, _ in lay_by_chance(ground(), 20, likely, 2)]

    assert spans[1][0] <= 50 <= spans[1][1]


def test_a_piece_of_fewer_than_sixty_words_is_not_shown_even_by_chance() -> None:
    spans = [span for span, _ in lay_by_chance(ground(), 3, scores(at3=0.5, at2=0.5), 60)]

    assert all(last < first or first >= 3 for first, last in spans)


def test_a_source_shorter_than_any_piece_is_shown_whole() -> None:
    assert [span for span, _ in lay_by_chance(ground(2), 0, scores(2, at0=1.0), 5)] == [(0, 1)]


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_passages_do_not_overlap_are_no_more_than_asked_for_and_come_best_first(limit: int) -> None:
    likely = np.random.default_rng(limit).dirichlet(np.full(60, 0.2))
    for laid in (
        lay_by_chance(ground(), int(likely.argmax()), likely, limit),
        lay_by_fit(ground(), int(likely.argmax()), likely.astype(np.float32), limit),
    ):
        spans = sorted(span for span, _ in laid)
        assert 1 <= len(spans) <= limit
        assert all(one[1] < other[0] for one, other in pairwise(spans))
        assert [score for _, score in laid] == sorted((score for _, score in laid), reverse=True)
