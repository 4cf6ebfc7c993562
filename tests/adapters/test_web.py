"""The web server over a real socket: health, signed pages, and the chat that only this machine may use."""

import asyncio
import base64
import io
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession, CookieJar, FormData

from adapters.files.objects import open_local_files
from adapters.web.cards import WebMessenger
from adapters.web.chat import ChatRoom, LocalChat
from adapters.web.server import build_web, serve
from adapters.web.signing import BrowserNames, LinkExpired, LinkUnknown, SignedWatchLinks
from adapters.web.watch import WatchPages
from core.conversation import Attachment, Place, Reply
from core.errors import ConfigurationError, UploadRefused
from core.ids import CreatorId, SourceId
from core.library.cards import card
from core.library.media import MediaKey
from core.library.scratch import Scratch
from core.library.store import Stage
from core.library.transcript import LocatorKind
from core.library.watching import WatchedSentence, WatchedSource, paragraphs, sentence_at
from tests.adapters.school import source_at
from tests.adapters.scripted_responder import ScriptedResponder
from tests.saved import files_in
from tests.waiting import eventually

KEY: Final = "a key of thirty-two characters ok"
CREATOR: Final = CreatorId(7)
LECTURE: Final = SourceId(11)
LARGEST_FILE_BYTES: Final = 600_000
ROOM: Final = ChatRoom("Limits & more", Place("web", "limits", "limits"), ("What is a <slope>?",))


def sentence(start_s: float, text: str, paragraph: int = 0, length_s: float = 4.0) -> WatchedSentence:
    return WatchedSentence(start_s, start_s + length_s, paragraph, text)


VIDEO: Final = WatchedSource(
    title="Limits <script>alert(1)</script>",
    link="https://www.youtube.com/watch?v=abc",
    duration_s=600.0,
    timed=True,
    sentences=(
        sentence(0.0, "Welcome."),
        sentence(4.2, "A slope & its <sign>."),
        sentence(75.4, "The gradient points uphill."),
        sentence(79.4, "So we go down."),
    ),
    creator_name="Ada's channel",
)


@dataclass
class FakeTranscripts:
    """Holds sources by creator, as the database does."""

    sources: dict[tuple[int, int], WatchedSource] = field(default_factory=lambda: {(CREATOR, LECTURE): VIDEO})

    async def transcript(self, creator_id: CreatorId, source_id: SourceId) -> WatchedSource | None:
        return self.sources.get((creator_id, source_id))

    async def recording(self, creator_id: CreatorId, source_id: SourceId) -> MediaKey | None:
        source = self.sources.get((creator_id, source_id))
        return MediaKey(source.media_key) if source and source.media_key else None


