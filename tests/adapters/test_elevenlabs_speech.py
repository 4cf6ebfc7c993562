from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.models.elevenlabs_speech import ElevenLabsTranscriber
from core.errors import ConfigurationError, ProviderBusy, ProviderError
from core.library.speech import Recognised
from core.library.transcript import Word
from tests.waiting import deadlines_s
from tests.wire.fake_speech import FakeElevenLabs, Heard

SENTENCES = (
    Heard("Sand both edges. Then wait.", 0.5, 3.0),
    Heard("(laughter)", 3.0, 4.0),
    Heard("How long?", 4.0, 5.0, speaker="B"),
    Heard("A day", 5.0, 6.0),
    Heard("or two", 8.0, 9.0),
)


@pytest.fixture
async def server() -> AsyncIterator[FakeElevenLabs]:
    async with FakeElevenLabs() as running:
        running.hear(*SENTENCES)
        yield running


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "piece.ogg"
    file.write_bytes(b"sound" * 100_000)
    return file


@asynccontextmanager
async def opened(
    server: FakeElevenLabs, model: str = "scribe_v2", timeout_s: float = 30.0
) -> AsyncIterator[ElevenLabsTranscriber]:
    transcriber = ElevenLabsTranscriber(
        model, api_key=server.api_key, base_url=server.base_url, usd_per_hour=0.4, timeout_s=timeout_s
    )
    try:
        yield transcriber
    finally:
        await transcriber.close()


async def heard(
    server: FakeElevenLabs, sound: Path, model: str = "scribe_v2", language: str = "", names: tuple[str, ...] = ()
) -> Recognised:
    async with opened(server, model) as transcriber:
        return await transcriber.recognise(sound, language=language, names=names)


async def test_words_become_sentences_of_one_speaker_and_noises_are_left_out(
    server: FakeElevenLabs, sound: Path
) -> None:
    recognised = await heard(server, sound)

    assert [(segment.text, segment.speaker) for segment in recognised.segments] == [
        ("Sand both edges.", "speaker_A"),
        ("Then wait.", "speaker_A"),
        ("How long?", "speaker_B"),
        ("A day", "speaker_A"),
        ("or two", "speaker_A"),
    ]
    assert recognised.segments[0].words[0] == Word(0.5, 0.95, "Sand")
    assert recognised.segments[1].start_s == recognised.segments[1].words[0].start_s == 2.0
    assert recognised.language == "en"
    assert recognised.cost_usd == pytest.approx(0.001, abs=1e-4)


async def test_the_whole_file_goes_with_language_and_names(server: FakeElevenLabs, sound: Path) -> None:
    await heard(
        server, sound, language="en", names=("Ada", " Pieter  Zeeman ", "x" * 50, "one two three four five six")
    )

    assert server.requests[-1].body == {
        "file": "piece.ogg",
        "model_id": "scribe_v2",
        "timestamps_granularity": "word",
        "diarize": "true",
        "tag_audio_events": "false",
        "language_code": "en",
        "keyterms": ["Ada", "Pieter Zeeman"],
    }
    assert server.requests[-1].body["file"].size_bytes == 500_000


async def test_the_older_model_gets_no_names(server: FakeElevenLabs, sound: Path) -> None:
    await heard(server, sound, "scribe_v1", names=("Ada",))

    assert "keyterms" not in server.requests[-1].body


@pytest.mark.parametrize("model", ["scribe_v2_realtime", "eleven_v3", ""])
def test_a_model_that_takes_no_recordings_is_refused(model: str) -> None:
    with pytest.raises(ConfigurationError, match="Use elevenlabs:scribe_v2"):
        ElevenLabsTranscriber(model, api_key="k")


async def test_a_wrong_key_is_named(server: FakeElevenLabs, sound: Path) -> None:
    async with opened(server) as transcriber:
        server.api_key = "another"
        with pytest.raises(ProviderError, match=r"elevenlabs\.api_key .*401"):
            await transcriber.recognise(sound, language="", names=())


async def test_a_used_up_plan_is_not_taken_for_a_wrong_key(server: FakeElevenLabs, sound: Path) -> None:
    server.out_of_credit()
    with pytest.raises(ProviderError, match="no credit left") as used_up:
        await heard(server, sound)
    assert not isinstance(used_up.value, ProviderBusy)


async def test_a_long_wait_is_told_and_a_short_one_goes_unnoticed(server: FakeElevenLabs, sound: Path) -> None:
    server.overload(times=1)
    assert (await heard(server, sound)).segments
    server.overload(times=None, retry_after_s=30.0)

    with pytest.raises(ProviderBusy, match="system_busy") as busy:
        await heard(server, sound)

    assert busy.value.retry_after_s == 30.0


async def test_silence_from_the_vendor_ends_at_the_deadline(server: FakeElevenLabs, sound: Path) -> None:
    server.hang()
    for timeout_s in deadlines_s(server.requests):
        async with opened(server, timeout_s=timeout_s) as transcriber:
            with pytest.raises(ProviderBusy, match="did not answer"):
                await transcriber.recognise(sound, language="", names=())


async def test_a_server_error_and_half_an_answer_are_provider_errors(server: FakeElevenLabs, sound: Path) -> None:
    server.fail(times=1)
    with pytest.raises(ProviderError, match="500"):
        await heard(server, sound)
    server.cut_stream(times=1)
    with pytest.raises(ProviderError):
        await heard(server, sound)
    server.garbage_body(times=1)
    with pytest.raises(ProviderError, match="cannot be read"):
        await heard(server, sound)


async def test_words_without_times_are_refused(server: FakeElevenLabs, sound: Path) -> None:
    server.without_times = True
    with pytest.raises(ProviderError, match="without times"):
        await heard(server, sound)


async def test_an_unreachable_vendor_is_a_provider_error(sound: Path) -> None:
    transcriber = ElevenLabsTranscriber(api_key="k", base_url="http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="ElevenLabs failed"):
        await transcriber.recognise(sound, language="", names=())
    await transcriber.close()
