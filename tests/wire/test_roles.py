"""Roles that are wanted come about on Discord, go again, and whatever cannot be done is said once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.roles import PostgresRoles, end_roles, role_status, want_role
from bot.role_changes import apply, apply_for_ever
from core.conversation import Person, Place
from core.errors import ProviderBusy
from core.ids import CommunityId, CreatorId, StudentId
from core.members.roles import MOST_ATTEMPTS, Obstacle, RoleKeeper, RoleRefused
from tests.adapters.school import change, rows
from tests.waiting import eventually
from tests.wire.discord_spec import check_calls
from tests.wire.fake_discord import FakeDiscord, Guild, Role, User
from tests.wire.test_discord_adapter import TOKEN, ScriptedResponder, _addresses_return, platform_at, running

__all__ = ["_addresses_return"]

TOLD: Final = "SELECT content ->> 'text' AS text FROM outbox ORDER BY id"
LATER: Final = "UPDATE role_changes SET next_attempt_at = now(), leased_until = '-infinity'"


@dataclass(frozen=True, slots=True)
class School:
    """A server in which Bob is a student, and the bot may manage the role gold but not the role high."""

    fake: FakeDiscord
    database: Database
    url: str
    guild: Guild
    bob: User
    gold: Role
    high: Role
    creator_id: CreatorId
    community_id: CommunityId
    student_id: StudentId

    async def wants(self, role: Role, source: str, until: datetime | None = None) -> None:
        async with self.database.creator(self.creator_id) as connection:
            await want_role(
                connection, self.creator_id, self.community_id, self.student_id, str(role.id), source, until
            )

    async def ends(self, source: str) -> None:
        async with self.database.creator(self.creator_id) as connection:
            await end_roles(connection, self.creator_id, self.student_id, source)

    async def status(self, source: str) -> str | None:
        async with self.database.creator(self.creator_id) as connection:
            return await role_status(connection, self.creator_id, self.student_id, source)

    async def sees(self, *roles: Role) -> None:
        await eventually(lambda: self.guild.members[self.bob.id].roles == [*roles], f"Bob to have {roles}")

    async def becomes(self, source: str, status: str) -> None:
        async def there() -> bool:
            return await self.status(source) == status

        await eventually(there, f"{source} to be {status}")

    async def told(self) -> list[str]:
        return [row["text"] for row in await rows(self.url, TOLD)]

    def changes(self) -> list[str]:
        return [call.method for call in self.fake.calls if "/roles/" in call.path]


@pytest.fixture
async def school(database: Database, database_url: str) -> AsyncIterator[School]:
    async with FakeDiscord(TOKEN, privileged_intents=0) as fake:
        alice, bob = fake.add_user("Alice"), fake.add_user("Bob")
        guild = fake.add_guild("School", owner=alice)
        gold, _, high = guild.add_role("gold"), guild.let_manage_roles(), guild.add_role("high")
        guild.add_member(bob)
        directory = PostgresDirectory(database)
        owner = await directory.student(Person("discord", str(alice.id), "Alice"))
        creator = await directory.add_creator("school", "School", owner)
        community = await directory.add_community(creator.id, Place("discord", "10", str(guild.id)))
        student_id = await directory.student(Person("discord", str(bob.id), "Bob"))
        yield School(fake, database, database_url, guild, bob, gold, high, creator.id, community.id, student_id)
        check_calls(fake.calls)


async def test_a_role_stays_while_anything_wants_it_and_what_cannot_be_done_is_said_once(school: School) -> None:
    platform = platform_at(school.fake, ScriptedResponder())
    roles = PostgresRoles(school.database)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with running(platform):
        await school.fake.connected()
        with pytest.raises(RoleRefused) as refused:
            await platform.set_role(str(school.guild.id), "1", str(school.gold.id), wanted=True)
        assert refused.value.obstacle is Obstacle.NOT_A_MEMBER
        async with _applying(school, platform):
            school.fake.fail_next("PUT /guilds", 503)
            await school.wants(school.gold, "tier:gold")
            await eventually(lambda: len(school.changes()) > 1, "Discord to be asked in vain")
            await change(school.url, LATER)
            await school.wants(school.gold, "shop:1", tomorrow)
            await school.sees(school.gold)
            await school.becomes("tier:gold", "given")
            await school.becomes("shop:1", "given")
            before = len(school.changes())
            await school.wants(school.gold, "tier:gold")
            await school.ends("tier:gold")
            await roles.expire(school.creator_id, tomorrow - timedelta(seconds=1))
            assert len(school.changes()) == before
            await roles.expire(school.creator_id, tomorrow)
            await school.sees()
            assert await school.status("shop:1") is None

            await school.wants(school.high, "tier:high")
            await school.becomes("tier:high", "failed")
            await school.wants(school.high, "tier:high")
            await eventually(lambda: school.changes()[-2:] == ["PUT", "PUT"], "another attempt")
            await school.becomes("tier:high", "failed")
            (told,) = await school.told()
            assert "Manage Roles" in told
            assert "Bob" in told

            school.guild.remove_role(school.gold)
            await school.wants(school.gold, "shop:2")
            await school.becomes("shop:2", "failed")
            assert "does not exist any more" in (await school.told())[-1]
            await school.ends("shop:2")
            assert await school.status("shop:2") is None
            del school.guild.members[school.bob.id]
            await school.wants(school.high, "tier:other")
            await school.becomes("tier:other", "failed")
            assert "not in that server" in (await school.told())[-1]
    jobs = await rows(school.url, "SELECT FROM pgqueuer WHERE entrypoint = 'shop'")
    assert len(jobs) == 2, "the shop hears of what was bought, and of nothing else"


@asynccontextmanager
async def _applying(school: School, keeper: RoleKeeper) -> AsyncIterator[None]:
    """Give and take roles while the block lasts."""
    applying = asyncio.create_task(apply_for_ever(PostgresRoles(school.database), "discord", keeper))
    try:
        yield
    finally:
        applying.cancel()
        await asyncio.gather(applying, return_exceptions=True)


class Remembering:
    """A platform with roles that remembers what it was asked; where it hangs, whoever asked was killed."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.busy = False

    async def set_role(self, community: str, account: str, role: str, *, wanted: bool) -> None:
        if self.busy:
            raise ProviderBusy("away")
        (self.held.add if wanted else self.held.discard)(role)


async def test_a_process_that_was_killed_at_any_point_leaves_nothing_undone(school: School) -> None:
    roles, keeper = PostgresRoles(school.database), Remembering()
    await school.wants(school.gold, "shop:1")
    (claimed,) = await roles.claim("discord", 5)  # killed before the call
    assert await roles.claim("discord", 5) == []
    await change(school.url, LATER)
    (claimed,) = await roles.claim("discord", 5)
    await keeper.set_role("", "", claimed.role, wanted=True)  # killed after the call
    await school.ends("shop:1")
    assert await roles.claim("discord", 5) == [], "an older call may still be under way"
    await change(school.url, LATER)
    (newest,) = await roles.claim("discord", 5)
    await apply(roles, keeper, newest)
    assert keeper.held == set()
    await roles.applied(claimed)  # it was not killed after all, only slow
    assert await roles.claim("discord", 5) == []

    await school.wants(school.gold, "shop:2")
    keeper.busy = True
    for attempt in range(MOST_ATTEMPTS):
        (claimed,) = await roles.claim("discord", 5)
        assert claimed.attempts == attempt + 1
        await apply(roles, keeper, claimed)
        await change(school.url, LATER)
    assert await roles.claim("discord", 5) == []
    assert await school.status("shop:2") == "failed"
    assert "by hand" in (await school.told())[-1]