@dataclass
class Site:
    """A served application with a browser that looks at it."""

    address: str
    browser: ClientSession
    links: SignedWatchLinks
    transcripts: FakeTranscripts
    responder: ScriptedResponder
    messenger: WebMessenger
    state: dict[str, object]

    async def get(self, path: str, **headers: str) -> tuple[int, str, Mapping[str, str]]:
        async with self.browser.get(self.address + path, headers=headers) as response:
            return response.status, await response.text(), response.headers

    async def watch(self, start_s: float | None, source_id: SourceId = LECTURE) -> tuple[int, str]:
        path = self.links.link(CREATOR, source_id, start_s).removeprefix("https://chronos.example")
        status, text, _ = await self.get(path)
        return status, text

    async def say(self, said: object, **headers: str) -> tuple[int, dict[str, Any]]:
        async with self.browser.post(f"{self.address}/chat", json=said, headers=headers) as response:
            return response.status, await response.json()

    async def follow(self, said: object) -> AsyncGenerator[dict[str, Any], None]:
        """What the chat answers by the line, as it comes."""
        headers = {"Accept": "application/x-ndjson"}
        async with self.browser.post(f"{self.address}/chat", json=said, headers=headers) as response:
            assert response.content_type == "application/x-ndjson"
            async for line in response.content:
                yield json.loads(line)

    async def send(self, content: bytes, text: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
        form = FormData({"room": ROOM.place.key, "text": text})
        form.add_field("file", io.BytesIO(content), filename="sphere.vtt")
        async with self.browser.post(f"{self.address}/chat", data=form, headers=headers) as response:
            return response.status, await response.json()

    async def news(self, room: str, after: object = 0, **headers: str) -> list[dict[str, Any]]:
        query = {"room": room, "after": str(after)}
        async with self.browser.get(f"{self.address}/news", params=query, headers=headers) as response:
            news: list[dict[str, Any]] = await response.json() if response.status == 200 else []
            return news


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    state: dict[str, object] = {"status": "ok", "database": "ok"}
    messenger = WebMessenger()
    links = SignedWatchLinks(KEY, "https://chronos.example/")
    transcripts, responder = FakeTranscripts(), ScriptedResponder()

    async def health() -> dict[str, object]:
        return state

    async def rooms() -> list[ChatRoom]:
        return [ROOM]

    app = build_web(
        health=health,
        watch=WatchPages(links, transcripts, open_local_files(tmp_path / "media")),
        chat=LocalChat(responder, rooms, BrowserNames(KEY), messenger, LARGEST_FILE_BYTES, Scratch(tmp_path)),
    )
    async with serve(app, "127.0.0.1", 0) as address, ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        yield Site(address, browser, links, transcripts, responder, messenger, state)


async def test_health_is_json_and_503_when_nothing_works(site: Site) -> None:
    status, text, headers = await site.get("/health")
    assert (status, text) == (200, '{"status": "ok", "database": "ok"}')
    assert headers["Content-Type"].startswith("application/json")
    site.state["status"] = "degraded"
    assert (await site.get("/health"))[0] == 200
    site.state["status"] = "failing"
    assert (await site.get("/health"))[0] == 503


async def test_metrics_are_served(site: Site) -> None:
    status, text, _ = await site.get("/metrics")
    assert status == 200
    assert "python_info" in text


async def test_a_watch_link_shows_the_transcript_with_the_sentence_marked(site: Site) -> None:
    status, text = await site.watch(75.4)
    assert status == 200
    assert re.findall(r'<mark id="moment"[^>]*>(.*?)</mark>', text) == ["The gradient points uphill."]
    assert "Ada&#39;s channel" in text
    assert 'href="https://www.youtube.com/watch?v=abc&amp;t=75"' in text
    assert ">1:15</a>" in text


async def test_what_a_creator_wrote_never_becomes_markup(site: Site) -> None:
    _, text = await site.watch(None)
    assert "<script>alert" not in text
    assert "Limits &lt;script&gt;" in text
    assert "A slope &amp; its &lt;sign&gt;." in text


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "  JAVASCRIPT:alert(1)", ""])
async def test_only_web_addresses_can_be_opened_as_the_original(site: Site, address: str) -> None:
    site.transcripts.sources[CREATOR, LECTURE] = replace(VIDEO, link=address)
    _, text = await site.watch(75.4)
    assert "Open the original" not in text
    assert "alert(1)</a>" not in text


@pytest.mark.parametrize("moment", ["", "?t=", "?t=abc", "?t=-5", "?t=nan", "?t=inf", "?t=1e999"])
async def test_a_link_without_a_usable_moment_shows_the_transcript_unmarked(site: Site, moment: str) -> None:
    path = site.links.link(CREATOR, LECTURE, None).removeprefix("https://chronos.example")
    status, text, _ = await site.get(path + moment)
    assert status == 200
    assert "<mark" not in text


async def test_estimated_times_are_said_to_be_estimates(site: Site) -> None:
    site.transcripts.sources[CREATOR, LECTURE] = replace(VIDEO, estimated=True)
    _, text = await site.watch(75.4)
    assert "Times are estimates" in text
    assert "about 1:15" in text
    assert 'href="https://www.youtube.com/watch?v=abc"' in text


async def test_a_document_shows_paragraphs_instead_of_times(site: Site) -> None:
    lines = (sentence(0, "First.", 0, 1), sentence(0, "Still first.", 0, 1), sentence(1, "Second.", 1, 1))
    site.transcripts.sources[CREATOR, LECTURE] = replace(VIDEO, timed=False, sentences=lines, link="")
    status, text = await site.watch(None)
    assert status == 200
    assert text.count("¶") == 2
    assert "0:0" not in text


