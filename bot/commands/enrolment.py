"""Who is enrolled with a creator: enrolling oneself with an invite code, and what staff see and change."""

from typing import Final

from bot.commands.registry import Context, Registry, said
from core.conversation import Audience, Button, Kind, Parameter, Person, Reply, Tone
from core.errors import Refused
from core.members.directory import STATUSES, Purpose, Standing, Student, refusal
from core.richtext import RichText, bold, code, joined

PAGE: Final = 20
LONGEST_NAME: Final = 32

commands = Registry()


@commands.command(
    "enroll",
    "Enrol yourself with an invite code",
    Parameter("code", "The code that the creator's staff gave you", required=True),
    private=True,
)
async def enroll(context: Context) -> Reply:
    """Enrol whoever types a code that works; in a private chat the code says with whom."""
    directory, student_id, direct = context.services.directory, context.standing.student_id, context.place.direct
    accepted = await directory.accept_invite(context.text("code"), student_id, None if direct else context.creator.id)
    if accepted is None:
        raise Refused(
            "That invite code is unknown, expired, revoked or another creator's. Please ask the staff for a new one."
        )
    creator, status = accepted
    if reason := refusal(Standing(student_id, creator, enrolment=status)):
        raise Refused(f"{reason} An invite code does not change that.")
    if direct:
        await directory.prefer(context.request.person, creator.id)
    return Reply(RichText.of("You are enrolled with ", bold(creator.name), ". Ask with ", code("/ask"), "."))


@commands.command(
    "students",
    "See who is enrolled; enrol, pause or end somebody",
    Parameter("member", "Who; on Telegram reply to a message of theirs", Kind.MEMBER, takes_rest=True),
    Parameter("status", "What to change it to; without a member, whom to list", Kind.CHOICE, choices=STATUSES),
    audience=Audience.STAFF,
    private=True,
)
async def students(context: Context) -> Reply:
    """List the students, or show or change the enrolment of one."""
    person, text, status = context.person("member"), context.text("member"), context.text("status")
    if person is None and not text:
        return await _page(context, status, 0)
    who = await _named(context, text) if person is None else await _known(context, person) or person
    if status:
        return await _change(context, who, status)
    if isinstance(who, Person):
        raise Refused(f"{_shown(who)} is not enrolled with {context.creator.name}; status:active enrols them.")
    return Reply(_line(who))


async def enrolled_member(context: Context) -> Student:
    """The student whom the argument ``member`` means.

    Raises:
        Refused: nobody or several fit, or that person is not enrolled.
    """
    person = context.person("member")
    if person is None:
        return await _named(context, context.text("member"))
    student = await _known(context, person)
    if student is None:
        raise Refused(f"{_shown(person)} is not enrolled with {context.creator.name}.")
    return student


async def _known(context: Context, person: Person) -> Student | None:
    """The creator's student behind an account; looking somebody up keeps nothing of them."""
    found = await context.services.directory.students_named(context.creator.id, person.platform, person.external_id)
    return next((student for student in found if student.external_id == person.external_id), None)


async def _named(context: Context, text: str) -> Student:
    found = await context.services.directory.students_named(context.creator.id, context.place.platform, text)
    wanted = text.removeprefix("@").casefold()
    exact = [student for student in found if wanted in {student.username.casefold(), student.name.casefold()}]
    fitting = exact or found
    if not fitting:
        raise Refused(
            f"No student here is called {text!r}. /students lists them. To enrol somebody new, reply to a message of "
            "theirs with /students status:active, or give them an invite code from /students."
        )
    if len(fitting) > 1:
        names = "; ".join(f"{_shown(student)}, id {student.external_id}" for student in fitting[:5])
        raise Refused(f"Several students fit: {names}. Please give the id, or the name that follows an @.")
    return fitting[0]


async def _change(context: Context, who: Student | Person, status: str) -> Reply:
    directory = context.services.directory
    before = who.status if isinstance(who, Student) else "not enrolled"
    if before == status:
        return said(f"{_shown(who)} is {status} already.")
    student_id = who.id if isinstance(who, Student) else await directory.student(who)
    await directory.set_enrolment(context.creator.id, student_id, status)
    effect = "may ask" if status == "active" else "may not ask"
    undo = f" status:{before if isinstance(who, Student) else 'ended'} undoes it."
    return Reply(RichText.of(bold(_shown(who)), f" is now {status} (before: {before}) and {effect}.{undo}"))


@commands.action("students_page", audience=Audience.STAFF)
async def turn_page(context: Context) -> Reply:
    """Another page of the list, in the place of the one before."""
    page, _, status = context.text("payload").partition(":")
    if not page.isdecimal() or len(page) > 6 or status not in {"", *STATUSES}:
        raise Refused("That button does not work any more.")
    reply = await _page(context, status, int(page))
    return Reply(reply.text, reply.buttons, replaces=True)


async def _page(context: Context, status: str, page: int) -> Reply:
    creator = context.creator
    found, total = await context.services.directory.students(
        creator.id, platform=context.place.platform, status=status, offset=page * PAGE, limit=PAGE
    )
    if page and not found:
        return await _page(context, status, 0)
    heading = f"Students of {creator.name}" + (f", {status}: " if status else ": ")
    shown = f" (here {page * PAGE + 1} to {page * PAGE + len(found)})" if total > PAGE else ""
    lines = [RichText.of(bold(heading), f"{total or 'nobody yet'}{shown}"), *map(_line, found)]
    turns = [
        Button(label, "students_page", f"{number}:{status}")
        for label, number, there in (("Back", page - 1, page > 0), ("More", page + 1, (page + 1) * PAGE < total))
        if there
    ]
    return Reply(joined(lines), ((*turns, Button("Invite code", "invite")),))


@commands.action("invite", audience=Audience.STAFF)
async def invite(context: Context) -> Reply:
    """A code with which people enrol themselves."""
    made = await context.services.directory.new_join_code(context.creator.id, Purpose.ENROLMENT)
    return Reply(
        RichText.of(
            "Whoever types ", code(f"/enroll code:{made.code}"), " in a community of ", context.creator.name,
            f" or in a private chat with me is enrolled. It works until {made.expires_at:%d %B}, for as many people "
            "as you give it to. I can show it only this once.",
        ),
        ((Button("Revoke all invite codes", "revoke_invites", tone=Tone.DANGER),),),
        private=True,
    )  # fmt: skip


@commands.action("revoke_invites", audience=Audience.STAFF)
async def revoke_invites(context: Context) -> Reply:
    """End all invite codes at once."""
    count = await context.services.directory.revoke_invites(context.creator.id)
    return said(f"Revoked: {count}. No invite code works now; whoever is enrolled stays so.", private=True)


def _line(student: Student) -> RichText:
    return RichText.of(_shown(student), f": {student.status} since {student.since:%d %B %Y}")


def _shown(who: Student | Person) -> str:
    name = who.name[:LONGEST_NAME] or f"id {who.external_id}"
    return f"{name} (@{who.username[:LONGEST_NAME]})" if who.username else name
