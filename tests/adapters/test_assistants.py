"""Assistants on a real PostgreSQL: sources, versions, who is bound where, and several who change them at once."""

import asyncio
from dataclasses import dataclass

import pytest

from adapters.postgres import assistants as stored
from adapters.postgres.assistants import PostgresAssistants
from adapters.postgres.audit import PostgresAudit
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.knowledge import PostgresKnowledge
from core.asking.assistants import (
    EVERYWHERE_ELSE,
    MOST_ASSISTANTS,
    OUR_OWN,
    Assistant,
    Choice,
    Editor,
    Profile,
    ProfileChange,
    Spot,
)
from core.asking.given import NOTHING_GIVEN
from core.conversation import Place
from core.errors import Refused
from core.ids import SourceId, StudentId
from core.library.knowledge import Author, EntryKind, Wording, fold
from core.tiers import NO_TIERS, Scope
from tests.adapters.school import (
    School,
    add_ready,
    answer,
    converse,
    enrol_student,
    found_school,
    lecture,
    record,
    rows,
    shelf_of,
)

CHANNEL = Place("discord", "10", "server of drawing")
THREAD = Place("discord", "11", "server of drawing", parent="10")
DIRECT = Place("discord", "d1")
FIRES = "When is the kiln fired?"


@dataclass(frozen=True)
class Staffed:
    """A creator with their assistants, and somebody of the staff."""

    database: Database
    school: School
    by: Editor
    assistants: PostgresAssistants

    async def add(self, name: str = "Ada", prompt: str = "", **said: object) -> Assistant:
        return await self.assistants.add(self.by, Profile(name, **said), prompt)  # type: ignore[arg-type]

    async def sources(self, choice: Choice, name: str) -> set[SourceId] | None:
        """What an assistant with this choice answers from."""
        made = await self.add(name, choice=choice)
        voice = await self.assistants.voice(self.by.creator_id, made.id, None)
        assert voice is not None
        found = voice.manner.sources
        (listed,) = [one for one in await self.assistants.every(self.by.creator_id) if one.id == made.id]
        assert listed.answers_from == (None if found is None else len(found))
        return None if found is None else set(found)


@pytest.fixture
async def staffed(database: Database) -> Staffed:
    school, staff = await found_school(database, "drawing"), await enrol_student(database, "1")
    return Staffed(database, school, Editor(school.creator_id, staff), PostgresAssistants(database))


async def test_a_choice_is_what_the_library_has_of_it_now(staffed: Staffed) -> None:
    database, creator_id = staffed.database, staffed.by.creator_id
    first, second = staffed.school.source_id, await add_ready(database, creator_id, lecture("glazes"))
    async with database.creator(creator_id) as connection:
        await connection.execute("UPDATE sources SET topics = ARRAY['Raku Firing'] WHERE id = $1", second)
    author = Author(creator_id, "Drawing", staffed.by.student_id)
    knowledge = PostgresKnowledge(database)
    pair = (await knowledge.add(author, [Wording(EntryKind.PAIR, FIRES, "On Friday.", ("kiln",))]))[0].id
    note = (await knowledge.add(author, [Wording(EntryKind.NOTE, "kiln", "Mind the kiln.")]))[0].id

    chosen = [
        (Choice((first,)), {first}),
        (Choice((first, pair)), {first, pair}),
        (Choice(kinds=("videos",)), {first, second}),
        (Choice(kinds=("pairs", "notes")), {pair, note}),
        (Choice(topics=("raku firing",)), {second}),
        (Choice((first,), tags=("kiln",)), {first, pair}),
        (Choice(topics=("weaving",)), set()),
        (Choice((SourceId(10**9),)), set()),
    ]
    for number, (choice, expected) in enumerate(chosen):
        assert await staffed.sources(choice, f"A{number}") == expected, choice
    assert await staffed.sources(Choice(), "none") == set()
    assert (await shelf_of(database).remove(creator_id, second)) is not None
    assert await staffed.sources(Choice(kinds=("videos",)), "later") == {first}

    holdings = PostgresHoldings(database)
    within, without = (Scope(creator_id, NO_TIERS, frozenset(ids)) for ids in ({pair, note}, {first}))
    given = await holdings.given(within, fold(FIRES))
    assert given.pair is not None
    assert [each.source_id for each in given.notes] == [note]
    assert await holdings.given(without, fold(FIRES)) == NOTHING_GIVEN
    assert await holdings.pair(within, pair) is not None
    assert await holdings.pair(without, pair) is None
    assert await knowledge.questions(within, [pair]) == {pair: FIRES}
    assert await knowledge.questions(without, [pair]) == {}


