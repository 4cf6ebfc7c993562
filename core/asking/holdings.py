"""What can be answered from: the state of a creator's corpus, its snapshot, and its sentences re-read for showing.

A library that is too large to be held is never loaded as a whole: each question takes the part that may answer it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.asking.gate import Cutoff
from core.asking.given import Given, GivenText
from core.asking.ranking import SearchQuery
from core.asking.snapshot import Snapshot
from core.ids import CreatorId, SourceId
from core.library.store import SourceKind
from core.library.transcript import LocatorKind
from core.tiers import NO_TIERS, Scope


@dataclass(frozen=True, slots=True)
class CorpusState:
    """The version of what can be answered from; 0 where there is nothing yet. ``cutoff`` may be of an older one.

    ``tiers`` and ``languages`` are those that a source which can be answered from has, as far as they are known.
    """

    version: int
    embedder_id: str = ""
    cutoff: Cutoff | None = None
    tiers: frozenset[str] = NO_TIERS
    languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a library is at one version and in one scope: units, windows, and the mean content words of each."""

    version: int
    embedder_id: str
    units: int
    windows: int
    unit_terms: float
    window_terms: float


@dataclass(frozen=True, slots=True)
class Span:
    """A run of units of one source, both ends inclusive."""

    source_id: SourceId
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class StoredSentence:
    """A sentence as the database has it now; ``linked_s`` is the heard second to link to, None where none was heard.

    For a source without times, ``start_s`` is the number of its paragraph, and ``locator`` where its reader finds it:
    the number of a page or slide, or a heading; empty where it has none.
    """

    source_id: SourceId
    position: int
    start_s: float
    end_s: float
    linked_s: float | None
    paragraph: int
    text: str
    title: str
    link: str
    duration_s: float
    timed: bool
    locator: str = ""
    locator_kind: LocatorKind = LocatorKind.TIME
    speaker: str = ""
    tier: str = ""
    kind: SourceKind = SourceKind.VIDEO


class Holdings(Protocol):
    """Reading a creator's library for answers, as that creator and no further than a scope."""

    async def state(self, creator_id: CreatorId) -> CorpusState:
        """The present state."""
        ...

    async def extent(self, scope: Scope) -> Extent:
        """How large the present version is, as far as it is in scope."""
        ...

    async def load(self, scope: Scope) -> Snapshot:
        """A snapshot of the present version, as far as it is in scope."""
        ...

    async def candidates(self, scope: Scope, query: SearchQuery, extent: Extent) -> Snapshot:
        """The windows in scope that are close to a question by vector or by words, with what surrounds them.

        They are scored by the word statistics of all that is in scope, of which ``extent`` is a part.

        Raises:
            EmbedderChanged: the library has another embedder by now.
        """
        ...

    async def sentences(self, scope: Scope, spans: Sequence[Span]) -> list[StoredSentence]:
        """The sentences of spans, span after span; those of sources removed or out of scope are left out."""
        ...

    async def given(self, scope: Scope, folded: str) -> Given:
        """The notes, and what was written for a question in these words (see ``core.library.knowledge.fold``)."""
        ...

    async def pair(self, scope: Scope, source_id: SourceId) -> GivenText | None:
        """A question with its answer, as it is now; None where it was removed, or is out of scope."""
        ...

    async def set_cutoff(self, creator_id: CreatorId, version: int, embedder_id: str, cutoff: Cutoff) -> None:
        """Keep a calibrated gate, unless one of a later version is there, or another embedder."""
        ...


class Snapshots:
    """Snapshots in memory, the least recently used given up first; each is loaded once however many ask for it.

    Whoever may read the same shares one: a library without tiers has one snapshot.
    """

    def __init__(self, holdings: Holdings, budget_bytes: int, most_units: int) -> None:
        self._holdings = holdings
        self._budget_bytes = budget_bytes
        self._most_units = most_units
        self._held: OrderedDict[Scope, Snapshot] = OrderedDict()
        self._too_large: dict[Scope, Extent] = {}
        self._loading: dict[Scope, asyncio.Lock] = {}

    async def current(self, scope: Scope, state: CorpusState) -> Snapshot | Extent:
        """The snapshot of a scope, at ``state.version`` or later; its extent where it is too large to be held.

        The scope's tiers have to be among ``state.tiers``.
        """
        async with self._loading.setdefault(scope, asyncio.Lock()):
            known = self._held.get(scope) or self._too_large.get(scope)
            if known is None or known.version < state.version or known.embedder_id != state.embedder_id:
                known = await self._read(scope)
            if isinstance(known, Snapshot):
                self._held.move_to_end(scope)
                self._give_up(keep=scope)
            return known

    async def part_for(self, scope: Scope, library: Snapshot | Extent, query: SearchQuery) -> Snapshot:
        """What of a library is searched for one question: all of it, where it is held."""
        if isinstance(library, Snapshot):
            return library
        return await self._holdings.candidates(scope, query, library)

    async def _read(self, scope: Scope) -> Snapshot | Extent:
        extent = await self._holdings.extent(scope)
        if extent.units > self._most_units:
            self._held.pop(scope, None)
            self._too_large[scope] = extent
            self._give_up_older(scope.creator_id, extent.version)
            return extent
        self._too_large.pop(scope, None)
        loaded = self._held[scope] = await self._holdings.load(scope)
        self._give_up_older(scope.creator_id, loaded.version)
        return loaded

    def _give_up_older(self, creator_id: CreatorId, version: int) -> None:
        """Of one creator nothing older is of use: the tiers or sources that it was keyed by may be gone."""
        known: dict[Scope, Snapshot | Extent] = {**self._held, **self._too_large}
        for scope, held in known.items():
            if scope.creator_id == creator_id and held.version < version:
                self._forget(scope)

    def _forget(self, scope: Scope) -> None:
        self._held.pop(scope, None)
        self._too_large.pop(scope, None)
        self._loading.pop(scope, None)

    def _give_up(self, keep: Scope) -> None:
        while len(self._held) > 1 and sum(held.nbytes for held in self._held.values()) > self._budget_bytes:
            oldest = next(iter(self._held))
            if oldest == keep:
                return
            self._forget(oldest)
