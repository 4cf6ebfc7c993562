"""A creator's economy, for its staff."""

from datetime import UTC, datetime

from bot.commands.registry import Context, Registry
from core.conversation import Audience, File, Reply
from core.rewards.economy import Economy
from core.rewards.rules import NAMES
from core.rewards.showing import PICTURED_ON
from core.richtext import RichText, bold, counted, joined

commands = Registry()


@commands.command("economy", "See what was issued, spent and redeemed here", audience=Audience.STAFF, private=True)
async def economy(context: Context) -> Reply:
    """Show a creator's economy, with a picture of the last weeks."""
    showing, creator = context.services.showing, context.creator
    found = await showing.economies.economy(creator.id, (await context.tariff()).budget, datetime.now(UTC))
    text = described(creator.name, found)
    if context.place.platform not in PICTURED_ON:
        return Reply(text)
    picture = await showing.artist.economy(found.picture(creator.name))
    weeks = ", ".join(f"{week.starts_on:%d %B} {week.issued:,} and {week.used:,}" for week in found.weeks)
    return Reply(text, files=(File("economy.png", picture, f"Issued and used, by week: {weeks}"),))


def described(creator_name: str, economy: Economy) -> RichText:
    """A creator's economy in words."""
    aside = [f"{amount:,} {word}" for word, amount in (("set aside", economy.held), ("owed", economy.owed)) if amount]
    lines = [
        RichText.of(bold(f"The economy of {creator_name}")),
        RichText.of(f"Issued: {economy.issued:,} · spent: {economy.spent:,} · redeemed: {economy.redeemed:,}"),
        RichText.of(f"Outstanding: {economy.outstanding:,}", f" ({', '.join(aside)})" if aside else ""),
        RichText.of(
            f"May still be issued: {economy.left_today:,} today, {economy.left_this_month:,} this month (UTC)"
        ),
    ]
    if economy.rules:
        lines.append(RichText.of(bold("By what it was for")))
    lines += [
        RichText.of(f"{total.amount:,} for {NAMES.get(total.rule, total.rule)}, {counted(total.times, 'time')}")
        for total in economy.rules
    ]
    lines.append(RichText.of(bold("By week: issued, then spent and redeemed")))
    lines += [RichText.of(f"{week.starts_on:%d %b}: {week.issued:,}, {week.used:,}") for week in economy.weeks]
    return joined(lines)
