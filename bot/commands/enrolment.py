"""Who is enrolled with a creator: enrolling oneself with an invite code, and what staff see and change."""

from typing import Final

from bot.commands.registry import Context, Registry, dead_button, page_and_rest, said
from core.conversation import Audience, Button, Kind, Parameter, Person, Reply, Tone
from core.errors import Refused
from core.ids import StudentId
from core.members.directory import STATUSES, Enrolment, Purpose, Standing, Student, refusal
from core.richtext import RichText, bold, code, joined
from core.tiers import tier_said, tier_words

PAGE: Final = 20
LONGEST_NAME: Final = 32
CHANGES: Final = 5
SOURCES: Final = {"staff": "by the staff", "invite": "by an invite code", "whop": "from Whop", "asked": "by asking"}
"""Who an enrolment is from, in words."""

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
    creator, enrolment = accepted
    if reason := refusal(
        Standing(
            student_id, creator, enrolment=enrolment.status, source=enrolment.source,
            return_link=enrolment.return_link,
        )
    ):  # fmt: skip
        raise Refused(f"{reason} An invite code does not change that.")
    if direct:
        await directory.prefer(context.request.person, creator.id)
    tier = f" as a member of {enrolment.tier}" if enrolment.tier else ""
    return Reply(RichText.of("You are enrolled with ", bold(creator.name), f"{tier}. Ask with ", code("/ask"), "."))


@commands.command(
    "students",
    "See who is enrolled; enrol, pause or end somebody, or give them a tier",
    Parameter("member", "Who; on Telegram reply to a message of theirs", Kind.MEMBER, takes_rest=True),
    Parameter("status", "What to change it to; without a member, whom to list", Kind.CHOICE, choices=STATUSES),
    Parameter("tier", "Which tier to give, such as gold, or none; without a member, whom to list"),
    audience=Audience.STAFF,
    private=True,
)
async def students(context: Context) -> Reply:
    """List the students, or show or change the enrolment of one."""
    person, text = context.person("member"), context.text("member")
    status, tier = context.text("status"), tier_said(context.text("tier"))
    if person is None and not text:
        return await _page(context, status, tier, 0)
    who = await _named(context, text) if person is None else await _known(context, person) or person
    if status or tier is not None:
        return await _change(context, who, status, tier)
    if isinstance(who, Person):
        raise Refused(f"{_shown(who)} is not enrolled with {context.creator.name}; status:active enrols them.")
    return await _shown_student(context, who)


async def _shown_student(context: Context, who: Student) -> Reply:
    """One student, how it came to be so, and a way back to what is paid for."""
    changes = await context.services.directory.enrolment_changes(context.creator.id, who.id, CHANGES)
    past = [
        RichText.of(
            f"{change.at:%d %b %Y %H:%M} · {_words(Enrolment(change.status, change.tier))}, "
            f"{SOURCES[change.source]}{f' ({change.by})' if change.by else ''}"
        )
        for change in changes
    ]
    follow = Button("Follow what they pay on Whop", "follow_seller", str(who.id))
    paid = who.source == "staff" and context.services.linking.following is not None
    return Reply(joined([_line(who), *past]), ((follow,),) if paid else ())


@commands.action("follow_seller", audience=Audience.STAFF)
async def follow_seller(context: Context) -> Reply:
    """Give up what the staff set, for what the student pays."""
    student_id = StudentId(context.payload_number)
    if not await context.services.directory.follow_seller(context.creator.id, student_id):
        raise Refused("No linked Whop account of theirs has had a membership here, so there is nothing to follow.")
    return said("Done: in a moment their enrolment is what they pay for on Whop.", private=True)


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


