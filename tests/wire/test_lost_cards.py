"""A status card that a moderator deletes, and a chat that is gone: the work ends, and its uploader learns how."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from adapters.postgres.database import Database
from bot.deliveries import MOST_ATTEMPTS
from core.ids import CreatorId
from tests.waiting import eventually
from tests.wire.fake_discord import FakeDiscord, Guild, Message, User
from tests.wire.fake_telegram import FakeTelegram
from tests.wire.fake_telegram_chats import FakeChat, FakeMessage, FakeUser
from tests.wire.production import (
    lecture,
    on_database,
    on_discord,
    on_telegram,
    production,
)

WITHIN_S: Final = 90.0
LONG: Final = lecture([f"Exercise {n} draws a sphere with {n + 2} lines of charcoal on paper." for n in range(250)])
REFUSED: Final = "http://127.0.0.1:9/lesson.mp3"


class OnDiscord:
    """A server with its owner."""

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self.owner: User = discord.add_user("Owner")
        self.guild: Guild = discord.add_guild("Drawing school", owner=self.owner)

    async def set_up(self) -> None:
        set_up = await self.discord.slash(self.owner, self.guild.general, "setup")
        assert "is ready here" in (await set_up.reply()).content

    async def upload(self, title: str) -> Message:
        """Upload a long lecture and return its card once the work is under way."""
        await self.discord.slash(
            self.owner, self.guild.general, "upload", file=(f"{title}.vtt", LONG + title.encode()), title=title
        )
        return await self.sees(lambda text: text.startswith("⏳") and title in text)

    async def sees(self, shows: Callable[[str], bool]) -> Message:
        return await self.guild.general.next_message(
            predicate=lambda message: shows(message.content), timeout_s=WITHIN_S
        )

    async def status(self, title: str) -> str:
        """What the owner reads in private."""
        asked = await self.discord.slash(self.owner, self.discord.dm(self.owner), "status", source=title)
        return (await asked.reply()).content


class OnTelegram:
    """A group with its owner."""

    def __init__(self, telegram: FakeTelegram) -> None:
        self.telegram = telegram
        self.owner: FakeUser = telegram.add_user("Baker")
        self.group: FakeChat = telegram.add_group("Bakery", self.owner)

    async def set_up(self) -> None:
        said = await self.telegram.send(self.owner, self.group, "/setup")
        await self.group.next_message(said, lambda reply: "is ready here" in reply.text)

    async def upload(self, title: str) -> FakeMessage:
        """Upload a long lecture and return its card once the work is under way."""
        content = LONG + title.encode()
        await self.telegram.send(
            self.owner, self.group, document=(f"{title}.vtt", content), caption=f"/upload title:{title}"
        )
        return await self.sees(lambda text: text.startswith("⏳") and title in text)

    async def sees(self, shows: Callable[[str], bool]) -> FakeMessage:
        return await self.group.next_message(None, lambda message: shows(message.text), timeout_s=WITHIN_S)


async def test_a_card_that_a_moderator_deletes_is_sent_anew_and_tells_the_end(
    discord: FakeDiscord, telegram: FakeTelegram, database_url: str, tmp_path: Path
) -> None:
    async with _both_at_work(discord, telegram, database_url, tmp_path) as (school, bakery):
        deleted, gone = await school.upload("Spheres"), await bakery.upload("Loaves")
        discord._world.delete(deleted)
        gone.is_deleted = True
        await school.sees(lambda text: "Spheres** (" in text and "is ready: ask" in text)
        await bakery.sees(lambda text: "is ready: ask" in text)
        assert len([message for message in school.guild.general.messages if "Spheres** (" in message.content]) == 1


async def test_the_work_ends_although_its_chat_is_gone_and_the_owner_sees_it_elsewhere(
    discord: FakeDiscord, telegram: FakeTelegram, database: Database, database_url: str, tmp_path: Path
) -> None:
    async with _both_at_work(discord, telegram, database_url, tmp_path) as (school, bakery):
        await school.upload("Cubes")
        await bakery.upload("Rolls")
        discord.leave(school.guild)
        bakery.group.remove_bot(bakery.owner)
        await eventually(lambda: _all_is_ready(database), "the work to end", WITHIN_S)
        assert "✅ **Cubes" in await school.status("Cubes")
        private = telegram.private(bakery.owner)
        said = await telegram.send(bakery.owner, private, "/status source:Rolls")
        assert "✅ Rolls" in (await private.next_message(said)).text
        await eventually(lambda: _undeliverable(database), "the cards to be known as undeliverable", WITHIN_S)


@asynccontextmanager
async def _both_at_work(
    discord: FakeDiscord, telegram: FakeTelegram, database_url: str, folder: Path
) -> AsyncIterator[tuple[OnDiscord, OnTelegram]]:
    """The program, set up in a server and in a group."""
    school, bakery = OnDiscord(discord), OnTelegram(telegram)
    async with production(folder, on_database(database_url), on_discord(discord), on_telegram(telegram)):
        await discord.connected()
        await telegram.ready()
        await school.set_up()
        await bakery.set_up()
        yield school, bakery


async def test_whoever_uploaded_what_failed_is_mentioned_once(
    discord: FakeDiscord, telegram: FakeTelegram, database_url: str, tmp_path: Path
) -> None:
    async with _both_at_work(discord, telegram, database_url, tmp_path) as (school, bakery):
        await discord.slash(school.owner, school.guild.general, "upload", link=f"{REFUSED} {REFUSED}2")
        told = await school.sees(lambda text: "2 of 2 sources" in text)
        assert told.mentions == [school.owner]
        await discord.click(school.owner, told, "Try failed again")
        await telegram.send(bakery.owner, bakery.group, f"/upload {REFUSED}")
        notice = await bakery.sees(lambda text: text.startswith("Baker: ❌"))
        assert "private network" in notice.text
        [mention] = [entity for entity in notice.entities if entity["type"] == "text_mention"]
        assert (mention["offset"], mention["user"]["id"]) == (0, bakery.owner.id)
        again = await school.guild.general.next_message(
            after=told, predicate=lambda message: "2 of 2 sources" in message.content, timeout_s=WITHIN_S
        )
        mentioned = [message for message in school.guild.general.messages if message.mentions]
        assert mentioned == [told, again], "once for each time that all had ended, not for every source"


async def _all_is_ready(database: Database) -> bool:
    stages = []
    for creator_id in (1, 2):
        async with database.creator(CreatorId(creator_id)) as connection:
            stages += [row["stage"] for row in await connection.fetch("SELECT stage FROM items")]
    return stages == ["completed"] * 2


async def _undeliverable(database: Database) -> bool:
    """Whether both cards are known to reach nobody, and neither is tried more often than agreed."""
    async with database.system() as connection:
        rows = await connection.fetch("SELECT attempts FROM outbox WHERE failure <> ''")
    return len(rows) == 2 and all(row["attempts"] <= MOST_ATTEMPTS for row in rows)
