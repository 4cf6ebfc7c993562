import json

import pytest

from adapters.sources.timed_text import SMALL_BYTES, holds_timed_text, read_timed_text, read_timed_text_apart
from core.errors import UploadRefused
from core.library.transcript import Segment, Timing, Transcript

WEBVTT = """WEBVTT
Kind: captions
Language: en-GB

STYLE
::cue { color: yellow }

NOTE written by hand
over two lines

intro
00:00.500 --> 00:03.000 align:start position:0%
<v.loud Ada Lovelace>Bread needs <c.yellow>four</c> things:</v>

00:00:03.000 --> 00:01:06.250
flour &amp; water,<00:00:04.000> salt &lt;little&gt;
and time.
"""
SUBRIP = """1
00:00:00,500 --> 00:00:03,000
{\\an8}<i>Bread needs four things:</i>

00:00:03.000 --> 00:01:06.250
flour, water, salt

and time.
3
0:01:07,000 --> 0:01:08,000
Nothing else.
"""


def read_one(text: str, name: str = "lesson") -> Transcript:
    transcripts = read_timed_text(name, text.encode())
    assert len(transcripts) == 1
    return transcripts[0]


def spans(transcript: Transcript) -> list[tuple[float, float, str]]:
    return [(segment.start_s, segment.end_s, segment.text) for segment in transcript.segments]


def refusal(text: str | bytes, name: str = "lesson") -> str:
    with pytest.raises(UploadRefused) as caught:
        read_timed_text(name, text.encode() if isinstance(text, str) else text)
    return str(caught.value)


def test_webvtt_gives_words_and_speakers_without_headers_notes_styles_and_tags() -> None:
    transcript = read_one(WEBVTT)
    assert transcript.segments == (
        Segment(0.5, 3.0, "Bread needs four things:", "Ada Lovelace"),
        Segment(3.0, 66.25, "flour & water, salt <little> and time."),
    )
    assert transcript.language == "en"
    assert transcript.timing is Timing.HEARD


def test_subrip_is_read_with_missing_counters_dots_tags_and_blank_lines() -> None:
    assert spans(read_one(SUBRIP)) == [
        (0.5, 3.0, "Bread needs four things:"),
        (3.0, 66.25, "flour, water, salt and time."),
        (67.0, 68.0, "Nothing else."),
    ]


def test_a_double_spaced_subrip_file_keeps_its_counters_out_of_the_text() -> None:
    text = "1\n\n00:00:01,000 --> 00:00:02,000\n\nOne.\n\n2\n\n00:00:02,000 --> 00:00:03,000\n\nTwo.\n"
    assert spans(read_one(text)) == [(1, 2, "One."), (2, 3, "Two.")]


def test_a_number_that_is_said_is_no_counter() -> None:
    text = "00:01,000 --> 00:02,000\nIn the year\n2024\n\n00:02,000 --> 00:03,000\nwe baked.\n"
    assert spans(read_one(text)) == [(1, 2, "In the year 2024"), (2, 3, "we baked.")]


def test_windows_and_old_mac_line_ends_read_the_same() -> None:
    expected = spans(read_one(SUBRIP))
    assert spans(read_one(SUBRIP.replace("\n", "\r\n"))) == expected
    assert spans(read_one(SUBRIP.replace("\n", "\r"))) == expected


def test_what_is_said_about_angle_brackets_and_arrows_is_kept() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nif a < b and c > d use vector<int>\nthen File --> Open 2\n"
    assert spans(read_one(text)) == [(1, 2, "if a < b and c > d use vector<int> then File --> Open 2")]


def test_several_voices_in_one_cue_are_all_named() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ada>Ready?</v>\n<v Bo>Yes.</v>\n"
    assert read_one(text).segments == (Segment(1, 2, "Ready? Yes.", "Ada, Bo"),)


def test_a_cue_of_a_webvtt_file_whose_first_empty_line_was_stripped_keeps_its_words() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n\nhello\n\n00:02.000 --> 00:03.000\nworld\n"
    assert spans(read_one(text)) == [(1, 2, "hello"), (2, 3, "world")]


def test_rolling_captions_say_every_line_once() -> None:
    text = """WEBVTT

00:00:00.000 --> 00:00:02.000 align:start
\u0020
knead<00:00:00.500><c> the dough</c>

00:00:02.000 --> 00:00:02.010 align:start
knead the dough
\u0020

00:00:02.010 --> 00:00:04.000 align:start
knead the dough
for<00:00:02.500><c> ten minutes</c>

00:00:04.000 --> 00:00:04.010 align:start
for ten minutes
\u0020

00:00:04.010 --> 00:00:06.000 align:start
for ten minutes
then let it rest
"""
    assert spans(read_one(text)) == [
        (0.0, 2.01, "knead the dough"),
        (2.01, 4.01, "for ten minutes"),
        (4.01, 6.0, "then let it rest"),
    ]