@pytest.mark.parametrize(
    ("kind", "locators", "shown"),
    [
        (LocatorKind.PAGE, ("4", "5"), ["page 4", "page 5"]),
        (LocatorKind.SLIDE, ("1", ""), ["slide 1", "¶ 2"]),
        (LocatorKind.HEADING, ("Light & shade", "Fixing"), ["Light &amp; shade", "¶ 1", "Fixing", "¶ 2"]),
        (LocatorKind.HEADING, ("Fixing", "Fixing"), ["Fixing", "¶ 1", "¶ 2"]),
    ],
)
async def test_a_document_says_where_its_reader_finds_a_paragraph(
    site: Site, kind: LocatorKind, locators: tuple[str, ...], shown: list[str]
) -> None:
    lines = tuple(WatchedSentence(n, n + 1, n, "Words.", locator) for n, locator in enumerate(locators))
    site.transcripts.sources[CREATOR, LECTURE] = replace(VIDEO, timed=False, sentences=lines, locator_kind=kind)
    _, text = await site.watch(None)
    assert re.findall(r'<(?:span class="time"|h2 class="heading")>(.*?)</', text) == shown


async def test_signed_pages_are_not_kept_and_tell_nobody_their_address(site: Site) -> None:
    path = site.links.link(CREATOR, LECTURE, 1).removeprefix("https://chronos.example")
    _, text, headers = await site.get(path)
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", text)


async def test_a_removed_source_is_gone_in_words(site: Site) -> None:
    site.transcripts.sources.clear()
    status, text = await site.watch(75.4)
    assert status == 404
    assert "the source was removed" in text


async def test_a_tampered_link_opens_nothing(site: Site) -> None:
    other = SignedWatchLinks("another key", "").link(CREATOR, LECTURE, None)
    good = site.links.link(CREATOR, LECTURE, None).removeprefix("https://chronos.example")
    for path in (other, good[:-2], "/watch/" + "x" * 5000, good.replace("/watch/", "/watch/A")):
        status, text, _ = await site.get(path)
        assert status == 404
        assert "<h1>" in text


async def test_a_link_for_one_source_cannot_be_turned_into_another(site: Site) -> None:
    _, stamp, signature = site.links.link(CREATOR, LECTURE, None).rpartition("/")[2].split(".")
    forged = base64.urlsafe_b64encode(b"[7,12]").decode().rstrip("=")
    site.transcripts.sources[CREATOR, SourceId(12)] = VIDEO
    assert (await site.get(f"/watch/{forged}.{stamp}.{signature}"))[0] == 404


async def test_an_expired_link_says_how_to_get_a_fresh_one(tmp_path: Path) -> None:
    links = SignedWatchLinks(KEY, "", lifetime_s=-1)

    async def health() -> dict[str, object]:
        return {"status": "ok"}

    app = build_web(health=health, watch=WatchPages(links, FakeTranscripts(), open_local_files(tmp_path)))
    page = links.link(CREATOR, LECTURE, 3)
    async with serve(app, "127.0.0.1", 0) as address, ClientSession() as browser:
        for path in (page, page.replace("/watch/", "/media/")):
            async with browser.get(address + path) as response:
                assert response.status == 410
                assert (
                    "This link has expired: ask again in the chat, or type /history there, for a fresh one."
                    in await response.text()
                )


def test_links_carry_whole_seconds_and_are_read_back() -> None:
    links = SignedWatchLinks(KEY, "https://chronos.example/")
    address = links.link(CREATOR, LECTURE, 75.9)
    assert re.fullmatch(r"https://chronos\.example/watch/[\w.-]+\?t=75#moment", address)
    token = address.rpartition("/")[2].partition("?")[0]
    assert links.read(token).source_id == LECTURE
    with pytest.raises(LinkExpired):
        SignedWatchLinks(KEY, "", lifetime_s=-1).read(token)
    with pytest.raises(LinkUnknown):
        SignedWatchLinks(KEY + "x", "").read(token)


