"""The prompts of assistants, version by version: written, compared, tried out and put into use."""

import asyncio
from dataclasses import replace
from pathlib import PurePath
from typing import Final

from bot.commands.asking import ask
from bot.commands.assistant_cards import (
    SHOWN_CHARS,
    difference,
    use_button,
    version_buttons,
    version_line,
)
from bot.commands.assistants import GONE, editor_of, existing_assistant, named_assistant, suggest_assistant
from bot.commands.registry import Context, Registry, numbers_of
from bot.commands.uploads import saved_file
from core.asking.assistants import LONGEST_NAME, Assistant, PromptVersion, Voice, checked_prompt
from core.conversation import Attachment, Audience, Button, File, Kind, Parameter, Reply
from core.errors import Refused
from core.ids import AssistantId
from core.library.uploads import check_size
from core.richtext import RichText, bold, joined
from core.typed_commands import quoted

LARGEST_BYTES: Final = 100_000
ENDINGS: Final = frozenset({".txt", ".md", ".markdown"})
HOW: Final = "Write one: /assistant_prompt assistant:{name} text:..., or attach it as a file (.txt or .md)."
_QUOTES: Final = ' "\u201c\u201d'
NO_VERSION: Final = "There is no such version any more. /assistant_prompt lists those that there are."

commands = Registry()


@commands.command(
    "assistant_prompt",
    "See the versions of an assistant's prompt, or write a new one",
    Parameter("assistant", "Whose, by its name", Kind.ITEM),
    Parameter("text", "How it answers from now on; it is tried before it is used", takes_rest=True),
    Parameter("file", "The same as a file, .txt or .md", Kind.FILE),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_assistant,
)
async def assistant_prompt(context: Context) -> Reply:
    """Keep a new version where one is given, else show those that there are."""
    file, (name, text) = context.file("file"), _whose(context.text("assistant"), context.text("text"))
    if not name or len(name) > LONGEST_NAME:
        raise Refused(f"Whose prompt is that? {HOW.format(name='Ada')}")
    assistant = await named_assistant(context, name)
    if not file and not text:
        return await _versions(context, assistant)
    return await _written(context, assistant, checked_prompt(await _text_of(context, file) if file else text))


def _whose(assistant: str, text: str) -> tuple[str, str]:
    """Whose prompt, and what it says: where commands are typed, the name may just stand before the rest."""
    if assistant:
        return assistant, text
    name, _, said = text.partition(" text:")
    return name.strip(_QUOTES), said.strip(_QUOTES)


async def _text_of(context: Context, file: Attachment) -> str:
    if PurePath(file.name).suffix.lower() not in ENDINGS:
        raise Refused("Attach the prompt as plain text: .txt or .md.")
    check_size(file.name, file.size_bytes, LARGEST_BYTES)
    async with saved_file(context.services.scratch, file) as path:
        check_size(file.name, path.stat().st_size, LARGEST_BYTES)
        content = await asyncio.to_thread(path.read_bytes)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("That file is not text. Save it in UTF-8.") from error


async def _written(context: Context, assistant: Assistant, prompt: str) -> Reply:
    version = await context.services.assistants.write(editor_of(context), assistant.id, prompt)
    if version is None:
        raise Refused(GONE)
    name = assistant.said.name
    kept = f"Version {version} of {name}'s prompt is kept, and not used yet. Try it:"
    how = f"/assistant_try assistant:{quoted(name)} version:{version} question:..."
    before = await _of(context, assistant.id, assistant.version)
    compared = RichText.of("\n\n", difference(before.text, prompt)) if before else RichText()
    return Reply(
        RichText.of(kept, " ", how, compared), ((use_button(assistant, version), _show(assistant, version)),)
    )


def _show(assistant: Assistant, version: int) -> Button:
    return Button("Show", "prompt_show", f"{assistant.id}:{version}")


