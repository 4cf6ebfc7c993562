"""Contributions on PostgreSQL: who earns, what is taken back, and how much a day."""

import asyncio
import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from adapters.postgres.acts import PostgresActs
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.overheard import PostgresNotebook
from adapters.postgres.tariffs import PostgresTariffs
from core.conversation import Person, Place
from core.ids import CreatorId
from core.members.directory import Community
from core.overheard import Deleted, Fact, Reacted, Said
from core.rewards.ledger import Budget
from core.rewards.rules import MESSAGE, REACTION, Rewards, Rule
from core.rewards.tariffs import Change
from tests.adapters.school import jobs, rows

REWARDS: Final = Rewards({MESSAGE: Rule(5, 20, 60), REACTION: Rule(0, 2)}, Budget(10_000, 100_000), 10)
CHAT: Final = Place("discord", "10", "100")
START: Final = datetime(2026, 11, 21, 8, tzinfo=UTC)


def sentences() -> list[str]:
    """Sixty sentences of made-up words, none like another."""
    words = [hashlib.sha256(bytes([n])).hexdigest() for n in range(60)]
    return [" ".join(word[at : at + 8] for at in range(0, 48, 8)) for word in words]


@dataclass(slots=True)
class Chat:
    """A community with its members, and what became of what they wrote."""

    url: str
    database: Database
    notebook: PostgresNotebook
    creator: CreatorId
    community: Community
    ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def said(
        self, author: str, text: str, *, minute: float = 0, manages: bool = False, roles: frozenset[str] = frozenset()
    ) -> Said:
        person = Person("discord", author, f"person {author}", manages, roles)
        return Said(CHAT, str(next(self.ids)), person, START + timedelta(minutes=minute), text)

    async def notes(self, *facts: Fact) -> None:
        await self.notebook.note(facts)

    async def judge(self) -> list[str]:
        """Judge all that waits, with four workers at once; the verdicts in the order of what was done."""
        acts = PostgresActs(self.database)

        async def worker() -> None:
            while await acts.judge_next(self.creator, REWARDS):
                pass

        await asyncio.gather(*(worker() for _ in range(4)))
        found = await rows(self.url, "SELECT verdict FROM learning_acts ORDER BY done_at, id")
        return [row["verdict"] for row in found]

    async def balance(self, author: str) -> int:
        student = await PostgresDirectory(self.database).student(Person("discord", author))
        return (await PostgresLedger(self.database).wallet(student)).balance


@pytest.fixture
async def chat(database: Database, database_url: str) -> Chat:
    directory = PostgresDirectory(database)
    owner = await directory.student(Person("discord", "owner"))
    creator = await directory.add_creator("drawing", "Drawing", owner)
    community = await directory.add_community(creator.id, CHAT)
    await directory.set_staff_role(community.id, "helpers")
    return Chat(database_url, database, PostgresNotebook(database, REWARDS), creator.id, community)


async def test_a_batch_is_one_job_and_pays_members_alone_and_no_word_is_kept(chat: Chat) -> None:
    directory, (one, two, three, *_) = PostgresDirectory(chat.database), sentences()
    paused = await directory.student(Person("discord", "paused"))
    await directory.set_enrolment(chat.creator, paused, "paused")
    elsewhere = Said(Place("discord", "7", "999"), "7", Person("discord", "stranger"), START, one)
    batch = [
        chat.said("new", one), chat.said("paused", two), chat.said("owner", three),
        chat.said("admin", one, manages=True), chat.said("helper", two, roles=frozenset({"helpers"})), elsewhere,
    ]  # fmt: skip
    await chat.notes(*batch)
    await chat.notes(*batch)  # as after a failure in the middle

    assert [job["entrypoint"] for job in await jobs(chat.database)] == ["award"]
    assert await chat.judge() == ["awarded"]
    assert await chat.balance("new") == 5
    kept = "".join(str(dict(row)) for row in await rows(chat.url, "SELECT * FROM learning_acts"))
    assert not any(word in kept for word in one.split() if len(word) > 3)
    assert await rows(chat.url, "SELECT FROM identities WHERE external_id = 'stranger'") == []


