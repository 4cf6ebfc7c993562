"""A creator's library as arrays."""

from dataclasses import replace

import numpy as np
import pytest

from core.asking.lexical import LENGTH_SHARE, SATURATION
from core.asking.snapshot import Snapshot
from core.asking.words import term_ids
from core.ids import SourceId
from tests.core.workshop import CREATOR, STEM, SUBJECTS, index, lesson, library, snapshot


def column(built: Snapshot, word: str) -> np.ndarray:
    columns, known = built.vocabulary.columns(term_ids([word], STEM))
    return columns[known]


def test_units_of_all_sources_lie_one_after_the_other() -> None:
    built = snapshot()

    assert built.n_units == sum(len(lesson(subject)) for subject in SUBJECTS)
    assert built.place(0) == (SourceId(10), 0)
    assert built.place(int(built.source_starts[3])) == (SourceId(13), -int(built.source_starts[3]))
    assert built.starts_s[built.source_starts[1]] == 0.0


def test_windows_stay_inside_their_source() -> None:
    built = snapshot()

    source_of = np.repeat(np.arange(len(SUBJECTS)), np.diff(built.source_starts))
    assert np.array_equal(source_of[built.window_first], source_of[built.window_last])


def test_only_units_and_windows_with_the_word_score() -> None:
    built = snapshot([index(1, ["The glue holds.", "Nothing else.", "More glue, better glue."])])

    assert (built.unit_words.scores(column(built, "glue")) > 0).tolist() == [True, False, True]
    assert (built.window_words.scores(column(built, "glue")) > 0).tolist() == [True]


def test_the_score_of_a_word_is_that_of_the_formula() -> None:
    built = snapshot([index(1, ["Glue holds wood.", "Glue glue."]), index(2, ["Screws."])])

    unit_lengths, windows, with_glue = [3, 2, 1], 2, 1
    idf = np.log(1 + (windows - with_glue + 0.5) / (with_glue + 0.5))
    longest = 1 - LENGTH_SHARE + LENGTH_SHARE * unit_lengths[1] / np.mean(unit_lengths)
    expected = idf * 2 * (SATURATION + 1) / (2 + SATURATION * longest)
    assert built.unit_words.scores(column(built, "glue"))[1] == pytest.approx(expected, rel=1e-5)


def test_rare_words_tell_more_than_frequent_ones_and_unheard_ones_most() -> None:
    built = snapshot()
    rare, frequent, unheard = (
        built.vocabulary.idf_of(term_ids([word], STEM))[0] for word in ("hinge", "bench", "zebra")
    )

    assert frequent < rare < unheard == pytest.approx(built.vocabulary.unseen_idf)


def test_a_source_without_units_leaves_no_trace() -> None:
    empty = replace(
        index(5, ["Glue."]),
        starts_s=np.zeros(0, np.float32), ends_s=np.zeros(0, np.float32), estimated=np.zeros(0, np.bool_),
        words=np.zeros(0, np.int32), terms=np.zeros(0, np.int32), term_counts=np.zeros(0, np.int32),
        unit_vectors=np.zeros((0, 32), np.float16), windows=np.zeros((0, 2), np.int32),
        window_vectors=np.zeros((0, 32), np.float16),
    )  # fmt: skip

    assert snapshot([empty, index(6, ["Glue."])]).source_ids == (SourceId(6),)


def test_an_empty_library_can_be_built() -> None:
    built = Snapshot.build(CREATOR, 1, "made-up", [])

    assert (built.n_units, built.n_windows) == (0, 0)


def test_unit_vectors_are_kept_in_half_the_space() -> None:
    built = snapshot()

    assert built.unit_vectors.dtype == np.float16
    assert built.window_vectors.dtype == np.float32
    assert built.nbytes >= built.unit_vectors.nbytes + built.window_vectors.nbytes + built.unit_words.nbytes


@pytest.mark.parametrize("field", ["starts_s", "term_counts", "unit_vectors", "window_vectors", "terms"])
def test_arrays_that_do_not_match_are_refused(field: str) -> None:
    source = library()[0]

    with pytest.raises(ValueError, match="source 10"):
        snapshot([replace(source, **{field: getattr(source, field)[:-1]})])


def test_a_window_beyond_the_units_is_refused() -> None:
    source = library()[0]

    with pytest.raises(ValueError, match="reaches beyond"):
        snapshot([replace(source, windows=source.windows + 1)])
