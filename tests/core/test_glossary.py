"""Names as they are written, in place of what machines make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UploadRefused
from core.library.glossary import MOST_SPELLINGS, Glossary, Name, checked_name, read_names, write_names
from core.library.respelling import respelled
from core.library.transcript import Chapter, Segment, Timing, Transcript, Word
from core.library.units import Unit

NAMES = Glossary(
    (
        Name("Kubernetes", ("cooper netties", "kubernets", "kubernetes")),
        Name("gesso", ("jesso",)),
        Name("C++", ("see plus plus",)),
    )
)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("We run Cooper Netties, on metal.", "We run Kubernetes, on metal."),
        ("KUBERNETS is it", "Kubernetes is it"),
        ("kubernetes", "Kubernetes"),
        ("Jesso dries; more jesso.", "Gesso dries; more gesso."),
        ("I like see  plus\nplus.", "I like C++."),
        ("kubernetsy cooper nettiest jessos", "kubernetsy cooper nettiest jessos"),
        ("Kubernetes stays", "Kubernetes stays"),
        ("  untouched   blanks ", "  untouched   blanks "),
        ("", ""),
    ],
)
def test_whole_words_are_replaced_in_whatever_case_and_nothing_else(said: str, written: str) -> None:
    assert NAMES.corrected(said) == written


def test_a_glossary_without_wrong_spellings_changes_nothing() -> None:
    assert Glossary((Name("Kubernetes"),)).corrected("cooper netties") == "cooper netties"


def test_longer_spellings_come_before_shorter_ones() -> None:
    names = Glossary((Name("Cooper", ("couper",)), Name("Kubernetes", ("couper netties",))))
    assert names.corrected("couper couper netties") == "Cooper Kubernetes"


def test_a_spelling_that_two_cues_share_stands_in_the_first_and_an_emptied_cue_goes() -> None:
    cues = (Segment(0, 2, "We run cooper"), Segment(2, 3, "netties"), Segment(3, 5, "on metal."))
    applied = NAMES.applied(Transcript(cues))
    assert [(s.start_s, s.text) for s in applied.segments] == [(0, "We run Kubernetes"), (3, "on metal.")]


def test_timed_words_keep_their_times_and_a_name_of_two_words_spans_both() -> None:
    words = tuple(
        Word(float(n), n + 0.8, text) for n, text in enumerate(["We", "run", "Cooper", "netties,", "on", "metal."])
    )
    (segment,) = NAMES.applied(Transcript((Segment(0, 6, " ".join(w.text for w in words), words=words),))).segments
    assert segment.text == "We run Kubernetes, on metal."
    assert [(w.start_s, w.end_s, w.text) for w in segment.words] == [
        (0.0, 0.8, "We"), (1.0, 1.8, "run"), (2.0, 3.8, "Kubernetes,"), (4.0, 4.8, "on"), (5.0, 5.8, "metal."),
    ]  # fmt: skip


def test_two_names_beside_one_another_keep_a_time_each() -> None:
    words = (Word(0, 1, "jesso"), Word(1, 2, "jesso"), Word(2, 3, "dries"))
    (segment,) = NAMES.applied(Transcript((Segment(0, 3, "jesso jesso dries", words=words),))).segments
    assert [(w.start_s, w.text) for w in segment.words] == [(0, "gesso"), (1, "gesso"), (2, "dries")]


def test_a_document_is_quoted_as_it_stands_and_a_chapters_title_is_corrected() -> None:
    paper = Transcript((Segment(0, 1, "cooper netties"),), Timing.NONE)
    assert NAMES.applied(paper) is paper
    film = Transcript((Segment(0, 1, "hello"),), chapters=(Chapter(0.0, "Cooper netties"),))
    assert NAMES.applied(film).chapters == (Chapter(0.0, "Kubernetes"),)


def test_units_that_are_stored_are_spelt_at_their_times() -> None:
    units = [Unit(0, 2, "We run cooper netties.", 0, speaker="A"), Unit(2, 4, "On metal.", 0, estimated=True)]
    spelt = respelled(units, NAMES)
    assert spelt == [Unit(0, 2, "We run Kubernetes.", 0, speaker="A"), units[1]]


@given(st.lists(st.text(alphabet="ab cooper netties jesso.,", max_size=40), max_size=6))
def test_applying_it_twice_changes_nothing_more(texts: list[str]) -> None:
    segments = tuple(Segment(float(n), n + 1.0, text) for n, text in enumerate(texts))
    once = NAMES.applied(Transcript(segments))
    again = NAMES.applied(once)
    assert [s.text for s in again.segments] == [s.text for s in once.segments]
    assert "jesso" not in " ".join(s.text for s in once.segments).split()


def test_a_file_of_names_reads_what_was_written_and_names_its_bad_line() -> None:
    assert read_names(write_names(NAMES)) == list(NAMES.names)
    assert read_names('\ufeffPyTorch\n\n"Doe, Jane", jain doe\n') == [
        Name("PyTorch"),
        Name("Doe, Jane", ("jain doe",)),
    ]
    with pytest.raises(UploadRefused, match="Line 2"):
        read_names("Kubernetes\nx,!!\n")
    with pytest.raises(UploadRefused, match="no name"):
        read_names("\n \n")


@given(st.text(max_size=200))
def test_any_text_is_names_or_refused(text: str) -> None:
    try:
        names = read_names(text)
    except UploadRefused:
        return
    assert names
    Glossary(tuple(names)).corrected(text)


def test_what_cannot_be_a_name_is_refused_in_words() -> None:
    for name, wrong in (("", []), ("x" * 81, []), ("Kubernetes", ["k"]), ("Kubernetes", ["x" * 81])):
        with pytest.raises(UploadRefused):
            checked_name(name, wrong)
    with pytest.raises(UploadRefused, match="at most"):
        checked_name("Kubernetes", [f"wrong {n}" for n in range(MOST_SPELLINGS + 1)])
    assert checked_name(" Kubernetes\n", [" kubernets ", "kubernets", "", "Kubernetes"]) == Name(
        "Kubernetes", ("kubernets",)
    )


def test_a_line_without_end_is_refused_with_its_number() -> None:
    with pytest.raises(UploadRefused, match="Line 2"):
        read_names("Kubernetes\n" + "a" * 150_000)