def test_a_speaker_may_repeat_a_line() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nYes.\n\n00:02.000 --> 00:03.000\nYes.\n"
    assert spans(read_one(text)) == [(1, 2, "Yes."), (2, 3, "Yes.")]


def test_unordered_overlapping_and_empty_cues_become_an_ordered_sequence() -> None:
    text = """WEBVTT

00:20.000 --> 00:30.000
third

00:01.000 --> 00:15.000
first

00:10.000 --> 00:12.000
second

00:40.000 --> 00:41.000
<i> </i>
"""
    assert spans(read_one(text)) == [(1, 10, "first"), (10, 12, "second"), (20, 30, "third")]


def test_a_cue_without_length_lasts_until_the_next_but_not_for_minutes() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:01.000\na\n\n00:04.000 --> 00:02.000\nb\n\n09:00.000 --> 09:00.000\nc\n"
    assert spans(read_one(text)) == [(1, 4, "a"), (4, 14, "b"), (540, 540, "c")]


def test_cues_of_one_moment_become_one() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:01.000\na\n\n00:01.000 --> 00:03.000\nb\n\n00:05.000 --> 00:06.000\nc\n"
    assert spans(read_one(text)) == [(1, 3, "a b"), (5, 6, "c")]


def test_characters_that_hide_or_turn_text_are_removed() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nsa\u202efe\u2066 \x07te\u200bxt &#8238;end\u00a0 here \U000e0041\n"
    assert spans(read_one(text)) == [(1, 2, "safe text end here")]


def test_markup_in_text_is_stripped() -> None:
    text = '[{"start": 1, "end": 2, "text": "<script src=x>alert(1)</script> <b>bold</b> \\ud800<!-- -->"}]'
    assert spans(read_one(text)) == [(1, 2, "alert(1) bold <!-- -->")]


def test_whisper_json_gives_segments_and_language() -> None:
    document = {
        "text": " Knead. Rest.",
        "language": "en",
        "segments": [
            {"id": 0, "start": 0.0, "end": 1.5, "text": " Knead.", "avg_logprob": -0.2, "words": []},
            {"id": 1, "start": 1.5, "end": None, "text": " Rest.", "speaker": "SPEAKER_01"},
        ],
    }
    transcript = read_one(json.dumps(document, indent=1))
    assert transcript.segments == (Segment(0, 1.5, "Knead."), Segment(1.5, 1.5, "Rest.", "SPEAKER_01"))
    assert transcript.language == "en"


def test_a_bare_list_of_segments_is_read() -> None:
    assert spans(read_one('[{"start": 1, "end": 2.5, "text": "Knead."}]')) == [(1, 2.5, "Knead.")]


def test_words_alone_are_grouped_at_sentence_ends_and_pauses() -> None:
    words = [("Knead", 0.0, 0.4), ("well.", 0.4, 0.8), ("Then", 1.0, 1.2), ("rest", 1.2, 1.5), ("Now", 4.0, 4.2)]
    document = {"words": [{"word": word, "start": start, "end": end} for word, start, end in words]}
    assert spans(read_one(json.dumps(document))) == [
        (0.0, 0.8, "Knead well."),
        (1.0, 1.5, "Then rest"),
        (4.0, 4.2, "Now"),
    ]


def test_words_with_their_own_spaces_are_joined_as_they_are() -> None:
    document = [{"word": " Sour", "start": 0, "end": 1}, {"word": "dough", "start": 1, "end": 2}]
    assert spans(read_one(json.dumps(document))) == [(0, 2, "Sourdough")]


def test_a_segment_without_start_takes_that_of_its_first_word() -> None:
    document = [{"end": 3, "text": "Knead.", "words": [{"word": "Knead.", "start": 2.5, "end": 3}]}]
    assert spans(read_one(json.dumps(document))) == [(2.5, 3, "Knead.")]


def test_whole_numbers_in_a_table_are_milliseconds() -> None:
    assert spans(read_one("start\tend\ttext\n0\t1500\tKnead.\n1500\t3000\tRest.\there\n")) == [
        (0, 1.5, "Knead."),
        (1.5, 3, "Rest. here"),
    ]


