"""What Discord accepts, and the errors it answers with."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tests.wire.fake_discord_world import COMPONENTS_V2, Json, flatten

MAX_CONTENT: Final = 2000
MAX_EMBEDS: Final = 10
MAX_EMBED_CHARACTERS: Final = 6000
MAX_ROWS: Final = 5
MAX_COMPONENTS_V2: Final = 40
MAX_COMMANDS: Final = 100
MAX_OPTIONS: Final = 25
MAX_COMMAND_CHARACTERS: Final = 8000
COMMAND_NAME: Final = re.compile(r"[-_'\w]{1,32}")
ACTION_ROW, BUTTON, STRING_SELECT, TEXT_INPUT, LABEL = 1, 2, 3, 4, 18
LINK_STYLE, PREMIUM_STYLE = 5, 6
SUBCOMMAND, SUBCOMMAND_GROUP, STRING = 1, 2, 3


class ApiError(Exception):
    """An answer of the API that is not a success: its status, its code and its text."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {code} {message} {errors or ''}")
        self.status = status
        self.body: Json = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors


UNAUTHORIZED: Final = (401, 0, "401: Unauthorized")
NOT_FOUND: Final = (404, 0, "404: Not Found")
UNKNOWN_CHANNEL: Final = (404, 10003, "Unknown Channel")
UNKNOWN_GUILD: Final = (404, 10004, "Unknown Guild")
UNKNOWN_MEMBER: Final = (404, 10007, "Unknown Member")
UNKNOWN_MESSAGE: Final = (404, 10008, "Unknown Message")
UNKNOWN_ROLE: Final = (404, 10011, "Unknown Role")
UNKNOWN_USER: Final = (404, 10013, "Unknown User")
UNKNOWN_WEBHOOK: Final = (404, 10015, "Unknown Webhook")
UNKNOWN_INTERACTION: Final = (404, 10062, "Unknown interaction")
UNKNOWN_COMMAND: Final = (404, 10063, "Unknown application command")
ALREADY_ACKNOWLEDGED: Final = (400, 40060, "Interaction has already been acknowledged.")
TOO_LARGE: Final = (413, 40005, "Request entity too large")
MISSING_ACCESS: Final = (403, 50001, "Missing Access")
NOT_THE_AUTHOR: Final = (403, 50005, "Cannot edit a message authored by another user")
EMPTY_MESSAGE: Final = (400, 50006, "Cannot send an empty message")
CLOSED_DMS: Final = (403, 50007, "Cannot send messages to this user")
MISSING_PERMISSIONS: Final = (403, 50013, "Missing Permissions")
INVALID_WEBHOOK_TOKEN: Final = (401, 50027, "Invalid Webhook Token")

Problem = tuple[str, str, str]
"""Dotted path in the body, Discord's code, text."""


def refuse(problems: Sequence[Problem]) -> None:
    """Raise "Invalid Form Body" with Discord's nested error object, if there is a problem.

    Raises:
        ApiError: 50035.
    """
    if not problems:
        return
    tree: Json = {}
    for path, code, text in problems:
        node = tree
        for key in path.split("."):
            node = node.setdefault(key, {})
        node.setdefault("_errors", []).append({"code": code, "message": text})
    raise ApiError(400, 50035, "Invalid Form Body", tree)


