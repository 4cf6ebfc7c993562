"""How much of the work on a source is done, and about how long the rest takes, by what was measured."""

from collections.abc import Mapping
from typing import Final

from core.library.store import OriginKind, Source, Stage

Paces = Mapping[Stage, float]
"""Seconds that a stage took lately for each minute of a source, as far as it was measured."""

NOTHING_MEASURED: Final[Paces] = {}
USUAL: Final[Paces] = {Stage.TRANSCRIBING: 10.0, Stage.EMBEDDING: 0.5}
"""What the packaged models take on a small machine; it stands in until a creator's first sources were measured."""
MEASURED_AFTER_S: Final = 5.0
MEASURED_AFTER: Final = 0.03
HEARD_AFTER: Final = 0.2
"""A stage's own speed is not believed before so many seconds and such a share of it; of listening, a first piece."""
BARS: Final[Mapping[Stage, tuple[float, float]]] = {
    Stage.PENDING: (0.0, 0.0),
    Stage.DOWNLOADING: (0.0, 0.15),
    Stage.TRANSCRIBING: (0.15, 0.6),
    Stage.CHUNKING: (0.6, 0.62),
    Stage.EMBEDDING: (0.62, 0.96),
    Stage.VALIDATING: (0.96, 1.0),
    Stage.COMPLETED: (1.0, 1.0),
    Stage.FAILED: (1.0, 1.0),
    Stage.PAUSED: (0.0, 0.0),
}
"""Where in the bar each stage begins and ends."""
UNDER_WAY: Final = (Stage.DOWNLOADING, Stage.TRANSCRIBING, Stage.CHUNKING, Stage.EMBEDDING, Stage.VALIDATING)


def share_done(source: Source) -> float:
    """How much of the whole work is done, in [0, 1]; text needs no reading."""
    low, high = BARS[source.stage]
    done = low + (high - low) * source.progress
    read = BARS[Stage.CHUNKING][0]
    return max(done - read, 0.0) / (1 - read) if source.origin is OriginKind.TIMED_TEXT else done


def left_s(source: Source, paces: Paces = NOTHING_MEASURED) -> float | None:
    """About how many seconds the whole work still takes; None where nobody can tell.

    The stage under way goes by its own speed as soon as it has one; it and all others by the source's length and by
    their speed with other sources.
    """
    if source.stage not in UNDER_WAY or source.reason:
        return None
    known = {**USUAL, **paces}
    measured_s = _measured_s(source)
    minutes = source.duration_s / 60
    if source.stage is Stage.TRANSCRIBING and measured_s and not minutes:
        minutes = measured_s / known[Stage.TRANSCRIBING]
    ahead = sum(known.get(stage, 0.0) for stage in UNDER_WAY[UNDER_WAY.index(source.stage) + 1 :])
    stage_s = minutes * known.get(source.stage, 0.0) if measured_s is None else measured_s
    is_overdue = measured_s is None and 0 < stage_s < source.stage_s
    if is_overdue or not (minutes or (measured_s and not ahead)):
        return None
    return max(stage_s - source.stage_s, 0.0) + minutes * ahead


def _measured_s(source: Source) -> float | None:
    """How long the stage under way takes in all if it goes on as it went so far."""
    after = HEARD_AFTER if source.stage is Stage.TRANSCRIBING else MEASURED_AFTER
    if source.progress_s < MEASURED_AFTER_S or source.progress < after:
        return None
    return source.progress_s / source.progress


def batch_left_s(shares: float, total: int, failures: int, elapsed_s: float) -> float | None:
    """The same of several sources: ``shares`` of them are done, those under way by part, in ``elapsed_s`` seconds."""
    if elapsed_s < MEASURED_AFTER_S or shares < MEASURED_AFTER * total:
        return None
    return elapsed_s * (total - failures - shares) / shares


def left_words(seconds: float | None) -> str:
    """The rest as it stands behind the stage, in steps that do not jump about; empty where nobody can tell."""
    if seconds is None:
        return ""
    minutes = seconds / 60
    if minutes < 0.75:
        return " · less than a minute left"
    if minutes < 1.5:
        return " · about a minute left"
    if minutes < 57.5:
        step = 1 if minutes < 10 else 5
        return f" · about {round(minutes / step) * step} minutes left"
    halves = round(minutes / 30)
    hours = f"{halves // 2}" + ("½" if halves % 2 else "")
    return f" · about {hours} {'hour' if halves == 2 else 'hours'} left"
