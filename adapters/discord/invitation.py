"""The link with which somebody adds the bot to a server."""

from typing import Final
from urllib.parse import urlencode

VIEW_CHANNEL: Final = 1 << 10
SEND_MESSAGES: Final = 1 << 11
ATTACH_FILES: Final = 1 << 15
READ_MESSAGE_HISTORY: Final = 1 << 16
SEND_MESSAGES_IN_THREADS: Final = 1 << 38


def invite_url(application_id: str | int) -> str:
    """The address that asks for slash commands and the fewest permissions that answering needs."""
    least = VIEW_CHANNEL | SEND_MESSAGES | SEND_MESSAGES_IN_THREADS | ATTACH_FILES | READ_MESSAGE_HISTORY
    query = {"client_id": str(application_id), "scope": "bot applications.commands", "permissions": str(least)}
    return f"https://discord.com/oauth2/authorize?{urlencode(query)}"
