"""The lectures and the questions about them belong together: every gold second must exist in its file."""

import json
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.sources.timed_text import read_timed_text
from bot.sample_library import SampleSource, sample_library

QUALITY = Path(__file__).parents[1] / "quality"
SOURCES = [
    pytest.param(creator.handle, source, id=source.video_id)
    for creator in sample_library().creators
    for source in creator.sources
]
KINDS = {"direct", "paraphrase", "short", "typo", "off_topic", "cross_creator", "altered"}
UNANSWERABLE_KINDS = {"off_topic", "cross_creator", "altered"}

Cue = tuple[float, float, str]


def cues_of(source: SampleSource) -> list[Cue]:
    (transcript,) = read_timed_text(source.file_name, source.content)
    return [(segment.start_s, segment.end_s, segment.text) for segment in transcript.segments]


@cache
def lectures() -> dict[tuple[str, str], list[Cue]]:
    """The cues by creator and video id."""
    return {
        (creator.handle, source.video_id): cues_of(source)
        for creator in sample_library().creators
        for source in creator.sources
    }


def lines_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (QUALITY / name).read_text(encoding="utf-8").splitlines()]


QUESTIONS = lines_of("sample_questions.jsonl")
FOLLOWUPS = lines_of("sample_followups.jsonl")
ANSWERABLE = [question for question in QUESTIONS if question["answerable"]]


def golds_of(question: dict[str, Any]) -> list[tuple[str, float, float]]:
    places = [question, *question.get("alt", [])]
    return [(place["video_id"], start, end) for place in places for start, end in place["gold"]]


def test_there_are_two_creators_with_three_or_four_lectures_each() -> None:
    library = sample_library()
    assert [creator.handle for creator in library.creators] == ["home-espresso", "night-sky"]
    assert all(creator.language == "en" and creator.name for creator in library.creators)
    assert all(len(creator.sources) in (3, 4) for creator in library.creators)


def test_no_two_lectures_share_a_title_or_a_video_id() -> None:
    sources = [source for creator in sample_library().creators for source in creator.sources]
    assert len({source.title for source in sources}) == len(sources)
    assert len({source.video_id for source in sources}) == len(sources)


@pytest.mark.parametrize(("handle", "source"), SOURCES)
def test_a_lecture_lasts_between_eight_and_fifteen_minutes(handle: str, source: SampleSource) -> None:
    assert 8 * 60 <= lectures()[handle, source.video_id][-1][1] <= 15 * 60


@pytest.mark.parametrize(("handle", "source"), SOURCES)
def test_the_times_of_a_lecture_only_go_forward(handle: str, source: SampleSource) -> None:
    cues = lectures()[handle, source.video_id]
    assert all(start < end for start, end, _ in cues)
    assert all(before[1] <= after[0] for before, after in pairwise(cues))


@pytest.mark.parametrize(("handle", "source"), SOURCES)
def test_every_cue_can_be_read_in_one_breath(handle: str, source: SampleSource) -> None:
    texts = [text for _, _, text in lectures()[handle, source.video_id]]
    assert all(0 < len(text) <= 200 and len(text.split()) <= 25 for text in texts)


@pytest.mark.parametrize(("handle", "source"), SOURCES)
def test_a_lecture_never_says_the_same_cue_twice(handle: str, source: SampleSource) -> None:
    texts = Counter(text for _, _, text in lectures()[handle, source.video_id])
    assert [text for text, times in texts.items() if times > 1] == []


@pytest.mark.parametrize(("handle", "source"), SOURCES)
def test_a_lecture_is_spoken_at_a_natural_rate(handle: str, source: SampleSource) -> None:
    cues = lectures()[handle, source.video_id]
    words = sum(len(text.split()) for _, _, text in cues)
    assert 125 <= words / (cues[-1][1] / 60) <= 155


@pytest.mark.parametrize("question", [*ANSWERABLE, *FOLLOWUPS], ids=lambda question: question["id"])
def test_gold_covers_whole_cues_of_the_creators_own_lecture(question: dict[str, Any]) -> None:
    golds = golds_of(question)
    assert golds
    for video_id, start_s, end_s in golds:
        cues = lectures()[question["creator"], video_id]
        assert start_s < end_s
        assert start_s in {cue[0] for cue in cues}
        assert end_s in {cue[1] for cue in cues}


def test_ids_and_questions_are_unique() -> None:
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS)
    assert len({(question["creator"], question["question"]) for question in QUESTIONS}) == len(QUESTIONS)
    assert len({dialogue["id"] for dialogue in FOLLOWUPS}) == len(FOLLOWUPS) == 15


def test_what_cannot_be_answered_names_no_moment() -> None:
    for question in QUESTIONS:
        assert question["answerable"] == (question["kind"] not in UNANSWERABLE_KINDS)
        assert bool(question["gold"]) == question["answerable"] == (question["video_id"] is not None)


def test_the_set_is_large_and_mixed_enough_to_mean_something() -> None:
    assert len(QUESTIONS) >= 90
    assert 0.55 <= len(ANSWERABLE) / len(QUESTIONS) <= 0.65
    kinds = Counter((question["creator"], question["kind"]) for question in QUESTIONS)
    assert {kind for _, kind in kinds} == KINDS
    assert min(kinds.values()) >= 4
