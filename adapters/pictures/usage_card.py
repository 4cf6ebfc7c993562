"""The picture of what models cost: figures above, a bar a day below. Measures are in points."""

from typing import Final

from adapters.pictures.canvas import ACCENT, GOLD, LINE, MARGIN, MUTED, RAISED, Canvas
from adapters.pictures.cards import CHART, RIGHT, heading
from core.asking.usage import UsagePicture

FLOOR: Final = 368.0
BAR: Final = 20.0
LEFT: Final = MARGIN + 24
EVERY_SECOND: Final = 8
"""With more bars than this, every second one has its day written below."""


def draw_usage(shown: UsagePicture) -> bytes:
    """Draw what models cost."""
    canvas = Canvas(424)
    heading(canvas, shown.title, "Models")
    canvas.panel(MARGIN, 84, RIGHT, 156)
    column = (RIGHT - MARGIN - 48) / max(len(shown.facts), 1)
    for number, (name, figure) in enumerate(shown.facts):
        canvas.text(LEFT + number * column, 114, name, 12, fill=MUTED, width=column - 8)
        canvas.text(LEFT + number * column, 135, figure, 17, width=column - 8)
    canvas.panel(MARGIN, 172, RIGHT, 400)
    canvas.disc(MARGIN + 30, 196, 5, ACCENT)
    wide = canvas.text(MARGIN + 42, 201, shown.bars_are, 13, fill=MUTED)
    if shown.limit:
        canvas.disc(MARGIN + 68 + wide, 196, 5, GOLD)
        canvas.text(MARGIN + 80 + wide, 201, "the day's budget used up", 13, fill=MUTED)
    canvas.text(RIGHT - 24, 201, shown.most, 13, fill=MUTED, align="right", width=240)
    _bars(canvas, shown)
    return canvas.png()


def _bars(canvas: Canvas, shown: UsagePicture) -> None:
    top = max((amount for _, amount in shown.bars), default=0.0)
    step = (RIGHT - MARGIN - 48) / max(len(shown.bars), 1)
    for part in (0.0, 0.5, 1.0):
        canvas.line(LEFT, FLOOR - CHART * part, RIGHT - 24, fill=RAISED if part else LINE)
    for number, (day, amount) in enumerate(shown.bars):
        middle = LEFT + (number + 0.5) * step
        tall = CHART * amount / top if top else 0.0
        spent_all = bool(shown.limit) and amount >= shown.limit
        canvas.panel(
            middle - BAR / 2, FLOOR - max(tall, 3 if amount else 0), middle + BAR / 2, FLOOR,
            fill=GOLD if spent_all else ACCENT, radius=4,
        )  # fmt: skip
        if len(shown.bars) <= EVERY_SECOND or (len(shown.bars) - 1 - number) % 2 == 0:
            canvas.text(middle, FLOOR + 20, f"{day:%d %b}", 12, fill=MUTED, align="middle")
