"""The Discord adapter over the real protocol: discord.py as it is, our fake Discord, and a scripted responder."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import discord
import pytest
import structlog
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.platform import DiscordPlatform
from core.conversation import (
    CONNECTED,
    Attachment,
    Audience,
    Button,
    Command,
    File,
    Kind,
    Link,
    Liveness,
    Messenger,
    Parameter,
    Person,
    Place,
    Reply,
    Request,
    Role,
    Show,
    Suggestion,
    Tone,
    Value,
    unshown,
)
from core.errors import ConfigurationError, ProviderBusy, ProviderError, UploadRefused
from core.richtext import RichText, bold, link
from tests.saved import content_of
from tests.waiting import beside, eventually, within
from tests.wire.discord_spec import check_calls
from tests.wire.fake_discord import Channel, FakeDiscord, Guild, Message, Upload, User
from tests.wire.fake_discord_gateway import MESSAGE_CONTENT

TOKEN = "made-up.token.for-tests"
VOTE = Button("👍", "vote", "7:1", Tone.GOOD)

COMMANDS = (
    Command("ask", "Ask", parameters=(Parameter("question", "What?", required=True),)),
    Command("history", "Your questions", private=True),
    Command(
        "upload",
        "Add a file",
        Audience.STAFF,
        (
            Parameter("title", "Its title", takes_rest=True),
            Parameter("count", "How many", Kind.NUMBER),
            Parameter("mode", "Which", Kind.CHOICE, choices=("fast", "slow")),
            Parameter("role", "Who", Kind.ROLE),
            Parameter("member", "Whom", Kind.MEMBER),
            Parameter("file", "The file", Kind.FILE, required=True),
        ),
    ),
    Command("remove", "Take away", parameters=(Parameter("source", "Which?", Kind.SOURCE, required=True),)),
)

Answer = Callable[[Request], Awaitable[Reply]]


def says(*parts: object, private: bool = False, replaces: bool = False, buttons: Sequence[Button] = ()) -> Reply:
    text = RichText.of(*(part if isinstance(part, RichText) else str(part) for part in parts))
    return Reply(text, (tuple(buttons),) if buttons else (), private=private, replaces=replaces)


@dataclass(slots=True)
class ScriptedResponder:
    """Answers as the test says, and remembers what it was asked."""

    commands: Sequence[Command] = COMMANDS
    answer: Answer | None = None
    private_answers: bool = False
    decide: Callable[[], Awaitable[None]] | None = None
    requests: list[Request] = field(default_factory=list)
    staff: set[str] = field(default_factory=set)
    joins: list[Place] = field(default_factory=list)

    async def may(self, request: Request) -> bool:
        return request.person.manages or request.person.name in self.staff

    async def private(self, request: Request) -> bool:
        if self.decide:
            await self.decide()
        command = next((command for command in self.commands if command.name == request.command), None)
        return command is None or command.private or (request.command == "ask" and self.private_answers)

    async def respond(self, request: Request, show: Show = unshown) -> Reply:
        self.requests.append(request)
        if self.answer:
            return await self.answer(request)
        return says(f"{request.command}: {request.arguments.get('question', '')}")

    async def suggest(self, request: Request, parameter: str, typed: str) -> Sequence[Suggestion]:
        self.requests.append(request)
        return [Suggestion(f"{parameter} {typed} {n} {'x' * 100}", str(n)) for n in range(30)]

    async def joined(self, place: Place) -> Reply | None:
        if place.community in {place.community for place in self.joins}:
            return None
        self.joins.append(place)
        return says("Hello. Type /setup.")


@dataclass(slots=True)
class Scene:
    """Alice owns a school in which Bob is a student; the bot is connected to it."""

    fake: FakeDiscord
    messenger: Messenger
    responder: ScriptedResponder
    alice: User
    bob: User
    school: Guild

    @property
    def general(self) -> Channel:
        return self.school.general

    async def ask(self, question: str = "why?") -> Message:
        return await (await self.fake.slash(self.bob, self.general, "ask", question=question)).reply()

    async def mention(self, text: str) -> tuple[Message, Message]:
        """What Bob said, and the answer."""
        said = await self.fake.say(self.bob, self.general, f"{self.fake.me.mention} {text}")
        return said, await self.general.next_message(after=said)

    def place(self, channel: Channel) -> Place:
        return Place("discord", str(channel.id), str(self.school.id), "School")


@pytest.fixture(autouse=True)
def _addresses_return(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter points discord.py's classes at the fake; the next test starts from the official addresses."""
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)


@pytest.fixture
async def fake() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(TOKEN, privileged_intents=0) as server:
        yield server
        check_calls(server.calls)
        for call in server.calls:
            if call.method in ("POST", "PATCH") and isinstance(call.body, dict) and "content" in call.body:
                assert call.body["allowed_mentions"] == {"parse": [], "replied_user": False}
                assert call.body["flags"] & 4, "previews are suppressed"


@asynccontextmanager
async def running(platform: DiscordPlatform) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with beside(stop, platform.run(stop)):
        yield


