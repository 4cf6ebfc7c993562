"""Articles: the main text of a web page, without what surrounds it."""

from pathlib import Path
from typing import Any, Final

from adapters.sources.apart import Json
from adapters.sources.document_kinds.markup import language_of, parse_html, pieces_of, title_of
from adapters.sources.document_kinds.plain import decode
from adapters.sources.written import Written, read_apart, tidy_name, under_headings
from core.errors import UploadRefused
from core.library.transcript import Transcript

LEAST_LETTERS: Final = 250


async def read_article(html_bytes: bytes, url: str) -> Transcript:
    """Read the main text of a web page in a process of its own.

    Args:
        html_bytes: the page as its server sent it.
        url: where it stands; tells the extractor about its site.

    Returns:
        A segment for every paragraph, list item and row of a table, without times; its locator is the heading above,
        or "paragraph 3" where there is none yet. Title and language are the page's own, where it says them.

    Raises:
        UploadRefused: it is no page, or holds hardly any text; says what would work.
        ProviderError: reading failed in a way that is no fault of the page.
    """
    return await read_apart(f"{__name__}:read_page", html_bytes, url)


def read_page(path: str, url: str) -> Json:
    """Read the page at ``path``: what the child process runs.

    Raises:
        UploadRefused: as ``read_article``.
    """
    text = decode(Path(path).read_bytes())
    try:
        written = _main_text(text, url)
    except (UploadRefused, MemoryError):
        raise
    except Exception as error:  # the extractor lets anything pass that a broken page makes it stumble over
        raise _no_text() from error
    if sum(map(str.isalnum, "".join(paragraph.text for paragraph in written.paragraphs))) < LEAST_LETTERS:
        raise _no_text()
    return written.as_json()


def _main_text(text: str, url: str) -> Written:
    from trafilatura import bare_extraction

    tree = parse_html(text)
    if tree is None:
        raise _no_text()
    language, title = language_of(tree), tidy_name(title_of(tree))
    article: Any = bare_extraction(tree, url=url or None, with_metadata=True, include_comments=False)
    if article is None or article.body is None:
        raise _no_text()
    # The extractor's title lacks the name of the site, but now and then is that of a box on the page.
    main = tidy_name(article.title or "")
    return under_headings(pieces_of(article.body), main if main in title else title or main, language)


def _no_text() -> UploadRefused:
    return UploadRefused(
        "The page holds hardly any text of its own: it may need a login, or fill in its text with JavaScript. "
        "Open it in a browser, save it as PDF, and upload that."
    )
