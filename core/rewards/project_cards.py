"""How submissions look in a chat: to the staff that decides, and to the student who is told."""

from typing import Final

from core.conversation import Button, Reply, Tone
from core.ids import CreatorId
from core.rewards.projects import Decision, Submission
from core.rewards.rules import PAID_LATER
from core.richtext import RichText, bold, code, italic, joined, link

REASONS: Final = (
    "Something that was asked for is missing.",
    "I cannot open it.",
    "That is not what this project is about.",
)
"""Offered as buttons; another one can be typed."""
_STATES: Final = {
    Decision.WAITING: "⏳ waits for the staff",
    Decision.RETURNED: "↩️ sent back",
    Decision.APPROVED: "✅ approved",
}


def review_card(creator_id: CreatorId, submission: Submission, name: str, note: str = "") -> Reply:
    """What is handed in, with the buttons that decide."""
    at = f"{creator_id}:{submission.id}:{submission.revision}"
    buttons = (
        Button("Approve", "project_approve", at, Tone.GOOD), Button("Send back", "project_return", at)
    ) if submission.state is Decision.WAITING else (Button("Undo", "project_undo", at),)  # fmt: skip
    file = (Button("Get the file", "project_file", at),) if submission.work.file_key else ()
    head = RichText.of("🛠 ", bold(submission.title), f" by {name} · #{submission.id}")
    lines = [RichText.of(note)] if note else []
    lines += [head, *_work(submission)]
    if submission.state is not Decision.WAITING:
        lines.append(_state(submission))
    return Reply(joined(lines), (buttons, file) if file else (buttons,), private=True)


def _work(submission: Submission) -> list[RichText]:
    work = submission.work
    lines = [RichText.of(work.words)] if work.words else []
    lines += [RichText.of(link(work.link, work.link))] if work.link else []
    return lines + ([RichText.of(f"📎 {work.file_name}")] if work.file_name else [])


def _state(submission: Submission) -> RichText:
    return RichText.of(italic(_STATES[submission.state] + (f": {submission.reason}" if submission.reason else "")))


def own_line(submission: Submission) -> RichText:
    """A submission as its student sees it in a list."""
    day = f"{submission.submitted_at:%d %b}"
    return RichText.of("▸ ", bold(submission.title), f" · {day} · ", _state(submission))


def news_for_staff(creator_id: CreatorId, submission: Submission, name: str) -> Reply:
    """What the staff is told of something new."""
    again = " again" if submission.revision > 1 else ""
    return review_card(creator_id, submission, name, f"Handed in{again}:")


def news_for_student(submission: Submission, before: Decision, amount: int) -> Reply:
    """What the student is told of a decision."""
    title = bold(submission.title)
    if submission.state is Decision.APPROVED:
        pays = f" It can earn {amount:,} CHRONOS. {PAID_LATER}" if amount else ""
        return Reply(RichText.of("✅ Your project ", title, f" was approved.{pays}"))
    if submission.state is Decision.RETURNED:
        again = code(f'/submit project:"{submission.title}"')
        return Reply(
            RichText.of(
                "↩️ Your project ", title, f" was sent back: {submission.reason}\nChange it, and hand it in again ",
                "with ", again, " and your text, link or file.",
            )
        )  # fmt: skip
    back = " What it had earned was taken back." if before is Decision.APPROVED else ""
    return Reply(RichText.of("⏳ The staff looks at your project ", title, f" once more.{back}"))
