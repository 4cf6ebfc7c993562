"""A dark sheet to draw on: measures are given in points, and every point is two pixels wide."""

import io
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw

from adapters.pictures.lettering import Run, cut_to, length_px, runs_of

SCALE: Final = 2
WIDTH: Final = 640
MARGIN: Final = 32
SHEET: Final = "#16130f"
PANEL: Final = "#221d17"
RAISED: Final = "#2e2720"
LINE: Final = "#3a322a"
TEXT: Final = "#f3ece2"
MUTED: Final = "#a99c8e"
ACCENT: Final = "#f2a35e"
MARK: Final = "#b4500c"
GOLD: Final = "#f0c563"
SILVER: Final = "#c9c6c1"
BRONZE: Final = "#cf9468"
GOOD: Final = "#6fd3a0"
FINE: Final = 4
"""How much finer round things are drawn before they are made smaller."""
COLOURS: Final = 64
"""Of a finished picture: flat areas and the soft edges of letters need no more."""


@dataclass(slots=True)
class Canvas:
    """A sheet ``WIDTH`` points wide; ``y`` of a text is its baseline."""

    height: int
    _image: Image.Image = field(init=False)
    _draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        self._image = Image.new("RGB", (WIDTH * SCALE, self.height * SCALE), SHEET)
        self._draw = ImageDraw.Draw(self._image)

    def panel(
        self, left: float, top: float, right: float, bottom: float, *, fill: str = PANEL, radius: float = 14
    ) -> None:
        """A rounded area."""
        box = (left * SCALE, top * SCALE, right * SCALE - 1, bottom * SCALE - 1)
        radius_px = min(radius * SCALE, (box[2] - box[0]) / 2, (box[3] - box[1]) / 2)
        if box[2] > box[0] and box[3] > box[1]:
            self._draw.rounded_rectangle(box, max(radius_px, 0), fill)

    def disc(self, x: float, y: float, radius: float, fill: str) -> None:
        """A filled circle with a smooth edge."""
        size = int(radius * SCALE * 2)
        mask = Image.new("L", (size * FINE, size * FINE), 0)
        ImageDraw.Draw(mask).ellipse((0, 0, size * FINE - 1, size * FINE - 1), 255)
        at = (int((x - radius) * SCALE), int((y - radius) * SCALE))
        self._image.paste(Image.new("RGB", (size, size), fill), at, mask.resize((size, size), Image.Resampling.BOX))

    def mark(self, x: float, y: float, side: float) -> None:
        """The clock that stands for Chronos, its upper left corner at a point."""
        self._image.paste(_mark(int(side * SCALE)), (int(x * SCALE), int(y * SCALE)), _mask(int(side * SCALE)))

    def line(self, left: float, y: float, right: float, fill: str = LINE) -> None:
        """A thin level line."""
        self._draw.rectangle((left * SCALE, y * SCALE, right * SCALE, y * SCALE + 1), fill)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        fill: str = TEXT,
        width: float = WIDTH,
        align: str = "left",
        strong: bool = False,
        instead: str = "",
    ) -> float:
        """Write on one line within ``width`` points and return how wide it became.

        Args:
            x: where it begins, where it ends (``align`` right), or its middle.
            y: the baseline.
            text: what to write.
            size: the size of its letters in points.
            fill: its colour.
            width: what does not fit into it is cut.
            align: left, right or middle.
            strong: thicker letters.
            instead: written in a muted colour where nothing of the text can be drawn.
        """
        size_px = round(size * SCALE)
        runs = cut_to(runs_of(text, size_px), width * SCALE, size_px)
        if not runs and instead:
            return self.text(x, y, instead, size, fill=MUTED, width=width, align=align)
        wide_px = length_px(runs)
        left_px = x * SCALE - {"left": 0.0, "right": wide_px, "middle": wide_px / 2}[align]
        self._write(left_px, y * SCALE, runs, fill, size_px / 48 if strong else 0)
        return wide_px / SCALE

    def _write(self, left_px: float, baseline_px: float, runs: list[Run], fill: str, stroke_px: float) -> None:
        for run in runs:
            self._draw.text(
                (left_px, baseline_px),
                run.text,
                fill,
                run.font,
                anchor="ls",
                stroke_width=stroke_px,
                stroke_fill=fill,
            )
            left_px += run.font.getlength(run.text)

    def fitted(self, x: float, y: float, text: str, largest: float, *, width: float, fill: str = TEXT) -> float:
        """Write in the largest letters in which all of it fits, and return how wide it became."""
        size = largest
        while size > 12 and length_px(runs_of(text, round(size * SCALE))) > width * SCALE:
            size -= 2
        return self.text(x, y, text, size, fill=fill, width=width, strong=True)

    def png(self) -> bytes:
        """The finished picture."""
        out = io.BytesIO()
        self._image.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            out, "PNG", optimize=True, dpi=(144, 144)
        )
        return out.getvalue()


@lru_cache(maxsize=8)
def _mark(side_px: int) -> Image.Image:
    unit = side_px * FINE / 48
    image = Image.new("RGB", (side_px * FINE, side_px * FINE), MARK)
    draw, pen = ImageDraw.Draw(image), round(3.6 * unit)
    draw.arc((8.2 * unit, 8.2 * unit, 39.8 * unit, 39.8 * unit), -90, 210, "white", pen)
    draw.line([(24 * unit, 16.5 * unit), (24 * unit, 24 * unit), (29.5 * unit, 28 * unit)], "white", pen, "curve")
    draw.ellipse((12.2 * unit, 10.8 * unit, 17.2 * unit, 15.8 * unit), "#ffd9a8")
    return image.resize((side_px, side_px), Image.Resampling.LANCZOS)


@lru_cache(maxsize=8)
def _mask(side_px: int) -> Image.Image:
    mask = Image.new("L", (side_px * FINE, side_px * FINE), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, side_px * FINE - 1, side_px * FINE - 1), side_px * FINE * 0.27, 255)
    return mask.resize((side_px, side_px), Image.Resampling.BOX)
