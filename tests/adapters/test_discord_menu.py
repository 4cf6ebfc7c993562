from dataclasses import replace
from typing import Any

import pytest

from adapters.discord.invitation import invite_url
from adapters.discord.menu import menu, same
from core.conversation import Audience, Command, Kind, Parameter

PARAMETERS = (
    Parameter("note", "A note"),
    Parameter("address", "A link", Kind.LINK),
    Parameter("count", "How many", Kind.NUMBER),
    Parameter("mode", "Which", Kind.CHOICE, choices=("fast", "slow")),
    Parameter("role", "Who", Kind.ROLE),
    Parameter("member", "Whom", Kind.MEMBER),
    Parameter("source", "What", Kind.SOURCE),
    Parameter("file", "A file", Kind.FILE, required=True),
)
COMMAND = Command("shelve", "Put something on the shelf", Audience.STAFF, PARAMETERS)


def test_every_kind_of_parameter_becomes_a_native_option() -> None:
    [entry] = menu([COMMAND])
    kinds = {option["name"]: option["type"] for option in entry["options"]}
    assert kinds == {
        "note": 3, "address": 3, "count": 10, "mode": 3, "role": 8, "member": 6, "source": 3, "file": 11,
    }  # fmt: skip
    options = {option["name"]: option for option in entry["options"]}
    assert options["mode"]["choices"] == [{"name": "fast", "value": "fast"}, {"name": "slow", "value": "slow"}]
    assert [name for name, option in options.items() if option.get("autocomplete")] == ["source"]


def test_required_options_come_first() -> None:
    [entry] = menu([COMMAND])
    assert [option["name"] for option in entry["options"] if option["required"]] == ["file"]
    assert entry["options"][0]["name"] == "file"


def test_staff_commands_are_hidden_from_others_in_servers_and_offered_in_direct_messages() -> None:
    [staff, open_to_all] = menu([COMMAND, replace(COMMAND, audience=Audience.EVERYONE)])
    assert (staff["default_member_permissions"], open_to_all["default_member_permissions"]) == (32, None)
    assert staff["contexts"] == open_to_all["contexts"] == [0, 1]


def test_a_command_is_offered_where_it_can_do_something_to_those_who_may() -> None:
    [managers, direct_only, unlisted] = menu(
        [
            replace(COMMAND, audience=Audience.MANAGERS),
            replace(COMMAND, audience=Audience.EVERYONE, direct_only=True),
            replace(COMMAND, audience=Audience.EVERYONE, unlisted=True),
        ]
    )
    assert (managers["default_member_permissions"], managers["contexts"]) == (32, [0])
    assert (direct_only["default_member_permissions"], direct_only["contexts"]) == (None, [1])
    assert unlisted["contexts"] == [0, 1]


def stored(entry: dict[str, Any]) -> dict[str, Any]:
    """As Discord gives a command back: ids added, defaults left out, permissions as text."""
    kept = [{key: value for key, value in option.items() if value is not False} for option in entry["options"]]
    permissions = entry["default_member_permissions"]
    entry = {**entry, "default_member_permissions": None if permissions is None else str(permissions)}
    return {**entry, "id": "1", "version": "2", "nsfw": False, "dm_permission": True, "options": kept}


def test_a_menu_that_discord_has_already_is_recognised() -> None:
    ask = Command("ask", "Ask")
    ours = menu([COMMAND, ask])
    assert same(ours, [stored(entry) for entry in reversed(ours)])


@pytest.mark.parametrize(
    "changed",
    [
        replace(COMMAND, description="Another"),
        replace(COMMAND, name="put"),
        replace(COMMAND, audience=Audience.EVERYONE),
        replace(COMMAND, parameters=PARAMETERS[1:]),
        replace(COMMAND, parameters=(replace(PARAMETERS[0], required=True), *PARAMETERS[1:])),
        replace(COMMAND, parameters=(replace(PARAMETERS[3], choices=("fast",)), *PARAMETERS[1:])),
    ],
)
def test_every_change_of_a_command_is_noticed(changed: Command) -> None:
    assert not same(menu([changed]), [stored(entry) for entry in menu([COMMAND])])
    assert not same(menu([COMMAND, changed]), [stored(entry) for entry in menu([COMMAND])])


def test_the_invitation_asks_for_commands_and_little_else() -> None:
    url = invite_url(4711)
    assert url.startswith("https://discord.com/oauth2/authorize?client_id=4711&scope=bot+applications.commands")
    permissions = int(url.rsplit("=", 1)[1])
    administrator, manage_guild, mention_everyone, embed_links = 1 << 3, 1 << 5, 1 << 17, 1 << 14
    assert permissions & (administrator | manage_guild | mention_everyone | embed_links) == 0
    assert permissions & (1 << 11)
