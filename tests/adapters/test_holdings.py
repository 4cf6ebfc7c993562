"""A library read back from a real PostgreSQL is the library that was stored."""

from dataclasses import fields

import numpy as np
import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.holdings import PostgresHoldings
from core.asking.gate import Cutoff
from core.asking.holdings import CorpusState, Span
from core.asking.snapshot import Snapshot, SourceIndex
from core.ids import CreatorId, SourceId
from core.library.ingestion import process
from core.library.store import NewSource
from core.library.transcript import Segment, Timing, Transcript
from core.tiers import Scope
from tests.adapters.school import INDEXER, STEM, add_ready, item_of, lecture, shelf_of

LONG = " ".join(f"Part {n} of this long cue is about patience." for n in range(9))
LIBRARY = (
    lecture("pencils"),
    NewSource(Transcript((Segment(0.25, 40.0, LONG), Segment(41.125, 43.5, "Naïve 絵画を描く。 🎨"))), "Odd texts"),
    NewSource(Transcript((Segment(0, 1, "First paragraph."), Segment(1, 2, "Second one.")), Timing.NONE), "A page"),
)


@pytest.fixture
def holdings(database: Database) -> PostgresHoldings:
    return PostgresHoldings(database)


@pytest.fixture
async def creator_id(database: Database) -> CreatorId:
    return (await PostgresDirectory(database).add_creator("drawing", "Drawing", None)).id


async def _index(source_id: SourceId, new: NewSource) -> SourceIndex:
    async def ignore(share: float) -> None: ...

    assert new.transcript is not None
    made = await INDEXER.index(new.transcript, ignore)
    return SourceIndex.of(source_id, made.units, made.windows, made.unit_vectors, made.window_vectors, STEM)


