"""Tells what an uploaded file is by looking into it."""

from pathlib import Path

from adapters.sources.decoding import beginning
from adapters.sources.links import classify
from adapters.sources.media import probe
from adapters.sources.timed_text import holds_timed_text
from core.errors import UploadRefused
from core.library.media import Media
from core.library.origins import LinkKind

NO_KIND = (
    "I cannot read {name}. Videos and recordings, PDF, Word, PowerPoint, text, Markdown and HTML files work, and "
    "captions as .vtt or .srt."
)


class LocalFileKinds:
    """See :class:`core.library.intake.FileKinds`."""

    def holds_timed_text(self, name: str, first_bytes: bytes) -> bool:
        """Whether it is captions or another timed text."""
        return holds_timed_text(name, first_bytes)

    def kind_of_file(self, name: str, first_bytes: bytes) -> LinkKind:
        """Whether it is a media file or a document."""
        try:
            kind = classify("", "", first_bytes)
        except UploadRefused:
            if beginning(first_bytes) is None:
                raise UploadRefused(NO_KIND.format(name=name)) from None
            return LinkKind.DOCUMENT
        return LinkKind.MEDIA if kind is LinkKind.MEDIA else LinkKind.DOCUMENT

    async def probe(self, path: Path) -> Media:
        """What a media file holds."""
        return await probe(path)
