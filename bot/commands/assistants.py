"""Assistants for the staff: made, changed, bound to channels and topics, and taken away again."""

import asyncio
from collections.abc import Sequence
from typing import Final

from bot.commands.assistant_cards import (
    Titles,
    assistant_card,
    assistant_line,
    confirm_removal,
    place_words,
    version_buttons,
)
from bot.commands.registry import Context, Registry, numbers_and_rest
from bot.commands.titles import fitting
from core.asking.assistants import (
    EVERYWHERE_ELSE,
    KINDS,
    LONGEST_NAME,
    Assistant,
    Choice,
    Editor,
    Profile,
    ProfileChange,
    Rebound,
    Spot,
    checked_name,
    checked_prompt,
    checked_tone,
    read_choice,
)
from core.asking.choices import chosen_models
from core.conversation import Audience, Button, Kind, Parameter, Reply, Suggestion
from core.errors import Refused
from core.ids import AssistantId, SourceId
from core.library.store import Source
from core.richtext import RichText, bold, joined

BUTTONS: Final = 8
HERE, ELSEWHERE = "here", "everywhere else"
ON, OFF = "on", "off"
GONE: Final = "That assistant is gone. /assistants lists those that there are."
NONE_YET: Final = (
    "There is no assistant yet: I answer everywhere as I am, from everything. Make one with a name, a tone, a prompt "
    'and sources of its own: /assistant_add name:Ada tone:"warm, brief". Then bind it to a channel: /assistant_bind'
)
SOURCES: Final = "With | between: titles, videos, documents, pages, pairs, notes, topic:x, tag:x"

commands = Registry()


def editor_of(context: Context) -> Editor:
    """Who changes something, and of which creator's."""
    return Editor(context.creator.id, context.standing.student_id)


async def suggest_assistant(context: Context, typed: str) -> Sequence[Suggestion]:
    """Complete an assistant by words of its name."""
    every = await context.services.assistants.every(context.creator.id)
    wanted = typed.casefold()
    return [Suggestion(one.said.name, str(one.id)) for one in every if wanted in one.said.name.casefold()][:25]


async def named_assistant(context: Context, wanted: str) -> Assistant:
    """The one assistant of this name or number.

    Raises:
        Refused: none fits, or several do.
    """
    every = await context.services.assistants.every(context.creator.id)
    found = fitting(wanted, every)
    if not found:
        raise Refused(f"No assistant is called {wanted!r}. /assistants lists those that there are.")
    if len(found) > 1:
        raise Refused(f"Several fit: {', '.join(one.said.name for one in found[:5])}. Please give the whole name.")
    return found[0]


async def existing_assistant(context: Context, assistant_id: int) -> Assistant:
    """The assistant that a button names.

    Raises:
        Refused: it is gone.
    """
    every = await context.services.assistants.every(context.creator.id)
    found = next((one for one in every if one.id == assistant_id), None)
    if found is None:
        raise Refused(GONE)
    return found


@commands.command(
    "assistants",
    "See who answers where, and how their answers are rated",
    Parameter("assistant", "Its name: all about one", Kind.ITEM, takes_rest=True),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_assistant,
)
async def assistants(context: Context) -> Reply:
    """List the assistants, or show one."""
    if wanted := context.text("assistant"):
        return await card(context, await named_assistant(context, wanted))
    every = await context.services.assistants.every(context.creator.id)
    if not every:
        return Reply(RichText.of(NONE_YET))
    lines = [assistant_line(one, context.place) for one in every]
    if not any(one.elsewhere for one in every):
        lines.append(RichText.of("Everywhere else I answer as I am, from everything."))
    buttons = [Button(one.said.name, "assistant_card", str(one.id)) for one in every[:BUTTONS]]
    rows = tuple(tuple(buttons[n : n + 2]) for n in range(0, len(buttons), 2))
    return Reply(RichText.of(bold(f"Assistants: {len(every)}"), "\n", joined(lines)), rows)


@commands.action("assistant_card", audience=Audience.STAFF)
async def show_card(context: Context) -> Reply:
    """The button of a list."""
    return await card(context, await existing_assistant(context, context.payload_number))


async def card(context: Context, assistant: Assistant, note: str = "", *undo: Button) -> Reply:
    """An assistant with what can be done with it; ``undo`` takes back what was just done."""
    creator_id, services = context.creator.id, context.services
    versions, titles = await asyncio.gather(services.assistants.versions(creator_id, assistant.id), _titles(context))
    shown = assistant_card(assistant, versions, titles, services.model_names, context.place)
    remove = Button("Remove", "assistant_remove_ask", str(assistant.id))
    rows = [undo, *version_buttons(assistant, versions)[:2], (*_offers(context, assistant), remove)]
    return Reply(RichText.of(f"{note}\n\n" if note else "", shown), tuple(tuple(row) for row in rows if row))