def test_paragraphs_begin_after_pauses_at_new_turns_and_when_they_grow_long() -> None:
    turns = replace(VIDEO, sentences=(sentence(0, "One."), sentence(4, "Two.", 1), sentence(10, "After a pause.", 1)))
    assert [paragraph.first for paragraph in paragraphs(turns)] == [0, 1, 2]
    steady = replace(VIDEO, sentences=tuple(sentence(4.0 * n, "Going on.") for n in range(20)))
    assert [paragraph.start_s for paragraph in paragraphs(steady)] == [0.0, 32.0, 64.0]
    assert paragraphs(replace(VIDEO, sentences=())) == ()


def test_every_sentence_is_in_exactly_one_paragraph() -> None:
    shown = [sentence for paragraph in paragraphs(VIDEO) for sentence in paragraph.sentences]
    assert tuple(shown) == VIDEO.sentences


@pytest.mark.parametrize(("at_s", "position"), [(0, 0), (3, 0), (4, 1), (50, 1), (75, 2), (79, 3), (9999, 3)])
def test_the_linked_sentence_is_the_one_that_begins_in_that_second(at_s: float, position: int) -> None:
    assert sentence_at(VIDEO.sentences, at_s) == position


def test_before_the_first_sentence_nothing_is_marked() -> None:
    assert sentence_at((sentence(10, "Late."),), 3) is None
    assert sentence_at((), 3) is None


async def test_an_unknown_address_is_answered_in_words(site: Site) -> None:
    status, text, headers = await site.get("/nowhere")
    assert status == 404
    assert "does not open anything" in text
    assert "Content-Security-Policy" in headers


async def test_a_question_in_the_page_reaches_the_responder(site: Site) -> None:
    _, text, _ = await site.get("/")
    assert "What is a &lt;slope&gt;?" in text
    status, reply = await site.say({"room": ROOM.place.key, "text": " What is a slope? "})
    assert status == 200
    assert ["1:15", "plain", "https://video.example/watch?v=abc&t=75"] in reply["text"]
    assert [button[0] for button in reply["buttons"][0]] == ["👍", "👎"]
    asked = site.responder.asked[0]
    assert (asked.command, asked.arguments, asked.place) == ("ask", {"question": "What is a slope?"}, ROOM.place)
    assert (asked.person.platform, asked.person.manages) == ("web", False)


async def test_a_browser_stays_the_same_person_and_another_one_is_somebody_else(site: Site) -> None:
    for _ in range(2):
        await site.get("/")
        await site.say({"room": ROOM.place.key, "text": "Hello"})
    site.browser.cookie_jar.clear()
    await site.get("/")
    await site.say({"room": ROOM.place.key, "text": "Hello"})
    first, second, third = (request.person.external_id for request in site.responder.asked)
    assert first == second != third


async def test_the_page_lists_the_commands_that_a_visitor_can_use_in_a_room(site: Site) -> None:
    _, text, _ = await site.get("/")
    assert re.findall(r"<dt><code>/(\w+)", text) == ["ask", "upload", "remove", "privacy"]


async def test_buttons_and_typed_commands_work_in_the_page(site: Site) -> None:
    await site.get("/")
    await site.say({"room": ROOM.place.key, "button": "vote:1:2:0"})
    await site.say({"room": ROOM.place.key, "text": "/remove Limits"})
    pressed, typed = site.responder.asked
    assert (pressed.command, pressed.arguments) == ("vote", {"payload": "1:2:0"})
    assert (typed.command, typed.arguments) == ("remove", {"source": "Limits"})


async def test_a_mistyped_command_is_explained_without_asking(site: Site) -> None:
    await site.get("/")
    _, reply = await site.say({"room": ROOM.place.key, "text": "/remov Limits"})
    assert "Did you mean /remove?" in reply["text"][0][0]
    assert site.responder.asked == []


async def test_a_picture_comes_with_words_for_those_who_cannot_see_it(site: Site) -> None:
    _, _, headers = await site.get("/")
    assert "img-src 'self' blob:" in headers["Content-Security-Policy"]
    _, reply = await site.say({"room": ROOM.place.key, "text": "show me a picture"})
    (picture,) = reply["files"]
    assert (picture["name"], picture["description"]) == ("card.png", "A wallet with 40 CHRONOS")


