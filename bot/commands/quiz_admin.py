"""Quizzes for the staff: made by hand or from a file, previewed, published, counted and exported."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final

from bot.commands.belonging import staff_with
from bot.commands.quiz_cards import Sources, question_card, staff_card
from bot.commands.quizzes import named_quiz, sources_of, suggest_quiz
from bot.commands.registry import Context, Registry, numbers_of, said
from bot.commands.titles import fitting
from bot.commands.uploads import saved_file
from core.conversation import Attachment, Audience, Button, File, Kind, Parameter, Reply
from core.errors import Refused, UploadRefused
from core.ids import CreatorId, QuizId, SourceId
from core.library.store import Source
from core.library.transcript import Timing
from core.library.uploads import check_size
from core.rewards.quiz_files import (
    WrittenQuestion,
    WrittenQuiz,
    read_moment,
    read_options,
    read_quiz,
    write_table,
    write_text,
)
from core.rewards.quizzes import (
    LONGEST_TITLE,
    Moment,
    Question,
    Quiz,
    QuizContent,
    QuizSummary,
    State,
    checked_question,
    checked_questions,
    checked_title,
)
from core.richtext import RichText, bold, counted, joined

SHOWN: Final = 20
BUTTONS: Final = 8
LARGEST_BYTES: Final = 500_000
GONE: Final = "That quiz is gone. /quiz_admin lists what there is."
HOW: Final = (
    'Make one: /quiz_admin title:"Shading" question:"Where is it darkest?" options:"in the light | +in the core '
    'shadow" moment:0:14 source:"Shading a sphere"; or attach a file with all questions: text, CSV or JSON.'
)

commands = Registry()


@commands.command(
    "quiz_admin",
    "See, make and change quizzes",
    Parameter("quiz", "Which to see or change: its title or number", Kind.SOURCE, takes_rest=True),
    Parameter("title", "The title of a new quiz, or another one"),
    Parameter("source", "What it is about: a title or number from /videos; none: nothing"),
    Parameter("file", "All its questions: text, CSV or JSON", Kind.FILE),
    Parameter("question", "A question to add"),
    Parameter("options", "Its options with | between them, right ones begin with +"),
    Parameter("explanation", "Why that is right; shown afterwards"),
    Parameter("moment", "Where to watch again, such as 12:34"),
    Parameter("number", "Which question to see or change, instead of adding one", Kind.NUMBER),
    Parameter("remove", "Which question to take out", Kind.NUMBER),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_quiz,
)
async def quiz_admin(context: Context) -> Reply:
    """List the quizzes; or make or change one with all that is given, and show it."""
    if not context.request.arguments:
        return await _list(context)
    creator_id, quizzes = context.creator.id, context.services.quizzes
    sources = await sources_of(context, creator_id)
    before = await _named(context) if context.text("quiz") else None
    content = await _content(context, before.content if before else QuizContent(""), sources)
    if before is None:
        content = replace(content, title=checked_title(content.title))
        quiz_id = await quizzes.add(creator_id, content)
        return await _card(context, creator_id, quiz_id, "Made as a draft. Publish shows it to students.")
    number = context.number("number")
    first = _place(number, content) if number is not None else 0
    if content == before.content:
        return await _card(context, creator_id, before.summary.id, first=first)
    await quizzes.change(creator_id, before, replace(content, title=checked_title(content.title)))
    return await _card(context, creator_id, before.summary.id, _changed(before, content), first)


def _changed(before: Quiz, content: QuizContent) -> str:
    if content.questions == before.questions or before.summary.state is not State.OPEN:
        return "Changed."
    return "Changed. Whoever begins it from now on gets the new version, which can be passed anew."


async def _list(context: Context) -> Reply:
    every = await context.services.quizzes.quizzes(context.creator.id)
    if not every:
        return said(f"There is no quiz yet. {HOW}")
    lines = [_line(quiz) for quiz in every[:SHOWN]]
    more = [RichText.of(f"… and {len(every) - SHOWN} more: /quiz_admin quiz:<title>")] if every[SHOWN:] else []
    payload = f"{context.creator.id}"
    buttons = [
        Button(f"#{quiz.id} {quiz.title}"[:60], "quiz_card", f"{payload}:{quiz.id}") for quiz in every[:BUTTONS]
    ]
    rows = tuple(tuple(buttons[n : n + 2]) for n in range(0, len(buttons), 2))
    return Reply(joined([RichText.of(bold(f"Quizzes: {len(every)}")), *lines, *more, RichText.of(f"\n{HOW}")]), rows)


def _line(quiz: QuizSummary) -> RichText:
    about = f" · about {quiz.source_title}" if quiz.source_title else ""
    return RichText.of(
        f"▸ #{quiz.id} ", bold(quiz.title), f" · {quiz.state} · {counted(quiz.length, 'question')}{about}"
    )


async def _named(context: Context) -> Quiz:
    every = await context.services.quizzes.quizzes(context.creator.id)
    return await _existing(context, context.creator.id, named_quiz(context.text("quiz"), every, "quiz_admin").id)


async def _existing(context: Context, creator_id: CreatorId, quiz_id: int) -> Quiz:
    found = await context.services.quizzes.quiz(creator_id, QuizId(quiz_id))
    if found is None:
        raise Refused(GONE)
    return found


async def _card(context: Context, creator_id: CreatorId, quiz_id: int, note: str = "", first: int = 0) -> Reply:
    quiz = await _existing(context, creator_id, quiz_id)
    statistics = await context.services.quizzes.statistics(creator_id, quiz.summary.id)
    card = staff_card(creator_id, quiz, statistics, await sources_of(context, creator_id), first)
    return replace(card, text=RichText.of(f"{note}\n\n" if note else "", card.text))


# What is given becomes what the quiz consists of.


async def _content(context: Context, before: QuizContent, sources: Sources) -> QuizContent:
    content = replace(before, title=context.text("title") or before.title)
    if context.text("source"):
        content = replace(content, source_id=_source_named(context.text("source"), sources))
    if file := context.file("file"):
        content = await _from_file(context, file, content, sources)
    if (number := context.number("remove")) is not None:
        place = _place(number, content)
        content = replace(content, questions=content.questions[:place] + content.questions[place + 1 :])
    if any(context.text(name) for name in ("question", "options", "explanation", "moment")):
        content = _with_question(context, content, sources)
    return replace(content, questions=checked_questions(content.questions))


def _place(number: float, content: QuizContent) -> int:
    if not number.is_integer() or not 1 <= number <= len(content.questions):
        raise Refused(f"There is no question {number:g}; this quiz has {len(content.questions)}.")
    return int(number) - 1


def _with_question(context: Context, content: QuizContent, sources: Sources) -> QuizContent:
    number = context.number("number")
    if number is None:
        if not (context.text("question") and context.text("options")):
            raise Refused('A new question needs both: question:"..." and options:"wrong | +right | wrong"')
        return replace(content, questions=(*content.questions, _asked(context, None, content, sources)))
    place = _place(number, content)
    changed = _asked(context, content.questions[place], content, sources)
    return replace(content, questions=(*content.questions[:place], changed, *content.questions[place + 1 :]))


def _asked(context: Context, before: Question | None, content: QuizContent, sources: Sources) -> Question:
    """The question that the options say, over what it was before."""
    known = before or Question("", (), frozenset())
    options, right = (
        read_options(context.text("options")) if context.text("options") else (known.options, known.right)
    )
    moment = known.moment
    if context.text("moment"):
        at_s, name = read_moment(context.text("moment"))
        moment = _moment(at_s, name, content.source_id, sources)
    return checked_question(
        context.text("question") or known.text, options, right, context.text("explanation") or known.explanation,
        moment,
    )  # fmt: skip


async def _from_file(context: Context, file: Attachment, content: QuizContent, sources: Sources) -> QuizContent:
    written = await _read(context, file)
    source_id = content.source_id
    if written.source and not context.text("source"):
        source_id = _source_named(written.source, sources)
    title = context.text("title") or written.title or content.title
    title = title or re.sub(r"[_\W]+", " ", PurePath(file.name).stem).strip()[:LONGEST_TITLE]
    questions = tuple(_resolved(each, source_id, sources) for each in written.questions)
    return QuizContent(checked_title(title), questions, source_id)


async def _read(context: Context, file: Attachment) -> WrittenQuiz:
    check_size(file.name, file.size_bytes, LARGEST_BYTES)
    async with saved_file(context.services.scratch, file) as path:
        check_size(file.name, path.stat().st_size, LARGEST_BYTES)
        content = await asyncio.to_thread(path.read_bytes)
    try:
        return await asyncio.to_thread(read_quiz, file.name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UploadRefused(f"Line {line}: that is not text. Save the file in UTF-8.") from error


def _resolved(written: WrittenQuestion, source_id: SourceId | None, sources: Sources) -> Question:
    if not written.has_moment:
        return written.question
    try:
        return replace(written.question, moment=_moment(written.at_s, written.source, source_id, sources))
    except (Refused, UploadRefused) as refusal:
        raise UploadRefused(f"Line {written.line}: {refusal}") from refusal


def _moment(at_s: float | None, name: str, source_id: SourceId | None, sources: Sources) -> Moment:
    """A moment of the source that is named, else of the one that the quiz is about."""
    wanted = _source_named(name, sources) if name else source_id
    source = sources.get(wanted) if wanted else None
    if source is None:
        raise Refused("That moment needs a source: say what the quiz is about, or name the source behind the time.")
    if at_s is None or source.timing is Timing.NONE:
        return Moment(source.id)
    if source.duration_s and at_s >= source.duration_s:
        raise Refused(f"{source.title} is shorter than that: it ends after {source.duration_s:.0f} seconds.")
    return Moment(source.id, at_s)


def _source_named(wanted: str, sources: Sources) -> SourceId | None:
    """The source that a title or number means; None where none is wanted."""
    text = wanted.strip()
    if text.casefold() == "none":
        return None
    found = fitting(text, sources.values())
    if len(found) != 1:
        raise Refused(_not_one(text, found))
    return found[0].id


def _not_one(text: str, found: Sequence[Source]) -> str:
    if not found:
        return f"There is no source called {text[:60]!r}. /videos lists them with their numbers."
    return f"Several sources fit: {'; '.join(f'#{s.id} {s.title}' for s in found[:5])}. Please give the number."


# Buttons of the card.


@commands.action("quiz_card", audience=Audience.EVERYONE)
async def show(context: Context) -> Reply:
    """The card of a quiz in the list."""
    creator_id, quiz_id = await _meant(context)
    return await _card(context, creator_id, quiz_id)


async def _meant(context: Context) -> tuple[CreatorId, QuizId]:
    """The quiz that a button names, for the staff of its creator alone."""
    wanted, quiz_id = numbers_of(context, 2)
    return await staff_with(context, wanted), QuizId(quiz_id)


@commands.action("quiz_preview")
async def preview(context: Context) -> Reply:
    """The quiz just as a student sees it; it counts nowhere."""
    creator_id, quiz_id = await _meant(context)
    attempt = await context.services.quizzes.begin(
        creator_id, context.standing.student_id, quiz_id, datetime.now(UTC), preview=True
    )
    return question_card(creator_id, attempt)


@commands.action("quiz_publish")
async def publish(context: Context) -> Reply:
    """Show it to students."""
    creator_id, quiz_id = await _meant(context)
    if not (await _existing(context, creator_id, quiz_id)).questions:
        raise Refused("There is no question in it yet, so there is nothing to publish.")
    return await _put(context, creator_id, quiz_id, State.OPEN, "Published: /quiz shows it to students now.")


@commands.action("quiz_close")
async def close(context: Context) -> Reply:
    """Show it to students no more."""
    creator_id, quiz_id = await _meant(context)
    return await _put(context, creator_id, quiz_id, State.CLOSED, "Closed: students do not see it any more.")


async def _put(context: Context, creator_id: CreatorId, quiz_id: QuizId, state: State, note: str) -> Reply:
    if not await context.services.quizzes.set_state(creator_id, quiz_id, state):
        raise Refused(GONE)
    return replace(await _card(context, creator_id, quiz_id, note), replaces=True)


@commands.action("quiz_export")
async def export(context: Context) -> Reply:
    """The quiz as files, which /quiz_admin takes back."""
    quiz = await _existing(context, *(await _meant(context)))
    name = re.sub(r"[^\w-]+", "-", quiz.summary.title).strip("-")[:60] or "quiz"
    files = File(f"{name}.txt", write_text(quiz).encode()), File(f"{name}.csv", write_table(quiz).encode())
    words = f"Change either and send it back: /quiz_admin quiz:{quiz.summary.id} with the file."
    return Reply(RichText.of(bold(quiz.summary.title), f"\n{words}"), files=files, private=True)


@commands.action("quiz_delete")
async def delete(context: Context) -> Reply:
    """Take it away; a button brings it back."""
    creator_id, quiz_id = await _meant(context)
    title = await context.services.quizzes.remove(creator_id, quiz_id)
    if title is None:
        raise Refused(GONE)
    undo = Button("Undo", "quiz_restore", f"{creator_id}:{quiz_id}")
    words = RichText.of("Deleted ", bold(title), ". What it earned stays. For a week it can be brought back.")
    return Reply(words, ((undo,),), private=True, replaces=True)


@commands.action("quiz_restore")
async def restore(context: Context) -> Reply:
    """Undo a deletion."""
    creator_id, quiz_id = await _meant(context)
    if await context.services.quizzes.restore(creator_id, quiz_id) is None:
        raise Refused("It is too late to undo that.")
    return replace(await _card(context, creator_id, quiz_id, "It is back."), replaces=True)
