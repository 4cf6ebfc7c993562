"""Fakes of the endpoints that recognise speech: OpenAI's transcriptions and ElevenLabs' Scribe.

    async with FakeElevenLabs() as server:
        server.hear(Heard("Sand both edges.", 0.5, 2.0, speaker="A"))

What they "hear" is scripted; of the file that is sent only its name and size matter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from tests.wire.fake_models import Event, Fault, Json, ModelApiError, ModelServer, RecordedRequest
from tests.wire.fake_models_openai import FakeOpenAI

OPENAI_FORMATS: Final = {
    "whisper-1": frozenset({"json", "text", "srt", "verbose_json", "vtt"}),
    "gpt-4o-transcribe": frozenset({"json"}),
    "gpt-4o-mini-transcribe": frozenset({"json"}),
    "gpt-4o-transcribe-diarize": frozenset({"json", "text", "diarized_json"}),
    "gpt-transcribe": frozenset({"json", "text"}),
}
OPENAI_FILES: Final = frozenset({"flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"})
OPENAI_LARGEST_BYTES: Final = 25 * 1024 * 1024
OPENAI_LISTS: Final = frozenset(
    {"timestamp_granularities", "include", "languages", "keywords", "known_speaker_names", "known_speaker_references"}
)
OPENAI_FIELDS: Final = OPENAI_LISTS | {
    "file", "model", "language", "prompt", "response_format", "temperature", "stream", "chunking_strategy",
}  # fmt: skip
SCRIBE_MODELS: Final = frozenset({"scribe_v1", "scribe_v2"})
SCRIBE_FIELDS: Final = frozenset(
    {
        "model_id", "file", "language_code", "tag_audio_events", "num_speakers", "timestamps_granularity", "diarize",
        "diarization_threshold", "additional_formats", "file_format", "cloud_storage_url", "webhook", "webhook_id",
        "temperature", "seed", "keyterms", "entity_detection", "use_multi_channel", "webhook_metadata",
    }
)  # fmt: skip
MOST_KEYTERMS: Final = 100
_TWO_LETTERS: Final = re.compile(r"[a-z]{2}")
_TWO_OR_THREE_LETTERS: Final = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Heard:
    """A sentence that is heard, its words spread evenly over its time; in brackets it is a noise."""

    text: str
    start_s: float
    end_s: float
    speaker: str = "A"

    @property
    def words(self) -> Iterator[tuple[str, float, float]]:
        """Each word with its seconds."""
        words = self.text.split()
        step_s = (self.end_s - self.start_s) / len(words)
        for number, word in enumerate(words):
            yield word, round(self.start_s + number * step_s, 3), round(self.start_s + (number + 0.9) * step_s, 3)


class Upload(str):
    """A file in a form, by its name."""

    __slots__ = ("size_bytes",)
    size_bytes: int


async def read_form(wire: web.Request) -> dict[str, Json]:
    """Return a form's fields as texts, or lists of texts where a name occurs more than once."""
    if wire.content_type != "multipart/form-data":
        raise ValueError("not a form")
    fields: dict[str, list[Json]] = {}
    for name, value in (await wire.post()).items():
        fields.setdefault(name, []).append(_upload(value) if isinstance(value, web.FileField) else value)
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}


def _upload(field: web.FileField) -> Upload:
    with field.file as file:
        upload = Upload(field.filename)
        upload.size_bytes = len(file.read())
        return upload