async def test_files_come_along(site: Site) -> None:
    await site.get("/")
    _, reply = await site.say({"room": ROOM.place.key, "text": "/privacy"})
    assert reply["files"][0]["name"] == "my data.json"
    assert base64.b64decode(reply["files"][0]["base64"]) == b'{"questions": []}'


@pytest.mark.parametrize(
    ("text", "arguments"), [("", {}), ("Shading", {"title": "Shading"}), ("/upload language:de", {"language": "de"})]
)
async def test_a_file_is_uploaded_by_the_same_command_as_everywhere(
    site: Site, text: str, arguments: dict[str, str]
) -> None:
    await site.get("/")
    content = b"WEBVTT" + bytes(500_000)
    status, reply = await site.send(content, text)
    assert (status, reply["text"][0][0][:7]) == (200, "upload:")
    (asked,) = site.responder.asked
    assert asked.command == "upload"
    file = asked.arguments["file"]
    assert isinstance(file, Attachment)
    assert (file.name, file.size_bytes, site.responder.sent) == ("sphere.vtt", len(content), content)
    assert {name: value for name, value in asked.arguments.items() if name != "file"} == arguments


async def test_a_file_stands_on_the_disk_until_it_is_answered(site: Site, tmp_path: Path) -> None:
    await site.get("/")
    sending = asyncio.create_task(site.send(b"WEBVTT" + bytes(500_000), "/upload title:slowly"))
    await eventually(lambda: site.responder.sent is not None, "the file")
    assert [path.stat().st_size for path in files_in(tmp_path)] == [500_006]
    site.responder.released.set()
    await sending
    assert files_in(tmp_path) == []


async def test_of_a_file_that_is_too_large_only_its_size_is_kept(site: Site, tmp_path: Path) -> None:
    await site.get("/")
    await site.send(bytes(3 * LARGEST_FILE_BYTES))
    file = site.responder.asked[0].arguments["file"]
    assert isinstance(file, Attachment)
    assert file.size_bytes == 3 * LARGEST_FILE_BYTES
    assert isinstance(site.responder.sent, UploadRefused)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
async def test_a_form_that_is_none_is_refused_in_words(site: Site, kind: str) -> None:
    await site.get("/")
    headers = {"Content-Type": kind}
    async with site.browser.post(f"{site.address}/chat", data=b"nothing", headers=headers) as response:
        assert response.status == 400
        assert "Load the page again" in (await response.json())["error"]


async def test_a_foreign_page_uploads_nothing(site: Site) -> None:
    await site.get("/")
    assert (await site.send(b"WEBVTT", Origin="http://evil.example"))[0] == 403
    assert site.responder.asked == []


async def test_cards_come_to_their_room_and_change_where_they_stand(site: Site) -> None:
    await site.get("/")
    room, deliver = ROOM.place.key, site.messenger.deliver
    message_id = await deliver(ROOM.place, card(source_at("Shading", Stage.PENDING)), "")
    await deliver(Place("web", "other"), Reply(), "")
    (first,) = await site.news(room)
    assert first["id"] == message_id
    assert await site.news(room, first["number"]) == []
    assert await deliver(ROOM.place, card(source_at("Shading", Stage.COMPLETED)), message_id) == message_id
    (second,) = await site.news(room, first["number"])
    assert (second["id"], second["reply"]["text"][1][0]) == (message_id, "Shading")
    assert [entry["id"] for entry in await site.news(room, "nonsense")] == [message_id]
    assert await site.news(room, Origin="http://evil.example") == []


@pytest.mark.parametrize("said", [{}, [], "text", 5, {"room": 3}, {"room": "web:other:", "text": "x"}])
async def test_a_message_to_no_room_is_refused_in_words(site: Site, said: object) -> None:
    await site.get("/")
    status, reply = await site.say(said)
    assert status == 400
    assert "Load the page again" in reply["error"]