def platform_at(fake: FakeDiscord, responder: ScriptedResponder, bot_token: str = TOKEN) -> DiscordPlatform:
    return DiscordPlatform(
        responder, bot_token=bot_token, api_url=fake.api_url, gateway_url=fake.gateway_url, largest_file_bytes=1000
    )


@pytest.fixture
async def scene(fake: FakeDiscord) -> AsyncIterator[Scene]:
    alice, bob = fake.add_user("Alice"), fake.add_user("Bob")
    school = fake.add_guild("School", owner=alice)
    school.add_member(bob)
    responder = ScriptedResponder()
    platform = platform_at(fake, responder)
    async with running(platform):
        await fake.connected()
        yield Scene(fake, platform, responder, alice, bob, school)


def answering(reply: Reply) -> Answer:
    async def answer(request: Request) -> Reply:
        return reply

    return answer


# Commands


async def test_a_command_is_deferred_and_the_answer_edited_in(scene: Scene) -> None:
    scene.responder.answer = answering(
        Reply(RichText.of(bold("Yes"), " ", link("12:34", "https://v.test/1?t=754")), ((VOTE,),))
    )
    interaction = await scene.fake.slash(scene.bob, scene.general, "ask", question="why?")
    reply = await interaction.reply()
    assert interaction.acknowledged_as == 5
    assert reply.content == "**Yes** [12:34](<https://v.test/1?t=754>)"
    assert reply.suppresses_embeds
    assert not reply.ephemeral
    assert [(b["label"], b["custom_id"], b["style"]) for b in reply.buttons] == [("👍", "vote:7:1", 3)]
    [request] = scene.responder.requests
    assert (request.command, dict(request.arguments), request.place) == (
        "ask",
        {"question": "why?"},
        scene.place(scene.general),
    )


async def test_the_person_comes_with_their_rights_and_roles(scene: Scene) -> None:
    helper = scene.school.add_role("Helper")
    carol = scene.fake.add_user("Carol")
    scene.school.add_member(carol, roles=[helper], nick="Caro")
    dora = scene.fake.add_user("Dora")
    scene.school.add_member(dora, manage_guild=True)
    for user in (scene.alice, scene.bob, carol, dora):
        await (await scene.fake.slash(user, scene.general, "ask", question="?")).reply()
        said = await scene.fake.say(user, scene.general, f"{scene.fake.me.mention} ?")
        await scene.general.next_message(after=said)
    people = [request.person for request in scene.responder.requests]
    assert people[::2] == people[1::2]
    assert [(person.name, person.manages) for person in people[::2]] == [
        ("Alice", True),
        ("Bob", False),
        ("Caro", False),
        ("Dora", True),
    ]
    assert people[2].external_id == str(scene.bob.id)
    assert [str(helper.id) in person.roles for person in people[::2]] == [False, False, True, False]


async def test_a_private_command_is_seen_by_one_person(scene: Scene) -> None:
    reply = await (await scene.fake.slash(scene.bob, scene.general, "history")).reply()
    assert reply.ephemeral
    assert scene.general.messages == [reply]


async def test_private_answers_are_asked_for_before_the_work_starts(scene: Scene) -> None:
    scene.responder.private_answers = True
    assert (await scene.ask()).ephemeral


async def test_a_refusal_of_a_public_command_is_private_too(scene: Scene) -> None:
    scene.responder.answer = answering(says("Not now.", private=True))
    interaction = await scene.fake.slash(scene.bob, scene.general, "ask", question="why?")
    reply = await interaction.settled(lambda message: message.content == "Not now.")
    assert reply.ephemeral
    assert scene.general.messages == [reply]


async def test_a_slow_database_does_not_miss_the_acknowledgement_and_leaks_nothing(scene: Scene) -> None:
    slow = asyncio.Event()
    scene.responder.private_answers, scene.responder.decide = True, lambda: _wait(slow)
    interaction = await scene.fake.slash(scene.bob, scene.general, "ask", question="why?")
    assert await interaction.acknowledged() == 5
    slow.set()
    reply = await interaction.settled(lambda message: message.content == "ask: why?")
    assert reply.ephemeral


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_every_kind_of_option_arrives(scene: Scene) -> None:
    contents: list[bytes] = []

    async def read(request: Request) -> Reply:
        file = request.arguments["file"]
        assert isinstance(file, Attachment)
        contents.append(await content_of(file))
        return says(f"{file.name} {file.size_bytes}")

    scene.responder.answer = read
    helper = scene.school.add_role("Helper")
    dora = scene.fake.add_user("dora")
    scene.school.add_member(dora, nick="Dodo")
    interaction = await scene.fake.slash(
        scene.alice, scene.general, "upload",
        title="T", count=2.0, mode="slow", role=helper, member=dora, file=("a b.vtt", b"abc"),
    )  # fmt: skip
    assert (await interaction.reply()).content == "a b.vtt 3"
    assert contents == [b"abc"]
    arguments = {name: value for name, value in scene.responder.requests[0].arguments.items() if name != "file"}
    meant = Person("discord", str(dora.id), "Dodo", username="dora")
    assert arguments == {"title": "T", "count": 2.0, "mode": "slow", "role": Role(str(helper.id)), "member": meant}


