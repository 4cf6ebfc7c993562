"""Letters for names in any script: our own font first, then those of the machine, then plainer letters, then none."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final, TypeAlias

from PIL import ImageFont

from core.richtext import one_line

Font: TypeAlias = ImageFont.FreeTypeFont

ON_THE_MACHINE: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "msyh.ttc",
)
"""Fonts that lend what ours lacks, where they are installed."""
_MISSING: Final = "\U000f1234"
"""A character that no font has."""
_ELLIPSIS: Final = "…"
_ROMAN: Final = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяєіїґ",
        "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya ye i yi g".split(" "),
        strict=True,
    )
)
_PLAIN: Final = {"ß": "ss", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "\u0131": "i", "þ": "th", "ð": "d"}


@dataclass(frozen=True, slots=True)
class Run:
    """Letters that one font draws."""

    text: str
    font: Font


@lru_cache(maxsize=64)
def own_font(size_px: int) -> Font:
    """The font that every installation has; it knows English letters, figures and a few signs."""
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font


@lru_cache(maxsize=64)
def lent_fonts(size_px: int) -> tuple[Font, ...]:
    """The fonts of this machine that may lend letters."""
    return tuple(_installed(size_px))


def _installed(size_px: int) -> Iterator[Font]:
    for name in ON_THE_MACHINE:
        try:
            yield ImageFont.truetype(name, size_px)
        except OSError:
            continue


@lru_cache(maxsize=4096)
def _draws(font: Font, character: str) -> bool:
    """Whether a font has a character: what it lacks all looks the same."""
    return character.isspace() or bytes(font.getmask(character)) != bytes(font.getmask(_MISSING))


def runs_of(text: str, size_px: int, lent: Sequence[Font] | None = None) -> list[Run]:
    """A text on one line as runs of one font each; what no font draws is written plainer, or left out.

    Args:
        text: any text.
        size_px: the size of the letters.
        lent: the fonts beside our own; those of the machine where it is not given.
    """
    fonts = (own_font(size_px), *(lent_fonts(size_px) if lent is None else lent))
    chosen: list[tuple[str, Font]] = []
    for character in one_line(unicodedata.normalize("NFC", text)):
        if character == " " and (not chosen or chosen[-1][0] == " "):
            continue
        chosen += (
            _mark_on(character, chosen) if unicodedata.category(character)[0] == "M" else _drawn(character, fonts)
        )
    if chosen and chosen[-1][0] == " ":
        chosen.pop()
    return [
        Run("".join(letter for letter, _ in group), font) for font, group in groupby(chosen, lambda pair: pair[1])
    ]


def _mark_on(mark: str, before: Sequence[tuple[str, Font]]) -> list[tuple[str, Font]]:
    """A vowel sign or accent belongs to the letter before it; one on another only blots."""
    if not before or not _draws(before[-1][1], mark) or unicodedata.combining(before[-1][0]):
        return []
    return [(mark, before[-1][1])]


def _drawn(character: str, fonts: Sequence[Font]) -> list[tuple[str, Font]]:
    for font in fonts:
        if _draws(font, character):
            return [(character, font)]
    return [(letter, fonts[0]) for letter in _plainer(character) if _draws(fonts[0], letter)]


def _plainer(character: str) -> str:
    """The same letter without its accents, or in Roman letters where it is Cyrillic."""
    return "".join(_roman(part) for part in (character if character.lower() in _ROMAN else _parts(character)))


def _parts(character: str) -> str:
    return unicodedata.normalize("NFKD", character)


def _roman(letter: str) -> str:
    small = letter.lower()
    written = _ROMAN.get(small, _PLAIN.get(small, small))
    return written if letter == small else written.capitalize()


def length_px(runs: Sequence[Run]) -> float:
    """How wide runs are side by side."""
    return sum(run.font.getlength(run.text) for run in runs)


def cut_to(runs: Sequence[Run], width_px: float, size_px: int) -> list[Run]:
    """As much of the runs as fits, with an ellipsis where something does not."""
    if length_px(runs) <= width_px:
        return list(runs)
    end = Run(_ELLIPSIS, own_font(size_px))
    kept = list(runs)
    while kept and length_px([*kept, end]) > width_px:
        last = kept.pop()
        if shorter := last.text[:-1].rstrip():
            kept.append(Run(shorter, last.font))
    return [*kept, end]
