"""What students are called, as those who read it know them."""

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.names import names_of
from adapters.postgres.notices import staff_platform
from core.conversation import Person
from tests.adapters.school import change

ACCOUNT = "INSERT INTO identities (platform, external_id, student_id, display_name) VALUES ($1, $2, $3, $4)"


async def test_people_are_called_as_they_are_known_where_it_is_read(database: Database, database_url: str) -> None:
    directory = PostgresDirectory(database)
    creator = await directory.add_creator("drawing", "Drawing", None)
    anna = await directory.student(Person("discord", "1", "Anna D"))
    ben = await directory.student(Person("telegram", "2", "Ben T"))
    shy, buyer = [await directory.student(Person("discord", number, "")) for number in ("3", "4")]
    for platform, student, name in (
        ("telegram", anna, "Anna T"), ("whop", anna, "Anna Surname"), ("discord", ben, ""), ("whop", ben, "B. Surn"),
        ("whop", buyer, "Shop name"),
    ):  # fmt: skip
        await change(database_url, ACCOUNT, platform, f"{platform}{student}", student, name)

    async def names(platform: str) -> list[str]:
        async with database.creator(creator.id) as connection:
            found = await names_of(connection, [anna, ben, None, shy, buyer, 999], platform)
        assert 999 not in found
        return [found[student] for student in (anna, ben, shy, buyer)]

    assert await names("discord") == ["Anna D", "Ben T", "id 3", "Shop name"]
    assert await names("telegram") == ["Anna T", "Ben T", "id 3", "Shop name"]
    assert await names("whop") == ["Anna D", "Ben T", "id 3", "Shop name"]
    assert await names("web") == ["Anna D", "Ben T", "id 3", "Shop name"]


async def test_the_staff_reads_where_it_is_told_things_or_else_where_the_owner_is(
    database: Database, database_url: str
) -> None:
    directory = PostgresDirectory(database)
    owner = await directory.student(Person("telegram", "1", "Owner"))
    creator = await directory.add_creator("drawing", "Drawing", None)

    async def read_on() -> str:
        async with database.creator(creator.id) as connection:
            return await staff_platform(connection, creator.id)

    assert await read_on() == ""
    await change(database_url, "UPDATE creators SET owner_id = $1", owner)
    community = "INSERT INTO communities (creator_id, platform, external_id, name) VALUES ($1, $2, 'x', 'x')"
    await change(database_url, f"SET app.creator_id = {creator.id}")
    await change(database_url, community, creator.id, "telegram")
    assert await read_on() == "telegram"