@pytest.mark.parametrize(("size_bytes", "waits_s", "words"), [(3, 25 * 3600, "expired"), (1001, 0, "at most")])
async def test_a_file_that_cannot_be_read_is_refused_in_words(
    scene: Scene, size_bytes: int, waits_s: float, words: str
) -> None:
    async def read(request: Request) -> Reply:
        file = request.arguments["file"]
        assert isinstance(file, Attachment)
        scene.fake.clock.advance(waits_s)
        with pytest.raises(UploadRefused) as refused:
            await content_of(file)
        scene.fake.clock.advance(-waits_s)
        return says(refused.value)

    scene.responder.answer = read
    interaction = await scene.fake.slash(scene.alice, scene.general, "upload", file=("a.vtt", b"x" * size_bytes))
    assert words in (await interaction.reply()).content


@pytest.mark.parametrize(
    ("cut_after", "adding", "error", "words"),
    [(100, 0, ProviderBusy, "whole file"), (None, 1, UploadRefused, "goes on after")],
)
async def test_a_file_that_comes_in_part_or_too_long_leaves_nothing(
    scene: Scene, cut_after: int | None, adding: int, error: type[Exception], words: str
) -> None:
    async def read(request: Request) -> Reply:
        file = request.arguments["file"]
        assert isinstance(file, Attachment)
        with pytest.raises(error, match=words):
            await content_of(file)
        scene.fake.spoil_downloads()
        return says(len(await content_of(file)))

    scene.responder.answer = read
    scene.fake.spoil_downloads(cut_after=cut_after, adding=adding)
    interaction = await scene.fake.slash(scene.alice, scene.general, "upload", file=("a.vtt", bytes(500)))
    assert (await interaction.reply()).content == "500"


# Files and links without a command


async def sent(
    scene: Scene, user: User, text: str, *names: str, channel: Channel | None = None, reply_to: Message | None = None,
    forwards: Message | None = None,
) -> list[tuple[str, dict[str, Value]]]:  # fmt: skip
    """What a message with files becomes, each file as its name and content."""
    before = len(scene.responder.requests)
    channel = channel or scene.general
    said = await scene.fake.say(
        user, channel, text, attachments=[(name, name.encode()) for name in names], reply_to=reply_to,
        forwards=forwards,
    )  # fmt: skip
    await channel.next_message(after=said)
    files = [name for name in names if not name.endswith(".png")]
    await scene.fake.until(lambda: len(scene.responder.requests) - before >= len(files) or None, "all files")
    found = []
    for request in scene.responder.requests[before:]:
        shown = dict(request.arguments)
        if isinstance(file := shown.get("file"), Attachment):
            shown["file"] = f"{file.name}: {(await content_of(file)).decode()}"
        found.append((request.command, shown))
    return found


async def test_a_mention_with_a_file_is_an_upload(scene: Scene) -> None:
    mention = scene.fake.me.mention
    file = {"file": "l.mp4: l.mp4"}
    assert await sent(scene, scene.alice, mention, "l.mp4") == [("upload", file)]
    assert await sent(scene, scene.alice, f"{mention} Lesson 3", "l.mp4") == [
        ("upload", {**file, "title": "Lesson 3"})
    ]
    options = {**file, "title": "Lesson 3", "mode": "slow"}
    assert await sent(scene, scene.alice, f'{mention} mode:slow title:"Lesson 3"', "l.mp4") == [("upload", options)]


async def test_several_files_of_one_message_are_an_upload_each(scene: Scene) -> None:
    found = await sent(scene, scene.alice, scene.fake.me.mention, "a.mp4", "still.png", "b.mp4", "c.pdf")
    assert found == [("upload", {"file": f"{name}: {name}"}) for name in ("a.mp4", "b.mp4", "c.pdf")]


async def test_a_student_asks_beside_a_file_and_is_refused_one_without_words(scene: Scene) -> None:
    mention = scene.fake.me.mention
    assert await sent(scene, scene.bob, f"{mention} is this right?", "a.pdf") == [
        ("ask", {"question": "is this right?"})
    ]
    before = len(scene.responder.requests)
    said = await scene.fake.say(scene.bob, scene.general, mention, attachments=[("a.pdf", b"a"), ("b.pdf", b"b")])
    refusal = await scene.general.next_message(after=said)
    said = await scene.fake.say(scene.bob, scene.general, f"{mention} why?")
    await scene.general.next_message(after=said)
    assert refusal.content == "upload:"
    assert [request.command for request in scene.responder.requests[before:]] == ["upload", "ask"]


async def test_a_picture_beside_a_question_is_no_upload(scene: Scene) -> None:
    found = await sent(scene, scene.alice, f"{scene.fake.me.mention} what is this", "still.png")
    assert found == [("ask", {"question": "what is this"})]


