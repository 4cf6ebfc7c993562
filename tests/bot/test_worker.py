"""Real workers on a real queue: what passes is waited for, what cannot be is said, nothing is done twice."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

import asyncpg
import pytest

from adapters.postgres.acts import PostgresActs
from adapters.postgres.deployment import LIVE
from adapters.postgres.ledger import PostgresLedger
from bot import items
from bot import worker as bot_worker
from bot.app import Deployment
from bot.items import _wait, delay_s_after
from bot.tasks import run_worker, tasks_of
from core.conversation import Person, Place, reply_from_json
from core.errors import (
    BrokeOff,
    ChronosError,
    DatabaseError,
    DiskFull,
    ProviderBusy,
    ProviderError,
    ProviderUsedUp,
    QuotaReached,
    UploadRefused,
)
from core.ids import CreatorId
from core.library.origins import Listing
from core.library.reading import ReadSource, Report, SourceReader
from core.library.store import NewWorkflow, Source, Stage, Work
from core.library.transcript import Transcript
from core.rewards.awarding import NotJudged
from core.rewards.ledger import Fault
from core.rewards.rules import Rewards
from core.richtext import Style
from tests.adapters.school import change, rows, spoken
from tests.adapters.scripted_reader import Answer, ScriptedReader, linked
from tests.bot.conftest import SpeakerMaker
from tests.waiting import beside, eventually, within

PLACE = Place("discord", channel="10", community="100")
LINK = "https://videos.example/ink"
READ = ReadSource(Transcript(spoken("ink", 4), language="en"), "All about ink")


@pytest.fixture
async def creator_id(deployment: Deployment) -> CreatorId:
    return (await deployment.directory.add_creator("drawing", "Drawing", None)).id


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(items, "RENEW_EVERY_S", 0.05)


pytestmark = pytest.mark.usefixtures("_hasty")


@asynccontextmanager
async def workers(deployment: Deployment, reader: SourceReader, count: int = 1) -> AsyncIterator[asyncio.Event]:
    """So many workers beside the test, until the block ends or the event is set."""
    stop = asyncio.Event()
    async with beside(stop, *(run_worker(replace(deployment, reader=reader), stop) for _ in range(count))):
        yield stop


async def _set(event: asyncio.Event, what: str) -> None:
    async with within(30, what):
        await event.wait()


async def only(deployment: Deployment, creator_id: CreatorId) -> Source:
    (source,) = await deployment.shelf.sources(creator_id)
    return source


def ends(deployment: Deployment, creator_id: CreatorId) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        found = await deployment.shelf.sources(creator_id)
        return all(source.stage in {Stage.COMPLETED, Stage.FAILED} for source in found)

    return look


@dataclass
class SlowReader:
    """Waits inside a source until it is let go, and counts how many it is in at once."""

    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    inside: int = 0
    most_inside: int = 0

    async def read(self, work: Work, report: Report) -> ReadSource | Listing:
        self.asked.append(work.origin.link)
        await report(Stage.TRANSCRIBING, 0.5)
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)
        self.begun.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        finally:
            self.inside -= 1
        return READ


@dataclass
class SleepyReader:
    """Sleeps inside a source until it is woken, and then says what is not true any more."""

    error: ChronosError
    asleep: asyncio.Event = field(default_factory=asyncio.Event)
    wakes: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, work: Work, report: Report) -> ReadSource | Listing:
        await report(Stage.TRANSCRIBING, 0.5)
        self.asleep.set()
        await self.wakes.wait()
        self.over.set()
        raise self.error


async def test_a_provider_that_is_busy_for_a_while_is_waited_for(
    deployment: Deployment, creator_id: CreatorId, database_url: str
) -> None:
    reader = ScriptedReader(
        {LINK: [ProviderBusy("429", retry_after_s=0.05), ProviderError("500"), ProviderBusy("429"), READ]}
    )
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader):
        await eventually(ends(deployment, creator_id), "the work to be done")
    source = await only(deployment, creator_id)
    assert (source.stage, source.reason, source.last_error) == (Stage.COMPLETED, "", "")
    assert len(reader.asked) == 4
    assert [row["attempts"] for row in await rows(database_url, "SELECT attempts FROM items")] == [4]
    assert await rows(database_url, "SELECT FROM admissions") == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (QuotaReached("Today's budget for models is used up.", wait_s=0.05), "Today's budget for models is used up."),
        (ProviderUsedUp("OpenAI has no credit left"), "The credit for a service that it needs is used up."),
    ],
)
async def test_a_used_up_quota_pauses_the_work_and_counts_as_no_failure(
    deployment: Deployment, creator_id: CreatorId, monkeypatch: pytest.MonkeyPatch, error: ChronosError, said: str
) -> None:
    monkeypatch.setattr(items, "CREDIT_LOOK_S", 0.05)
    reader = ScriptedReader({LINK: [error]})
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader):

        async def tried_often() -> bool:
            return len(reader.asked) > items.MOST_ATTEMPTS + 1

        await eventually(tried_often, "more attempts than failures are allowed")

        async def paused() -> bool:
            source = await only(deployment, creator_id)
            return source.stage is Stage.PAUSED and source.reason.startswith(said)

        await eventually(paused, "the work to be paused")
        reader.script[LINK][0] = READ
        await eventually(ends(deployment, creator_id), "the work to go on by itself")
    assert (await only(deployment, creator_id)).stage is Stage.COMPLETED


async def test_a_service_that_is_busy_pauses_the_work_and_says_so(
    deployment: Deployment, creator_id: CreatorId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "FIRST_DELAY_S", 600.0)
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, ScriptedReader({LINK: [ProviderBusy("429")]})):

        async def paused() -> bool:
            return (await only(deployment, creator_id)).stage is Stage.PAUSED

        await eventually(paused, "the work to be paused")
    assert "I try again by myself in about" in (await only(deployment, creator_id)).reason


def test_a_database_that_went_away_is_not_blamed_on_the_stage() -> None:
    wait = _wait(DatabaseError("gone"), None, 0)
    assert wait.reason.startswith("Something did not work just now.")
    assert _wait(ProviderError("500"), Stage.EMBEDDING, 0).reason.startswith("The search model")


@pytest.mark.parametrize("error", [UploadRefused("It took too long."), ProviderError("cut off in its sleep")])
async def test_a_worker_that_lost_its_item_while_it_hung_neither_fails_it_nor_puts_it_off(
    deployment: Deployment, creator_id: CreatorId, database_url: str, monkeypatch: pytest.MonkeyPatch,
    error: ChronosError,
) -> None:  # fmt: skip
    monkeypatch.setattr(items, "RENEW_EVERY_S", 600.0)
    reader = SleepyReader(error)
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader), another_worker(database_url) as other:
        await asyncio.wait_for(reader.asleep.wait(), 30)
        taken = "UPDATE admissions SET worker = $1::text::uuid, leased_until = 'infinity'"
        await change(database_url, taken, other)
        reader.wakes.set()

        async def woken_job_is_done() -> bool:
            return await rows(database_url, "SELECT FROM pgqueuer WHERE status = 'picked'") == []

        await asyncio.wait_for(reader.over.wait(), 30)
        await eventually(woken_job_is_done, "the attempt to be over")
    source = await only(deployment, creator_id)
    assert (source.stage, source.reason) == (Stage.TRANSCRIBING, "")
    assert [row["failures"] for row in await rows(database_url, "SELECT failures FROM admissions")] == [0]


@asynccontextmanager
async def another_worker(url: str) -> AsyncIterator[str]:
    """The id of a worker that lives, by its lock."""
    worker = str(uuid4())
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(LIVE, worker)
        yield worker
    finally:
        await connection.close()


async def test_who_uploaded_is_told_once_for_each_time_that_all_ended_with_a_failure(
    deployment: Deployment, creator_id: CreatorId, database_url: str
) -> None:
    uploader = await deployment.directory.student(Person("discord", "77", "Ana"))
    links = [f"{LINK}{n}" for n in range(3)]
    reader = ScriptedReader({links[0]: [READ], links[1]: [UploadRefused("No.")], links[2]: [UploadRefused("No.")]})
    added = await deployment.shelf.add(
        creator_id, [linked(link) for link in links], PLACE, NewWorkflow("Lessons", uploader=uploader)
    )

    async def notices() -> list[str]:
        found = await rows(database_url, "SELECT content FROM outbox ORDER BY id")
        texts = [reply_from_json(json.loads(row["content"])).text for row in found]
        return [text.plain for text in texts if text.spans[0].style is Style.MEMBER]

    async with workers(deployment, reader):
        await eventually(ends(deployment, creator_id), "all to end")
        assert [text.partition(" could")[0] for text in await notices()] == ["Ana: 2 of 3 sources of Lessons"]
        await deployment.shelf.retry(creator_id, added[1].source_id)
        await eventually(ends(deployment, creator_id), "the retry to end")
    assert [text.partition(" could")[0] for text in await notices()] == [
        "Ana: 2 of 3 sources of Lessons", "Ana: 1 of 3 sources of Lessons",
    ]  # fmt: skip


async def test_a_full_disk_is_waited_for_without_an_attempt_going_wrong(
    deployment: Deployment, creator_id: CreatorId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "FIRST_LOOK_S", 0.05)
    monkeypatch.setattr(items, "RAREST_LOOK_S", 0.05)
    full = DiskFull("/scratch: the disk is full: free some space.")
    answers: list[Answer] = [full] * (items.MOST_ATTEMPTS + 2)
    reader = ScriptedReader({LINK: [*answers, READ]})
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader):
        await eventually(ends(deployment, creator_id), "the work to be done")
    assert (await only(deployment, creator_id)).stage is Stage.COMPLETED
    assert len(reader.asked) == items.MOST_ATTEMPTS + 3


async def test_reading_that_was_killed_is_tried_again_before_the_file_is_blamed(
    deployment: Deployment, creator_id: CreatorId
) -> None:
    killed = BrokeOff("The file is damaged or needs more memory to read than there is.")
    reader = ScriptedReader({LINK: [killed, killed, READ], f"{LINK}2": [killed]})
    await deployment.shelf.add(creator_id, [linked(LINK), linked(f"{LINK}2")], PLACE)
    async with workers(deployment, reader):
        await eventually(ends(deployment, creator_id), "both to end")
    ended = {source.link: (source.stage, source.reason) for source in await deployment.shelf.sources(creator_id)}
    assert ended == {LINK: (Stage.COMPLETED, ""), f"{LINK}2": (Stage.FAILED, str(killed))}
    assert Counter(reader.asked) == {LINK: 3, f"{LINK}2": 3}


async def test_what_cannot_work_is_not_tried_again(deployment: Deployment, creator_id: CreatorId) -> None:
    reader = ScriptedReader({LINK: [UploadRefused("This video is private.")]})
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader):
        await eventually(ends(deployment, creator_id), "the refusal")
    source = await only(deployment, creator_id)
    assert (source.stage, source.reason, len(reader.asked)) == (Stage.FAILED, "This video is private.", 1)


async def test_after_the_last_attempt_it_failed_with_words_and_can_be_tried_again_by_hand(
    deployment: Deployment, creator_id: CreatorId, database_url: str
) -> None:
    reader = ScriptedReader({LINK: [ProviderError("HTTP 503 from the edge")]})
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader):
        await eventually(ends(deployment, creator_id), "the last attempt")
        source = await only(deployment, creator_id)
        assert source.stage is Stage.FAILED
        assert "could not be fetched" in source.reason
        assert "503" not in source.reason, "a creator is told what it means"
        assert source.last_error == "HTTP 503 from the edge"
        assert len(reader.asked) == items.MOST_ATTEMPTS
        (card,) = await rows(database_url, "SELECT content::text AS text FROM outbox")
        assert "Try again" in card["text"]
        assert "could not be fetched" in card["text"]
        reader.script[LINK][0] = READ
        assert await deployment.shelf.retry(creator_id, source.id)
        await eventually(ends(deployment, creator_id), "the retry")
    assert (await only(deployment, creator_id)).stage is Stage.COMPLETED


async def test_two_workers_do_every_item_once_and_never_more_than_five_at_a_time(
    deployment: Deployment, creator_id: CreatorId, database_url: str
) -> None:
    reader = SlowReader()
    links = [f"{LINK}{n}" for n in range(9)]
    await deployment.shelf.add(creator_id, [linked(link) for link in links], PLACE)
    async with workers(deployment, reader, 2):

        async def full() -> bool:
            return reader.inside == 5

        await eventually(full, "five at once")
        reader.let_go.set()
        await eventually(ends(deployment, creator_id), "all to be done")
    assert Counter(reader.asked) == Counter(links)
    assert reader.most_inside == 5
    stored = await rows(database_url, "SELECT source_id, count(*) AS n FROM segments GROUP BY source_id")
    assert [row["n"] for row in stored] == [4] * 9
    (corpus,) = await rows(database_url, "SELECT version FROM corpora")
    assert corpus["version"] == 9


async def test_an_attempt_in_which_nothing_moves_is_given_up_for_another(
    deployment: Deployment, creator_id: CreatorId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "STALLED_S", 0.3)
    reader = SlowReader()
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader):
        await _set(reader.given_up, "the attempt to be given up")
        monkeypatch.setattr(items, "STALLED_S", 600.0)
        reader.let_go.set()
        await eventually(ends(deployment, creator_id), "another attempt")
    assert (await only(deployment, creator_id)).stage is Stage.COMPLETED
    assert len(reader.asked) >= 2


async def test_a_worker_puts_down_what_it_no_longer_holds(
    deployment: Deployment, creator_id: CreatorId, database_url: str
) -> None:
    reader = SlowReader()
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader):
        await _set(reader.begun, "the work to begin")
        await change(database_url, "UPDATE admissions SET worker = gen_random_uuid(), leased_until = 'infinity'")
        await _set(reader.given_up, "the attempt to be given up")
    assert (await only(deployment, creator_id)).stage is Stage.TRANSCRIBING


async def test_a_worker_that_stops_gives_its_item_back_without_a_failure(
    deployment: Deployment, creator_id: CreatorId, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "PUTS_DOWN_WITHIN_S", 0.1)
    monkeypatch.setattr(bot_worker, "STOPS_WITHIN_S", 60.0)
    reader = SlowReader()
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    async with workers(deployment, reader) as stop:
        await _set(reader.begun, "the work to begin")
        stop.set()
        await _set(reader.given_up, "the attempt to be given up")
    (left,) = await rows(database_url, "SELECT failures, worker FROM admissions")
    assert tuple(left) == (0, None)
    assert [row["status"] for row in await rows(database_url, "SELECT status::text FROM pgqueuer")] == ["queued"]


async def test_an_item_over_which_workers_die_is_given_up_in_words(
    deployment: Deployment, creator_id: CreatorId, database_url: str
) -> None:
    reader = ScriptedReader({LINK: [READ]})
    await deployment.shelf.add(creator_id, [linked(LINK)], PLACE)
    await change(database_url, "UPDATE admissions SET failures = $1", items.MOST_ATTEMPTS)
    async with workers(deployment, reader):
        await eventually(ends(deployment, creator_id), "the end of it")
    source = await only(deployment, creator_id)
    assert "broke off several times" in source.reason
    assert reader.asked == []


def test_a_wait_grows_and_is_never_shorter_than_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "FIRST_DELAY_S", 5.0)
    assert delay_s_after(ProviderBusy("429", retry_after_s=600.0), 0) >= 600
    waits = [delay_s_after(ProviderBusy("429"), failures) for failures in range(items.MOST_ATTEMPTS - 1)]
    assert sum(waits) >= 60, "a minute of 429 is lived through"
    assert delay_s_after(ProviderError("500"), 30) <= 1.5 * items.LONGEST_DELAY_S


async def test_the_buttons_of_cards_say_how_to_ask_and_try_a_batch_again(
    deployment: Deployment, speaker: SpeakerMaker
) -> None:
    owner = speaker("1", manages=True)
    await owner.says("setup")
    creator_id = CreatorId(1)
    await deployment.shelf.add(creator_id, [linked(LINK), linked(f"{LINK}2")], PLACE)
    newest, oldest = await deployment.shelf.sources(creator_id)
    await deployment.shelf.fail(creator_id, oldest.item_id, "It is private.")
    for said in ("Trying 1 again.", "There is nothing to try again."):
        assert (await owner.says("retry_batch", payload=str(newest.workflow_id))).text.plain == said
    assert "/ask" in (await owner.says("about", payload=str(newest.id))).text.plain
    assert "gone already" in (await owner.says("about", payload="999")).text.plain
    student = await speaker("2").says("retry_batch", payload=str(newest.workflow_id))
    assert "Trying" not in student.text.plain


async def test_what_fails_for_one_creator_holds_up_no_other_and_the_job_fails(
    deployment: Deployment, creator_id: CreatorId
) -> None:
    other = (await deployment.directory.add_creator("cooking", "Cooking", None)).id
    tidied: list[CreatorId] = []

    class Housekeeper:
        async def tidy_deployment(self) -> None: ...

        async def put_recheck(self, creator_id: CreatorId) -> None: ...

        async def sweep(self, creator_id: CreatorId) -> None: ...

        async def tidy(self, creator_id: CreatorId) -> None:
            tidied.append(creator_id)
            raise ValueError("a row that nobody foresaw")

    tasks = tasks_of(deployment, asyncio.Event())
    with pytest.raises(ExceptionGroup) as failure:
        await replace(tasks, housekeeping=Housekeeper()).tidy({})
    assert len(failure.value.exceptions) == 2
    assert sorted(tidied) == sorted([creator_id, other])


async def test_a_check_of_the_books_that_cannot_be_made_pauses_payouts(
    deployment: Deployment, creator_id: CreatorId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(_books: PostgresLedger, _creator_id: CreatorId) -> list[Fault]:
        raise OverflowError("too large a sum")

    monkeypatch.setattr(PostgresLedger, "faults", breaks)
    await tasks_of(deployment, asyncio.Event()).reconcile({})
    assert await deployment.payouts.freezes.is_frozen(creator_id)


async def test_an_act_that_cannot_be_judged_holds_up_no_other_creators_or_students(
    deployment: Deployment, creator_id: CreatorId, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = tasks_of(deployment, asyncio.Event())
    judged: list[int] = []

    async def judge_next(_acts: PostgresActs, _creator_id: CreatorId, _rewards: Rewards) -> bool:
        judged.append(len(judged))
        if len(judged) <= 3:
            raise NotJudged("quiz:1", len(judged), "broken")
        return len(judged) == 4

    monkeypatch.setattr(PostgresActs, "judge_next", judge_next)
    for _ in range(2):
        with pytest.raises(NotJudged):
            await tasks.award({"creator_id": creator_id})
    await tasks.award({"creator_id": creator_id})
    assert judged == [0, 1, 2, 3, 4]
