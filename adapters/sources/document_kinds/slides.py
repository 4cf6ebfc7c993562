"""PPTX: what is on each slide, its title first, and what its speaker noted."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, Final, TypeAlias

from adapters.sources.written import Paragraph, Written, given_title, tidy
from core.errors import UploadRefused
from core.library.transcript import LocatorKind

Shape: TypeAlias = Any
"""A slide or something on it: the library types their many kinds only in part."""
MAX_SLIDES: Final = 2_000
NOTE: Final = "Speaker notes:"


def read_slides(package: BytesIO) -> Written:
    """Return what a PPTX shows; slides that are hidden in the show keep their number and stay out.

    Raises:
        UploadRefused: it has more than 2,000 slides.
    """
    from pptx import Presentation

    deck = Presentation(package)
    if len(deck.slides) > MAX_SLIDES:
        raise UploadRefused(f"The deck has more than {MAX_SLIDES:,} slides. Split it into parts.")
    shown = [
        (number, list(_slide(slide)))
        for number, slide in enumerate(deck.slides, 1)
        if slide.element.get("show") not in {"0", "false"}
    ]
    paragraphs = [Paragraph(text, str(number)) for number, texts in shown for text in texts if tidy(text)]
    first = paragraphs[0].text if paragraphs else ""
    return Written(tuple(paragraphs), LocatorKind.SLIDE, given_title(deck.core_properties.title) or first)


def _slide(slide: Shape) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None:
        yield " ".join(_lines(title.text_frame))
    for shape in _flat(slide.shapes):
        if title is None or shape.element is not title.element:
            yield from _shape(shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        for line in _lines(slide.notes_slide.notes_text_frame):
            yield f"{NOTE} {line}"


def _flat(shapes: Iterable[Shape]) -> Iterator[Shape]:
    from pptx.shapes.group import GroupShape

    for shape in shapes:
        if isinstance(shape, GroupShape):
            yield from _flat(shape.shapes)
        elif not _is_furniture(shape):
            yield shape


def _is_furniture(shape: Shape) -> bool:
    """Tell the date, the footer and the number, which stand on every slide."""
    from pptx.enum.shapes import PP_PLACEHOLDER

    furniture = {PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER}
    return bool(shape.is_placeholder and shape.placeholder_format.type in furniture)


def _shape(shape: Shape) -> Iterator[str]:
    if shape.has_text_frame:
        yield from _lines(shape.text_frame)
    elif shape.has_table:
        for row in shape.table.rows:
            cells = (tidy(cell.text_frame.text) for cell in row.cells if not cell.is_spanned)
            yield ", ".join(filter(None, cells))


def _lines(frame: Shape) -> Iterator[str]:
    return (text for paragraph in frame.paragraphs if (text := tidy(paragraph.text)))