def _same(stored: object, made: object) -> None:
    """Hold two values of one dataclass against each other, array by array, to the last bit."""
    for field in fields(stored):  # type: ignore[arg-type]
        left, right = getattr(stored, field.name), getattr(made, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            assert np.array_equal(left, right), field.name
        elif hasattr(left, "__dataclass_fields__"):
            _same(left, right)
        else:
            assert left == right, field.name


async def test_a_stored_library_loads_exactly_as_it_is_built_in_memory(
    holdings: PostgresHoldings, creator_id: CreatorId, database: Database
) -> None:
    ids = [await add_ready(database, creator_id, new) for new in LIBRARY]
    indexes = [await _index(source_id, new) for source_id, new in zip(ids, LIBRARY, strict=True)]
    # Vectors are stored as halves: what is compared went through them once.
    halved = [_halved(index) for index in indexes]
    made = Snapshot.build(creator_id, len(LIBRARY), "made-up:8", halved)
    loaded = await holdings.load(Scope.whole(creator_id))
    assert loaded.n_units > 35
    assert loaded.estimated.any()
    _same(loaded, made)


def _halved(index: SourceIndex) -> SourceIndex:
    values = {field.name: getattr(index, field.name) for field in fields(index)}
    for name in ("unit_vectors", "window_vectors"):
        values[name] = values[name].astype(np.float16)
    return SourceIndex(**values)


async def test_a_library_with_nothing_in_it_is_version_zero_and_an_empty_snapshot(
    holdings: PostgresHoldings, creator_id: CreatorId
) -> None:
    assert await holdings.state(creator_id) == CorpusState(0)
    empty = await holdings.load(Scope.whole(creator_id))
    assert (empty.version, empty.n_units, empty.n_windows) == (0, 0, 0)
    assert await holdings.sentences(Scope.whole(creator_id), [Span(SourceId(1), 0, 5)]) == []


async def test_a_source_is_not_answered_from_before_the_work_on_it_is_done(
    holdings: PostgresHoldings, creator_id: CreatorId, database: Database
) -> None:
    added = (await shelf_of(database).add(creator_id, [lecture("pencils")], None))[0]
    assert (await holdings.load(Scope.whole(creator_id))).n_units == 0
    item_id = await item_of(database, creator_id, added.source_id)
    await process(creator_id, item_id, bench=shelf_of(database), indexer=INDEXER)
    assert (await holdings.load(Scope.whole(creator_id))).source_ids == (added.source_id,)


async def test_sentences_come_span_after_span_with_the_second_to_link(
    holdings: PostgresHoldings, creator_id: CreatorId, database: Database
) -> None:
    lesson, odd, page = [await add_ready(database, creator_id, new) for new in LIBRARY]
    spans = [Span(odd, 0, 2), Span(lesson, 3, 4), Span(page, 0, 9), Span(lesson, 3, 3)]
    found = await holdings.sentences(Scope.whole(creator_id), spans)
    assert [(one.source_id, one.position) for one in found] == [
        (odd, 0), (odd, 1), (odd, 2), (lesson, 3), (lesson, 4), (page, 0), (page, 1), (lesson, 3),
    ]  # fmt: skip
    heard, guessed = found[0], found[1]
    assert (heard.start_s, heard.linked_s) == (0.25, 0.25)
    assert guessed.start_s > 0.25
    assert guessed.linked_s == 0.25
    assert found[3].text == "Step 3 of pencils takes patience, a steady hand and some water."
    assert (found[3].start_s, found[3].title, found[3].timed) == (15.0, "All about pencils", True)
    assert not found[5].timed
    assert [one.paragraph for one in found[5:7]] == [0, 1]


async def test_another_creators_sentences_are_not_found_by_their_number(
    holdings: PostgresHoldings, creator_id: CreatorId, database: Database
) -> None:
    source_id = await add_ready(database, creator_id, lecture("pencils"))
    other = (await PostgresDirectory(database).add_creator("painting", "Painting", None)).id
    assert await holdings.sentences(Scope.whole(other), [Span(source_id, 0, 5)]) == []
    assert await holdings.transcript(other, source_id) is None
    assert (await holdings.load(Scope.whole(other))).n_units == 0


async def test_a_recording_is_found_by_its_creator_alone_and_as_long_as_its_source_is_there(
    holdings: PostgresHoldings, creator_id: CreatorId, database: Database
) -> None:
    source_id = await add_ready(database, creator_id, lecture("pencils"))
    assert await holdings.recording(creator_id, source_id) is None
    key = f"creators/{creator_id}/{'ab' * 32}.mp4"
    async with database.creator(creator_id) as connection:
        await connection.execute("UPDATE sources SET media_key = $2 WHERE id = $1", source_id, key)
    assert await holdings.recording(creator_id, source_id) == key
    other = (await PostgresDirectory(database).add_creator("painting", "Painting", None)).id
    assert await holdings.recording(other, source_id) is None
    async with database.creator(creator_id) as connection:
        await connection.execute("UPDATE sources SET removed_at = now() WHERE id = $1", source_id)
    assert await holdings.recording(creator_id, source_id) is None


async def test_a_cutoff_is_kept_with_its_version_and_never_replaced_by_an_older_or_foreign_one(
    holdings: PostgresHoldings, creator_id: CreatorId, database: Database
) -> None:
    await holdings.set_cutoff(creator_id, 1, "made-up:8", Cutoff(0.1, 0.2))
    assert (await holdings.state(creator_id)).cutoff is None
    await add_ready(database, creator_id, lecture("pencils"))
    await holdings.set_cutoff(creator_id, 2, "made-up:8", Cutoff(0.123456789, 0.05))
    await holdings.set_cutoff(creator_id, 1, "made-up:8", Cutoff(9.0, 9.0))
    await holdings.set_cutoff(creator_id, 3, "another:8", Cutoff(9.0, 9.0))
    state = await holdings.state(creator_id)
    assert (state.version, state.embedder_id, state.cutoff) == (1, "made-up:8", Cutoff(0.123456789, 0.05))
    await holdings.set_cutoff(creator_id, 2, "made-up:8", Cutoff(0.5, 0.5))
    assert (await holdings.state(creator_id)).cutoff == Cutoff(0.5, 0.5)


async def test_a_watched_source_has_all_its_sentences_in_order(
    holdings: PostgresHoldings, creator_id: CreatorId, database: Database
) -> None:
    source_id = await add_ready(database, creator_id, lecture("pencils", cues=3))
    watched = await holdings.transcript(creator_id, source_id)
    assert watched is not None
    assert (watched.title, watched.creator_name, watched.timed) == ("All about pencils", "Drawing", True)
    assert [sentence.start_s for sentence in watched.sentences] == [0.0, 5.0, 10.0]
