"""How a person likes answers, and what is remembered of them: theirs to see, to change and to forget."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from bot.commands.asking import ask
from bot.commands.registry import Context, Registry, dead_button, numbers_and_rest, said
from core.asking.memory import AS_USUAL, LENGTHS, LEVELS, VOICES, Kept, Kind, Memory, checked_fact
from core.asking.writing import Wishes
from core.conversation import Button, Parameter, Reply, Tone
from core.conversation import Kind as Takes
from core.errors import Refused
from core.ids import CreatorId
from core.library.uploads import checked_language
from core.richtext import RichText, bold, code, joined

ON_OR_OFF: Final = ("on", "off")
IN_A_ROW: Final = 5
TITLES: Final = {
    Kind.FACT: "You asked me to remember",
    Kind.TOPIC: "You asked and got no good answer",
    Kind.SUMMARY: "What we talked about, for this conversation alone",
}
NOT_KEPT: Final = "That is not remembered any more."
NOTHING: Final = 'Nothing yet. /me remember:"I use a left-handed guitar" has me remember something.'
WITHOUT_MODEL: Final = (
    "Length and language also hold where I only quote; level and voice change answers that a model words, and "
    "nothing else."
)

commands = Registry()


@commands.command(
    "me",
    "See and change how you like answers and what I remember of you",
    Parameter("language", "Answer me in this language, as two letters; usual: as I ask"),
    Parameter("level", "What I know of the subject", Takes.CHOICE, choices=(*LEVELS, AS_USUAL)),
    Parameter("length", "How long answers are", Takes.CHOICE, choices=LENGTHS),
    Parameter("voice", "How you talk to me", Takes.CHOICE, choices=(*VOICES, AS_USUAL)),
    Parameter("remember", "Something about me to remember here"),
    Parameter("memory", "Whether I remember anything of you here", Takes.CHOICE, choices=ON_OR_OFF),
    private=True,
)
async def me(context: Context) -> Reply:
    """Change what is given, then show everything."""
    wishes = await _changed(context)
    if choice := context.text("memory"):
        await _choose(context, wanted=choice == "on")
    if fact := context.text("remember"):
        await _remember(context, fact)
    return await _shown(context, wishes)


async def _changed(context: Context) -> Wishes:
    memories, student_id = context.services.memories, context.standing.student_id
    before = await memories.wishes(student_id)
    language = context.text("language")
    wishes = Wishes(
        before.language if not language else checked_language(_unless_usual(language)),
        _wish(context, "level", before.level),
        _wish(context, "length", before.length),
        _wish(context, "voice", before.voice),
    )
    if wishes != before:
        await memories.wish(student_id, wishes)
    return wishes


def _wish(context: Context, name: str, before: str) -> str:
    given = context.text(name)
    return _unless_usual(given) if given else before


def _unless_usual(given: str) -> str:
    return "" if given.casefold() == AS_USUAL else given


async def _choose(context: Context, *, wanted: bool) -> None:
    await context.services.memories.choose(context.creator.id, context.standing.student_id, wanted=wanted)


async def _remember(context: Context, fact: str) -> None:
    creator_id, student_id = context.creator.id, context.standing.student_id
    kept = await context.services.memories.kept(creator_id, student_id)
    if not kept.remembers:
        raise Refused("Memory is off for you here, so I keep nothing. /me memory:on switches it on.")
    await context.services.memories.remember(creator_id, student_id, checked_fact(fact))


async def _shown(context: Context, wishes: Wishes) -> Reply:
    """Both halves: wishes, which hold everywhere, and memory, where it is clear with whom."""
    lines = [RichText.of(bold("How you like answers, everywhere")), *_wishes(wishes)]
    rows = [_choices("length", LENGTHS, wishes.length), _choices("level", (*LEVELS, AS_USUAL), wishes.level)]
    rows.append(_choices("voice", (*VOICES, AS_USUAL), wishes.voice))
    creator = context.standing.creator
    if creator is not None:
        kept = await context.services.memories.kept(creator.id, context.standing.student_id)
        lines += [RichText(), *_memory_lines(kept, creator.name)]
        rows.append(_memory_buttons(kept, creator.id))
    else:
        lines += [
            RichText(),
            RichText.of("What I remember of you is kept with each creator: /creator chooses one here."),
        ]
    return Reply(joined(lines), tuple(rows))


def _wishes(wishes: Wishes) -> Iterator[RichText]:
    told = (
        ("Language", wishes.language, "the one that you ask in"),
        ("Level", wishes.level, "as for everybody"),
        ("Length", wishes.length, "usual"),
        ("Voice", wishes.voice, "as usual"),
    )
    for name, value, otherwise in told:
        yield RichText.of(bold(f"{name}: "), value or otherwise)
    yield RichText.of(f"{WITHOUT_MODEL} Change with ", code("/me language:es level:beginner length:short"), ".")


def _choices(name: str, values: tuple[str, ...], chosen: str) -> tuple[Button, ...]:
    """Buttons for what is not chosen now."""
    return tuple(
        Button(f"{name.capitalize()}: {value}", "me_wish", f"{name}:{value}")
        for value in values
        if value != (chosen or AS_USUAL)
    )


def _memory_lines(kept: Kept, creator_name: str) -> Iterator[RichText]:
    whose = "" if kept.own_choice else ", as is usual here"
    yield RichText.of(bold(f"What I remember of you with {creator_name}"), f" (memory is {_state(kept)}{whose})")
    if not kept.memories:
        yield RichText.of(NOTHING if kept.remembers else "Nothing.")
    elif not kept.remembers:
        yield RichText.of("Nothing new is kept, and what is here is not used:")
    for kind in Kind:
        if found := kept.of(kind):
            yield RichText.of(f"{TITLES[kind]}:")
            yield from (RichText.of(f"• {_words(memory)}") for memory in found)
    yield RichText.of("Only you see this: no other member, no staff, no other creator.")


def _state(kept: Kept) -> str:
    return "on" if kept.remembers else "off"


def _words(memory: Memory) -> str:
    return f"{memory.text} (key words, put together without a model)" if memory.lexical else memory.text


def _memory_buttons(kept: Kept, creator_id: CreatorId) -> tuple[Button, ...]:
    """The creator is named on each button: in a private chat another one may be chosen by the time it is pressed."""
    switch = ON_OR_OFF[kept.remembers]
    buttons = [Button(f"Turn memory {switch}", "me_memory", f"{creator_id}:{switch}")]
    if kept.memories:
        buttons += [
            Button("Forget something …", "me_list", str(creator_id)),
            Button("Forget all of it", "me_forget_all", f"{creator_id}:ask", Tone.DANGER),
        ]
    if kept.of(Kind.TOPIC):
        buttons.append(Button("Ask again …", "me_topics", str(creator_id)))
    return tuple(buttons)


@commands.action("me_wish")
async def me_wish(context: Context) -> Reply:
    """Change one wish."""
    name, _, value = context.text("payload").partition(":")
    if value not in {"length": LENGTHS, "level": (*LEVELS, AS_USUAL), "voice": (*VOICES, AS_USUAL)}.get(name, ()):
        raise dead_button()
    changed = replace(context, request=replace(context.request, arguments={name: value}))
    return replace(await me(changed), replaces=True)


@commands.action("me_memory")
async def me_memory(context: Context) -> Reply:
    """Switch memory on or off for this person here."""
    creator_id, choice = _creator_and_rest(context)
    if choice not in ON_OR_OFF:
        raise dead_button()
    await context.services.memories.choose(creator_id, context.standing.student_id, wanted=choice == "on")
    if choice == "on":
        return said("From now on I remember. /me shows what, and takes it back.")
    return said("I keep nothing new of you here and use nothing of what is kept. /me can forget that, too.")


def _creator_and_rest(context: Context) -> tuple[CreatorId, str]:
    """Whose button it is; nobody's memory is reached by it but that of who presses it."""
    (creator_id,), rest = numbers_and_rest(context, 1)
    return CreatorId(creator_id), rest