def _offers(context: Context, assistant: Assistant) -> list[Button]:
    """To answer where it does not yet."""
    spots = [] if context.place.direct else [("Answer here", Spot.of(context.place))]
    bound = {place.key for place in assistant.places} | ({EVERYWHERE_ELSE.key} if assistant.elsewhere else set())
    spots.append(("Answer everywhere else", EVERYWHERE_ELSE))
    return [
        Button(label, "voice_set", f"{assistant.id}:{spot.key}") for label, spot in spots if spot.key not in bound
    ]


async def _titles(context: Context) -> Titles:
    return {source.id: source.title for source in await context.services.shelf.sources(context.creator.id)}


@commands.command(
    "assistant_add",
    "Make an assistant with a name, a tone, a prompt and sources",
    Parameter("name", f"What members read below its answers, at most {LONGEST_NAME} characters", required=True),
    Parameter("tone", "A few words, such as: warm, brief, first names"),
    Parameter("prompt", "How it answers; longer ones as a file: /assistant_prompt"),
    Parameter("sources", SOURCES),
    Parameter("tutor", "on: it leads to the answer in place of giving it away", Kind.CHOICE, choices=(ON, OFF)),
    Parameter("model", "Models that are tried first, with commas between"),
    audience=Audience.STAFF,
    private=True,
)
async def assistant_add(context: Context) -> Reply:
    """Make an assistant; it answers nowhere before it is bound."""
    said = ProfileChange(
        tone=_tone(context), models=_models(context), tutor=_tutor(context), choice=await _choice(context)
    ).applied(Profile(checked_name(context.text("name"))))
    prompt = checked_prompt(context.text("prompt")) if context.text("prompt") else ""
    made = await context.services.assistants.add(editor_of(context), said, prompt)
    return await card(context, made, "Made. Try it with /assistant_try, then say where it answers: /assistant_bind")


@commands.command(
    "assistant_edit",
    "Change an assistant's name, tone, sources, tutor mode or model",
    Parameter("assistant", "Which, by its name", Kind.ITEM, required=True),
    Parameter("name", "What members read below its answers"),
    Parameter("tone", "A few words; none for the usual one"),
    Parameter("sources", f"{SOURCES}; or all"),
    Parameter("tutor", "on: it leads to the answer in place of giving it away", Kind.CHOICE, choices=(ON, OFF)),
    Parameter("model", "Models that are tried first, with commas between; or default"),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_assistant,
)
async def assistant_edit(context: Context) -> Reply:
    """Change what is given of an assistant."""
    assistant = await named_assistant(context, context.text("assistant"))
    change = ProfileChange(
        checked_name(context.text("name")) if context.text("name") else None, _tone(context), _models(context),
        _tutor(context), await _choice(context), _plain(context, "sources") == "all",
    )  # fmt: skip
    if change.empty:
        raise Refused("Say what to change, such as tone:... or sources:... Its prompt: /assistant_prompt")
    changed = await context.services.assistants.change(editor_of(context), assistant.id, change)
    if changed is None:
        raise Refused(GONE)
    return await card(context, changed, "Changed.", Button("Undo", "assistant_undo", str(changed.id)))


def _plain(context: Context, name: str) -> str:
    return context.text(name).casefold()


def _tone(context: Context) -> str | None:
    if not context.text("tone"):
        return None
    return "" if _plain(context, "tone") == "none" else checked_tone(context.text("tone"))


def _models(context: Context) -> tuple[str, ...] | None:
    if not context.text("model"):
        return None
    return chosen_models(context.text("model"), context.services.model_names)


def _tutor(context: Context) -> bool | None:
    return {ON: True, OFF: False}.get(_plain(context, "tutor"))


async def _choice(context: Context) -> Choice | None:
    if _plain(context, "sources") in {"", "all"}:
        return None
    sources = await context.services.shelf.sources(context.creator.id)
    return read_choice(context.text("sources"), lambda wanted: _source_named(wanted, sources))


def _source_named(wanted: str, sources: Sequence[Source]) -> SourceId:
    found = fitting(wanted, sources)
    if not found:
        raise Refused(
            f"No source is called {wanted!r}. /videos lists them. Else: {', '.join(KINDS)}, topic:... or tag:..."
        )
    if len(found) > 1:
        several = "; ".join(f"#{source.id} {source.title}" for source in found[:5])
        raise Refused(f"Several sources fit {wanted!r}: {several}. Please give the number.")
    return found[0].id


@commands.action("assistant_undo", audience=Audience.STAFF)
async def assistant_undo(context: Context) -> Reply:
    """Take the last change of an assistant back, or that back again."""
    assistant_id = AssistantId(context.payload_number)
    changed = await context.services.assistants.undo(editor_of(context), assistant_id)
    if changed is None:
        raise Refused(GONE)
    return await card(context, changed, "As it was before.", Button("Redo", "assistant_undo", str(assistant_id)))


