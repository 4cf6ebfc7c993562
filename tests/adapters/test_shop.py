"""Purchases on a real PostgreSQL: nothing is sold twice, and what was killed at any point is finished by others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.offers import PostgresOffers
from adapters.postgres.purchases import PostgresPurchases
from adapters.postgres.roles import PostgresRoles
from core.asking.limits import Limits
from core.asking.sessions import Speaker
from core.conversation import Person, Place
from core.errors import Refused
from core.ids import CommunityId, CreatorId, PurchaseId, StudentId
from core.members.roles import Obstacle
from core.rewards.ledger import Award, AwardStatus, Budget
from core.rewards.shop import RESUMED_AFTER, Item, ItemKind, Offer, Purchase, PurchaseState
from tests.adapters.school import change, enrol_student, rows

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER: Final = NOW + RESUMED_AFTER
PLENTY: Final = Budget(1_000_000, 10_000_000)
GOLD: Final = Item(ItemKind.TIER, "Gold", 60, tier="gold", days=30)
FEEDBACK: Final = Item(ItemKind.CUSTOM, "Feedback", 10)


@dataclass(frozen=True, slots=True)
class Market:
    """A creator's shop, another creator whose CHRONOS are good there too, and a student who has 50 of each."""

    database: Database
    url: str
    offers: PostgresOffers
    purchases: PostgresPurchases
    ledger: PostgresLedger
    creator: CreatorId
    other: CreatorId
    community: CommunityId
    student: StudentId

    async def give(self, student: StudentId, amount: int, creator: CreatorId) -> None:
        award = Award("gift", f"gift:{student}", amount, 9, NOW.date())
        assert await self.ledger.award(creator, student, award, PLENTY) is AwardStatus.AWARDED

    async def sells(self, item: Item) -> Offer:
        return await self.offers.add(self.creator, item)

    async def takes(self, offer: Offer, student: StudentId | None = None, key: str = "card") -> PurchaseId | None:
        return await self.purchases.take(self.creator, student or self.student, offer.id, offer.version, key, NOW)

    async def buys(self, offer: Offer, student: StudentId | None = None, key: str = "card") -> Purchase | None:
        taken = await self.takes(offer, student, key)
        return None if taken is None else await self.purchases.fulfil(self.creator, taken, NOW)

    async def students(self, count: int) -> list[StudentId]:
        """So many who have 20 each."""
        found = [await enrol_student(self.database, f"student {number}") for number in range(count)]
        for student in found:
            await self.give(student, 20, self.creator)
        return found

    async def sold(self) -> list[str]:
        """The state of every purchase, oldest first."""
        return [row["state"] for row in await rows(self.url, "SELECT state FROM purchases ORDER BY id")]

    async def stock(self, offer: Offer) -> int | None:
        found = await self.offers.offer(self.creator, offer.id)
        return None if found is None else found.item.stock

    async def balances(self) -> dict[str, int]:
        """What the student has of each creator's, and what is set aside."""
        wallet = await self.ledger.wallet(self.student)
        found = await rows(
            self.url,
            "SELECT creator_id, balance FROM accounts WHERE student_id = $1 AND kind = 'member'", self.student,
        )  # fmt: skip
        own = {row["creator_id"]: row["balance"] for row in found}
        return {"shop": own[self.creator], "other": own[self.other], "held": wallet.held}


@pytest.fixture
async def market(database: Database, database_url: str) -> AsyncIterator[Market]:
    directory = PostgresDirectory(database)
    owner = await enrol_student(database, "owner")
    creator = (await directory.add_creator("drawing", "Drawing", owner)).id
    other = (await directory.add_creator("cooking", "Cooking", None)).id
    community = await directory.add_community(creator, Place("discord", "10", "100"))
    ledger = PostgresLedger(database)
    made = Market(
        database, database_url, PostgresOffers(database), PostgresPurchases(database), ledger, creator, other,
        community.id, await enrol_student(database, "1"),
    )  # fmt: skip
    for issuer in (creator, other):
        await made.give(made.student, 50, issuer)
    yield made
    for issuer in (creator, other):
        assert await ledger.faults(issuer) == []


async def test_twenty_buyers_at_once_get_five_and_the_others_keep_their_chronos(market: Market) -> None:
    offer = await market.sells(Item(ItemKind.QUESTIONS, "More", 20, questions=5, days=1, stock=5))
    students = await market.students(20)
    bought = await asyncio.gather(*(market.buys(offer, student) for student in students))
    assert [each.state for each in bought if each] == [PurchaseState.FULFILLED] * 5
    balances = [(await market.ledger.wallet(student)).balance for student in students]
    assert sorted(balances) == [0] * 5 + [20] * 15
    assert await market.stock(offer) == 0


async def test_of_two_buyers_of_the_last_one_exactly_one_has_it(market: Market) -> None:
    one, two = await market.students(2)
    for student in (one, two):
        await market.ledger.award(
            market.creator, student, Award("gift", f"more:{student}", 1000, 9, NOW.date()), PLENTY
        )
    for turn in range(20):
        offer = await market.sells(Item(ItemKind.CUSTOM, f"Feedback {turn}", 10, stock=1))
        taken = await asyncio.gather(*(market.takes(offer, student, f"card {turn}") for student in (one, two)))
        assert sum(each is not None for each in taken) == 1
        assert await market.stock(offer) == 0


