"""Slash commands: how Discord's menu shows ours, and whether it shows them already."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from core.conversation import COMPLETED, Audience, Command, Kind, Parameter

Json = dict[str, Any]

STRING: Final = 3
OPTION_TYPES: Final = {Kind.MEMBER: 6, Kind.ROLE: 8, Kind.NUMBER: 10, Kind.FILE: 11}
MANAGE_GUILD: Final = 1 << 5
SERVERS, DIRECT_MESSAGES = 0, 1


def menu(commands: Sequence[Command]) -> list[Json]:
    """The commands as Discord's API takes them."""
    return [_entry(command) for command in commands]


def _entry(command: Command) -> Json:
    # Discord wants the required options first.
    parameters = sorted(command.parameters, key=lambda parameter: not parameter.required)
    return {
        "type": 1,
        "name": command.name,
        "description": command.description,
        "options": [_option(parameter) for parameter in parameters],
        "default_member_permissions": None if command.audience is Audience.EVERYONE else MANAGE_GUILD,
        "contexts": [place for place in (SERVERS, DIRECT_MESSAGES) if command.fits(direct=place == DIRECT_MESSAGES)],
        "integration_types": [0],
    }


def _option(parameter: Parameter) -> Json:
    option: Json = {
        "type": OPTION_TYPES.get(parameter.kind, STRING),
        "name": parameter.name,
        "description": parameter.description,
        "required": parameter.required,
    }
    if parameter.kind is Kind.CHOICE:
        option["choices"] = [{"name": choice, "value": choice} for choice in parameter.choices]
    if parameter.kind in COMPLETED or parameter.suggested:
        option["autocomplete"] = True
    return option


def same(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether Discord has these commands already; it leaves out what has its default value, and adds ids."""
    return [*map(_essence, _by_name(ours))] == [*map(_essence, _by_name(theirs))]


def _by_name(commands: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(commands, key=lambda command: str(command["name"]))


def _essence(command: Mapping[str, Any]) -> Json:
    permissions = command.get("default_member_permissions")
    return {
        "type": command.get("type") or 1,
        "name": command["name"],
        "description": command.get("description") or "",
        "permissions": None if permissions is None else str(permissions),
        "contexts": sorted(command.get("contexts") or []),
        "integration_types": sorted(command.get("integration_types") or [0]),
        "options": [_option_essence(option) for option in command.get("options") or []],
    }


def _option_essence(option: Mapping[str, Any]) -> Json:
    return {
        "type": option["type"],
        "name": option["name"],
        "description": option["description"],
        "required": bool(option.get("required")),
        "autocomplete": bool(option.get("autocomplete")),
        "choices": [(choice["name"], choice["value"]) for choice in option.get("choices") or []],
    }
