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
"""A stage's own speed is not believed before so many seconds and such a share of it."""
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
_ORDER: Final = tuple(BARS)


def share_done(source: Source) -> float:
    """How much of the whole work is done, in [0, 1]; text needs no reading."""
    low, high = BARS[source.stage]
    done = low + (high - low) * source.progress
    read = BARS[Stage.CHUNKING][0]
    return max(done - read, 0.0) / (1 - read) if source.origin is OriginKind.TIMED_TEXT else done


def left_s(source: Source, paces: Paces = NOTHING_MEASURED) -> float | None:
    """About how many seconds the whole work still takes; None where nobody can tell yet.

    The stage under way goes by its own speed, those ahead by the source's length and their speed with other sources.
    """
    if source.stage_s < MEASURED_AFTER_S or source.progress < MEASURED_AFTER or source.reason:
        return None
    stage_s = source.stage_s / source.progress
    own_s = stage_s - source.stage_s
    known = {**USUAL, **paces}
    ahead = [known[stage] for stage in _ORDER[_ORDER.index(source.stage) + 1 :] if stage in known]
    if not ahead:
        return own_s
    minutes = source.duration_s / 60
    if source.stage is Stage.TRANSCRIBING and not minutes:
        minutes = stage_s / known[Stage.TRANSCRIBING]
    return own_s + minutes * sum(ahead) if minutes else None


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
