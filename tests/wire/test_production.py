"""`chronos run` as in production, a process of its own, against Discord, Telegram and models on loopback."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from aiohttp import ClientSession

from adapters.postgres.database import Database
from core.ids import CreatorId
from tests.adapters.school import rows
from tests.waiting import eventually
from tests.wire import openai_spec
from tests.wire.fake_discord import FakeDiscord, Guild, Message, User
from tests.wire.fake_models import Answer, Claim, ModelRequest
from tests.wire.fake_models_anthropic import FakeAnthropic
from tests.wire.fake_models_openai import FakeOpenAI
from tests.wire.fake_telegram import FakeTelegram
from tests.wire.fake_telegram_chats import FakeChat, FakeMessage, FakeUser
from tests.wire.production import (
    DISCORD_TOKEN,
    Environment,
    lecture,
    on_database,
    on_discord,
    on_telegram,
    production,
    started,
    with_models,
)

DRAWING: Final = lecture(
    [
        "Welcome to this lesson about drawing a sphere with charcoal.",
        "Begin with a light circle and decide where the lamp stands.",
        "The core shadow lies opposite the lamp and is the darkest part of the sphere.",
        "Leave a thin reflected light between the core shadow and the edge.",
        "Fix the drawing with two thin layers of spray at a distance of 30 centimeters.",
    ]
)
BREAD: Final = lecture(
    [
        "Today we bake a loaf of rye bread in a cast iron pot.",
        "Feed the sourdough starter with equal parts of flour and water the evening before.",
        "The dough rests for ninety minutes under a damp cloth.",
        "Score the crust with a sharp blade right before it goes into the oven.",
    ]
)
DRAWING_VIDEO: Final = "drawsphere1"
BREAD_VIDEO: Final = "ryebread002"
SHADOW: Final = "Where does the core shadow lie?"
STARTER: Final = "How do I feed the sourdough starter?"
READY: Final = "is ready: ask"
WAITING: Final = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'segments'::regclass"
pytestmark = pytest.mark.timeout(300)  # what is waited for may take longer than a test usually may


class School:
    """A Discord server with an owner and a student."""

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self.owner: User = discord.add_user("Owner")
        self.student: User = discord.add_user("Student")
        self.guild: Guild = discord.add_guild("Drawing school", owner=self.owner)
        self.guild.add_member(self.student)

    async def set_up(self) -> None:
        set_up = await self.discord.slash(self.owner, self.guild.general, "setup")
        assert "is ready here" in (await set_up.reply()).content

    async def upload(self, content: bytes = DRAWING) -> None:
        got = await self.discord.slash(
            self.owner, self.guild.general, "upload", file=("sphere.vtt", content), title="Shading a sphere",
            link=f"https://youtu.be/{DRAWING_VIDEO}",
        )  # fmt: skip
        assert "Got it" in (await got.reply()).content

    async def is_taught(self) -> Message:
        """The card that says so."""
        return await self.guild.general.next_message(predicate=lambda card: READY in card.content, timeout_s=60)

    async def ask(self, question: str = SHADOW, timeout_s: float = 60) -> Message:
        asked = await self.discord.slash(self.student, self.guild.general, "ask", question=question)
        return await asked.reply(timeout_s=timeout_s)


class Bakery:
    """A Telegram group with an owner and a student."""

    def __init__(self, telegram: FakeTelegram) -> None:
        self.telegram = telegram
        self.owner: FakeUser = telegram.add_user("Baker")
        self.student: FakeUser = telegram.add_user("Apprentice")
        self.group: FakeChat = telegram.add_group("Bakery", self.owner)
        self.group.add_member(self.student)

    async def set_up(self) -> None:
        said = await self.telegram.send(self.owner, self.group, "/setup")
        await self.group.next_message(said, lambda reply: "is ready here" in reply.text)

    async def teach(self) -> FakeMessage:
        caption = f"/upload https://youtu.be/{BREAD_VIDEO}"
        said = await self.telegram.send(self.owner, self.group, document=("rye.vtt", BREAD), caption=caption)
        return await self.group.next_message(said, lambda card: READY in card.text, timeout_s=60)

    async def ask(self, who: FakeUser, question: str, reply_to: FakeMessage | None = None) -> FakeMessage:
        """Ask by replying to the bot, else by naming it."""
        text = question if reply_to else f"@{self.telegram.bot.username} {question}"
        said = await self.telegram.send(who, self.group, text, reply_to=reply_to)
        return await self.group.next_message(said)


@pytest.fixture
async def anthropic() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic() as server:
        yield server


@pytest.fixture
async def openai() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        yield server
        openai_spec.check_requests(server.requests)


async def test_two_communities_on_two_platforms_learn_and_ask_and_nothing_crosses(
    discord: FakeDiscord, telegram: FakeTelegram, database_url: str, tmp_path: Path
) -> None:
    school, bakery = School(discord), Bakery(telegram)
    async with production(tmp_path, on_database(database_url), on_discord(discord), on_telegram(telegram)) as program:
        await discord.connected()
        await telegram.ready()
        await school.set_up()
        await bakery.set_up()
        await school.upload()
        await bakery.teach()
        await school.is_taught()
        await _everything_works_in(school)
        await _everything_works_in_the(bakery)
        assert DRAWING_VIDEO not in str([m.payload for m in bakery.group.bot_messages])
        assert BREAD_VIDEO not in str([m.payload() for m in school.guild.general.messages])
        assert DISCORD_TOKEN not in program.said
        assert telegram.bot_token not in program.said


async def _everything_works_in(school: School) -> None:
    discord, general, student = school.discord, school.guild.general, school.student
    answer = await school.ask()
    assert _drawn(answer.content)
    voted = await (await discord.click(student, answer, "👍")).reply()
    assert "Thank you" in voted.content
    mentioned = await discord.say(student, general, f"{discord.me.mention} {SHADOW}")
    answered = await general.next_message(after=mentioned)
    assert _drawn(answered.content)
    assert answered.reference is mentioned
    written = await discord.say(student, discord.dm(student), SHADOW)
    assert _drawn((await discord.dm(student).next_message(after=written)).content)
    foreign = await discord.slash(school.owner, general, "ask", question=STARTER)
    assert "does not cover" in (await foreign.reply()).content


def _drawn(answer: str) -> bool:
    """Whether it says where the shadow lies and links to that very second."""
    return "opposite the lamp" in answer and bool(re.search(rf"v={DRAWING_VIDEO}&t=14s?\b", answer))


async def _everything_works_in_the(bakery: Bakery) -> None:
    answer = await bakery.ask(bakery.student, STARTER)
    again = await bakery.ask(bakery.student, STARTER, reply_to=answer)
    for reply in (answer, again):
        assert "equal parts of flour and water" in reply.text
        assert any(re.search(rf"v={BREAD_VIDEO}&t=7s?$", url) for _, url in reply.links)
    voted = await bakery.telegram.press(bakery.student, answer, "👍")
    assert "Thank you" in str(voted.text)
    assert "does not cover" in (await bakery.ask(bakery.owner, SHADOW)).text


async def test_models_write_the_second_takes_over_and_without_either_the_creator_is_quoted(
    discord: FakeDiscord, anthropic: FakeAnthropic, openai: FakeOpenAI, database_url: str, tmp_path: Path
) -> None:
    school = School(discord)
    anthropic.answer_with(_signed("Claude"))
    openai.answer_with(_signed("Sol"))
    models = with_models(anthropic, openai, timeout_s=8)
    async with production(tmp_path, on_database(database_url), on_discord(discord), models) as program:
        await discord.connected()
        await school.set_up()
        await school.upload()
        await school.is_taught()
        assert _written_by("Claude", await school.ask())
        assert not openai.requests
        anthropic.overload(times=None)
        assert _written_by("Sol", await school.ask("Where is the core shadow?"))
        openai.hang()
        assert _is_quoted(await school.ask("On which side is the core shadow?"))
        anthropic.recover()
        anthropic.hang()
        openai.recover()
        openai.fail(times=None)
        assert _is_quoted(await school.ask("Where do I find the core shadow?"))
        anthropic.recover()
        assert _written_by("Claude", await school.ask("Which side has the core shadow?"))
        assert anthropic.api_key not in program.said


def _signed(name: str) -> Callable[[ModelRequest], Answer]:
    """Quotes the best evidence under its label and under one that does not exist, and signs."""

    def script(request: ModelRequest) -> Answer:
        best = next(entry for entry in request.evidence if "opposite the lamp" in entry.text)
        return Claim(f"{name} says: {best.text}", (best.label, "S99"))

    return script


def _written_by(name: str, reply: Message) -> bool:
    """Whether this model's sentence is shown, with one label: that of the evidence that exists."""
    labels = set(re.findall(r"\[(\w+)\\?\]", reply.content))
    return f"{name} says" in reply.content and _drawn(reply.content) and labels == {"1"}


