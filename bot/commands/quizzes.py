"""Quizzes for students: picked from a list or offered under an answer, and answered with buttons, privately."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from bot.commands.belonging import member_with, require_member
from bot.commands.quiz_cards import Sources, answers_card, question_card, result_card
from bot.commands.registry import Context, Registry, dead_button, numbers_of, said
from bot.commands.titles import fitting
from core.asking.answer import Answer
from core.conversation import Button, Kind, Parameter, Reply, Suggestion
from core.errors import Refused
from core.ids import AttemptId, CreatorId, QuizId
from core.members.directory import Standing
from core.rewards.quizzes import MOST_OPTIONS, Attempt, Progress, QuizSummary, Quizzes, State
from core.rewards.rules import PAID_LATER, QUIZ
from core.richtext import RichText, bold, counted, joined
from core.tiers import Scope, locked

PAGE: Final = 8
LABEL: Final = "📝 Quiz"
NONE_OPEN: Final = "There is no quiz here yet. As soon as there is one, /quiz shows it."

commands = Registry()


async def quiz_button(quizzes: Quizzes, creator_id: CreatorId, answer: Answer) -> Button | None:
    """The button under an answer that cites a source with an open quiz; None where there is none."""
    found = await quizzes.about(creator_id, {cited.source_id for cited in answer.citations})
    return None if found is None else Button(LABEL, "quiz_begin", f"{creator_id}:{found}")


async def sources_of(context: Context, creator_id: CreatorId) -> Sources:
    """A creator's sources by their ids."""
    return {source.id: source for source in await context.services.shelf.sources(creator_id)}


async def suggest_quiz(context: Context, typed: str) -> Sequence[Suggestion]:
    """Complete a quiz by words of its title; students are shown what they can take."""
    wanted, staff = typed.casefold(), context.standing.staff and context.request.command != "quiz"
    return [
        Suggestion(quiz.title, str(quiz.id))
        for quiz in await context.services.quizzes.quizzes(context.creator.id)
        if wanted in quiz.title.casefold() and (staff or _for(quiz, context.standing))
    ][:25]


def _for(quiz: QuizSummary, standing: Standing) -> bool:
    """Whether somebody can take a quiz now."""
    return quiz.state is State.OPEN and (not quiz.tier or standing.tiers is None or quiz.tier in standing.tiers)


def named_quiz(wanted: str, quizzes: Sequence[QuizSummary], command: str) -> QuizSummary:
    """The one quiz that a number or words of a title mean.

    Raises:
        Refused: none fits, or several do.
    """
    found = fitting(wanted, quizzes)
    if not found:
        raise Refused(f"There is no quiz called {wanted[:60]!r}. /{command} lists what there is.")
    if len(found) > 1:
        names = "; ".join(f"#{quiz.id} {quiz.title}" for quiz in found[:5])
        raise Refused(f"Several quizzes fit: {names}. Please give the number.")
    return found[0]


@commands.command(
    "quiz",
    "Test yourself on the videos; passing earns CHRONOS",
    Parameter("quiz", "Its title, or its number from the list", Kind.SOURCE, takes_rest=True),
    private=True,
    suggest=suggest_quiz,
)
async def quiz(context: Context) -> Reply:
    """List what can be taken, or begin the quiz that is named."""
    creator_id = await require_member(context)
    if not context.text("quiz"):
        return await _list(context, creator_id, context.standing, 0)
    every = await context.services.quizzes.quizzes(creator_id)
    wanted = named_quiz(context.text("quiz"), [q for q in every if q.state is State.OPEN], "quiz")
    return await _begin(context, creator_id, context.standing, wanted.id)


@commands.action("quiz_list")
async def turn_page(context: Context) -> Reply:
    """Another page of the list, in the place of the one before."""
    wanted, page = numbers_of(context, 2)
    standing = await member_with(context, wanted)
    return replace(await _list(context, CreatorId(wanted), standing, page), replaces=True)


