"""Roles of a server that follow enrolments: the staff says which tier has which."""

from bot.commands.registry import Context, Registry
from core.conversation import Audience, Button, Kind, Parameter, Reply, Role
from core.errors import Refused
from core.members.directory import Community
from core.members.tier_roles import EVERYBODY
from core.richtext import RichText, bold, joined, role
from core.tiers import tier_said

commands = Registry()


@commands.command(
    "tier_role",
    "See and choose which Discord role the members of a tier have",
    Parameter("role", "The role that they get, on Discord", Kind.ROLE),
    Parameter("tier", "The tier, such as gold; without one: everybody who is enrolled"),
    audience=Audience.STAFF,
    private=True,
)
async def tier_role(context: Context) -> Reply:
    """Choose a role where one is given, then show all."""
    community, given = _community(context), context.request.arguments.get("role")
    if given:
        _require_manager(context)
        if not isinstance(given, Role):
            raise Refused("There are no roles here: choose one on Discord.")
        if given.external_id == community.external_id:
            raise Refused("That role is everybody's already. Please choose another.")
        tier = tier_said(context.text("tier")) or EVERYBODY
        await context.services.tier_roles.choose(context.creator.id, community.id, tier, given.external_id)
    return await _shown(context, community)


@commands.action("no_tier_role", audience=Audience.STAFF)
async def no_tier_role(context: Context) -> Reply:
    """Give the members of a tier no role any more, and take it from those who have it."""
    community = _community(context)
    _require_manager(context)
    await context.services.tier_roles.choose(context.creator.id, community.id, context.text("payload"), "")
    shown = await _shown(context, community)
    return Reply(shown.text, shown.buttons, private=True, replaces=True)


def _community(context: Context) -> Community:
    community = context.standing.community
    if community is None or community.platform != "discord":
        raise Refused("Roles belong to a Discord server: type this there.")
    return community


def _require_manager(context: Context) -> None:
    """Whoever gives roles through me could give them without me."""
    if not (context.request.person.manages or context.standing.owner):
        raise Refused("Only who manages this server may say which roles I give.")


async def _shown(context: Context, community: Community) -> Reply:
    chosen = await context.services.tier_roles.roles(context.creator.id, community.id)
    lines = [RichText.of(bold(f"{_words(tier)}: "), role(found)) for tier, found in chosen.items()]
    if not lines:
        lines = [RichText.of("No tier has a role yet. /tier_role role:<role> tier:<tier> chooses one.")]
    else:
        lines.append(RichText.of("I give and take them by myself. My own role has to stand above them."))
    buttons = tuple((Button(f"No role for {_words(tier)}"[:80], "no_tier_role", tier),) for tier in chosen)
    return Reply(joined(lines), buttons)


def _words(tier: str) -> str:
    return tier or "everybody who is enrolled"
