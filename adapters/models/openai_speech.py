"""Speech recognised by OpenAI's transcription endpoint, by the models that say when a word is spoken."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from adapters.models.vendor_calls import Access
from adapters.models.vendor_speech import Heard, VendorTranscriber
from core.errors import ConfigurationError, ProviderError
from core.library.transcript import Segment, Word

if TYPE_CHECKING:
    from openai import AsyncOpenAI

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


class OpenAITranscriber(VendorTranscriber["AsyncOpenAI"]):
    """Recognises speech with an OpenAI model: words with times, or phrases with speakers."""

    title = "OpenAI"
    prefix = "openai"
    official_url = "https://api.openai.com/v1"
    patience_s = 600.0
    longest_s: Final = LONGEST_S
    largest_bytes: Final = LARGEST_BYTES

    @staticmethod
    def check(model: str) -> None:
        """See that a model says when a word is spoken."""
        if model not in {WORDS_MODEL, SPEAKERS_MODEL}:
            raise ConfigurationError(
                f"models.transcribe: openai:{model} does not say when a word is spoken, so nothing could be linked "
                f"to its second. Use openai:{WORDS_MODEL}, openai:{SPEAKERS_MODEL}, elevenlabs:scribe_v2 or local"
            )

    def open_client(self, access: Access) -> "AsyncOpenAI":
        """Make the SDK's client."""
        from openai import AsyncOpenAI

        return AsyncOpenAI(**asdict(access))

    async def request(self, client: "AsyncOpenAI", piece: Path, language: str, names: Sequence[str]) -> Heard:
        """Send a file, and read what is said in it."""
        content = await asyncio.to_thread(piece.read_bytes)
        reply = await self._reply(client, (piece.name, content), self._asked(language, names))
        return Heard(tuple(_segments(reply)), reply.language, reply.duration)

    def _asked(self, language: str, names: Sequence[str]) -> dict[str, Any]:
        asked: dict[str, Any] = {"language": language} if language else {}
        if self.model == SPEAKERS_MODEL:
            return {**asked, "response_format": "diarized_json", "chunking_strategy": "auto"}
        if names:
            asked["prompt"] = ", ".join(names)[:MOST_NAMES_CHARS]
        return {**asked, "response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}

    async def _reply(self, client: "AsyncOpenAI", file: tuple[str, bytes], asked: dict[str, Any]) -> _Reply:
        from openai import AuthenticationError, PermissionDeniedError

        try:
            reply = await client.audio.transcriptions.create(model=self.model, file=file, **asked)
        except (AuthenticationError, PermissionDeniedError) as error:
            raise ProviderError(
                f"OpenAI refuses openai.api_key for {self.model} ({error.status_code}); check the key and its rights"
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
