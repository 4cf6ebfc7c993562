"""Everything that can be uploaded becomes answers: real files and links, the real reader, a worker beside."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import docx
import pptx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.app import Deployment
from core.conversation import Reply
from core.ids import CreatorId
from core.library.store import Source, Stage
from tests.adapters.paper import pdf_of
from tests.adapters.scripted_reader import linked
from tests.bot.conftest import LECTURE, Speaker, attachment, ready

SCHOOL = "school-100"
SPEECH = (Path(__file__).parents[1] / "data" / "workshop.ogg").read_bytes()
VARNISH = pdf_of(("Varnish waits for six months after the last layer of oil paint.",))
ARTICLE = """<html lang="en"><head><title>Care of brushes</title></head><body><nav>Home Shop Login</nav><article>
<h1>Care of brushes</h1><p>Wash a bristle brush in warm soapy water right after painting, and never let the paint dry
in it, since dried paint breaks the hairs at their root.</p><h2>Storing</h2><p>Store your brushes lying flat or
hanging with the hairs down, so that no water runs into the handle and swells it.</p>
<h2>Restoring</h2><p>A brush that has become stiff can often be saved: leave it overnight in a glass with brush soap
and lukewarm water, comb out the loosened paint the next morning, and shape the wet hairs with your fingers before
they dry. What still feels stiff after a second night is lost to fine work, and serves well for priming and for
glue.</p></article></body></html>"""
FEED = """<?xml version="1.0"?><rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel>
<title>Studio talk</title><item><title>Charcoal</title>
<enclosure url="{root}/speech.ogg" type="audio/ogg" length="1"/>
<podcast:transcript url="{root}/lecture.vtt" type="text/vtt" language="en"/></item>
<item><title>Gone</title><enclosure url="{root}/gone.mp3" type="audio/mpeg" length="1"/></item></channel></rss>"""


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """A web site on this machine; returns its root."""
    pages = {
        "/brushes": ("text/html", ARTICLE.encode()), "/lecture.vtt": ("text/vtt", LECTURE),
        "/speech.ogg": ("audio/ogg", SPEECH), "/empty": ("text/html", b"<html><body></body></html>"),
        "/paper.pdf": ("application/pdf", VARNISH),
    }  # fmt: skip

    async def serve(request: web.Request) -> web.Response:
        if request.path == "/feed":
            root = f"http://{request.host}"
            return web.Response(text=FEED.format(root=root), content_type="application/rss+xml")
        if request.path not in pages:
            raise web.HTTPNotFound
        kind, body = pages[request.path]
        return web.Response(body=body, content_type=kind)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def staff(deployment: Deployment, worker: None) -> Speaker:
    """Whoever set a community up, with a worker beside."""
    person = Speaker.of(deployment, "1", manages=True)
    await person.says("setup")
    return person


async def sources(deployment: Deployment) -> dict[str, Source]:
    """The school's sources by title, once all work is done."""
    await ready(deployment, SCHOOL)
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    return {source.title: source for source in await deployment.shelf.sources(CreatorId(creator.id))}


def document() -> bytes:
    paper = docx.Document()
    paper.add_heading("Primer", 1)
    paper.add_paragraph("Brush two thin coats of gesso on the canvas and sand it lightly when it is dry.")
    file = io.BytesIO()
    paper.save(file)
    return file.getvalue()


def slides() -> bytes:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Mixing greens"
    slide.placeholders[1].text = "Lemon yellow with a touch of ultramarine gives an olive green"
    file = io.BytesIO()
    deck.save(file)
    return file.getvalue()


def video() -> bytes:
    """The speech with a picture, as mp4."""
    file = io.BytesIO()
    with av.open(io.BytesIO(SPEECH), "r") as speech, av.open(file, "w", format="mp4") as film:
        sound = film.add_stream("aac", rate=48000)
        picture = film.add_stream("mpeg4", rate=5)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for _ in range(100):
            film.mux(picture.encode(av.VideoFrame(64, 48, "yuv420p")))
        film.mux(picture.encode(None))
        for frame in speech.decode(audio=0):
            film.mux(sound.encode(frame))
        film.mux(sound.encode(None))
    return file.getvalue()


