"""Whatever is uploaded becomes a transcript that keeps its promises, or is refused in words."""

import json
import math
import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources.timed_text import read_timed_text
from core.errors import UploadRefused
from core.library.transcript import Timing, Transcript

LATEST_S = 48 * 3600
# The first guess at an encoding loads a model.
PATIENT = settings(deadline=None)
HIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
VALID = (
    "WEBVTT\n\nNOTE a\n\n00:00.500 --> 00:03.000 align:start\n<v Ada>Knead &amp; fold\n\n"
    "00:03.000 --> 00:06.250\nRest.\n",
    "1\n00:00:00,500 --> 00:00:03,000\n<i>Knead</i>\n\n2\n00:00:03,000 --> 00:01:06,250\nRest.\n",
    "start\tend\ttext\n0\t1500\tKnead.\n1500\t3000\tRest.\n",
    '{"text": "Knead.", "language": "en", "segments": [{"start": 0.0, "end": 1.5, "text": " Knead."}]}',
    '{"words": [{"word": "Knead", "start": 0.0, "end": 1.5}, {"word": "well.", "start": 1.6, "end": 2.5}]}',
    '{"creator": "a", "video_id": "1", "segments": [{"start": 0, "end": 1, "text": "Knead."}]}\n'
    '{"creator": "a", "video_id": "2", "timing": "none", "segments": [{"start": 0, "end": 1, "text": "Rest."}]}\n',
)
SNIPPETS = st.sampled_from(
    ["-->", "\n", "\n\n", "\t", "-", "99", "NaN", "1e999", "<v ", "&#", ";", "\0", "\u202e", "\r", '"', "{", "]", "é"]
)


def check(content: bytes, name: str = "x") -> None:
    try:
        transcripts = read_timed_text(name, content)
    except UploadRefused as error:
        transcripts, refusal = [], str(error)
    else:
        refusal = ""
    # Either transcripts or a whole sentence.
    assert bool(transcripts) != refusal.endswith(".")
    for transcript in transcripts:
        check_promises(transcript)


def check_promises(transcript: Transcript) -> None:
    assert transcript.segments
    for segment in transcript.segments:
        assert 0 <= segment.start_s <= segment.end_s <= LATEST_S + 1
        assert math.isfinite(segment.end_s)
        assert segment.text == " ".join(segment.text.split())
        assert segment.text
        assert not HIDDEN.search(segment.text + segment.speaker + transcript.title + transcript.video_id)
        if transcript.timing is Timing.NONE:
            assert segment.end_s == segment.start_s + 1
    for before, after in pairwise(transcript.segments):
        assert before.end_s <= after.start_s
        assert before.start_s < after.start_s


@PATIENT
@given(st.binary(max_size=400))
def test_arbitrary_bytes(content: bytes) -> None:
    check(content)


@PATIENT
@given(st.sampled_from(["", "WEBVTT\n\n", "start\tend\ttext\n", "00:01.000 --> 00:02.000\n", "[", "{"]), st.text())
def test_arbitrary_text_behind_a_familiar_start(start: str, text: str) -> None:
    check((start + text).encode("utf-8", errors="surrogatepass"))


@settings(PATIENT, max_examples=300)
@given(st.sampled_from(VALID), st.data())
def test_valid_files_that_were_cut_and_pasted_in(valid: str, data: st.DataObject) -> None:
    text = valid
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(SNIPPETS | st.text(max_size=3)) + text[end:]
    check(text.encode("utf-8", errors="surrogatepass"), data.draw(st.sampled_from(["x", "x.jsonl"])))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["start", "end", "text"]), inner),
    max_leaves=8,
)
PIECES = st.fixed_dictionaries(
    {"start": st.floats(0, 99) | JSON_VALUES, "end": st.floats(0, 99) | JSON_VALUES, "text": st.text() | JSON_VALUES},
    optional={"speaker": JSON_VALUES, "word": st.text(max_size=5), "words": JSON_VALUES},
)


@PATIENT
@given(
    st.lists(PIECES, max_size=4),
    st.dictionaries(st.sampled_from(["creator", "video_id", "title", "timing", "language"]), JSON_VALUES),
)
def test_json_of_the_right_shape_with_wrong_values(pieces: list[object], names: dict[str, object]) -> None:
    check(json.dumps(pieces).encode())
    check(json.dumps(names | {"segments": pieces}).encode())
    check(json.dumps(names | {"words": pieces}).encode())


def subrip(cues: list[tuple[int, int, str]]) -> str:
    return "\n".join(
        f"{number}\n{clock(start)} --> {clock(start + length)}\n{text}\n"
        for number, (start, length, text) in enumerate(cues, start=1)
    )


def clock(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


@PATIENT
@given(
    st.lists(
        st.tuples(st.integers(0, 9_000_000), st.integers(0, 60_000), st.from_regex(r"[a-z]{1,9}", fullmatch=True)),
        min_size=1,
        max_size=20,
        unique_by=lambda cue: cue[0],
    )
)
def test_every_word_of_a_subrip_file_is_kept_at_its_time(cues: list[tuple[int, int, str]]) -> None:
    (transcript,) = read_timed_text("x.srt", subrip(cues).encode())
    check_promises(transcript)
    said = [(segment.start_s, segment.text) for segment in transcript.segments]
    assert [text for _, text in said] == [text for _, _, text in sorted(cues)]
    assert all(abs(start_s - cue[0] / 1000) < 0.001 for (start_s, _), cue in zip(said, sorted(cues), strict=True))
