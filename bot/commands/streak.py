"""A member's streak, and the time zone in which their days end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from bot.commands.registry import Context, Registry
from core.conversation import Parameter, Reply, Suggestion
from core.rewards.days import Zone, zone_names
from core.rewards.rules import NOTHING, STREAK
from core.rewards.streaks import PAID_DAYS, DayKind, Streak
from core.richtext import RichText, bold, code, counted, joined

SUGGESTED: Final = 25
_SYMBOLS: Final = {DayKind.LEARNT: "🟩", DayKind.FROZEN: "❄️", DayKind.FORGIVEN: "🟦", None: "⬜"}
_MEANINGS: Final = {DayKind.FROZEN: "❄️ freeze used", DayKind.FORGIVEN: "🟦 forgiven"}

commands = Registry()


async def _zones(context: Context, typed: str) -> Sequence[Suggestion]:
    """Time zones whose names hold what was typed; those that begin so, or whose city does, first."""
    wanted = typed.replace(" ", "_").casefold()
    found = [name for name in zone_names() if wanted in name.casefold()]
    found.sort(key=lambda name: not any(part.casefold().startswith(wanted) for part in (name, name.split("/")[-1])))
    return [Suggestion(name.replace("_", " "), name) for name in found[:SUGGESTED]]


@commands.command(
    "streak",
    "See your days of learning in a row, or choose your time zone",
    Parameter("timezone", "Where your days end, such as Europe/Berlin", takes_rest=True, suggested=True),
    private=True,
    suggest=_zones,
)
async def streak(context: Context) -> Reply:
    """Choose a time zone where one is given, then show the streak."""
    now, streaks, student_id = datetime.now(UTC), context.services.streaks, context.standing.student_id
    if wanted := context.text("timezone"):
        await streaks.choose_zone(student_id, wanted, now)
    shown = await streaks.of(context.creator.id, student_id, now)
    return Reply(joined([*_standing(shown), *await _ahead(context, shown), _zone(shown.zone)]))


def _standing(shown: Streak) -> list[RichText]:
    freeze = " · ❄️ a freeze is held" if shown.freezes else ""
    days = counted(shown.days, "day")
    row = "".join(_SYMBOLS[kind] for _, kind in shown.recent)
    meant = [words for kind, words in _MEANINGS.items() if any(kind is each for _, each in shown.recent)]
    first_day = shown.recent[0][0]
    return [
        RichText.of("🔥 ", bold(f"{days} of learning in a row"), f" · best {shown.best}{freeze}"),
        RichText.of(row, f"  {first_day:%d %b} to today", *(f" · {words}" for words in meant)),
    ]


async def _ahead(context: Context, shown: Streak) -> list[RichText]:
    """What today still needs, and when the next seven days are complete."""
    amount = (await context.tariff()).rules.get(STREAK, NOTHING).amount
    pays = f"{amount} CHRONOS" if amount else "the next seven"
    if shown.learnt_today:
        today = "Today counts already."
    else:
        today = (
            "Nothing was learnt today yet: a question that the videos answer, a video, a quiz or a project counts."
        )
    if not shown.missing:
        return [RichText.of(f"{today} {PAID_DAYS} days are complete: {pays} when today ends.")]
    more = counted(shown.missing, "more day")
    return [RichText.of(f"{today} {more} for {pays}, on {shown.payday:%A, %d %B} at the earliest.")]


def _zone(zone: Zone) -> RichText:
    if zone.name:
        return RichText.of(f"Your days end at midnight in {zone.name.replace('_', ' ')}.")
    return RichText.of("Your days end at midnight in UTC. ", code("/streak timezone:Europe/Berlin"), " changes it.")