@commands.action("me_list")
async def me_list(context: Context) -> Reply:
    """Show what is remembered with a button for each."""
    creator_id, _ = _creator_and_rest(context)
    return await _to_forget(context, creator_id)


async def _to_forget(context: Context, creator_id: CreatorId, *, replaces: bool = False) -> Reply:
    kept = await context.services.memories.kept(creator_id, context.standing.student_id)
    if not kept.memories:
        return replace(said("I remember nothing of you here any more."), replaces=replaces)
    numbered = list(enumerate(kept.memories[-4 * IN_A_ROW :], 1))
    lines = [RichText.of(f"{number}. {_words(memory)}") for number, memory in numbered]
    buttons = [
        Button(f"Forget {number}", "me_forget", f"{creator_id}:{memory.id}:{memory.kind.value}")
        for number, memory in numbered
    ]
    rows = [tuple(buttons[at : at + IN_A_ROW]) for at in range(0, len(buttons), IN_A_ROW)]
    rows.append((Button("Forget all of it", "me_forget_all", f"{creator_id}:ask", Tone.DANGER),))
    return Reply(RichText.of("Which one?\n", joined(lines)), tuple(rows), replaces=replaces)


@commands.action("me_forget")
async def me_forget(context: Context) -> Reply:
    """Forget one thing and show what is left."""
    (creator_id, memory_id), kind = numbers_and_rest(context, 2)
    if kind not in set(Kind):
        raise dead_button()
    memories = context.services.memories
    if not await memories.forget(CreatorId(creator_id), context.standing.student_id, Kind(kind), memory_id):
        raise Refused(NOT_KEPT)
    return await _to_forget(context, CreatorId(creator_id), replaces=True)


