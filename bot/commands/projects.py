"""Projects: students hand in what they made, the staff sets tasks and decides."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from bot.commands.belonging import require_member, staff_with
from bot.commands.registry import Context, Registry, dead_button, numbers_of, said
from bot.commands.uploads import saved_file
from core.conversation import Attachment, Audience, Button, File, Kind, Parameter, Reply, Suggestion
from core.errors import Refused
from core.ids import CreatorId, ProjectId, SubmissionId
from core.rewards.project_cards import REASONS, own_line, review_card
from core.rewards.projects import (
    LONGEST_DESCRIPTION,
    LONGEST_REASON,
    LONGEST_WORDS,
    Decision,
    Project,
    Submission,
    Work,
    checked_address,
    checked_title,
    checked_words,
    named_project,
)
from core.rewards.rules import PROJECT
from core.richtext import RichText, bold, code, counted, joined, one_line

SHOWN: Final = 15
LARGEST_NUMBER: Final = 10**15
HOW_TO_SUBMIT: Final = 'Hand in with /submit project:"its title" and your text, a link or a file.'

commands = Registry()


async def suggest_project(context: Context, typed: str) -> Sequence[Suggestion]:
    """Complete a project by words of its title; students are shown the open ones."""
    wanted, every = typed.casefold(), context.request.command == "project_admin"
    projects = await context.services.projects.projects(context.creator.id)
    return [
        Suggestion(project.title, project.title)
        for project in projects
        if wanted in project.title.casefold() and (every or project.is_open)
    ][:25]


@commands.command(
    "submit",
    "Hand in a project, or see what became of yours",
    Parameter("project", "Which project, or a title of your own", Kind.SOURCE, takes_rest=True),
    Parameter("text", "What you want to say, or the work itself"),
    Parameter("link", "Where your work is", Kind.LINK),
    Parameter("file", "Your work as a file", Kind.FILE),
    private=True,
    suggest=suggest_project,
)
async def submit(context: Context) -> Reply:
    """Keep what is handed in and tell the staff; with nothing given, list what was."""
    creator_id = await require_member(context)
    projects = await context.services.projects.projects(creator_id)
    if not any(context.request.arguments.get(name) for name in ("project", "text", "link", "file")):
        return await _own(context, creator_id, projects)
    project, title = _project_meant(context, projects)
    work = await _work(context, creator_id)
    kept = await context.services.projects.hand_in(
        creator_id, context.standing.student_id, project, title, work, datetime.now(UTC),
        name=one_line(context.request.person.name) or "a student",
    )  # fmt: skip
    again = " again, in the place of what you sent before" if kept.revision > 1 else ""
    return Reply(
        RichText.of(
            "📬 ", bold(kept.title), f" is handed in{again}. The staff looks at it, and I tell you what they say; ",
            code("/submit"), " shows how it stands.",
        )
    )  # fmt: skip


async def _own(context: Context, creator_id: CreatorId, projects: Sequence[Project]) -> Reply:
    own = await context.services.projects.own(creator_id, context.standing.student_id)
    open_ones = [project for project in projects if project.is_open]
    lines = [RichText.of(bold("Yours:")), *map(own_line, own[:SHOWN])] if own else []
    if open_ones:
        lines += [RichText.of(bold("Open projects:")), *map(_line, open_ones[:SHOWN])]
    pays = await _amount(context, creator_id)
    earns = f" Each that is approved earns {pays} CHRONOS." if pays else ""
    return Reply(joined([*lines, RichText.of(f"{HOW_TO_SUBMIT}{earns}")]))


def _line(project: Project) -> RichText:
    state = "" if project.is_open else " · closed"
    return RichText.of("▸ ", bold(project.title), f": {project.description}" if project.description else "", state)


def _project_meant(context: Context, projects: Sequence[Project]) -> tuple[ProjectId | None, str]:
    """The project that is named, or the only one there is; else none, under the title that was given."""
    wanted = context.text("project")
    if not wanted:
        open_ones = [project for project in projects if project.is_open]
        if len(open_ones) != 1:
            raise Refused(f"Say what it is for. {HOW_TO_SUBMIT}")
        return open_ones[0].id, open_ones[0].title
    found = named_project(wanted, projects)
    return (None, checked_title(wanted)) if found is None else (found.id, found.title)


async def _work(context: Context, creator_id: CreatorId) -> Work:
    words = checked_words(context.text("text"), LONGEST_WORDS, "A text")
    link = checked_address(context.text("link")) if context.text("link") else ""
    file = context.file("file")
    if not (words or link or file):
        raise Refused("There is nothing to look at yet: give a text, a link or a file with it.")
    key, name = await _kept(context, creator_id, file) if file else ("", "")
    return Work(words, link, key, name)


async def _kept(context: Context, creator_id: CreatorId, file: Attachment) -> tuple[str, str]:
    files = context.services.handed_in
    files.check(file.name, file.size_bytes)
    async with saved_file(context.services.scratch, file) as path:
        return await files.keep(creator_id, path, file.name)


async def _amount(context: Context, creator_id: CreatorId) -> int:
    rule = (await context.services.tariffs.of(creator_id)).rules.get(PROJECT)
    return rule.amount if rule else 0


# The staff's.


@commands.command(
    "review",
    "See and decide what students handed in",
    Parameter("submission", "Its number; without one, what waits longest", Kind.NUMBER),
    Parameter("reason", "Send it back: what is to be changed; the student reads it", takes_rest=True),
    audience=Audience.STAFF,
    private=True,
)
async def review(context: Context) -> Reply:
    """Show a submission with its buttons; with a reason, send it back."""
    creator_id, number = context.creator.id, context.number("submission")
    reason = checked_words(context.text("reason"), LONGEST_REASON, "A reason")
    if number is None:
        if reason:
            raise Refused('Say which one is sent back: /review submission:12 reason:"..."')
        return await _next(context, creator_id)
    if not number.is_integer() or not 1 <= number < LARGEST_NUMBER:
        raise Refused("A submission has a number, such as submission:12.")
    found = await _existing(context, creator_id, int(number))
    if not reason:
        return await _card(context, creator_id, found)
    return await _decided(context, creator_id, found, Decision.RETURNED, reason)


async def _existing(context: Context, creator_id: CreatorId, number: int) -> Submission:
    found = await context.services.projects.submission(creator_id, SubmissionId(number))
    if found is None:
        raise Refused("There is no such submission, or not any more. /review shows what waits.")
    return found


async def _next(context: Context, creator_id: CreatorId) -> Reply:
    found, total = await context.services.projects.waiting(creator_id)
    if found is None:
        return said("Nothing waits for you: everything that was handed in is decided.")
    return await _card(context, creator_id, found, f"{total} wait{'s' * (total == 1)}. The oldest:")


async def _card(context: Context, creator_id: CreatorId, submission: Submission, note: str = "") -> Reply:
    return review_card(creator_id, submission, await _name(context, creator_id, submission), note)


async def _name(context: Context, creator_id: CreatorId, submission: Submission) -> str:
    directory, platform = context.services.directory, context.place.platform
    student = await directory.student_here(creator_id, submission.student_id, platform)
    return one_line(student.name) if student and student.name else "a student"


async def _meant(context: Context) -> tuple[CreatorId, Submission, bool]:
    """Whose submission a button names, as it is now, and whether that is what the button's message shows."""
    wanted, number, revision = numbers_of(context, 3)
    creator_id = await staff_with(context, wanted)
    found = await _existing(context, creator_id, number)
    return creator_id, found, found.revision == revision


