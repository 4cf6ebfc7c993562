"""The three pictures: a wallet, a ranking, an economy. Measures are in points."""

from typing import Final

from adapters.pictures.canvas import (
    ACCENT,
    BRONZE,
    GOLD,
    GOOD,
    LINE,
    MARGIN,
    MUTED,
    RAISED,
    SHEET,
    SILVER,
    TEXT,
    WIDTH,
    Canvas,
)
from core.rewards.showing import EconomyPicture, RankingPicture, RankLine, WalletCard, Week

RIGHT: Final = WIDTH - MARGIN
MEDALS: Final = {1: GOLD, 2: SILVER, 3: BRONZE}
ROW: Final = 44
MOST_ROWS: Final = 15
UNDRAWN: Final = "(see the text)"
CHART: Final = 150


def draw_wallet(card: WalletCard) -> bytes:
    """A wallet: whose, how much, what became of the rest, the streak, what comes next."""
    canvas, wallet = Canvas(352), card.wallet
    heading(canvas, card.name, "CHRONOS")
    canvas.panel(MARGIN, 84, RIGHT, 250)
    canvas.text(MARGIN + 24, 114, "Balance", 14, fill=MUTED)
    canvas.fitted(MARGIN + 24, 166, f"{wallet.balance:,}", 46, width=330, fill=ACCENT)
    _streak(canvas, card.streak_days)
    canvas.line(MARGIN + 24, 186, RIGHT - 24)
    taken = ("Owed", wallet.owed) if wallet.owed else ("Held", wallet.held)
    _figures(
        canvas,
        214,
        [("Earned", wallet.total_earned), ("Spent", wallet.total_spent), ("Redeemed", wallet.total_redeemed), taken],
    )
    canvas.panel(MARGIN, 266, RIGHT, 322, fill=RAISED)
    canvas.disc(MARGIN + 30, 294, 5, GOOD)
    canvas.text(
        MARGIN + 48, 299, card.next_award or "Ask, watch and learn to earn more", 15, width=RIGHT - MARGIN - 72
    )
    return canvas.png()


def heading(canvas: Canvas, title: str, beside: str) -> None:
    """The head of every picture: the mark, a title, and what it is in a muted colour."""
    canvas.mark(MARGIN, 26, 40)
    wide = canvas.text(RIGHT, 52, beside, 14, fill=MUTED, align="right", width=240)
    canvas.text(MARGIN + 54, 54, title, 22, width=RIGHT - MARGIN - 74 - wide, strong=True, instead=UNDRAWN)


def _streak(canvas: Canvas, days: int) -> None:
    """The days in a row, and a dot for each of the seven that make one."""
    canvas.text(RIGHT - 24, 114, "Streak", 14, fill=MUTED, align="right")
    canvas.text(RIGHT - 24, 142, f"{days:,} day{'' if days == 1 else 's'}", 20, align="right", width=160)
    lit = (days - 1) % 7 + 1 if days else 0
    for number in range(7):
        canvas.disc(RIGHT - 30 - (6 - number) * 18, 162, 5.5, ACCENT if number < lit else LINE)


def _figures(canvas: Canvas, y: float, figures: list[tuple[str, int]]) -> None:
    wide = (RIGHT - MARGIN - 48) / len(figures)
    for number, (name, amount) in enumerate(figures):
        left = MARGIN + 24 + number * wide
        canvas.text(left, y - 2, name, 12, fill=MUTED, width=wide - 8)
        canvas.text(left, y + 19, short(amount), 17, width=wide - 8)


def short(amount: int) -> str:
    """An amount in few letters, rounded down; the text beside the picture has all of its figures."""
    for size, unit in ((10**12, "tn"), (10**9, "bn"), (10**7, "m")):
        if abs(amount) >= size:
            return f"{amount // (size if unit != 'm' else 10**6):,} {unit}"
    return f"{amount:,}"