async def asked(staff: Speaker, question: str) -> str:
    reply: Reply = await staff.says("ask", question=question)
    return reply.text.plain


async def test_a_video_file_is_heard_and_answered_from_at_the_second(staff: Speaker) -> None:
    reply = await staff.says("upload", file=attachment("glue.mp4", video()), title="Glueing")
    assert "Got it" in reply.text.plain
    found = (await sources(staff.deployment))["Glueing"]
    assert (found.stage, found.reason) == (Stage.COMPLETED, "")
    answer = await asked(staff, "What protects the table from water?")
    assert "thin coat of oil" in answer
    assert "Glueing" in answer
    assert "0:15" in answer or "0:16" in answer


@pytest.mark.parametrize(
    ("name", "content", "question", "words", "where"),
    [
        ("gesso.docx", document(), "How many coats of gesso?", "two thin coats", "Primer"),
        ("greens.pptx", slides(), "How do I get an olive green?", "ultramarine", "slide 1"),
        ("varnish.pdf", VARNISH, "How long does varnish wait?", "six months", "page 1"),
        ("wash.md", b"# Washes\n\nDilute ink with three parts of water for a pale wash.\n", "How do I dilute ink?",
         "three parts", "Washes"),
        ("notes.txt", b"Keep the kneaded eraser warm in your hand before you lift any charcoal.\n",
         "What do I do with the kneaded eraser?", "warm in your hand", "paragraph 1"),
    ],
    ids=["docx", "pptx", "pdf", "markdown", "text"],
)  # fmt: skip
async def test_a_document_is_cited_by_page_slide_or_heading(
    staff: Speaker, name: str, content: bytes, question: str, words: str, where: str
) -> None:
    await staff.says("upload", file=attachment(name, content))
    await ready(staff.deployment, SCHOOL)
    answer = await asked(staff, question)
    assert words in answer
    assert where in answer


async def test_links_of_every_kind_in_one_message_are_one_upload(staff: Speaker, site: str) -> None:
    links = f"{site}/brushes {site}/paper.pdf {site}/gone {site}/empty {site}/speech.ogg"
    await staff.says("upload", link=links)
    found = await sources(staff.deployment)
    by_stage = {stage: {title for title, s in found.items() if s.stage is stage} for stage in Stage}
    assert "Care of brushes" in by_stage[Stage.COMPLETED]
    assert len(by_stage[Stage.COMPLETED]) == 3
    assert len(by_stage[Stage.FAILED]) == 2
    assert all(found[title].reason for title in by_stage[Stage.FAILED])
    assert "warm soapy water" in await asked(staff, "How do I wash a bristle brush?")
    assert "six months" in await asked(staff, "How long does varnish wait?")


async def test_a_podcast_takes_its_own_transcript_and_one_lost_episode_sinks_nothing(
    staff: Speaker, site: str
) -> None:
    await staff.says("upload", link=f"{site}/feed")
    found = await sources(staff.deployment)
    assert found["Charcoal"].stage is Stage.COMPLETED
    assert found["Gone"].stage is Stage.FAILED
    assert "opposite the lamp" in await asked(staff, "Where does the core shadow lie?")


async def test_the_same_file_or_link_twice_changes_nothing(staff: Speaker, site: str) -> None:
    for _ in range(2):
        await staff.says("upload", file=attachment("gesso.docx", document()))
        last = await staff.says("upload", link=f"{site}/brushes")
        await ready(staff.deployment, SCHOOL)
    assert "have that already" in last.text.plain
    assert len(await sources(staff.deployment)) == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("film.mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 500, "damaged"),
        ("tool.exe", b"MZ\x90\0\x03" + b"\0" * 500, "cannot read"),
        ("empty.mp4", b"", "empty"),
    ],
)
async def test_a_file_that_cannot_work_is_refused_in_words(
    staff: Speaker, name: str, content: bytes, words: str
) -> None:
    reply = await staff.says("upload", file=attachment(name, content))
    assert words in reply.text.plain
    assert not await sources(staff.deployment)


