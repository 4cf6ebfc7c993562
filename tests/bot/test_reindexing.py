"""`/reindex` as people use it: the real local embedder, OpenAI's on loopback, PostgreSQL and a real worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot import items
from bot.administration import ask_once, list_work
from bot.app import DatabaseAddress, Deployment, open_on
from bot.checks import check_all
from bot.embedders import ConfiguredEmbedders
from bot.ingesting import working
from bot.reindexing import ReindexWork
from bot.settings import Settings
from core.asking.answer import Outcome
from core.conversation import Reply
from core.errors import ConfigurationError, EmbedderMissing
from core.ids import CreatorId
from core.library import reindexing
from core.library.ingestion import Interrupted, process
from core.library.reindexing import Reindexing
from core.library.store import NewSource
from tests.adapters.school import lecture, rows
from tests.bot.conftest import Speaker
from tests.waiting import eventually
from tests.wire.fake_models_openai import FakeOpenAI

LOCAL, SMALL = "minilm-l6-v2-int8", "openai:text-embedding-3-small:1536"
NAME = "openai:text-embedding-3-small"
QUESTION = "What does step 3 of charcoal take?"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(items, "LONGEST_DELAY_S", 0.2)


@pytest.fixture
async def openai() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        yield server


def configured(
    url: str, folder: Path, openai: FakeOpenAI, *, embed: str = NAME, key: str = "test-key"
) -> Settings:  # fmt: skip
    return Settings.model_validate(
        {
            "database": {"url": url}, "storage": {"data_dir": str(folder)}, "http": {"port": 0},
            "openai": {"api_key": key, "base_url": openai.base_url}, "models": {"embed": embed},
        }
    )  # fmt: skip


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Deployment]:
    url = settings.database.url.get_secret_value()
    async with open_on(settings, DatabaseAddress(url, url)) as deployment:
        yield deployment


async def teach(deployment: Deployment, creator_id: CreatorId, subject: str) -> None:
    """Make a lecture searchable."""
    await deployment.shelf.add(creator_id, [NewSource(lecture(subject).transcript, f"All about {subject}")], None)
    for source in await deployment.shelf.sources(creator_id):
        await process(creator_id, source.item_id, bench=deployment.shelf, indexer=deployment.indexer)


@pytest.fixture
async def settings(openai: FakeOpenAI, database_url: str, tmp_path: Path) -> Settings:
    """Settings that name OpenAI's embedder, and a creator whose library was made with the local one."""
    async with opened(configured(database_url, tmp_path, openai, embed="local")) as deployment:
        await Speaker.of(deployment, "1", manages=True).says("setup")
        await teach(deployment, (await only(deployment)), "charcoal")
        await teach(deployment, (await only(deployment)), "ink")
    return configured(database_url, tmp_path, openai)


@pytest.fixture
async def moved(settings: Settings) -> AsyncIterator[Deployment]:
    """The deployment under these settings."""
    async with opened(settings) as deployment:
        yield deployment


async def only(deployment: Deployment) -> CreatorId:
    (creator,) = await deployment.directory.creators()
    return creator.id


async def embedder_of(deployment: Deployment) -> str:
    return await deployment.shelf.embedder_of(await only(deployment))


async def under_way(deployment: Deployment) -> Reindexing | None:
    return await deployment.reindexings.under_way(await only(deployment))


async def cards(url: str) -> list[str]:
    """What stands on the cards, oldest first."""
    statement = (
        "SELECT (SELECT string_agg(s ->> 0, '') FROM jsonb_array_elements(content -> 'text') s) AS t FROM outbox"
    )
    return [row["t"] for row in await rows(url, f"{statement} ORDER BY id")]


def plain(reply: Reply) -> str:
    return reply.text.plain


