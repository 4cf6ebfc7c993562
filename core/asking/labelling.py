"""Evidence as a model reads it: numbered lines under their sources, which no text in them can close."""

from collections.abc import Iterator, Sequence
from typing import Final

from core.asking.writing import EvidenceSource
from core.richtext import one_line

LONGEST_TITLE: Final = 300


def labelled_evidence(sources: Sequence[EvidenceSource]) -> str:
    """Return the sentences as lines ``S1: ...`` under their sources."""
    return "\n".join(line for source in sources for line in _lines(source))


def harmless(text: str) -> str:
    """Keep a text from closing the source, or the quotation marks, that it stands in."""
    return one_line(text).replace("</", "< /").replace('"', "'")


def _lines(source: EvidenceSource) -> Iterator[str]:
    yield f'<source title="{harmless(source.title)[:LONGEST_TITLE]}">'
    for sentence in source.sentences:
        yield f"{sentence.label}: {harmless(sentence.text)}"
    yield "</source>"