async def _change(context: Context, who: Student | Person, status: str, tier: str | None) -> Reply:
    directory = context.services.directory
    known = isinstance(who, Student)
    before = Enrolment(who.status, who.tier) if isinstance(who, Student) else Enrolment()
    after = Enrolment(status or before.status or "active", before.tier if tier is None else tier)
    if after == before:
        return said(f"{_shown(who)} is {_words(after)} already.")
    student_id = who.id if isinstance(who, Student) else await directory.student(who)
    await directory.set_enrolment(context.creator.id, student_id, status or None, tier, context.standing.student_id)
    undone = [f"status:{before.status if known else 'ended'}"] if after.status != before.status else []
    undone += [f"tier:{tier_words(before.tier)}"] if known and after.tier != before.tier else []
    now = f" is now {_words(after)} (before: {_words(before)}) and {_effect(after)}. {' '.join(undone)} undoes it."
    return Reply(RichText.of(bold(_shown(who)), now))


def _words(enrolment: Enrolment) -> str:
    tier = f" in {enrolment.tier}" if enrolment.tier else ""
    return f"{enrolment.status or 'not enrolled'}{tier}"


def _effect(enrolment: Enrolment) -> str:
    if enrolment.status != "active":
        return "may not ask"
    also = f", also about what is for {enrolment.tier}" if enrolment.tier else ""
    return f"may ask{also}"


@commands.action("students_page", audience=Audience.STAFF)
async def turn_page(context: Context) -> Reply:
    """Another page of the list, in the place of the one before."""
    page, rest = page_and_rest(context)
    status, _, tier = rest.partition(":")
    if status not in {"", *STATUSES}:
        raise dead_button()
    reply = await _page(context, status, tier_said(tier), page)
    return Reply(reply.text, reply.buttons, replaces=True)


async def _page(context: Context, status: str, tier: str | None, page: int) -> Reply:
    creator = context.creator
    found, total = await context.services.directory.students(
        creator.id, platform=context.place.platform, status=status, tier=tier, offset=page * PAGE, limit=PAGE
    )
    if page and not found:
        return await _page(context, status, tier, 0)
    only = [status, "no tier" if tier == "" else tier or ""]
    heading = ", ".join([f"Students of {creator.name}", *filter(None, only)]) + ": "
    shown = f" (here {page * PAGE + 1} to {page * PAGE + len(found)})" if total > PAGE else ""
    lines = [RichText.of(bold(heading), f"{total or 'nobody yet'}{shown}"), *map(_line, found)]
    turns = [
        Button(label, "students_page", f"{number}:{status}:{tier_words(tier)}")
        for label, number, there in (("Back", page - 1, page > 0), ("More", page + 1, (page + 1) * PAGE < total))
        if there
    ]
    label = f"Invite code for {tier}" if tier else "Invite code"
    return Reply(joined(lines), ((*turns, Button(label, "invite", tier or "")),))


@commands.action("invite", audience=Audience.STAFF)
async def invite(context: Context) -> Reply:
    """A code with which people enrol themselves, in a tier where it was made from the list of one."""
    tier = tier_said(context.text("payload")) or ""
    made = await context.services.directory.new_join_code(context.creator.id, Purpose.ENROLMENT, tier)
    enrolled = f"enrolled as a member of {tier}" if tier else "enrolled"
    return Reply(
        RichText.of(
            "Whoever types ", code(f"/enroll code:{made.code}"), " in a community of ", context.creator.name,
            f" or in a private chat with me is {enrolled}. It works until {made.expires_at:%d %B}, for as many "
            "people as you give it to. I can show it only this once.",
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
    tier = f" · {student.tier}" if student.tier else ""
    source = f" · {SOURCES[student.source]}" if student.source else ""
    grace = f" · payment failed, stays until {student.grace_until:%d %B}" if student.grace_until else ""
    return RichText.of(_shown(student), f": {student.status} since {student.since:%d %B %Y}{tier}{source}{grace}")


def _shown(who: Student | Person) -> str:
    name = who.name[:LONGEST_NAME] or f"id {who.external_id}"
    return f"{name} (@{who.username[:LONGEST_NAME]})" if who.username else name
