"""Whose turn it is, on a real PostgreSQL: fair between creators, one holder an item, nothing lost with its holder."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from adapters.postgres import admission as rules
from adapters.postgres import deployment
from adapters.postgres.admission import PostgresAdmission
from adapters.postgres.database import Database
from adapters.postgres.deployment import open_queue
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.shelf import PostgresShelf
from core.ids import CreatorId, ItemId
from core.library.admission import Admitted
from core.library.workbench import Wait
from tests.adapters.school import change, jobs, lecture, rows, shelf_of

ONE, OTHER = str(uuid4()), str(uuid4())
EXPIRE = "UPDATE admissions SET leased_until = now() - interval '1 second'"


@pytest.fixture
def shelf(database: Database) -> PostgresShelf:
    return shelf_of(database)


@pytest.fixture
def admission(database: Database) -> PostgresAdmission:
    return PostgresAdmission(database)


async def _creator(database: Database, handle: str) -> CreatorId:
    return (await PostgresDirectory(database).add_creator(handle, handle.title(), None)).id


async def _upload(shelf: PostgresShelf, creator_id: CreatorId, count: int, name: str = "pencil") -> list[ItemId]:
    """Add a workflow of so many sources; its items, oldest first."""
    before = {source.item_id for source in await shelf.sources(creator_id)}
    await shelf.add(creator_id, [lecture(f"{name} {n}", cues=1) for n in range(count)], None)
    return sorted({source.item_id for source in await shelf.sources(creator_id)} - before)


async def _taken(admission: PostgresAdmission, count: int) -> list[Admitted]:
    taken = [await admission.next(ONE) for _ in range(count)]
    return [admitted for admitted in taken if admitted is not None]


async def _done(shelf: PostgresShelf, admitted: Admitted | None) -> None:
    assert admitted is not None
    await shelf.fail(admitted.creator_id, admitted.item_id, "Enough.")


async def test_at_most_five_items_of_a_creator_are_held_at_once(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database
) -> None:
    items = await _upload(shelf, await _creator(database, "drawing"), 7)
    taken = await _taken(admission, 7)
    assert [admitted.item_id for admitted in taken] == items[:5]
    await _done(shelf, taken[2])
    assert [admitted.item_id for admitted in await _taken(admission, 2)] == [items[5]]


async def test_workers_that_ask_at_the_same_moment_get_different_items_and_no_sixth(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database
) -> None:
    await _upload(shelf, await _creator(database, "drawing"), 8)
    taken = await asyncio.gather(*(admission.next(str(uuid4())) for _ in range(10)))
    held = [admitted.item_id for admitted in taken if admitted is not None]
    assert len(held) == len(set(held)) == 5


async def test_a_creator_with_fifty_items_does_not_starve_one_with_a_single_item(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database
) -> None:
    many, few = await _creator(database, "many"), await _creator(database, "few")
    await _upload(shelf, many, 50)
    assert {admitted.creator_id for admitted in await _taken(admission, 2)} == {many}
    (item_id,) = await _upload(shelf, few, 1)
    assert await admission.next(ONE) == Admitted(few, item_id)


async def test_with_a_single_worker_creators_take_turns_however_small_the_workflows_of_one_are(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database
) -> None:
    small, large = await _creator(database, "small"), await _creator(database, "large")
    for n in range(4):
        await _upload(shelf, small, 1, f"ink {n}")
    await _upload(shelf, large, 4)
    begun: list[CreatorId] = []
    for _ in range(8):
        admitted = await admission.next(ONE)
        assert admitted is not None
        begun.append(admitted.creator_id)
        await _done(shelf, admitted)
    assert Counter(begun[:4]) == Counter(begun[4:]) == {small: 2, large: 2}


async def test_a_workflow_of_two_goes_before_one_of_forty_that_is_older(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database
) -> None:
    creator_id = await _creator(database, "drawing")
    large, small = await _upload(shelf, creator_id, 40), await _upload(shelf, creator_id, 2, "ink")
    taken = await _taken(admission, 3)
    assert [admitted.item_id for admitted in taken] == [*small, large[0]]


async def test_an_item_is_nobody_elses_while_it_is_renewed_and_another_workers_after(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database, database_url: str
) -> None:
    creator_id = await _creator(database, "drawing")
    (item_id,) = await _upload(shelf, creator_id, 1)
    held = await admission.next(ONE)
    assert held == Admitted(creator_id, item_id)
    assert await admission.next(OTHER) is None
    await change(database_url, EXPIRE)
    assert await admission.renew(ONE, held)
    assert await admission.next(OTHER) is None
    await change(database_url, EXPIRE)
    assert await admission.next(OTHER) == Admitted(creator_id, item_id, failures=1), "the first one hung"
    assert not await admission.renew(ONE, held)
    await admission.release(ONE, held)
    assert await admission.next(ONE) is None, "who lost it cannot give it away"


async def test_a_given_back_item_waits_without_a_failure_and_a_put_off_one_with_it(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database, database_url: str
) -> None:
    creator_id = await _creator(database, "drawing")
    (item_id,) = await _upload(shelf, creator_id, 1)
    await admission.release(ONE, (await _taken(admission, 1))[0])
    assert await _taken(admission, 1) == [Admitted(creator_id, item_id)]
    await shelf.put_off(creator_id, item_id, Wait("It is busy.", "429", 60))
    assert await admission.next(ONE) is None
    (row,) = await rows(database_url, "SELECT stage, reason, last_error FROM items")
    assert tuple(row) == ("pending", "It is busy.", "429")
    await change(database_url, "UPDATE admissions SET available_at = now()")
    assert await admission.next(ONE) == Admitted(creator_id, item_id, failures=1)


async def test_a_removed_item_is_lost_to_its_holder_and_is_given_to_nobody(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database
) -> None:
    creator_id = await _creator(database, "drawing")
    await _upload(shelf, creator_id, 1)
    (held,) = await _taken(admission, 1)
    (source,) = await shelf.sources(creator_id)
    await shelf.remove(creator_id, source.id)
    assert not await admission.renew(ONE, held)
    assert await admission.next(OTHER) is None


async def test_what_failed_starts_anew_without_its_failures(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database
) -> None:
    creator_id = await _creator(database, "drawing")
    (item_id,) = await _upload(shelf, creator_id, 1)
    await shelf.put_off(creator_id, item_id, Wait("It is busy.", "429", 0))
    await _done(shelf, await admission.next(ONE))
    (source,) = await shelf.sources(creator_id)
    assert await shelf.retry(creator_id, source.id)
    assert await admission.next(ONE) == Admitted(creator_id, item_id)


async def test_waking_puts_one_job_in_the_queue_while_something_may_begin_and_none_otherwise(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database, database_url: str
) -> None:
    await _upload(shelf, await _creator(database, "drawing"), 6)
    await change(database_url, "DELETE FROM pgqueuer")
    await _taken(admission, 5)
    await admission.wake()
    assert await jobs(database) == [], "the sixth waits for one of the five"
    await admission.release(ONE, Admitted(CreatorId(1), ItemId(1)))
    await admission.wake()
    assert [job["entrypoint"] for job in await jobs(database)] == ["ingest"]


async def test_a_dead_workers_item_comes_back_with_its_lock_and_somebody_is_woken(
    shelf: PostgresShelf, admission: PostgresAdmission, database: Database, database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(deployment, "RETURN_EVERY_S", 0.05)
    monkeypatch.setattr(rules, "LEASE_S", 3_600.0)
    creator_id = await _creator(database, "drawing")
    (item_id,) = await _upload(shelf, creator_id, 1)
    async with open_queue(database_url) as other:
        async with open_queue(database_url) as worker:
            held = await admission.next(str(worker.qm.queue_manager_id))
            assert held is not None
            await change(database_url, "DELETE FROM pgqueuer")
            assert await admission.next(str(other.qm.queue_manager_id)) is None
        async with asyncio.timeout(20):
            while not await jobs(database):
                await asyncio.sleep(0.02)
        assert await admission.next(ONE) == Admitted(creator_id, item_id, failures=1)