class FakeOpenAISpeech(FakeOpenAI):
    """Serves ``/v1/audio/transcriptions`` besides OpenAI's other paths."""

    def __init__(self, api_key: str = "test-key") -> None:
        super().__init__(api_key)
        self.models |= dict.fromkeys(OPENAI_FORMATS, "2027-02-26")
        self.heard: tuple[Heard, ...] = ()
        self.language = "english"
        self.duration_s = 60.0

    def hear(self, *heard: Heard) -> None:
        """Hear this in every file from now on."""
        self.heard = heard

    async def read_body(self, wire: web.Request) -> Json:
        """Return a form for a transcription, else JSON."""
        if not wire.path.endswith("/audio/transcriptions"):
            return await super().read_body(wire)
        form = await read_form(wire)
        lists = {name.removesuffix("[]"): value for name, value in form.items() if name.endswith("[]")}
        plain = {name: value for name, value in form.items() if not name.endswith("[]")}
        return {**plain, **{name: value if isinstance(value, list) else [value] for name, value in lists.items()}}

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        """Answer a transcription, or anything else as OpenAI does.

        Raises:
            ModelApiError: what OpenAI would refuse.
        """
        if request.path != "/v1/audio/transcriptions" or request.method != "POST":
            return await super().route(request, wire)
        self.check_key(request)
        self._check_model(request.body)
        check_transcription(request.body)
        wanted = request.body.get("response_format", "json")
        return await self.respond(wire, self.take_fault(), self._transcript(wanted), None)

    def _transcript(self, wanted: str) -> dict[str, Any]:
        text = " ".join(sentence.text for sentence in self.heard)
        usage = {"type": "duration", "seconds": self.duration_s}
        if wanted == "verbose_json":
            segments = [_whisper_segment(number, sentence) for number, sentence in enumerate(self.heard)]
            words = [
                {"word": word.strip('.,!?"'), "start": start_s, "end": end_s}
                for sentence in self.heard
                for word, start_s, end_s in sentence.words
            ]
            known = {"language": self.language, "duration": self.duration_s}
            return {"task": "transcribe", **known, "text": text, "segments": segments, "words": words, "usage": usage}
        if wanted == "diarized_json":
            labelled = [
                {
                    "type": "transcript.text.segment",
                    "id": f"seg_{number}",
                    **_timed(sentence),
                    "speaker": sentence.speaker,
                }
                for number, sentence in enumerate(self.heard)
            ]
            return {
                "task": "transcribe",
                "duration": self.duration_s,
                "text": text,
                "segments": labelled,
                "usage": usage,
            }
        return {"text": text, "usage": usage}


def check_transcription(body: dict[str, Any]) -> None:
    """Refuse what OpenAI refuses.

    Raises:
        ModelApiError: 400 or 413 with OpenAI's code.
    """
    for name in body.keys() - OPENAI_FIELDS:
        raise _invalid(f"Unknown parameter: '{name}'.", name)
    file = body.get("file")
    if not isinstance(file, Upload) or not file.size_bytes:
        raise _invalid("Missing required parameter: 'file'.", "file")
    if file.size_bytes > OPENAI_LARGEST_BYTES:
        raise ModelApiError(413, "invalid_request_error", "Maximum content size limit (26214400) exceeded.")
    if file.rsplit(".", 1)[-1] not in OPENAI_FILES:
        raise _invalid("Invalid file format.", "file")
    wanted = body.get("response_format", "json")
    if wanted not in OPENAI_FORMATS[body["model"]]:
        raise _invalid(
            f"response_format '{wanted}' is not compatible with model '{body['model']}'.", "response_format"
        )
    if "timestamp_granularities" in body and wanted != "verbose_json":
        raise _invalid("timestamp_granularities needs verbose_json.", "timestamp_granularities")
    if "prompt" in body and wanted == "diarized_json":
        raise _invalid("prompt is not supported with this model.", "prompt")
    if wanted == "diarized_json" and body.get("chunking_strategy") != "auto":
        raise _invalid("chunking_strategy is required for this model.", "chunking_strategy")
    if "language" in body and not _TWO_LETTERS.fullmatch(body["language"]):
        raise _invalid(f"Invalid language '{body['language']}': use ISO-639-1.", "language")


