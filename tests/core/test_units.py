"""Cutting transcripts into units and windows."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.sentences import split_sentences
from core.library.transcript import LocatorKind, Segment, Timing, Transcript, Word
from core.library.units import (
    LONGEST_SENTENCE_WORDS,
    Unit,
    Window,
    build_units,
    build_windows,
    count_words,
    linked_s,
    window_ranges,
    window_text,
)


def at_full_stops(text: str) -> Sequence[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"[^.\s][^.]*\.?", text)]


def units_of(*segments: Segment, timing: Timing = Timing.HEARD) -> list[Unit]:
    return build_units(Transcript(segments, timing), at_full_stops)


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{number}" for number in range(count))


def test_a_sentence_over_several_cues_becomes_one_unit_that_starts_with_its_first_cue() -> None:
    (unit,) = units_of(Segment(3.0, 5.0, "First we tighten"), Segment(5.0, 8.0, "the left screw."))

    assert (unit.text, unit.start_s, unit.end_s) == ("First we tighten the left screw.", 3.0, 8.0)
    assert not unit.estimated


def test_a_sentence_that_begins_inside_a_short_cue_keeps_the_second_at_which_the_cue_was_heard() -> None:
    first, second = units_of(
        Segment(10.0, 14.0, "It holds. Now we take"), Segment(14.0, 18.0, "the second board and turn it.")
    )

    assert first.text == "It holds."
    assert (second.text, second.start_s) == ("Now we take the second board and turn it.", 10.0)
    assert not second.estimated


def test_a_sentence_that_begins_with_the_last_word_of_a_cue_is_linked_to_the_next_cue() -> None:
    _, second = units_of(
        Segment(0.0, 12.0, f"{words(20)} and that is how it is done. If"),
        Segment(12.0, 15.0, "you like it, tell me."),
    )

    assert (second.text, second.start_s) == ("If you like it, tell me.", 12.0)


def test_a_long_turn_is_split_at_sentence_ends_and_the_inner_starts_are_marked_as_estimated() -> None:
    turn = Segment(100.0, 160.0, f"{words(30, 'early')}. {words(30, 'late')}.")

    first, second = units_of(turn)

    assert (first.start_s, first.estimated) == (100.0, False)
    assert second.estimated
    assert second.start_s == pytest.approx(130.0, abs=3.0)
    assert second.end_s == 160.0


def test_a_link_to_an_estimated_start_takes_the_second_that_was_heard_before_it() -> None:
    units = units_of(Segment(100.0, 160.0, f"{words(30, 'early')}. {words(30, 'late')}."))

    assert linked_s(units, 1) == 100.0


def test_a_transcript_whose_times_are_estimated_is_never_linked() -> None:
    units = units_of(Segment(0.0, 4.0, "It holds."), timing=Timing.ESTIMATED)

    assert units[0].estimated
    assert linked_s(units, 0) is None


def test_a_short_turn_of_two_sentences_stays_whole() -> None:
    (unit,) = units_of(Segment(0.0, 4.0, "It holds. It really does."))

    assert unit.text == "It holds. It really does."


def test_cues_without_punctuation_are_joined_to_about_fourteen_words() -> None:
    cues = [Segment(5.0 * at, 5.0 * at + 5.0, words(6, f"cue{at}x")) for at in range(20)]

    units = units_of(*cues)

    assert {unit.start_s for unit in units} <= {cue.start_s for cue in cues}
    assert all(12 <= count_words(unit.text) <= 24 for unit in units)
    assert " ".join(unit.text for unit in units) == " ".join(cue.text for cue in cues)


def test_a_few_cues_without_punctuation_between_two_pauses_are_not_one_long_unit() -> None:
    cues = [Segment(5.0 * at, 5.0 * at + 5.0, words(6, f"cue{at}x")) for at in range(6)]

    assert [count_words(unit.text) for unit in units_of(*cues)] == [18, 18]


def test_a_unit_never_crosses_a_change_of_speaker() -> None:
    units = units_of(Segment(0.0, 2.0, "and then we", "Ada"), Segment(2.0, 4.0, "no wait", "Ben"))

    assert [(unit.text, unit.paragraph) for unit in units] == [("and then we", 0), ("no wait", 1)]


def test_a_long_pause_ends_a_unit() -> None:
    assert len(units_of(Segment(0.0, 2.0, "and then we"), Segment(9.0, 11.0, "come to the next one"))) == 2


def test_sentences_of_a_document_carry_their_paragraph_number_and_nothing_is_estimated() -> None:
    units = units_of(
        Segment(0.0, 1.0, "One thing. Another thing."), Segment(1.0, 2.0, "A third."), timing=Timing.NONE
    )

    assert [(unit.text, unit.start_s, unit.end_s, unit.paragraph) for unit in units] == [
        ("One thing.", 0.0, 1.0, 0),
        ("Another thing.", 0.0, 1.0, 0),
        ("A third.", 1.0, 2.0, 1),
    ]
    assert not any(unit.estimated for unit in units)


def timed(start_s: float, text: str, each_s: float = 0.5) -> Segment:
    spoken = [
        Word(start_s + each_s * at, start_s + each_s * (at + 1), word) for at, word in enumerate(text.split(), 1)
    ]
    return Segment(start_s, start_s + each_s * (len(spoken) + 2), text, words=tuple(spoken))


def test_where_the_words_were_timed_every_sentence_starts_and_ends_with_its_own() -> None:
    units = units_of(timed(10.0, "It holds. Now take the second board. Turn"), timed(30.0, "it over."))

    assert [(unit.text, unit.start_s, unit.end_s) for unit in units] == [
        ("It holds.", 10.5, 11.5),
        ("Now take the second board.", 11.5, 14.0),
        ("Turn", 14.0, 14.5),
        ("it over.", 30.5, 31.5),
    ]


def test_a_sentence_inside_a_long_cue_is_not_estimated_where_its_first_word_was_timed() -> None:
    first, second = units_of(timed(100.0, f"{words(30, 'early')}. {words(30, 'late')}."))

    assert (first.start_s, second.start_s) == (100.5, 115.5)
    assert not second.estimated


def test_a_word_that_was_corrected_away_leaves_its_sentence_with_the_start_of_the_cue() -> None:
    heard = timed(10.0, "It holds. Nau take it.")

    _, second = units_of(Segment(heard.start_s, heard.end_s, "It holds. Now take it.", words=heard.words))

    assert (second.text, second.start_s) == ("Now take it.", 10.0)


def test_times_of_words_outside_their_cue_are_brought_back_into_it() -> None:
    (unit,) = units_of(Segment(5.0, 6.0, "All right.", words=(Word(1.0, 2.0, "All"), Word(8.0, 9.0, "right."))))

    assert (unit.start_s, unit.end_s) == (5.0, 6.0)


def document(kind: LocatorKind, *paragraphs: tuple[str, str]) -> list[Unit]:
    segments = tuple(Segment(float(n), n + 1.0, text, locator=where) for n, (where, text) in enumerate(paragraphs))
    return build_units(Transcript(segments, Timing.NONE, locator_kind=kind), at_full_stops)


def test_a_unit_of_a_document_says_where_its_reader_finds_it() -> None:
    units = document(LocatorKind.PAGE, ("1", "One thing. Another thing."), ("2", "A third."))

    assert [(unit.text, unit.locator, unit.paragraph) for unit in units] == [
        ("One thing.", "1", 0),
        ("Another thing.", "1", 0),
        ("A third.", "2", 1),
    ]


def test_a_heading_is_one_paragraph_with_what_follows_so_that_it_is_not_quoted_alone() -> None:
    units = document(
        LocatorKind.HEADING,
        ("paragraph 1", "Before."),
        ("Returns", "Returns"),
        ("Returns", "Within a month."),
        ("Returns", "With the receipt."),
        ("Repairs", "Repairs"),
    )

    assert [unit.paragraph for unit in units] == [0, 1, 1, 3, 4]


def test_a_slide_is_one_paragraph() -> None:
    units = document(LocatorKind.SLIDE, ("1", "Title"), ("1", "A point"), ("1", "Another"), ("2", "Next"))

    assert [unit.paragraph for unit in units] == [0, 0, 0, 3]


def test_one_endless_cue_is_cut_although_nothing_divides_it() -> None:
    units = units_of(Segment(0.0, 300.0, words(400)))

    assert all(count_words(unit.text) <= LONGEST_SENTENCE_WORDS for unit in units)
    assert sum(count_words(unit.text) for unit in units) == 400


def test_scripts_without_spaces_and_endless_strings_count_as_several_words() -> None:
    assert count_words("two words") == 2
    assert count_words("\u65e5\u672c\u8a9e\u3067\u3059") == 3
    assert count_words("x" * 300) == 10


def test_windows_hold_at_most_their_words_and_overlap_by_half() -> None:
    assert window_ranges([10] * 20, 100) == [(0, 9), (5, 14), (10, 19)]


def test_a_unit_longer_than_a_window_is_a_window_of_its_own() -> None:
    assert window_ranges([40, 150, 40], 100) == [(0, 0), (1, 1), (2, 2)]


def test_a_window_is_embedded_as_the_text_of_its_units() -> None:
    units = units_of(Segment(0.0, 2.0, "One thing."), Segment(2.0, 3.0, "Another."))

    assert build_windows(units) == [Window(0, 1)]
    assert window_text(units, Window(0, 1)) == "One thing. Another."


@given(st.lists(st.integers(0, 160), max_size=60), st.sampled_from([100, 200]))
def test_windows_cover_every_unit_in_order_without_a_gap(counts: list[int], size: int) -> None:
    ranges = window_ranges(counts, size)

    covered = {unit for first, last in ranges for unit in range(first, last + 1)}
    assert covered == set(range(len(counts)))
    assert all(first < other and last < end for (first, last), (other, end) in pairwise(ranges))
    assert all(sum(counts[first : last + 1]) <= size or first == last for first, last in ranges)


texts = st.text(st.sampled_from("ab .!?,\n'\"(\u3002\u65e5\u00e9A1"), max_size=80)


@given(st.lists(st.tuples(texts, st.sampled_from(["", "Ada"])), max_size=8), st.sampled_from(list(Timing)))
def test_no_text_is_lost_or_invented_and_times_stay_inside_the_source(
    cues: list[tuple[str, str]], timing: Timing
) -> None:
    segments = tuple(Segment(float(at), at + 1.0, text, who) for at, (text, who) in enumerate(cues))

    units = build_units(Transcript(segments, timing), split_sentences)

    said = "".join("".join(unit.text.split()) for unit in units)
    assert said == "".join("".join(segment.text.split()) for segment in segments)
    assert all(0 <= unit.start_s <= unit.end_s <= len(segments) for unit in units)
    assert all(unit.text == unit.text.strip() != "" for unit in units)
