"""The fake Discord, driven by a real discord.py client, and both held against Discord's own document."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
import yarl
from discord import app_commands

from tests.waiting import eventually
from tests.wire.discord_spec import SpecCall, check_answers, check_calls, find_spec
from tests.wire.fake_discord import FakeDiscord, Guild, Upload, User
from tests.wire.fake_discord_gateway import GUILD_MEMBERS

TOKEN = "made-up.token.for-tests"


class Studio(discord.Client):
    """A small bot that uses every way to answer."""

    def __init__(self, *, message_content: bool = True) -> None:
        intents = discord.Intents.default()
        intents.message_content = message_content
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none())
        self.tree = app_commands.CommandTree(self)
        self.failures: list[BaseException] = []
        self.heard: list[discord.Message] = []
        self.joined: list[discord.Guild] = []
        commands: list[app_commands.Command[Any, ..., Any]] = [ask, late, twice, form, keep, colour, staff, whisper]
        for command in commands:
            self.tree.add_command(command)
        self.tree.error(self.on_command_error)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_command_error(
        self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError
    ) -> None:
        self.failures.append(error.__cause__ or error)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.joined.append(guild)

    async def on_message(self, message: discord.Message) -> None:
        if message.author == self.user:
            return
        self.heard.append(message)
        if self.user in message.mentions or message.guild is None:
            async with message.channel.typing():
                await message.reply(f"You said: {message.clean_content}")


class Thumbs(discord.ui.View):
    @discord.ui.button(label="👍", custom_id="vote:up")
    async def up(self, interaction: discord.Interaction, button: discord.ui.Button["Thumbs"]) -> None:
        await interaction.response.edit_message(content="Thank you", view=None)


class Note(discord.ui.Modal, title="A note"):
    text: discord.ui.TextInput["Note"] = discord.ui.TextInput(label="Text", custom_id="note:text", max_length=20)

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"Noted: {self.text.value}", ephemeral=True)


@app_commands.command(description="Ask the library")
async def ask(interaction: discord.Interaction, question: str, private: bool = False) -> None:
    await interaction.response.defer(ephemeral=private, thinking=True)
    await interaction.edit_original_response(content=f"Answer to {question}", view=Thumbs())
    await interaction.followup.send("and more", suppress_embeds=True)


@app_commands.command(description="Answers when somebody lets it")
async def late(interaction: discord.Interaction) -> None:
    client = interaction.client
    assert isinstance(client, Studio)
    await client.wait_for("let_go")
    await interaction.response.send_message("late")


@app_commands.command(description="Answers two times")
async def twice(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("once")
    interaction.response._response_type = None
    await interaction.response.send_message("twice")


@app_commands.command(description="Opens a form")
async def form(interaction: discord.Interaction) -> None:
    await interaction.response.send_modal(Note())


@app_commands.command(description="Keeps a file")
async def keep(interaction: discord.Interaction, file: discord.Attachment) -> None:
    content = await file.read()
    back = discord.File(io.BytesIO(content.upper()), "back.txt")
    await interaction.response.send_message(f"{file.filename}: {len(content)}", file=back)


@app_commands.command(description="Names a colour")
@app_commands.choices(mood=[app_commands.Choice(name="Warm", value="warm")])
async def colour(interaction: discord.Interaction, name: str, mood: str = "warm") -> None:
    await interaction.response.send_message(f"{mood} {name}")


@colour.autocomplete("name")
async def colours(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    names = [name for name in ("red", "rose", "blue") if name.startswith(current)]
    return [app_commands.Choice(name=name.title(), value=name) for name in names]


@app_commands.command(description="For staff")
@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
async def staff(interaction: discord.Interaction, who: discord.Member) -> None:
    may = interaction.permissions.manage_guild
    await interaction.response.send_message(f"{who.display_name} {may} {interaction.guild.name}")  # type: ignore[union-attr]


@app_commands.command(description="Sends a direct message")
async def whisper(interaction: discord.Interaction) -> None:
    await interaction.response.defer(ephemeral=True)
    message = await interaction.user.send("psst @everyone")
    await message.edit(content="psst", suppress=True)
    await message.add_reaction("👍")
    await interaction.followup.send("sent")


@asynccontextmanager
async def running(*, message_content: bool = True) -> AsyncIterator[Studio]:
    """The bot as in production, pointed at the fake; not waited for."""
    client = Studio(message_content=message_content)
    async with client:
        task = asyncio.create_task(client.start(TOKEN))
        try:
            yield client
        finally:
            await client.close()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(TOKEN) as server:
        point_at(server, monkeypatch)
        yield server
        check_calls(server.calls)
        check_answers(server.calls)


def point_at(server: FakeDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", server.api_url)
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway_url))
    monkeypatch.setattr(discord.Asset, "BASE", server.cdn_url)


@pytest.fixture
async def bot(fake: FakeDiscord) -> AsyncIterator[Studio]:
    alice, bob = fake.add_user("Alice"), fake.add_user("Bob")
    school = fake.add_guild("School", owner=alice)
    school.add_member(bob)
    async with running() as client:
        await fake.connected()
        yield client
        assert not client.failures


def people(fake: FakeDiscord) -> tuple[User, User, Guild]:
    """Alice, who owns the school; Bob, who is in it; the school."""
    users = [user for user in fake._world.users.values() if not user.bot]
    return users[0], users[1], next(iter(fake._world.guilds.values()))


async def test_a_slash_command_is_deferred_answered_and_followed_up(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    interaction = await fake.slash(bob, school.general, "ask", question="why?")
    reply = await interaction.reply()
    more = await interaction.settled(lambda message: message.content == "and more")
    assert interaction.acknowledged_as == 5
    assert reply.content == "Answer to why?"
    assert reply.edits == ["Answer to why?"]
    assert [button["label"] for button in reply.buttons] == ["👍"]
    assert more.suppresses_embeds
    assert interaction.messages == [reply, more] == school.general.messages


async def test_a_private_answer_stays_private_and_cannot_be_fetched(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    reply = await (await fake.slash(bob, school.general, "ask", question="why?", private=True)).reply()
    assert reply.ephemeral
    channel = await bot.fetch_channel(school.general.id)
    assert isinstance(channel, discord.TextChannel)
    with pytest.raises(discord.NotFound, match="10008"):
        await channel.fetch_message(reply.id)


async def test_a_button_changes_its_message(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    reply = await (await fake.slash(bob, school.general, "ask", question="why?")).reply()
    click = await fake.click(bob, reply, "👍")
    assert await click.reply() is reply
    assert reply.content == "Thank you"
    assert reply.buttons == []


async def test_a_modal_is_shown_and_sent(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    opened = await fake.slash(bob, school.general, "form")
    assert (await opened.modal())["title"] == "A note"
    reply = await (await fake.submit(opened, Text="draw more")).reply()
    assert reply.content == "Noted: draw more"
    assert reply.ephemeral


async def test_a_mention_is_answered_with_a_reply_and_typing(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    said = await fake.say(bob, school.general, f"{fake.me.mention} hello", attachments=[("a.txt", b"abc")])
    answer = await school.general.next_message(after=said)
    assert answer.content == "You said: @Chronos hello"
    assert answer.reference is said
    assert fake.typing == [school.general]
    assert await bot.heard[0].attachments[0].read() == b"abc"


async def test_a_reply_to_the_bot_mentions_it_and_carries_what_it_answers(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    reply = await (await fake.slash(bob, school.general, "ask", question="why?")).reply()
    said = await fake.say(bob, school.general, "really?", reply_to=reply)
    await school.general.next_message(after=said)
    reference = bot.heard[0].reference
    assert reference
    assert isinstance(reference.resolved, discord.Message)
    assert reference.resolved.content == "Answer to why?"


async def test_a_direct_message_is_answered_and_reaches_its_person(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    said = await fake.say(bob, fake.dm(bob), "hello")
    assert (await fake.dm(bob).next_message(after=said)).content == "You said: hello"
    interaction = await fake.slash(bob, school.general, "whisper")
    assert (await interaction.reply()).content == "sent"
    whispered = await fake.dm(bob).next_message(predicate=lambda message: message.content == "psst")
    assert not whispered.mention_everyone
    assert whispered.edits == ["psst"]
    assert whispered.reactions == ["👍"]
    assert (await (await fake.slash(bob, fake.dm(bob), "ask", question="here?")).reply()).content == "Answer to here?"


async def test_a_thread_is_a_place_to_talk(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    thread = school.general.add_thread("Shading", owner=bob)
    said = await fake.say(bob, thread, f"{fake.me.mention} hi")
    assert (await thread.next_message(after=said)).content == "You said: @Chronos hi"
    reply = await (await fake.slash(bob, thread, "ask", question="why?")).reply()
    assert reply.channel is thread


async def test_files_go_both_ways(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    reply = await (await fake.slash(bob, school.general, "keep", file=("note.txt", b"abc"))).reply()
    assert reply.content == "note.txt: 3"
    assert [(file.filename, file.content) for file in reply.attachments] == [("back.txt", b"ABC")]
    assert any(call.files == [Upload("back.txt", b"ABC")] for call in fake.calls)


async def test_a_signed_link_ends_after_a_day_and_cannot_be_forged(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    said = await fake.say(bob, school.general, "look", attachments=[("a b.txt", b"abc")])
    url = said.attachments[0].payload(fake._world)["url"]
    async with aiohttp.ClientSession() as session:
        assert await (await session.get(yarl.URL(url, encoded=True))).read() == b"abc"
        assert (await session.get(yarl.URL(url.replace("hm=", "hm=0"), encoded=True))).status == 404
        fake.clock.advance(24 * 3600 + 1)
        gone = await session.get(yarl.URL(url, encoded=True))
        assert (gone.status, await gone.text()) == (404, "This content is no longer available.")


async def test_suggestions_come_while_typing(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    offered = await fake.autocomplete(bob, school.general, "colour", "name", name="r")
    assert [choice["value"] for choice in offered] == ["red", "rose"]


async def test_members_carry_their_permissions(fake: FakeDiscord, bot: Studio) -> None:
    alice, bob, school = people(fake)
    with pytest.raises(AssertionError, match="not offered"):
        await fake.slash(bob, school.general, "staff", who=alice)
    school.allowed_commands.add("staff")
    assert (await (await fake.slash(bob, school.general, "staff", who=alice)).reply()).content == "Alice False School"
    carol = fake.add_user("Carol")
    school.add_member(carol, manage_guild=True)
    assert (await (await fake.slash(carol, school.general, "staff", who=bob)).reply()).content == "Bob True School"
    with pytest.raises(AssertionError, match="not offered"):
        await fake.slash(alice, fake.dm(alice), "staff", who=bob)


async def test_the_window_refuses_what_the_command_does_not_offer(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    with pytest.raises(AssertionError, match="no command /dance"):
        await fake.slash(bob, school.general, "dance")
    with pytest.raises(AssertionError, match="needs \\['question'\\]"):
        await fake.slash(bob, school.general, "ask")
    with pytest.raises(AssertionError, match="offers \\['warm'\\]"):
        await fake.slash(bob, school.general, "colour", name="red", mood="cold")


async def test_an_answer_after_three_seconds_finds_an_unknown_interaction(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    interaction = await fake.slash(bob, school.general, "late")
    await until_listening(bot, "let_go")
    fake.clock.advance(3.1)
    bot.dispatch("let_go")
    await fake.until(lambda: any(call.status == 404 for call in fake.calls), "the refused answer")
    await eventually(lambda: bot.failures, "the failure")
    assert isinstance(bot.failures.pop(), discord.NotFound)
    assert interaction.messages == []


async def until_listening(bot: Studio, event: str) -> None:
    await eventually(lambda: bot._listeners.get(event), "the client to listen")


async def test_a_second_answer_is_refused(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    interaction = await fake.slash(bob, school.general, "twice")
    await eventually(lambda: bot.failures, "the failure")
    error = bot.failures.pop()
    assert isinstance(error, discord.HTTPException)
    assert error.code == 40060
    assert [message.content for message in interaction.messages] == ["once"]


async def test_a_token_ends_after_fifteen_minutes(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    interaction = await fake.slash(bob, school.general, "ask", question="why?")
    await interaction.settled(lambda message: message.content == "and more")
    fake.clock.advance(15 * 60 + 1)
    hook = f"{fake.api_url}/webhooks/{fake.me.id}/{interaction.token}/messages/@original"
    async with aiohttp.ClientSession() as session:
        answer = await session.patch(hook, json={"content": "too late"})
        assert (answer.status, (await answer.json())["code"]) == (401, 50027)


async def test_events_missed_while_away_are_replayed(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    await fake.drop()
    said = await fake.say(bob, school.general, f"{fake.me.mention} still there?")
    await fake.reconnected()
    await school.general.next_message(after=said)
    assert (fake.identifies, fake.resumes) == (1, 1)


async def test_a_reconnect_request_is_followed_by_a_resume(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    await fake.ask_reconnect()
    await fake.reconnected()
    await (await fake.slash(bob, school.general, "ask", question="again?")).reply()
    assert (fake.identifies, fake.resumes) == (1, 1)


@pytest.mark.parametrize(("resumable", "expected"), [(False, (2, 0)), (True, (1, 1))])
async def test_an_invalid_session_begins_anew_unless_resumable(
    fake: FakeDiscord, bot: Studio, resumable: bool, expected: tuple[int, int]
) -> None:
    _, bob, school = people(fake)
    await fake.invalidate(resumable=resumable)
    await fake.reconnected()
    await (await fake.slash(bob, school.general, "ask", question="again?")).reply()
    assert (fake.identifies, fake.resumes) == expected


async def test_a_session_taken_away_loses_nothing_that_people_do_next(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    await fake.invalidate()
    said = await fake.say(bob, school.general, f"{fake.me.mention} hello")
    assert (await school.general.next_message(after=said)).reference is said


async def test_members_are_found_over_the_gateway_and_rest(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, school = people(fake)
    guild = bot.get_guild(school.id)
    assert guild
    assert [member.id for member in await guild.query_members(user_ids=[bob.id])] == [bob.id]
    assert (await guild.fetch_member(bob.id)).display_name == "Bob"


async def test_older_messages_can_be_read_back(fake: FakeDiscord, bot: Studio) -> None:
    alice, bob, school = people(fake)
    said = [
        await fake.say(user, school.general, text) for user, text in ((alice, "one"), (bob, "two"), (bob, "three"))
    ]
    channel = await bot.fetch_channel(school.general.id)
    assert isinstance(channel, discord.TextChannel)
    assert [message.content async for message in channel.history(limit=2)] == ["three", "two"]
    later = channel.history(after=discord.Object(said[0].id))
    assert [message.content async for message in later] == ["two", "three"]


async def test_a_limited_request_is_repeated(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, _ = people(fake)
    fake.limit_next("POST /channels", retry_after=0.01, times=2)
    said = await fake.say(bob, fake.dm(bob), "hello")
    await fake.dm(bob).next_message(after=said)
    assert [call.status for call in fake.calls].count(429) == 2


async def test_an_injected_failure_reaches_the_client_once(fake: FakeDiscord, bot: Studio) -> None:
    _, bob, _ = people(fake)
    fake.fail_next("/users/", 403, code=50001, message="Missing Access")
    with pytest.raises(discord.Forbidden, match="50001"):
        await bot.fetch_user(bob.id)
    assert (await bot.fetch_user(bob.id)).name == "bob"


async def test_content_is_hidden_without_its_intent(fake: FakeDiscord) -> None:
    alice = fake.add_user("Alice")
    school = fake.add_guild("School", owner=alice)
    async with running(message_content=False) as bot:
        await fake.connected()
        await fake.say(alice, school.general, "not for you", attachments=[("a.txt", b"abc")])
        said = await fake.say(alice, school.general, f"{fake.me.mention} for you")
        await school.general.next_message(after=said)
    assert [message.content for message in bot.heard] == ["", said.content]
    assert bot.heard[0].attachments == []


async def test_a_wrong_token_is_turned_away(fake: FakeDiscord) -> None:
    client = Studio()
    async with client:
        with pytest.raises(discord.LoginFailure):
            await client.login("wrong")


async def test_a_switched_off_intent_closes_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeDiscord(TOKEN, privileged_intents=GUILD_MEMBERS) as server:
        point_at(server, monkeypatch)
        async with Studio() as client:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await client.start(TOKEN)
        assert server.refused_identifies == 1


async def test_a_new_server_is_told_from_a_known_one(fake: FakeDiscord, bot: Studio) -> None:
    carol = fake.add_user("Carol")
    choir = fake.add_guild("Choir", owner=carol, joined=False)
    await bot.wait_until_ready()
    fake.join(choir)
    await eventually(lambda: bot.joined, "the greeting")
    assert [guild.name for guild in bot.joined] == ["Choir"]
    assert bot.joined[0].system_channel
    fake.leave(choir)
    await eventually(lambda: bot.get_guild(choir.id) is None, "the client to forget the server")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": "x" * 2001}, 50035),
        ({"content": ""}, 50006),
        ({"embeds": [{"title": "x"}] * 11}, 50035),
        (
            {
                "components": [
                    {"type": 1, "components": [{"type": 2, "style": 2, "label": "x", "custom_id": "x" * 101}]}
                ]
            },
            50035,
        ),
        (
            {
                "components": [
                    {"type": 1, "components": [{"type": 2, "style": 5, "label": "x", "url": "https://x.test"}]}
                ]
                * 6
            },
            50035,
        ),
    ],
)
async def test_a_message_over_the_limits_is_refused(body: dict[str, Any], code: int) -> None:
    async with (
        FakeDiscord(TOKEN) as server,
        aiohttp.ClientSession(headers={"Authorization": f"Bot {TOKEN}"}) as session,
    ):
        channel = server.dm(server.add_user("Alice"))
        answer = await session.post(f"{server.api_url}/channels/{channel.id}/messages", json=body)
        assert answer.status == 400
        assert (await answer.json())["code"] == code
        assert channel.messages == []


async def test_places_closed_to_the_bot_say_so() -> None:
    async with (
        FakeDiscord(TOKEN) as server,
        aiohttp.ClientSession(headers={"Authorization": f"Bot {TOKEN}"}) as session,
    ):
        alice = server.add_user("Alice")
        school = server.add_guild("School", owner=alice)
        hidden = school.add_channel("hidden", readable=False)
        silent = school.add_channel("silent", writable=False)
        alice.closed_dms = True
        codes = []
        for channel in (hidden, silent, server.dm(alice)):
            answer = await session.post(f"{server.api_url}/channels/{channel.id}/messages", json={"content": "x"})
            codes.append((answer.status, (await answer.json())["code"]))
    assert codes == [(403, 50001), (403, 50013), (403, 50007)]


@pytest.mark.parametrize(
    "command",
    [
        {"name": "Ask", "description": "x"},
        {"name": "a b", "description": "x"},
        {"name": "ask", "description": ""},
        {"name": "ask", "description": "x" * 101},
        {
            "name": "ask",
            "description": "x",
            "options": [
                {"type": 3, "name": "a", "description": "x"},
                {"type": 3, "name": "b", "description": "x", "required": True},
            ],
        },
    ],
)
async def test_a_command_that_breaks_the_rules_is_refused(command: dict[str, Any]) -> None:
    async with (
        FakeDiscord(TOKEN) as server,
        aiohttp.ClientSession(headers={"Authorization": f"Bot {TOKEN}"}) as session,
    ):
        answer = await session.put(f"{server.api_url}/applications/{server.me.id}/commands", json=[command])
        assert (answer.status, (await answer.json())["code"]) == (400, 50035)
        assert server.commands == {}


@pytest.mark.skipif(find_spec() is None, reason="Discord's document is not here; set VENDOR_SPECS to its folder")
@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (SpecCall("GET", "/users/1/friends", {}, None, 404), "no such route"),
        (SpecCall("PUT", "/channels/1/messages", {}, None, 405), "knows"),
        (SpecCall("GET", "/channels/x", {}, None, 404), "path parameter channel_id='x'"),
        (SpecCall("GET", "/channels/1/messages", {"limit": "1000"}, None, 200), "query parameter limit"),
        (SpecCall("GET", "/channels/1/messages", {"page": "1"}, None, 200), "unknown query parameter page"),
        (SpecCall("POST", "/channels/1/messages", {}, {"contents": "x"}, 200), "'contents' was unexpected"),
        (SpecCall("POST", "/channels/1/messages", {}, {"embeds": [{"titel": "x"}]}, 200), "'titel' was unexpected"),
        (
            SpecCall("POST", "/interactions/1/t/callback", {}, {"type": 4, "data": {"content": "x" * 2001}}, 400),
            "data.content",
        ),
    ],
)
def test_calls_that_the_document_does_not_allow_are_named(call: SpecCall, problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        check_calls([call])
