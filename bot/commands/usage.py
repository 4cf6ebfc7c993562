"""What models were used for and what that cost, for the staff alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from bot.commands.registry import Context, Registry
from core.asking.budgets import SMALL_FROM, STEP_WORDS, Budget, Step
from core.asking.usage import ModelTotal, Spell, UsageReport, usd
from core.conversation import Audience, File, Reply
from core.rewards.showing import PICTURED_ON
from core.richtext import RichText, bold, counted, joined

MOST_MODELS: Final = 12
MOST_PURPOSES: Final = 6
MODES: Final = {
    "written": "written by a model",
    "kept": "given again from what was written before",
    "quoted": "quoted",
    "none": "without anything to show",
}

commands = Registry()


@commands.command("usage", "See what models did and cost, and what is left", audience=Audience.STAFF, private=True)
async def usage(context: Context) -> Reply:
    """Show a creator's use of models, with a picture of the last two weeks."""
    services, creator = context.services, context.creator
    report = await services.model_usage.report(creator.id, services.limits, datetime.now(UTC))
    text = described(creator.name, report)
    if context.place.platform not in PICTURED_ON:
        return Reply(text)
    shown = report.picture(creator.name)
    picture = await services.showing.artist.usage(shown)
    days = ", ".join(f"{day:%d %B} {amount:,.4g}" for day, amount in shown.bars)
    return Reply(text, files=(File("usage.png", picture, f"{shown.bars_are}: {days}"),))


def described(creator_name: str, report: UsageReport) -> RichText:
    """A creator's use of models in words; days and months are those of UTC."""
    lines = [
        RichText.of(bold(f"Models of {creator_name}")),
        RichText.of(bold("Today: "), _spell(report.today)),
        RichText.of(bold("This month: "), _spell(report.month)),
        *_budgets(report),
    ]
    if report.month.models:
        lines.append(RichText.of(bold("By model, this month")))
        lines += [RichText.of(_model(total)) for total in report.month.models[:MOST_MODELS]]
        lines.append(RichText.of(bold("What for: "), _purposes(report.month)))
    return joined(lines)


def _spell(spell: Spell) -> str:
    questions = sum(spell.modes.values())
    how = [f"{spell.modes[mode]:,} {words}" for mode, words in MODES.items() if spell.modes.get(mode)]
    short = [
        f"{spell.steps[step]:,} with {STEP_WORDS[step]}" for step in (Step.SMALL, Step.QUOTING) if step in spell.steps
    ]
    speech = f", {usd(spell.speech_usd)} of it for listening to recordings" if spell.speech_usd else ""
    answered = f" ({', '.join(how)})" if how else ""
    scarce = f"; of them {' and '.join(short)}" if short else ""
    return f"{counted(questions, 'question')}{answered}{scarce} · {usd(spell.cost_usd)}{speech}"


def _budgets(report: UsageReport) -> Iterator[RichText]:
    if not report.budgets:
        yield RichText.of(bold("Your budget: "), "none is set; the operator can set one")
    whose = "" if report.step is Step.LARGE else f", by the budget of this {report.period}"
    yield RichText.of(bold("In force now: "), STEP_WORDS[report.step], whose)
    for budget in report.budgets:
        yield RichText.of(bold(f"Left of this {budget.period}: "), _left(budget))
    if report.student_usd_per_day:
        yield RichText.of(bold("Each student's own: "), f"{report.student_usd_per_day:,.2f} USD a day, then quoting")


def _left(budget: Budget) -> str:
    aside = f", {usd(budget.reserved_usd)} more set aside" if budget.reserved_usd else ""
    return (
        f"{usd(budget.left_usd)} of {budget.limit_usd:,.2f}{aside}; small models only from "
        f"{usd(budget.limit_usd * SMALL_FROM)} on"
    )


def _model(total: ModelTotal) -> str:
    used, failed = total.usage, f", {total.failures:,} failed" if total.failures else ""
    cached = f" ({total.cached_share:.0%} cached)" if used.cached_tokens else ""
    first = f", first word after {total.first_word_ms:,.0f} ms" if total.first_word_ms else ""
    return (
        f"{total.model}: {counted(total.calls, 'call')}{failed}, {used.prompt_tokens:,} tokens read{cached}, "
        f"{used.completion_tokens:,} written, {usd(used.cost_usd)}{first}"
    )


def _purposes(spell: Spell) -> str:
    return ", ".join(
        f"{each.purpose} {each.calls:,} ({usd(each.cost_usd)})" for each in spell.purposes[:MOST_PURPOSES]
    )
