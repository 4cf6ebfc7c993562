"""How assistants and the versions of their prompts look to the staff."""

from collections.abc import Mapping, Sequence
from typing import Final

from core.asking.assistants import Assistant, PromptVersion, choice_words
from core.asking.prompt_changes import Mark, changes
from core.conversation import Button, Place, Reply, Tone
from core.ids import SourceId
from core.richtext import RichText, Span, bold, counted, italic, joined, link
from core.typed_commands import quoted

SHOWN_VERSIONS: Final = 5
SHOWN_CHARS: Final = 1_500
_SUPERGROUP: Final = "-100"
_MARKS: Final = {Mark.SAME: "  ", Mark.ADDED: "🟢 ", Mark.REMOVED: "🔴 "}

Titles = Mapping[SourceId, str]


def assistant_line(assistant: Assistant, here: Place) -> RichText:
    """An assistant on one line of a list."""
    facts = [
        f"prompt {assistant.version}" if assistant.version else "",
        "tutor" if assistant.said.tutor else "",
        "" if assistant.answers_from is None else f"from {counted(assistant.answers_from, 'source')}",
        "⚠️ nothing to answer from" if assistant.answers_from == 0 else "",
    ]
    known = "".join(f" · {fact}" for fact in facts if fact)
    return RichText.of("▸ ", bold(assistant.said.name), known, " · ", _where(assistant, here))


def assistant_card(
    assistant: Assistant, versions: Sequence[PromptVersion], titles: Titles, known: Sequence[str], here: Place
) -> RichText:
    """All that is said of an assistant, and what its answers were thought of.

    Args:
        assistant: which.
        versions: of its prompt.
        titles: of the sources that it may name.
        known: the models that are configured.
        here: where this is read.
    """
    said = assistant.said
    gone = [model for model in said.models if model not in known]
    lines = [
        RichText.of(bold(said.name), f" · #{assistant.id}"),
        RichText.of("Answers ", _where(assistant, here)),
        RichText.of(f"Tone: {said.tone or 'as usual'}"),
        RichText.of(f"Prompt: {_prompt_words(assistant)}"),
        RichText.of(f"Model: {', '.join(said.models) or 'the usual ones'}"),
        *([RichText.of(f"⚠️ Not configured any more: {', '.join(gone)}")] if gone else []),
        RichText.of(f"Answers from: {choice_words(said.choice, titles)}{_how_many(assistant)}"),
        RichText.of(f"Tutor: {'on: it leads to the answer' if said.tutor else 'off'}"),
    ]
    return joined([*lines, *(version_line(each, assistant.version) for each in versions[:SHOWN_VERSIONS])])


def _prompt_words(assistant: Assistant) -> str:
    if not assistant.newest:
        return f"none yet. /assistant_prompt assistant:{quoted(assistant.said.name)} text:..."
    used = f"version {assistant.version} is used" if assistant.version else "none is used"
    return used if assistant.version == assistant.newest else f"{used}, {assistant.newest} is the newest"


def _how_many(assistant: Assistant) -> str:
    if assistant.answers_from is None:
        return ""
    return f" ({counted(assistant.answers_from, 'source')} now)" if assistant.answers_from else " ⚠️ none is there now"


def _where(assistant: Assistant, here: Place) -> RichText:
    """Where an assistant is bound."""
    spots = [RichText.of(place_words(place, here)) for place in assistant.places]
    spots += [RichText.of("everywhere else")] if assistant.elsewhere else []
    return RichText.of("in ", joined(spots, ", ")) if spots else RichText.of("nowhere yet")


def place_words(place: Place, here: Place | None = None) -> Span | str:
    """A place in words, with a link to it where its platform has one."""
    what = "topic" if place.thread else "chat" if place.platform == "telegram" else "channel"
    if here is not None and here.key == place.key:
        return f"this {what}"
    address = _address(place)
    return link(f"a {what}", address) if address else f"a {what} on {place.platform}"


def _address(place: Place) -> str:
    if place.platform == "discord" and place.community:
        return f"https://discord.com/channels/{place.community}/{place.channel}"
    if place.platform == "telegram" and place.channel.startswith(_SUPERGROUP):
        return f"https://t.me/c/{place.channel.removeprefix(_SUPERGROUP)}/{place.thread or 1}"
    return ""


def version_line(version: PromptVersion, active: int) -> RichText:
    """A version with who wrote it, and what its answers of the last 30 days were thought of."""
    by = f" by {version.author}" if version.author else ""
    used = " · in use" if version.version == active else ""
    rated = f", {version.helpful} 👍 {version.unhelpful} 👎" if version.helpful or version.unhelpful else ""
    answers = f" · {counted(version.answers, 'answer')}{rated} in 30 days" if version.answers else ""
    written = f"{version.written_at.day} {version.written_at:%B %Y}"
    return RichText.of("▸ ", bold(f"Version {version.version}"), f"{by}, {written}{used}{answers}")


def version_buttons(assistant: Assistant, versions: Sequence[PromptVersion]) -> tuple[tuple[Button, ...], ...]:
    """What can be done with each of the newest versions, and with the one in use."""
    shown = [each for each in versions if each.version == assistant.version or each in versions[:SHOWN_VERSIONS]]
    return tuple(_of_version(assistant, each.version) for each in shown[:SHOWN_VERSIONS])


def _of_version(assistant: Assistant, version: int) -> tuple[Button, ...]:
    payload, used = f"{assistant.id}:{version}", version == assistant.version
    show = Button(f"Show {version}", "prompt_show", payload)
    if used:
        return (show,)
    compare = (Button(f"Compare {version} with {assistant.version}", "prompt_compare", payload),)
    return (use_button(assistant, version, f"Use {version}"), show, *(compare if assistant.version else ()))


def use_button(assistant: Assistant, version: int, label: str = "Use this one") -> Button:
    """Puts a version into use."""
    return Button(label, "prompt_use", f"{assistant.id}:{version}", Tone.GOOD)


def difference(before: str, after: str) -> RichText:
    """What is different between two prompts, sentence by sentence."""
    found = changes(before, after)
    if all(each.mark is Mark.SAME for each in found):
        return RichText.of(italic("Both say the same."))
    return joined([RichText.of(_MARKS[each.mark], _styled(each.text, each.mark)) for each in found])


def _styled(text: str, mark: Mark) -> Span | str:
    return {Mark.SAME: italic, Mark.ADDED: bold}.get(mark, Span)(text)


def confirm_removal(assistant: Assistant, here: Place) -> Reply:
    """Asks before an assistant is taken away."""
    words = RichText.of("Remove ", bold(assistant.said.name), "? It answers ", _where(assistant, here), ".")
    return Reply(words, ((Button("Remove", "assistant_drop", str(assistant.id), Tone.DANGER),),))
