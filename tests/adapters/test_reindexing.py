"""Moving a library to another embedder, on a real PostgreSQL: nothing is mixed, lost, or embedded twice."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from adapters.postgres import reindexing as statements
from adapters.postgres.backup import backup, restore
from adapters.postgres.database import Database, open_database
from adapters.postgres.embedded import EmbeddedServer
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.reindexing import PostgresReindexings
from adapters.postgres.shelf import publish
from adapters.sources.sentences import split_sentences
from core.asking.embedding import Vector
from core.asking.gate import Cutoff
from core.asking.ranking import SearchQuery
from core.conversation import Place
from core.errors import EmbedderChanged, EmbedderMissing, ProviderError
from core.ids import CreatorId, SourceId
from core.library import reindexing
from core.library.indexing import Indexer
from core.library.ingestion import Interrupted, process
from core.library.reindexing import Reindexing, ReindexStage, move
from core.library.store import IndexedSource
from core.tiers import Scope
from tests.adapters.school import (
    INDEXER,
    STEM,
    MadeUpEmbedder,
    add_ready,
    found_school,
    item_of,
    jobs,
    lecture,
    rows,
    shelf_of,
)
from tests.core.embedders import Rack

PLACE = Place("discord", channel="10", community="100")
OLD, NEW = MadeUpEmbedder.embedder_id, "second:12"
VECTORS = """
    SELECT s.text, e.embedding::text AS vector FROM segment_embeddings e
      JOIN segments s USING (creator_id, source_id, position) WHERE e.creator_id = $1 AND e.embedder = $2
"""
COUNTS = """
    SELECT 'unit' AS kind, embedder, count(*) AS n FROM segment_embeddings WHERE creator_id = $1 GROUP BY embedder
     UNION ALL
    SELECT 'window', embedder, count(*) FROM passage_embeddings WHERE creator_id = $1 GROUP BY embedder