async def test_options_that_do_not_fit_are_explained(scene: Scene) -> None:
    said = await scene.fake.say(
        scene.alice, scene.general, f"{scene.fake.me.mention} count:many", attachments=[("a.mp4", b"a")]
    )
    assert "count takes a number" in (await scene.general.next_message(after=said)).content
    assert scene.responder.requests == []


async def test_a_reply_to_a_file_uploads_it_unless_it_asks(scene: Scene) -> None:
    mention = scene.fake.me.mention
    film = await scene.fake.say(scene.bob, scene.general, f"{mention} look", attachments=[("film.mp4", b"film.mp4")])
    await scene.general.next_message(after=film)
    file = {"file": "film.mp4: film.mp4"}
    assert await sent(scene, scene.alice, f"{mention} Lesson 3", reply_to=film) == [
        ("upload", {**file, "title": "Lesson 3"})
    ]
    assert await sent(scene, scene.alice, f"{mention} is it good?", reply_to=film) == [
        ("ask", {"question": "is it good?"})
    ]


async def test_a_reply_to_a_file_that_discord_hides_says_what_to_do(scene: Scene) -> None:
    film = await scene.fake.say(scene.bob, scene.general, "look", attachments=[("film.mp4", b"film.mp4")])
    said = await scene.fake.say(scene.alice, scene.general, scene.fake.me.mention, reply_to=film)
    assert "send me the file yourself" in (await scene.general.next_message(after=said)).content
    assert scene.responder.requests == []


async def test_a_forwarded_file_in_a_direct_message_is_taken(scene: Scene) -> None:
    film = await scene.fake.say(scene.bob, scene.general, "Lesson 3\nwatch it", attachments=[("l.mp4", b"l.mp4")])
    scene.responder.staff.add("Alice")
    found = await sent(scene, scene.alice, "", channel=scene.fake.dm(scene.alice), forwards=film)
    assert found == [("upload", {"file": "l.mp4: l.mp4", "title": "Lesson 3"})]


async def test_suggestions_fit_discords_limits(scene: Scene) -> None:
    offered = await scene.fake.autocomplete(scene.bob, scene.general, "remove", "source", source="les")
    assert len(offered) == 25
    assert offered[3]["name"].startswith("source les 3 xxx")
    assert offered[3]["value"] == "3"


async def test_staff_commands_are_offered_to_staff(scene: Scene) -> None:
    with pytest.raises(AssertionError, match="not offered"):
        await scene.fake.slash(scene.bob, scene.general, "upload", file=("a.vtt", b"x"))


async def test_commands_work_in_threads_and_direct_messages(scene: Scene) -> None:
    thread, direct = scene.general.add_thread("Shading", owner=scene.bob), scene.fake.dm(scene.bob)
    for channel in (thread, direct):
        reply = await (await scene.fake.slash(scene.bob, channel, "ask", question="why?")).reply()
        assert reply.channel is channel
    assert [request.place for request in scene.responder.requests] == [
        scene.place(thread),
        Place("discord", str(direct.id)),
    ]
    assert [request.place.parent for request in scene.responder.requests] == [str(scene.general.id), ""]


async def test_a_long_answer_is_split_and_loses_no_word(scene: Scene) -> None:
    words = [f"word{number}" for number in range(900)]
    scene.responder.answer = answering(says(" ".join(words), buttons=[VOTE]))
    interaction = await scene.fake.slash(scene.bob, scene.general, "ask", question="why?")
    await interaction.settled(lambda message: bool(message.buttons))
    assert len(interaction.messages) > 3
    assert " ".join(message.content for message in interaction.messages).split() == words
    assert [bool(message.buttons) for message in interaction.messages] == [False] * 3 + [True]


async def test_a_file_comes_with_the_answer(scene: Scene) -> None:
    scene.responder.answer = answering(replace(says("Yours"), files=(File("me.json", b"{}"),), private=True))
    interaction = await scene.fake.slash(scene.bob, scene.general, "history")
    reply = await interaction.reply()
    assert [(file.filename, file.content) for file in reply.attachments] == [("me.json", b"{}")]
    assert any(call.files == [Upload("me.json", b"{}")] for call in scene.fake.calls)


async def test_a_picture_comes_with_words_for_those_who_cannot_see_it(scene: Scene) -> None:
    card = File("card.png", b"\x89PNG", "A wallet with 40 CHRONOS")
    scene.responder.answer = answering(replace(says("40 CHRONOS"), files=(card,), private=True))
    interaction = await scene.fake.slash(scene.bob, scene.general, "history")
    (shown,) = (await interaction.reply()).attachments
    assert (shown.filename, shown.content, shown.description) == (card.name, card.content, card.description)


