"""Pictures are drawn for any name, stay small, and show what they are given."""

import io
from datetime import date
from typing import Final

import pytest
from PIL import Image

from adapters.pictures import lettering
from adapters.pictures.artist import PillowArtist
from adapters.pictures.lettering import cut_to, length_px, own_font, runs_of
from core.asking.usage import UsagePicture
from core.rewards.ledger import Wallet
from core.rewards.showing import EconomyPicture, RankingPicture, RankLine, WalletCard, Week

HUGE: Final = 9_223_372_036_854_775_807
NAMES: Final = (
    "", "a", "Wolfeschlegelstein" * 20, "Мария Ёлкина", "李小龍", "محمد علي", "🎉🎉", "Anna 🎨", "José", "z̴̧̛a̸l̷g̶o̵",
    "\u202egnp.exe", "\ud800", "नमस्ते", "O\nO", "\x00",
)  # fmt: skip


def opened(png: bytes) -> Image.Image:
    """A picture, after the checks that hold for all of them."""
    assert len(png) < 100_000
    picture = Image.open(io.BytesIO(png))
    assert (picture.format, picture.width) == ("PNG", 1280)
    return picture.convert("RGB")


def written(text: str) -> str:
    """What is drawn of a text where only our own font is there."""
    return "".join(run.text for run in runs_of(text, 32, ()))


def test_what_no_font_draws_is_written_plainer_or_left_out() -> None:
    drawn = {"Мария Ёлкина": "Mariya Elkina", "José Łukasz": "Jose Lukasz", "Щука": "Shchuka", "Anna 🎨 B": "Anna B"}
    for name, plain in {**drawn, " 🎉 ": "", "李小龍": "", "ok": "ok"}.items():
        assert written(name) == plain


def test_what_is_too_long_is_cut_with_an_ellipsis() -> None:
    runs = cut_to(runs_of("W" * 200, 32), 300, 32)
    assert length_px(runs) <= 300
    assert runs[-1].text == "…"
    assert cut_to(runs_of("short", 32), 300, 32) == runs_of("short", 32)


def test_our_own_font_has_every_letter_that_the_pictures_themselves_write() -> None:
    assert written("Balance Streak 1,234,567 days (see the text)…") == "Balance Streak 1,234,567 days (see the text)…"
    assert own_font(20).getlength("W") > own_font(20).getlength("i")


@pytest.mark.parametrize("lent", [lettering.ON_THE_MACHINE, ()])
async def test_any_name_and_any_amount_can_be_drawn(lent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "ON_THE_MACHINE", lent)
    lettering.lent_fonts.cache_clear()
    artist = PillowArtist()
    for amount in (0, HUGE):
        lines = tuple(RankLine(rank, name, amount, rank == 2) for rank, name in enumerate(NAMES, start=1))
        assert opened(await artist.ranking(RankingPicture(NAMES[2], NAMES[3], lines))).height > 1280
        card = WalletCard(NAMES[2], Wallet(amount, amount, 0, amount, amount, amount), 365, "x" * 300)
        opened(await artist.wallet(card))
        weeks = tuple(Week(date(2026, 11, 16), amount, amount) for _ in range(8))
        opened(await artist.economy(EconomyPicture(NAMES[4], (("Issued", amount),) * 4, weeks)))
    lettering.lent_fonts.cache_clear()


async def test_a_longer_ranking_is_taller_and_an_empty_one_says_so() -> None:
    artist, line = PillowArtist(), RankLine(1, "Anna", 5)
    heights = [opened(await artist.ranking(RankingPicture("A", "week", (line,) * n))).height for n in (0, 1, 5)]
    assert heights[0] == heights[1] < heights[2]
    empty, one = [await artist.ranking(RankingPicture("A", "week", lines)) for lines in ((), (line,))]
    assert empty != one


async def test_a_streak_lights_its_days() -> None:
    lit = [opened(await PillowArtist().wallet(WalletCard("A", Wallet(), days))) for days in (0, 3, 7)]
    dots = [[picture.getpixel(((640 - 32 - 30 - back * 18) * 2, 162 * 2)) for back in range(7)] for picture in lit]
    assert [len(set(row)) for row in dots] == [1, 2, 1]
    assert dots[0] != dots[2]


async def test_a_day_of_models_that_used_up_its_budget_is_drawn_in_another_colour() -> None:
    def shown(amount: float, limit: float) -> UsagePicture:
        bars = tuple((date(2026, 11, day), amount if day == 14 else 0.0) for day in range(1, 15))
        return UsagePicture(
            NAMES[2], ((NAMES[3], "0.5 USD"),) * 4, bars, "USD a day", f"most in a day: {amount}", limit
        )

    free, within, over = [opened(await PillowArtist().usage(shown(3.0, limit))) for limit in (0.0, 9.0, 3.0)]
    bar = (((640 - 32 - 24 - 18) * 2), 340 * 2)
    assert free.getpixel(bar) == within.getpixel(bar) != over.getpixel(bar)
    opened(await PillowArtist().usage(UsagePicture("", (), (), "", "")))