async def _versions(context: Context, assistant: Assistant) -> Reply:
    versions = await context.services.assistants.versions(context.creator.id, assistant.id)
    if not versions:
        return Reply(
            RichText.of(f"{assistant.said.name} has no prompt yet. {HOW.format(name=quoted(assistant.said.name))}")
        )
    lines = [version_line(each, assistant.version) for each in versions]
    heading = bold(f"The prompt of {assistant.said.name}")
    return Reply(RichText.of(heading, "\n", joined(lines)), version_buttons(assistant, versions))


async def _of(context: Context, assistant_id: AssistantId, version: int) -> PromptVersion | None:
    versions = await context.services.assistants.versions(context.creator.id, assistant_id)
    return next((each for each in versions if each.version == version), None)


async def _meant(context: Context) -> tuple[Assistant, PromptVersion]:
    """The assistant and the version that a button names.

    Raises:
        Refused: one of them is gone.
    """
    assistant_id, version = numbers_of(context, 2)
    assistant = await existing_assistant(context, assistant_id)
    found = await _of(context, assistant.id, version)
    if found is None:
        raise Refused(NO_VERSION)
    return assistant, found


@commands.action("prompt_show", audience=Audience.STAFF)
async def prompt_show(context: Context) -> Reply:
    """A version as it was written, and as a file."""
    assistant, version = await _meant(context)
    cut = "\n…" if len(version.text) > SHOWN_CHARS else ""
    file = File(f"prompt-{assistant.id}-{version.version}.txt", version.text.encode())
    shown = RichText.of(version_line(version, assistant.version), f"\n\n{version.text[:SHOWN_CHARS]}{cut}")
    use = () if version.version == assistant.version else ((use_button(assistant, version.version),),)
    return Reply(shown, use, (file,))


@commands.action("prompt_compare", audience=Audience.STAFF)
async def prompt_compare(context: Context) -> Reply:
    """What a version says otherwise than the one in use."""
    assistant, version = await _meant(context)
    used = await _of(context, assistant.id, assistant.version)
    heading = bold(f"Version {assistant.version} (in use) → {version.version}")
    compared = difference(used.text if used else "", version.text)
    return Reply(RichText.of(heading, "\n", compared), ((use_button(assistant, version.version),),))


@commands.action("prompt_use", audience=Audience.STAFF)
async def prompt_use(context: Context) -> Reply:
    """Put a version into use; the one before is a press away."""
    assistant_id, version = numbers_of(context, 2)
    assistant = await existing_assistant(context, assistant_id)
    before = await context.services.assistants.use(editor_of(context), assistant.id, version)
    if before is None:
        raise Refused(NO_VERSION)
    which = f"version {version} of its prompt" if version else "no prompt of its own"
    words = RichText.of(bold(assistant.said.name), f" uses {which} from now on, in every answer.")
    undo = ((Button("Undo", "prompt_use", f"{assistant_id}:{before}"),),) if before != version else ()
    return Reply(words, undo, replaces=True)


@commands.command(
    "assistant_try",
    "Ask an assistant something without binding it, or with a version that is not used yet",
    Parameter("question", "What would you like to know?", required=True),
    Parameter("assistant", "Whom, by its name; else who answers here", Kind.ITEM),
    Parameter("version", "Of its prompt; else the one in use", Kind.NUMBER),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_assistant,
)
async def assistant_try(context: Context) -> Reply:
    """Answer for the staff alone; it counts like any question."""
    voice = await _tried(context)
    asked = replace(context.request, command="ask", arguments={"question": context.text("question")}, about="")
    return replace(await ask(replace(context, request=asked, voice=replace(voice, trial=True))), private=True)


async def _tried(context: Context) -> Voice:
    creator_id, assistants = context.creator.id, context.services.assistants
    if wanted := context.text("assistant"):
        assistant_id: AssistantId | None = (await named_assistant(context, wanted)).id
    else:
        assistant_id = (await assistants.speaking(creator_id, context.place)).assistant_id
    if assistant_id is None:
        raise Refused("Nobody special answers here. Say whom to try: /assistant_try assistant:Ada question:...")
    number = context.number("version")
    voice = await assistants.voice(creator_id, assistant_id, None if number is None else int(min(number, 1e6)))
    if voice is None:
        raise Refused(NO_VERSION)
    return voice
