"""Watching a recording to the end: what of it has played, by whose clock, and when that counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from random import Random
from typing import Any, Final, Protocol

from core.ids import CheckId, CreatorId, SourceId, StudentId
from core.library.media import PLAYED_AS, container_of
from core.rewards.acts import Act, Verdict
from core.rewards.rules import WATCH
from core.rewards.watch_checks import Check

MOST_APART_S: Final = 15.0
"""Of the time between two heartbeats no more counts."""
LEAST_APART_S: Final = 5.0
FASTEST: Final = 2.0
SHARE_NEEDED: Final = 0.95
WALL_NEEDED: Final = 0.5
"""At least so much of the length has to pass on the clock while it plays."""
SLACK_S: Final = 2.0
"""Seconds of the recording by which one heartbeat may seem too fast, as they travel for different times."""
MOST_STRETCHES: Final = 200
"""What is kept of a recording that was watched in snippets."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording; seconds from its beginning, ``start_s < end_s``."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who watches what, as a personal link says it; ``staff`` may see every tier and needs no enrolment."""

    creator_id: CreatorId
    student_id: StudentId
    source_id: SourceId
    staff: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody watched a recording of ``duration_s`` seconds.

    Attributes:
        duration_s: its length.
        covered: what has played, in order and apart from each other.
        wall_s: how long that took on the clock.
        beats: by how many heartbeats that is known.
        position_s: where it stood last.
        done_at: since when it counts as watched to the end.
        verdict: what became of the reward; None while it waits.
    """

    duration_s: float
    covered: tuple[Stretch, ...] = ()
    wall_s: float = 0.0
    beats: int = 0
    position_s: float = 0.0
    done_at: datetime | None = None
    verdict: Verdict | None = None

    @property
    def share(self) -> float:
        """How much of it has played, in [0, 1]."""
        return min(seconds_of(self.covered) / self.duration_s, 1.0) if self.duration_s > 0 else 0.0

    @property
    def missing_wall_s(self) -> float:
        """How much longer it has to play on the clock, whatever is covered; 0 where enough."""
        return max(self.duration_s * WALL_NEEDED - self.wall_s, 0.0)

    @property
    def complete(self) -> bool:
        """Whether it has played to the end by both measures."""
        return self.duration_s > 0 and self.share >= SHARE_NEEDED and self.missing_wall_s == 0


@dataclass(frozen=True, slots=True)
class Watchable:
    """A recording that can be watched, here or at its site; ``opened`` where this student began it."""

    source_id: SourceId
    title: str
    link: str
    tier: str
    media_key: str
    progress: Progress
    opened: bool = False

    @property
    def id(self) -> SourceId:
        """The source's number."""
        return self.source_id

    @property
    def plays_here(self) -> bool:
        """Whether our page can play it, and so see what has played."""
        return container_of(self.media_key) in PLAYED_AS

    @property
    def reachable(self) -> bool:
        """Whether a student can get to see it at all."""
        return self.plays_here or self.link.lower().startswith(("https://", "http://"))


@dataclass(frozen=True, slots=True)
class Session:
    """A page that counts, by a random name, and which of its heartbeats comes next."""

    name: str
    turn: int


class Heard(StrEnum):
    """What became of a heartbeat; only a counted one changed anything."""

    COUNTED = "counted"
    TOO_SOON = "too_soon"
    TOO_FAST = "too_fast"
    STALE = "stale"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Beaten:
    """The answer to a heartbeat: how far the student is now, and the session for the next one."""

    heard: Heard
    progress: Progress
    session: Session


class PersonalLinks(Protocol):
    """Makes links to the page of one student for one recording."""

    def link(self, viewer: Viewer, start_s: float | None) -> str:
        """An address that opens the student's own page, at a second where one is given."""
        ...


