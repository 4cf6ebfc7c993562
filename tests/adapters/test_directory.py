"""The directory of people and places on a real PostgreSQL."""

import asyncio
import hashlib
from dataclasses import replace

import asyncpg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from core.conversation import Person, Place
from core.errors import Refused
from core.members.directory import Enrolment, Purpose
from tests.adapters.school import change, rows

OWNER = Person("discord", "1", "Owner")
STUDENT = Person("discord", "2", "Ana")
SERVER = Place("discord", channel="10", community="100", community_name="Drawing school")
ANOTHER_SERVER = replace(SERVER, community="200")


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
    joined = await directory.set_up_with_code(SERVER, f" {made.code.lower()} ", student)
    assert joined.id == creator.id
    with pytest.raises(Refused, match="used or expired"):
        await directory.set_up_with_code(ANOTHER_SERVER, made.code, student)


async def test_two_who_set_a_community_up_at_once_leave_one_creator(directory: PostgresDirectory) -> None:
    for number in range(10):
        place = replace(SERVER, community=str(number))
        people = [await directory.student(replace(OWNER, external_id=f"{number}{n}")) for n in range(2)]
        results = await asyncio.gather(
            *(directory.set_up(place, f"School {number}", person) for person in people), return_exceptions=True
        )
        (creator,) = [result for result in results if not isinstance(result, BaseException)]
        (refusal,) = [result for result in results if isinstance(result, BaseException)]
        assert isinstance(refusal, Refused)
        found = await directory.community(place)
        assert found is not None
        assert found[1].id == creator.id
    assert len(await directory.creators()) == 10


async def test_two_who_join_a_community_at_once_use_up_one_code(directory: PostgresDirectory) -> None:
    student = await directory.student(OWNER)
    creator = await directory.add_creator("drawing", "Drawing school", student)
    for number in range(10):
        place = replace(SERVER, community=str(number))
        codes = [(await directory.new_join_code(creator.id)).code for _ in range(2)]
        results = await asyncio.gather(
            *(directory.set_up_with_code(place, code, student) for code in codes), return_exceptions=True
        )
        (refused,) = [n for n, result in enumerate(results) if isinstance(result, Refused)]
        elsewhere = replace(SERVER, community=f"other {number}")
        assert (await directory.set_up_with_code(elsewhere, codes[refused], student)).id == creator.id


async def test_an_owners_code_gives_the_ownership_once_also_where_the_community_is_set_up(
    directory: PostgresDirectory,
) -> None:
    first, second = await directory.student(OWNER), await directory.student(STUDENT)
    creator = await directory.add_creator("drawing", "Drawing school", None)
    codes = [(await directory.new_join_code(creator.id, Purpose.OWNERSHIP)).code for _ in range(2)]
    await directory.add_community(creator.id, SERVER)
    assert (await directory.set_up_with_code(SERVER, codes[0], first)).owner_id == first
    with pytest.raises(Refused, match="set up already"):
        await directory.set_up_with_code(SERVER, codes[1], second)
    assert (await directory.set_up_with_code(ANOTHER_SERVER, codes[1], second)).owner_id == first


async def test_an_owners_code_of_another_creator_takes_nothing(directory: PostgresDirectory) -> None:
    student = await directory.student(OWNER)
    here = await directory.add_creator("drawing", "Drawing school", None)
    there = await directory.add_creator("cooking", "Cooking school", None)
    await directory.add_community(here.id, SERVER)
    code = (await directory.new_join_code(there.id, Purpose.OWNERSHIP)).code
    with pytest.raises(Refused, match="set up already"):
        await directory.set_up_with_code(SERVER, code, student)
    assert (await directory.set_up_with_code(ANOTHER_SERVER, code, student)).owner_id == student


async def test_an_invite_enrols_many_and_each_code_serves_one_purpose(directory: PostgresDirectory) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", None)
    other = await directory.add_creator("cooking", "Cooking school", None)
    invite = (await directory.new_join_code(creator.id, Purpose.ENROLMENT)).code
    for person in (OWNER, STUDENT):
        accepted = await directory.accept_invite(invite.lower(), await directory.student(person), creator.id)
        assert accepted is not None
        assert (accepted[0].id, accepted[1]) == (creator.id, Enrolment("active"))
    student = await directory.student(STUDENT)
    assert await directory.accept_invite(invite, student, other.id) is None
    with pytest.raises(Refused, match="something else"):
        await directory.set_up_with_code(SERVER, invite, student)
    joining = (await directory.new_join_code(creator.id)).code
    assert await directory.accept_invite(joining, student, None) is None


@pytest.mark.parametrize(
    ("status", "source", "after"),
    [
        ("ended", "whop", ("active", "gold", "invite", "gold")),
        ("paused", "whop", ("paused", "", "whop", "gold")),
        ("ended", "staff", ("ended", "", "staff", None)),
    ],
)
async def test_an_invite_takes_the_place_of_a_membership_that_is_over_and_of_nothing_that_the_staff_ended(
    directory: PostgresDirectory, database_url: str, status: str, source: str, after: tuple[str | None, ...]
) -> None:
    creator, student = await directory.add_creator("drawing", "Drawing", None), await directory.student(STUDENT)
    await directory.set_enrolment(creator.id, student, status)
    await change(database_url, "UPDATE enrolments SET source = $1", source)
    invite = (await directory.new_join_code(creator.id, Purpose.ENROLMENT, "gold")).code

    assert await directory.accept_invite(invite, student, creator.id) is not None

    (row,) = await rows(database_url, "SELECT status, tier, source, invited_tier FROM enrolments")
    assert tuple(row.values()) == after


