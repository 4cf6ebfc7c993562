"""What a text is about, its chapters and what its passages do, told by counting."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources.sentences import split_sentences
from adapters.sources.stemming import SnowballStemmer
from adapters.sources.timed_text import read_timed_text
from bot.sample_library import sample_library
from core.asking.words import STOP_WORDS, stem_ids, term_ids, tokens
from core.library.topics import Background, PassageKind, find_chapters, passage_kind, topics
from core.library.transcript import Chapter
from core.library.units import Unit, build_units

STEM = SnowballStemmer()
INK = [
    "The cast shadow of the bottle falls to the left.",
    "Look at the cast shadow again, then press the brush.",
    "You can press harder in the cast shadow than in the ink wash.",
    "An ink wash dries fast, and then you can press again.",
    "With the ink wash we are done, so you can press on.",
]


def _units() -> list[list[Unit]]:
    """The sentences of each sample recording of about ten minutes."""
    return [
        build_units(read_timed_text(source.file_name, source.content)[0], split_sentences)
        for creator in sample_library().creators
        for source in creator.sources
    ]


def _chapters(units: Sequence[Unit]) -> tuple[Chapter, ...]:
    texts = [unit.text for unit in units]
    terms = [term_ids(tokens(text), STEM) for text in texts]
    return find_chapters([unit.start_s for unit in units], texts, terms, units[-1].end_s, STEM)


def test_a_text_is_about_its_nouns_in_pairs_where_they_stand_in_pairs_and_not_about_its_verbs() -> None:
    assert topics(INK, STEM) == ("cast shadow", "ink wash")


def test_names_are_written_as_names() -> None:
    texts = ["We open Photoshop now.", "In Photoshop, the layers are here.", "The layers of Photoshop are there."]
    assert topics(texts, STEM) == ("Photoshop", "layers")


def test_what_all_other_sources_are_about_too_comes_later() -> None:
    texts = [
        "The brush and the paper.",
        "A brush on the paper.",
        "On the paper is a brush.",
        "The paper, a charcoal.",
    ]
    assert topics(texts, STEM)[0] == "paper"
    paper = int(stem_ids(STEM(["paper"]))[0])
    assert topics(texts, STEM, background=Background(20, {paper: 20}))[0] == "brush"


def test_in_another_language_what_is_spread_evenly_is_no_topic() -> None:
    texts = ["Dieser Mensch redet immer weiter."] * 10
    texts[3:3] = ["Hier sind Vulkane.", "Vulkane speien Feuer.", "Dort beben Vulkane.", "Vulkane und Asche."]
    assert "vulkane" in [topic.casefold() for topic in topics(texts, STEM, language="de")]
    assert "dieser" not in [topic.casefold() for topic in topics(texts, STEM, language="de")]


@pytest.mark.parametrize("texts", [[], [""], ["Yes."], ["1 2 3 1 2 3"], ["The the the."]])
def test_a_text_without_telling_words_is_about_nothing(texts: list[str]) -> None:
    assert topics(texts, STEM) == ()


@given(st.lists(st.text(max_size=80), max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_text_has_at_most_five_topics_without_stop_words_and_always_the_same(texts: list[str]) -> None:
    found = topics(texts, STEM)
    assert len(found) <= 5
    assert found == topics(texts, STEM)
    assert not any(word in STOP_WORDS for topic in found for word in topic.casefold().split())


def test_chapters_begin_where_the_words_change() -> None:
    """Recordings of ten minutes on two subjects take turns: nearly all begin a chapter, within half a minute."""
    joined: list[tuple[float, str]] = []
    begins_s = []
    coffee, sky = _units()[:4], _units()[4:]
    for units in (each for pair in zip(coffee, sky, strict=True) for each in pair):
        begin_s = joined[-1][0] + 10 if joined else 0.0
        begins_s.append(begin_s)
        joined += [(begin_s + unit.start_s, unit.text) for unit in units]
    starts_s, texts = [start_s for start_s, _ in joined], [text for _, text in joined]
    found = find_chapters(starts_s, texts, [term_ids(tokens(t), STEM) for t in texts], starts_s[-1] + 5, STEM)
    near = [begin_s for begin_s in begins_s if any(abs(chapter.start_s - begin_s) < 30 for chapter in found)]
    assert 3 <= len(found) <= 12
    assert len(near) >= 7
    assert len({chapter.title.casefold() for chapter in found}) == len(found)


def test_a_recording_of_ten_minutes_has_a_few_chapters_from_its_beginning_on() -> None:
    for units in _units():
        found = _chapters(units)
        assert len(found) == 3
        assert found[0].start_s == 0
        assert [chapter.start_s for chapter in found] == sorted({chapter.start_s for chapter in found})


def test_a_recording_under_five_minutes_and_one_whose_words_never_change_have_none() -> None:
    units = _units()[0]
    assert _chapters([unit for unit in units if unit.end_s < 290]) == ()
    assert _chapters([Unit(5.0 * n, 5.0 * n + 4, "Ink dries on paper.", 0) for n in range(200)]) == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Crema is a kind of foam. It forms under pressure.", PassageKind.DEFINITION),
        ("What is crema? And where does it come from? You will see.", PassageKind.QUESTION),
        ("First grind the beans. Then fill the basket. Finally tamp it flat.", PassageKind.PROCESS),
        ("It rose from 12% in 2019 to 14.5% in 2020, then 17% and 21% in 2021.", PassageKind.DATA),
        ("Coffee smells good in the morning, and I then drink it.", PassageKind.GENERAL),
    ],
)
def test_a_passage_is_told_by_plain_marks(text: str, kind: PassageKind) -> None:
    assert passage_kind(text) is kind
