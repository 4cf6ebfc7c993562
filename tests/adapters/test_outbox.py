"""The outbox on a real PostgreSQL: what waits is delivered once, at its newest version."""

import asyncio
from dataclasses import replace

import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.shelf import PostgresShelf
from core.conversation import Button, Place, Reply
from core.ids import CreatorId, ItemId
from core.library.store import Stage
from core.richtext import RichText
from tests.adapters.school import change, item_of, lecture, rows, shelf_of

PLACE = Place("discord", channel="10", community="100", thread="7")


@pytest.fixture
def outbox(database: Database) -> PostgresOutbox:
    return PostgresOutbox(database)


@pytest.fixture
def shelf(database: Database) -> PostgresShelf:
    return shelf_of(database)


@pytest.fixture
async def creator_id(database: Database) -> CreatorId:
    return (await PostgresDirectory(database).add_creator("drawing", "Drawing", None)).id


@pytest.fixture
async def item(database: Database, shelf: PostgresShelf, creator_id: CreatorId) -> ItemId:
    """An item whose card waits to be delivered."""
    added = (await shelf.add(creator_id, [lecture("pencils")], PLACE))[0]
    return await item_of(database, creator_id, added.source_id)


async def _let_time_pass(url: str) -> None:
    await change(url, "UPDATE outbox SET next_attempt_at = next_attempt_at - interval '40 seconds'")


async def test_a_card_arrives_with_its_place_and_its_words(outbox: PostgresOutbox, item: ItemId) -> None:
    assert await outbox.claim("telegram", 10) == []
    (parcel,) = await outbox.claim("discord", 10)
    assert parcel.place == replace(PLACE, community_name="")
    assert "All about pencils" in parcel.reply.text.plain
    assert (parcel.version, parcel.message_id, parcel.attempts) == (1, "", 1)


async def test_claimers_at_the_same_time_never_get_the_same_row(
    database: Database, outbox: PostgresOutbox, shelf: PostgresShelf, creator_id: CreatorId
) -> None:
    for n in range(40):
        await shelf.add(creator_id, [lecture(f"pencil {n}", cues=1)], PLACE)
    claimed = await asyncio.gather(*(PostgresOutbox(database).claim("discord", 9) for _ in range(8)))
    ids = [parcel.id for parcels in claimed for parcel in parcels]
    assert len(ids) == len(set(ids)) == 40
    assert await outbox.claim("discord", 9) == []


async def test_a_lease_of_a_process_that_died_comes_back(
    outbox: PostgresOutbox, item: ItemId, database_url: str
) -> None:
    await outbox.claim("discord", 10)
    assert await outbox.claim("discord", 10) == []
    await _let_time_pass(database_url)
    (again,) = await outbox.claim("discord", 10)
    assert again.attempts == 2


async def test_only_the_newest_version_is_delivered_and_it_edits_the_same_message(
    outbox: PostgresOutbox, shelf: PostgresShelf, creator_id: CreatorId, item: ItemId, database_url: str
) -> None:
    (first,) = await outbox.claim("discord", 10)
    await outbox.delivered(first, "message 1")
    await shelf.advance(creator_id, item, Stage.CHUNKING, 0.5)
    await shelf.advance(creator_id, item, Stage.EMBEDDING, 0.5)
    await _let_time_pass(database_url)
    (newest,) = await outbox.claim("discord", 10)
    assert (newest.version, newest.message_id) == (3, "message 1")
    assert "learning what it says" in newest.reply.text.plain
    await outbox.delivered(newest, "message 1")
    await _let_time_pass(database_url)
    assert await outbox.claim("discord", 10) == []


async def test_a_version_that_comes_while_one_is_on_its_way_waits_for_its_message_id(
    outbox: PostgresOutbox, shelf: PostgresShelf, creator_id: CreatorId, item: ItemId, database_url: str
) -> None:
    (first,) = await outbox.claim("discord", 10)
    await shelf.advance(creator_id, item, Stage.CHUNKING, 0.5)
    assert await outbox.claim("discord", 10) == []
    await outbox.delivered(first, "message 1")
    await _let_time_pass(database_url)
    (second,) = await outbox.claim("discord", 10)
    assert (second.version, second.message_id) == (2, "message 1")


