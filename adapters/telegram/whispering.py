"""Buttons of a reply that was written to one person alone remember the group that it is about."""

import re
from dataclasses import replace
from typing import Final

from core.conversation import MAX_BUTTON_ID_BYTES, Button, Reply

_REMEMBERED: Final = re.compile(r"(?P<data>.*)@(?P<group>-\d+)", re.DOTALL)


def remembering(group: str, reply: Reply) -> Reply:
    """The reply with the group's id in its buttons, as far as there is room; without a group, as it is."""
    if not group:
        return reply
    return replace(
        reply, buttons=tuple(tuple(_remembering(group, button) for button in row) for row in reply.buttons)
    )


def remembered(data: str) -> tuple[str, str]:
    """What a pressed button said, and the id of the group that it remembers, or an empty text."""
    found = _REMEMBERED.fullmatch(data)
    return (found["data"], found["group"]) if found else (data, "")


def _remembering(group: str, button: Button) -> Button:
    mark = f"@{group}"
    fits = len((button.custom_id + mark).encode()) <= MAX_BUTTON_ID_BYTES
    return replace(button, payload=button.payload + mark) if fits else button