class FakeElevenLabs(ModelServer):
    """Serves ``/v1/speech-to-text``; ``base_url`` is the server's root."""

    def __init__(self, api_key: str = "test-key") -> None:
        super().__init__(api_key)
        self.heard: tuple[Heard, ...] = ()
        self.language = "eng"
        self.without_times = False

    def hear(self, *heard: Heard) -> None:
        """Hear this in every file from now on."""
        self.heard = heard

    def out_of_credit(self, times: int | None = 1) -> None:
        """Answer that the plan is used up."""
        self._faults.append(Fault("quota", times))

    async def read_body(self, wire: web.Request) -> Json:
        """Return the form."""
        return await read_form(wire)

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        """Answer a request.

        Raises:
            ModelApiError: what ElevenLabs would refuse.
        """
        if request.headers.get("xi-api-key") != self.api_key:
            raise ModelApiError(401, "invalid_api_key", "Invalid API key")
        if (request.method, request.path) != ("POST", "/v1/speech-to-text"):
            raise ModelApiError(404, "not_found", "Not Found")
        check_scribe(request.body or {})
        fault = self.take_fault()
        if fault is not None and fault.kind == "quota":
            raise ModelApiError(401, "quota_exceeded", "This request exceeds your quota of 10000.")
        return await self.respond(wire, fault, self._transcript(request.body), None)

    def overloaded(self) -> ModelApiError:
        """Return the answer when the whole service is busy."""
        return ModelApiError(429, "system_busy", "We are experiencing heavy traffic.")

    def error_body(self, error: ModelApiError) -> Json:
        """Return ElevenLabs' error document."""
        return {"detail": {"status": error.kind, "message": error.message}}

    def error_event(self, path: str) -> Event:
        """Refuse: the endpoint has no stream."""
        raise NotImplementedError

    def _transcript(self, asked: dict[str, Any]) -> dict[str, Any]:
        items: list[dict[str, Any]] = []
        for sentence in self.heard:
            speaker = {"speaker_id": f"speaker_{sentence.speaker}" if asked.get("diarize") == "true" else None}
            if sentence.text.startswith("("):
                times = {"start": sentence.start_s, "end": sentence.end_s}
                items.append({"text": sentence.text, **times, "type": "audio_event", **speaker})
                continue
            for word, start_s, end_s in sentence.words:
                if items:
                    items.append({"text": " ", "start": start_s, "end": start_s, "type": "spacing", **speaker})
                times = {} if self.without_times else {"start": start_s, "end": end_s}
                items.append({"text": word, **times, "type": "word", **speaker, "logprob": -0.1})
        text = "".join(item["text"] for item in items)
        return {"language_code": self.language, "language_probability": 0.99, "text": text, "words": items}


def check_scribe(body: dict[str, Any]) -> None:
    """Refuse what ElevenLabs refuses.

    Raises:
        ModelApiError: 422 for fields that do not fit, 400 otherwise.
    """
    for name in body.keys() - SCRIBE_FIELDS:
        raise ModelApiError(422, "invalid_field", f"{name}: unknown field")
    if body.get("model_id") not in SCRIBE_MODELS:
        raise ModelApiError(400, "invalid_model_id", f"'{body.get('model_id')}' is not a valid model_id.")
    if not isinstance(body.get("file"), Upload) or not body["file"].size_bytes:
        raise ModelApiError(400, "invalid_file", "Exactly one of file or cloud_storage_url must be provided.")
    if body.get("timestamps_granularity", "word") not in {"none", "word", "character"}:
        raise ModelApiError(422, "invalid_field", "timestamps_granularity: not one of none, word, character")
    for name in ("diarize", "tag_audio_events"):
        if body.get(name, "true") not in {"true", "false"}:
            raise ModelApiError(422, "invalid_field", f"{name}: not a boolean")
    if "language_code" in body and not _TWO_OR_THREE_LETTERS.fullmatch(body["language_code"]):
        raise ModelApiError(400, "unsupported_language", f"'{body['language_code']}' is not a language.")
    _check_keyterms(body)


def _check_keyterms(body: dict[str, Any]) -> None:
    given = body.get("keyterms", [])
    terms = given if isinstance(given, list) else [given]
    if terms and body["model_id"] == "scribe_v1":
        raise ModelApiError(400, "invalid_parameters", "keyterms are only supported by scribe_v2.")
    if len(terms) > MOST_KEYTERMS or any(len(term) >= 50 or len(term.split()) > 5 for term in terms):
        raise ModelApiError(422, "invalid_field", "keyterms: at most 100, each below 50 characters and 5 words")


def _whisper_segment(number: int, sentence: Heard) -> dict[str, Any]:
    guessed = {"seek": 0, "tokens": [50364], "temperature": 0.0, "avg_logprob": -0.2}
    timed = {**_timed(sentence), "text": f" {sentence.text}"}
    return {"id": number, **timed, **guessed, "compression_ratio": 1.2, "no_speech_prob": 0.01}


def _timed(sentence: Heard) -> dict[str, Any]:
    return {"start": sentence.start_s, "end": sentence.end_s, "text": sentence.text}


def _invalid(message: str, param: str) -> ModelApiError:
    return ModelApiError(400, "invalid_request_error", message, param)
