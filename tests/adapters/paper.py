"""PDF files for tests: any letters of the basic plane, placed line by line, without a font in the file."""

from collections.abc import Sequence
from typing import Final

ANY_LETTER: Final = (
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap "
    "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def /CMapName /Any def /CMapType 2 def "
    "1 begincodespacerange <0000> <FFFF> endcodespacerange "
    "1 beginbfrange <0000> <FFFF> <0000> endbfrange endcmap end end"
)
FONT: Final = (
    "<< /Type /Font /Subtype /Type0 /BaseFont /Plain /Encoding /Identity-H /ToUnicode 4 0 R /DescendantFonts ["
    "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Plain /DW 500 /FontDescriptor 5 0 R "
    "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >>"
)
DESCRIPTOR: Final = (
    "<< /Type /FontDescriptor /FontName /Plain /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 900 "
    "/Descent -200 /CapHeight 700 /StemV 80 >>"
)
PICTURE: Final = "q 400 0 0 600 90 100 cm BI /W 1 /H 1 /CS /G /BPC 8 ID x EI Q"
LARGE: Final = "LARGE "
"""A line that begins so is twice as large."""
LINE_PT: Final = 14
PARAGRAPH_PT: Final = 26

Page = Sequence[str]


def pdf_of(*pages: Page, title: str = "", encrypted: bool = False) -> bytes:
    """A PDF with a page for each list of lines; an empty line begins a paragraph."""
    first_page = 7
    kids = " ".join(f"{first_page + 2 * number} 0 R" for number in range(len(pages)))
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        FONT,
        stream(ANY_LETTER),
        DESCRIPTOR,
        f"<< /Title <FEFF{hexadecimal(title)}> >>" if title else "<< >>",
    ]
    for number, page in enumerate(pages):
        parts.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {first_page + 2 * number + 1} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>"
        )
        parts.append(stream(drawn(page)))
    return _file(parts, encrypted=encrypted)


def drawn(lines: Page) -> str:
    """The page's drawing commands, from the top down."""
    commands, y = [], 780
    for line in lines:
        if line == PICTURE:
            commands.append(PICTURE)
        elif line:
            size, text = (20, line.removeprefix(LARGE)) if line.startswith(LARGE) else (10, line)
            commands.append(f"BT /F {size} Tf 72 {y} Td <{hexadecimal(text)}> Tj ET")
        y -= LINE_PT if line else PARAGRAPH_PT - LINE_PT
    return "\n".join(commands)


def stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"


def hexadecimal(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


def _file(parts: Sequence[str], *, encrypted: bool) -> bytes:
    body, places = "%PDF-1.7\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    lock = f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'5A' * 32}> /U <{'A5' * 32}> >> " if encrypted else ""
    size = len(parts) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R /Info 6 0 R {lock}/ID [<00> <00>] >>"
    return f"{body}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}\nstartxref\n{len(body)}\n%%EOF".encode()
