"""Long recordings become one transcript, without what recognisers invent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ProviderBusy, UploadRefused
from core.library.invented import Quiet, Span, without_invented
from core.library.speech import Recognised, Transcriber, transcribe
from core.library.transcript import Segment, Timing, Transcript, Word


@dataclass(frozen=True, slots=True)
class Part:
    path: Path
    start_s: float
    end_s: float


@dataclass(slots=True)
class ScriptedTranscriber:
    """Says for each file what it was told to, by the file's name."""

    says: dict[str, Recognised]
    name: str = "scripted:one"
    longest_s: float = 60.0
    largest_bytes: int = 1_000
    heard: list[str] = field(default_factory=list)
    busy_at: str = ""

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        if piece.name == self.busy_at:
            raise ProviderBusy("later")
        self.heard.append(piece.name)
        return self.says[piece.name]

    async def close(self) -> None:
        pass


@dataclass(slots=True)
class Shelf:
    """Keeps recognised pieces as text, as a database does."""

    rows: dict[str, str] = field(default_factory=dict)

    async def find(self, key: str) -> Recognised | None:
        return Recognised.from_json(self.rows[key]) if key in self.rows else None

    async def keep(self, key: str, recognised: Recognised) -> None:
        assert key not in self.rows
        self.rows[key] = recognised.to_json()


async def unheard(share: float) -> None:
    assert 0.0 <= share <= 1.0


def cut(folder: Path, *ends_s: float) -> list[Part]:
    spans = list(pairwise([0.0, *ends_s]))
    parts = [Part(folder / f"{number}.flac", *span) for number, span in enumerate(spans)]
    for part in parts:
        part.path.write_bytes(b"sound")
    return parts


def said(*phrases: tuple[float, float, str], speaker: str = "", language: str = "en") -> Recognised:
    return Recognised(tuple(Segment(*phrase, speaker=speaker) for phrase in phrases), language, 0.01)


def word_by_word(start_s: float, *words: str, step_s: float = 0.5) -> Segment:
    timed = tuple(
        Word(start_s + at * step_s, start_s + (at + 0.9) * step_s, word.strip()) for at, word in enumerate(words)
    )
    return Segment(start_s, timed[-1].end_s, " ".join(words), words=timed)


def cleaned(*segments: Segment, silences: Sequence[Span] = (), length_s: float = 600.0) -> list[Segment]:
    return list(without_invented(segments, Quiet(silences, length_s)))


def texts(found: Sequence[Segment]) -> list[str]:
    return [segment.text for segment in found]


async def heard(
    parts: Sequence[Part], transcriber: Transcriber, silences: Sequence[Span] = (), shelf: Shelf | None = None
) -> Transcript:
    return await transcribe(
        parts, silences, transcriber, content="sha", kept=shelf or Shelf(), report=unheard, names=["Ada"]
    )


async def test_pieces_come_together_at_their_place_in_the_recording(tmp_path: Path) -> None:
    parts = cut(tmp_path, 50.0, 90.0)
    second = Recognised((word_by_word(1.0, "Then", "oil."),), "en")
    scripted = ScriptedTranscriber({"0.flac": said((2.0, 4.0, "Sand first.")), "1.flac": second})

    transcript = await heard(parts, scripted)

    assert [(s.start_s, s.end_s, s.text) for s in transcript.segments] == [
        (2.0, 4.0, "Sand first."),
        (51.0, 51.95, "Then oil."),
    ]
    assert transcript.segments[1].words == (Word(51.0, 51.45, "Then"), Word(51.5, 51.95, "oil."))
    assert (transcript.timing, transcript.language) == (Timing.HEARD, "en")


async def test_after_an_interruption_only_what_is_missing_is_heard_again(tmp_path: Path) -> None:
    parts, shelf = cut(tmp_path, 50.0, 90.0), Shelf()
    says = {"0.flac": said((2.0, 4.0, "Sand first.")), "1.flac": said((1.0, 3.0, "Then oil."))}
    with pytest.raises(ProviderBusy):
        await heard(parts, ScriptedTranscriber(says, busy_at="1.flac"), shelf=shelf)
    again = ScriptedTranscriber(says)

    transcript = await heard(parts, again, shelf=shelf)

    assert again.heard == ["1.flac"]
    assert texts(transcript.segments) == ["Sand first.", "Then oil."]