async def test_hostile_text_neither_pings_nor_links(scene: Scene) -> None:
    role = scene.school.add_role("Staff")
    hostile = f"@everyone {scene.alice.mention} {role.mention} ](http://evil.test) `x` ||y|| https://evil.test # z"
    scene.responder.answer = answering(says(hostile))
    reply = await scene.ask()
    _, answer = await scene.mention("hi")
    for message in (reply, answer):
        assert not message.mention_everyone
        assert message.mentions == []
        assert "@everyone" not in message.content
        assert not re.search(r"(?<!\\)(\]\(|://)", message.content)
        assert "\\`x\\` \\|\\|y\\|\\|" in message.content


async def test_an_answer_after_the_tokens_end_becomes_an_ordinary_message(scene: Scene) -> None:
    async def late(request: Request) -> Reply:
        scene.fake.clock.advance(15 * 60 + 1)
        return says("At last.", buttons=[VOTE])

    scene.responder.answer = late
    await scene.fake.slash(scene.bob, scene.general, "ask", question="why?")
    answer = await scene.general.next_message(predicate=lambda message: message.content == "At last.")
    assert answer.interaction is None
    assert answer.buttons


@pytest.mark.parametrize("closed", [False, True])
async def test_a_private_answer_after_the_tokens_end_goes_to_the_person(scene: Scene, closed: bool) -> None:
    async def late(request: Request) -> Reply:
        scene.fake.clock.advance(15 * 60 + 1)
        return says("A secret.")

    scene.responder.answer, scene.bob.closed_dms = late, closed
    await scene.fake.slash(scene.bob, scene.general, "history")
    where = scene.general if closed else scene.fake.dm(scene.bob)
    answer = await where.next_message()
    assert ("direct messages are closed" if closed else "A secret.") in answer.content
    assert all("secret" not in message.content for message in scene.general.messages)


async def test_a_reply_that_discord_does_not_take_is_said_so(scene: Scene) -> None:
    scene.responder.answer = answering(says("Twice", buttons=[VOTE, VOTE]))
    assert "try again" in (await scene.ask()).content


async def test_an_interaction_that_came_too_late_is_not_run_behind_the_persons_back(scene: Scene) -> None:
    scene.fake.fail_next("/callback", 404, code=10062, message="Unknown interaction")
    await scene.fake.slash(scene.bob, scene.general, "ask", question="lost")
    await scene.fake.until(lambda: any(call.status == 404 for call in scene.fake.calls), "the refusal")
    await scene.ask("kept")
    assert [request.arguments["question"] for request in scene.responder.requests] == ["kept"]


# Buttons


async def press(scene: Scene, reply: Reply, key: str = "👍") -> tuple[Message, Message]:
    """The message with the button and what the press brought."""
    scene.responder.answer = answering(says("Press me", buttons=[VOTE]))
    message = await scene.ask()
    scene.responder.answer = answering(reply)
    return message, await (await scene.fake.click(scene.bob, message, key)).reply()


async def test_a_button_runs_its_action_and_thanks_in_private(scene: Scene) -> None:
    message, thanks = await press(scene, says("Noted.", private=True))
    assert thanks is not message
    assert (thanks.content, thanks.ephemeral) == ("Noted.", True)
    assert message.content == "Press me"
    request = scene.responder.requests[-1]
    assert (request.command, dict(request.arguments)) == ("vote", {"payload": "7:1"})
    assert request.about == str(message.id)


async def test_a_button_may_replace_its_message(scene: Scene) -> None:
    message, changed = await press(scene, says("Done.", replaces=True))
    assert changed is message
    assert (message.content, message.buttons) == ("Done.", [])
    assert message.suppresses_embeds


async def test_buttons_outlive_the_process(fake: FakeDiscord) -> None:
    bob = fake.add_user("Bob")
    async with running(platform_at(fake, ScriptedResponder(answer=answering(says("Press me", buttons=[VOTE]))))):
        await fake.connected()
        message = await (await fake.slash(bob, fake.dm(bob), "ask", question="why?")).reply()
    async with running(platform_at(fake, ScriptedResponder(answer=answering(says("Still here."))))):
        await fake.until(lambda: fake.identifies == 2, "another process")
        assert (await (await fake.click(bob, message, "👍")).reply()).content == "Still here."


# Questions without a command


async def test_a_mention_is_answered_with_a_reply_that_pings_nobody(scene: Scene) -> None:
    async def after_typing(request: Request) -> Reply:
        await scene.fake.until(lambda: scene.general in scene.fake.typing, "the typing indicator")
        return says("Because.")

    scene.responder.answer = after_typing
    said, answer = await scene.mention("why?")
    assert (answer.content, answer.reference, answer.mentions) == ("Because.", said, [])
    [request] = scene.responder.requests
    assert (request.command, dict(request.arguments)) == ("ask", {"question": "why?"})
    assert request.place == scene.place(scene.general)


async def test_a_reply_to_the_bot_is_a_question(scene: Scene) -> None:
    reply = await scene.ask()
    said = await scene.fake.say(scene.bob, scene.general, "and then?", reply_to=reply)
    assert (await scene.general.next_message(after=said)).content == "ask: and then?"
    assert scene.responder.requests[-1].about == str(reply.id)