async def test_a_library_is_moved_while_its_questions_are_answered(
    moved: Deployment, openai: FakeOpenAI, database_url: str
) -> None:
    staff = Speaker.of(moved, "1", manages=True)
    asked = await staff.says("reindex")
    assert "words (" in plain(asked)
    assert "costs the operator money" in plain(asked)
    assert openai.requests == [], "nothing is sent before it is said"
    assert "step 3 of charcoal" in plain(await staff.says("ask", question=QUESTION)).lower()
    assert openai.requests == [], "the library is still searched with its own embedder"
    begun = await staff.presses(asked, "Start")
    assert "the card below" in plain(begun)
    assert "0 of 2 sources" in plain(await staff.says("status"))
    (card,) = await cards(database_url)
    assert "0 of 2 sources" in card
    async with working(moved):
        await eventually(lambda: _is(moved, SMALL), "the switch")
        await eventually(lambda: _cleared(database_url), "the old vectors to be cleared")
    (card,) = await cards(database_url)
    assert card.startswith("✅ 2 sources learnt anew")
    sent = len(openai.requests)
    assert "step 3 of charcoal" in plain(await staff.says("ask", question=QUESTION)).lower()
    assert len(openai.requests) > sent, "and now with the new one"
    kept = await rows(database_url, "SELECT DISTINCT embedder FROM passage_embeddings")
    assert [row["embedder"] for row in kept] == [SMALL]
    assert await rows(database_url, "SELECT FROM reindexings") == []


async def _is(deployment: Deployment, embedder_id: str) -> bool:
    return await embedder_of(deployment) == embedder_id


async def _cleared(url: str) -> bool:
    return not await rows(url, "SELECT FROM reindexings")


async def test_what_leads_nowhere_is_refused_in_words(moved: Deployment) -> None:
    staff, student = Speaker.of(moved, "1", manages=True), Speaker.of(moved, "2")
    assert "staff" in plain(await student.says("reindex"))
    assert f"It is one of: {NAME}, local." in plain(await staff.says("reindex", embedder="gigantic"))
    present = await staff.says("reindex", embedder="local")
    assert plain(present).startswith("This library is searched with local already.")
    assert f"/reindex embedder:{NAME}" in plain(present)
    await staff.presses(await staff.says("reindex"), "Start")
    assert "being moved already" in plain(await staff.says("reindex"))
    empty = Speaker.of(moved, "3", community="300", manages=True)
    await empty.says("setup")
    assert "nothing to move yet" in plain(await empty.says("reindex"))


async def test_a_move_that_waits_is_cancelled_at_once(
    moved: Deployment, openai: FakeOpenAI, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "FIRST_DELAY_S", 3_600.0)
    monkeypatch.setattr(items, "LONGEST_DELAY_S", 3_600.0)
    staff = Speaker.of(moved, "1", manages=True)
    await staff.presses(await staff.says("reindex"), "Start")
    openai.overload(times=None)
    async with working(moved):
        await eventually(lambda: _waits(moved), "it to wait")
        moving = await under_way(moved)
        assert moving is not None
        student = Speaker.of(moved, "2")
        assert "Only the staff" in plain(await student.says("reindex_cancel", payload=str(moving.run)))
        assert plain(await staff.says("reindex_cancel", payload=str(moving.run))).startswith("Cancelled.")
        await eventually(lambda: _cleared(database_url), "what was written to be cleared")
    assert "over already" in plain(await staff.says("reindex_cancel", payload=str(moving.run)))
    kept = await rows(database_url, "SELECT DISTINCT embedder FROM passage_embeddings")
    assert [row["embedder"] for row in kept] == [LOCAL]
    assert ["was cancelled" in card for card in await cards(database_url)] == [True]


@pytest.mark.parametrize(
    ("trouble", "words", "operator"),
    [("busy", "is busy", "(429)"), ("key", "does not work right now", "(401)")],
)
async def test_a_provider_that_refuses_is_waited_for_and_the_card_says_why(
    trouble: str, words: str, operator: str, moved: Deployment, openai: FakeOpenAI, settings: Settings,
    database_url: str,
) -> None:  # fmt: skip
    if trouble == "busy":
        openai.overload(times=None)
    else:
        openai.api_key = "another"
    staff = Speaker.of(moved, "1", manages=True)
    await staff.presses(await staff.says("reindex"), "Start")
    async with working(moved):
        await eventually(lambda: _waits(moved), "it to wait")
        (card,) = await cards(database_url)
        assert words in card
        assert "I try again by myself" in card
        assert operator not in card
        (entry,), total = await list_work(settings, 10, finished=False)
        assert (entry.as_json()["stage"], total) == ("reindexing", 1)
        assert operator in entry.as_json()["error"]
        assert words in plain(await staff.says("status"))
        assert await embedder_of(moved) == LOCAL
        openai.recover()
        openai.api_key = "test-key"
        await eventually(lambda: _is(moved, SMALL), "it to go on by itself")


async def _waits(deployment: Deployment) -> bool:
    moving = await under_way(deployment)
    return moving is not None and moving.failures > 0


