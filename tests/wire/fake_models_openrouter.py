"""A fake of OpenRouter: chat completions with its own options, its way of failing and its cost figures."""

from typing import Final

from aiohttp import web

from tests.wire.fake_models import Event, Fault, Json, ModelApiError, RecordedRequest
from tests.wire.fake_models_openai import FakeOpenAI

OWN_OPTIONS: Final = ("provider", "models", "usage")
COST_USD: Final = 0.0042


class FakeOpenRouter(FakeOpenAI):
    """Serves ``/chat/completions`` below ``/v1``; a stream begins with a comment, and its usage names the cost."""

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        """Answer a request.

        Raises:
            ModelApiError: what OpenRouter would refuse.
        """
        if isinstance(request.body, dict):
            kept = {name: value for name, value in request.body.items() if name not in OWN_OPTIONS}
            request = RecordedRequest(request.method, request.path, request.headers, kept)
        return await super().route(request, wire)

    async def respond(
        self, wire: web.Request, fault: Fault | None, whole: Json, events: list[Event] | None
    ) -> web.StreamResponse:
        """Send an answer with its cost."""
        for _, event in events or ():
            if isinstance(event, dict) and event.get("usage"):
                event["usage"] = {**event["usage"], "cost": COST_USD}
        return await super().respond(wire, fault, whole, events)

    def preamble(self) -> bytes:
        """What keeps the connection alive while a model is looked for."""
        return b": OPENROUTER PROCESSING\n\n"

    def error_body(self, error: ModelApiError) -> Json:
        """Return OpenRouter's error document."""
        return {"error": {"code": error.status, "message": error.message}}

    def error_event(self, path: str) -> Event:
        """Return a chunk that fails after status 200."""
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        failed = self.error_body(ModelApiError(500, "server_error", "The server had an error."))
        chunk = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return None, {**chunk, "choices": [choice], **failed}