def check_message(body: Json, *, files: int = 0, partial: bool = False) -> None:
    """Hold a message against Discord's limits; ``partial`` is an edit, which may leave everything out.

    Raises:
        ApiError: 50035 for a broken limit, 50006 for a message that shows nothing.
    """
    v2 = bool((body.get("flags") or 0) & COMPONENTS_V2)
    problems = [
        *_too_long("content", body.get("content") or "", MAX_CONTENT),
        *_embed_problems(body.get("embeds") or []),
        *component_problems(body.get("components") or [], v2=v2),
    ]
    if v2 and (body.get("content") or body.get("embeds")):
        problems.append(("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "No content here"))
    refuse(problems)
    shows = ("content", "embeds", "components", "sticker_ids", "poll", "attachments")
    if not partial and not files and not any(body.get(key) for key in shows):
        raise ApiError(*EMPTY_MESSAGE)


def component_problems(components: Sequence[Json], *, v2: bool = False) -> Iterator[Problem]:
    """Rows, buttons, selects and custom ids of a message."""
    limit = MAX_COMPONENTS_V2 if v2 else MAX_ROWS
    if (len(flatten(components)) if v2 else len(components)) > limit:
        yield "components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {limit} in length."
    for index, row in enumerate(components):
        where = f"components.{index}"
        if not v2 and row.get("type") != ACTION_ROW:
            yield where, "UNION_TYPE_CHOICES", "Value of field 'type' must be one of (1,)."
        if row.get("type") == ACTION_ROW and not 1 <= len(row.get("components", [])) <= MAX_ROWS:
            yield f"{where}.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length."
    yield from _custom_id_problems(flatten(components))


def _custom_id_problems(parts: Sequence[Json]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, part in enumerate(parts):
        where = f"components.{index}"
        custom_id = part.get("custom_id")
        if custom_id is not None:
            yield from _too_long(f"{where}.custom_id", custom_id, 100)
            if custom_id in seen:
                yield where, "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
            seen.add(custom_id)
        if part.get("type") == BUTTON:
            yield from _button_problems(where, part)
        yield from _too_many(f"{where}.options", part.get("options") or [], 25)


def _button_problems(where: str, button: Json) -> Iterator[Problem]:
    yield from _too_long(f"{where}.label", button.get("label") or "", 80)
    style = button.get("style")
    if style == LINK_STYLE:
        if not re.match(r"(https?|discord)://", button.get("url") or ""):
            yield f"{where}.url", "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'discord')."
        yield from _too_long(f"{where}.url", button.get("url") or "", 512)
    elif style != PREMIUM_STYLE and not button.get("custom_id"):
        yield f"{where}.custom_id", "BASE_TYPE_REQUIRED", "This field is required"
    if style != PREMIUM_STYLE and not (button.get("label") or button.get("emoji")):
        yield where, "BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji"


def _embed_problems(embeds: Sequence[Json]) -> Iterator[Problem]:
    yield from _too_many("embeds", embeds, MAX_EMBEDS)
    total = 0
    for index, embed in enumerate(embeds):
        texts = [("title", embed.get("title"), 256), ("description", embed.get("description"), 4096)]
        texts.append(("footer.text", (embed.get("footer") or {}).get("text"), 2048))
        texts.append(("author.name", (embed.get("author") or {}).get("name"), 256))
        for number, entry in enumerate(embed.get("fields") or []):
            texts.append((f"fields.{number}.name", entry.get("name"), 256))
            texts.append((f"fields.{number}.value", entry.get("value"), 1024))
        for key, text, limit in texts:
            total += len(text or "")
            yield from _too_long(f"embeds.{index}.{key}", text or "", limit)
        yield from _too_many(f"embeds.{index}.fields", embed.get("fields") or [], 25)
    if total > MAX_EMBED_CHARACTERS:
        yield "embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000"


def modal_problems(data: Json) -> Iterator[Problem]:
    """Title, custom ids and inputs of a modal."""
    yield from _bad_length("data.title", data.get("title") or "", 45)
    yield from _bad_length("data.custom_id", data.get("custom_id") or "", 100)
    components = data.get("components") or []
    if not 1 <= len(components) <= MAX_ROWS:
        yield "data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length."
    yield from _custom_id_problems(flatten(components))
    for part in flatten(components):
        if part.get("type") == LABEL or (part.get("type") == TEXT_INPUT and part.get("label") is not None):
            yield from _bad_length("data.components.label", part.get("label") or "", 45)


def check_commands(commands: Sequence[Json]) -> None:
    """Hold a whole list of commands against Discord's rules.

    Raises:
        ApiError: 50035, with a path for every broken rule; 30032 for more than 100 slash commands.
    """
    slash = [command for command in commands if command.get("type", 1) == 1]
    if len(slash) > MAX_COMMANDS:
        raise ApiError(400, 30032, f"Maximum number of application commands reached ({MAX_COMMANDS})")
    problems: list[Problem] = []
    seen: set[tuple[int, str]] = set()
    for index, command in enumerate(commands):
        key = (command.get("type", 1), command.get("name", ""))
        if key in seen:
            text = "Application command names must be unique"
            problems.append((f"{index}.name", "APPLICATION_COMMANDS_DUPLICATE_NAME", text))
        seen.add(key)
        problems += [(f"{index}.{path}", code, text) for path, code, text in _command_problems(command)]
    refuse(problems)


def _command_problems(command: Json) -> Iterator[Problem]:
    if command.get("type", 1) != 1:
        yield from _bad_length("name", command.get("name", ""), 32)
        return
    yield from _name_problems(command)
    yield from _option_list_problems(command.get("options") or [])
    if _command_size(command) > MAX_COMMAND_CHARACTERS:
        yield "name", "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({MAX_COMMAND_CHARACTERS})"


def _name_problems(named: Json) -> Iterator[Problem]:
    name = str(named.get("name", ""))
    if not COMMAND_NAME.fullmatch(name) or name != name.lower():
        yield "name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"
    yield from _bad_length("description", named.get("description") or "", 100)


def _option_list_problems(options: Sequence[Json]) -> Iterator[Problem]:
    yield from _too_many("options", options, MAX_OPTIONS)
    names = [option.get("name") for option in options]
    if len(set(names)) < len(names):
        yield "options", "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATED", "Option names must be unique"
    optional_seen = False
    for index, option in enumerate(options):
        if option.get("required") and optional_seen:
            text = "Required options must be placed before non-required options"
            yield f"options.{index}", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text
        optional_seen |= not option.get("required")
        yield from _nested(f"options.{index}", _option_problems(option))


def _option_problems(option: Json) -> Iterator[Problem]:
    yield from _name_problems(option)
    if option.get("type") in (SUBCOMMAND, SUBCOMMAND_GROUP):
        yield from _option_list_problems(option.get("options") or [])
    choices = option.get("choices") or []
    yield from _too_many("choices", choices, 25)
    if choices and option.get("autocomplete"):
        yield "autocomplete", "APPLICATION_COMMAND_AUTOCOMPLETE_WITH_CHOICES", "Not together with choices"
    yield from choice_problems(choices)


def choice_problems(choices: Sequence[Json]) -> Iterator[Problem]:
    """Names and values of choices, fixed or suggested while typing."""
    for index, choice in enumerate(choices):
        yield from _bad_length(f"choices.{index}.name", str(choice.get("name") or ""), 100)
        if isinstance(choice.get("value"), str):
            yield from _bad_length(f"choices.{index}.value", choice["value"], 100)


def _command_size(part: Json) -> int:
    own = len(part.get("name") or "") + len(part.get("description") or "")
    choices = sum(len(c["name"]) + len(str(c["value"])) for c in part.get("choices") or [])
    return own + choices + sum(_command_size(option) for option in part.get("options") or [])


def _nested(prefix: str, problems: Iterator[Problem]) -> Iterator[Problem]:
    for path, code, text in problems:
        yield f"{prefix}.{path}", code, text


def _too_long(path: str, text: str, limit: int) -> Iterator[Problem]:
    if len(text) > limit:
        yield path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length."


def _bad_length(path: str, text: str, limit: int) -> Iterator[Problem]:
    if not 1 <= len(text) <= limit:
        yield path, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {limit} in length."


def _too_many(path: str, items: Sequence[Json], limit: int) -> Iterator[Problem]:
    if len(items) > limit:
        yield path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length."
