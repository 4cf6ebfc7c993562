"""Status cards: what the uploader sees of the work on a source, in a message that is edited as it moves."""

from typing import Final

from core.conversation import Button, Reply, Tone
from core.ids import SourceId
from core.library.store import Stage
from core.richtext import RichText, bold

BAR_LENGTH: Final = 12
_WORDS: Final = {
    Stage.PENDING: "waiting its turn",
    Stage.CHUNKING: "cutting into sentences",
    Stage.EMBEDDING: "learning what it says",
}
_SHARE: Final = {Stage.PENDING: (0.0, 0.0), Stage.CHUNKING: (0.05, 0.1), Stage.EMBEDDING: (0.1, 0.98)}


def card(
    title: str, stage: Stage, *, progress: float = 0.0, reason: str = "", duration_s: float = 0.0,
    source_id: SourceId | None = None,
) -> Reply:  # fmt: skip
    """The card of a source at a stage.

    Args:
        title: the source's.
        stage: how far the work is.
        progress: the share of this stage that is done, in [0, 1].
        reason: why it failed or, at any stage before the last, why it waits.
        duration_s: the source's length; 0 where it has none.
        source_id: what the buttons of a failed one are about.
    """
    if stage is Stage.COMPLETED:
        length = f" ({clock(duration_s)})" if duration_s else ""
        return Reply(RichText.of("✅ ", bold(title), f"{length} is ready: ask about it."))
    if stage is Stage.FAILED:
        again = Button("Try again", "retry", str(source_id), Tone.GOOD)
        remove = Button("Remove", "discard", str(source_id), Tone.DANGER)
        return Reply(RichText.of("❌ ", bold(title), f" could not be added. {reason}"), ((again, remove),))
    if reason:
        return Reply(RichText.of("⏸️ ", bold(title), f" waits. {reason}"))
    low, high = _SHARE[stage]
    done = low + (high - low) * progress
    return Reply(RichText.of("⏳ ", bold(title), f"\n{bar(done)} {done:.0%} · {_WORDS[stage]}"))


def bar(share: float) -> str:
    """A progress bar of twelve characters for a share in [0, 1]."""
    full = round(BAR_LENGTH * share)
    return "▓" * full + "░" * (BAR_LENGTH - full)


def clock(seconds: float) -> str:
    """Seconds as people read them on a player: ``4:07`` or ``1:02:03``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
