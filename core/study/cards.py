"""How the material of a source looks to the staff: what there is, how far it is, and what can be done."""

from typing import Final

from core.conversation import Button, Reply, Tone
from core.richtext import RichText, bold, counted, joined
from core.study.material import TAKEAWAYS, PointKind
from core.study.picked import PICKED
from core.study.store import Guide

BAR: Final = 12


def written_words(writer: str) -> str:
    """Who made it."""
    return f"worded by {writer}, from the creator's own sentences" if writer else PICKED


def guide_card(guide: Guide) -> Reply:
    """The card of a source's material."""
    lines = [RichText.of("📚 ", bold(guide.title), f" · for {guide.tier}" if guide.tier else "")]
    if guide.made:
        lines += [RichText.of(counts_words(guide)), RichText.of(f"{written_words(guide.writer).capitalize()}.")]
    if guide.waits:
        lines.append(RichText.of(_waiting(guide)))
    lines += [RichText.of(remark) for remark in _remarks(guide)]
    return Reply(joined(lines), _buttons(guide))


def counts_words(guide: Guide) -> str:
    """How much there is of what."""
    count = guide.counts
    takeaways = sum(count.get(kind, 0) for kind in TAKEAWAYS)
    return ", ".join(
        (
            counted(count.get(PointKind.CHAPTER, 0), "chapter"),
            counted(count.get(PointKind.SUMMARY, 0), "point of the summary", "points of the summary"),
            counted(count.get(PointKind.TERM, 0), "key term"),
            counted(takeaways, "takeaway"),
            counted(guide.drafts, "draft of a question", "drafts of questions"),
        )
    )


def _waiting(guide: Guide) -> str:
    if guide.reason:
        return f"⏸️ {guide.reason}"
    filled = round(BAR * guide.progress)
    return f"{'▰' * filled}{'▱' * (BAR - filled)} {guide.progress:.0%} being made"


def _remarks(guide: Guide) -> list[str]:
    remarks = []
    if guide.rejected:
        remarks.append(
            f"{counted(guide.rejected, 'thing')} that the model gave did not hold against the words: left out."
        )
    if guide.skipped:
        remarks.append(
            f"{counted(guide.skipped, 'form')} no model could fill, tried twice: "
            "there stands what was picked from the words."
        )
    if guide.hidden:
        remarks.append(f"{counted(guide.hidden, 'point')} hidden from learners.")
    if guide.lost:
        remarks.append(f"{counted(guide.lost, 'point')} of yours went: the words are not said any more.")
    return remarks


def _buttons(guide: Guide) -> tuple[tuple[Button, ...], ...]:
    source = str(guide.source_id)
    row = [Button(f"Review {counted(guide.drafts, 'question')}", "study_draft", f"{source}:0", Tone.GOOD)] * bool(
        guide.drafts
    )
    if guide.made:
        row.append(Button("Edit", "study_points", f"{source}:0"))
    if not guide.waits:
        row.append(Button("Make again", "study_redo", source))
    return (tuple(row),) if row else ()