async def test_an_expired_or_revoked_invite_enrols_nobody(directory: PostgresDirectory, database_url: str) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", None)
    student = await directory.student(STUDENT)
    old = (await directory.new_join_code(creator.id, Purpose.ENROLMENT)).code
    await change(database_url, "UPDATE join_codes SET expires_at = now() - interval '1 second'")
    made = (await directory.new_join_code(creator.id, Purpose.ENROLMENT)).code
    community = (await directory.new_join_code(creator.id)).code
    assert await directory.accept_invite(old, student, None) is None
    assert await directory.revoke_invites(creator.id) == 1
    assert await directory.accept_invite(made, student, None) is None
    assert (await directory.set_up_with_code(SERVER, community, student)).id == creator.id


async def test_students_are_listed_by_name_with_their_status_and_a_page_at_a_time(
    directory: PostgresDirectory,
) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", None)
    for number in (3, 1, 2):
        student = await directory.student(Person("discord", str(number), f"Student {number}"))
        await directory.set_enrolment(creator.id, student, "paused" if number == 2 else "active")
    page, total = await directory.students(creator.id, platform="discord", offset=1, limit=1)
    assert ([student.name for student in page], total) == (["Student 2"], 3)
    paused, total = await directory.students(creator.id, platform="discord", status="paused")
    assert ([student.external_id for student in paused], total) == (["2"], 1)


async def test_a_student_is_found_by_id_username_or_a_part_of_the_name_and_only_by_their_own_creator(
    directory: PostgresDirectory,
) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", None)
    other = await directory.add_creator("cooking", "Cooking school", None)
    student = await directory.student(Person("telegram", "4711", "Ana 100%", username="ana_draws"))
    await directory.enrol(creator.id, student)
    for text in ("4711", "@Ana_Draws", "ana", "100%"):
        assert [found.id for found in await directory.students_named(creator.id, "telegram", text)] == [student]
        assert await directory.students_named(other.id, "telegram", text) == []
    assert await directory.students_named(creator.id, "telegram", "%") != []
    assert await directory.students_named(creator.id, "telegram", "_") == []


async def test_a_status_knows_since_when_it_holds(directory: PostgresDirectory) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", None)
    student = await directory.student(STUDENT)
    seen = []
    for status in ("active", "paused", "paused"):
        await directory.set_enrolment(creator.id, student, status)
        ((found,), _) = await directory.students(creator.id, platform="discord")
        seen.append((found.status, found.since))
    assert [status for status, _ in seen] == ["active", "paused", "paused"]
    assert seen[0][1] < seen[1][1] == seen[2][1]


async def test_a_name_is_kept_as_the_platform_last_gave_it_and_never_emptied(directory: PostgresDirectory) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", None)
    for person in (STUDENT, replace(STUDENT, name="Ana B.", username="anab"), Person("discord", "2")):
        student = await directory.student(person)
    await directory.enrol(creator.id, student)
    ((found,), _) = await directory.students(creator.id, platform="discord")
    assert (found.name, found.username) == ("Ana B.", "anab")


async def test_a_suspended_student_who_is_erased_does_not_come_back_as_new(
    directory: PostgresDirectory, database_url: str
) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", None)
    other = await directory.add_creator("cooking", "Cooking school", None)
    student = await directory.student(STUDENT)
    await directory.set_enrolment(creator.id, student, "ended")
    await directory.enrol(other.id, student)
    for _ in range(2):
        await directory.erase(student)
        assert not await rows(database_url, "SELECT * FROM identities WHERE external_id = '2'")
        student = await directory.student(STUDENT)
        assert await directory.enrolment(creator.id, student) == Enrolment("ended")
        assert await directory.enrolment(other.id, student) == Enrolment()
    await directory.set_enrolment(creator.id, student, "active")
    await directory.erase(student)
    assert await directory.enrolment(creator.id, await directory.student(STUDENT)) == Enrolment()
    assert await rows(database_url, "SELECT * FROM former_enrolments") == []


async def test_the_mark_of_an_erased_student_does_not_show_who_it_was(
    directory: PostgresDirectory, database_url: str
) -> None:
    creator = await directory.add_creator("drawing", "Drawing school", None)
    student = await directory.student(STUDENT)
    await directory.set_enrolment(creator.id, student, "paused")
    await directory.erase(student)
    (mark,) = await rows(database_url, "SELECT * FROM former_enrolments")
    plain = [hashlib.sha256(text.encode()).digest() for text in ("2", "discord:2")]
    assert set(mark.keys()) == {"creator_id", "identity_hash", "status"}
    assert mark["identity_hash"] not in plain
    assert (await directory.ties(await directory.student(STUDENT))).suspended == ("Drawing school",)


async def test_the_creators_application_reads_no_mark_and_no_code(database: Database) -> None:
    creator = await PostgresDirectory(database).add_creator("drawing", "Drawing school", None)
    for table in ("former_enrolments", "join_codes"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.creator(creator.id) as connection:
                await connection.fetch(f"SELECT 1 FROM {table}")  # noqa: S608 - our own words


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
    assert await directory.enrolment(creator.id, student) == Enrolment()
    assert await directory.student(OWNER) != student
