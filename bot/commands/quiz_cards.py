"""How a quiz looks in a chat: a question with its options, what came of an attempt, the staff's card of it."""

from collections.abc import Mapping
from typing import Final

from core.conversation import Button, Reply, Tone
from core.ids import CreatorId, SourceId
from core.library.cards import clock
from core.library.links import deep_link
from core.library.store import Source, Stage
from core.library.transcript import Timing
from core.library.watching import WatchLinks
from core.rewards.quizzes import LETTERS, PASS_PERCENT, Attempt, Moment, Question, Quiz, State, Statistics
from core.richtext import RichText, Span, bold, code, counted, italic, joined, link
from core.tiers import Scope

BAR: Final = 8
MOST_SHOWN: Final = 1400
"""Characters of questions on the staff's card, so that it is one message, which can be put in another's place."""
_STATES: Final = {State.DRAFT: "draft, seen by the staff alone", State.OPEN: "open", State.CLOSED: "closed"}

Sources = Mapping[SourceId, Source]


def question_card(creator_id: CreatorId, attempt: Attempt, ticked: int = 0) -> Reply:
    """The next question of an attempt; of several right ones, those in ``ticked`` are chosen so far."""
    place, count = attempt.place, len(attempt.arrangement)
    question, options = attempt.question_at(place), attempt.options_at(place)
    filled = round(BAR * place / count)
    lines = [
        RichText.of(bold(attempt.quiz.title), " · preview" if attempt.preview else ""),
        RichText.of(f"{'▰' * filled}{'▱' * (BAR - filled)} {place + 1} of {count}"),
        RichText.of("\n", bold(question.text)),
    ]
    if question.several:
        lines.append(RichText.of(italic("Several are right: choose all of them, then press Done.")))
    lines += [RichText.of(f"{letter}. {option}") for letter, option in zip(LETTERS, options, strict=False)]
    at = f"{creator_id}:{attempt.id}:{place}"
    return Reply(joined(lines), _options(at, len(options), ticked, several=question.several), private=True)


def _options(at: str, count: int, ticked: int, *, several: bool) -> tuple[tuple[Button, ...], ...]:
    if not several:
        return (tuple(Button(LETTERS[n], "quiz_answer", f"{at}:{1 << n}") for n in range(count)),)
    marks = tuple(
        Button(f"{'☑' if ticked >> n & 1 else '☐'} {LETTERS[n]}", "quiz_tick", f"{at}:{ticked ^ 1 << n}")
        for n in range(count)
    )
    return marks, (Button("Done", "quiz_answer", f"{at}:{ticked}", Tone.GOOD),)


def result_card(scope: Scope, attempt: Attempt, sources: Sources, links: WatchLinks, earning: str) -> Reply:
    """What came of an attempt: the score, what to watch again, and the right answers once nothing is left to try.

    ``earning`` says what it pays, in a sentence.
    """
    total = len(attempt.questions)
    percent = 100 * attempt.right // total
    outcome = "✅ Passed." if attempt.passed else f"Not passed yet: it takes {PASS_PERCENT} %."
    lines = [
        RichText.of("🏁 ", bold(attempt.quiz.title)),
        RichText.of(bold(f"{attempt.right} of {total} right ({percent} %)."), f" {outcome} {earning}".rstrip()),
    ]
    if attempt.missed:
        lines.append(RichText.of("\n", bold("Watch again:" if _moments(attempt, sources) else "Not right yet:")))
    lines += [_missed(scope, attempt.questions[n], sources, links, shows=attempt.reveals) for n in attempt.missed]
    lines += [RichText.of(""), RichText.of(italic(_left(attempt)))]
    again = Button("Try again", "quiz_begin", f"{scope.creator_id}:{attempt.quiz.id}")
    answers = Button("All answers", "quiz_answers", f"{scope.creator_id}:{attempt.id}")
    row = ((again,) if attempt.left_today and not attempt.preview else ()) + ((answers,) if attempt.reveals else ())
    return Reply(joined(lines), (row,) if row else (), private=True)


def answers_card(scope: Scope, attempt: Attempt, sources: Sources, links: WatchLinks) -> Reply:
    """Every question of an attempt that is over, as it was answered and as it is right."""
    lines = [RichText.of("📖 ", bold(attempt.quiz.title))]
    for shown in attempt.arrangement:
        question, chosen = attempt.questions[shown.question], attempt.answers[shown.question]
        own = "; ".join(question.options[n] for n in sorted(chosen))
        verdict = "✅" if chosen == question.right else f"❌ You chose: {own}."
        line = RichText.of("\n", bold(question.text), f"\n{verdict} Right: {question.right_words}")
        line += f"\n{question.explanation}" if question.explanation else ""
        if where := moment_link(scope, question.moment, sources, links):
            line += RichText.of("\n▸ ", where)
        lines.append(line)
    return Reply(joined(lines), private=True)


def _moments(attempt: Attempt, sources: Sources) -> bool:
    return any((moment := attempt.questions[n].moment) and moment.source_id in sources for n in attempt.missed)


