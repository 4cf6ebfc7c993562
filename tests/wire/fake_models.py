"""What both fake model servers share: recording, scripted answers and things that go wrong.

    async with FakeAnthropic() as server:
        server.answer_with(say("Gravity pulls.", "S2"))   # or any function of a ModelRequest
        server.overload(times=1)
        ...the SDK with ``base_url=server.base_url`` and ``api_key=server.api_key``...
        server.requests[-1].body

Evidence is numbered ``S1``, ``S2``, ... over the whole request: on Anthropic over the blocks of all documents,
elsewhere as the prompt itself labels its lines. A script that answers with a label makes the server cite
that evidence in the vendor's own way.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from aiohttp import web

from tests.wire.fake_models_schema import fill_schema

Json: TypeAlias = Any  # whatever a JSON document holds
Event = tuple[str | None, Json]

_LABELLED_LINE: Final = re.compile(
    r"""(?m)^[\W_]*(?:(?:\w+\s+)?\w+=["'])?(S\d+)\b["'\]):.>|\s-]+(\S.*?)(?:</\w+>)?\s*$"""
)
_SENTINEL: Final = re.compile(r"\b[A-Z]+_[A-Z_]+\b")
_WORD: Final = re.compile(r"\w+")
_UNIMPORTANT: Final = frozenset({
    "a", "an", "and", "are", "at", "be", "by", "do", "does", "for", "how", "i", "in", "is", "it", "of", "on", "or",
    "that", "the", "to", "what", "why",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that the request offers for citing; the positions are Anthropic's."""

    label: str
    text: str
    document: int = 0
    block: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the answer and the labels that it cites."""

    text: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request in words that fit both vendors."""

    model: str
    question: str
    evidence: list[Evidence]
    schema: dict[str, Any] | None
    streams: bool
    body: dict[str, Any] = field(repr=False, default_factory=dict)

    def text_of(self, label: str) -> str | None:
        """Return the evidence under a label."""
        return next((e.text for e in self.evidence if e.label == label), None)


Answer = str | Claim | list[Claim] | dict[str, Any]
Script = Callable[[ModelRequest], Answer]


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: Json


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model declines in the vendor's own way."""

    text: str = "I can't help with that."


class ModelApiError(Exception):
    """An error answer: status, the vendor's kind of error, and its message."""

    def __init__(self, status: int, kind: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.param = param


@dataclass(slots=True)
class Fault:
    """What goes wrong, and how many times more; None: until ``recover``."""

    kind: str
    times: int | None
    after_events: int = 0
    retry_after_s: float = 0.0
    after_text: str = ""
    error: ModelApiError | None = None

    def stops_before(self, number: int, written: str) -> bool:
        """Whether a stream ends before its event of this number, after so much text."""
        return self.after_text in written if self.after_text else number >= self.after_events


# Ready-made scripts.


def quote_best(request: ModelRequest) -> Answer:
    """Quote the evidence that shares most words with the question, and cite it."""
    return _quotes(request, 1) or not_covered(request)


def quote_best_two(request: ModelRequest) -> Answer:
    """Quote the two best pieces of evidence, each as a claim of its own."""
    return _quotes(request, 2) or not_covered(request)


def _quotes(request: ModelRequest, count: int) -> list[Claim]:
    wanted = _words(request.question)
    ranked = sorted(request.evidence, key=lambda e: len(wanted & _words(e.text)), reverse=True)
    return [Claim(e.text, (e.label,)) for e in ranked[:count]]


def not_covered(request: ModelRequest) -> Answer:
    """Say that the evidence does not answer: no claims by a schema, else the word in capitals of the prompt."""
    if request.schema is not None:
        return []
    told = _SENTINEL.search(str(request.body.get("system") or request.body.get("instructions") or ""))
    return Claim(told.group() if told else "The material does not say.")


def say(text: str, *labels: str) -> Script:
    """Return a script that says ``text`` and cites ``labels`` (also ones that do not exist)."""
    return lambda request: Claim(text, labels)


def unsupported(request: ModelRequest) -> Answer:
    """Claim what no evidence says, under a label that does exist."""
    labels = tuple(e.label for e in request.evidence[:1])
    return Claim("Exactly 4711 penguins were never counted by Zebulon.", labels)


def nonsense(request: ModelRequest) -> Answer:
    """Write something that follows neither schema nor grammar."""
    return '}{ "claims": [ %% \x00 https://evil.example @everyone <b>'


class ModelServer:
    """An HTTP server on loopback with scripted answers; the vendors' rules are in the subclasses."""

    overload_status: int = 429

    def __init__(self, api_key: str = "test-key") -> None:
        self.api_key = api_key
        self.requests: list[RecordedRequest] = []
        self.root_url = ""
        self.takes_s = 0.0
        """How long a stream takes from its first event to its last."""
        self.go_on = asyncio.Event()
        self.sent: list[tuple[float, str]] = []
        """When each event of the last stream went out, by ``time.perf_counter``, with the text so far."""
        self._script: Script = quote_best
        self._faults: list[Fault] = []
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """The address as the vendor's SDK takes it."""
        return self.root_url

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen on loopback."""
        app = web.Application(client_max_size=50_000_000)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.root_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening; whoever hangs is cut off."""
        if self._runner is not None:
            await self._runner.cleanup()

    # What tests script and break. Faults apply to answers (messages, responses, completions), in order.

    def answer_with(self, script: Script) -> None:
        """Answer from now on with what ``script`` returns for the request."""
        self._script = script

    def hang(self, times: int | None = None) -> None:
        """Never answer (until ``recover``, or for a number of requests)."""
        self._faults.append(Fault("hang", times))

    def overload(self, times: int | None = 1, retry_after_s: float = 0.01) -> None:
        """Answer 529 (Anthropic) or 429 (OpenAI) with ``retry-after``; the SDKs themselves try 3 times."""
        self._faults.append(Fault("overload", times, retry_after_s=retry_after_s))

    def fail(self, times: int | None = 1) -> None:
        """Answer 500."""
        self._faults.append(Fault("fail", times, retry_after_s=0.01))

    def cut_stream(self, after_events: int = 3, times: int | None = 1, *, after_text: str = "") -> None:
        """Drop the connection in the middle of a stream, at an event or after a text (or before a whole answer)."""
        self._faults.append(Fault("cut", times, after_events, after_text=after_text))

    def error_in_stream(self, after_events: int = 3, times: int | None = 1, *, after_text: str = "") -> None:
        """Send an error event in a stream that began with status 200."""
        self._faults.append(Fault("error_event", times, after_events, after_text=after_text))

    def hang_in_stream(self, after_events: int = 3, times: int | None = 1, *, after_text: str = "") -> None:
        """Fall silent in the middle of a stream, until ``recover``."""
        self._faults.append(Fault("silence", times, after_events, after_text=after_text))

    def pause_stream(self, after_text: str) -> asyncio.Event:
        """Wait in the middle of the next stream, once a text was sent, for the event that is returned."""
        self._faults.append(Fault("pause", 1, after_text=after_text))
        self.go_on = asyncio.Event()
        return self.go_on

    def answer_status(
        self, status: int, kind: str, message: str = "No.", *, times: int | None = None, retry_after_s: float = 0.0
    ) -> None:
        """Answer with an error status in the vendor's form."""
        error = ModelApiError(status, kind, message)
        self._faults.append(Fault("status", times, retry_after_s=retry_after_s, error=error))

    def say_nothing(self, times: int | None = 1) -> None:
        """Let the model end its answer without a word."""
        self._faults.append(Fault("empty", times))

    def refuse(self, times: int | None = 1) -> None:
        """Let the model decline in the vendor's own way."""
        self._faults.append(Fault("refuse", times))

    def truncate(self, times: int | None = 1) -> None:
        """Let the model run out of tokens in the middle of its answer."""
        self._faults.append(Fault("truncate", times))

    def garbage(self, times: int | None = 1) -> None:
        """Let the model write something that follows no schema."""
        self._faults.append(Fault("garbage", times))

    def garbage_body(self, times: int | None = 1) -> None:
        """Answer 200 with a body that is not JSON, as a broken proxy does."""
        self._faults.append(Fault("garbage_body", times))

    def recover(self) -> None:
        """Take back everything that was to go wrong."""
        self._faults.clear()

    def requests_to(self, path: str) -> list[RecordedRequest]:
        """Return the recorded requests whose path ends so, e.g. ``/messages``."""
        return [request for request in self.requests if request.path.endswith(path)]

    # The vendors' side.

    async def read_body(self, wire: web.Request) -> Json:
        """Return what a request carries.

        Raises:
            ValueError: it cannot be read.
        """
        return await wire.json()

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        """Answer a request.

        Raises:
            ModelApiError: what the vendor would refuse.
        """
        raise NotImplementedError

    def error_body(self, error: ModelApiError) -> Json:
        """Return the vendor's error document."""
        raise NotImplementedError

    def error_event(self, path: str) -> Event:
        """Return the vendor's event for a failure in the middle of a stream of this path."""
        raise NotImplementedError

    # Serving.

    async def _serve(self, wire: web.Request) -> web.StreamResponse:
        try:
            body = await self.read_body(wire) if wire.can_read_body else None
            request = RecordedRequest(wire.method, wire.path, _lower(wire), body)
            self.requests.append(request)
            return await self.route(request, wire)
        except ModelApiError as error:
            return self._error(error)
        except ValueError:
            return self._error(ModelApiError(400, "invalid_request_error", "The body is not valid JSON."))

    def _error(self, error: ModelApiError, retry_after_s: float = 0.0) -> web.Response:
        headers = {"x-request-id": "req_fake", "request-id": "req_fake"}
        if retry_after_s:
            headers |= {"retry-after": str(max(1, round(retry_after_s)))}
            headers |= {"retry-after-ms": str(round(retry_after_s * 1000))}
        return web.json_response(self.error_body(error), status=error.status, headers=headers)

    def scripted(self, request: ModelRequest, fault: Fault | None) -> Answer | Refusal:
        """Return what the model says to a request."""
        if fault is not None and fault.kind == "refuse":
            return Refusal()
        if fault is not None and fault.kind in {"garbage", "empty"}:
            return nonsense(request) if fault.kind == "garbage" else ""
        return self._script(request)

    def take_fault(self) -> Fault | None:
        """Return what goes wrong this time."""
        if not self._faults:
            return None
        fault = self._faults[0]
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._faults.pop(0)
        return fault

    async def respond(
        self, wire: web.Request, fault: Fault | None, whole: Json, events: list[Event] | None
    ) -> web.StreamResponse:
        """Send an answer as a whole or as events, or let it go wrong."""
        kind = fault.kind if fault is not None else ""
        retry_after_s = fault.retry_after_s if fault is not None else 0.0
        if kind == "hang":
            await asyncio.Event().wait()
        if kind == "overload":
            return self._error(self.overloaded(), retry_after_s)
        if fault is not None and (kind == "fail" or fault.error):
            failed = fault.error or ModelApiError(500, "api_error", "Internal server error")
            return self._error(failed, retry_after_s)
        if kind == "garbage_body":
            return web.Response(text="<html>Bad gateway</html>", content_type="application/json")
        if kind == "cut" and events is None:
            return _cut(wire, web.Response())
        if events is None:
            return web.json_response(whole, headers={"request-id": "req_fake", "x-request-id": "req_fake"})
        return await self._stream(wire, fault, events)

    def overloaded(self) -> ModelApiError:
        """Return the vendor's answer when it is busy."""
        return ModelApiError(self.overload_status, "overloaded_error", "Overloaded")

    def preamble(self) -> bytes:
        """Return what a stream begins with, before any event."""
        return b""

    async def _stream(self, wire: web.Request, fault: Fault | None, events: list[Event]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(wire)
        await response.write(self.preamble())
        self.sent.clear()
        written, stops = "", fault if fault is not None and fault.kind in STOPPING else None
        for number, event in enumerate(events):
            if stops is not None and stops.stops_before(number, written):
                if await self._stopped(stops.kind, wire, response):
                    return response
                stops = None
            await asyncio.sleep(self.takes_s / len(events))
            await response.write(_sse(event))
            written += text_in(event)
            self.sent.append((time.perf_counter(), written))
        await response.write_eof()
        return response

    async def _stopped(self, kind: str, wire: web.Request, response: web.StreamResponse) -> bool:
        """Let a stream go wrong; False where it goes on after a while."""
        if kind == "silence":
            await asyncio.Event().wait()
        if kind == "pause":
            await self.go_on.wait()
            return False
        if kind == "cut":
            _cut(wire, response)
            return True
        await response.write(_sse(self.error_event(wire.path)))
        await response.write_eof()
        return True


STOPPING: Final = frozenset({"cut", "error_event", "silence", "pause"})


def text_in(event: Event) -> str:
    """The piece of the answer's text that an event of any vendor brings."""
    _, data = event
    if not isinstance(data, dict):
        return ""
    if choices := data.get("choices"):
        return str(choices[0]["delta"].get("content") or "")
    delta = data.get("delta")
    return delta if isinstance(delta, str) else str((delta or {}).get("text") or "")


def claims_of(answer: Answer) -> list[Claim]:
    """Return an answer as claims."""
    if isinstance(answer, Claim):
        return [answer]
    if isinstance(answer, list):
        return answer
    return [Claim(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False))]


def written(answer: Answer, schema: dict[str, Any] | None) -> str:
    """Return the text that a model writes: by the schema where one was asked for, else with labels in brackets."""
    if isinstance(answer, dict):
        return json.dumps(answer, ensure_ascii=False)
    if isinstance(answer, str):
        return answer
    claims = claims_of(answer)
    if schema is not None:
        filled = fill_schema(schema, [(claim.text, list(claim.labels)) for claim in claims])
        return json.dumps(filled, ensure_ascii=False)
    return " ".join(claim.text + "".join(f" [{label}]" for label in claim.labels) for claim in claims)


def labelled_lines(text: str) -> list[Evidence]:
    """Read evidence out of a prompt: lines such as ``[S1] text``, ``S1: text`` or ``<s id="S1">text</s>``."""
    return [Evidence(label, found) for label, found in _LABELLED_LINE.findall(text)]


def question_in(text: str) -> str:
    """Return a prompt without its labelled lines."""
    return _LABELLED_LINE.sub("", text).strip()


def estimated_tokens(value: Json) -> int:
    """Estimate tokens as vendors bill them: about four characters each."""
    return max(1, len(json.dumps(value)) // 4)


def pieces(text: str) -> list[str]:
    """Cut a text into the pieces of a stream, in the middle of words too."""
    return [text[i : i + 11] for i in range(0, len(text), 11)] or [""]


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if word not in _UNIMPORTANT}


def _lower(wire: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in wire.headers.items()}


def _sse(event: Event) -> bytes:
    name, data = event
    shown = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {shown}\n\n".encode()


def _cut(wire: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if wire.transport is not None:
        wire.transport.abort()
    return response