async def test_nothing_given_is_explained(staff: Speaker) -> None:
    assert "/upload https://" in (await staff.says("upload")).text.plain


async def test_every_page_of_a_search_is_of_the_same_search(deployment: Deployment) -> None:
    staff = Speaker.of(deployment, "1", manages=True)
    await staff.says("setup")
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    titles = [f"Portrait drawing in {what} {n}" for n in range(25) for what in ("charcoal", "chalk and ink on paper")]
    new = [linked(f"https://a.example/{number}", title) for number, title in enumerate(titles)]
    await deployment.shelf.add(creator.id, new, None)
    shown = await staff.says("videos", search="Portrait drawing in charcoal")
    older = await staff.presses(shown, "Older ▶")
    for page in (shown, older):
        assert "25 sources" in page.text.plain
        assert "chalk" not in page.text.plain
    (newer,) = (await staff.presses(shown, "Older ▶")).buttons
    assert [button.label for button in newer] == ["◀ Newer"]
    long = await staff.says("videos", search="Portrait drawing in chalk and ink on paper")
    assert not long.buttons
    assert "and 5 more. A shorter search" in long.text.plain


async def test_uploads_have_an_hourly_limit_that_says_when_to_go_on(staff: Speaker, site: str) -> None:
    for number in range(10):
        await staff.says("upload", link=f"{site}/gone{number}")
    reply = await staff.says("upload", link=f"{site}/gone-too")
    assert "10 are taken" in reply.text.plain
    assert "minute" in reply.text.plain or "hour" in reply.text.plain


async def test_status_lists_what_failed_with_its_reason_and_a_way_to_try_again(staff: Speaker, site: str) -> None:
    await staff.says("upload", link=f"{site}/gone")
    await ready(staff.deployment, SCHOOL)
    reply = await staff.says("status")
    assert "could not be added" in reply.text.plain
    assert any(button.action == "retry" for row in reply.buttons for button in row)


async def test_uploading_again_what_failed_tries_again(staff: Speaker, site: str) -> None:
    await staff.says("upload", link=f"{site}/gone")
    await ready(staff.deployment, SCHOOL)
    assert "trying it again" in (await staff.says("upload", link=f"{site}/gone")).text.plain


async def test_a_source_is_edited_and_its_transcript_sent(staff: Speaker) -> None:
    await staff.says("upload", file=attachment(), title="Spheres")
    await ready(staff.deployment, SCHOOL)
    changed = await staff.says("edit", source="Spheres", title="The sphere", link="https://youtu.be/AbCdEfGhIjK")
    assert "The sphere" in changed.text.plain
    sent = await staff.says("transcript", source="The sphere", form="srt")
    assert b"00:00:14,000 --> " in sent.files[0].content
    assert sent.files[0].name == "The-sphere.srt"


async def test_a_student_sees_the_list_and_no_commands_of_staff(staff: Speaker) -> None:
    await staff.says("upload", file=attachment(), title="Spheres")
    await ready(staff.deployment, SCHOOL)
    student = Speaker.of(staff.deployment, "9")
    assert "Spheres" in (await student.says("videos", search="sphere")).text.plain
    assert "Nothing here" in (await student.says("videos", search="cubism")).text.plain
    for command, arguments in (
        ("status", {}),
        ("edit", {"source": "Spheres"}),
        ("transcript", {"source": "Spheres"}),
    ):
        assert "staff" in (await student.says(command, **arguments)).text.plain.lower()


async def test_work_on_two_uploads_at_once_ends_with_both(staff: Speaker, site: str) -> None:
    await asyncio.gather(
        staff.says("upload", link=f"{site}/brushes"), staff.says("upload", file=attachment("gesso.docx", document()))
    )
    assert {s.stage for s in (await sources(staff.deployment)).values()} == {Stage.COMPLETED}