async def test_pressing_twice_or_with_many_cards_at_once_buys_no_more_than_is_meant(market: Market) -> None:
    offer = await market.sells(Item(ItemKind.CUSTOM, "Feedback", 10, stock=9, per_student=2))
    same = await asyncio.gather(*(market.buys(offer) for _ in range(10)))
    assert len({each.id for each in same if each}) == 1
    assert len([each for each in same if each]) == 10
    cards = await asyncio.gather(*(market.takes(offer, key=f"card{number}") for number in range(6)))
    assert sum(each is not None for each in cards) == 1
    assert await market.sold() == ["held", "held"]
    assert await market.stock(offer) == 7
    assert await market.balances() == {"shop": 30, "other": 50, "held": 20}


async def test_the_shops_own_chronos_go_first_and_a_refund_returns_each_to_its_creator(market: Market) -> None:
    offer = await market.sells(GOLD)
    bought = await market.buys(offer)
    assert bought
    assert await market.balances() == {"shop": 0, "other": 40, "held": 0}
    with pytest.raises(Refused, match="not enough"):
        await market.takes(offer, key="another")
    assert await market.sold() == ["fulfilled"]
    refunds = await asyncio.gather(
        *(
            market.purchases.give_back(market.creator, bought.id, NOW, by=market.student, staff=True)
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Purchase) for each in refunds) == 1
    assert {str(each) for each in refunds if isinstance(each, Exception)} == {
        "Those CHRONOS were given back already."
    }
    assert await market.balances() == {"shop": 50, "other": 50, "held": 0}
    assert await rows(market.url, "SELECT FROM bought_tiers") == []


KILLS: Final = {
    "purchases": "INSERT",
    "shop_items": "UPDATE",
    "transfers": "INSERT",
    "entries": "INSERT",
    "pgqueuer": "INSERT",
}
"""Where the server may go away while something is taken; then all of it is undone."""


DIED: Final = r"admin_shutdown|went away"


@asynccontextmanager
async def broken(url: str, table: str, event: str, condition: str = "true") -> AsyncIterator[None]:
    """End every connection that gets to this point."""
    await change(url, "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE admin_shutdown; END'")
    await change(
        url, f"CREATE TRIGGER dies AFTER {event} ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION die()"
    )
    try:
        yield
    finally:
        await change(url, "DROP FUNCTION die() CASCADE")


async def test_a_kill_while_it_is_taken_takes_nothing(market: Market) -> None:
    offer = await market.sells(Item(ItemKind.TIER, "Gold", 60, tier="gold", days=30, stock=3))
    for table, event in KILLS.items():
        async with broken(market.url, table, event):
            with pytest.raises(Exception, match=DIED):
                await market.takes(offer)
        assert await market.sold() == []
        assert await market.stock(offer) == 3
        assert await market.balances() == {"shop": 50, "other": 50, "held": 0}


GIVING: Final = {
    "bought_tiers": ("INSERT", "true"),
    "transfers": ("INSERT", "NEW.kind = 'spend'"),
    "entries": ("INSERT", "true"),
    "purchases": ("UPDATE", "NEW.state = 'fulfilled'"),
}


async def test_a_kill_between_and_inside_the_steps_is_finished_by_whoever_comes_next(market: Market) -> None:
    offer = await market.sells(GOLD)
    taken = await market.takes(offer)
    assert taken
    for table, (event, condition) in GIVING.items():
        async with broken(market.url, table, event, condition):
            with pytest.raises(Exception, match=DIED):
                await market.purchases.fulfil(market.creator, taken, NOW)
        assert await market.sold() == ["held"]
        assert await market.balances() == {"shop": 0, "other": 40, "held": 60}
        assert await rows(market.url, "SELECT FROM bought_tiers") == []
    await market.purchases.all_due(market.creator, LATER - timedelta(seconds=1))
    assert await market.sold() == ["held"], "whoever bought it may still be at it"
    await asyncio.gather(*(market.purchases.all_due(market.creator, LATER) for _ in range(4)))
    assert await market.sold() == ["fulfilled"]
    assert await market.balances() == {"shop": 0, "other": 40, "held": 0}
    assert len(await rows(market.url, "SELECT FROM outbox WHERE place ->> 'recipient' = '1'")) == 1

    async with broken(market.url, "transfers", "INSERT", "NEW.kind = 'reverse'"):
        with pytest.raises(Exception, match=DIED):
            await market.purchases.give_back(market.creator, taken, NOW, by=market.student, staff=True)
    assert await market.sold() == ["fulfilled"]
    assert len(await rows(market.url, "SELECT FROM bought_tiers")) == 1