async def test_a_direct_message_is_a_question(scene: Scene) -> None:
    direct = scene.fake.dm(scene.bob)
    said = await scene.fake.say(scene.bob, direct, "why?")
    assert (await direct.next_message(after=said)).content == "ask: why?"
    assert scene.responder.requests[0].place == Place("discord", str(direct.id))
    assert not scene.responder.requests[0].person.manages


async def test_a_mention_in_a_thread_is_answered_there(scene: Scene) -> None:
    thread = scene.general.add_thread("Shading", owner=scene.bob)
    said = await scene.fake.say(scene.bob, thread, f"{scene.fake.me.mention} hi")
    assert (await thread.next_message(after=said)).content == "ask: hi"
    assert scene.responder.requests[-1].place.parent == str(scene.general.id)


async def test_others_conversations_bots_and_the_bot_itself_are_left_alone(scene: Scene) -> None:
    other_bot = scene.fake.add_user("Other bot")
    other_bot.bot = True
    scene.school.add_member(other_bot)
    await scene.fake.say(scene.bob, scene.general, "hello everybody")
    await scene.fake.say(other_bot, scene.general, f"{scene.fake.me.mention} hello")
    await scene.mention("me")
    assert [request.arguments["question"] for request in scene.responder.requests] == ["me"]


async def test_no_privileged_intent_is_asked_for(scene: Scene) -> None:
    assert scene.fake.intents & MESSAGE_CONTENT == 0
    plain = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, guild_reactions=True)
    assert scene.fake.intents == plain.value


async def test_a_short_refusal_of_a_mention_stands_in_the_channel(scene: Scene) -> None:
    scene.responder.answer = answering(says("Not now.", private=True))
    _, answer = await scene.mention("why?")
    assert answer.content == "Not now."


async def test_a_private_answer_that_links_to_something_does_not_stand_in_the_channel(scene: Scene) -> None:
    cited = RichText.of("Short. ", link("[1]", "https://videos.example/1"))
    scene.responder.answer = answering(says(cited, private=True))
    _, notice = await scene.mention("why?")
    assert "Short." not in notice.content
    assert "Short." in (await scene.fake.dm(scene.bob).next_message()).content
    interaction = await scene.fake.slash(scene.bob, scene.general, "ask", question="why?")
    assert (await interaction.settled(lambda message: "Short." in message.content)).ephemeral


@pytest.mark.parametrize("closed", [False, True])
async def test_a_private_answer_to_a_mention_goes_to_the_person(scene: Scene, closed: bool) -> None:
    scene.responder.private_answers, scene.bob.closed_dms = True, closed
    scene.responder.answer = answering(says("A secret."))
    _, notice = await scene.mention("why?")
    assert "secret" not in notice.content
    if closed:
        assert "slash command" in notice.content
    else:
        assert (await scene.fake.dm(scene.bob).next_message()).content == "A secret."


async def test_a_mention_where_the_bot_may_not_write_is_answered_directly(scene: Scene) -> None:
    silent = scene.school.add_channel("silent", writable=False)
    await scene.fake.say(scene.bob, silent, f"{scene.fake.me.mention} why?")
    assert (await scene.fake.dm(scene.bob).next_message()).content == "ask: why?"


# Greeting