async def test_another_model_or_other_names_are_not_answered_from_what_was_kept(tmp_path: Path) -> None:
    parts, shelf = cut(tmp_path, 50.0), Shelf()
    says = {"0.flac": said((2.0, 4.0, "Sand first."))}
    await heard(parts, ScriptedTranscriber(says), shelf=shelf)
    other = ScriptedTranscriber(says, name="scripted:two")

    await heard(parts, other, shelf=shelf)

    assert other.heard == ["0.flac"]
    assert len(shelf.rows) == 2


def test_what_is_kept_comes_back_as_it_was() -> None:
    recognised = Recognised((word_by_word(1.0, "na\u00efve", "\u4f60"), Segment(3.0, 4.0, "b", "A")), "en", 0.25)

    assert Recognised.from_json(recognised.to_json()) == recognised


async def test_the_share_that_is_done_is_reported_and_can_end_the_work(tmp_path: Path) -> None:
    parts, shares = cut(tmp_path, 30.0, 90.0), list[float]()

    async def stop_at_the_second(share: float) -> None:
        shares.append(share)
        if share > 0:
            raise KeyError("stop")

    scripted = ScriptedTranscriber({"0.flac": said((2.0, 4.0, "Sand first."))})
    with pytest.raises(KeyError):
        await transcribe(parts, [], scripted, content="sha", kept=Shelf(), report=stop_at_the_second)

    assert shares == [0.0, pytest.approx(1 / 3)]
    assert scripted.heard == ["0.flac"]


async def test_a_recording_without_words_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UploadRefused, match="no speech"):
        await heard(cut(tmp_path, 50.0), ScriptedTranscriber({"0.flac": Recognised(())}))


async def test_a_silent_piece_is_not_even_sent(tmp_path: Path) -> None:
    scripted = ScriptedTranscriber({"0.flac": said((2.0, 4.0, "Sand first."))})

    await heard(cut(tmp_path, 50.0, 90.0), scripted, silences=[(49.0, 90.0)])

    assert scripted.heard == ["0.flac"]


@pytest.mark.parametrize(("size_bytes", "length_s"), [(1_001, 50.0), (10, 70.0)])
async def test_a_piece_beyond_the_limits_is_never_sent(tmp_path: Path, size_bytes: int, length_s: float) -> None:
    parts = cut(tmp_path, length_s)
    parts[0].path.write_bytes(b"x" * size_bytes)
    scripted = ScriptedTranscriber({"0.flac": said((2.0, 4.0, "Sand first."))})

    with pytest.raises(ValueError, match="more than scripted:one takes"):
        await heard(parts, scripted)

    assert scripted.heard == []


async def test_segments_beyond_their_piece_or_without_times_are_dropped_and_others_put_in_order(
    tmp_path: Path,
) -> None:
    nowhere = float("nan")
    mixed = said((20.0, 24.0, "Second."), (48.0, 70.0, "Third."), (2.0, 4.0, "First."), (51.0, 55.0, "Beyond."),
                 (nowhere, 3.0, "Nowhere."), (9.0, 8.0, "Backwards."), (10.0, 11.0, "  "))  # fmt: skip

    transcript = await heard(cut(tmp_path, 50.0), ScriptedTranscriber({"0.flac": mixed}))

    assert texts(transcript.segments) == ["First.", "Second.", "Third."]
    assert transcript.segments[-1].end_s == 50.0


async def test_speakers_of_different_pieces_are_not_taken_for_each_other(tmp_path: Path) -> None:
    says = {f"{n}.flac": said((1.0, 3.0, f"Part {n}."), speaker="A") for n in (0, 1)}

    two = await heard(cut(tmp_path, 50.0, 90.0), ScriptedTranscriber(says))
    one = await heard(cut(tmp_path, 50.0), ScriptedTranscriber(says))

    assert [segment.speaker for segment in two.segments] == ["A (part 1)", "A (part 2)"]
    assert [segment.speaker for segment in one.segments] == ["A"]


async def test_the_language_is_the_one_in_which_most_is_said(tmp_path: Path) -> None:
    says = {
        "0.flac": said((1.0, 2.0, "Oui."), language="fr"),
        "1.flac": said((1.0, 9.0, "And now in English, at length."), language="en"),
    }
    assert (await heard(cut(tmp_path, 50.0, 90.0), ScriptedTranscriber(says))).language == "en"


def test_a_phrase_over_silence_was_not_said() -> None:
    spoken = Segment(1.0, 4.0, "Sand both edges by hand.")
    invented = Segment(10.0, 14.0, "Thank you for watching!")

    assert texts(cleaned(spoken, invented, silences=[(5.0, 14.2)])) == [spoken.text]


