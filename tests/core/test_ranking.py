"""From a question to passages and starts, on a small made-up library."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.asking import ranking
from core.asking.lexical import WordStatistics
from core.asking.ranking import SPAN_WORDS, SearchQuery, rank
from core.asking.snapshot import Snapshot
from core.ids import SourceId
from tests.core.workshop import CREATOR, DIMENSIONS, SUBJECTS, VERBS, ask, embed, index, lesson, library, snapshot

QUESTIONS = [(subject, verb) for subject in SUBJECTS[:4] for verb in VERBS[::3]]


def told(subject: str, verb: str) -> tuple[SourceId, int]:
    """Where a step is shown."""
    return SourceId(10 + SUBJECTS.index(subject)), 4 * VERBS.index(verb) + 2


@pytest.mark.parametrize(("subject", "verb"), QUESTIONS)
def test_the_best_start_is_the_sentence_that_answers(subject: str, verb: str) -> None:
    found = rank(snapshot(), ask(f"How do I {verb} the {subject}?"))

    best = found.starts[0]
    assert (best.source_id, best.unit) == told(subject, verb)


def test_the_first_passage_runs_forward_from_the_best_start() -> None:
    found = rank(snapshot(), ask("How do I clean the drill?"))

    first, start = found.hits[0], found.starts[0]
    assert (first.source_id, first.first_unit, first.cited_unit) == (start.source_id, start.unit, start.unit)
    assert first.last_unit > first.first_unit


def test_a_question_in_other_words_is_found_by_its_vector() -> None:
    query = SearchQuery(embed("clean drill"), ask("xylophone").terms)

    assert (rank(snapshot(), query).starts[0].source_id) == told("drill", "clean")[0]


def test_a_question_that_the_vectors_misread_is_found_by_its_words() -> None:
    query = SearchQuery(np.zeros(DIMENSIONS, np.float32), ask("clean drill").terms)

    best = rank(snapshot(), query).starts[0]
    assert (best.source_id, best.unit) == told("drill", "clean")


def test_passages_do_not_overlap_and_are_short_and_ordered_by_score() -> None:
    library_snapshot = snapshot()
    hits = rank(library_snapshot, ask("How do I store the varnish?")).hits

    for one, other in combinations(hits, 2):
        assert (
            one.source_id != other.source_id or one.last_unit < other.first_unit or other.last_unit < one.first_unit
        )
    words = np.diff(library_snapshot.total_words)
    for hit in hits:
        begin = int(library_snapshot.source_starts[library_snapshot.source_ids.index(hit.source_id)])
        assert words[begin + hit.first_unit : begin + hit.last_unit + 1].sum() <= SPAN_WORDS
        assert hit.first_unit <= hit.cited_unit <= hit.last_unit
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_no_more_passages_than_asked_for_and_three_starts() -> None:
    found = rank(snapshot(), ask("How do I test the hinge?"), limit=2)

    assert len(found.hits) == 2
    assert len(found.starts) == 3


def test_a_source_of_a_single_sentence_can_be_a_passage() -> None:
    sources = [*library(), index(99, ["Here I polish the anvil."])]

    hits = rank(snapshot(sources), ask("How do I clean the hinge or polish the anvil?")).hits

    assert SourceId(99) in {hit.source_id for hit in hits}


def test_without_words_the_gate_is_how_close_the_closest_window_and_unit_are() -> None:
    built, vector = snapshot(), embed("clean drill")

    found = rank(built, SearchQuery(vector, np.zeros(0, np.int32)))

    unit = float((built.unit_vectors.astype(np.float32) @ vector).max())
    assert found.gate == pytest.approx(float((built.window_vectors @ vector).max()) + 0.9 * unit, rel=1e-5)


def test_an_empty_library_has_no_passages() -> None:
    found = rank(snapshot([]), ask("How do I clean the drill?"))

    assert (found.hits, found.starts, found.gate) == ((), (), 0.0)


def test_a_question_without_known_words_and_without_direction_still_gets_an_answer() -> None:
    query = SearchQuery(np.zeros(DIMENSIONS, np.float32), np.zeros(0, np.int32))

    assert rank(snapshot(), query).hits


def test_the_same_question_is_ranked_the_same_every_time() -> None:
    query = ask("How do I repair the clamp?")

    assert rank(snapshot(), query) == rank(snapshot(), query)


def test_the_order_in_which_sources_were_added_does_not_change_the_answer() -> None:
    query = ask("How do I repair the clamp?")
    forwards, backwards = rank(snapshot(), query), rank(snapshot(library()[::-1]), query)

    assert forwards.starts[0].source_id == backwards.starts[0].source_id
    assert forwards.hits[0].first_unit == backwards.hits[0].first_unit
    assert forwards.gate == pytest.approx(backwards.gate, abs=1e-5)


@pytest.mark.parametrize(("subject", "verb"), QUESTIONS[:5])
def test_looking_at_the_promising_windows_only_finds_what_looking_at_all_would(
    monkeypatch: pytest.MonkeyPatch, subject: str, verb: str
) -> None:
    query = ask(f"How do I {verb} the {subject}?")
    everything = rank(snapshot(), query)
    monkeypatch.setattr(ranking, "PROMISING_WINDOWS", 8)
    monkeypatch.setattr(ranking, "PROMISING_UNITS", 4)

    pruned = rank(snapshot(), query)

    assert pruned.starts[0] == everything.starts[0]
    assert pruned.hits[0] == everything.hits[0]
    assert pruned.gate == pytest.approx(everything.gate, rel=1e-5)


def part(wanted: set[int], whole: Snapshot) -> Snapshot:
    """A snapshot of some sources, with the word statistics of all."""
    terms = whole.vocabulary.ids.tolist()
    statistics = WordStatistics(
        windows=whole.n_windows,
        unit_terms=sum(len(source.terms) for source in library()) / whole.n_units,
        window_terms=mean_window_terms(),
        frequencies=dict(zip(terms, np.diff(whole.window_words.offsets).tolist(), strict=True)),
    )
    chosen = [source for source in library() if source.source_id in wanted]
    return Snapshot.build(CREATOR, 1, "made-up", chosen, statistics)


def mean_window_terms() -> float:
    lengths = [
        int(source.term_counts[first : last + 1].sum()) for source in library() for first, last in source.windows
    ]
    return sum(lengths) / len(lengths)


@pytest.mark.parametrize(("subject", "verb"), QUESTIONS)
def test_candidates_with_the_statistics_of_the_whole_library_are_ranked_as_in_the_whole(
    subject: str, verb: str
) -> None:
    query = ask(f"How do I {verb} the {subject}?")
    whole = snapshot()
    expected = rank(whole, query)
    wanted = {int(hit.source_id) for hit in expected.hits}

    found = rank(part(wanted, whole), query)

    assert found.starts[0].unit == expected.starts[0].unit
    assert [(hit.source_id, hit.first_unit) for hit in found.hits[:3]] == [
        (hit.source_id, hit.first_unit) for hit in expected.hits[:3]
    ]
    assert found.gate == pytest.approx(expected.gate, abs=1e-4)


def test_a_part_of_a_source_keeps_the_positions_of_its_units() -> None:
    moved = replace(index(10, lesson("glue")), first_unit=1000)

    best = rank(snapshot([moved]), ask("How do I clean the glue?")).starts[0]

    assert best.unit == 1000 + told("glue", "clean")[1]


@given(st.lists(st.lists(st.sampled_from(["Glue it.", "Then drill a hole here.", "Wait."]), max_size=40), max_size=4))
def test_passages_lie_inside_their_source_whatever_its_length(sources: list[list[str]]) -> None:
    built = snapshot([index(at, sentences) for at, sentences in enumerate(sources) if sentences])

    for hit in rank(built, ask("How do I drill with glue?")).hits:
        assert 0 <= hit.first_unit <= hit.cited_unit <= hit.last_unit < len(sources[hit.source_id])


def test_a_link_opens_where_the_subject_is_named_up_to_ten_seconds_before_the_best_sentence() -> None:
    sentences = lesson("hinge")
    sentences[13] = "About the hinge again."  # five seconds before the hinge is repaired

    found = rank(snapshot([*library()[:3], index(13, sentences)]), ask("How do I repair the hinge?"))

    assert (found.starts[0].source_id, found.starts[0].unit) == (SourceId(13), 13)
    assert found.hits[0].first_unit == 13


def test_in_a_text_a_link_goes_to_the_very_sentence() -> None:
    sentences = lesson("hinge")
    sentences[13] = "About the hinge again."
    written = index(13, sentences)
    paragraphs = np.arange(len(sentences), dtype=np.float32) // 20
    written = replace(written, starts_s=paragraphs, ends_s=paragraphs + 1)

    found = rank(snapshot([*library()[:3], written]), ask("How do I repair the hinge?"))

    assert (found.starts[0].source_id, found.starts[0].unit) == (SourceId(13), 14)


def test_what_a_recording_says_it_will_be_about_is_not_taken_for_the_answer() -> None:
    welcome, shown = (lesson("glue") for _ in range(2))
    welcome[0] = shown[30] = "Here I clean the drill with a brush."

    found = rank(snapshot([index(1, welcome), index(2, shown)]), ask("How do I clean the drill?"))

    assert (found.starts[0].source_id, found.starts[0].unit) == (SourceId(2), 30)


def test_links_go_to_different_moments() -> None:
    sentences = lesson("drill")
    sentences[10] = sentences[11] = "Here I clean the drill as carefully as anybody can."

    starts = rank(snapshot([index(1, sentences)]), ask("How do I clean the drill?")).starts

    units = sorted(start.unit for start in starts)
    assert all(other - one > 2 for one, other in pairwise(units))


def test_where_a_fact_is_asked_for_the_few_sentences_before_the_first_passage_are_shown_too() -> None:
    sentences = ["the old bench stands behind another window while we talk slowly" for _ in range(60)]
    sentences[7] = "the drill was clean before anybody came and it stayed so for years"
    query = replace(ask("What was clean about the drill?"), vector=embed("clean drill"))

    shown = {
        fact: [range(hit.first_unit, hit.last_unit + 1) for hit in rank(recordings, replace(query, fact=fact)).hits]
        for recordings in [snapshot([index(1, sentences)])]
        for fact in (False, True)
    }

    assert shown[True][0] == shown[False][0]
    assert shown[True][0].start == 7
    assert any(3 in passage for passage in shown[True])
    assert not any(3 in passage for passage in shown[False])
