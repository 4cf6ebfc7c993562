"""Who has the floor: the bot, until somebody besides those who asked replies."""

import asyncio

from core.floor import MOST_THREADS, Floor

ROOM, ASKER, HELPER = "room", "asker", "helper"


def test_a_reply_of_another_person_takes_the_floor_and_calling_the_bot_gives_it_back() -> None:
    floor = Floor()
    talk = floor.called(ROOM, "q", ASKER)
    floor.answered(talk, ["a1", "a2"])
    floor.heard(ROOM, "x", ASKER, "a1")
    floor.heard(ROOM, "y", HELPER, "")
    floor.heard("another room", "z", HELPER, "q")
    assert not floor.is_taken(ROOM, "a2"), "the asker, something else, another room"
    floor.heard(ROOM, "h", HELPER, "x")
    assert all(floor.is_taken(ROOM, each) for each in ("q", "a1", "a2", "x", "h"))
    assert not floor.is_taken(ROOM, "unknown")
    floor.heard(ROOM, "thanks", ASKER, "h")
    assert floor.is_taken(ROOM, "thanks")
    assert floor.called(ROOM, "again", ASKER, "h") is talk
    assert not floor.is_taken(ROOM, "a1")


def test_in_a_thread_the_staff_need_not_reply_to_anything() -> None:
    floor = Floor()
    floor.called(ROOM, "q", ASKER, thread=True)
    floor.called(ROOM, "q2", ASKER, "q", thread=True)
    assert not floor.waits_in(ROOM, ASKER)
    assert floor.waits_in(ROOM, HELPER)
    assert not floor.waits_in("another room", HELPER)
    floor.joined(ROOM, ASKER)
    assert not floor.is_taken(ROOM, "q")
    floor.joined(ROOM, HELPER)
    assert floor.is_taken(ROOM, "q2")


def test_only_so_much_is_remembered() -> None:
    floor = Floor(most_messages=3)
    talk = floor.called(ROOM, "q", ASKER)
    floor.answered(talk, ["1", "2", "3"])
    floor.heard(ROOM, "h", HELPER, "3")
    assert not floor.is_taken(ROOM, "q")
    assert floor.is_taken(ROOM, "3")
    for number in range(MOST_THREADS + 1):
        floor.called(str(number), "q", ASKER, thread=True)
    assert not floor.waits_in("0", HELPER)
    assert floor.waits_in("1", HELPER)


async def test_work_is_given_up_on_as_soon_as_the_floor_is_taken_and_comes_to_its_end() -> None:
    floor, released = Floor(), asyncio.Event()

    async def write() -> str:
        await released.wait()
        return "answer"

    talk = floor.called(ROOM, "q", ASKER)
    working = asyncio.create_task(write())
    waiting = asyncio.create_task(talk.stays_free(working))
    await asyncio.sleep(0)
    floor.heard(ROOM, "h", HELPER, "q")
    assert not await waiting
    released.set()
    assert await working == "answer"
    floor.called(ROOM, "again", ASKER, "q")
    assert not floor.is_taken(ROOM, "h")
    assert await talk.stays_free(asyncio.create_task(write()))