async def test_the_closest_place_decides_and_private_chats_have_who_answers_everywhere_else(staffed: Staffed) -> None:
    assistants, by, creator_id = staffed.assistants, staffed.by, staffed.by.creator_id
    ada, bo, cy = [await staffed.add(name, f"I am {name}.") for name in ("Ada", "Bo", "Cy")]
    assert await assistants.speaking(creator_id, CHANNEL) == OUR_OWN
    for assistant, spot in ((ada, Spot.of(CHANNEL)), (bo, Spot.of(THREAD)), (cy, EVERYWHERE_ELSE)):
        rebound = await assistants.bind(by, assistant.id, spot)
        assert rebound is not None
        assert rebound.before is None

    async def names() -> list[str]:
        places = (CHANNEL, THREAD, Place("discord", "12", "server of drawing", parent="10"), DIRECT)
        return [(await assistants.speaking(creator_id, place)).manner.instructions for place in places]

    assert await names() == ["I am Ada.", "I am Bo.", "I am Ada.", "I am Cy."]
    await assistants.remove(by, bo.id)
    assert await names() == ["I am Ada.", "I am Ada.", "I am Ada.", "I am Cy."]
    await assistants.restore(by, bo.id)
    await assistants.bind(by, None, Spot.of(CHANNEL))
    assert await names() == ["I am Cy.", "I am Bo.", "I am Cy.", "I am Cy."]
    back = await assistants.bind(by, ada.id, Spot.kept(CHANNEL.key))
    assert back is not None
    assert await assistants.bind(by, None, Spot.of(Place("discord", "99", "1"))) is None

    other = await found_school(staffed.database, "cooking")
    stranger = Editor(other.creator_id, by.student_id)
    assert await assistants.speaking(other.creator_id, CHANNEL) == OUR_OWN
    assert await assistants.every(other.creator_id) == []
    assert await assistants.versions(other.creator_id, ada.id) == []
    assert await assistants.voice(other.creator_id, ada.id, 1) is None
    assert await assistants.change(stranger, ada.id, ProfileChange(name="Eve")) is None
    assert await assistants.write(stranger, ada.id, "Be rude.") is None
    assert await assistants.use(stranger, ada.id, 0) is None
    assert await assistants.bind(stranger, ada.id, EVERYWHERE_ELSE) is None
    assert await assistants.remove(stranger, ada.id) is None
    assert await names() == ["I am Ada.", "I am Bo.", "I am Ada.", "I am Cy."]
    await staffed.assistants.add(stranger, Profile("Ada"), "")


