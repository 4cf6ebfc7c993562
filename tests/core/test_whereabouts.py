"""Links to where something was asked: for communities of the creator alone, and never into a private chat."""

from dataclasses import replace

import pytest

from core.asking.sessions import Speaker
from core.asking.whereabouts import Community, asked_in, link_to
from core.ids import CommunityId, CreatorId, StudentId

COMMUNITIES = {7: Community("discord", "55"), 8: Community("telegram", "-100123"), 9: Community("telegram", "-44")}
ASKER = Speaker(CreatorId(1), StudentId(2), "discord:66:", CommunityId(7), message="message:discord:66:77")


@pytest.mark.parametrize(
    ("place", "community", "message", "address"),
    [
        ("discord:66:", 7, "message:discord:66:77", "https://discord.com/channels/55/66/77"),
        ("discord:66:", 7, "", "https://discord.com/channels/55/66"),
        ("telegram:-100123:", 8, "message:telegram:-100123:5", "https://t.me/c/123/5"),
        ("telegram:-100123:4", 8, "message:telegram:-100123:5", "https://t.me/c/123/4/5"),
        ("telegram:-100123:4", 8, "", ""),
        ("telegram:-44:", 9, "message:telegram:-44:5", ""),
        ("telegram:-100999:", 8, "message:telegram:-100999:5", ""),
        ("discord:66:", 8, "message:discord:66:77", ""),
        ("discord:66:", 3, "message:discord:66:77", ""),
        ("discord:../x:", 7, "message:discord:66:77", ""),
        ("web:6:", 7, "", ""),
    ],
)
def test_a_link_opens_the_message_or_its_place_in_the_creators_own_communities(
    place: str, community: int, message: str, address: str
) -> None:
    asker = replace(ASKER, place=place, community_id=CommunityId(community), message=message)
    assert link_to(asked_in(asker), COMMUNITIES) == address


def test_nothing_is_kept_of_where_a_private_chat_is() -> None:
    assert asked_in(replace(ASKER, community_id=None)) is None
    assert link_to(None, COMMUNITIES) == ""
