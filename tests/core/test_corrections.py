"""Whether a corrected transcript can be a source's, and what of the former one it keeps."""

from dataclasses import replace

import pytest

from core.errors import UploadRefused
from core.library.corrections import correction_of
from core.library.transcript import Chapter, LocatorKind, Segment, Timing, Transcript
from core.library.watching import WatchedSentence, WatchedSource

SAID = (
    "Begin with a light circle and decide where the lamp stands.",
    "The core shadow lies opposite the lamp.",
    "Leave a thin reflected light between the shadow and the edge.",
    "Fix the drawing with two thin layers of spray.",
)
FILM = WatchedSource(
    "Spheres", "", 40.0, timed=True, chapters=(Chapter(0.0, "Circle"),),
    sentences=tuple(WatchedSentence(10.0 * n, 10.0 * n + 9, 0, text) for n, text in enumerate(SAID)),
)  # fmt: skip
PAPER = WatchedSource(
    "Primer", "", 0.0, timed=False, locator_kind=LocatorKind.PAGE,
    sentences=tuple(WatchedSentence(n, n + 1, n, text, str(n + 1)) for n, text in enumerate(SAID)),
)  # fmt: skip


def cues(*texts: str, step_s: float = 10.0) -> Transcript:
    return Transcript(tuple(Segment(step_s * n, step_s * n + 9, text) for n, text in enumerate(texts)))


def paper(*texts: str) -> Transcript:
    return Transcript(tuple(Segment(n, n + 1, text) for n, text in enumerate(texts)), Timing.NONE)


def test_a_corrected_word_is_taken_with_the_sources_chapters_and_language() -> None:
    correction = correction_of(FILM, cues(SAID[0], "The core shadow lies across from the lamp.", *SAID[2:]), "en")
    assert not correction.doubt
    assert correction.transcript.segments[1].text == "The core shadow lies across from the lamp."
    assert correction.transcript.chapters == FILM.chapters
    assert (correction.transcript.language, correction.transcript.timing) == ("en", Timing.HEARD)


def test_times_beyond_the_source_and_a_file_without_times_are_refused() -> None:
    with pytest.raises(UploadRefused, match=r"1:39.*0:40 long"):
        correction_of(FILM, cues(*SAID, step_s=30.0))
    with pytest.raises(UploadRefused, match="has none"):
        correction_of(FILM, paper(*SAID))


def test_what_differs_in_nothing_and_what_is_empty_is_refused() -> None:
    with pytest.raises(UploadRefused, match="word for word"):
        correction_of(FILM, cues(*SAID))
    with pytest.raises(UploadRefused, match="word for word"):
        correction_of(PAPER, paper("Primer", *SAID))
    with pytest.raises(UploadRefused, match="no words"):
        correction_of(FILM, cues(" ", ""))


def test_another_videos_words_and_half_a_transcript_are_doubted() -> None:
    other = cues("Feed the sourdough starter twice a day.", "Bake it in a hot pot with the lid on.")
    assert "hardly any words in common" in correction_of(FILM, other).doubt
    assert "Is it complete?" in correction_of(FILM, cues(SAID[0])).doubt


def test_speakers_are_kept_by_time_where_the_file_names_none() -> None:
    named = replace(FILM, sentences=tuple(replace(s, speaker="AB"[n // 2]) for n, s in enumerate(FILM.sentences)))
    correction = correction_of(named, cues("Start with a light circle.", *SAID[1:]))
    assert [s.speaker for s in correction.transcript.segments] == ["A", "A", "B", "B"]


def test_a_start_that_was_only_worked_out_stays_inside_the_cue_that_was_heard() -> None:
    guessed = replace(FILM, sentences=tuple(replace(s, estimated=n == 1) for n, s in enumerate(FILM.sentences)))
    correction = correction_of(guessed, cues("Start with a light circle.", *SAID[1:]))
    assert [(s.start_s, s.end_s) for s in correction.transcript.segments] == [(0.0, 19.0), (20.0, 29.0), (30.0, 39.0)]
    about = correction_of(replace(guessed, estimated=True), cues("Start with a light circle.", *SAID[1:]))
    assert about.transcript.timing is Timing.ESTIMATED
    assert len(about.transcript.segments) == 4


def test_paragraphs_of_a_document_keep_their_pages_also_around_new_ones() -> None:
    texts = ("Primer", SAID[0], "A paragraph that was forgotten.", SAID[1], "Leave a thin light.", SAID[3])
    correction = correction_of(PAPER, paper(*texts))
    assert [(s.text, s.locator) for s in correction.transcript.segments] == [
        (SAID[0], "1"), ("A paragraph that was forgotten.", "1"), (SAID[1], "2"), ("Leave a thin light.", "3"),
        (SAID[3], "4"),
    ]  # fmt: skip
    assert correction.transcript.locator_kind is LocatorKind.PAGE
    assert [s.start_s for s in correction.transcript.segments] == [0, 1, 2, 3, 4]