async def test_a_role_is_paid_once_it_is_there_and_paid_back_where_it_cannot_be(market: Market) -> None:
    roles = PostgresRoles(market.database)
    offer = await market.sells(
        Item(ItemKind.ROLE, "VIP", 20, community_id=market.community, role="77", days=30, stock=3)
    )
    waits = await market.buys(offer)
    assert waits
    assert waits.state is PurchaseState.HELD
    await market.purchases.all_due(market.creator, LATER)
    assert await market.sold() == ["held"], "nobody has given it yet"
    (asked,) = await roles.claim("discord", 5)
    await roles.applied(asked)
    await market.purchases.all_due(market.creator, LATER)
    (vip,) = await market.purchases.bought(market.creator, market.student, 9)
    assert (vip.state, vip.until) == (PurchaseState.FULFILLED, LATER + timedelta(days=30))
    assert await roles.claim("discord", 5) == []

    await market.buys(offer, key="again")
    (asked,) = await roles.claim("discord", 5)
    await roles.give_up(asked, Obstacle.NOT_ALLOWED)
    await market.purchases.all_due(market.creator, LATER)
    assert await market.sold() == ["fulfilled", "failed"]
    assert await market.balances() == {"shop": 30, "other": 50, "held": 0}
    assert await market.stock(offer) == 2
    told = [
        row["text"] for row in await rows(market.url, "SELECT content ->> 'text' AS text FROM outbox ORDER BY id")
    ]
    assert ["VIP" in text or "77" in text for text in told] == [True] * 3
    assert "Manage Roles" in told[1]
    assert "20 CHRONOS are back" in told[2]

    export = await PostgresConversations(market.database).export(market.student)
    assert [(each["name"], each["state"]) for each in export["purchases"]] == [
        ("VIP", "fulfilled"),
        ("VIP", "failed"),
    ]
    assert [(each["role"], each["status"]) for each in export["roles"]] == [("77", "given")]

    await market.purchases.all_due(market.creator, LATER + timedelta(days=30))
    (taken,) = await roles.claim("discord", 5)
    assert not taken.wanted

    stranger = await PostgresDirectory(market.database).student(Person("telegram", "9", "Nina"))
    await market.give(stranger, 50, market.creator)
    with pytest.raises(Refused, match="role on Discord"):
        await market.takes(offer, stranger)
    assert await market.stock(offer) == 2


async def test_an_erased_buyer_leaves_nothing_that_waits(market: Market) -> None:
    taken = await market.takes(await market.sells(FEEDBACK))
    assert taken
    role = Item(ItemKind.ROLE, "VIP", 20, community_id=market.community, role="77", days=30)
    await market.buys(await market.sells(role), key="another")
    roles = PostgresRoles(market.database)
    (given,) = await roles.claim("discord", 5)
    await roles.applied(given)
    await PostgresDirectory(market.database).erase(market.student)
    with pytest.raises(Refused, match="no such purchase"):
        await market.purchases.fulfil(market.creator, taken, NOW)
    await market.purchases.all_due(market.creator, LATER)
    assert await market.sold() == []
    (to_take,) = await roles.claim("discord", 5)
    assert (to_take.wanted, to_take.accounts, to_take.student_id) == (False, ("1",), None)
    await roles.applied(to_take)
    assert await rows(market.url, "SELECT FROM role_changes") == []


async def test_a_perk_that_the_staff_leaves_undone_goes_back_after_two_weeks(market: Market) -> None:
    await market.buys(await market.sells(FEEDBACK))
    await market.purchases.all_due(market.creator, NOW + timedelta(days=13))
    assert await market.sold() == ["held"]
    for _ in range(2):
        await market.purchases.all_due(market.creator, NOW + timedelta(days=14))
    assert await market.sold() == ["failed"]
    assert await market.balances() == {"shop": 50, "other": 50, "held": 0}
    assert await market.ledger.faults(market.creator) == []


async def test_questions_that_were_bought_come_on_top_of_those_of_the_day(market: Market) -> None:
    conversations, daily = PostgresConversations(market.database), Limits(0, 0, 0.0, 2)
    speaker = Speaker(market.creator, market.student, "discord:10:", market.community)

    async def asks() -> str:
        """Nothing, or why not."""
        try:
            await conversations.admit(speaker, daily)
        except Refused as refused:
            return str(refused)
        return ""

    refused = await asyncio.gather(*(asks() for _ in range(5)))
    assert [words[:25] for words in refused if words] == ["That is 2 questions today"] * 3
    assert "/shop" not in await asks()
    offer = await market.sells(Item(ItemKind.QUESTIONS, "More", 10, questions=2, days=1, stock=2))
    assert "/shop" in await asks()
    taken = await market.purchases.take(
        market.creator, market.student, offer.id, offer.version, "card", datetime.now(UTC)
    )
    assert taken
    assert "/shop" in await asks(), "it is not paid yet"
    bought = await market.purchases.fulfil(market.creator, taken, datetime.now(UTC))
    assert [bool(await asks()) for _ in range(3)] == [False, False, True]
    await market.purchases.give_back(market.creator, taken, NOW, by=market.student, staff=True)
    assert "That is 2 questions today. " in await asks()
    assert bought.state is PurchaseState.FULFILLED