def _is_quoted(reply: Message) -> bool:
    return "In the creator's own words" in reply.content and _drawn(reply.content)


async def test_a_kill_in_the_middle_of_an_upload_loses_and_doubles_nothing(
    discord: FakeDiscord, database: Database, database_url: str, tmp_path: Path
) -> None:
    school = School(discord)
    sentences = [f"Exercise {n} draws a sphere with {n + 2} lines of charcoal on grey paper." for n in range(60)]
    where = on_database(database_url), on_discord(discord)
    async with production(tmp_path, *where) as program:
        await discord.connected()
        await school.set_up()
        async with _storing_held_up(database_url):
            await school.upload(lecture(sentences))
            await eventually(lambda: rows(database_url, WAITING), "the last step of the work", 60)
            await program.kill()
    assert await _stored(database) == []
    await _let_no_heartbeat_be_missed(database)
    async with production(tmp_path, *where):
        card = await school.is_taught()
        assert await _stored(database) == sentences
        standing = school.guild.general.messages
        assert [message for message in standing if "⏳" in message.content or READY in message.content] == [card]
        assert "49 lines" in (await school.ask("What does exercise 47 draw?")).content


async def _let_no_heartbeat_be_missed(database: Database) -> None:
    """The lock of the dead process, and not its silence, must give its job back."""
    async with database.system() as connection:
        picked = await connection.execute(
            "UPDATE pgqueuer SET heartbeat = now() + interval '1 day' WHERE status = 'picked'"
        )
    assert picked == "UPDATE 1"