def test_decimals_in_a_table_are_seconds() -> None:
    assert spans(read_one("0\t1.5\tKnead.\n1.5\t3\tRest.\n")) == [(0, 1.5, "Knead."), (1.5, 3, "Rest.")]


CORPUS = [
    {
        "creator": "baker",
        "video_id": "b1",
        "title": "Bread\n at <b>home</b>",
        "timing": "synthetic 150 wpm",
        "segments": [{"start": 0, "end": 2, "text": "Knead."}],
    },
    {
        "creator": "baker",
        "video_id": 7,
        "title": "A leaflet",
        "kind": "document",
        "timing": "none: start/end are paragraph numbers",
        "segments": [{"start": 0.0, "end": 1.0, "text": "One."}, {"start": 2.0, "end": 9.0, "text": "Two."}],
    },
]


def test_a_corpus_gives_one_transcript_per_line() -> None:
    content = "\n\n".join(json.dumps(line) for line in CORPUS) + "\n"
    first, second = read_timed_text("any.txt", content.encode())
    assert first == Transcript(
        (Segment(0, 2, "Knead."),), Timing.HEARD, title="Bread at home", creator="baker", video_id="b1"
    )
    assert second == Transcript(
        (Segment(0, 1, "One."), Segment(2, 3, "Two.")),
        Timing.NONE,
        title="A leaflet",
        creator="baker",
        video_id="7",
    )


def test_a_corpus_of_one_line_is_recognised_by_its_keys_or_its_name() -> None:
    assert read_one(json.dumps(CORPUS[0]), "x.json").creator == "baker"
    unnamed = json.dumps({"title": "Bread", "segments": [{"start": 0, "end": 2, "text": "Knead."}]})
    assert read_one(unnamed, "corpus.jsonl").title == "Bread"
    assert read_one(unnamed, "whisper.json").title == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_are_recognised(encoding: str) -> None:
    words = "Heute sprechen wir über Brot. Das ist schön und für alle nützlich."
    text = f"WEBVTT\n\n00:01.000 --> 00:02.000\n{words}\n"
    assert read_timed_text("x", text.encode(encoding))[0].segments[0].text == words


def test_an_old_cyrillic_encoding_is_guessed() -> None:
    words = "Сегодня мы печём хлеб, потому что тесту всегда нужно время."
    text = f"1\n00:00:01,000 --> 00:00:02,000\n{words}\n"
    assert read_timed_text("x", text.encode("cp1251"))[0].segments[0].text == words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ("empty",)),
        (" \n\ufeff\n", ("empty",)),
        ("just some words", ("WebVTT", "SRT", "corpus.jsonl")),
        (b"\x00\x01\x02\x03binary", ("NUL", "UTF-8")),
        (bytes(range(1, 32)) * 10, ("not text",)),
        ("\ufeffWEBVTT".encode("utf-16-le") + b"\x00", ("damaged", "UTF-8")),
        ("WEBVTT\n\nno cues", ("no cues", "-->")),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\n<i></i>\n", ("no words",)),
        ("WEBVTT\n\n00:01.000 --> 00:02\na\n\n00:01.000 --> 00:0x\nb\n", ("Line 6", "00:01:02.500")),
        ("WEBVTT\n\n00:01.000 --> 00:99.000\na\n", ("Line 3", "60")),
        ("WEBVTT\n\n-00:01.000 --> 00:09.000\na\n", ("Line 3", "negative")),
        ("\n\n1\n48:00:01,000 --> 48:00:02,000\na\n", ("Line 4", "48 hours")),
        ("0:01 --> 0:02\na\n\n0:01 --> 0:02\nb\n", ("same second",)),
        ("start\tend\ttext\n1\t2\n", ("Line 2", "tab")),
        ("start\tend\ttext\n1\tsoon\thi\n", ("Line 2", "not a number")),
        ("{", ("Line 1", "not valid JSON")),
        ('{\n"a": }', ("Line 2", "not valid JSON")),
        ("[" * 100_000, ("Line 1", "nested")),
        ('{"text": "hi"}', ("segments",)),
        ("[]", ("no words",)),
        ("[3]", ("Segment 1", "object")),
        ('[{"start": 1, "end": 2}]', ("Segment 1", "text")),
        ('[{"start": "1", "end": 2, "text": "a"}]', ("Segment 1", "numbers")),
        ('[{"start": true, "end": 2, "text": "a"}]', ("Segment 1", "numbers")),
        ('[{"start": NaN, "end": 2, "text": "a"}]', ("Segment 1", "not a number")),
        ('[{"start": 1, "end": 1e999, "text": "a"}]', ("Segment 1", "not a number")),
        ('[{"start": 1' + "0" * 400 + ', "end": 2, "text": "a"}]', ("Segment 1", "not a number")),
        ('{"video_id": "a", "segments": []}\n{"video_id": "b"}', ("Line 1", "no words")),
        ('{"video_id": "a", "segments": [{"start": -1, "text": "a"}]}\n{}', ("Line 1", "segment 1", "negative")),
    ],
)
def test_a_wrong_file_is_refused_with_the_rule_and_the_place(content: str | bytes, words: tuple[str, ...]) -> None:
    message = refusal(content)
    for word in words:
        assert word in message


