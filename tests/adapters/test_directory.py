"""The directory of people and places on a real PostgreSQL."""

import asyncio

import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from core.conversation import Person, Place
from core.errors import Refused

OWNER = Person("discord", "1", "Owner")
SERVER = Place("discord", channel="10", community="100", community_name="Drawing school")


@pytest.fixture
def directory(database: Database) -> PostgresDirectory:
    return PostgresDirectory(database)


async def test_the_same_identity_is_one_student_even_when_it_arrives_twice_at_once(
    directory: PostgresDirectory,
) -> None:
    found = await asyncio.gather(*(directory.student(OWNER) for _ in range(8)))
    assert len(set(found)) == 1


async def test_a_community_maps_to_its_creator_and_only_once(directory: PostgresDirectory) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", await directory.student(OWNER))
    await directory.add_community(creator.id, SERVER)
    found = await directory.community(SERVER)
    assert found is not None
    assert found[1].handle == "drawing"
    with pytest.raises(Refused, match="set up already"):
        await directory.add_community(creator.id, SERVER)


async def test_a_join_code_works_once_and_however_it_is_typed(directory: PostgresDirectory) -> None:
    student = await directory.student(OWNER)
    creator = await directory.add_creator("drawing", "Drawing school", student)
    made = await directory.new_join_code(creator.id)
    joined = await directory.redeem_join_code(f" {made.code.lower()} ", student)
    assert joined is not None
    assert joined.id == creator.id
    assert await directory.redeem_join_code(made.code, student) is None


async def test_a_handle_that_is_taken_or_no_handle_is_refused_in_words(directory: PostgresDirectory) -> None:
    await directory.add_creator("drawing", "Drawing school", None)
    with pytest.raises(Refused, match="already"):
        await directory.add_creator("drawing", "Another", None)
    with pytest.raises(Refused, match="lower-case"):
        await directory.add_creator("Not a handle", "Another", None)


async def test_erasing_a_student_leaves_nothing_of_them(directory: PostgresDirectory) -> None:
    student = await directory.student(OWNER)
    creator = await directory.add_creator("drawing", "Drawing school", student)
    await directory.enrol(creator.id, student)
    await directory.erase(student)
    assert await directory.enrolment(creator.id, student) == ""
    assert await directory.student(OWNER) != student