async def test_a_new_server_is_greeted_once_and_known_ones_never(
    fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, responder, ready = fake.add_user("Alice"), ScriptedResponder(), asyncio.Event()
    known = fake.add_guild("School", owner=alice)
    choir = fake.add_guild("Choir", owner=alice, joined=False)
    choir.general.writable = False
    lobby = choir.add_channel("lobby")
    monkeypatch.setattr(discord.Client, "on_ready", lambda client: _set(ready), raising=False)
    async with running(platform_at(fake, responder)):
        async with within(30, "the client to be ready"):
            await ready.wait()
        fake.join(choir)
        assert (await lobby.next_message()).content == "Hello. Type /setup."
    assert responder.joins == [Place("discord", str(lobby.id), str(choir.id), "Choir")]
    assert (choir.general.messages, known.general.messages) == ([], [])


async def test_a_server_joined_while_the_bot_connects_or_is_away_is_greeted_once(fake: FakeDiscord) -> None:
    alice, responder = fake.add_user("Alice"), ScriptedResponder()
    away, choir = (fake.add_guild(name, owner=alice, joined=False) for name in ("Band", "Choir"))
    fake.join(away)
    async with running(platform_at(fake, responder)):
        await fake.connected()
        fake.join(choir)
        for guild in (away, choir):
            assert (await guild.general.next_message()).content == "Hello. Type /setup."
        await fake.invalidate()
        await fake.reconnected()
        assert (await (await fake.slash(alice, choir.general, "ask", question="why?")).reply()).content == "ask: why?"
    assert sorted(place.community_name for place in responder.joins) == ["Band", "Choir"]
    assert len(away.general.messages) == 1


async def _set(event: asyncio.Event) -> None:
    event.set()


# The outbox


async def test_a_message_is_sent_and_later_edited(scene: Scene) -> None:
    place, messenger = scene.place(scene.general), scene.messenger
    assert messenger.platform == place.platform
    message_id = await messenger.deliver(place, says("Reading…", buttons=[VOTE]), "")
    assert await messenger.deliver(place, says("Ready."), message_id) == message_id
    [message] = scene.general.messages
    assert (str(message.id), message.content, message.buttons) == (message_id, "Ready.", [])


async def test_a_deleted_message_is_sent_anew(scene: Scene) -> None:
    place = scene.place(scene.general)
    message_id = await scene.messenger.deliver(place, says("Reading…"), "")
    scene.fake._world.delete(scene.general.messages[0])
    assert await scene.messenger.deliver(place, says("Ready."), message_id) != message_id
    assert [message.content for message in scene.general.messages] == ["Ready."]


async def test_a_message_of_several_parts_is_edited_part_for_part(scene: Scene) -> None:
    standing = ""
    for version, parts in enumerate((2, 4, 1, 2)):
        words = [f"v{version}w{n:03}" for n in range(parts * 280 - 140)]
        reply = says(" ".join(words), buttons=[VOTE])
        standing = await scene.messenger.deliver(scene.place(scene.general), reply, standing)
        messages = scene.general.messages
        assert [str(message.id) for message in messages] == standing.split()
        assert len(messages) == parts
        assert " ".join(message.content for message in messages).split() == words
        assert [bool(message.buttons) for message in messages] == [False] * (parts - 1) + [True]


async def test_a_message_that_lost_a_part_is_said_anew_and_nothing_twice(scene: Scene) -> None:
    place = scene.place(scene.general)
    standing = await scene.messenger.deliver(place, says("old " * 900), "")
    scene.fake._world.delete(scene.general.messages[1])
    anew = await scene.messenger.deliver(place, says("new " * 900), standing)
    assert not set(anew.split()) & set(standing.split())
    assert " ".join(message.content for message in scene.general.messages).split() == ["new"] * 900


async def test_a_closed_channel_is_an_error_and_a_busy_discord_a_reason_to_wait(scene: Scene) -> None:
    silent = scene.school.add_channel("silent", writable=False)
    with pytest.raises(ProviderError) as closed:
        await scene.messenger.deliver(scene.place(silent), says("x"), "")
    assert not isinstance(closed.value, ProviderBusy)
    scene.fake.fail_next("POST /channels", 503)
    with pytest.raises(ProviderBusy):
        await scene.messenger.deliver(scene.place(scene.general), says("x"), "")
    scene.fake.limit_next("POST /channels", retry_after=300)
    with pytest.raises(ProviderBusy) as limited:
        await scene.messenger.deliver(scene.place(scene.general), says("x"), "")
    assert limited.value.retry_after_s == 300


async def test_nothing_is_delivered_before_the_connection(fake: FakeDiscord) -> None:
    with pytest.raises(ProviderBusy):
        await platform_at(fake, ScriptedResponder()).deliver(Place("discord", "1"), says("x"), "")


# What goes wrong


async def test_limited_requests_are_repeated(scene: Scene) -> None:
    scene.fake.limit_next("/webhooks/", retry_after=0.01, times=2)
    scene.fake.limit_next("POST /channels", retry_after=0.01, times=1)
    assert (await scene.ask()).content == "ask: why?"
    assert (await scene.mention("hm"))[1].content == "ask: hm"


async def test_what_was_said_while_away_is_answered_after_resuming(scene: Scene) -> None:
    await scene.fake.drop()
    said = await scene.fake.say(scene.bob, scene.general, f"{scene.fake.me.mention} still there?")
    await scene.fake.reconnected()
    assert (await scene.general.next_message(after=said)).content == "ask: still there?"
    assert (scene.fake.identifies, scene.fake.resumes) == (1, 1)


async def test_an_invalid_session_begins_anew(scene: Scene) -> None:
    await scene.fake.invalidate()
    await scene.fake.reconnected()
    assert (await scene.ask()).content == "ask: why?"
    assert scene.fake.identifies == 2


async def test_a_crash_while_answering_ends_nothing_and_logs_neither_text_nor_token(scene: Scene) -> None:
    crashed = asyncio.Event()

    async def crash(request: Request) -> Reply:
        crashed.set()
        raise RuntimeError("broken on purpose")

    scene.responder.answer = crash
    with structlog.testing.capture_logs() as logs:
        await scene.fake.say(scene.bob, scene.general, f"{scene.fake.me.mention} private words")
        async with within(30, "the crash"):
            await crashed.wait()
        scene.responder.answer = None
        assert (await scene.ask()).content == "ask: why?"
    assert [entry["event"] for entry in logs] == ["an event failed"]
    assert "private words" not in str(logs)
    assert TOKEN not in str(logs)


async def test_two_people_are_served_at_once(scene: Scene) -> None:
    both = asyncio.Barrier(2)

    async def together(request: Request) -> Reply:
        async with within(30, "the other one to be served"):
            await both.wait()
        return says(request.arguments["question"])

    scene.responder.answer = together
    first = await scene.fake.slash(scene.alice, scene.general, "ask", question="one")
    second = await scene.fake.slash(scene.bob, scene.general, "ask", question="two")
    assert {(await first.reply()).content, (await second.reply()).content} == {"one", "two"}


# Connecting and leaving


async def test_it_is_known_whether_discord_is_connected(fake: FakeDiscord) -> None:
    platform = platform_at(fake, ScriptedResponder())
    assert platform.liveness() == Liveness(Link.STARTING)
    async with running(platform):
        await fake.connected()
        await eventually(lambda: platform.liveness() == CONNECTED, "the connection")
        with fake.away():
            await fake.drop()
            await eventually(lambda: platform.liveness().link is Link.RECONNECTING, "the loss to be noticed")
        await fake.reconnected()
        await eventually(lambda: platform.liveness() == CONNECTED, "the connection to be back")


async def test_commands_are_registered_only_when_they_changed(fake: FakeDiscord) -> None:
    for times in (1, 2):
        async with running(platform_at(fake, ScriptedResponder())):
            await fake.until(_listed(fake, times), "a look at the menu")
            await fake.connected()
    puts = [call for call in fake.calls if call.method == "PUT"]
    assert len(puts) == 1
    assert set(fake.commands) == {"ask", "history", "upload", "remove"}
    async with running(platform_at(fake, ScriptedResponder(commands=COMMANDS[:1]))):
        await fake.until(lambda: set(fake.commands) == {"ask"}, "the smaller menu")


def _listed(fake: FakeDiscord, times: int) -> Callable[[], bool]:
    def probe() -> bool:
        read = [call for call in fake.calls if (call.method, call.status) == ("GET", 200)]
        return len([call for call in read if call.path.endswith("/commands")]) == times

    return probe


async def test_a_menu_that_discord_refuses_does_not_stop_the_bot(fake: FakeDiscord) -> None:
    bob = fake.add_user("Bob")
    fake.fail_next("PUT /applications", 400, code=50035)
    async with running(platform_at(fake, ScriptedResponder())):
        await fake.connected(commands=False)
        said = await fake.say(bob, fake.dm(bob), "why?")
        assert (await fake.dm(bob).next_message(after=said)).content == "ask: why?"


async def test_a_wrong_token_is_explained(fake: FakeDiscord) -> None:
    with pytest.raises(ConfigurationError, match=r"discord\.bot_token") as refused:
        await platform_at(fake, ScriptedResponder(), "wrong").run(asyncio.Event())
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize(("code", "words"), [(4004, "Reset Token"), (4014, "Privileged Gateway Intents")])
async def test_a_gateway_that_will_never_let_us_in_is_explained(fake: FakeDiscord, code: int, words: str) -> None:
    task = asyncio.create_task(platform_at(fake, ScriptedResponder()).run(asyncio.Event()))
    await fake.connected()
    await fake.drop(code)
    with pytest.raises(ConfigurationError, match=words):
        async with within(30, "the platform to give up"):
            await task


async def test_an_address_that_is_not_discord_is_explained(fake: FakeDiscord) -> None:
    fake.fail_next("/users/@me", 404)
    with pytest.raises(ConfigurationError, match="api_url"):
        await platform_at(fake, ScriptedResponder()).run(asyncio.Event())


async def test_a_discord_that_cannot_be_reached_is_waited_for(fake: FakeDiscord) -> None:
    bob = fake.add_user("Bob")
    fake.fail_next("/users/@me", 503, times=1)
    async with running(platform_at(fake, ScriptedResponder())):
        await fake.connected()
        said = await fake.say(bob, fake.dm(bob), "why?")
        await fake.dm(bob).next_message(after=said)


async def test_a_gateway_that_cannot_be_reached_at_first_is_waited_for(fake: FakeDiscord) -> None:
    platform = DiscordPlatform(
        ScriptedResponder(), bot_token=TOKEN, api_url=fake.api_url, gateway_url=f"{fake.gateway_url}/nowhere"
    )
    with structlog.testing.capture_logs() as logs:
        async with running(platform):
            await fake.until(lambda: len(_logins(fake)) > 1, "a second attempt")
    assert "Discord is away" in [entry["event"] for entry in logs]


def _logins(fake: FakeDiscord) -> list[str]:
    return [call.path for call in fake.calls if call.path == "/users/@me"]


async def test_stopping_lets_an_answer_finish(fake: FakeDiscord) -> None:
    bob, stop, begun = fake.add_user("Bob"), asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> Reply:
        begun.set()
        await stop.wait()
        return says("Just in time.")

    task = asyncio.create_task(platform_at(fake, ScriptedResponder(answer=answer)).run(stop))
    await fake.connected()
    said = await fake.say(bob, fake.dm(bob), "why?")
    async with within(30, "the question"):
        await begun.wait()
    stop.set()
    assert (await fake.dm(bob).next_message(after=said)).content == "Just in time."
    async with within(30, "the platform to stop"):
        await task