def test_a_corpus_line_that_is_wrong_is_named() -> None:
    line = json.dumps(CORPUS[0])
    assert "Line 2" in refusal(f"{line}\n{{broken}}\n")
    assert "Line 3" in refusal(f"{line}\n\n[1]\n")
    assert "line 1" in refusal(f"{line}\n{line}\n")


def test_a_file_above_the_limit_is_refused() -> None:
    assert "20 MB" in refusal(b"a" * (20 * 1024 * 1024 + 1))


def test_a_sentence_of_a_book_s_length_is_refused() -> None:
    assert "letters" in refusal(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{'a' * 20_001}\n")


def test_more_segments_than_anyone_can_say_are_refused() -> None:
    assert "200,000" in refusal("[" + ",".join(["{}"] * 200_001) + "]")


GUIDE = """# How captions work

A cue looks like this:

00:00:01.000 --> 00:00:02.000
Hello

And the rest of this long guide explains a lot.
"""


def test_text_before_the_first_cue_is_never_lost_without_a_word() -> None:
    assert "its first cue stands in line 5" in refusal(GUIDE, "guide.srt")


@pytest.mark.parametrize(
    ("name", "first_bytes"),
    [
        ("talk.json", b"\0\0\0\x20ftypisom\0\0\2\0"),
        ("talk.vtt", b"ID3\4\0\0\0\0\0\0" + b"\xff\xfb\x90\x64" * 50),
        ("slides.json", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"),
        ("guide.md", GUIDE.encode()),
        ("notes.txt", b"1. Bread\n2. Butter\n"),
        ("data.txt", b'{"segments": []}'),
    ],
)
def test_what_its_content_tells_to_be_something_else_is_no_timed_text(name: str, first_bytes: bytes) -> None:
    assert not holds_timed_text(name, first_bytes)


@pytest.mark.parametrize(
    ("name", "first_bytes"),
    [
        ("lesson", WEBVTT.encode()),
        ("lesson.txt", b"\xef\xbb\xbf\n1\n00:00:01,000 --> 00:00:02,000\nHello"),
        ("lesson.txt", "1\n00:00:01,000 --> 00:00:02,000\nHallo".encode("utf-16")),
        ("lesson.txt", "1\n00:00:01,000 --> 00:00:02,000\nHallo".encode("utf-16-be")[:-1]),
        ("lesson.txt", "00:01,000 --> 00:02,000\nЖил".encode("cp1251")),
        ("lesson.md", b"0\t1500\tKnead."),
        ("lesson.json", b'{"segments": ['),
        ("lesson.srt", b"Read by nobody\n00:01 -> 00:02\n"),
    ],
)
def test_timed_text_is_told_by_its_beginning_and_else_by_its_name(name: str, first_bytes: bytes) -> None:
    assert holds_timed_text(name, first_bytes)


@pytest.mark.parametrize(
    "content", [WEBVTT, json.dumps([{"start": 1, "end": 2, "text": "é\ud800", "speaker": "Ada"}])]
)
async def test_a_large_file_is_read_elsewhere_with_the_same_result(content: str) -> None:
    large = content.encode() + b"\n" * SMALL_BYTES
    assert await read_timed_text_apart("x.vtt", large) == read_timed_text("x.vtt", large)


async def test_a_large_corpus_is_read_elsewhere_with_the_same_result() -> None:
    large = "\n".join(json.dumps(document) for document in CORPUS).encode() + b"\n" * SMALL_BYTES
    assert await read_timed_text_apart("x.jsonl", large) == read_timed_text("x.jsonl", large)


async def test_a_refusal_of_a_large_file_names_its_line() -> None:
    with pytest.raises(UploadRefused, match="Line 3"):
        await read_timed_text_apart("x.vtt", b"WEBVTT\n\n00:99 --> 00:01\n" + b"\n" * SMALL_BYTES)
