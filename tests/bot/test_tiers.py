"""Tiers in conversation: what staff give to sources and members, and what each member then gets to see."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import Deployment
from bot.ingesting import Upload, add_one
from core.asking.notices import NOT_COVERED_HERE
from core.conversation import Reply, Value
from core.errors import UploadRefused
from core.ids import CreatorId
from core.library.store import Source
from core.library.uploads import checked_settings
from tests.bot.conftest import LECTURE, Speaker, SpeakerMaker, attachment, ready

SCHOOL = "school-100"
OPEN = b"""WEBVTT

00:00:01.000 --> 00:00:07.000
Welcome to this lesson about stretching paper before you paint on it.

00:00:08.000 --> 00:00:15.000
Soak the paper for ten minutes and fix it to the board with gummed tape.

00:00:16.000 --> 00:00:23.000
How long you soak paper depends on how thick the paper is: thick paper is soaked longer.

00:00:24.000 --> 00:00:31.000
Paper that you soak too long loses its size, so do not soak thin paper for more than five minutes.

00:00:45.000 --> 00:00:52.000
How long the paper was soaked shows at its back: it feels cool for an hour.
"""
SHADOW = "Where does the core shadow lie?"
SOAK = "How long do I soak the paper?"


@pytest.fixture
async def owner(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a school with a lesson for everybody and one for gold."""
    person = speaker("1", manages=True)
    await person.says("setup")
    await person.says("upload", file=attachment("paper.vtt", OPEN), title="Stretching paper")
    await person.says(
        "upload", file=attachment(), title="Shading a sphere", link="https://youtu.be/abcdefghijk", tier=" Gold "
    )
    await ready(deployment, SCHOOL)
    return person


@pytest.fixture
async def gold(owner: Speaker, speaker: SpeakerMaker) -> Speaker:
    """A member of gold."""
    person = speaker("2")
    given = await owner.says("students", member=person.person, tier="GOLD")
    assert "now active in gold (before: not enrolled) and may ask, also about what is for gold" in given.text.plain
    return person


def links_of(reply: Reply) -> list[str]:
    return [span.link for span in reply.text.spans if span.link]


async def creator_of(deployment: Deployment) -> CreatorId:
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    return creator.id


async def source(deployment: Deployment, title: str) -> Source:
    sources = await deployment.shelf.sources(await creator_of(deployment))
    return next(found for found in sources if found.title == title)


async def test_members_of_different_tiers_ask_the_same_at_once_and_each_get_what_is_theirs(
    owner: Speaker, gold: Speaker, speaker: SpeakerMaker
) -> None:
    silver, anybody = speaker("3"), speaker("4")
    await owner.says("students", member=silver.person, tier="silver")
    replies = await asyncio.gather(*(who.says("ask", question=SHADOW) for who in (gold, silver, anybody, owner)))
    for allowed in (replies[0], replies[3]):
        assert "opposite the lamp" in allowed.text.plain
        assert allowed.private, "it would show what is paid for to the whole channel"
    for other in (replies[1], replies[2]):
        assert other.text.plain == NOT_COVERED_HERE
        assert not other.private
        assert not links_of(other)


async def test_what_is_for_everybody_is_answered_in_public_and_nothing_is_hidden_in_a_private_chat(
    gold: Speaker, speaker: SpeakerMaker
) -> None:
    reply = await gold.says("ask", question=SOAK)
    assert "do not soak thin paper" in reply.text.plain
    assert not reply.private
    alone = await speaker("2", community="").says("ask", question=SHADOW)
    assert "opposite the lamp" in alone.text.plain
    assert not alone.private


