"""The glossary and announcements, from the chat: a real database, the real embedder, a real worker."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.app import Deployment
from bot.tasks import run_worker
from core.conversation import Reply, reply_from_json
from core.library.source_reader import PortReader
from core.library.speech import Recognised
from core.library.transcript import Segment, Word
from tests.adapters.school import rows
from tests.bot.conftest import LECTURE, Speaker, SpeakerMaker, attachment, ready
from tests.waiting import eventually

SCHOOL = "school-100"
SPEECH = (Path(__file__).parents[1] / "data" / "workshop.ogg").read_bytes()
MISHEARD = LECTURE.replace(b"core shadow", b"coarse hello")
QUESTION = "Where does the core shadow lie?"


@asynccontextmanager
async def working(deployment: Deployment) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(deployment, stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def staff_of(speaker: SpeakerMaker) -> Speaker:
    person = speaker("1", manages=True)
    await person.says("setup")
    return person


async def messages(url: str, words: str) -> list[Reply]:
    found = await rows(url, "SELECT content::text AS content FROM outbox ORDER BY id")
    replies = [reply_from_json(json.loads(row["content"])) for row in found]
    return [reply for reply in replies if words in reply.text.plain]


async def test_names_are_added_listed_applied_and_removed(
    speaker: SpeakerMaker, deployment: Deployment, worker: None
) -> None:
    staff = await staff_of(speaker)
    assert "no name in the glossary yet" in (await staff.says("glossary")).text.plain
    await staff.says("upload", file=attachment("sphere.vtt", MISHEARD), title="Spheres")
    await ready(deployment, SCHOOL)
    reply = await staff.says("glossary", add="core shadow", instead_of="coarse hello, cortex hello")
    assert "core shadow instead of coarse hello, cortex hello" in reply.text.plain
    pressed = await staff.presses(reply, "Apply to the source that contains misspellings")
    assert "one after another" in pressed.text.plain

    async def spelt() -> bool:
        return "core shadow lies" in (await staff.says("ask", question=QUESTION)).text.plain

    await eventually(spelt, "the name is spelt in answers")
    reply = await staff.says("glossary")
    assert not reply.buttons, "nothing is misspelt any more"
    assert reply.files[0].content == b"core shadow,coarse hello,cortex hello\n"
    assert "no name in the glossary yet" in (await staff.says("glossary", remove="Core Shadow")).text.plain
    assert "no name" in (await staff.says("glossary", remove="core shadow")).text.plain


async def test_what_is_uploaded_afterwards_is_spelt_when_it_is_read(
    speaker: SpeakerMaker, deployment: Deployment, worker: None
) -> None:
    staff = await staff_of(speaker)
    names = attachment("names.csv", b"core shadow,coarse hello\nKubernetes\n")
    assert "Glossary: 2 names" in (await staff.says("glossary", file=names)).text.plain
    await staff.says("upload", file=attachment("sphere.vtt", MISHEARD), title="Spheres")
    await ready(deployment, SCHOOL)
    assert "core shadow lies" in (await staff.says("ask", question=QUESTION)).text.plain


async def test_what_cannot_be_kept_is_refused_and_students_are_not_asked(speaker: SpeakerMaker) -> None:
    staff = await staff_of(speaker)
    assert "which name is meant" in (await staff.says("glossary", instead_of="coarse hello")).text.plain
    assert "not text" in (await staff.says("glossary", file=attachment("n.csv", b"\xff\xfe\x00\x01"))).text.plain
    assert "letters" in (await staff.says("glossary", add="Kubernetes", instead_of="k")).text.plain
    assert "no name in the glossary yet" in (await staff.says("glossary")).text.plain
    student = speaker("9")
    assert "Only the staff" in (await student.says("glossary")).text.plain
    assert "Only the staff" in (await student.says("respell")).text.plain


@dataclass
class Listener:
    """A recogniser that hears the same in everything and remembers what it was told."""

    name: str = "listener"
    longest_s: float = 600.0
    largest_bytes: int = 100_000_000
    told: list[Sequence[str]] = field(default_factory=list)

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        self.told.append(tuple(names))
        said = "Wait for the coarse hello to dry."
        words = tuple(Word(8.0 + n / 4, 8.2 + n / 4, word) for n, word in enumerate(said.split()))
        return Recognised((Segment(8.0, 10.0, said, words=words),), "en")

    async def close(self) -> None: ...


async def test_a_recogniser_is_told_the_names_and_what_it_mishears_is_spelt(
    speaker: SpeakerMaker, deployment: Deployment
) -> None:
    listener = Listener()
    assert isinstance(deployment.reader, PortReader)
    staff = await staff_of(speaker)
    await staff.says("glossary", add="core shadow", instead_of="coarse hello")
    await staff.says("upload", file=attachment("glue.ogg", SPEECH), title="Glueing")
    async with working(replace(deployment, reader=replace(deployment.reader, transcriber=listener))):
        await ready(deployment, SCHOOL)
    assert listener.told == [("core shadow",)]
    sent = (await staff.says("transcript", source="Glueing")).files[0].content.decode()
    assert "00:00:08.000" in sent
    assert "Wait for the core shadow to dry." in sent


async def test_new_lessons_are_announced_where_it_was_asked_for(
    speaker: SpeakerMaker, deployment: Deployment, worker: None, database_url: str
) -> None:
    staff = await staff_of(speaker)
    assert "New lessons: not announced" in (await staff.says("settings")).text.plain
    assert "New lessons: told here" in (await staff.says("settings", announce="here")).text.plain
    elsewhere = replace(staff, place=replace(staff.place, channel="c101"))
    assert "in another channel" in (await elsewhere.says("settings")).text.plain
    await staff.says("upload", file=attachment(), title="Spheres")
    await ready(deployment, SCHOOL)
    (news,) = await messages(database_url, "📣")
    assert "New: Spheres (0:37)" in news.text.plain
    student = speaker("9")
    assert "I answer from Spheres" in (await student.presses(news, "Ask about it")).text.plain
    assert "not announced" in (await staff.says("settings", announce="off")).text.plain
    direct = replace(staff, place=speaker("1", community="").place)
    assert "server or group" in (await direct.says("settings", announce="here")).text.plain
    await staff.says("upload", file=attachment("b.vtt", MISHEARD), title="More")
    await ready(deployment, SCHOOL)
    assert len(await messages(database_url, "📣")) == 1
