"""A fake of OpenAI's API: responses, chat completions, embeddings and the list of models."""

import base64
import hashlib
import math
import re
import struct
import time
from typing import Any, Final

from aiohttp import web

from tests.wire.fake_models import (
    Answer,
    Event,
    Json,
    ModelApiError,
    ModelRequest,
    ModelServer,
    RecordedRequest,
    Refusal,
    estimated_tokens,
    labelled_lines,
    pieces,
    question_in,
    written,
)
from tests.wire.fake_models_schema import strictness_problems

CHAT_MODELS: Final = ("gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-sol", "gpt-6-luna", "gpt-5.6-luna")
EMBEDDING_DIMENSIONS: Final = {
    "text-embedding-ada-002": 1536,
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
}
MAX_INPUTS: Final = 2048
MAX_TOKENS_AN_INPUT: Final = 8192
MAX_TOKENS_A_REQUEST: Final = 300_000
MIN_OUTPUT_TOKENS: Final = 16
RESPONSE_PARAMETERS: Final = frozenset(
    {
        "model", "input", "instructions", "max_output_tokens", "metadata", "stream", "stream_options", "store",
        "text", "tools", "tool_choice", "temperature", "top_p", "reasoning", "service_tier", "user", "include",
        "truncation", "parallel_tool_calls", "previous_response_id", "prompt_cache_key", "safety_identifier",
        "background",
    }
)  # fmt: skip
CHAT_PARAMETERS: Final = frozenset(
    {
        "model", "messages", "max_completion_tokens", "max_tokens", "metadata", "stream", "stream_options", "store",
        "response_format", "tools", "tool_choice", "temperature", "top_p", "reasoning_effort", "service_tier", "user",
        "n", "stop", "seed", "presence_penalty", "frequency_penalty", "prompt_cache_key", "safety_identifier",
        "verbosity",
    }
)  # fmt: skip


class FakeOpenAI(ModelServer):
    """Serves OpenAI's paths below ``/v1``; ``base_url`` ends with it."""

    def __init__(self, api_key: str = "test-key") -> None:
        super().__init__(api_key)
        self.models: dict[str, str | None] = {
            **dict.fromkeys(CHAT_MODELS),
            "gpt-4o-mini": "2027-01-14",
            **dict.fromkeys(EMBEDDING_DIMENSIONS),
        }

    @property
    def base_url(self) -> str:
        """The address as the SDK takes it."""
        return f"{self.root_url}/v1"

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        """Answer a request.

        Raises:
            ModelApiError: what OpenAI would refuse.
        """
        self.check_key(request)
        if request.method == "GET" and request.path == "/v1/models":
            return web.json_response(self._models())
        if request.method == "POST" and request.path == "/v1/embeddings":
            return await self.respond(wire, self.take_fault(), self._embeddings(request.body), None)
        if request.method == "POST" and request.path in {"/v1/responses", "/v1/chat/completions"}:
            return await self._answer(request, wire)
        raise ModelApiError(404, "not_found", f"Invalid URL ({request.method} {request.path})")

    def check_key(self, request: RecordedRequest) -> None:
        """Refuse another key than the server's.

        Raises:
            ModelApiError: 401, as OpenAI answers.
        """
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            message = "Incorrect API key provided. You can find your API key in your account."
            raise ModelApiError(401, "invalid_api_key", message)

    async def _answer(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        is_chat = request.path.endswith("completions")
        self._check_model(request.body)
        (check_chat_request if is_chat else check_response_request)(request.body)
        asked = read_chat(request.body) if is_chat else read_response(request.body)
        fault = self.take_fault()
        answer = self.scripted(asked, fault)
        whole = _completion(asked, answer) if is_chat else _response(asked, answer)
        if fault is not None and fault.kind == "truncate":
            (_truncate_completion if is_chat else _truncate_response)(whole)
        events = (completion_events if is_chat else response_events)(whole, asked.body)
        return await self.respond(wire, fault, whole, events if asked.streams else None)

    def _check_model(self, body: Json) -> None:
        name = body.get("model")
        if not name:
            raise _invalid("you must provide a model parameter", "model", "missing_required_parameter")
        if name not in self.models:
            message = f"The model '{name}' does not exist or you do not have access to it."
            raise ModelApiError(404, "model_not_found", message, "model")

    def _models(self) -> Json:
        listed = [
            {"id": name, "object": "model", "created": 1790000000, "owned_by": "openai", "shutdown_date": ends}
            for name, ends in self.models.items()
        ]
        return {"object": "list", "data": listed}

    def _embeddings(self, body: Json) -> Json:
        self._check_model(body)
        inputs = _embedding_inputs(body)
        size = body.get("dimensions") or EMBEDDING_DIMENSIONS[body["model"]]
        as_bytes = body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _encoded(embedding_of(text, size), as_bytes)}
            for index, text in enumerate(inputs)
        ]
        tokens = sum(map(estimated_tokens, inputs))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body["model"], "usage": usage}

    def overloaded(self) -> ModelApiError:
        """Return the answer over the rate limit."""
        return ModelApiError(429, "rate_limit_exceeded", "Rate limit reached for requests.")

    def error_body(self, error: ModelApiError) -> Json:
        """Return OpenAI's error document."""
        kind = "server_error" if error.status >= 500 else "invalid_request_error"
        shown = {"message": error.message, "type": kind, "param": error.param, "code": error.kind}
        return {"error": shown}

    def error_event(self, path: str) -> Event:
        """Return the error of a stream that fails after status 200."""
        failed = ModelApiError(500, "server_error", "The server had an error.")
        if path.endswith("completions"):
            return None, self.error_body(failed)
        said = {"code": failed.kind, "message": failed.message, "param": None, "sequence_number": 99}
        return "error", {"type": "error", **said}