def test_a_phrase_that_only_runs_on_into_silence_stays_and_ends_where_the_silence_begins() -> None:
    (kept,) = cleaned(Segment(1.0, 12.0, "Sand both edges."), silences=[(3.0, 20.0)])

    assert (kept.start_s, kept.end_s) == (1.0, 3.0)


def test_words_deep_in_silence_go_and_their_neighbours_stay() -> None:
    segment = word_by_word(1.0, "Sand", "it.", "Thank", "you.", step_s=1.0)

    (kept,) = cleaned(segment, silences=[(2.5, 30.0)])

    assert kept.text == "Sand it."
    assert [word.text for word in kept.words] == ["Sand", "it."]
    assert kept.end_s == 2.5


def test_a_word_that_begins_in_silence_begins_where_the_silence_ends() -> None:
    (kept,) = cleaned(word_by_word(7.6, "Press", "gently."), silences=[(4.0, 7.9), (7.0, 7.8)])

    assert kept.start_s == kept.words[0].start_s == 7.9


def test_words_at_the_silent_end_of_a_recording_go_too() -> None:
    (kept,) = cleaned(word_by_word(1.0, "Sand", "it.", "Bye.", step_s=1.0), silences=[(2.6, 4.0)], length_s=4.0)

    assert kept.text == "Sand it."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I am sorry. " * 12 + "Now the oil.", "I am sorry. Now the oil."),
        ("so " * 40, "so"),
        ("No, no, no, take the other one.", "No, no, no, take the other one."),
        ("One two, one two, one two, turn.", "One two, one two, one two, turn."),
        ("\u8c22\u8c22\u5927\u5bb6" * 9, "\u8c22\u8c22\u5927\u5bb6"),
    ],
)
def test_a_phrase_that_repeats_round_after_round_stays_once(text: str, expected: str) -> None:
    assert texts(cleaned(Segment(0.0, 30.0, text))) == [expected]


def test_a_loop_over_many_segments_stays_once_and_speech_after_it_is_untouched() -> None:
    loop = [word_by_word(at * 5.0, "Let", "us", "go", "on.") for at in range(6)]
    after = word_by_word(40.0, "Press", "the", "clamp.")

    found = cleaned(*loop, after)

    assert found == [loop[0], after]


def test_a_loop_inside_a_segment_loses_its_words_as_well() -> None:
    before, after = cleaned(word_by_word(0.0, "We", *["go", "on"] * 6, "now."))

    assert (before.text, after.text) == ("We go on", "now.")
    assert [word.text for word in before.words + after.words] == ["We", "go", "on", "now."]


def test_a_segment_is_parted_where_its_speaker_pauses() -> None:
    before, after = word_by_word(1.0, '"Sand', "it.", step_s=1.0), word_by_word(6.0, "Then", "oil.")
    both = Segment(1.0, after.end_s, f"{before.text} {after.text}", words=before.words + after.words)

    assert cleaned(both) == [before, after]


def test_a_segment_ends_where_the_same_speakers_next_one_begins() -> None:
    found = cleaned(Segment(0.0, 9.0, "One.", "A"), Segment(2.0, 3.0, "Yes.", "B"), Segment(2.5, 4.0, "No.", "B"))

    assert [segment.end_s for segment in found] == [9.0, 2.5, 4.0]


_moments = st.floats(0.0, 100.0, allow_nan=False)
_spans = st.tuples(_moments, _moments).map(lambda pair: (min(pair), max(pair)))
_phrases = st.lists(st.sampled_from(["a", "so", "Thank", "you.", "\u8c22", "--"]), min_size=1, max_size=40)


@given(st.lists(st.tuples(_spans, _phrases, st.booleans()), max_size=8), st.lists(_spans, max_size=6))
def test_cleaning_keeps_order_and_the_words_of_the_text(
    phrases: list[tuple[Span, list[str], bool]], silences: list[Span]
) -> None:
    segments = [
        word_by_word(span[0], *words, step_s=(span[1] - span[0]) / len(words))
        if timed
        else Segment(*span, " ".join(words))
        for span, words, timed in phrases
    ]
    found = cleaned(*sorted(segments, key=lambda s: s.start_s), silences=silences, length_s=100.0)

    assert [s.start_s for s in found] == sorted(s.start_s for s in found)
    for segment in found:
        assert segment.text.strip()
        assert 0.0 <= segment.start_s <= segment.end_s <= 100.0
        assert not segment.words or segment.text.split() == [word.text for word in segment.words]
        assert all(word.start_s <= word.end_s for word in segment.words)
