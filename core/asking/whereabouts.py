"""Where in a community something was asked, as a link for its staff; a private chat has none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.asking.sessions import Speaker

_SUPERGROUP: Final = "-100"


@dataclass(frozen=True, slots=True)
class Community:
    """A community of the creator's own, in the platform's ids."""

    platform: str
    external_id: str


def asked_in(speaker: Speaker) -> dict[str, Any] | None:
    """Where a question was asked, as plain data that is kept with it; None in a private chat."""
    if speaker.community_id is None:
        return None
    return {
        "community_id": speaker.community_id,
        "place": speaker.place,
        "message": speaker.message.rpartition(":")[2],
    }


def link_to(kept: Mapping[str, Any] | None, communities: Mapping[int, Community]) -> str:
    """An address that opens where it was asked, for who is there; empty where it is in none of these communities.

    Args:
        kept: what :func:`asked_in` made.
        communities: the creator's, by id.
    """
    community = communities.get(kept["community_id"]) if kept else None
    if kept is None or community is None:
        return ""
    platform, channel, thread = kept["place"].split(":")
    if platform != community.platform or not all(part.lstrip("-").isdecimal() for part in (channel, thread or "0")):
        return ""
    message = kept["message"] if kept["message"].isdecimal() else ""
    if platform == "discord":
        return _discord(community.external_id, channel, message)
    if platform == "telegram" and channel == community.external_id:
        return _telegram(channel, thread, message)
    return ""


def _discord(server: str, channel: str, message: str) -> str:
    """A slash command is no message: then the channel."""
    place = f"https://discord.com/channels/{server}/{channel}"
    return (f"{place}/{message}" if message else place) if server.isdecimal() else ""


def _telegram(chat: str, thread: str, message: str) -> str:
    """Only messages of supergroups have addresses."""
    if not chat.startswith(_SUPERGROUP) or not message:
        return ""
    parts = [chat.removeprefix(_SUPERGROUP), *([thread] if thread else []), message]
    return "https://t.me/c/" + "/".join(parts)