class Watching(Protocol):
    """What students watched. Every method looks first whether they may.

    Raises:
        Refused: the enrolment, the tier or the source does not allow it (any longer); says which, and what to do.
    """

    async def shelf(self, creator_id: CreatorId, student_id: StudentId) -> list[Watchable]:
        """All recordings of a creator that can be watched, the oldest first, whatever their tier."""
        ...

    async def first_watchable(self, creator_id: CreatorId, sources: Sequence[SourceId]) -> SourceId | None:
        """The first of these sources that can be watched."""
        ...

    async def open(self, viewer: Viewer, at: datetime) -> Watchable:
        """Note that somebody got the way to a recording."""
        ...

    async def progress(self, viewer: Viewer) -> Progress:
        """How far they are."""
        ...

    async def begin(self, viewer: Viewer, at: datetime) -> Beaten:
        """Let a page count from now on; another page of theirs for the same recording counts no more."""
        ...

    async def beat(self, viewer: Viewer, session: Session, played: Sequence[Stretch], at: datetime) -> Beaten:
        """Count what has played since the heartbeat before; the last one that is needed records the act."""
        ...

    async def check(self, viewer: Viewer, at: datetime, chance: Random) -> Check:
        """The questions about a recording that plays elsewhere: those that are open, or new ones.

        Raises:
            Refused: also where it is too early, there were too many attempts, or too little is said in it.
        """
        ...

    async def answer(self, viewer: Viewer, check_id: CheckId, question: int, option: int, at: datetime) -> Check:
        """Take an answer, once; with the last one the check is judged and, where all is right, the act recorded.

        Raises:
            Refused: also where this was answered before, or the check is somebody else's.
        """
        ...


def merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The same seconds as few stretches, in order and apart."""
    found: list[Stretch] = []
    for each in sorted(stretches, key=lambda stretch: stretch.start_s):
        if found and each.start_s <= found[-1].end_s:
            found[-1] = Stretch(found[-1].start_s, max(found[-1].end_s, each.end_s))
        else:
            found.append(each)
    return tuple(found)


def seconds_of(stretches: Iterable[Stretch]) -> float:
    """How long stretches are together."""
    return sum(stretch.length_s for stretch in stretches)


def missing(progress: Progress) -> tuple[Stretch, ...]:
    """What has not played yet."""
    edges = [0.0, *(edge for each in progress.covered for edge in (each.start_s, each.end_s)), progress.duration_s]
    return tuple(Stretch(start, end) for start, end in list(pairwise(edges))[::2] if end > start)


def grown(progress: Progress, played: Sequence[Stretch], *, since_s: float, free_s: float) -> Progress | None:
    """Add what a page says has played.

    A heartbeat that comes late counts for 15 seconds, of which the last that played are taken. What is covered is
    never more than twice the time that it took, whatever a page says.

    Args:
        progress: how far it was.
        played: in the order in which it played.
        since_s: seconds on the server's clock since this page's heartbeat before.
        free_s: of them, those that no other page of the student has counted.

    Returns:
        None where more is said to have played than can have.
    """
    claimed_s = seconds_of(played)
    if claimed_s > FASTEST * since_s + SLACK_S:
        return None
    wall_s = progress.wall_s + max(min(free_s, MOST_APART_S, claimed_s), 0.0)
    room_s = FASTEST * wall_s - seconds_of(progress.covered)
    newest = _newest(played, min(FASTEST * min(max(free_s, 0.0), MOST_APART_S) + SLACK_S, room_s))
    within = (Stretch(each.start_s, min(each.end_s, progress.duration_s)) for each in newest)
    covered = merged([*progress.covered, *(each for each in within if each.length_s > 0)])
    position_s = min(played[-1].end_s, progress.duration_s) if played else progress.position_s
    return replace(
        progress, covered=_longest(covered), wall_s=wall_s, beats=progress.beats + 1, position_s=position_s
    )


def _newest(played: Sequence[Stretch], most_s: float) -> list[Stretch]:
    """The end of what has played, at most so many seconds of it."""
    taken: list[Stretch] = []
    for each in reversed(played):
        if most_s <= 0:
            break
        taken.append(Stretch(max(each.start_s, each.end_s - most_s), each.end_s))
        most_s -= each.length_s
    return taken


def _longest(stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    kept = sorted(stretches, key=lambda each: each.length_s, reverse=True)[:MOST_STRETCHES]
    return tuple(sorted(kept, key=lambda each: each.start_s))


def watched_to_the_end(viewer: Viewer, at: datetime, kind: str, evidence: dict[str, Any]) -> Act:
    """The act of having seen a recording, once for a student and source; ``kind`` is page or check."""
    key = f"{WATCH}:{viewer.student_id}:{viewer.source_id}"
    proof = {"kind": kind, "source": viewer.source_id, **evidence}
    return Act(viewer.creator_id, viewer.student_id, WATCH, key, at, None, proof)


def page_evidence(progress: Progress) -> dict[str, Any]:
    """By what a page's heartbeats show that it was watched."""
    return {"share": round(progress.share, 3), "wall_s": round(progress.wall_s, 1), "beats": progress.beats}