async def test_versions_count_on_and_what_is_in_use_is_never_dropped(
    staffed: Staffed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistants, by, creator_id = staffed.assistants, staffed.by, staffed.by.creator_id
    monkeypatch.setattr(stored, "MOST_VERSIONS", 4)
    ada = await staffed.add(prompt="First.")
    written = await asyncio.gather(*(assistants.write(by, ada.id, f"Number {n}.") for n in range(7)))
    assert sorted(filter(None, written)) == [2, 3, 4, 5, 6, 7, 8]
    assert [each.version for each in await assistants.versions(creator_id, ada.id)] == [8, 7, 6, 5, 1]
    before = (await assistants.speaking(creator_id, CHANNEL)).manner.key
    assert await assistants.use(by, ada.id, 8) == 1
    assert await assistants.use(by, ada.id, 2) is None, "it was dropped"
    voices = [await assistants.voice(creator_id, ada.id, version) for version in (None, 8, 5, 0)]
    keys = {voice.manner.key for voice in voices if voice}
    assert len(keys) == 3, "the same version is the same voice"
    assert before not in keys
    assert voices[3] is not None
    assert voices[3].manner.instructions == ""
    await assistants.change(by, ada.id, ProfileChange(tutor=True))
    changed = await assistants.voice(creator_id, ada.id, None)
    assert changed is not None
    assert changed.manner.key not in keys, "no answer that is kept outlives a change"

    deeds, _ = await PostgresAudit(staffed.database).deeds(creator_id, platform="discord", action="assistant")
    assert [deed.details["was"] for deed in deeds][:2] == ["edited", "use"]
    assert deeds[1].details["version"] == 8
    assert {deed.by for deed in deeds} == {"1"}


async def test_of_two_who_make_the_same_at_once_one_is_refused_and_there_are_never_too_many(
    staffed: Staffed, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    both = await asyncio.gather(staffed.add("Ada"), staffed.add("ADA"), return_exceptions=True)
    assert [type(found) for found in both].count(Refused) == 1
    (made,) = await staffed.assistants.every(staffed.by.creator_id)
    await staffed.assistants.remove(staffed.by, made.id)
    again = await staffed.add("ada")
    assert await staffed.assistants.restore(staffed.by, made.id) is None, "that name is taken"
    monkeypatch.setattr(stored, "MOST_ASSISTANTS", 2)
    await staffed.add("Bo")
    with pytest.raises(Refused, match="2 assistants already"):
        await staffed.add("Cy")
    async with staffed.database.creator(staffed.by.creator_id) as connection:
        await connection.execute(
            "UPDATE assistants SET removed_at = now() - interval '8 days' WHERE removed_at < now()"
        )
    await staffed.assistants.remove(staffed.by, again.id)
    assert len(await rows(database_url, "SELECT FROM assistants")) == 2, "what was removed long ago is gone"
    assert MOST_ASSISTANTS == 25, "so that each is suggested while a name is typed"


async def test_answers_are_counted_by_version_as_they_are_rated_in_the_end(
    staffed: Staffed, database_url: str
) -> None:
    database, assistants, school = staffed.database, staffed.assistants, staffed.school
    ada = await staffed.add(prompt="First.")
    voice = await assistants.voice(school.creator_id, ada.id, None)
    assert voice is not None
    student = await enrol_student(database, "2")
    conversations, speaker = PostgresConversations(database), school.speaker(student)
    kept = await record(conversations, speaker, "Why?", answer())
    await assistants.note(school.creator_id, student, kept, voice)
    unnoted = await converse(database, school, student, "Why not?")

    async def counted() -> tuple[int, int, int]:
        (version,) = await assistants.versions(school.creator_id, ada.id)
        return version.answers, version.helpful, version.unhelpful

    assert await counted() == (1, 0, 0)
    for helpful, expected in ((True, (1, 1, 0)), (True, (1, 1, 0)), (False, (1, 0, 1)), (True, (1, 1, 0))):
        await conversations.vote(speaker, kept, helpful=helpful)
        assert await counted() == expected
    await assistants.note(school.creator_id, StudentId(student + 1000), unnoted, voice)
    assert await counted() == (1, 1, 0)
    found = await rows(database_url, "SELECT assistant_id, assistant_version FROM chat_messages ORDER BY id")
    assert [tuple(row) for row in found] == [(ada.id, 1), (None, None)], "another's answer is not touched"
    async with database.creator(school.creator_id) as connection:
        await connection.execute("DELETE FROM assistants")
    assert (await conversations.export(student))["messages"][0]["question"] == "Why?"
