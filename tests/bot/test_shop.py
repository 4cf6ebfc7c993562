"""The shop as people use it: the staff sells, students look, confirm, have it for a time, and get CHRONOS back."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from adapters.postgres.purchases import PostgresPurchases
from bot.app import Deployment
from core.conversation import Person, Reply
from core.ids import CreatorId
from tests.adapters.school import rows
from tests.bot.conftest import Speaker, SpeakerMaker

SCHOOL: Final = CreatorId(1)
TOLD: Final = """
    SELECT place ->> 'recipient' AS recipient, content -> 'text' AS text, content -> 'buttons' AS buttons FROM outbox
     ORDER BY id
"""


@pytest.fixture
async def owner(speaker: SpeakerMaker) -> Speaker:
    """The owner of a community."""
    owner = speaker("1", manages=True)
    await owner.says("setup")
    return owner


async def rich(owner: Speaker, speaker: SpeakerMaker, external_id: str, amount: float = 100.0) -> Speaker:
    """A student to whom the staff gave CHRONOS."""
    student = speaker(external_id)
    await student.deployment.directory.enrol(SCHOOL, await student.deployment.directory.student(student.person))
    given = await owner.says(
        "grant", member=Person("discord", external_id, f"person {external_id}"), amount=amount, reason="good work"
    )
    assert "Gave" in given.text.plain
    return student


def button(reply: Reply, start: str) -> str:
    labels = [button.label for row in reply.buttons for button in row]
    return next(label for label in labels if label.startswith(start))


async def buys(student: Speaker, item: str) -> Reply:
    card = await student.says("buy", item=item)
    return await student.presses(card, button(card, "Buy for"))


async def balance(student: Speaker) -> int:
    shown = (await student.says("balance")).text.plain
    return int(re.findall(r"([\d,]+) CHRONOS", shown)[0].replace(",", ""))


async def told(deployment: Deployment, recipient: str) -> list[str]:
    """What somebody was told privately of what they bought, oldest first."""
    found = await rows(deployment.address.url, TOLD)
    said = ["".join(span[0] for span in json.loads(row["text"])) for row in found if row["recipient"] == recipient]
    return [line for line in said if not line.startswith("🎁")]


async def test_questions_are_sold_bought_enough_and_end(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = await rich(owner, speaker, "2")
    assert "nothing to buy here yet" in (await student.says("shop")).text.plain
    added = await owner.says(
        "shop_admin", kind="questions", name="More questions", price=40.0, questions=50.0, days=7.0, stock="2",
        per_student="1", description="Ask on.",
    )  # fmt: skip
    assert "For sale from now on" in added.text.plain
    listed = await student.says("shop")
    assert "More questions · 40 CHRONOS · 50 more questions a day for 7 days · 2 left · at most 1 each" in (
        listed.text.plain
    )
    card = await student.presses(listed, "Buy More questions")
    assert "You have 100 CHRONOS; 60 would be left." in card.text.plain
    assert "Nothing was bought" in (await student.presses(card, "Not now")).text.plain
    assert await balance(student) == 100

    bought = await student.presses(card, "Buy for 40")
    assert "✅ More questions: you have 50 more questions a day for 7 days, until" in bought.text.plain
    again = await student.presses(card, "Buy for 40")
    assert again.text.plain == bought.text.plain, "a card buys once"
    assert await balance(student) == 60
    assert "already; each may buy it 1 time" in (await student.says("buy", item="more")).text.plain
    assert "You have\n▸ More questions: 50 more questions a day" in (await student.says("shop")).text.plain
    assert "1 left" in (await owner.says("shop_admin", item="more")).text.plain

    purchases, ends = PostgresPurchases(deployment.database), datetime.now(UTC) + timedelta(days=7, minutes=1)
    for at in (ends - timedelta(days=2), ends - timedelta(hours=20), ends - timedelta(hours=19), ends, ends):
        await purchases.all_due(SCHOOL, at)
    assert [line[:2] for line in await told(deployment, "2")] == ["⏳ ", "⌛ "]


async def test_what_was_changed_hidden_or_sold_out_since_the_look_takes_nothing(
    owner: Speaker, speaker: SpeakerMaker
) -> None:
    student, other = await rich(owner, speaker, "2"), await rich(owner, speaker, "3")
    await owner.says("shop_admin", kind="custom", name="Feedback", price=30.0, stock="1")
    card = await student.says("buy", item="feedback")
    changed = await owner.says("shop_admin", item="feedback", price=50.0)
    assert "Changed: price 30 → 50." in changed.text.plain
    dearer = await student.presses(card, "Buy for 30")
    assert "It is not as you saw it." in dearer.text.plain
    assert "50 would be left" in dearer.text.plain

    hidden = await owner.presses(changed, "Hide")
    assert "not for sale any more" in (await student.presses(dearer, "Buy for 50")).text.plain
    assert "hidden" in (await owner.says("shop_admin")).text.plain
    assert "nothing to buy" in (await student.says("shop")).text.plain
    shown = await owner.presses(hidden, "Show")
    assert "set aside" in (await buys(other, "feedback")).text.plain
    sold_out = await student.presses(dearer, "Buy for 50")
    assert "sold out. Nothing was taken" in sold_out.text.plain
    assert (await balance(student), await balance(other)) == (100, 50)
    deleted = await owner.presses(shown, "Delete")
    assert "There is no 'feedback' here" in (await student.says("buy", item="feedback")).text.plain
    assert "For sale." in (await owner.presses(deleted, "Sell it again")).text.plain


async def test_the_staff_does_a_perk_by_hand_or_says_that_it_cannot_and_refunds(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = await rich(owner, speaker, "2")
    await owner.says("shop_admin", kind="custom", name="Portfolio review", price=30.0)
    for _ in range(3):
        assert "the staff was asked" in (await buys(student, "portfolio")).text.plain
    assert await balance(student) == 10
    assert "are missing" in (await student.says("buy", item="portfolio")).text.plain
    assert "Give back Portfolio review" in str((await student.says("shop")).buttons)
    waiting = await owner.presses(await owner.says("shop_admin", item="portfolio"), "Who bought it")
    assert [each.label for each in waiting.buttons[0]] == ["Done #3", "Done #2", "Done #1"]
    cards = [row for row in await rows(deployment.address.url, TOLD) if row["recipient"] == "1"]
    assert "person 2" in str(cards[0]["text"])
    (done, cannot) = json.loads(cards[0]["buttons"])[0]
    await speaker("1", community="200", manages=True).says("setup")
    alone = speaker("1", community="")  # with several creators, and none of them chosen
    assert "was told that it is done" in (await alone.says(done[1], payload=done[2])).text.plain
    assert "decided already" in (await owner.says(cannot[1], payload=cannot[2])).text.plain
    other = json.loads(cards[1]["buttons"])[0][1]
    assert "CHRONOS back" in (await owner.says(other[1], payload=other[2])).text.plain
    assert "Only the staff" in (await student.says(done[1], payload=done[2])).text.plain
    mine = await student.says("shop")
    assert "you gave" in (await student.presses(mine, button(mine, "Give back"))).text.plain.lower()
    assert await balance(student) == 70
    assert [line[0] for line in await told(deployment, "2")] == ["✅", "↩"]

    sales = await owner.presses(await owner.says("shop_admin"), "Everything that was bought")
    assert [line.rpartition(" · ")[2] for line in sales.text.plain.splitlines()[1:]] == [
        "failed, CHRONOS back: You took it back.", "failed, CHRONOS back: The staff cannot do that.", "done",
    ]  # fmt: skip
    asked = await owner.presses(sales, button(sales, "Refund"))
    assert "person 2 has 30 CHRONOS back" in (await owner.presses(asked, "Give back")).text.plain
    assert "given back already" in (await owner.presses(asked, "Give back")).text.plain
    assert await balance(student) == 100
    history = (await student.says("transactions")).text.plain
    assert "+30 given back: refund of Portfolio review in the shop" in history
    assert await deployment.services.ledger.faults(SCHOOL) == []


async def test_a_session_has_so_many_places_reminds_moves_and_can_be_called_off(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    one, two, three = [await rich(owner, speaker, number) for number in ("2", "3", "4")]
    starts = (datetime.now(UTC) + timedelta(days=3)).replace(second=0, microsecond=0)
    await owner.says(
        "shop_admin", kind="place", name="Live drawing", price=20.0, starts=f"{starts:%Y-%m-%d %H:%M}", stock="2"
    )
    assert "a place in the session on" in (await buys(one, "live")).text.plain
    await buys(two, "live")
    assert "sold out" in (await three.says("buy", item="live")).text.plain
    mine = await two.says("shop")
    await two.presses(mine, "Give back Live drawing")
    assert await balance(two) == 100
    await buys(three, "live")
    people = await owner.presses(await owner.says("shop_admin", item="live"), "Participants")
    assert "person 2" in people.text.plain
    assert "person 4" in people.text.plain

    later = starts + timedelta(hours=2)
    await owner.says("shop_admin", item="live", starts=f"{later:%Y-%m-%d %H:%M}+00:00")
    purchases = PostgresPurchases(deployment.database)
    for minutes in (61, 59, 58):
        await purchases.all_due(SCHOOL, later - timedelta(minutes=minutes))
    assert [line[0] for line in await told(deployment, "2")] == ["📅", "⏰"]
    asked = await owner.presses(await owner.says("shop_admin", item="live"), "Call it off")
    assert "2 people get their CHRONOS back" in asked.text.plain
    assert "2 times" in (await owner.presses(asked, "Call it off")).text.plain
    assert (await balance(one), await balance(three)) == (100, 100)
    assert (await told(deployment, "4"))[-1].startswith("↩")


async def test_a_tier_and_a_freeze_are_bought_and_taken_back(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = await rich(owner, speaker, "2")
    student_id = await deployment.directory.student(student.person)
    await owner.says("shop_admin", kind="tier", name="Gold month", price=30.0, tier="Gold", days=30.0)
    await owner.says("shop_admin", kind="freeze", name="Freeze", price=10.0)
    first, second = await buys(student, "gold"), await buys(student, "gold")
    assert first.text.plain.split("until")[1] != second.text.plain.split("until")[1], "the second makes it longer"
    assert (await deployment.directory.enrolment(SCHOOL, student_id)).bought == {"gold"}
    purchases = PostgresPurchases(deployment.database)
    await purchases.all_due(SCHOOL, datetime.now(UTC) + timedelta(days=31))
    assert await told(deployment, "2") == [], "nothing has ended yet"
    await purchases.all_due(SCHOOL, datetime.now(UTC) + timedelta(days=61))
    assert len(await told(deployment, "2")) == 1
    assert (await deployment.directory.enrolment(SCHOOL, student_id)).bought == frozenset()

    assert "does not break your streak" in (await buys(student, "freeze")).text.plain
    assert "You hold a streak freeze already" in (failed := await buys(student, "freeze")).text.plain
    assert "Your 10 CHRONOS are back" in failed.text.plain
    assert await balance(student) == 30
    sales = await owner.presses(await owner.says("shop_admin", item="freeze"), "Who bought it")
    await owner.presses(await owner.presses(sales, button(sales, "Refund")), "Give back")
    assert await balance(student) == 40


UNSELLABLE: Final[list[tuple[dict[str, str | float], str]]] = [
    ({"kind": "tier", "name": "x", "price": 5.0}, "A tier needs tier: too"),
    ({"kind": "freeze", "name": "x", "price": 5.0, "days": 3.0}, "A freeze has no days:"),
    ({"kind": "freeze", "name": "x", "price": 0.0}, "price is a whole number from 1"),
    ({"kind": "freeze", "name": "x", "price": -5.0}, "price is a whole number from 1"),
    ({"kind": "freeze", "name": "x", "price": 1.5}, "price is a whole number."),
    ({"kind": "freeze", "name": "x", "price": 1e30}, "price is a whole number."),
    ({"kind": "freeze", "name": "x", "price": 5.0, "stock": "many"}, "stock is a whole number, or none"),
    ({"kind": "place", "name": "x", "price": 5.0, "starts": "tomorrow"}, "is no time"),
    ({"kind": "place", "name": "x", "price": 5.0, "starts": "2020-01-01 10:00"}, "begun already"),
    ({"kind": "role", "name": "x", "price": 5.0, "role": "VIP", "days": 3.0}, "Roles are Discord's"),
    ({"kind": "freeze", "name": "x" * 61, "price": 5.0}, "1 to 60 characters"),
    ({"kind": "freeze", "price": 5.0}, "needs kind:, name: and price:"),
    ({"item": "nothing"}, "There is no 'nothing' here"),
]


async def test_whoever_only_buys_is_enrolled_and_whoever_may_not_is_told_how_to_return(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    await owner.says("shop_admin", kind="freeze", name="Freeze", price=10.0)
    newcomer = speaker("2")
    student = await deployment.directory.student(newcomer.person)
    assert "costs 10 CHRONOS; you have 0" in (await newcomer.says("buy", item="freeze")).text.plain
    assert (await deployment.directory.enrolment(SCHOOL, student)).status == "active"
    await owner.says("students", member=newcomer.person, status="paused")
    refused = (await newcomer.says("buy", item="freeze")).text.plain
    assert "that is not possible now. Please write to its staff" in refused
    await owner.says("settings", who_may_ask="enrolled")
    outside = (await speaker("3").says("buy", item="freeze")).text.plain
    assert "enrolled students of School 100 only. With an invite code, type /enroll" in outside


async def test_what_cannot_be_sold_or_bought_is_refused_in_words(owner: Speaker, speaker: SpeakerMaker) -> None:
    for arguments, words in UNSELLABLE:
        assert words in (await owner.says("shop_admin", **arguments)).text.plain, arguments
    student = await rich(owner, speaker, "2")
    for action in ("shop_buy", "shop_look", "shop_return"):
        for payload in ("", "x", "7", "7:1:abc", "-1:1:abc", "1:1:a:b"):
            assert "Buy" not in str((await student.says(action, payload=payload)).buttons)
    assert "Only the staff" in (await student.says("shop_state", payload="1:open")).text.plain
    await owner.says("students", member=student.person, status="paused")
    await owner.says("shop_admin", kind="custom", name="Feedback", price=30.0)
    assert "is paused" in (await student.says("buy", item="feedback")).text.plain
    assert await balance(student) == 100