async def test_where_only_the_enrolled_may_ask_nobody_else_becomes_known(chat: Chat) -> None:
    directory = PostgresDirectory(chat.database)
    await directory.update_creator(chat.creator, who_may_ask="enrolled")
    enrolled = await directory.student(Person("discord", "enrolled"))
    await directory.enrol(chat.creator, enrolled)
    one, two, *_ = sentences()
    await chat.notes(chat.said("passer-by", one), chat.said("enrolled", two))

    assert await chat.judge() == ["awarded"]
    assert await rows(chat.url, "SELECT FROM identities WHERE external_id = 'passer-by'") == []
    await directory.update_creator(chat.creator, contributions=False)
    reaction = Reacted(CHAT, "7", Person("discord", "enrolled"), START, stands=True)
    await chat.notes(chat.said("enrolled", one, minute=5), reaction)
    assert await chat.judge() == ["awarded"]


async def test_of_sixty_messages_in_a_day_exactly_twenty_are_paid(chat: Chat) -> None:
    await chat.notes(*(chat.said("talker", text, minute=2 * n) for n, text in enumerate(sentences()[:60])))

    verdicts = await chat.judge()
    assert (verdicts.count("awarded"), verdicts.count("capped")) == (20, 40)
    assert await chat.balance("talker") == 100


async def test_nearly_the_same_and_too_soon_again_earn_nothing(chat: Chat) -> None:
    one, two, three, *_ = sentences()
    await chat.notes(
        chat.said("talker", one), chat.said("talker", two, minute=0.5), chat.said("talker", one.upper(), minute=2),
        chat.said("talker", two, minute=4), chat.said("other", one, minute=5), chat.said("talker", three, minute=6),
    )  # fmt: skip

    assert await chat.judge() == ["awarded", "too_soon", "repeated", "repeated", "awarded", "awarded"]


async def test_what_is_deleted_is_reversed_and_never_paid_where_it_was_not_judged_yet(chat: Chat) -> None:
    one, two, *_ = sentences()
    paid, unjudged = chat.said("talker", one), chat.said("talker", two, minute=5)
    await chat.notes(paid)
    await chat.judge()
    await chat.notes(unjudged, Deleted(CHAT, (paid.message_id, unjudged.message_id, "unheard of")))
    await chat.notes(Deleted(CHAT, (paid.message_id,)))

    assert await chat.judge() == ["taken_back", "taken_back"]
    assert await chat.balance("talker") == 0
    assert await rows(chat.url, "SELECT FROM learning_days") == []
    assert await PostgresLedger(chat.database).faults(chat.creator) == []


async def test_reactions_pay_the_author_where_they_are_switched_on_within_what_one_can_give_a_day(chat: Chat) -> None:
    texts = sentences()
    written = [chat.said("author", text, minute=5 * n) for n, text in enumerate(texts[:3])]
    fans = [chat.said("fan", texts[7]), chat.said("friend", texts[8])]

    def reacted(n: int, giver: str, *, stands: bool = True) -> Reacted:
        return Reacted(CHAT, written[n].message_id, Person("discord", giver), START + timedelta(hours=1), stands)

    await chat.notes(*written, *fans, reacted(0, "fan"))
    await chat.judge()
    assert await chat.balance("author") == 15
    owner = await PostgresDirectory(chat.database).student(Person("discord", "owner"))
    await PostgresTariffs(chat.database, REWARDS).change(chat.creator, Change(REACTION, 1, None), owner)
    await chat.notes(
        reacted(0, "fan"), reacted(0, "fan"), reacted(1, "fan"), reacted(2, "fan"), reacted(0, "author"),
        reacted(0, "stranger"), reacted(0, "friend"), reacted(0, "friend", stands=False),
    )  # fmt: skip
    await chat.judge()
    assert await chat.balance("author") == 17  # two of the fan's three, and nothing that does not stand

    await chat.notes(reacted(1, "fan", stands=False), Deleted(CHAT, (written[0].message_id,)))
    await chat.judge()
    assert await chat.balance("author") == 10
    assert await PostgresLedger(chat.database).faults(chat.creator) == []
