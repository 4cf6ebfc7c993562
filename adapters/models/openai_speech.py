"""Speech recognised by OpenAI's transcription endpoint, by the models that say when a word is spoken."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from adapters.models.spoken_languages import iso_639_1
from adapters.models.vendor_calls import Vendor
from core.errors import ConfigurationError, ProviderError
from core.library.speech import Recognised
from core.library.transcript import Segment, Word

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OFFICIAL_URL: Final = "https://api.openai.com/v1"
WORDS_MODEL: Final = "whisper-1"
SPEAKERS_MODEL: Final = "gpt-4o-transcribe-diarize"
LARGEST_BYTES: Final = 25_000_000
LONGEST_S: Final = 750.0
"""So long a piece stays below the limit even as bare samples of 16 bits, 16,000 a second."""
MOST_NAMES_CHARS: Final = 600
"""The model reads the last 224 tokens of a prompt."""


class _Word(BaseModel):
    word: str
    start: float
    end: float


class _Segment(BaseModel):
    text: str
    start: float
    end: float
    speaker: str = ""


class _Reply(BaseModel):
    segments: list[_Segment]
    duration: float
    language: str = ""
    words: list[_Word] = []


class OpenAITranscriber:
    """Recognises speech with an OpenAI model: words with times, or phrases with speakers."""

    longest_s: Final = LONGEST_S
    largest_bytes: Final = LARGEST_BYTES

    def __init__(
        self,
        model: str = WORDS_MODEL,
        *,
        api_key: str,
        base_url: str = "",
        usd_per_hour: float = 0.0,
        timeout_s: float = 600.0,
    ) -> None:
        """Take a model by its vendor's name; ``usd_per_hour`` is the operator's price for an hour of sound.

        Raises:
            ConfigurationError: the model gives no times, so nothing could be cited.
        """
        if model not in {WORDS_MODEL, SPEAKERS_MODEL}:
            raise ConfigurationError(
                f"models.transcribe: openai:{model} does not say when a word is spoken, so nothing could be linked "
                f"to its second. Use openai:{WORDS_MODEL}, openai:{SPEAKERS_MODEL}, elevenlabs:scribe_v2 or local"
            )
        self.name = f"openai:{model}"
        self._model = model
        self._usd_per_hour = usd_per_hour

        def open_client() -> "AsyncOpenAI":
            from openai import AsyncOpenAI

            return AsyncOpenAI(
                api_key=api_key, base_url=base_url or OFFICIAL_URL, max_retries=0, timeout=timeout_s * 2
            )

        self._vendor: Vendor[AsyncOpenAI] = Vendor("OpenAI", open_client, timeout_s)

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        """Return what is said in a file of sound.

        Raises:
            ProviderBusy: overloaded, rate limited or no answer within the deadline.
            ProviderError: any other failure, an answer that cannot be read included.
        """
        content = await asyncio.to_thread(piece.read_bytes)
        asked = self._asked(language, names)
        reply = await self._vendor.call(partial(self._request, (piece.name, content), asked))
        cost_usd = reply.duration / 3600 * self._usd_per_hour
        return Recognised(tuple(_segments(reply)), iso_639_1(reply.language) or language, cost_usd)

    async def close(self) -> None:
        """Give the connections back."""
        await self._vendor.close()

    def _asked(self, language: str, names: Sequence[str]) -> dict[str, Any]:
        asked: dict[str, Any] = {"language": language} if language else {}
        if self._model == SPEAKERS_MODEL:
            return {**asked, "response_format": "diarized_json", "chunking_strategy": "auto"}
        if names:
            asked["prompt"] = ", ".join(names)[:MOST_NAMES_CHARS]
        return {**asked, "response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}

    async def _request(self, file: tuple[str, bytes], asked: dict[str, Any], client: "AsyncOpenAI") -> _Reply:
        from openai import AuthenticationError, PermissionDeniedError

        try:
            reply = await client.audio.transcriptions.create(model=self._model, file=file, **asked)
        except (AuthenticationError, PermissionDeniedError) as error:
            raise ProviderError(
                f"OpenAI refuses openai.api_key for {self._model} ({error.status_code}); check the key and its rights"
            ) from error
        try:
            return _Reply.model_validate(reply.model_dump(exclude_none=True))
        except (AttributeError, ValidationError) as error:
            raise ProviderError("OpenAI's transcript cannot be read or has no times") from error


def _segments(reply: _Reply) -> Iterator[Segment]:
    """Give every segment the words that spell it; the vendor lists them apart, without punctuation."""
    words = deque(reply.words)
    for segment in reply.segments:
        text = segment.text.strip()
        spelt = _spelt(text, words)
        while not spelt and words and words[0].start < segment.end:
            words.popleft()
        yield Segment(segment.start, segment.end, text, segment.speaker, words=spelt)


def _spelt(text: str, words: deque[_Word]) -> tuple[Word, ...]:
    """Take the words from the front that spell the text; none where they do not spell all of it."""
    taken: list[Word] = []
    after = 0
    for word in words:
        written = word.word.strip()
        at = text.find(written, after)
        if at < 0 or _says_something(text[after:at]):
            break
        taken.append(Word(word.start, word.end, written))
        after = at + len(written)
    if _says_something(text[after:]):
        return ()
    for _ in taken:
        words.popleft()
    return tuple(taken)


def _says_something(text: str) -> bool:
    return any(map(str.isalnum, text))
