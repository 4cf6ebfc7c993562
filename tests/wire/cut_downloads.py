"""Files as the fakes hand them over: whole, or cut off on the way."""

from aiohttp import web


async def send_file(request: web.Request, content: bytes, cut_after: int | None = None) -> web.StreamResponse:
    """Announce all of ``content``, and send it, or hang up after ``cut_after`` bytes."""
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    response.content_length = len(content)
    await response.prepare(request)
    await response.write(content[:cut_after])
    if cut_after is not None and request.transport is not None:
        request.transport.close()
    return response
