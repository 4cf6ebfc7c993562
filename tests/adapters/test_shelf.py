"""Sources and the work on them on a real PostgreSQL."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
from pgqueuer.queries import Queries

from adapters.postgres.admission import PostgresAdmission
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.shelf import PostgresShelf
from core.asking.holdings import Span
from core.conversation import Place
from core.errors import EmbedderChanged, UploadRefused
from core.ids import CreatorId, ItemId, SourceId
from core.library.admission import Admitted
from core.library.ingestion import process
from core.library.store import IndexedSource, NewSource, NewWorkflow, Stage
from core.library.transcript import Segment, Timing, Transcript
from core.tiers import Scope
from tests.adapters.school import INDEXER, add_ready, change, jobs, lecture, rows, shelf_of

PLACE = Place("discord", channel="10", community="100")
WORKER = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def shelf(database: Database) -> PostgresShelf:
    return shelf_of(database)


@pytest.fixture
def holdings(database: Database) -> PostgresHoldings:
    return PostgresHoldings(database)


@pytest.fixture
async def creator_id(database: Database) -> CreatorId:
    return (await PostgresDirectory(database).add_creator("drawing", "Drawing", None)).id


async def _add(shelf: PostgresShelf, creator_id: CreatorId, new: NewSource) -> tuple[SourceId, ItemId]:
    added = (await shelf.add(creator_id, [new], PLACE))[0]
    found = next(source for source in await shelf.sources(creator_id) if source.id == added.source_id)
    return found.id, found.item_id


async def _indexed(new: NewSource) -> IndexedSource:
    async def ignore(share: float) -> None: ...

    assert new.transcript is not None
    return await INDEXER.index(new.transcript, ignore)


async def _waiting(database: Database, name: str) -> list[dict[str, int]]:
    return [json.loads(job["payload"]) for job in await jobs(database) if job["entrypoint"] == name]


async def _finish_jobs(url: str) -> None:
    await change(url, "DELETE FROM pgqueuer")


async def _card(url: str) -> tuple[int, str]:
    """The version of the only card and its words."""
    (row,) = await rows(url, "SELECT version, content ->> 'text' AS text FROM outbox")
    return row["version"], row["text"]


async def test_the_same_content_is_known_whatever_it_is_called(shelf: PostgresShelf, creator_id: CreatorId) -> None:
    first = (await shelf.add(creator_id, [lecture("pencils")], PLACE))[0]
    renamed = replace(lecture("pencils"), title="Another name", link="https://elsewhere.example/")
    again = (await shelf.add(creator_id, [renamed], PLACE))[0]
    assert not first.known
    assert (again.known, again.source_id, again.title) == (True, first.source_id, "All about pencils")
    assert len(await shelf.sources(creator_id)) == 1


async def test_the_same_content_sent_twice_in_one_upload_or_at_once_is_one_source(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    pairs = await asyncio.gather(
        *(shelf.add(creator_id, [lecture("pencils"), lecture("pencils")], PLACE) for _ in range(5))
    )
    added = [one for pair in pairs for one in pair]
    assert len({one.source_id for one in added}) == 1
    assert [one.known for one in added].count(False) == 1
    assert len(await _waiting(database, "ingest")) == 1
    assert len(await rows(database_url, "SELECT id FROM outbox")) == 1


async def test_two_creators_may_have_the_same_content(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    other = (await PostgresDirectory(database).add_creator("painting", "Painting", None)).id
    await shelf.add(creator_id, [lecture("pencils")], None)
    assert not (await shelf.add(other, [lecture("pencils")], None))[0].known


async def test_an_upload_comes_back_from_the_list_as_it_was_given(
    shelf: PostgresShelf, creator_id: CreatorId
) -> None:
    await shelf.add(creator_id, [lecture("pencils")], None)
    await shelf.add(creator_id, [replace(lecture("ink", timing=Timing.ESTIMATED), language="de")], None)
    newest, oldest = await shelf.sources(creator_id)
    assert (newest.title, newest.language, newest.timing) == ("All about ink", "de", Timing.ESTIMATED)
    assert (oldest.link, oldest.duration_s) == ("https://videos.example/pencils", 149.5)
    assert (oldest.stage, oldest.progress, oldest.reason) == (Stage.PENDING, 0.0, "")


async def test_the_job_and_the_card_are_rolled_back_together_with_the_upload(
    shelf: PostgresShelf,
    creator_id: CreatorId,
    database: Database,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    untitled = replace(lecture("ink"), title="")
    with pytest.raises(Exception, match="sources_title_check"):
        await shelf.add(creator_id, [lecture("pencils"), untitled], PLACE)
    assert await shelf.sources(creator_id) == []
    assert await jobs(database) == []
    assert await rows(database_url, "SELECT id FROM outbox") == []

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the queue is broken")

    monkeypatch.setattr(Queries, "enqueue", fail)
    with pytest.raises(RuntimeError):
        await shelf.add(creator_id, [lecture("pencils")], PLACE)
    assert await shelf.sources(creator_id) == []


async def test_an_upload_wakes_a_worker_who_is_given_its_item(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    _, item_id = await _add(shelf, creator_id, lecture("pencils"))
    assert await _waiting(database, "ingest") == [{}]
    assert await PostgresAdmission(database).next(WORKER) == Admitted(creator_id, item_id)


async def test_claimed_work_is_the_transcript_as_it_was_uploaded(shelf: PostgresShelf, creator_id: CreatorId) -> None:
    spoken = Transcript((Segment(0.1, 2.3, 'Zuerst: "Öl" 🎨\tund Zeit.', "A"), Segment(2.3, 9.0, "Then.", "B")))
    source_id, item_id = await _add(shelf, creator_id, NewSource(spoken, "Oil", language="de"))
    work = await shelf.claim(creator_id, item_id)
    assert work is not None
    assert work.transcript is not None
    assert (work.transcript.segments, work.transcript.timing) == (spoken.segments, Timing.HEARD)
    assert (work.source_id, work.title, work.language, work.attempts) == (source_id, "Oil", "de", 1)
    again = await shelf.claim(creator_id, item_id)
    assert again is not None
    assert again.attempts == 2


async def test_work_is_claimed_by_its_own_creator_alone_and_not_when_removed_or_done(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    other = (await PostgresDirectory(database).add_creator("painting", "Painting", None)).id
    source_id, item_id = await _add(shelf, creator_id, lecture("pencils"))
    assert await shelf.claim(other, item_id) is None
    await shelf.remove(creator_id, source_id)
    assert await shelf.claim(creator_id, item_id) is None
    await shelf.restore(creator_id, source_id)
    await shelf.complete(creator_id, item_id, await _indexed(lecture("pencils")))
    assert await shelf.claim(creator_id, item_id) is None


async def test_the_card_moves_along_with_the_work(
    shelf: PostgresShelf, creator_id: CreatorId, database_url: str
) -> None:
    _, item_id = await _add(shelf, creator_id, lecture("pencils"))
    assert "waiting its turn" in (await _card(database_url))[1]
    await shelf.advance(creator_id, item_id, Stage.EMBEDDING, 0.5)
    version, words = await _card(database_url)
    assert version == 2
    assert "48%" in words
    await shelf.complete(creator_id, item_id, await _indexed(lecture("pencils")))
    version, words = await _card(database_url)
    assert version == 3
    assert "is ready" in words
    await shelf.advance(creator_id, item_id, Stage.EMBEDDING, 0.9)
    assert await _card(database_url) == (version, words)


async def test_completing_twice_stores_once_and_a_late_report_changes_nothing(
    shelf: PostgresShelf, creator_id: CreatorId, holdings: PostgresHoldings, database: Database, database_url: str
) -> None:
    _, item_id = await _add(shelf, creator_id, lecture("pencils"))
    await asyncio.gather(*(process(creator_id, item_id, bench=shelf, indexer=INDEXER) for _ in range(4)))
    state = await holdings.state(creator_id)
    assert state.version == 1
    await shelf.complete(creator_id, item_id, await _indexed(lecture("ink", cues=3)))
    await shelf.advance(creator_id, item_id, Stage.CHUNKING, 0.0)
    await shelf.fail(creator_id, item_id, "too late")
    assert await holdings.state(creator_id) == state
    (source,) = await shelf.sources(creator_id)
    assert (source.stage, source.progress, source.reason) == (Stage.COMPLETED, 1.0, "")
    assert len(await rows(database_url, "SELECT 1 FROM segments")) == 30
    assert len(await _waiting(database, "calibrate")) == 1


async def test_completing_replaces_what_a_former_index_left_and_never_appends(
    shelf: PostgresShelf, creator_id: CreatorId, holdings: PostgresHoldings, database_url: str
) -> None:
    _, item_id = await _add(shelf, creator_id, lecture("pencils"))
    await shelf.complete(creator_id, item_id, await _indexed(lecture("pencils")))
    await _begin_again(database_url, creator_id, item_id)
    shorter = await _indexed(lecture("pencils", cues=4))
    await shelf.complete(creator_id, item_id, shorter)
    snapshot = await holdings.load(Scope.whole(creator_id))
    assert (snapshot.version, snapshot.n_units, snapshot.n_windows) == (2, 4, len(shorter.windows))
    for table in ("segments", "segment_embeddings"):
        assert len(await rows(database_url, f"SELECT 1 FROM {table}")) == 4  # noqa: S608 - a name from above


async def _begin_again(url: str, creator_id: CreatorId, item_id: ItemId) -> None:
    await change(
        url, f"SET ROLE chronos_app; SET app.creator_id = '{creator_id}';"  # noqa: S608 - numbers
        f"UPDATE items SET stage = 'pending' WHERE id = {item_id}",
    )  # fmt: skip


async def test_vectors_of_another_embedder_are_refused_and_nothing_is_stored(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    await add_ready(database, creator_id, lecture("pencils"))
    _, item_id = await _add(shelf, creator_id, lecture("ink"))
    foreign = replace(await _indexed(lecture("ink")), embedder_id="another:8")
    with pytest.raises(EmbedderChanged, match="another:8"):
        await shelf.complete(creator_id, item_id, foreign)
    assert await rows(database_url, "SELECT 1 FROM segment_embeddings WHERE embedder <> 'made-up:8'") == []


async def test_a_removed_source_is_gone_from_answers_at_once_and_comes_back(
    shelf: PostgresShelf, creator_id: CreatorId, holdings: PostgresHoldings, database: Database
) -> None:
    kept = await add_ready(database, creator_id, lecture("pencils"))
    removed = await add_ready(database, creator_id, lecture("ink"))
    before = await holdings.state(creator_id)
    spans = [Span(kept, 0, 0), Span(removed, 0, 0)]
    source = await shelf.remove(creator_id, removed)
    assert source is not None
    assert source.title == "All about ink"
    assert (await holdings.state(creator_id)).version == before.version + 1
    assert (await holdings.load(Scope.whole(creator_id))).source_ids == (kept,)
    assert [sentence.source_id for sentence in await holdings.sentences(Scope.whole(creator_id), spans)] == [kept]
    assert [source.id for source in await shelf.sources(creator_id)] == [kept]
    assert await holdings.transcript(creator_id, removed) is None
    assert await shelf.remove(creator_id, removed) is None

    assert await shelf.restore(creator_id, removed) is not None
    assert (await holdings.state(creator_id)).version == before.version + 2
    assert (await holdings.load(Scope.whole(creator_id))).source_ids == (kept, removed)
    assert len(await holdings.sentences(Scope.whole(creator_id), spans)) == 2
    assert await shelf.restore(creator_id, removed) is None


async def test_another_creator_can_neither_remove_nor_restore_nor_retry(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    other = (await PostgresDirectory(database).add_creator("painting", "Painting", None)).id
    source_id = await add_ready(database, creator_id, lecture("pencils"))
    assert await shelf.remove(other, source_id) is None
    await shelf.remove(creator_id, source_id)
    assert await shelf.restore(other, source_id) is None
    assert not await shelf.retry(other, source_id)
    assert await shelf.sources(creator_id) == []


async def test_what_was_uploaded_again_is_not_restored_a_second_time(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    removed = await add_ready(database, creator_id, lecture("pencils"))
    await shelf.remove(creator_id, removed)
    again = await add_ready(database, creator_id, lecture("pencils"))
    assert again != removed
    assert await shelf.restore(creator_id, removed) is None


async def test_work_that_a_removal_stopped_goes_on_after_it_is_undone(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    source_id, item_id = await _add(shelf, creator_id, lecture("pencils"))
    await _finish_jobs(database_url)
    await shelf.remove(creator_id, source_id)
    await _finish_jobs(database_url)
    admission = PostgresAdmission(database)
    assert await admission.next(WORKER) is None
    await shelf.restore(creator_id, source_id)
    assert await _waiting(database, "ingest") == [{}]
    assert await admission.next(WORKER) == Admitted(creator_id, item_id)


async def test_failed_work_says_why_and_can_be_tried_again(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    source_id, item_id = await _add(shelf, creator_id, lecture("pencils"))
    await _finish_jobs(database_url)
    assert not await shelf.retry(creator_id, source_id)
    await shelf.fail(creator_id, item_id, "There are no words.")
    (source,) = await shelf.sources(creator_id)
    assert (source.stage, source.reason) == (Stage.FAILED, "There are no words.")
    _, words = await _card(database_url)
    assert "There are no words." in words
    assert await shelf.claim(creator_id, item_id) is None

    assert await shelf.retry(creator_id, source_id)
    assert not await shelf.retry(creator_id, source_id)
    assert "waiting its turn" in (await _card(database_url))[1]
    assert len(await _waiting(database, "ingest")) == 1
    assert await process(creator_id, item_id, bench=shelf, indexer=INDEXER)
    assert not await shelf.retry(creator_id, source_id)


async def test_work_that_waits_says_why_until_it_goes_on(
    shelf: PostgresShelf, creator_id: CreatorId, database_url: str
) -> None:
    _, item_id = await _add(shelf, creator_id, lecture("pencils"))
    await shelf.pause(creator_id, item_id, "The disk is full.")
    version, words = await _card(database_url)
    assert "waits. The disk is full." in words
    await shelf.pause(creator_id, item_id, "The disk is full.")
    assert await _card(database_url) == (version, words), "nothing new, so the message is not edited"
    await shelf.advance(creator_id, item_id, Stage.CHUNKING, 0.0)
    assert "cutting into sentences" in (await _card(database_url))[1]
    assert [source.reason for source in await shelf.sources(creator_id)] == [""]


async def test_the_newest_undone_work_is_listed_with_how_much_there_is(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    other = (await PostgresDirectory(database).add_creator("painting", "Painting", None)).id
    assert await shelf.undone(creator_id, 2) == ([], 0)
    await add_ready(database, creator_id, lecture("ink"))
    added = [await _add(shelf, creator_id, lecture(name)) for name in ("pencils", "chalk", "charcoal")]
    await shelf.fail(creator_id, added[0][1], "There are no words.")
    sources, total = await shelf.undone(creator_id, 2)
    assert ([source.title for source in sources], total) == (["All about charcoal", "All about chalk"], 3)
    assert await shelf.undone(other, 9) == ([], 0)
    assert await shelf.source_of(creator_id, added[0][1]) == added[0][0]
    assert await shelf.source_of(other, added[0][1]) is None


async def test_what_was_removed_a_week_ago_is_deleted_with_all_that_was_made_of_it(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    old, recent = [await add_ready(database, creator_id, lecture(name)) for name in ("pencils", "ink")]
    for source_id in (old, recent):
        await shelf.remove(creator_id, source_id)
    async with database.creator(creator_id) as connection:
        await connection.execute("UPDATE sources SET removed_at = now() - interval '8 days' WHERE id = $1", old)
    await shelf.tidy(creator_id)
    assert await shelf.restore(creator_id, old) is None
    for table in ("segments", "passages", "segment_embeddings", "passage_embeddings", "items"):
        found = await rows(database_url, f"SELECT DISTINCT source_id FROM {table}")  # noqa: S608 - a name from above
        assert [row["source_id"] for row in found] == [recent], table


async def test_terms_of_windows_are_those_of_their_units_as_often_as_they_occur(
    shelf: PostgresShelf, creator_id: CreatorId, database_url: str
) -> None:
    _, item_id = await _add(shelf, creator_id, lecture("pencils"))
    indexed = await _indexed(lecture("pencils"))
    await shelf.complete(creator_id, item_id, indexed)
    stored = await rows(database_url, "SELECT first_segment, last_segment, terms FROM passages ORDER BY position")
    for row, window in zip(stored, indexed.windows, strict=True):
        terms = sorted(np.concatenate(indexed.unit_terms[window.first : window.last + 1]).tolist())
        assert (row["first_segment"], row["last_segment"], row["terms"]) == (window.first, window.last, terms)


async def test_of_twenty_uploads_at_once_as_many_begin_as_an_hour_takes(
    shelf: PostgresShelf, creator_id: CreatorId
) -> None:
    ended = await asyncio.gather(
        *(shelf.add(creator_id, [lecture(f"part {n}")], PLACE, NewWorkflow(most_an_hour=10)) for n in range(20)),
        return_exceptions=True,
    )

    refused = [str(refusal) for refusal in ended if isinstance(refusal, UploadRefused)]
    assert len(refused) == 10
    assert all("10 uploads within an hour" in words for words in refused)
    assert len(await shelf.sources(creator_id)) == 10