"""
CARD = "SELECT content::text AS text FROM outbox o JOIN reindexings r ON r.card_id = o.id WHERE r.creator_id = $1"


def direction(text: str) -> Vector:
    """A vector of twelve numbers that only depends on the text, and is exact as halves."""
    seed = sum(text.encode())
    vector = np.zeros(12, np.float32)
    vector[seed % 12] = 1.0
    return vector


@dataclass
class SecondEmbedder:
    """Another embedder; remembers what it was given, and does something before the n-th call."""

    embedder_id: str = NEW
    dimensions: int = 12
    languages: frozenset[str] = frozenset()
    texts: list[str] = field(default_factory=list)
    before: dict[int, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    calls: int = 0

    async def embed_query(self, text: str) -> Vector:
        return direction(text)

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        self.calls += 1
        if meanwhile := self.before.pop(self.calls, None):
            await meanwhile()
        self.texts += texts
        return np.stack([direction(text) for text in texts])


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindexing, "SLICE", 8)
    monkeypatch.setattr(statements, "CLEARED_AT_ONCE", 10)


@pytest.fixture
async def creator_id(database: Database) -> CreatorId:
    """A creator with two lectures, made searchable with the old embedder."""
    school = await found_school(database, "drawing")
    await add_ready(database, school.creator_id, lecture("charcoal"))
    return school.creator_id


@pytest.fixture
def bench(database: Database) -> PostgresReindexings:
    return PostgresReindexings(database)


async def begun(bench: PostgresReindexings, creator_id: CreatorId) -> Reindexing:
    assert await bench.begin(creator_id, NEW, "second", PLACE)
    moving = await bench.under_way(creator_id)
    assert moving is not None
    return moving


async def carry_on(
    bench: PostgresReindexings, creator_id: CreatorId, moving: Reindexing, embedder: SecondEmbedder
) -> None:
    """What is left of a turn, again until it ends by itself."""
    await move(creator_id, moving, bench=bench, embedder=embedder, stop=asyncio.Event())


def as_text(text: str) -> str:
    """The vector of a text as PostgreSQL shows it."""
    return str([int(n) for n in direction(text)]).replace(" ", "")


async def indexed(subject: str) -> IndexedSource:
    """A lecture under the old embedder."""

    async def nobody_waits(_share: float) -> None:
        pass

    spoken = lecture(subject).transcript
    assert spoken is not None
    return await INDEXER.index(spoken, nobody_waits)


async def counts(url: str, creator_id: CreatorId) -> Counter[tuple[str, str]]:
    """How many vectors of which kind and embedder there are."""
    return Counter({(row["kind"], row["embedder"]): row["n"] for row in await rows(url, COUNTS, creator_id)})


async def test_the_library_is_switched_in_one_step_when_nothing_is_lacking(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    holdings = PostgresHoldings(database)
    before = await holdings.state(creator_id)
    await holdings.set_cutoff(creator_id, before.version, OLD, Cutoff(0.5, 0.1))
    moving, embedder = await begun(bench, creator_id), SecondEmbedder()
    old = await counts(database_url, creator_id)
    await carry_on(bench, creator_id, moving, embedder)
    state = await holdings.state(creator_id)
    assert (state.version, state.embedder_id, state.cutoff) == (before.version + 1, NEW, None)
    both = await counts(database_url, creator_id)
    assert both == old + Counter({(kind, NEW): n for (kind, _), n in old.items()})
    snapshot = await holdings.load(Scope.whole(creator_id))
    assert (snapshot.embedder_id, len(snapshot.source_ids)) == (NEW, 2)
    for row in await rows(database_url, VECTORS, creator_id, NEW):
        assert row["vector"] == as_text(row["text"])
    assert [job["entrypoint"] for job in await jobs(database)].count("calibrate") == 1
    (card,) = await rows(database_url, CARD, creator_id)
    assert "2 sources" in card["text"]
    assert "is searched with" in card["text"]
    assert "reindex_cancel" not in card["text"]


async def test_afterwards_the_old_vectors_are_cleared_in_parts_and_the_move_is_forgotten(
    bench: PostgresReindexings, creator_id: CreatorId, database_url: str
) -> None:
    moving = await begun(bench, creator_id)
    await carry_on(bench, creator_id, moving, SecondEmbedder())
    assert await bench.under_way(creator_id) is None
    left = await bench.turn(creator_id, moving.run, moving.turn)
    assert left is not None
    assert left.stage is ReindexStage.CLEARING
    while await bench.clear(creator_id, left):
        assert {e for _, e in await counts(database_url, creator_id)} <= {OLD, NEW}
    assert {e for _, e in await counts(database_url, creator_id)} == {NEW}
    await bench.finish(creator_id, left)
    assert await rows(database_url, "SELECT FROM reindexings") == []


async def test_after_a_break_it_goes_on_and_no_text_is_embedded_twice(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    moving, embedder = await begun(bench, creator_id), SecondEmbedder()

    async def die() -> None:
        raise asyncio.CancelledError

    embedder.before = {4: die}
    with pytest.raises(asyncio.CancelledError):
        await carry_on(bench, creator_id, moving, embedder)
    some = await counts(database_url, creator_id)
    assert some["unit", NEW] == 24
    assert some["window", NEW] == 0
    await carry_on(bench, creator_id, moving, embedder)
    assert await shelf_of(database).embedder_of(creator_id) == NEW
    assert max(Counter(embedder.texts).values()) == 1


async def test_a_process_that_stops_puts_it_down_between_two_slices(
    bench: PostgresReindexings, creator_id: CreatorId, database_url: str
) -> None:
    moving, stop = await begun(bench, creator_id), asyncio.Event()

    async def ask_to_stop() -> None:
        stop.set()

    embedder = SecondEmbedder(before={2: ask_to_stop})
    with pytest.raises(Interrupted):
        await move(creator_id, moving, bench=bench, embedder=embedder, stop=stop)
    assert (await counts(database_url, creator_id))["unit", NEW] == 16, "what was embedded is kept"


async def test_a_turn_ends_after_a_source_when_its_time_is_up(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "TURN_S", 0.0)
    moving, embedder = await begun(bench, creator_id), SecondEmbedder()
    await carry_on(bench, creator_id, moving, embedder)
    halfway = await bench.under_way(creator_id)
    assert halfway is not None
    assert (halfway.done, halfway.total) == (1, 2)
    assert await shelf_of(database).embedder_of(creator_id) == OLD
    await carry_on(bench, creator_id, moving, embedder)
    await carry_on(bench, creator_id, moving, embedder)
    assert await shelf_of(database).embedder_of(creator_id) == NEW


async def test_what_is_uploaded_meanwhile_is_searchable_at_once_and_caught_up_before_the_switch(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database
) -> None:
    moving = await begun(bench, creator_id)

    async def upload() -> None:
        await add_ready(database, creator_id, lecture("ink"))

    embedder = SecondEmbedder(before={3: upload})
    await carry_on(bench, creator_id, moving, embedder)
    holdings = PostgresHoldings(database)
    assert (await holdings.state(creator_id)).embedder_id == OLD, "the new source lacks its vectors"
    assert len((await holdings.load(Scope.whole(creator_id))).source_ids) == 3
    await carry_on(bench, creator_id, moving, embedder)
    snapshot = await holdings.load(Scope.whole(creator_id))
    assert (snapshot.embedder_id, len(snapshot.source_ids)) == (NEW, 3)
    assert max(Counter(embedder.texts).values()) == 1


async def test_a_text_that_changes_meanwhile_never_gets_the_vector_of_the_old_one(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    moving = await begun(bench, creator_id)
    shelf = shelf_of(database)
    source_id = min(source.id for source in await shelf.sources(creator_id))
    changed = await indexed("pastel")

    async def replace() -> None:
        async with database.creator(creator_id) as connection:
            await publish(connection, creator_id, source_id, changed)

    embedder = SecondEmbedder(before={2: replace})
    await carry_on(bench, creator_id, moving, embedder)
    await carry_on(bench, creator_id, moving, embedder)
    assert await shelf_of(database).embedder_of(creator_id) == NEW
    found = await rows(database_url, VECTORS, creator_id, NEW)
    assert sum("pastel" in row["text"] for row in found) == 30
    for row in found:
        assert row["vector"] == as_text(row["text"])


async def waits_for_a_lock(url: str, task: "asyncio.Task[bool]") -> None:
    """Wait until a task stands before somebody else's lock."""
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
    async with asyncio.timeout(30):
        while not await rows(url, waiting):
            assert not task.done(), "it did not wait"
            await asyncio.sleep(0.02)