@commands.command(
    "assistant_bind",
    "Let an assistant answer in this channel, thread or topic, or everywhere else",
    Parameter("assistant", "Which, by its name", Kind.ITEM, required=True),
    Parameter("where", "here, unless you say otherwise", Kind.CHOICE, choices=(HERE, ELSEWHERE)),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_assistant,
)
async def assistant_bind(context: Context) -> Reply:
    """Bind an assistant to where this is typed, or to everywhere else."""
    assistant = await named_assistant(context, context.text("assistant"))
    return await _set(context, assistant.id, _spot(context))


@commands.command(
    "assistant_unbind",
    "Let me answer here again as everywhere else, or there as I am",
    Parameter("where", "here, unless you say otherwise", Kind.CHOICE, choices=(HERE, ELSEWHERE)),
    audience=Audience.STAFF,
    private=True,
)
async def assistant_unbind(context: Context) -> Reply:
    """Unbind whoever answers where this is typed, or everywhere else."""
    return await _set(context, None, _spot(context))


def _spot(context: Context) -> Spot:
    if context.text("where") == ELSEWHERE:
        return EVERYWHERE_ELSE
    if context.place.direct:
        raise Refused(
            "In a private chat the assistant for everywhere else answers. Type this in the channel or topic that you "
            f'mean, or add where:"{ELSEWHERE}".'
        )
    return Spot.of(context.place)


@commands.action("voice_set", audience=Audience.STAFF)
async def voice_set(context: Context) -> Reply:
    """Let an assistant (0: nobody special) answer where a button says."""
    (number,), key = numbers_and_rest(context, 1)
    spot = Spot.of(context.place) if key == context.place.key else Spot.kept(key)
    return await _set(context, AssistantId(number) if number else None, spot)


async def _set(context: Context, assistant_id: AssistantId | None, spot: Spot) -> Reply:
    rebound = await context.services.assistants.bind(editor_of(context), assistant_id, spot)
    if rebound is None and assistant_id is None:
        raise Refused("No assistant is bound there. /assistants shows who answers where.")
    if rebound is None:
        raise Refused(GONE)
    before = rebound.before.id if rebound.before else 0
    undo = () if before == assistant_id else ((Button("Undo", "voice_set", f"{before}:{spot.key}"),),)
    return Reply(_set_words(context, rebound, spot), undo, private=True)


def _set_words(context: Context, rebound: Rebound, spot: Spot) -> RichText:
    where = RichText.of("everywhere else, and in private chats") if spot.place is None else None
    where = where or RichText.of("in ", place_words(spot.place or context.place, context.place))
    if rebound.now is None:
        left = "I answer as I am" if spot.place is None else "I answer as everywhere else"
        return RichText.of(left, " ", where, " from now on.")
    others = rebound.before.said.name if rebound.before and rebound.before.id != rebound.now.id else ""
    instead = f", in place of {others}" if others else ""
    empty = " ⚠️ It has no source to answer from now." if rebound.now.answers_from == 0 else ""
    return RichText.of(bold(rebound.now.said.name), " answers ", where, f" from now on{instead}.{empty}")


@commands.command(
    "assistant_remove",
    "Take an assistant away",
    Parameter("assistant", "Which, by its name", Kind.ITEM, required=True),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_assistant,
)
async def assistant_remove(context: Context) -> Reply:
    """Ask whether an assistant is to be taken away."""
    return confirm_removal(await named_assistant(context, context.text("assistant")), context.place)


@commands.action("assistant_remove_ask", audience=Audience.STAFF)
async def remove_ask(context: Context) -> Reply:
    """The button under an assistant."""
    return confirm_removal(await existing_assistant(context, context.payload_number), context.place)


@commands.action("assistant_drop", audience=Audience.STAFF)
async def drop(context: Context) -> Reply:
    """Take an assistant away; a button brings it back, for a week."""
    assistant_id = AssistantId(context.payload_number)
    removed = await context.services.assistants.remove(editor_of(context), assistant_id)
    if removed is None:
        raise Refused(GONE)
    words = RichText.of("Removed ", bold(removed.said.name), ". Where it answered, I do as everywhere else.")
    return Reply(words, ((Button("Undo", "assistant_restore", str(assistant_id)),),), replaces=True)


@commands.action("assistant_restore", audience=Audience.STAFF)
async def restore(context: Context) -> Reply:
    """Bring an assistant back, with where it answered."""
    back = await context.services.assistants.restore(editor_of(context), AssistantId(context.payload_number))
    if back is None:
        raise Refused("It is too late to undo that, or another assistant has that name now.")
    return await card(context, back, f"{back.said.name} is back.")