@commands.action("me_forget_all")
async def me_forget_all(context: Context) -> Reply:
    """Ask once more, then forget everything with one creator."""
    creator_id, answer = _creator_and_rest(context)
    if answer != "yes":
        sure = Button("Yes, forget all of it", "me_forget_all", f"{creator_id}:yes", Tone.DANGER)
        words = "All that I remember of you here is gone then, and cannot be brought back. Really?"
        return Reply(RichText.of(words), ((sure,),))
    await context.services.memories.forget_all(creator_id, context.standing.student_id)
    return replace(said("Forgotten. How you like answers stays; /history and /privacy show the rest."), replaces=True)


@commands.action("me_topics")
async def me_topics(context: Context) -> Reply:
    """Offer the questions that got no good answer to be asked again."""
    creator_id, _ = _creator_and_rest(context)
    topics = (await context.services.memories.kept(creator_id, context.standing.student_id)).of(Kind.TOPIC)
    if not topics:
        return said("Nothing is open any more.")
    rows = tuple((Button(topic.text[:80], "me_again", f"{creator_id}:{topic.id}"),) for topic in topics)
    return Reply(RichText.of("What shall I look for again?"), rows)


@commands.action("me_again", private=True)
async def me_again(context: Context) -> Reply:
    """Ask a question once more that got no good answer."""
    creator_id, number = _creator_and_rest(context)
    if creator_id != context.creator.id:
        raise Refused(f"Here you ask {context.creator.name} now. /creator changes it.")
    topics = (await context.services.memories.kept(creator_id, context.standing.student_id)).of(Kind.TOPIC)
    found = next((topic for topic in topics if str(topic.id) == number), None)
    if found is None:
        raise Refused(NOT_KEPT)
    asked = replace(context.request, command="ask", arguments={"question": found.text}, about="")
    return await ask(replace(context, request=asked))
