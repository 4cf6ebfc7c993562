"""Status cards: what the uploader sees of the work, in one message a workflow that is edited as it moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.conversation import Button, Reply, Tone
from core.ids import WorkflowId
from core.library.estimates import NOTHING_MEASURED, Paces, batch_left_s, left_s, left_words, share_done
from core.library.revising import revision_card
from core.library.store import Source, Stage
from core.richtext import RichText, Span, bold, counted, joined

BAR_LENGTH: Final = 12
MOST_FAILED_SHOWN: Final = 5
MOST_TOPICS_SHOWN: Final = 5
_WORDS: Final = {
    Stage.PENDING: "waiting its turn",
    Stage.DOWNLOADING: "downloading",
    Stage.TRANSCRIBING: "listening to what is said",
    Stage.CHUNKING: "cutting into sentences",
    Stage.EMBEDDING: "learning what it says",
    Stage.VALIDATING: "checking that it is found",
    Stage.COMPLETED: "ready",
    Stage.FAILED: "failed",
    Stage.PAUSED: "waiting",
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What was uploaded together; ``failed`` are the first that did, ``reason`` is why any waits.

    ``only`` is the source where it is a single one. ``moving`` are being worked on; of all that did not fail
    ``shares`` are done, those under way counted by part, ``elapsed_s`` seconds after the first was begun.
    ``left_out`` says what of a listing was left out, if anything was.
    """

    id: WorkflowId
    title: str
    total: int
    ready: int
    failures: int
    failed: Sequence[Source] = ()
    reason: str = ""
    moving: int = 0
    shares: float = 0.0
    elapsed_s: float = 0.0
    only: Source | None = None
    left_out: str = ""


def card(source: Source, paces: Paces = NOTHING_MEASURED) -> Reply:
    """The card of a source that was uploaded alone."""
    if source.revision is not None and source.stage in {Stage.COMPLETED, Stage.FAILED}:
        return revision_card(source)
    if source.stage is Stage.COMPLETED:
        return _ready(source)
    if source.stage is Stage.FAILED:
        again = Button("Try again", "retry", str(source.id), Tone.GOOD)
        return Reply(
            RichText.of("❌ ", bold(source.title), f" could not be added. {source.reason}"),
            ((again, _remove(source)),),
        )
    if source.reason:
        return Reply(RichText.of("⏸️ ", bold(source.title), f" waits. {source.reason}"), ((_remove(source),),))
    return Reply(RichText.of("⏳ ", bold(source.title), f"\n{progress_line(source, paces)}"))


def progress_line(source: Source, paces: Paces = NOTHING_MEASURED) -> str:
    """How far the work on one source is: a bar, what is being done, and about how long it still takes."""
    done = share_done(source)
    return f"{bar(done)} {done:.0%} · {stage_words(source)}{left_words(left_s(source, paces))}"


def stage_words(source: Source) -> str:
    """What is being done with a source, or what it waits for."""
    return source.reason or _WORDS[source.stage]


def _remove(source: Source) -> Button:
    return Button("Remove", "discard", str(source.id), Tone.DANGER)


def _ready(source: Source) -> Reply:
    length = f" ({clock(source.duration_s)})" if source.duration_s else ""
    facts = [f"Language: {source.language}"] if source.language else []
    facts += [f"Topics: {', '.join(source.topics[:MOST_TOPICS_SHOWN])}"] if source.topics else []
    more = "\n" + " · ".join(facts) if facts else ""
    text = RichText.of("✅ ", bold(source.title), f"{length} is ready: ask about it.{more}")
    return Reply(text, ((Button("Ask about it", "about", str(source.id), Tone.GOOD),),))


def batch_card(batch: Batch) -> Reply:
    """The card of several sources: counts, a bar, and what failed with its reasons."""
    if not batch.total:
        return Reply(RichText.of("✅ ", bold(batch.title), " holds nothing that I do not have already."))
    done = batch.ready + batch.failures
    counts = f"{batch.ready} of {batch.total} ready" + (f", {batch.failures} failed" if batch.failures else "")
    if done == batch.total:
        sign, line = "✅" if batch.ready else "❌", f"\n{counts}." + (" Ask about them." if batch.ready else "")
    else:
        sign, line = "⏳", f"\n{_batch_progress(batch)} {counts}{_batch_left(batch)}"
        if batch.reason:
            sign, line = "⏳" if batch.moving else "⏸️", f"{line}\nWaits: {batch.reason}"
    line += f"\n{batch.left_out}" if batch.left_out else ""
    failed = [_failed_line(source) for source in batch.failed[:MOST_FAILED_SHOWN]]
    if batch.failures > len(failed) > 0:
        failed.append(RichText.of(f"… and {batch.failures - len(failed)} more"))
    lines = RichText.of("\n", joined(failed)) if failed else ""
    again = Button("Try failed again", "retry_batch", str(batch.id), Tone.GOOD)
    return Reply(RichText.of(sign, " ", bold(batch.title), line, lines), ((again,),) if batch.failures else ())


def failure_notice(batch: Batch, count: int, uploader: Span) -> Reply:
    """What an uploader is told in a message of its own when all work ended: ``count`` failed since the last time."""
    if batch.total == 1 and batch.failed:
        failed = card(batch.failed[0])
        return Reply(RichText.of(uploader, ": ", failed.text), failed.buttons)
    counts = f": {count} of {batch.total} sources of "
    again = Button("Try failed again", "retry_batch", str(batch.id), Tone.GOOD)
    words = " could not be added. Their card and /status say why."
    return Reply(RichText.of(uploader, counts, bold(batch.title), words), ((again,),))


def _batch_progress(batch: Batch) -> str:
    return bar((max(batch.shares, batch.ready) + batch.failures) / batch.total)


def _batch_left(batch: Batch) -> str:
    if not batch.moving:
        return ""
    return left_words(batch_left_s(batch.shares, batch.total, batch.failures, batch.elapsed_s))


def _failed_line(source: Source) -> RichText:
    return RichText.of("❌ ", source.title, f": {source.reason}")


def bar(share: float) -> str:
    """A progress bar of twelve characters for a share in [0, 1]."""
    full = round(BAR_LENGTH * share)
    return "▓" * full + "░" * (BAR_LENGTH - full)


def clock(seconds: float) -> str:
    """Seconds as people read them on a player: ``4:07`` or ``1:02:03``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def about(seconds: float) -> str:
    """A length of time in words, never more exact than it is known: ``20 seconds``, ``4 minutes``, ``2 hours``."""
    if seconds < 90:
        number, unit = max(round(seconds / 10) * 10, 10), "second"
    elif seconds < 5400:
        number, unit = round(seconds / 60), "minute"
    else:
        number, unit = round(seconds / 3600), "hour"
    return counted(number, unit)