async def _list(context: Context, creator_id: CreatorId, standing: Standing, page: int) -> Reply:
    every = await context.services.quizzes.quizzes(creator_id)
    known = await context.services.quizzes.progress(creator_id, standing.student_id, datetime.now(UTC))
    open_ones = [quiz for quiz in every if quiz.state is State.OPEN]
    if not open_ones:
        return said(NONE_OPEN)
    first = min(page, (len(open_ones) - 1) // PAGE) * PAGE
    shown = open_ones[first : first + PAGE]
    lines = [_line(quiz, known.get(quiz.id, Progress()), can=_for(quiz, standing)) for quiz in shown]
    rows = [
        (Button(quiz.title[:60], "quiz_begin", f"{creator_id}:{quiz.id}"),) for quiz in shown if _for(quiz, standing)
    ]
    turns = [("◀ Newer", first // PAGE - 1), ("Older ▶", first // PAGE + 1)]
    turning = tuple(
        Button(label, "quiz_list", f"{creator_id}:{n}") for label, n in turns if 0 <= n * PAGE < len(open_ones)
    )
    heading = RichText.of(bold(f"Quizzes: {len(open_ones)}"))
    return Reply(joined([heading, *lines]), _packed(rows, turning))


def _packed(rows: Sequence[tuple[Button, ...]], turning: tuple[Button, ...]) -> tuple[tuple[Button, ...], ...]:
    """At most five rows, which is what Discord shows: two quizzes beside each other."""
    flat = [button for row in rows for button in row]
    pairs = [tuple(flat[n : n + 2]) for n in range(0, len(flat), 2)]
    return (*pairs, turning) if turning else tuple(pairs)


def _line(quiz: QuizSummary, progress: Progress, *, can: bool) -> RichText:
    about = f" · about {quiz.source_title}" if quiz.source_title else ""
    state = ""
    if not can:
        state = f" · {locked(quiz.tier)}"
    elif progress.place is not None:
        state = f" · go on with question {progress.place + 1}"
    elif progress.passed:
        state = " · ✅ passed"
    elif not progress.left_today:
        state = " · no attempts left today"
    return RichText.of("▸ ", quiz.title, f" · {counted(quiz.length, 'question')}", about, state)


@commands.action("quiz_begin")
async def begin(context: Context) -> Reply:
    """The button of a list, of an answer, or of a result; the quiz gets a message of its own."""
    wanted, quiz_id = numbers_of(context, 2)
    standing = await member_with(context, wanted)
    if standing is context.standing:
        await require_member(context)
    return await _begin(context, CreatorId(wanted), standing, QuizId(quiz_id))


async def _begin(context: Context, creator_id: CreatorId, standing: Standing, quiz_id: QuizId) -> Reply:
    known = next((q for q in await context.services.quizzes.quizzes(creator_id) if q.id == quiz_id), None)
    if known is not None:
        _require_open(known, Scope(creator_id, standing.tiers))
    attempt = await context.services.quizzes.begin(creator_id, standing.student_id, quiz_id, datetime.now(UTC))
    return question_card(creator_id, attempt)


def _require_open(quiz: QuizSummary, scope: Scope) -> None:
    if not scope.opens(quiz.tier):
        raise Refused(f"That quiz is for members of {quiz.tier}. /quiz shows what is open to you.")


_PRESSED: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,2}):([0-9]{1,2})")


def _pressed(context: Context) -> tuple[CreatorId, AttemptId, int, int]:
    """Whose attempt, which, the place of the question, and the options chosen, a bit each."""
    found = _PRESSED.fullmatch(context.text("payload"))
    if found is None or int(found[4]) >= 1 << MOST_OPTIONS:
        raise dead_button()
    return CreatorId(int(found[1])), AttemptId(int(found[2])), int(found[3]), int(found[4])


@commands.action("quiz_tick")
async def tick(context: Context) -> Reply:
    """Choose one of several options, or choose it no more."""
    creator_id, attempt_id, place, ticked = _pressed(context)
    standing = await member_with(context, creator_id)
    attempt = await context.services.quizzes.attempt(
        creator_id, standing.student_id, attempt_id, datetime.now(UTC)
    )  # fmt: skip
    if place != attempt.place:
        raise Refused("You answered that question already. Type /quiz to go on where you are.")
    if not attempt.question_at(place).several or ticked >> len(attempt.options_at(place)):
        raise dead_button()
    return replace(question_card(creator_id, attempt, ticked), replaces=True)


@commands.action("quiz_answer")
async def answer(context: Context) -> Reply:
    """Judge an answer and show the next question in its place, or at the end what came of it."""
    creator_id, attempt_id, place, ticked = _pressed(context)
    standing = await member_with(context, creator_id)
    scope, quizzes, now = Scope(creator_id, standing.tiers), context.services.quizzes, datetime.now(UTC)
    before = await quizzes.attempt(creator_id, standing.student_id, attempt_id, now)
    _require_open(before.quiz, scope)
    attempt = await quizzes.answer(
        creator_id, standing.student_id, attempt_id, place, ticked, now, earns=not standing.staff
    )
    if not attempt.complete:
        return replace(question_card(creator_id, attempt), replaces=True)
    sources = await sources_of(context, creator_id)
    earning = await _earning(context, creator_id, attempt, standing)
    card = result_card(scope, attempt, sources, context.services.links, earning)
    return replace(card, replaces=True)


@commands.action("quiz_answers")
async def all_answers(context: Context) -> Reply:
    """Every question with its right answer, once nothing can be gained by them."""
    wanted, attempt_id = numbers_of(context, 2)
    standing = await member_with(context, wanted)
    creator_id = CreatorId(wanted)
    attempt = await context.services.quizzes.result(
        creator_id, standing.student_id, AttemptId(attempt_id), datetime.now(UTC)
    )
    scope, sources = Scope(creator_id, standing.tiers), await sources_of(context, creator_id)
    _require_open(attempt.quiz, scope)
    return answers_card(scope, attempt, sources, context.services.links)


async def _earning(context: Context, creator_id: CreatorId, attempt: Attempt, standing: Standing) -> str:
    rule = (await context.services.tariffs.of(creator_id)).rules.get(QUIZ)
    if attempt.preview or not attempt.passed or rule is None or not rule.amount:
        return ""
    if standing.staff:
        return "The staff sees the answers, so it earns nothing."
    if attempt.passed_before:
        return "You had passed it before, so it earns nothing more."
    return f"It can earn {rule.amount:,} CHRONOS. {PAID_LATER}"
