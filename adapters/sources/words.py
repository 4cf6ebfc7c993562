"""Reads whatever holds words, told by its content: timed text, documents, pages, feeds."""

from adapters.sources.articles import read_article
from adapters.sources.documents import read_document
from adapters.sources.feeds import read_feed
from adapters.sources.timed_text import holds_timed_text, read_timed_text_apart
from core.errors import UploadRefused
from core.library.origins import Listing
from core.library.transcript import Transcript


class FileWords:
    """See :class:`core.library.source_reader.Words`."""

    async def read_captions(self, content: bytes) -> Transcript:
        """Read the captions of one video."""
        transcripts = await read_timed_text_apart("captions", content)
        if len(transcripts) != 1:
            raise UploadRefused("These captions are of several videos, so they cannot belong to this one.")
        return transcripts[0]

    async def read_file(self, name: str, content: bytes) -> Transcript:
        """Read timed text of one source, or a document."""
        if holds_timed_text(name, content):
            return await self.read_captions(content)
        return await read_document(name, content)

    async def read_article(self, content: bytes, link: str) -> Transcript:
        """Read the text of a web page."""
        return await read_article(content, link)

    async def read_feed(self, content: bytes, link: str) -> Listing:
        """Read what a feed lists."""
        return await read_feed(content, link)
