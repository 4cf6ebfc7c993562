"""What a vendor's recogniser does when its vendor fails: the same, whichever vendor that is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from adapters.models.elevenlabs_speech import ElevenLabsTranscriber
from adapters.models.openai_speech import OpenAITranscriber
from core.errors import ProviderBusy, ProviderError
from core.library.speech import Recognised, Transcriber
from tests.waiting import deadlines_s
from tests.wire.fake_speech import FakeElevenLabs, FakeOpenAISpeech, Heard

Server = FakeOpenAISpeech | FakeElevenLabs


@pytest.fixture(params=[FakeOpenAISpeech, FakeElevenLabs])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with request.param() as running:
        running.hear(Heard("Sand both edges.", 0.5, 2.0))
        yield running


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "piece.ogg"
    file.write_bytes(b"sound")
    return file


@asynccontextmanager
async def opened(server: Server, timeout_s: float = 30.0) -> AsyncIterator[Transcriber]:
    made = (
        partial(ElevenLabsTranscriber, "scribe_v2")
        if isinstance(server, FakeElevenLabs)
        else partial(OpenAITranscriber, "whisper-1")
    )
    transcriber: Transcriber = made(api_key=server.api_key, base_url=server.base_url, timeout_s=timeout_s)
    try:
        yield transcriber
    finally:
        await transcriber.close()


async def heard(server: Server, sound: Path) -> Recognised:
    async with opened(server) as transcriber:
        return await transcriber.recognise(sound, language="", names=())


async def test_a_wrong_key_is_named(server: Server, sound: Path) -> None:
    async with opened(server) as transcriber:
        server.api_key = "another"
        with pytest.raises(ProviderError, match=r"(openai|elevenlabs)\.api_key .*401"):
            await transcriber.recognise(sound, language="", names=())


async def test_a_long_wait_is_told_and_a_short_one_goes_unnoticed(server: Server, sound: Path) -> None:
    server.overload(times=1)
    assert (await heard(server, sound)).segments
    server.overload(times=None, retry_after_s=30.0)

    with pytest.raises(ProviderBusy, match="is busy") as busy:
        await heard(server, sound)

    assert busy.value.retry_after_s == 30.0


async def test_silence_from_the_vendor_ends_at_the_deadline(server: Server, sound: Path) -> None:
    server.hang()
    for timeout_s in deadlines_s(server.requests):
        async with opened(server, timeout_s=timeout_s) as transcriber:
            with pytest.raises(ProviderBusy, match="did not answer"):
                await transcriber.recognise(sound, language="", names=())


async def test_a_server_error_and_half_an_answer_are_provider_errors(server: Server, sound: Path) -> None:
    server.fail(times=1)
    with pytest.raises(ProviderError, match="500"):
        await heard(server, sound)
    server.cut_stream(times=1)
    with pytest.raises(ProviderError):
        await heard(server, sound)
    server.garbage_body(times=1)
    with pytest.raises(ProviderError, match=r"OpenAI|cannot be read"):
        await heard(server, sound)