async def test_a_tier_that_ended_leaves_nothing_behind(owner: Speaker, gold: Speaker, speaker: SpeakerMaker) -> None:
    await gold.says("ask", question=SOAK)
    await gold.says("ask", question=SHADOW)
    before = await gold.says("history")
    assert any("t=14" in link for link in links_of(before))

    changed = await owner.says("students", member="person 2", tier="none")
    assert "now active (before: active in gold) and may ask. tier:gold undoes it." in changed.text.plain

    assert (await gold.says("ask", question=SHADOW)).text.plain == NOT_COVERED_HERE
    followed = await gold.says("ask", question="And what about it?")
    assert "opposite the lamp" not in followed.text.plain
    for place in ("100", ""):
        shown = await speaker("2", community=place).says("history")
        assert "opposite the lamp" not in shown.text.plain
        assert "for other members now" in shown.text.plain
        assert "do not soak thin paper" in shown.text.plain
        assert not any("t=14" in link for link in links_of(shown))


async def test_a_tier_that_was_bought_opens_its_sources_while_it_lasts_also_where_the_answer_is_kept(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student, creator_id = speaker("5"), await creator_of(deployment)
    await owner.says("students", member=student.person, status="active")
    await owner.says("grant", member=student.person, amount=50.0, reason="good work")
    await owner.says("shop_admin", kind="tier", name="A month of gold", price=50.0, tier="gold", days=30.0)
    await owner.says("ask", question=SHADOW)
    assert (await student.says("ask", question=SHADOW)).text.plain == NOT_COVERED_HERE
    bought = await student.presses(await student.says("buy", item="gold"), "Buy for 50")
    assert "you have what is for gold for 30 days, until" in bought.text.plain
    for place in ("100", ""):
        assert "opposite the lamp" in (await speaker("5", community=place).says("ask", question=SHADOW)).text.plain
    await owner.says("students", member=student.person, status="paused")
    assert "is paused" in (await student.says("ask", question=SHADOW)).text.plain
    await owner.says("students", member=student.person, status="active")
    assert "opposite the lamp" in (await student.says("ask", question=SHADOW)).text.plain
    over = datetime.now(UTC) + timedelta(days=31)
    await deployment.services.purchases.all_due(creator_id, over)
    assert (await student.says("ask", question=SHADOW)).text.plain == NOT_COVERED_HERE


async def test_a_paused_member_keeps_the_tier_for_later_and_gets_nothing_meanwhile(
    owner: Speaker, gold: Speaker
) -> None:
    await owner.says("students", member="person 2", status="paused")
    assert "is paused" in (await gold.says("ask", question=SHADOW)).text.plain
    assert "paused since" in (await owner.says("students", tier="gold")).text.plain
    await owner.says("students", member="person 2", status="active")
    assert "opposite the lamp" in (await gold.says("ask", question=SHADOW)).text.plain


async def test_a_code_made_from_the_list_of_a_tier_gives_it(
    owner: Speaker, gold: Speaker, speaker: SpeakerMaker
) -> None:
    page = await owner.says("students", tier="gold")
    assert "Students of School 100, gold: 1" in page.text.plain
    made = await owner.presses(page, "Invite code for gold")
    code = made.text.plain.split("code:")[1].split()[0]
    assert "enrolled as a member of gold" in made.text.plain
    student = speaker("5")
    assert "as a member of gold" in (await student.says("enroll", code=code)).text.plain
    assert "opposite the lamp" in (await student.says("ask", question=SHADOW)).text.plain
    assert "nobody yet" in (await owner.says("students", tier="none")).text.plain


async def test_the_list_shows_what_is_locked_without_its_link_or_topics(
    owner: Speaker, gold: Speaker, speaker: SpeakerMaker
) -> None:
    listed = await speaker("4").says("videos")
    assert "Shading a sphere · 0:37 · 🔒 for gold" in listed.text.plain
    assert not any("abcdefghijk" in link for link in links_of(listed))
    found = await gold.says("videos", search="gold")
    assert "Shading a sphere" in found.text.plain
    assert "🔒" not in found.text.plain
    assert "Stretching paper" not in found.text.plain
    assert any("abcdefghijk" in link for link in links_of(found))


async def test_a_changed_tier_is_told_and_holds_at_once(owner: Speaker, gold: Speaker, speaker: SpeakerMaker) -> None:
    anybody = speaker("4")
    opened = await owner.says("edit", source="sphere", tier="none")
    assert "Everybody who may ask is answered from it now" in opened.text.plain
    reply = await anybody.says("ask", question=SHADOW)
    assert "opposite the lamp" in reply.text.plain
    assert not reply.private
    locked = await owner.says("edit", source="sphere", tier="gold")
    assert "only staff and members of gold (1 now)" in locked.text.plain
    assert (await anybody.says("ask", question=SHADOW)).text.plain == NOT_COVERED_HERE
    assert "opposite the lamp" not in (await anybody.says("history")).text.plain
    nobody = await owner.says("edit", source="sphere", tier="glod")
    assert "(0 now)" in nobody.text.plain
    assert "tier:glod" in nobody.text.plain
    assert (await gold.says("ask", question=SHADOW)).text.plain == NOT_COVERED_HERE
    assert "short name" in (await owner.says("edit", source="sphere", tier="x" * 30)).text.plain


async def test_the_button_of_a_card_promises_nothing_that_is_locked(
    owner: Speaker, gold: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    number = str((await source(deployment, "Shading a sphere")).id)
    assert "for members of gold" in (await speaker("4").says("about", payload=number)).text.plain
    assert "I answer from Shading a sphere" in (await gold.says("about", payload=number)).text.plain


async def test_an_upload_is_cut_as_it_was_said_and_shows_it_to_staff(
    owner: Speaker, gold: Speaker, deployment: Deployment
) -> None:
    other = LECTURE.replace(b"sphere", b"cone")
    reply = await owner.says(
        "upload", file=attachment("cone.vtt", other), title="A cone", window=40.0, overlap=25.0, tier="gold"
    )
    assert "It is for gold and staff, passages of 40 words, 25% shared." in reply.text.plain
    await ready(deployment, SCHOOL)
    listed = (await owner.says("videos")).text.plain
    assert "A cone · 0:37" in listed
    assert "for gold · passages of 40 words, 25% shared" in listed
    assert "40 words" not in (await gold.says("videos")).text.plain
    async with deployment.database.creator(await creator_of(deployment)) as connection:
        counted = await connection.fetch("SELECT source_id, count(*) AS n FROM passages GROUP BY source_id")
    windows = {row["source_id"]: row["n"] for row in counted}
    cone, sphere = [(await source(deployment, title)).id for title in ("A cone", "Shading a sphere")]
    assert windows[cone] > windows[sphere]
    again = await owner.says("upload", file=attachment("cone.vtt", other), tier="silver")
    assert "To change its tier, use /edit" in again.text.plain


async def test_settings_out_of_bounds_are_refused_before_anything_is_kept(owner: Speaker) -> None:
    refused: list[tuple[dict[str, Value], str]] = [
        ({"window": 39.0}, "40 to 180"),
        ({"window": 181.0}, "40 to 180"),
        ({"overlap": 91.0}, "0 to 90"),
        ({"overlap": -1.0}, "0 to 90"),
        ({"tier": "a tier with a name that never ends"}, "short name"),
    ]
    for given, words in refused:
        file = attachment("cone.vtt", LECTURE.replace(b"sphere", b"cone"))
        assert words in (await owner.says("upload", file=file, title="A cone", **given)).text.plain
    assert "A cone" not in (await owner.says("videos")).text.plain


async def test_the_shell_takes_the_same_settings(owner: Speaker, deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "cone.vtt"
    path.write_bytes(LECTURE.replace(b"sphere", b"cone"))
    settings = checked_settings(60, 75, "Silver")
    await add_one(deployment, await creator_of(deployment), Upload(str(path), title="A cone", settings=settings))
    added = await source(deployment, "A cone")
    assert (added.tier, added.settings.window_words, added.settings.overlap) == ("silver", 60, 0.75)
    with pytest.raises(UploadRefused, match="40 to 180"):
        checked_settings(1000, None, "")