async def test_a_foreign_page_cannot_speak_for_the_person(site: Site) -> None:
    await site.get("/")
    said = {"room": ROOM.place.key, "text": "/privacy"}
    foreign: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"X-Forwarded-For": "203.0.113.9"},
    ]
    for headers in foreign:
        assert (await site.say(said, **headers))[0] == 403
    async with site.browser.post(f"{site.address}/chat", data='{"room": "x"}') as response:
        assert response.status == 415
    assert site.responder.asked == []
    own = {"Origin": site.address, "Sec-Fetch-Site": "same-origin"}
    assert (await site.say(said, **own))[0] == 200


async def test_without_the_page_s_own_cookie_nobody_is_answered(site: Site) -> None:
    said = {"room": ROOM.place.key, "text": "Hello"}
    assert (await site.say(said))[0] == 403
    assert (await site.say(said, Cookie="chronos_browser=forged.value"))[0] == 403
    assert site.responder.asked == []


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    _, _, headers = await site.get("/")
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=Strict" in headers["Set-Cookie"]


@pytest.mark.parametrize("headers", [{"Host": "chronos.example"}, {"X-Forwarded-For": "203.0.113.9"}, {"Via": "1"}])
async def test_through_a_proxy_there_is_no_chat_only_words(site: Site, headers: dict[str, str]) -> None:
    status, text, answered = await site.get("/", **headers)
    assert status == 200
    assert "<form" not in text
    assert "Ask in your community" in text
    assert "Set-Cookie" not in answered


async def test_without_a_chat_the_front_page_says_what_this_is() -> None:
    async def health() -> dict[str, object]:
        return {"status": "ok"}

    async with (
        serve(build_web(health=health), "127.0.0.1", 0) as address,
        ClientSession() as browser,
        browser.get(f"{address}/") as response,
    ):
        assert "answers a community" in await response.text()


async def test_a_taken_port_is_a_mistake_in_the_settings() -> None:
    async def health() -> dict[str, object]:
        return {"status": "ok"}

    async with serve(build_web(health=health), "127.0.0.1", 0) as address:
        port = int(address.removeprefix("http://127.0.0.1:"))
        with pytest.raises(ConfigurationError, match=f"http.port: {port} is taken"):
            await serve(build_web(health=health), "127.0.0.1", port).__aenter__()


async def test_an_address_that_is_not_ours_is_a_mistake_in_the_settings() -> None:
    async def health() -> dict[str, object]:
        return {"status": "ok"}

    with pytest.raises(ConfigurationError, match=r"http\.host"):
        await serve(build_web(health=health), "192.0.2.1", 0).__aenter__()


@pytest.mark.parametrize("name", ["chronos.css", "chat.js", "watch.js", "mark.svg"])
async def test_what_the_pages_need_is_served_from_here(site: Site, name: str) -> None:
    status, text, _ = await site.get(f"/static/{name}")
    assert status == 200
    assert not re.search(r"https?://(?!www\.w3\.org)", text)
    assert "innerHTML" not in text


async def test_a_page_that_can_read_lines_sees_the_reply_grow(site: Site) -> None:
    await site.get("/")
    lines = site.follow({"room": ROOM.place.key, "text": "sentence by sentence"})
    texts = [_plain((await anext(lines))["growing"])]
    site.responder.released.set()
    texts.append(_plain((await anext(lines))["growing"]))
    site.responder.released.set()
    whole = (await anext(lines))["reply"]

    assert texts == ["A slope is a direction. [1] \u2026", "A slope is a direction. [1] It points uphill. [1] \u2026"]
    assert _plain(whole).endswith("Limits [1] 1:15")
    assert whole["buttons"]


async def test_a_browser_that_leaves_in_the_middle_harms_nobody(site: Site) -> None:
    await site.get("/")
    lines = site.follow({"room": ROOM.place.key, "text": "sentence by sentence"})
    await anext(lines)
    await lines.aclose()
    site.responder.released.set()
    _, reply = await site.say({"room": ROOM.place.key, "text": "What is a slope?"})
    assert "gradient" in _plain(reply)


def _plain(reply: dict[str, Any]) -> str:
    return "".join(text for text, *_ in reply["text"])
