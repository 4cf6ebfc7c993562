"""Status cards: what the uploader sees of the work, in one message a workflow that is edited as it moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.conversation import Button, Reply, Tone
from core.ids import WorkflowId
from core.library.revising import revision_card
from core.library.store import OriginKind, Source, Stage
from core.richtext import RichText, bold, joined

BAR_LENGTH: Final = 12
MOST_FAILED_SHOWN: Final = 5
MOST_TOPICS_SHOWN: Final = 5
ESTIMATE_AFTER_S: Final = 5.0
ESTIMATE_AFTER: Final = 0.03
"""No end is estimated before so many seconds and such a share of a stage."""
_WORDS: Final = {
    Stage.PENDING: "waiting its turn",
    Stage.DOWNLOADING: "downloading",
    Stage.TRANSCRIBING: "listening to what is said",
    Stage.CHUNKING: "cutting into sentences",
    Stage.EMBEDDING: "learning what it says",
    Stage.VALIDATING: "checking that it is found",
    Stage.PAUSED: "waiting",
}
_SHARE: Final = {
    Stage.PENDING: (0.0, 0.0),
    Stage.DOWNLOADING: (0.0, 0.15),
    Stage.TRANSCRIBING: (0.15, 0.6),
    Stage.CHUNKING: (0.6, 0.62),
    Stage.EMBEDDING: (0.62, 0.96),
    Stage.VALIDATING: (0.96, 1.0),
    Stage.PAUSED: (0.0, 0.0),
}
"""Where in the bar each stage begins and ends."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Several sources that were uploaded together; ``failed`` are the first of those, ``reason`` is why any waits."""

    id: WorkflowId
    title: str
    total: int
    ready: int
    failures: int
    failed: Sequence[Source] = ()
    reason: str = ""


def card(source: Source) -> Reply:
    """The card of a source that was uploaded alone."""
    if source.revision is not None and source.stage in {Stage.COMPLETED, Stage.FAILED}:
        return revision_card(source)
    if source.stage is Stage.COMPLETED:
        return _ready(source)
    if source.stage is Stage.FAILED:
        again = Button("Try again", "retry", str(source.id), Tone.GOOD)
        remove = Button("Remove", "discard", str(source.id), Tone.DANGER)
        return Reply(
            RichText.of("❌ ", bold(source.title), f" could not be added. {source.reason}"), ((again, remove),)
        )
    if source.reason:
        return Reply(RichText.of("⏸️ ", bold(source.title), f" waits. {source.reason}"))
    done = _share(source)
    line = f"\n{bar(done)} {done:.0%} · {_WORDS[source.stage]}{_left(source)}"
    return Reply(RichText.of("⏳ ", bold(source.title), line))


def _ready(source: Source) -> Reply:
    length = f" ({clock(source.duration_s)})" if source.duration_s else ""
    facts = [f"Language: {source.language}"] if source.language else []
    facts += [f"Topics: {', '.join(source.topics[:MOST_TOPICS_SHOWN])}"] if source.topics else []
    more = "\n" + " · ".join(facts) if facts else ""
    text = RichText.of("✅ ", bold(source.title), f"{length} is ready: ask about it.{more}")
    return Reply(text, ((Button("Ask about it", "about", str(source.id), Tone.GOOD),),))


def _share(source: Source) -> float:
    """How much of the whole work is done; text needs no reading."""
    low, high = _SHARE[source.stage]
    done = low + (high - low) * source.progress
    read = _SHARE[Stage.CHUNKING][0]
    return max(done - read, 0.0) / (1 - read) if source.origin is OriginKind.TIMED_TEXT else done


def _left(source: Source) -> str:
    """About how long this stage will still take, by how long it took so far."""
    if source.stage_s < ESTIMATE_AFTER_S or source.progress < ESTIMATE_AFTER:
        return ""
    left_s = source.stage_s * (1 - source.progress) / source.progress
    return " · about a minute left" if left_s < 90 else f" · about {about(left_s)} left"


def batch_card(batch: Batch) -> Reply:
    """The card of several sources: counts, a bar, and what failed with its reasons."""
    if not batch.total:
        return Reply(RichText.of("✅ ", bold(batch.title), " holds nothing that I do not have already."))
    done = batch.ready + batch.failures
    counts = f"{batch.ready} of {batch.total} ready" + (f", {batch.failures} failed" if batch.failures else "")
    if done == batch.total:
        sign, line = "✅" if batch.ready else "❌", f"\n{counts}." + (" Ask about them." if batch.ready else "")
    else:
        sign, line = "⏳", f"\n{bar(done / batch.total)} {counts}"
        if batch.reason:
            sign, line = "⏸️", f"{line}\nWaits: {batch.reason}"
    failed = [_failed_line(source) for source in batch.failed[:MOST_FAILED_SHOWN]]
    if batch.failures > len(failed) > 0:
        failed.append(RichText.of(f"… and {batch.failures - len(failed)} more"))
    lines = RichText.of("\n", joined(failed)) if failed else ""
    again = Button("Try failed again", "retry_batch", str(batch.id), Tone.GOOD)
    return Reply(RichText.of(sign, " ", bold(batch.title), line, lines), ((again,),) if batch.failures else ())


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
    return f"{number} {unit}{'' if number == 1 else 's'}"