async def _decided(
    context: Context, creator_id: CreatorId, submission: Submission, decision: Decision, reason: str = ""
) -> Reply:
    """Decide, and show what is decided with a way back and a way on."""
    decided = await context.services.projects.decide(
        creator_id, submission, context.standing.student_id, decision, datetime.now(UTC), reason=reason,
        amount=await _amount(context, creator_id),
    )  # fmt: skip
    card = await _card(context, creator_id, decided)
    _, waiting = await context.services.projects.waiting(creator_id)
    if decision is Decision.WAITING or not waiting:
        return card
    onward = Button(f"Next ({waiting} waiting)", "project_next", str(creator_id))
    return replace(card, buttons=(*card.buttons, (onward,)))


async def _by_button(context: Context, decision: Decision) -> Reply:
    creator_id, submission, current = await _meant(context)
    if not current:
        card = await _card(context, creator_id, submission, "That changed meanwhile. This is how it is now:")
    else:
        card = await _decided(context, creator_id, submission, decision)
    return replace(card, replaces=True)


@commands.action("project_approve")
async def approve(context: Context) -> Reply:
    """Approve; it pays, and the student is told."""
    return await _by_button(context, Decision.APPROVED)


@commands.action("project_undo")
async def undo(context: Context) -> Reply:
    """Take the last decision back; what an approval paid is taken back, too."""
    return await _by_button(context, Decision.WAITING)


