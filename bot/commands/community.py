"""Setting a community up, its settings, and choosing a creator."""

from typing import Final

from bot.commands.model_choices import AFTER_BUDGET, MODELS, STUDY_MODELS, model_lines
from bot.commands.registry import Context, Registry, said
from core.conversation import Audience, Button, Kind, Parameter, Place, Reply, Role
from core.errors import Refused
from core.ids import CreatorId
from core.library.announcing import Subject
from core.library.uploads import checked_language
from core.members.directory import LONGEST_NAME, SET_UP_ALREADY, Creator, checked_name
from core.richtext import RichText, bold, code, joined, role
from core.typed_commands import usage

HERE_OR_OFF: Final = ("here", "off")
ON_OR_OFF: Final = ("on", "off")

commands = Registry()


@commands.command(
    "setup",
    "Make this community ready for questions",
    Parameter("code", "A code from the creator's /settings or from the operator", takes_rest=True),
    audience=Audience.MANAGERS,
)
async def setup(context: Context) -> Reply:
    """Map this community to a new creator, or with a code to an existing one."""
    before, code_given = context.standing.creator, context.text("code")
    if before is not None and not code_given:
        raise Refused(SET_UP_ALREADY)
    if before is None and not code_given:
        _require_registration(context)
    directory, student_id = context.services.directory, context.standing.student_id
    if not code_given:
        return _welcome(await directory.set_up(context.place, _name_from(context.place), student_id))
    operators_only = before is None and context.services.registration == "closed"
    creator = await directory.set_up_with_code(context.place, code_given, student_id, operators_only=operators_only)
    if before is not None:
        return Reply(
            RichText.of("✅ You are the owner of ", bold(creator.name), " now. ", code("/settings"), " shows more.")
        )
    return _welcome(creator)


def _welcome(creator: Creator) -> Reply:
    return Reply(
        RichText.of(
            "✅ ", bold(creator.name), " is ready here.\n\nNext: add a transcript with ", code("/upload"),
            " (a .vtt, .srt, .json or .tsv file, and the video's link). As soon as its card says ready, "
            "everybody here can ", code("/ask"), ". ", code("/settings"), " shows what you can change.",
        )
    )  # fmt: skip


def _name_from(place: Place) -> str:
    """A creator's first name: the community's, as far as it can be one."""
    try:
        return checked_name(place.community_name[:LONGEST_NAME])
    except Refused:
        return "My community"


def _require_registration(context: Context) -> None:
    services = context.services
    contact = f" Contact: {services.contact}." if services.contact else ""
    if services.registration == "closed":
        raise Refused(
            "The operator of this bot takes new communities only with a code of their own: "
            f"/setup code:<code>.{contact}"
        )
    if services.registration == "invite":
        raise Refused(
            f"New creators are added by the operator of this bot.{contact} With a code from them, or from the owner "
            "of a creator who is here already: /setup code:<code>"
        )


@commands.command(
    "settings",
    "See and change how I work here",
    Parameter("name", "The creator's name as students see it"),
    Parameter("staff_role", "A role whose holders count as staff, on Discord", Kind.ROLE),
    Parameter("language", "The material's language as two letters, such as en"),
    Parameter("who_may_ask", "Who may ask", Kind.CHOICE, choices=("everyone", "enrolled")),
    Parameter("answers", "Whether everybody sees an answer", Kind.CHOICE, choices=("public", "private")),
    Parameter("announce", "Whether new lessons are announced, here where you type", Kind.CHOICE, choices=HERE_OR_OFF),
    Parameter(
        "contributions",
        "Whether what members write among themselves may earn CHRONOS",
        Kind.CHOICE,
        choices=("on", "off"),
    ),
    Parameter("staff_news", "Whether the staff is told things here where you type", Kind.CHOICE, choices=HERE_OR_OFF),
    Parameter(
        "memory", "Whether people are remembered who did not choose themselves", Kind.CHOICE, choices=ON_OR_OFF
    ),
    Parameter("digest", "Whether the staff is told each Monday how the week was", Kind.CHOICE, choices=ON_OR_OFF),
    MODELS,
    AFTER_BUDGET,
    STUDY_MODELS,
    audience=Audience.STAFF,
    private=True,
)
async def settings(context: Context) -> Reply:
    """Change what is given, then show everything."""
    staff_role = await _staff_role(context)
    announced = await _told(context, "announce", Subject.LESSONS)
    staff_news = await _told(context, "staff_news", Subject.STAFF)
    models = await model_lines(context)
    creator = await _changed(context, context.creator)
    lines = [
        RichText.of(bold("Name: "), creator.name),
        RichText.of(bold("Language: "), creator.language, await _language_note(context, creator.language)),
        RichText.of(bold("Who may ask: "), creator.who_may_ask),
        RichText.of(bold("Answers: "), creator.answers),
        RichText.of(bold("Contributions earn: "), _contributions(creator)),
        RichText.of(bold("Staff role: "), _role_words(staff_role)),
        RichText.of(bold("New lessons: "), announced),
        RichText.of(bold("News for the staff: "), staff_news),
        RichText.of(bold("Memory: "), await _memory(context)),
        RichText.of(bold("Digest on Mondays: "), await _digest(context)),
        *models,
        RichText.of("\nChange with ", code(_changing(context))),
    ]
    may_join = context.standing.owner and context.services.registration != "closed"
    join = (Button("Code for another community", "join_code"),) if may_join else ()
    clear = (Button("No staff role", "no_staff_role"),) if staff_role else ()
    return Reply(joined(lines), ((*join, *clear),) if join or clear else ())


