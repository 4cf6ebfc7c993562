"""A fake of whatever server there is: it answers every request with one given document."""

import json

from aiohttp import web

from tests.wire.fake_models import RecordedRequest
from tests.wire.fake_models_openai import FakeOpenAI


class Verbatim(FakeOpenAI):
    """Answers every request with ``document``."""

    document: object = None

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        """Send the document."""
        return web.Response(text=json.dumps(self.document), content_type="application/json")
