import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from adapters.models.openai_speech import SPEAKERS_MODEL, WORDS_MODEL, OpenAITranscriber
from core.errors import ConfigurationError, ProviderBusy, ProviderError
from core.library.speech import Recognised
from core.library.transcript import Segment, Word
from tests.waiting import deadlines_s
from tests.wire.fake_models import RecordedRequest
from tests.wire.fake_speech import FakeOpenAISpeech, Heard
from tests.wire.openai_spec import check_requests

SENTENCES = (Heard("Sand both edges.", 0.5, 2.0), Heard("Press the clamp, gently.", 5.0, 7.0, speaker="B"))


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAISpeech]:
    async with FakeOpenAISpeech() as running:
        running.hear(*SENTENCES)
        yield running
        check_requests(running.requests)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "piece.ogg"
    file.write_bytes(b"sound")
    return file


@asynccontextmanager
async def opened(
    server: FakeOpenAISpeech, model: str = WORDS_MODEL, timeout_s: float = 30.0
) -> AsyncIterator[OpenAITranscriber]:
    transcriber = OpenAITranscriber(
        model, api_key=server.api_key, base_url=server.base_url, usd_per_hour=0.36, timeout_s=timeout_s
    )
    try:
        yield transcriber
    finally:
        await transcriber.close()


async def heard(
    server: FakeOpenAISpeech, sound: Path, model: str = WORDS_MODEL, language: str = "", names: tuple[str, ...] = ()
) -> Recognised:
    async with opened(server, model) as transcriber:
        return await transcriber.recognise(sound, language=language, names=names)


async def test_words_stand_in_the_sentence_that_they_spell(server: FakeOpenAISpeech, sound: Path) -> None:
    recognised = await heard(server, sound)

    assert [segment.text for segment in recognised.segments] == ["Sand both edges.", "Press the clamp, gently."]
    assert [word.text for word in recognised.segments[1].words] == ["Press", "the", "clamp", "gently"]
    assert recognised.segments[0].words[0] == Word(0.5, 0.95, "Sand")
    assert recognised.language == "en"
    assert recognised.cost_usd == pytest.approx(0.006)


async def test_the_request_asks_for_times_and_carries_language_and_names(
    server: FakeOpenAISpeech, sound: Path
) -> None:
    await heard(server, sound, language="en", names=("Ada", "Zeeman"))

    assert server.requests[-1].body == {
        "file": "piece.ogg",
        "model": "whisper-1",
        "language": "en",
        "prompt": "Ada, Zeeman",
        "response_format": "verbose_json",
        "timestamp_granularities": ["word", "segment"],
    }


async def test_the_model_that_tells_speakers_apart_keeps_them(server: FakeOpenAISpeech, sound: Path) -> None:
    recognised = await heard(server, sound, SPEAKERS_MODEL, language="en", names=("Ada",))

    assert recognised.segments == (
        Segment(0.5, 2.0, "Sand both edges.", "A"),
        Segment(5.0, 7.0, "Press the clamp, gently.", "B"),
    )
    assert recognised.language == "en"


@pytest.mark.parametrize("model", ["gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
def test_a_model_without_times_is_refused_with_what_to_use(model: str) -> None:
    with pytest.raises(ConfigurationError, match=f"openai:{model} .* Use openai:whisper-1") as refused:
        OpenAITranscriber(model, api_key="k")
    assert "elevenlabs:scribe_v2" in str(refused.value)


def test_even_sound_that_nothing_compresses_fits_into_a_request() -> None:
    assert OpenAITranscriber.longest_s * 16_000 * 2 < OpenAITranscriber.largest_bytes


async def test_a_wrong_key_is_named(server: FakeOpenAISpeech, sound: Path) -> None:
    async with opened(server) as transcriber:
        server.api_key = "another"
        with pytest.raises(ProviderError, match=r"openai\.api_key .*401"):
            await transcriber.recognise(sound, language="", names=())


async def test_a_long_wait_is_told_and_a_short_one_goes_unnoticed(server: FakeOpenAISpeech, sound: Path) -> None:
    server.overload(times=1)
    assert (await heard(server, sound)).segments
    server.overload(times=None, retry_after_s=30.0)

    with pytest.raises(ProviderBusy) as busy:
        await heard(server, sound)

    assert busy.value.retry_after_s == 30.0


async def test_silence_from_the_vendor_ends_at_the_deadline(server: FakeOpenAISpeech, sound: Path) -> None:
    server.hang()
    for timeout_s in deadlines_s(server.requests):
        async with opened(server, timeout_s=timeout_s) as transcriber:
            with pytest.raises(ProviderBusy, match="did not answer"):
                await transcriber.recognise(sound, language="", names=())


async def test_a_server_error_and_half_an_answer_are_provider_errors(server: FakeOpenAISpeech, sound: Path) -> None:
    server.fail(times=1)
    with pytest.raises(ProviderError, match="500"):
        await heard(server, sound)
    server.cut_stream(times=1)
    with pytest.raises(ProviderError):
        await heard(server, sound)
    server.garbage_body(times=1)
    with pytest.raises(ProviderError, match="OpenAI"):
        await heard(server, sound)


class Verbatim(FakeOpenAISpeech):
    """Answers every transcription with a given document."""

    def __init__(self, status: int, document: object) -> None:
        super().__init__()
        self.answer = (status, document)

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        status, document = self.answer
        return web.Response(status=status, text=json.dumps(document), content_type="application/json")


@pytest.mark.parametrize(
    ("status", "document", "reason"),
    [
        (429, {"error": {"code": "insufficient_quota", "message": "You exceeded your quota"}}, "no credit"),
        (403, {"error": {"code": "x", "message": "not allowed"}}, r"openai\.api_key"),
        (413, {"error": {"message": "Maximum content size limit exceeded"}}, "413"),
        (200, {"text": "Sand both edges."}, "no times"),
        (200, {"text": "a", "duration": 3, "language": "english", "segments": [{"text": "a"}]}, "no times"),
        (200, ["unexpected"], "OpenAI"),
    ],
)
async def test_what_the_vendor_says_instead_is_said_in_words(
    sound: Path, status: int, document: object, reason: str
) -> None:
    async with Verbatim(status, document) as server:
        with pytest.raises(ProviderError, match=reason):
            await heard(server, sound)


async def test_words_that_do_not_spell_their_sentence_are_left_out(sound: Path) -> None:
    document = {
        "text": "", "duration": 9.0, "language": "klingon",
        "segments": [{"text": "We met 1,000 people.", "start": 0.0, "end": 2.0},
                     {"text": "All smiled.", "start": 2.0, "end": 4.0}],
        "words": [{"word": "We", "start": 0.0, "end": 0.3}, {"word": "thousand", "start": 0.3, "end": 1.0},
                  {"word": "All", "start": 2.0, "end": 2.5}, {"word": "smiled", "start": 2.5, "end": 3.0}],
    }  # fmt: skip
    async with Verbatim(200, document) as server:
        recognised = await heard(server, sound)

    assert recognised.segments[0].words == ()
    assert [word.text for word in recognised.segments[1].words] == ["All", "smiled"]
    assert recognised.language == ""