def _contributions(creator: Creator) -> str:
    return "on, where I can read what members write" if creator.contributions else "off"


def _changing(context: Context) -> str:
    return next(usage(command) for command in context.commands if command.name == "settings")


async def _staff_role(context: Context) -> str:
    """The community's staff role, after the change that was asked for."""
    given, community = context.request.arguments.get("staff_role"), context.standing.community
    if not given:
        return community.staff_role if community else ""
    if community is None:
        raise Refused("A staff role belongs to a server: set it there.")
    if not isinstance(given, Role) and context.text("staff_role").casefold() != "none":
        raise Refused("There are no roles here. Whoever manages this community is staff.")
    wanted = given.external_id if isinstance(given, Role) else ""
    if wanted == community.external_id:  # Discord's @everyone
        raise Refused("That role is everybody's, and then everybody would be staff. Please choose another.")
    await context.services.directory.set_staff_role(community.id, wanted)
    return wanted


async def _told(context: Context, name: str, subject: Subject) -> str:
    """Where something is told in this community, in words, after the change that was asked for."""
    given, community, chosen = context.text(name), context.standing.community, context.services.announcements
    if community is None:
        if given:
            raise Refused("That belongs to a server or group: type it in the channel where it is to appear.")
        return "told where a server or group wants it; its own /settings shows it"
    if given:
        await chosen.choose(context.creator.id, community.id, subject, context.place if given == "here" else None)
    place = await chosen.place(context.creator.id, community.id, subject)
    if place is None:
        return _NOWHERE[subject]
    return "told here" if place.key == context.place.key else "told in another channel of this community"


async def _digest(context: Context) -> str:
    """Whether there is a weekly digest, after the change that was asked for."""
    given, digests = context.text("digest"), context.services.showing.digests
    if given:
        await digests.choose(context.creator.id, wanted=given == "on")
    return "on" if await digests.wanted(context.creator.id) else "off"


async def _memory(context: Context) -> str:
    """Whether people are remembered, after the change that was asked for."""
    given, memories = context.text("memory"), context.services.memories
    if given:
        await memories.set_default(context.creator.id, wanted=given == "on")
    if await memories.default(context.creator.id):
        return "on, for everybody who does not switch it off in /me"
    return "off, but for those who switch it on in /me"


_NOWHERE: Final = {Subject.LESSONS: "not announced", Subject.STAFF: "told to the owner privately"}


@commands.action("no_staff_role", audience=Audience.STAFF)
async def no_staff_role(context: Context) -> Reply:
    """Make nobody staff by a role any more."""
    if context.standing.community is None:
        raise Refused("A staff role belongs to a server: change it there.")
    await context.services.directory.set_staff_role(context.standing.community.id, "")
    return said("No role makes staff now; whoever manages this community is.", private=True)


async def _changed(context: Context, creator: Creator) -> Creator:
    name, language = context.text("name") or None, checked_language(context.text("language")) or None
    changes = (name, language, context.text("who_may_ask") or None, context.text("answers") or None)
    contributions = context.text("contributions")
    if not any((*changes, contributions)):
        return creator
    return await context.services.directory.update_creator(
        creator.id, name=name, language=language, who_may_ask=changes[2], answers=changes[3],
        contributions=contributions == "on" if contributions else None,
    )  # fmt: skip


def _role_words(staff_role: str) -> RichText:
    if not staff_role:
        return RichText.of("none; whoever manages this community is staff")
    hidden = " (Discord shows it the staff commands once you allow them to it: Server Settings, Integrations)"
    return RichText.of(role(staff_role), hidden)


async def _language_note(context: Context, language: str) -> str:
    reads = await context.languages_read()
    return "" if not reads or language in reads else f" (the search model reads {', '.join(sorted(reads))} only)"


@commands.action("join_code", audience=Audience.STAFF)
async def join_code(context: Context) -> Reply:
    """Give the owner a code that joins another community."""
    if not context.standing.owner:
        raise Refused("Only the creator's owner gets codes.")
    if context.services.registration == "closed":
        raise Refused("The operator of this bot takes new communities only with a code of their own.")
    made = await context.services.directory.new_join_code(context.creator.id)
    command = code(f"/setup code:{made.code}")
    return Reply(
        RichText.of("In the other community, type ", command, f"\nIt works once, until {made.expires_at:%d %B}."),
        private=True,
    )


@commands.command("creator", "Choose whose material to ask in this private chat", private=True, direct_only=True)
async def creator(context: Context) -> Reply:
    """Show the creators a person belongs to, to choose one for direct messages."""
    if not context.place.direct:
        return said(f"Here you ask {context.creator.name}. In a private chat with me you can choose.")
    choices = await context.services.directory.enrolled_with(context.standing.student_id)
    if not choices:
        return said("You belong to no creator yet. Ask once in a creator's server or group.")
    buttons = tuple((Button(choice.name[:80], "choose", str(choice.id)),) for choice in choices[:8])
    return Reply(RichText.of("Whom would you like to ask here?"), buttons)


@commands.action("choose")
async def choose(context: Context) -> Reply:
    """Remember whom a person asks in direct messages."""
    wanted = context.payload_number
    choices = await context.services.directory.enrolled_with(context.standing.student_id)
    chosen = next((choice for choice in choices if choice.id == wanted), None)
    if chosen is None:
        raise Refused("You do not belong to that creator any more.")
    await context.services.directory.prefer(context.request.person, CreatorId(chosen.id))
    return Reply(RichText.of("Here you now ask ", bold(chosen.name), ". /creator changes it."), replaces=True)
