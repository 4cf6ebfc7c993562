"""What is overheard waits in a bounded buffer, and only what may count waits at all."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from core.conversation import Person, Place
from core.errors import DatabaseError
from core.overheard import Deleted, Fact, Said
from core.rewards.listening import BATCH, LONGEST_RUN, MOST_HELD, Listening, contributions

CHAT = Place("discord", "10", "100")
TEXT = "The lamp stands on the left side of the sphere"


class FakeNotebook:
    """Remembers what was noted, and can be away."""

    def __init__(self) -> None:
        self.noted: list[Fact] = []
        self.away = False

    async def note(self, facts: Sequence[Fact]) -> None:
        if self.away:
            raise DatabaseError("away")
        self.noted += facts


def said(n: int, text: str = TEXT, *, author: str = "", place: Place = CHAT) -> Said:
    return Said(place, str(n), Person("discord", author or str(n)), datetime(2026, 11, 21, tzinfo=UTC), text)


def counted(*texts: str) -> list[str]:
    return [each.said.text for each in contributions([said(n, text) for n, text in enumerate(texts)])]


def test_three_words_and_fifteen_characters_beside_links_mentions_and_emoji_count() -> None:
    assert counted(TEXT, "Thanks a lot :)", "thank you very much", "yes", "🎉🎉🎉 🎉🎉🎉 🎉🎉🎉") == [
        TEXT, "thank you very much",
    ]  # fmt: skip
    assert counted("<@123> https://example.org/a/b/c <:party:123>", "ok https://example.org/a/very/long/link") == []


async def test_of_a_run_of_one_author_the_first_five_count_and_others_end_it() -> None:
    notebook = FakeNotebook()
    listening = Listening(notebook)
    for n in range(8):
        listening.heard(said(n, author="talker"))
        listening.heard(said(100 + n, author="talker", place=Place("discord", f"thread {n}", "100")))
    listening.heard(said(8, "no", author="listener"))
    listening.heard(said(9, author="talker"))
    await listening.write()

    here = [fact.message_id for fact in notebook.noted if isinstance(fact, Said) and fact.place == CHAT]
    assert here == [*map(str, range(LONGEST_RUN)), "9"]


async def test_a_burst_beyond_the_room_is_dropped_and_counted_and_deletions_still_have_room() -> None:
    notebook = FakeNotebook()
    listening = Listening(notebook)
    for n in range(MOST_HELD + 50):
        listening.heard(said(n))
    listening.heard(Deleted(CHAT, ("1",)))

    assert (listening.dropped, listening.waiting) == (50, MOST_HELD + 1)
    assert await listening.write() == BATCH
    while await listening.write():
        pass
    assert len(notebook.noted) == MOST_HELD + 1
    assert notebook.noted[-1] == Deleted(CHAT, ("1",))


async def test_what_cannot_be_noted_waits_in_its_order() -> None:
    notebook = FakeNotebook()
    listening = Listening(notebook)
    facts: list[Fact] = [said(1), said(2), Deleted(CHAT, ("1",))]
    for fact in facts:
        listening.heard(fact)
    notebook.away = True
    with pytest.raises(DatabaseError):
        await listening.write()
    notebook.away = False

    assert await listening.write() == 3
    assert notebook.noted == facts


async def test_commands_of_other_bots_are_no_contributions() -> None:
    notebook = FakeNotebook()
    listening = Listening(notebook)
    for n, text in enumerate(("!play the song about the sphere", "/roll twenty dice for my sphere")):
        listening.heard(said(n, text))

    assert listening.waiting == 0
