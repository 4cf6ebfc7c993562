"""Whatever a service answers, it becomes something usable or a ProviderError or refusal, never another exception."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.models import elevenlabs_speech, openai_speech
from adapters.models.openai_embeddings import OpenAIEmbedder
from adapters.sources import video_sites, yt_dlp_calls
from core.errors import ProviderError, UploadRefused
from core.library.speech import Recognised, transcribe
from core.library.transcript import Segment

PATIENT = settings(deadline=None)
LENGTH_S = 60.0
NUMBERS = st.floats() | st.integers(-5, 90) | st.floats(0, 80)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=12)
TIMES = {"start": NUMBERS, "end": NUMBERS}
WHISPER = st.fixed_dictionaries(
    {"segments": st.lists(st.fixed_dictionaries({"text": st.text(max_size=20), **TIMES}), max_size=5)},
    optional={
        "duration": NUMBERS,
        "language": st.text(max_size=8),
        "words": st.lists(st.fixed_dictionaries({"word": st.text(max_size=6), **TIMES}), max_size=8),
    },
)
SCRIBE = st.fixed_dictionaries(
    {
        "words": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["word", "spacing", "audio_event"]), "text": st.text(max_size=8)},
                optional={**TIMES, "speaker_id": st.none() | st.text(max_size=3)},
            ),
            max_size=10,
        )
    },
    optional={"language_code": SCALARS, "audio_duration_secs": SCALARS},
)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner))


@dataclass(frozen=True, slots=True)
class Part:
    """The one piece of a recording."""

    path: Path
    start_s: float = 0.0
    end_s: float = LENGTH_S


@dataclass(frozen=True, slots=True)
class Strange:
    """A recogniser that heard this; it keeps nothing."""

    heard: Recognised
    name: str = "strange"
    longest_s: float = 600.0
    largest_bytes: int = 1_000_000

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        return self.heard

    async def find(self, key: str) -> Recognised | None:
        return None

    async def keep(self, key: str, recognised: Recognised) -> None:
        assert Recognised.from_json(recognised.to_json()).segments is not None

    async def close(self) -> None:
        pass


async def unheard(share: float) -> None:
    assert 0 <= share <= 1


def check_heard(segments: Sequence[Segment], sound: Path) -> None:
    """See that a transcript made of it has only words and times inside the recording."""
    strange = Strange(Recognised(tuple(segments)))
    work = transcribe([Part(sound)], [], strange, content="x", kept=strange, report=unheard)
    try:
        work.send(None)  # nothing in it waits, so that it needs no loop
    except UploadRefused:
        return
    except StopIteration as done:
        transcript = done.value
    for segment in transcript.segments:
        assert segment.text.strip()
        assert 0 <= segment.start_s <= segment.end_s <= LENGTH_S
        assert all(math.isfinite(word.start_s) and math.isfinite(word.end_s) for word in segment.words)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sound") / "sound.wav"
    file.write_bytes(b"sound")
    return file


@PATIENT
@given(WHISPER | ANYTHING)
def test_openais_transcripts(sound: Path, said: Any) -> None:  # noqa: ANN401 - any JSON
    try:
        reply = openai_speech._Reply.model_validate(said)
    except ValidationError:
        return
    check_heard(list(openai_speech._segments(reply)), sound)


@PATIENT
@given(SCRIBE | ANYTHING)
def test_elevenlabs_transcripts(sound: Path, said: Any) -> None:  # noqa: ANN401 - any JSON
    try:
        reply = elevenlabs_speech._Reply.model_validate_json(json.dumps(said))
        segments = list(elevenlabs_speech._segments(reply.words))
    except (ValidationError, ProviderError):
        return
    check_heard(segments, sound)


@PATIENT
@given(
    st.lists(
        st.tuples(st.integers(-1, 4), st.lists(st.floats(width=32), min_size=1, max_size=4) | st.lists(SCALARS)),
        max_size=4,
    ),
    st.integers(1, 4),
)
def test_openais_vectors(rows: list[tuple[int, Any]], expected: int) -> None:
    embedder = OpenAIEmbedder("text-embedding-3-small", api_key="k", dimensions=4)
    try:
        vectors = embedder._unit_vectors(rows, expected)
    except ProviderError:
        return
    assert vectors.shape == (expected, 4)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)


ADDRESSES = st.sampled_from(
    [
        "https://youtu.be/abcdefghijk",
        "http://[",
        "wistia:x",
        "abcdefghijk",
        "https://x.example/a.vtt?tlang=de",
        "",
        "\0",
    ]
) | st.text(max_size=10)
TRACKS = st.dictionaries(
    st.sampled_from(["en", "en-orig", "de-x-autogen", "live_chat", "a-fr"]) | st.text(max_size=5),
    st.lists(
        st.fixed_dictionaries({}, optional={"url": ADDRESSES, "ext": st.sampled_from(["vtt", "json3", "exe"])}),
        max_size=3,
    ),
    max_size=3,
)
VIDEOS = st.fixed_dictionaries(
    {},
    optional={
        "title": st.just("Ink") | SCALARS,
        "duration": SCALARS,
        "language": SCALARS,
        "chapters": st.none()
        | st.lists(st.fixed_dictionaries({}, optional={"start_time": SCALARS, "title": SCALARS})),
        "subtitles": st.none() | TRACKS,
        "automatic_captions": st.none() | TRACKS,
        "formats": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {}, optional={"language": SCALARS, "language_preference": st.none() | st.integers()}
            ),
            max_size=3,
        ),
    },
)
LISTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"_type": st.just("playlist")},
    optional={
        "title": SCALARS,
        "entries": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "url": st.none() | ADDRESSES,
                    "title": SCALARS,
                    "duration": SCALARS,
                    "ie_key": st.sampled_from(["Youtube", "Vimeo"]),
                    "id": st.text(max_size=4),
                    "formats": st.just([]),
                },
            ),
            max_size=4,
        ),
    },
)


@settings(PATIENT, max_examples=300)
@given(VIDEOS | LISTS)
def test_what_yt_dlp_finds(info: dict[str, Any]) -> None:
    link = "https://www.youtube.com/watch?v=abcdefghijk"
    try:
        said = json.loads(json.dumps(yt_dlp_calls._described(info)))
        if "listing" in said:
            assert video_sites._listing(said["listing"], link, None).entries
            return
        video = video_sites._video(said["video"], link)
    except UploadRefused:
        return
    assert video.duration_s is None or 0 <= video.duration_s < math.inf
    assert all(0 <= chapter.start_s < math.inf for chapter in video.chapters)
