"""A fake of Anthropic's Messages API (version 2026-10-21) with its rules and its order of events."""

from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web

from tests.wire.fake_models import (
    Answer,
    Event,
    Evidence,
    Json,
    ModelApiError,
    ModelRequest,
    ModelServer,
    RecordedRequest,
    Refusal,
    claims_of,
    estimated_tokens,
    labelled_lines,
    pieces,
    question_in,
    written,
)

API_VERSION: Final = "2026-10-21"
PARAMETERS: Final = frozenset(
    {
        "model", "max_tokens", "messages", "system", "tools", "tool_choice", "stop_sequences", "metadata", "stream",
        "thinking", "output_config", "cache_control", "service_tier", "speed", "container", "inference_geo",
        "diagnostics", "user_profile_id", "workspace_id",
    }
)  # fmt: skip
SAMPLING: Final = ("temperature", "top_p", "top_k")
MAX_CACHE_BREAKPOINTS: Final = 4


class FakeAnthropic(ModelServer):
    """Serves ``POST /v1/messages`` and ``GET /v1/models``; ``base_url`` is the root."""

    overload_status = 529

    def __init__(self, api_key: str = "test-key") -> None:
        super().__init__(api_key)
        self.models = {
            "claude-opus-5-5": "active",
            "claude-sonnet-5-5": "active",
            "claude-haiku-5-5": "active",
            "claude-sonnet-4-5": "deprecated",
        }

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        """Answer a request.

        Raises:
            ModelApiError: what Anthropic would refuse.
        """
        self._check_headers(request)
        if request.method == "GET" and request.path == "/v1/models":
            return web.json_response(self._models())
        if request.method != "POST" or request.path != "/v1/messages":
            raise ModelApiError(404, "not_found_error", f"Not found: {request.path}")
        check_message_request(request.body, self.models)
        asked = read_request(request.body)
        fault = self.take_fault()
        answer = self.scripted(asked, fault)
        message = _message(asked, answer)
        if fault is not None and fault.kind == "truncate":
            last = message["content"][-1]
            last["text"] = last["text"][: len(last["text"]) // 2]
            message["stop_reason"] = "max_tokens"
        return await self.respond(wire, fault, message, message_events(message) if asked.streams else None)

    def _check_headers(self, request: RecordedRequest) -> None:
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            raise ModelApiError(401, "authentication_error", "invalid bearer token")
        if request.headers.get("anthropic-version") != API_VERSION:
            raise _invalid(f"anthropic-version: this server speaks {API_VERSION}")

    def _models(self) -> Json:
        listed = [
            {
                "type": "model",
                "id": name,
                "display_name": name.replace("-", " ").title(),
                "created_at": "2026-09-01T00:00:00Z",
                "lifecycle": lifecycle,
            }
            for name, lifecycle in self.models.items()
        ]
        return {"data": listed, "has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]}

    def error_body(self, error: ModelApiError) -> Json:
        """Return Anthropic's error document."""
        shown = {"type": error.kind, "message": error.message}
        return {"type": "error", "error": shown, "request_id": "req_fake"}

    def error_event(self, path: str) -> Event:
        """Return the event of a stream that fails after status 200."""
        return "error", self.error_body(self.overloaded())


def check_message_request(body: Json, models: dict[str, str]) -> None:
    """Refuse what Anthropic refuses.

    Raises:
        ModelApiError: 400 or 404.
    """
    if not isinstance(body, dict):
        raise _invalid("The body must be a JSON object.")
    for name in SAMPLING:
        if name in body:
            raise _invalid(f"{name}: sampling parameters are not supported in version {API_VERSION}")
    for name in body.keys() - PARAMETERS:
        raise _invalid(f"{name}: Extra inputs are not permitted")
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            raise _invalid(f"{name}: Field required")
    if models.get(body["model"], "retired") == "retired":
        raise ModelApiError(404, "not_found_error", f"model: {body['model']}")
    if not isinstance(body["max_tokens"], int) or body["max_tokens"] < 1:
        raise _invalid("max_tokens: Input should be greater than or equal to 1")
    _check_messages(body)
    _check_citations(body)
    breakpoints = str(body).count("'cache_control': {")
    if breakpoints > MAX_CACHE_BREAKPOINTS:
        raise _invalid(f"A maximum of 4 blocks with cache_control may be provided. Found {breakpoints}.")


def _check_messages(body: dict[str, Any]) -> None:
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        raise _invalid("messages: at least one message is required")
    if messages[0].get("role") != "user":
        raise _invalid("messages: first message must use the user role")
    for number, message in enumerate(messages):
        for block in _blocks(message["content"]):
            _check_block(f"messages.{number}", message["role"], block)


def _check_block(where: str, role: str, block: dict[str, Any]) -> None:
    kind = block.get("type")
    if kind == "document" and role == "assistant":
        raise _invalid(f"{where}: document blocks are not allowed in assistant turns")
    if kind == "text" and not block.get("text", "").strip():
        raise _invalid(f"{where}: text content blocks must contain non-whitespace text")
    if kind == "text" and role == "user" and block.get("citations"):
        raise _invalid(f"{where}: citations are not allowed on text blocks in user turns")
    if kind == "document":
        source = block.get("source", {})
        if source.get("type") == "content" and not _blocks(source.get("content", [])):
            raise _invalid(f"{where}: document content must not be empty")
        for inner in _blocks(source.get("content", [])) if source.get("type") == "content" else []:
            _check_block(where, "document", inner)


def _check_citations(body: dict[str, Any]) -> None:
    enabled = [bool(d.get("citations", {}).get("enabled")) for d in _documents(body)]
    if any(enabled) and not all(enabled):
        raise _invalid("citations must be enabled on all or none of the documents")
    if any(enabled) and (body.get("output_config") or {}).get("format"):
        raise _invalid("output_config.format cannot be used together with citations")


def read_request(body: dict[str, Any]) -> ModelRequest:
    """Return what a request asks and offers: blocks of its documents, or labelled lines of its prompt."""
    evidence: list[Evidence] = []
    for document, block in enumerate(_documents(body)):
        source = block["source"]
        inner = _blocks(source["content"]) if source.get("type") == "content" else []
        for number, part in enumerate(inner):
            evidence.append(Evidence(f"S{len(evidence) + 1}", part.get("text", ""), document, number))
    texts = [b["text"] for b in _blocks(body["messages"][-1]["content"]) if b.get("type") == "text"]
    prompt = "\n".join(texts)
    output_format = (body.get("output_config") or {}).get("format") or {}
    return ModelRequest(
        body["model"],
        question_in(prompt),
        evidence or labelled_lines(prompt),
        output_format.get("schema"),
        bool(body.get("stream")),
        body,
    )


def _documents(body: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = [block for message in body["messages"] for block in _blocks(message["content"])]
    return [block for block in blocks if block.get("type") == "document"]


def _blocks(content: Json) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _message(asked: ModelRequest, answer: Answer | Refusal) -> dict[str, Any]:
    content = [] if isinstance(answer, Refusal) else list(_content(asked, answer))
    text = "".join(block["text"] for block in content)
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": "refusal" if isinstance(answer, Refusal) else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": estimated_tokens(asked.body),
            "output_tokens": estimated_tokens(text),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _content(asked: ModelRequest, answer: Answer) -> Iterator[dict[str, Any]]:
    documents = _documents(asked.body)
    if isinstance(answer, str | dict) or not documents or not documents[0].get("citations", {}).get("enabled"):
        yield {"type": "text", "text": written(answer, asked.schema), "citations": None}
        return
    for number, claim in enumerate(claims_of(answer)):
        if number:
            yield {"type": "text", "text": " ", "citations": None}
        citations = [_citation(asked, documents, label) for label in claim.labels]
        yield {"type": "text", "text": claim.text, "citations": citations or None}


def _citation(asked: ModelRequest, documents: list[dict[str, Any]], label: str) -> dict[str, Any]:
    found = next((e for e in asked.evidence if e.label == label), None)
    # A label that does not exist becomes a pointer past the end, which a careful client must survive.
    place = found or Evidence(label, "", 0, int(label.removeprefix("S")) - 1)
    return {
        "type": "content_block_location",
        "cited_text": place.text,
        "document_index": place.document,
        "document_title": documents[place.document].get("title"),
        "start_block_index": place.block,
        "end_block_index": place.block + 1,
        "file_id": None,
    }


def message_events(message: dict[str, Any]) -> list[Event]:
    """Return a whole message as the events of its stream."""
    opened = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": opened}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        events += _block_events(index, block)
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    events.append({"type": "message_delta", "delta": ended, "usage": usage})
    events.append({"type": "message_stop"})
    return [(event["type"], event) for event in events]


def _block_events(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    started = {**block, "text": "", "citations": [] if block["citations"] else None}
    yield {"type": "content_block_start", "index": index, "content_block": started}
    deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    citations = [{"type": "citations_delta", "citation": found} for found in block["citations"] or []]
    # Citations may come before the text that they belong to; every second time they do.
    for delta in citations + deltas if index % 4 == 0 else deltas + citations:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _invalid(message: str) -> ModelApiError:
    return ModelApiError(400, "invalid_request_error", message)