def draw_ranking(ranking: RankingPicture) -> bytes:
    """A ranking: a row a person, with a bar that is as long as what they earned."""
    lines = ranking.lines[:MOST_ROWS]
    canvas = Canvas(104 + max(len(lines), 1) * ROW + 28)
    heading(canvas, ranking.title, ranking.span)
    canvas.panel(MARGIN, 84, RIGHT, 84 + max(len(lines), 1) * ROW + 16)
    if not lines:
        canvas.text(WIDTH / 2, 84 + 35, "Nobody has earned anything yet", 15, fill=MUTED, align="middle")
    most = max((line.earned for line in lines), default=1)
    for number, line in enumerate(lines):
        _row(canvas, 92 + number * ROW, line, most)
    return canvas.png()


def _row(canvas: Canvas, top: float, line: RankLine, most: int) -> None:
    if line.own:
        canvas.panel(MARGIN + 8, top + 2, RIGHT - 8, top + ROW - 2, fill=RAISED, radius=10)
    middle = top + ROW / 2
    medal = MEDALS.get(line.rank)
    if medal:
        canvas.disc(MARGIN + 36, middle, 14, medal)
    digits = 15 if line.rank < 100 else 12
    canvas.text(
        MARGIN + 36,
        middle + digits / 3,
        f"{line.rank}",
        digits,
        fill=SHEET if medal else MUTED,
        align="middle",
        strong=bool(medal),
        width=44,
    )
    amount = short(line.earned)
    wide = canvas.text(RIGHT - 24, middle + 5, amount, 17, fill=medal or TEXT, align="right", strong=True, width=170)
    left, right = MARGIN + 66, RIGHT - 24 - max(wide, 90) - 16
    canvas.text(left, middle, line.name, 16, width=right - left, fill=ACCENT if line.own else TEXT, instead=UNDRAWN)
    canvas.panel(left, middle + 9, right, middle + 12, fill=LINE, radius=1.5)
    share = max(line.earned / most, 0.01) if most > 0 else 0.01
    canvas.panel(left, middle + 9, left + (right - left) * share, middle + 12, fill=medal or ACCENT, radius=1.5)


def draw_economy(economy: EconomyPicture) -> bytes:
    """An economy: its amounts above, the last weeks as pairs of bars below."""
    canvas = Canvas(424)
    heading(canvas, economy.title, "Economy")
    canvas.panel(MARGIN, 84, RIGHT, 156)
    _figures(canvas, 116, list(economy.facts))
    canvas.panel(MARGIN, 172, RIGHT, 400)
    canvas.disc(MARGIN + 30, 196, 5, ACCENT)
    wide = canvas.text(MARGIN + 42, 201, "issued", 13, fill=MUTED)
    canvas.disc(MARGIN + 68 + wide, 196, 5, GOOD)
    canvas.text(MARGIN + 80 + wide, 201, "spent and redeemed", 13, fill=MUTED)
    most = max((max(week.issued, week.used) for week in economy.weeks), default=0)
    canvas.text(RIGHT - 24, 201, f"most in a week: {short(most)}", 13, fill=MUTED, align="right", width=240)
    _chart(canvas, economy.weeks, most)
    return canvas.png()


def _chart(canvas: Canvas, weeks: tuple[Week, ...], most: int) -> None:
    floor, step = 368.0, (RIGHT - MARGIN - 48) / max(len(weeks), 1)
    for part in (0.0, 0.5, 1.0):
        canvas.line(MARGIN + 24, floor - CHART * part, RIGHT - 24, fill=LINE if part == 0 else RAISED)
    for number, week in enumerate(weeks):
        middle = MARGIN + 24 + (number + 0.5) * step
        for left, amount, fill in ((middle - 17, week.issued, ACCENT), (middle + 1, week.used, GOOD)):
            tall = CHART * amount / most if most else 0
            canvas.panel(left, floor - max(tall, 3 if amount else 0), left + 16, floor, fill=fill, radius=4)
        canvas.text(middle, floor + 20, f"{week.starts_on:%d %b}", 12, fill=MUTED, align="middle")