async def test_a_late_report_of_an_old_version_does_not_bring_it_back(
    outbox: PostgresOutbox, shelf: PostgresShelf, creator_id: CreatorId, item: ItemId, database_url: str
) -> None:
    (late,) = await outbox.claim("discord", 10)
    await shelf.advance(creator_id, item, Stage.CHUNKING, 0.5)
    await _let_time_pass(database_url)
    (newest,) = await outbox.claim("discord", 10)
    await outbox.delivered(newest, "message 2")
    await outbox.delivered(late, "message 1")
    await outbox.give_up(late, "too late")
    (row,) = await rows(database_url, "SELECT delivered_version, message_id, failure FROM outbox")
    assert tuple(row) == (2, "message 2", "")


async def test_a_platforms_wait_holds_for_newer_versions_too(
    outbox: PostgresOutbox, shelf: PostgresShelf, creator_id: CreatorId, item: ItemId, database_url: str
) -> None:
    (parcel,) = await outbox.claim("discord", 10)
    await outbox.postpone(parcel, 30.0, "too many requests")
    await shelf.advance(creator_id, item, Stage.CHUNKING, 0.5)
    assert await outbox.claim("discord", 10) == []
    await _let_time_pass(database_url)
    (again,) = await outbox.claim("discord", 10)
    assert (again.version, again.attempts) == (2, 2)


async def test_after_giving_up_a_newer_version_gets_all_its_attempts(
    outbox: PostgresOutbox, shelf: PostgresShelf, creator_id: CreatorId, item: ItemId, database_url: str
) -> None:
    for _ in range(3):
        (parcel,) = await outbox.claim("discord", 10)
        await _let_time_pass(database_url)
    await outbox.give_up(parcel, "the channel is gone")
    assert await outbox.claim("discord", 10) == []
    await shelf.advance(creator_id, item, Stage.CHUNKING, 0.5)
    (newer,) = await outbox.claim("discord", 10)
    assert (newer.version, newer.attempts) == (2, 1)


async def test_what_was_delivered_a_month_ago_is_deleted_and_what_waits_is_not(
    outbox: PostgresOutbox, shelf: PostgresShelf, creator_id: CreatorId, item: ItemId, database_url: str
) -> None:
    (parcel,) = await outbox.claim("discord", 10)
    await outbox.delivered(parcel, "message 1")
    await shelf.add(creator_id, [lecture("brushes")], PLACE)
    await outbox.purge()
    assert len(await rows(database_url, "SELECT id FROM outbox")) == 2
    await change(database_url, "UPDATE outbox SET updated_at = now() - interval '31 days'")
    await outbox.purge()
    assert len(await rows(database_url, "SELECT id FROM outbox")) == 1


async def test_a_reply_that_was_left_over_is_delivered_in_the_place_of_its_beginning(
    database_url: str, database: Database, outbox: PostgresOutbox, creator_id: CreatorId
) -> None:
    await PostgresDirectory(database).add_community(creator_id, PLACE)
    reply = Reply(RichText.of("The whole answer."), ((Button("\U0001f44d", "vote", "1:2:1"),),))
    await outbox.leave(PLACE, reply, "77")
    await outbox.leave(replace(PLACE, community="", channel="dm"), reply, "")
    parcel, direct = await outbox.claim("discord", 10)
    assert (parcel.reply, parcel.message_id, parcel.place) == (reply, "77", replace(PLACE, community_name=""))
    assert (direct.message_id, direct.place.channel) == ("", "dm")
    owners = await rows(database_url, "SELECT creator_id FROM outbox ORDER BY id")
    assert [row["creator_id"] for row in owners] == [creator_id, None]