def _missed(scope: Scope, question: Question, sources: Sources, links: WatchLinks, *, shows: bool) -> RichText:
    line = RichText.of("▸ ", question.text)
    if where := moment_link(scope, question.moment, sources, links):
        line += RichText.of(" · ", where)
    if shows:
        line += RichText.of("\n   ", bold(f"Right: {question.right_words}"))
        line += f"\n   {question.explanation}" if question.explanation else ""
    return line


def _left(attempt: Attempt) -> str:
    if attempt.preview:
        return "This was a preview: it counts nowhere."
    left = f"{counted(attempt.left_today, 'attempt')} left today."
    hidden = attempt.missed and not attempt.reveals
    return f"{left} The right answers are shown once you pass, or have none left." if hidden else left


def moment_link(scope: Scope, moment: Moment | None, sources: Sources, links: WatchLinks) -> Span | None:
    """A link to a moment as answers have it; None where its source is gone, or not open to this person.

    A second is linked only where it was heard, and inside the source.
    """
    source = sources.get(moment.source_id) if moment else None
    if moment is None or source is None or source.stage is not Stage.COMPLETED or not scope.opens(source.tier):
        return None
    start_s = moment.start_s
    if start_s is None or source.timing is not Timing.HEARD or (source.duration_s and start_s >= source.duration_s):
        return link(source.title, source.link or links.link(scope.creator_id, source.id, None))
    deep = deep_link(source.link, start_s, source.duration_s or None) if source.link else None
    address = deep or links.link(scope.creator_id, source.id, start_s)
    return link(f"{source.title} {clock(start_s)}", address)


def staff_card(creator_id: CreatorId, quiz: Quiz, statistics: Statistics, sources: Sources, first: int = 0) -> Reply:
    """A quiz as the staff sees it: its questions with the right ones marked, how it goes, and what can be done.

    As many questions as fit into a message, from position ``first`` on; all are in the export.
    """
    summary = quiz.summary
    facts = [f"#{summary.id}", _STATES[summary.state], f"version {summary.version}"]
    facts += [f"about {summary.source_title}"] if summary.source_title else []
    facts += [f"for {summary.tier}"] if summary.tier else []
    facts += [f"from {summary.origin}"] if summary.origin != "staff" else []
    lines = [RichText.of(bold(summary.title)), RichText.of(" · ".join(facts)), RichText.of(_goes(quiz, statistics))]
    lines += _questions(quiz, sources, first)
    if not quiz.questions:
        example = f'/quiz_admin quiz:{summary.id} question:"..." options:"wrong | +right | wrong"'
        lines.append(RichText.of(f"There is no question in it yet. Add one: {example}"))
    return Reply(joined(lines), _can_be_done(creator_id, quiz), private=True)


def _questions(quiz: Quiz, sources: Sources, first: int) -> list[RichText]:
    lines: list[RichText] = []
    for position in range(first, len(quiz.questions)):
        line = _numbered(position + 1, quiz.questions[position], sources)
        if lines and sum(len(shown.plain) for shown in [*lines, line]) > MOST_SHOWN:
            more = f"\n… and {len(quiz.questions) - position} more: "
            return [*lines, RichText.of(more, code(f"/quiz_admin quiz:{quiz.summary.id} number:{position + 1}"))]
        lines.append(line)
    return lines


def _goes(quiz: Quiz, statistics: Statistics) -> str:
    if not statistics.started:
        return "Nobody has tried it yet."
    words = (
        f"Attempts: {statistics.started}, by {counted(statistics.students, 'student')}; {statistics.finished} "
        f"finished, {statistics.pass_percent} % of these passed."
    )
    if statistics.hardest is None:
        return words
    missed, answered = statistics.missed[statistics.hardest], statistics.answered[statistics.hardest]
    return f"{words} Hardest: question {statistics.hardest + 1}, missed {missed} of {counted(answered, 'time')}."


def _numbered(number: int, question: Question, sources: Sources) -> RichText:
    options = [f"   {'✓' if n in question.right else '·'} {option}" for n, option in enumerate(question.options)]
    source = sources.get(question.moment.source_id) if question.moment else None
    more = [f"   {question.explanation}"] if question.explanation else []
    if question.moment and source:
        at = "" if question.moment.start_s is None else f" {clock(question.moment.start_s)}"
        more.append(f"   ▸ {source.title}{at}")
    return RichText.of("\n", bold(f"{number}. {question.text}"), "\n", "\n".join([*options, *more]))


def _can_be_done(creator_id: CreatorId, quiz: Quiz) -> tuple[tuple[Button, ...], ...]:
    payload = f"{creator_id}:{quiz.summary.id}"
    opened = quiz.summary.state is State.OPEN
    change = Button("Close", "quiz_close", payload) if opened else Button(
        "Publish", "quiz_publish", payload, Tone.GOOD
    )  # fmt: skip
    first = (Button("Preview", "quiz_preview", payload), change) if quiz.questions else ()
    second = (Button("Export", "quiz_export", payload), Button("Delete", "quiz_delete", payload, Tone.DANGER))
    return (first, second) if first else (second,)