def embedding_of(text: str, size: int) -> list[float]:
    """Return a vector of length 1 in which texts that share words are close."""
    vector = [0.0] * size
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = hashlib.sha256(word.encode()).digest()
        for start in range(0, 16, 4):
            (number,) = struct.unpack_from("<I", digest, start)
            vector[number % size] += 1.0 if number & 1 << 31 else -1.0
    norm = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / norm for value in vector]


def check_response_request(body: Json) -> None:
    """Refuse what the Responses API refuses.

    Raises:
        ModelApiError: 400 with OpenAI's code.
    """
    _check_parameters(body, RESPONSE_PARAMETERS)
    if not body.get("input"):
        raise _invalid("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    if body.get("max_output_tokens", MIN_OUTPUT_TOKENS) < MIN_OUTPUT_TOKENS:
        message = "Invalid 'max_output_tokens': integer below minimum value."
        raise _invalid(message, "max_output_tokens", "integer_below_min_value")
    _check_format((body.get("text") or {}).get("format"), "text.format")


def check_chat_request(body: Json) -> None:
    """Refuse what the chat completions API refuses.

    Raises:
        ModelApiError: 400 with OpenAI's code.
    """
    _check_parameters(body, CHAT_PARAMETERS)
    if not body.get("messages"):
        raise _invalid("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if "max_tokens" in body and _reasons(body["model"]):
        message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise _invalid(f"Unsupported parameter: {message}", "max_tokens", "unsupported_parameter")
    response_format = body.get("response_format") or {}
    if response_format.get("type") == "json_schema":
        inner = response_format.get("json_schema", {})
        _check_format({"type": "json_schema", **inner}, "response_format")


def _check_parameters(body: dict[str, Any], known: frozenset[str]) -> None:
    for name in body.keys() - known:
        raise _invalid(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    if body.get("temperature", 1) != 1 and _reasons(body["model"]):
        message = "Unsupported parameter: 'temperature' is not supported with this model."
        raise _invalid(message, "temperature", "unsupported_parameter")


def _reasons(model: str) -> bool:
    return model.startswith(("gpt-5", "gpt-6", "o"))


def _check_format(wanted: dict[str, Any] | None, where: str) -> None:
    if not wanted or wanted.get("type") != "json_schema":
        return
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(wanted.get("name", ""))):
        raise _invalid(f"Missing or invalid '{where}.name'.", f"{where}.name", "invalid_value")
    problems = strictness_problems(wanted.get("schema", {})) if wanted.get("strict") else []
    if problems:
        message = f"Invalid schema for response_format '{wanted['name']}': {problems[0]}"
        raise _invalid(message, f"{where}.schema", "invalid_json_schema")


def read_response(body: dict[str, Any]) -> ModelRequest:
    """Return what a Responses request asks and offers."""
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    schema = ((body.get("text") or {}).get("format") or {}).get("schema")
    return _read(body, items, schema)


def read_chat(body: dict[str, Any]) -> ModelRequest:
    """Return what a chat completion request asks and offers."""
    schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("schema")
    return _read(body, body["messages"], schema)


def _read(body: dict[str, Any], items: list[dict[str, Any]], schema: dict[str, Any] | None) -> ModelRequest:
    texts = [_text_of(item.get("content", "")) for item in items]
    evidence = labelled_lines("\n".join([str(body.get("instructions") or ""), *texts]))
    return ModelRequest(body["model"], question_in(texts[-1]), evidence, schema, bool(body.get("stream")), body)


def _text_of(content: Json) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


def _embedding_inputs(body: dict[str, Any]) -> list[str]:
    given = body.get("input")
    inputs = [given] if isinstance(given, str) else given
    if not inputs or not all(isinstance(text, str) and text for text in inputs):
        raise _invalid("'$.input' is invalid: an empty input cannot be embedded.", "input", "invalid_value")
    if len(inputs) > MAX_INPUTS:
        raise _invalid(f"'$.input' is too long: at most {MAX_INPUTS} inputs.", "input", "array_above_max_length")
    tokens = [estimated_tokens(text) for text in inputs]
    if max(tokens) > MAX_TOKENS_AN_INPUT:
        raise _invalid("This model's maximum context length is 8192 tokens.", "input", "context_length_exceeded")
    if sum(tokens) > MAX_TOKENS_A_REQUEST:
        raise _invalid("Requested too many tokens: at most 300000 a request.", "input", "max_tokens_per_request")
    if "dimensions" in body and body["model"] == "text-embedding-ada-002":
        raise _invalid("This model does not support specifying dimensions.", "dimensions", "unsupported_parameter")
    if body.get("dimensions", 1) > EMBEDDING_DIMENSIONS.get(body["model"], 0):
        raise _invalid("Invalid value for 'dimensions'.", "dimensions", "invalid_value")
    return list(inputs)


def _encoded(vector: list[float], as_bytes: bool) -> str | list[float]:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if as_bytes else vector


def _response(asked: ModelRequest, answer: Answer | Refusal) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        part: dict[str, Any] = {"type": "refusal", "refusal": answer.text}
        text = answer.text
    else:
        text = written(answer, asked.schema)
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_fake", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    used, made = estimated_tokens(asked.body), estimated_tokens(text)
    return {
        "id": "resp_fake",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": asked.body.get("instructions"),
        "metadata": {},
        "model": asked.model,
        "output": [item],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": used,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used + made,
        },
    }


def _truncate_response(whole: dict[str, Any]) -> None:
    whole |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    item = whole["output"][0]
    item["status"] = "incomplete"
    item["content"][0]["text"] = item["content"][0]["text"][:20]


def _truncate_completion(whole: dict[str, Any]) -> None:
    choice = whole["choices"][0]
    choice["finish_reason"] = "length"
    choice["message"]["content"] = choice["message"]["content"][:20]


_NO_TEXT: Final[dict[str, Any]] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def response_events(whole: dict[str, Any], _: dict[str, Any]) -> list[Event]:
    """Return a whole response as the events of its stream; one that came to nothing has no output."""
    item: dict[str, Any] = {"id": "msg_fake", "type": "message", "content": [_NO_TEXT]}
    item |= whole["output"][0] if whole["output"] else {}
    part = item["content"][0]
    field, text = ("refusal", part["refusal"]) if part["type"] == "refusal" else ("text", part["text"])
    kind = "response.refusal" if field == "refusal" else "response.output_text"
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    extra: dict[str, Any] = {} if field == "refusal" else {"logprobs": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": {**part, field: ""}},
        *({"type": f"{kind}.delta", **place, "delta": piece, **extra} for piece in pieces(text)),
        {"type": f"{kind}.done", **place, field: text, **extra},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": f"response.{whole['status']}", "response": whole},
    ]
    return [(event["type"], {**event, "sequence_number": number}) for number, event in enumerate(events)]


def _completion(asked: ModelRequest, answer: Answer | Refusal) -> dict[str, Any]:
    refused = isinstance(answer, Refusal)
    text = answer.text if isinstance(answer, Refusal) else written(answer, asked.schema)
    message = {"role": "assistant", "content": None if refused else text, "refusal": text if refused else None}
    used, made = estimated_tokens(asked.body), estimated_tokens(text)
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made},
    }


def completion_events(whole: dict[str, Any], body: dict[str, Any]) -> list[Event]:
    """Return a whole completion as the chunks of its stream."""
    message = whole["choices"][0]["message"]
    field = "content" if message["refusal"] is None else "refusal"
    shell = {key: whole[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", field: ""}, None)]
    deltas += [({field: piece}, None) for piece in pieces(message[field])]
    deltas.append(({}, whole["choices"][0]["finish_reason"]))
    chunks = [
        {**shell, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]}
        for delta, reason in deltas
    ]
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**shell, "choices": [], "usage": whole.get("usage")})
    return [(None, chunk) for chunk in chunks] + [(None, "[DONE]")]


def _invalid(message: str, param: str, code: str) -> ModelApiError:
    return ModelApiError(400, code, message, param)
