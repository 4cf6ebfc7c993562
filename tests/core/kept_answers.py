"""Kept answers in memory, with the promises of PostgreSQL, and an ear for what becomes of each look."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.asking.cache import CLOSE, LIFETIME, MOST_KEPT, MOST_NEAR, Inquiry, KeptAnswer, Looked
from core.asking.embedding import Vector
from core.ids import CreatorId


@dataclass
class _Row:
    creator_id: CreatorId
    setting: bytes
    key: bytes
    vector: Vector
    kept: KeptAnswer
    at: datetime
    used_at: datetime
    wordings: set[bytes] = field(default_factory=set)


@dataclass
class FakeKeptAnswers:
    """See :class:`core.asking.cache.KeptAnswers`; ``version`` is that of the corpus, None where it never moves."""

    version: int | None = None
    most: int = MOST_KEPT
    rows: dict[int, _Row] = field(default_factory=dict)
    counts: Counter[tuple[CreatorId, str, Looked]] = field(default_factory=Counter)

    async def exact(self, inquiry: Inquiry, since: datetime) -> KeptAnswer | None:
        for row in self._of(inquiry, since):
            if row.kept.corpus_version == inquiry.corpus_version and inquiry.key in {row.key, *row.wordings}:
                return row.kept
        return None

    async def near(self, inquiry: Inquiry, vector: Vector, since: datetime) -> list[KeptAnswer]:
        found = [(float(row.vector @ vector), row.kept) for row in self._of(inquiry, since)]
        close = sorted((each for each in found if each[0] >= CLOSE), key=lambda each: -each[0])
        return [kept for _, kept in close[:MOST_NEAR]]

    async def keep(self, inquiry: Inquiry, vector: Vector, kept: KeptAnswer, at: datetime) -> None:
        if self.version not in {None, inquiry.corpus_version}:
            return
        creator_id = inquiry.scope.creator_id
        same = [n for n, row in self.rows.items() if row.key == inquiry.key and row.setting == inquiry.setting]
        for old in same:
            if self.rows[old].creator_id == creator_id:
                del self.rows[old]
        entry_id = max(self.rows, default=0) + 1
        row = _Row(creator_id, inquiry.setting, inquiry.key, vector, replace(kept, entry_id=entry_id), at, at)
        self.rows[entry_id] = row
        own = sorted((n for n in self.rows if self.rows[n].creator_id == creator_id), key=self._used)
        for oldest in own[: -self.most]:
            del self.rows[oldest]

    async def note(self, inquiry: Inquiry, looked: Looked, at: datetime, entry_id: int = 0) -> None:
        self.counts[inquiry.scope.creator_id, at.date().isoformat(), looked] += 1
        if row := self.rows.get(entry_id):
            row.used_at = max(row.used_at, at)
            row.wordings.add(inquiry.key)
            version = max(row.kept.corpus_version, inquiry.corpus_version)
            row.kept = replace(row.kept, corpus_version=version)

    async def cache_counts(self, creator_id: CreatorId, since: datetime) -> Mapping[Looked, int]:
        found: Counter[Looked] = Counter()
        for (owner, day, looked), times in self.counts.items():
            if owner == creator_id and day >= since.date().isoformat():
                found[looked] += times
        return dict(found)

    async def purge(self, creator_id: CreatorId, now: datetime) -> None:
        for entry_id, row in list(self.rows.items()):
            if row.creator_id == creator_id and row.at <= now - LIFETIME:
                del self.rows[entry_id]

    def _of(self, inquiry: Inquiry, since: datetime) -> list[_Row]:
        return [
            row
            for row in self.rows.values()
            if row.creator_id == inquiry.scope.creator_id and row.setting == inquiry.setting and row.at > since
        ]

    def _used(self, entry_id: int) -> tuple[datetime, int]:
        return self.rows[entry_id].used_at, entry_id


@dataclass
class HeardLooks:
    """Remembers what became of each look."""

    looks: list[Looked] = field(default_factory=list)

    def looked(self, looked: Looked) -> None:
        self.looks.append(looked)