@asynccontextmanager
async def _storing_held_up(url: str) -> AsyncIterator[None]:
    """Let nobody write a segment while the block lasts."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE segments IN SHARE MODE")
            yield
    finally:
        await connection.close()


async def _stored(database: Database) -> list[str]:
    """The segments that can be searched, in order."""
    async with database.creator(CreatorId(1)) as connection:
        rows = await connection.fetch(
            "SELECT text FROM segments JOIN segment_embeddings USING (creator_id, source_id, position)"
            " ORDER BY source_id, position"
        )
    return [row["text"] for row in rows]


async def test_a_group_that_becomes_a_supergroup_is_greeted_once(
    telegram: FakeTelegram, database_url: str, tmp_path: Path
) -> None:
    owner = telegram.add_user("Baker")
    async with production(tmp_path, on_database(database_url), on_telegram(telegram)):
        await telegram.ready()
        old = telegram.add_group("Bakery", owner, supergroup=False)
        assert "/setup" in (await old.next_message()).text
        new = telegram.migrate(old, owner)
        other = telegram.add_group("Dairy", owner)
        assert "/setup" in (await other.next_message()).text
        said = await telegram.send(owner, new, "/help")
        await new.next_message(said)
        assert len(new.bot_messages) == 1


async def test_health_says_what_works_and_what_does_not(
    discord: FakeDiscord, telegram: FakeTelegram, database_url: str, tmp_path: Path
) -> None:
    settings = on_database(database_url), on_discord(discord), on_telegram(telegram)
    async with production(tmp_path, *settings) as program, ClientSession() as browser:
        await discord.connected()
        await telegram.ready()
        address = f"{await program.address()}/health"

        async def look() -> dict[str, Any]:
            async with browser.get(address) as response:
                assert response.status == 200
                found: dict[str, Any] = await response.json()
                return found

        async def says(status: str, of_telegram: str) -> bool:
            found = await look()
            return (found["status"], found["platforms"]["telegram"]["state"]) == (status, of_telegram)

        await eventually(lambda: says("ok", "connected"), "all to be well", 60)
        found = await look()
        assert found["database"] == "ok"
        assert found["queue"].keys() == {"waiting", "running", "late_s"}
        assert found["platforms"]["discord"] == {"state": "connected", "reason": ""}
        telegram.fail_next("getUpdates", 502, "Bad Gateway", times=100)
        telegram.add_group("Choir", telegram.add_user("Singer"))  # which ends the long poll
        await eventually(lambda: says("degraded", "reconnecting"), "Telegram to be away", 60)
        assert "Bad Gateway" in (await look())["platforms"]["telegram"]["reason"]


NOWHERE: Final = "postgresql://nobody:nothing@127.0.0.1:9/none"


async def test_a_wrong_discord_token_ends_it_with_one_line(
    discord: FakeDiscord, database_url: str, tmp_path: Path
) -> None:
    wrong = {"CHRONOS_DISCORD__BOT_TOKEN": "another.token.entirely"}
    reason = await _refusal(tmp_path, on_database(database_url) | on_discord(discord) | wrong)
    assert "discord.bot_token" in reason


async def test_a_database_that_cannot_be_reached_ends_it_with_one_line(discord: FakeDiscord, tmp_path: Path) -> None:
    assert "database" in await _refusal(tmp_path, on_database(NOWHERE) | on_discord(discord))


async def _refusal(folder: Path, environment: Environment) -> str:
    """The one line with which the program ends."""
    async with started(folder, environment, "run") as program:
        assert await program.ended(60) == 1, program.said
    assert "Traceback" not in program.said
    lines = [line for line in program.errors.read_text().splitlines() if line.startswith("chronos: ")]
    assert len(lines) == 1, program.said
    return lines[0]


async def test_sigterm_ends_it_in_time_although_a_model_hangs(
    discord: FakeDiscord, anthropic: FakeAnthropic, openai: FakeOpenAI, database_url: str, tmp_path: Path
) -> None:
    school = School(discord)
    models = with_models(anthropic, openai, timeout_s=60)
    async with production(tmp_path, on_database(database_url), on_discord(discord), models) as program:
        await discord.connected()
        await school.set_up()
        await school.upload()
        await school.is_taught()
        anthropic.hang()
        await discord.slash(school.student, school.guild.general, "ask", question=SHADOW)
        await eventually(lambda: anthropic.requests, "the model to be asked", 60)
        assert await program.stop() == 0, program.said