@commands.action("project_return")
async def send_back(context: Context) -> Reply:
    """Ask why, with a few reasons as buttons."""
    creator_id, submission, current = await _meant(context)
    if not current:
        raise Refused("That changed meanwhile. /review shows it as it is now.")
    at = f"{creator_id}:{submission.id}:{submission.revision}"
    reasons = tuple((Button(reason, "project_because", f"{at}:{n}"),) for n, reason in enumerate(REASONS))
    typed = code(f'/review submission:{submission.id} reason:"..."')
    return Reply(
        RichText.of("What is to be changed about ", bold(submission.title), "? Say it with ", typed, ", or press:"),
        reasons, private=True,
    )  # fmt: skip


@commands.action("project_because")
async def because(context: Context) -> Reply:
    """Send back for one of those reasons."""
    wanted, number, revision, which = numbers_of(context, 4)
    creator_id = await staff_with(context, wanted)
    submission = await _existing(context, creator_id, number)
    if which >= len(REASONS):
        raise dead_button()
    if submission.revision != revision:
        raise Refused("That changed meanwhile. /review shows it as it is now.")
    card = await _decided(context, creator_id, submission, Decision.RETURNED, REASONS[which])
    return replace(card, replaces=True)


@commands.action("project_next")
async def go_on(context: Context) -> Reply:
    """What waits longest now, in the place of what is decided."""
    (wanted,) = numbers_of(context, 1)
    return replace(await _next(context, await staff_with(context, wanted)), replaces=True)


@commands.action("project_file")
async def get_file(context: Context) -> Reply:
    """The file that was handed in, for whoever asked alone."""
    _, submission, _ = await _meant(context)
    if not submission.work.file_key:
        raise Refused("There is no file with it any more.")
    content = await context.services.handed_in.content(submission.work.file_key)
    words = RichText.of("📎 ", bold(submission.title), ": ", submission.work.file_name)
    return Reply(words, files=(File(submission.work.file_name, content),), private=True)


@commands.command(
    "project_admin",
    "See, set and close projects that students can hand in",
    Parameter("title", "The title of a new project, or of one to change", Kind.SOURCE, takes_rest=True),
    Parameter("description", "What is to be done"),
    Parameter("rename", "Another title"),
    Parameter("status", "Whether it is taken", Kind.CHOICE, choices=("open", "closed")),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_project,
)
async def project_admin(context: Context) -> Reply:
    """Set a project or change what is given of it; with nothing given, list them."""
    creator_id = context.creator.id
    if not context.request.arguments:
        return await _projects(context, creator_id)
    status, rename = context.text("status"), context.text("rename")
    description = checked_words(context.text("description"), LONGEST_DESCRIPTION, "A description")
    project = await context.services.projects.define(
        creator_id, checked_title(context.text("title")), description=description or None,
        is_open=status == "open" if status else None, rename=checked_title(rename) if rename else "",
    )  # fmt: skip
    other = "closed" if project.is_open else "open"
    hint = code(f'/project_admin title:"{project.title}" status:{other}')
    return Reply(RichText.of(_line(project), "\n", hint, f" {'closes' if project.is_open else 'opens'} it."))


async def _projects(context: Context, creator_id: CreatorId) -> Reply:
    projects = await context.services.projects.projects(creator_id)
    _, waiting = await context.services.projects.waiting(creator_id)
    head = bold(f"Projects: {len(projects)}, {counted(waiting, 'submission waits', 'submissions wait')}")
    how = 'Set one: /project_admin title:"A sphere" description:"Draw it with one lamp and send a photo."'
    look = ((Button("Look at what waits", "project_next", str(creator_id)),),) if waiting else ()
    return Reply(joined([RichText.of(head), *map(_line, projects[:SHOWN]), RichText.of(how)]), look)
