"""Speech recognised by ElevenLabs Scribe: words with times and speakers."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import aiohttp
from pydantic import BaseModel, ValidationError

from adapters.models.vendor_calls import Access
from adapters.models.vendor_speech import Heard, VendorTranscriber
from core.errors import ConfigurationError, ProviderError, ProviderUsedUp
from core.library.transcript import Segment, Word

PATH: Final = "/v1/speech-to-text"
DEFAULT_MODEL: Final = "scribe_v2"
WITHOUT_NAMES: Final = "scribe_v1"
LARGEST_BYTES: Final = 1_900_000_000
LONGEST_S: Final = 7_200.0
MOST_NAMES: Final = 100
LONGEST_NAME_CHARS: Final = 49
LONGEST_NAME_WORDS: Final = 5
PAUSE_S: Final = 1.0
LONGEST_SEGMENT_WORDS: Final = 40
_SENTENCE_ENDS: Final = (".", "!", "?", "\u2026", "\u3002", "\uff01", "\uff1f")


class _Spoken(BaseModel):
    type: Literal["word", "spacing", "audio_event"]
    text: str
    start: float | None = None
    end: float | None = None
    speaker_id: str | None = None


class _Reply(BaseModel):
    words: list[_Spoken]
    language_code: str = ""
    audio_duration_secs: float | None = None


class _Detail(BaseModel):
    status: str = ""
    message: str = ""


class _Failure(BaseModel):
    detail: _Detail


class _Refusal(Exception):
    """An answer other than 200, as the other vendors' clients raise it."""

    def __init__(self, response: aiohttp.ClientResponse, reason: str) -> None:
        super().__init__(reason)
        self.status_code = response.status
        self.response = response


class _Client:
    """A session that opens with the first request."""

    def __init__(self, api_key: str, base_url: str) -> None:
        self._headers = {"xi-api-key": api_key}
        self._url = base_url.rstrip("/") + PATH
        self._session: aiohttp.ClientSession | None = None

    async def transcribed(self, piece: Path, fields: Sequence[tuple[str, str]]) -> _Reply:
        """Send a file and return what is said in it."""
        if self._session is None:
            # The deadline of the whole call is the caller's.
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(total=None))
        form = aiohttp.FormData()
        for name, value in fields:
            form.add_field(name, value)
        with await asyncio.to_thread(piece.open, "rb") as sound:
            form.add_field("file", sound, filename=piece.name, content_type="application/octet-stream")
            async with self._session.post(self._url, data=form) as response:
                return _read(response, await response.read())

    async def close(self) -> None:
        """Give the connections back."""
        if self._session is not None:
            await self._session.close()


class ElevenLabsTranscriber(VendorTranscriber[_Client]):
    """Recognises speech with a Scribe model."""

    title = "ElevenLabs"
    prefix = "elevenlabs"
    official_url = "https://api.elevenlabs.io"
    patience_s = 1_200.0
    longest_s: Final = LONGEST_S
    largest_bytes: Final = LARGEST_BYTES

    @staticmethod
    def check(model: str) -> None:
        """See that it is a model for recordings."""
        if not model.startswith("scribe_") or model.endswith("_realtime"):
            raise ConfigurationError(
                f"models.transcribe: elevenlabs:{model} is no model for recordings. Use elevenlabs:{DEFAULT_MODEL}"
            )

    def open_client(self, access: Access) -> _Client:
        """Make a session that opens with the first request."""
        return _Client(access.api_key, access.base_url)

    async def request(self, client: _Client, piece: Path, language: str, names: Sequence[str]) -> Heard:
        """Send a file, and read what is said in it."""
        reply = await client.transcribed(piece, self._fields(language, names))
        segments = tuple(_segments(reply.words))
        length_s = reply.audio_duration_secs or max((segment.end_s for segment in segments), default=0.0)
        return Heard(segments, reply.language_code, length_s)

    def _fields(self, language: str, names: Sequence[str]) -> list[tuple[str, str]]:
        fields = [
            ("model_id", self.model),
            ("timestamps_granularity", "word"),
            ("diarize", "true"),
            ("tag_audio_events", "false"),
        ]
        if language:
            fields.append(("language_code", language))
        if self.model != WITHOUT_NAMES:
            fields += [("keyterms", name) for name in _taken(names)]
        return fields


def _taken(names: Sequence[str]) -> list[str]:
    """Return the names that the vendor takes, each once."""
    tidy = dict.fromkeys(" ".join(name.split()) for name in names)
    short = [n for n in tidy if n and len(n) <= LONGEST_NAME_CHARS and len(n.split()) <= LONGEST_NAME_WORDS]
    return short[:MOST_NAMES]


def _read(response: aiohttp.ClientResponse, body: bytes) -> _Reply:
    if response.status != 200:
        raise _failure(response, body)
    try:
        return _Reply.model_validate_json(body)
    except ValidationError as error:
        raise ProviderError("ElevenLabs' transcript cannot be read") from error


def _failure(response: aiohttp.ClientResponse, body: bytes) -> Exception:
    try:
        detail = _Failure.model_validate_json(body).detail
    except ValidationError:
        detail = _Detail(message=body[:300].decode(errors="replace"))
    reason = f"{detail.status} {detail.message}".strip()
    if response.status == 402 or detail.status == "quota_exceeded":
        return ProviderUsedUp(f"ElevenLabs has no credit left: {reason}")
    if response.status in {401, 403}:
        return ProviderError(
            f"ElevenLabs refuses elevenlabs.api_key ({response.status}); check the key and its rights: {reason}"
        )
    return _Refusal(response, reason)


def _segments(spoken: Sequence[_Spoken]) -> Iterator[Segment]:
    """Make a segment of every sentence, or of what one speaker says without a pause."""
    group: list[_Spoken] = []
    words: list[Word] = []
    for item in spoken:
        if item.type == "word":
            word = _timed(item)
            if words and (item.speaker_id != group[0].speaker_id or _closed(words, word)):
                yield _segment(group, words)
                group, words = [], []
            words.append(word)
        if words and item.type != "audio_event":
            group.append(item)
    if words:
        yield _segment(group, words)


def _timed(item: _Spoken) -> Word:
    if item.start is None or item.end is None:
        raise ProviderError("ElevenLabs' transcript has words without times")
    return Word(item.start, item.end, item.text.strip())


def _closed(words: Sequence[Word], following: Word) -> bool:
    last = words[-1]
    pause_s = following.start_s - last.end_s
    return last.text.endswith(_SENTENCE_ENDS) or pause_s > PAUSE_S or len(words) >= LONGEST_SEGMENT_WORDS


def _segment(group: Sequence[_Spoken], words: Sequence[Word]) -> Segment:
    text = " ".join("".join(item.text for item in group).split())
    return Segment(words[0].start_s, words[-1].end_s, text, group[0].speaker_id or "", words=tuple(words))
