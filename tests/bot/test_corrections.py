"""Corrected transcripts and new cuts, from the chat to the answer: a real database, a real worker, real files."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.app import Deployment
from core.conversation import Attachment, Reply, reply_from_json
from core.ids import CreatorId
from core.library.store import Source
from tests.adapters.paper import pdf_of
from tests.adapters.school import rows
from tests.bot.conftest import LECTURE, Speaker, attachment, ready

SCHOOL = "school-100"
LINK = "https://youtu.be/abcdefghijk"
QUESTION = "Where does the core shadow lie?"
SPEECH = (Path(__file__).parents[1] / "data" / "workshop.ogg").read_bytes()
PAPER = pdf_of(
    (
        "Varnish waits for six months after the last layer of oil paint.",
        "Two thin coats of it are better than one that is thick.",
    )
)
OTHER = b"""WEBVTT

00:00:01.000 --> 00:00:06.000
Feed the sourdough starter twice a day with equal weights of flour and water.

00:00:07.000 --> 00:00:30.000
Bake the loaf in a hot iron pot and take its lid off after half an hour.
"""
RECUT = LECTURE.replace(b"opposite the lamp and", b"on the far side and").replace(b"00:00:14.000", b"00:00:09.000")


@pytest.fixture
async def staff(deployment: Deployment, worker: None) -> Speaker:
    """Whoever set a community up and uploaded a lecture with a link, with a worker beside."""
    person = Speaker.of(deployment, "1", manages=True)
    await person.says("setup")
    await person.says("upload", file=attachment(), link=LINK, title="Spheres")
    await ready(deployment, SCHOOL)
    return person


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """A web site on this machine with a recording and a feed; returns its root."""
    feed = (
        '<rss version="2.0"><channel><title>Talks</title><item><title>One</title><link>https://a.example/1</link>'
        "</item></channel></rss>"
    )

    async def serve(request: web.Request) -> web.Response:
        pages = {"/speech.ogg": ("audio/ogg", SPEECH), "/feed": ("application/rss+xml", feed.encode())}
        if request.path not in pages:
            raise web.HTTPNotFound
        kind, body = pages[request.path]
        return web.Response(body=body, content_type=kind)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def corrected(content: bytes, name: str = "spheres.vtt") -> Attachment:
    return attachment(name, content)


async def source(staff: Speaker) -> Source:
    """The one source that is there, once all work is done."""
    await ready(staff.deployment, SCHOOL)
    (found,) = await staff.deployment.shelf.sources(await creator(staff))
    return found


async def creator(staff: Speaker) -> CreatorId:
    found = await staff.deployment.directory.creator(SCHOOL)
    assert found is not None
    return found.id


async def asked(staff: Speaker, question: str = QUESTION) -> Reply:
    return await staff.says("ask", question=question)


async def last_card(url: str) -> Reply:
    found = await rows(url, "SELECT content::text AS content FROM outbox ORDER BY id DESC LIMIT 1")
    return reply_from_json(json.loads(found[0]["content"]))


async def test_a_corrected_transcript_is_answered_from_and_undo_brings_the_former_back(
    staff: Speaker, database_url: str
) -> None:
    before = await source(staff)
    sent = (await staff.says("transcript", source="Spheres")).files[0]
    fixed = sent.content.replace(b"opposite the lamp", b"on the far side of the lamp")
    reply = await staff.says("transcript", source="Spheres", file=corrected(fixed))
    assert "Got it" in reply.text.plain
    after = await source(staff)
    assert (after.id, after.title, after.link, after.duration_s) == (
        before.id, "Spheres", before.link, before.duration_s,
    )  # fmt: skip
    answer = await asked(staff)
    assert "far side of the lamp" in answer.text.plain
    assert any("t=14" in span.link for span in answer.text.spans)
    card = await last_card(database_url)
    assert "Spheres (corrected) is what answers use now" in card.text.plain
    undone = await staff.presses(card, "Undo")
    assert "as it was before" in undone.text.plain
    assert "opposite the lamp" in (await asked(staff)).text.plain
    assert "too late" in (await staff.presses(card, "Undo")).text.plain
    assert "far side" not in (await staff.says("transcript", source="Spheres")).files[0].content.decode()


async def test_exactly_one_former_version_is_kept(staff: Speaker, database_url: str) -> None:
    for words in (b"across from", b"far behind", b"well beyond"):
        await staff.says("transcript", source="Spheres", file=corrected(LECTURE.replace(b"opposite", words)))
        await source(staff)
    assert len(await rows(database_url, "SELECT 1 FROM revisions")) == 1
    await staff.presses(await last_card(database_url), "Undo")
    assert "far behind" in (await asked(staff)).text.plain


async def test_another_transcript_waits_for_a_confirmation_by_staff(staff: Speaker, database_url: str) -> None:
    reply = await staff.says("transcript", source="Spheres", file=corrected(OTHER))
    assert "hardly any words in common" in reply.text.plain
    assert (await source(staff)).title == "Spheres"
    assert "opposite the lamp" in (await asked(staff)).text.plain
    button = reply.buttons[0][0]
    student = Speaker.of(staff.deployment, "9")
    assert "Only the staff" in (await student.says(button.action, payload=button.payload)).text.plain
    await staff.presses(reply, "Use it anyway")
    await source(staff)
    assert "iron pot" in (await asked(staff, "How do I bake the loaf?")).text.plain
    assert "not here any more" in (await staff.presses(reply, "Use it anyway")).text.plain


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("long.vtt", LECTURE.replace(b"00:00:37.000", b"00:30:37.000"), "cannot be right"),
        ("same.vtt", LECTURE, "word for word"),
        ("text.txt", b"The core shadow lies across from the lamp and is dark.\n", "has times"),
        ("empty.vtt", b"WEBVTT\n\n", ""),
    ],
)
async def test_a_file_that_cannot_be_its_transcript_is_refused_and_changes_nothing(
    staff: Speaker, name: str, content: bytes, words: str, database_url: str
) -> None:
    reply = await staff.says("transcript", source="Spheres", file=attachment(name, content))
    assert words in reply.text.plain
    assert not reply.buttons
    assert not await rows(database_url, "SELECT 1 FROM revisions")


async def test_a_documents_text_is_corrected_and_keeps_its_pages(staff: Speaker) -> None:
    await staff.says("upload", file=attachment("varnish.pdf", PAPER), title="Varnish")
    await ready(staff.deployment, SCHOOL)
    text = (await staff.says("transcript", source="Varnish")).files[0].content
    assert text.startswith(b"Varnish\n\n")
    fixed = text.replace(b"six months", b"twelve months")
    assert "Got it" in (await staff.says("transcript", source="Varnish", file=attachment("v.txt", fixed))).text.plain
    await ready(staff.deployment, SCHOOL)
    answer = (await asked(staff, "How long does varnish wait?")).text.plain
    assert "twelve months" in answer
    assert "page 1" in answer
    assert "Varnish Varnish" not in answer


async def test_a_new_cut_takes_the_place_of_the_old_one_and_undo_brings_it_back(
    staff: Speaker, database_url: str
) -> None:
    before = await source(staff)
    reply = await staff.says("replace", source="Spheres", file=corrected(RECUT), link="https://youtu.be/newnewnew01")
    assert "until the new cut is ready" in reply.text.plain
    after = await source(staff)
    assert (after.id, after.title) == (before.id, "Spheres")
    assert "newnewnew01" in after.link
    answer = await asked(staff)
    assert "on the far side" in answer.text.plain
    assert any("newnewnew01" in span.link and "t=9" in span.link for span in answer.text.spans)
    assert (
        "made from that already" in (await staff.says("replace", source="Spheres", file=corrected(RECUT))).text.plain
    )
    await staff.presses(await last_card(database_url), "Undo")
    answer = await asked(staff)
    assert any("abcdefghijk" in span.link and "t=14" in span.link for span in answer.text.spans)
    assert (await source(staff)).link == before.link


async def test_captions_are_replaced_by_a_recording_that_plays_here(staff: Speaker) -> None:
    await staff.says("replace", source="Spheres", file=attachment("glue.ogg", SPEECH))
    after = await source(staff)
    assert (after.title, after.link) == ("Spheres", "")
    answer = (await asked(staff, "How long do I wait for the glue to dry?")).text.plain
    assert "Spheres" in answer
    watched = await staff.deployment.holdings.transcript(await creator(staff), after.id)
    assert watched is not None
    assert watched.media_key
    assert watched.duration_s < 30
    assert "core shadow" not in (await asked(staff)).text.plain


async def test_a_new_cut_that_fails_leaves_the_old_one_and_says_so(
    staff: Speaker, site: str, database_url: str
) -> None:
    for path, words in (("/gone", "❌"), ("/feed", "list")):
        await staff.says("replace", source="Spheres", link=site + path)
        await ready(staff.deployment, SCHOOL)
        card = await last_card(database_url)
        assert "answers stay with what was there" in card.text.plain
        assert words in card.text.plain
        assert "opposite the lamp" in (await asked(staff)).text.plain
        assert "Removed" in (await staff.presses(card, "Remove")).text.plain
    assert (await source(staff)).title == "Spheres"


async def test_what_is_removed_meanwhile_stays_removed(staff: Speaker, site: str, database_url: str) -> None:
    removed = await staff.says("remove", source="Spheres")
    reply = await staff.says("replace", source="Spheres", link=f"{site}/speech.ogg")
    assert "no source called" in reply.text.plain
    await staff.presses(removed, "Undo")
    held = await staff.says("transcript", source="Spheres", file=corrected(OTHER))
    await staff.says("remove", source="Spheres")
    await staff.presses(held, "Use it anyway")
    await ready(staff.deployment, SCHOOL)
    assert "removed meanwhile" in (await last_card(database_url)).text.plain
    assert "iron pot" not in (await asked(staff, "How do I bake the loaf?")).text.plain


async def test_a_student_neither_corrects_nor_replaces(staff: Speaker) -> None:
    student = Speaker.of(staff.deployment, "9")
    assert "Only the staff" in (await student.says("replace", source="Spheres", link=LINK)).text.plain
    assert "Only the staff" in (await student.says("transcript", source="Spheres", file=corrected(OTHER))).text.plain
    assert "Only the staff" in (await student.says("former", payload="1")).text.plain


async def test_a_former_version_is_no_source_of_its_own(staff: Speaker, database_url: str) -> None:
    await staff.says("replace", source="Spheres", file=corrected(RECUT))
    await source(staff)
    (former,) = await rows(database_url, "SELECT source_id FROM revisions")
    assert "too late" in (await staff.says("restore", payload=str(former["source_id"]))).text.plain
    assert (await source(staff)).title == "Spheres"


async def test_what_was_uploaded_again_meanwhile_cannot_come_back_twice(staff: Speaker, database_url: str) -> None:
    await staff.says("replace", source="Spheres", file=corrected(RECUT))
    await source(staff)
    card = await last_card(database_url)
    await staff.says("upload", file=attachment(), title="Spheres as they were")
    await ready(staff.deployment, SCHOOL)
    assert "too late" in (await staff.presses(card, "Undo")).text.plain
