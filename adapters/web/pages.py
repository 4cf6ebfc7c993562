"""Pages as templates, and the headers that every response carries."""

from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from jinja2 import Environment, PackageLoader, StrictUndefined

from core.library.cards import clock

# Everything comes from files of ours, nothing is inline, and nobody may frame a page.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "Chronos",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

TEMPLATES: Final = Environment(
    loader=PackageLoader("adapters.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["clock"] = clock


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A signal handler: what protects a page goes on every response."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    caching = "no-cache" if request.path.startswith("/static/") else "no-store"
    response.headers.setdefault("Cache-Control", caching)


def page(template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: object) -> web.Response:
    """Render a template."""
    text = TEMPLATES.get_template(template).render(**values)
    return web.Response(text=text, status=status, content_type="text/html")


def notice(status: HTTPStatus, heading: str, words: str) -> web.Response:
    """A page that says one thing."""
    return page("notice.html", status=status, heading=heading, words=words)


@web.middleware
async def words_for_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say in words what the framework would say in a bare number."""
    try:
        response = await handler(request)
    except web.HTTPNotFound:
        return notice(HTTPStatus.NOT_FOUND, "Nothing here", "This address does not open anything.")
    except web.HTTPMethodNotAllowed as error:
        words = "This address is not used in that way."
        response = notice(HTTPStatus.METHOD_NOT_ALLOWED, "Not like this", words)
        response.headers["Allow"] = error.headers["Allow"]
    return response
