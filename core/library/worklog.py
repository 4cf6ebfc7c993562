"""What is kept of the work on a source: when, how often, how much, and how long each stage took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from core.ids import CreatorId, SourceId
from core.library.cards import about
from core.library.estimates import Paces
from core.library.store import Source, Stage
from core.richtext import counted

STAGES_SHOWN: Final = (
    Stage.DOWNLOADING, Stage.TRANSCRIBING, Stage.CHUNKING, Stage.EMBEDDING, Stage.VALIDATING, Stage.PAUSED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkRecord:
    """The work on one source; ``seconds`` are those of each stage over all attempts, numbers 0 where not known."""

    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    minutes: float = 0.0
    size_bytes: int = 0
    segments: int = 0
    passages: int = 0
    cost_usd: float = 0.0
    seconds: Mapping[Stage, float] = field(default_factory=dict)


class Worklog(Protocol):
    """Looks work up. No method can reach across creators."""

    async def record(self, creator_id: CreatorId, source_id: SourceId) -> WorkRecord | None:
        """What is kept of the work on a source; None where there is no such source."""
        ...

    async def paces(self, creator_id: CreatorId) -> Paces:
        """How fast a creator's last sources went, for each stage that was measured."""
        ...


def record_lines(source: Source, record: WorkRecord, *, operator: bool = False) -> list[str]:
    """The record in words, a line a subject; ``operator``: with what went wrong in the words of programs."""
    lines = [_times(record), _sizes(record), _stages(record)]
    if operator and source.last_error:
        lines.append(f"Last error: {source.last_error}")
    return [line for line in lines if line]


def _times(record: WorkRecord) -> str:
    parts = [f"Uploaded {record.created_at:%d %b %H:%M} UTC"]
    if record.started_at:
        parts.append(f"begun {record.started_at:%d %b %H:%M}")
    if record.finished_at:
        parts.append(f"ended {record.finished_at:%d %b %H:%M}")
    parts.append(counted(record.attempts, "attempt"))
    return " · ".join(parts)


def _sizes(record: WorkRecord) -> str:
    told = (
        (record.minutes, f"{record.minutes:.1f} minutes"),
        (record.size_bytes, _size(record.size_bytes)),
        (record.segments, counted(record.segments, "segment")),
        (record.passages, counted(record.passages, "passage")),
        (record.cost_usd, f"{record.cost_usd:.2f} USD"),
    )
    return " · ".join(words for number, words in told if number)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e5 else f"{size_bytes / 1e3:.1f} kB"


def _stages(record: WorkRecord) -> str:
    return " · ".join(
        f"{stage.value} {_length(record.seconds[stage])}" for stage in STAGES_SHOWN if record.seconds.get(stage)
    )


def _length(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 90 else about(seconds)