async def test_the_switch_waits_for_a_source_that_is_just_becoming_searchable_and_sees_it(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    moving, embedder = await begun(bench, creator_id), SecondEmbedder()
    (added,) = await shelf_of(database).add(creator_id, [lecture("ink")], None)
    ink = await indexed("ink")

    async def publish_and_switch() -> None:
        async with database.creator(creator_id) as connection:
            await publish(connection, creator_id, added.source_id, ink)
            switching = asyncio.create_task(bench.switch(creator_id, moving))
            await waits_for_a_lock(database_url, switching)
        assert not await switching

    pending, _ = await bench.pending(creator_id, NEW)
    for source_id in pending:
        texts = await bench.texts(creator_id, source_id, NEW)
        vectors = await embedder.embed_passages(texts)
        assert await bench.keep(creator_id, moving, source_id, dict(zip(texts, vectors, strict=True)))
    await publish_and_switch()
    assert await shelf_of(database).embedder_of(creator_id) == OLD


async def test_vectors_are_not_written_into_a_source_while_it_is_replaced(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    moving = await begun(bench, creator_id)
    (source_id, _), _ = await bench.pending(creator_id, NEW)
    texts = await bench.texts(creator_id, source_id, NEW)
    vectors = {text: direction(text) for text in texts}
    pastel = await indexed("pastel")
    async with database.creator(creator_id) as connection:
        await publish(connection, creator_id, source_id, pastel)
        keeping = asyncio.create_task(bench.keep(creator_id, moving, source_id, vectors))
        await waits_for_a_lock(database_url, keeping)
    assert await keeping
    assert await rows(database_url, VECTORS, creator_id, NEW) == []


async def test_work_that_began_before_the_switch_stores_nothing_and_works_when_done_again(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    shelf, second = shelf_of(database), SecondEmbedder()
    (added,) = await shelf.add(creator_id, [lecture("ink")], None)
    item_id = await item_of(database, creator_id, added.source_id)
    await carry_on(bench, creator_id, await begun(bench, creator_id), second)
    late = await indexed("ink")
    with pytest.raises(EmbedderChanged):
        await shelf.complete(creator_id, item_id, late)
    with_both = Indexer(MadeUpEmbedder(), split_sentences, STEM, Rack({NEW: second}).of)
    assert await process(creator_id, item_id, bench=shelf, indexer=with_both)
    stored = "SELECT DISTINCT embedder FROM segment_embeddings WHERE source_id = $1"
    assert [row["embedder"] for row in await rows(database_url, stored, added.source_id)] == [NEW]


async def test_an_upload_to_a_library_whose_embedder_cannot_be_had_fails_in_words(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database
) -> None:
    await carry_on(bench, creator_id, await begun(bench, creator_id), SecondEmbedder())
    shelf = shelf_of(database)
    (added,) = await shelf.add(creator_id, [lecture("ink")], None)
    item_id = await item_of(database, creator_id, added.source_id)
    without = Indexer(MadeUpEmbedder(), split_sentences, STEM, Rack({OLD: MadeUpEmbedder()}).of)
    assert not await process(creator_id, item_id, bench=shelf, indexer=without)
    (source,) = (source for source in await shelf.sources(creator_id) if source.id == added.source_id)
    assert source.reason == f"Set the key of {NEW}."
    with pytest.raises(EmbedderMissing):
        INDEXER.using(NEW)


async def test_a_cancelled_move_writes_nothing_more_and_takes_back_what_it_wrote(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    before = await counts(database_url, creator_id)
    moving = await begun(bench, creator_id)

    async def cancel() -> None:
        assert await bench.cancel(creator_id, moving.run)

    embedder = SecondEmbedder(before={3: cancel})
    await carry_on(bench, creator_id, moving, embedder)
    assert embedder.calls == 3
    assert await bench.under_way(creator_id) is None
    assert not await bench.switch(creator_id, moving)
    assert not await bench.cancel(creator_id, moving.run), "only once"
    left = await bench.turn(creator_id, moving.run, moving.turn + 1)
    assert left is not None
    while await bench.clear(creator_id, left):
        pass
    assert await counts(database_url, creator_id) == before
    assert await shelf_of(database).embedder_of(creator_id) == OLD
    (card,) = await rows(database_url, CARD, creator_id)
    assert "was cancelled" in card["text"]


async def test_a_move_that_is_cancelled_with_everything_embedded_is_not_switched(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "TURN_S", 0.0)
    moving, embedder = await begun(bench, creator_id), SecondEmbedder()
    for _ in range(2):
        await carry_on(bench, creator_id, moving, embedder)
    assert (await bench.pending(creator_id, NEW))[0] == []
    assert await bench.cancel(creator_id, moving.run)
    assert not await bench.switch(creator_id, moving)
    assert await shelf_of(database).embedder_of(creator_id) == OLD


async def test_a_library_is_on_one_way_at_a_time_and_may_set_out_again_while_the_last_is_cleared(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database
) -> None:
    first = await begun(bench, creator_id)
    assert not await bench.begin(creator_id, "third:9", "third", PLACE)
    assert await bench.cancel(creator_id, first.run)
    second = await begun(bench, creator_id)
    assert second.run != first.run
    assert not await bench.cancel(creator_id, first.run), "an old card cancels nothing new"
    assert not await bench.clear(creator_id, first)
    assert await bench.turn(creator_id, first.run, first.turn + 1) is None


async def test_only_the_turn_that_is_due_is_done_and_the_next_is_put_into_the_queue_once(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database
) -> None:
    moving = await begun(bench, creator_id)
    for _ in range(2):
        await bench.next_turn(creator_id, moving)
    await bench.wake(creator_id)
    payloads = [job["payload"] for job in await jobs(database) if job["entrypoint"] == "reindex"]
    assert [payload.split('"turn": ')[1] for payload in payloads] == ["1}", "2}"]
    assert await bench.turn(creator_id, moving.run, moving.turn) is None
    due = await bench.turn(creator_id, moving.run, moving.turn + 1)
    assert due is not None


async def test_a_turn_that_got_lost_is_put_back(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database
) -> None:
    await begun(bench, creator_id)
    async with database.system() as connection:
        await connection.execute("DELETE FROM pgqueuer")
    await bench.wake(creator_id)
    await bench.wake(creator_id)
    assert [job["entrypoint"] for job in await jobs(database)] == ["reindex"]


async def test_why_it_waits_is_kept_until_a_text_is_embedded_again(
    bench: PostgresReindexings, creator_id: CreatorId, database_url: str
) -> None:
    moving = await begun(bench, creator_id)
    await bench.put_off(creator_id, moving, "It is busy.", error="429 \0 rate", delay_s=60.0)
    waiting = await bench.under_way(creator_id)
    assert waiting is not None
    assert (waiting.failures, waiting.reason, waiting.error, waiting.turn) == (1, "It is busy.", "429  rate", 2)
    (card,) = await rows(database_url, CARD, creator_id)
    assert "Waits: It is busy." in card["text"]

    async def fail() -> None:
        raise ProviderError("away")

    with pytest.raises(ProviderError):
        await carry_on(bench, creator_id, waiting, SecondEmbedder(before={1: fail}))
    still = await bench.under_way(creator_id)
    assert still is not None
    assert still.failures == 1
    with pytest.raises(ProviderError):
        await carry_on(bench, creator_id, waiting, SecondEmbedder(before={2: fail}))
    again = await bench.under_way(creator_id)
    assert again is not None
    assert (again.failures, again.reason, again.error) == (0, "", "")


async def test_vectors_of_another_shape_are_not_stored(
    bench: PostgresReindexings, creator_id: CreatorId, database_url: str
) -> None:
    moving = await begun(bench, creator_id)
    with pytest.raises(ProviderError, match="shape"):
        await carry_on(bench, creator_id, moving, SecondEmbedder(dimensions=13))
    assert (await counts(database_url, creator_id))["unit", NEW] == 0


async def test_a_removed_source_moves_along_and_can_come_back(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database
) -> None:
    shelf = shelf_of(database)
    removed = (await shelf.sources(creator_id))[0].id
    await shelf.remove(creator_id, removed)
    await carry_on(bench, creator_id, await begun(bench, creator_id), SecondEmbedder())
    assert await shelf.restore(creator_id, removed) is not None
    snapshot = await PostgresHoldings(database).load(Scope.whole(creator_id))
    assert snapshot.embedder_id == NEW
    assert removed in snapshot.source_ids


async def test_another_creators_library_stays_where_it_is(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    other = (await found_school(database, "cooking")).creator_id
    before = await counts(database_url, other)
    moving = await begun(bench, creator_id)
    assert await bench.turn(other, moving.run, moving.turn) is None
    assert not await bench.cancel(other, moving.run)
    assert not await bench.switch(other, moving)
    assert not await bench.keep(other, moving, SourceId(1), {})
    await carry_on(bench, creator_id, moving, SecondEmbedder())
    while await bench.clear(creator_id, moving):
        pass
    assert await counts(database_url, other) == before
    assert await shelf_of(database).embedder_of(other) == OLD


async def test_a_question_to_a_large_library_that_was_moved_is_asked_again_instead_of_mixing(
    bench: PostgresReindexings, creator_id: CreatorId, database: Database
) -> None:
    holdings = PostgresHoldings(database)
    extent = await holdings.extent(Scope.whole(creator_id))
    await carry_on(bench, creator_id, await begun(bench, creator_id), SecondEmbedder())
    query = SearchQuery(await MadeUpEmbedder().embed_query("charcoal"), np.array([], np.int32))
    with pytest.raises(EmbedderChanged):
        await holdings.candidates(Scope.whole(creator_id), query, extent)


async def test_a_half_done_move_goes_on_after_a_restore(
    bench: PostgresReindexings, creator_id: CreatorId, postgres: EmbeddedServer, database_url: str, tmp_path: Path
) -> None:
    moving, embedder = await begun(bench, creator_id), SecondEmbedder()

    async def fail() -> None:
        raise ProviderError("away")

    embedder.before = {5: fail}
    with pytest.raises(ProviderError):
        await carry_on(bench, creator_id, moving, embedder)
    await backup(database_url, tmp_path / "half")
    url = await postgres.create_database("restored_half")
    try:
        await restore(url, tmp_path / "half")
        async with open_database(url) as restored:
            await carry_on(PostgresReindexings(restored), creator_id, moving, embedder)
            assert await shelf_of(restored).embedder_of(creator_id) == NEW
            assert "reindex" in {job["entrypoint"] for job in await jobs(restored)}
    finally:
        await postgres.drop_database("restored_half")
    assert max(Counter(embedder.texts).values()) == 1