async def test_without_its_key_a_library_is_not_asked_and_can_be_moved_away(
    moved: Deployment, settings: Settings, openai: FakeOpenAI, database_url: str, tmp_path: Path
) -> None:
    staff = Speaker.of(moved, "1", manages=True)
    await staff.presses(await staff.says("reindex"), "Start")
    async with working(moved):
        await eventually(lambda: _is(moved, SMALL), "the switch")
        await eventually(lambda: _cleared(database_url), "the end")
    without = configured(database_url, tmp_path, openai, embed="local", key="")
    async with opened(without) as deployment:
        staff = Speaker.of(deployment, "1", manages=True)
        refused = plain(await staff.says("ask", question=QUESTION))
        assert "its key is missing: the operator sets openai.api_key" in refused
        (creator,) = await deployment.directory.creators()
        answer = await ask_once(without, creator.handle, QUESTION)
        assert answer.outcome is Outcome.REFUSED
        (failed,) = [finding for finding in await check_all(without) if finding.failed]
        assert creator.handle in failed.words
        assert "openai.api_key" in failed.words
        assert "the card below" in plain(await staff.says("reindex")), "the local one costs nothing"
        async with working(deployment):
            await eventually(lambda: _is(deployment, LOCAL), "the way back")
        assert "step 3 of charcoal" in plain(await staff.says("ask", question=QUESTION)).lower()
    found = {finding.words for finding in await check_all(settings) if finding.subject == "library"}
    assert any(LOCAL in words and "/reindex" in words for words in found)


async def test_an_embedder_is_opened_once_and_only_what_can_be_had_is_given(
    settings: Settings, openai: FakeOpenAI
) -> None:
    embedders = ConfiguredEmbedders(settings)
    assert embedders.of(SMALL) is embedders.usual
    short = embedders.of("openai:text-embedding-3-large:256")
    assert (short.embedder_id, short.dimensions) == ("openai:text-embedding-3-large:256", 256)
    assert embedders.of("openai:text-embedding-3-large:256") is short
    assert embedders.languages("") == frozenset()
    assert embedders.languages(LOCAL) == frozenset({"en"})
    assert embedders.languages("gone") == frozenset()
    for unknown in ("gone", "openai:gone:8", "openai:text-embedding-3-small:x", "openai:text-embedding-3-small", ""):
        with pytest.raises(EmbedderMissing):
            embedders.of(unknown)
    await embedders.close()
    with pytest.raises(ConfigurationError, match="text-embedding-3-small"):
        ConfiguredEmbedders(Settings.model_validate({"models": {"embed": "openai:x"}, "openai": {"api_key": "k"}}))


async def test_a_worker_that_stops_leaves_the_turn_to_another(
    moved: Deployment, openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setattr(reindexing, "SLICE", 4)
    staff = Speaker.of(moved, "1", manages=True)
    await staff.presses(await staff.says("reindex"), "Start")
    moving = await under_way(moved)
    assert moving is not None
    stop = asyncio.Event()
    stop.set()
    work = ReindexWork(moved.reindexings, moved.embedders, stop)
    with pytest.raises(Interrupted):
        await work.take_turn(await only(moved), moving.run, moving.turn)
    still = await under_way(moved)
    assert still is not None
    assert (still.turn, still.failures) == (moving.turn, 0)
    async with working(moved):
        await eventually(lambda: _is(moved, SMALL), "another worker to do it")
    texts = [text for request in openai.requests for text in request.body["input"]]
    assert len(texts) == len(set(texts))


async def test_creators_take_turns(
    moved: Deployment, openai: FakeOpenAI, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "TURN_S", 0.0)
    speakers = [Speaker.of(moved, "1", manages=True), Speaker.of(moved, "3", community="300", manages=True)]
    await speakers[1].says("setup")
    first, second = (creator.id for creator in await moved.directory.creators())
    async with opened(configured(database_url, tmp_path, openai, embed="local")) as before:
        for subject in ("pastel", "chalk"):
            await teach(before, second, subject)
    for speaker in speakers:
        await speaker.presses(await speaker.says("reindex"), "Start")

    async def both() -> bool:
        return [await moved.shelf.embedder_of(creator_id) for creator_id in (first, second)] == [SMALL, SMALL]

    async with working(moved):
        await eventually(both, "both to arrive")
    sent = [text for request in openai.requests for text in request.body["input"] if text.startswith("Step 0 of ")]
    assert [text.split()[3] for text in sent if len(text) < 100] == ["charcoal", "pastel", "ink", "chalk"]
