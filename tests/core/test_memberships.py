"""What a membership comes to, in whatever order and shape it is heard of."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from core.ids import CreatorId, StudentId
from core.members.directory import Creator, Standing, refusal
from core.members.memberships import Access, Change, Hint, access_of, best_of, change_told, following, hint_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GRACE = timedelta(days=3)
GOLD = Access("active", "gold")
PAUSED, ENDED = Access("paused"), Access("ended")


@pytest.mark.parametrize(
    ("status", "since", "expected"),
    [
        ("active", None, "active"), ("trialing", None, "active"), ("completed", None, "active"),
        ("canceling", None, "active"), ("past_due", NOW - timedelta(days=2), "active"),
        ("past_due", NOW - GRACE, "paused"), ("paused", None, "paused"), ("unresolved", None, "paused"),
        ("canceled", None, "ended"), ("expired", None, "ended"), ("drafted", None, "ended"),
        ("new word", None, "ended"),
    ],
)  # fmt: skip
def test_a_status_is_access_for_as_long_as_it_is_paid_for_or_in_grace(
    status: str, since: datetime | None, expected: str
) -> None:
    access = access_of(status, "gold", "", since, NOW, GRACE)
    assert access.status == expected
    assert access.tier == ("" if expected == "ended" else "gold")
    assert access.grace_until == (since + GRACE if expected == "active" and since else None)


def test_of_several_memberships_the_one_that_gives_most_counts() -> None:
    graced = Access("active", "gold", NOW)
    assert best_of([]) is None
    assert best_of([ENDED, PAUSED]) == PAUSED
    assert best_of([PAUSED, Access("active"), graced, GOLD]) == GOLD
    assert best_of([graced, Access("active")]) == Access("active"), "what is surely paid"


def test_what_is_paid_for_raises_what_nobody_paid_for_and_takes_away_only_what_it_gave() -> None:
    for best in (GOLD, PAUSED, ENDED, None):
        assert following("staff", best, None) is None
    for source in ("", "asked", "invite"):
        assert following(source, GOLD, None) == GOLD
        for less in (PAUSED, ENDED, None):
            assert following(source, less, None) is None, "an old membership that is over takes nothing away"
    assert following("whop", PAUSED, None) == PAUSED
    assert following("whop", ENDED, None) == following("whop", None, None) == ENDED
    assert following("whop", ENDED, "silver") == Access("active", "silver"), "an invite's again"
    assert following("whop", PAUSED, "silver") == PAUSED


def test_both_envelopes_and_shapes_of_a_webhook_name_their_membership() -> None:
    def heard(event: object) -> Hint | None:
        return hint_of(json.dumps(event).encode())

    assert heard({"type": "membership.activated", "data": {"id": "mem_1"}}) == Hint("mem_1")
    legacy = {"id": "mem_1", "discord": {"id": "77"}}
    assert heard({"action": "membership.went_valid", "data": legacy}) == Hint("mem_1", "77")
    assert heard({"action": "app_membership.went_invalid", "body": legacy}) == Hint("mem_1", "77")
    assert heard({"type": "payment.failed", "data": {"id": "pay_1", "membership_id": "mem_2"}}) == Hint("mem_2")
    assert heard({"type": "payment.failed", "data": {"id": "pay_1", "membership": {"id": "mem_2"}}}) == Hint("mem_2")
    others: list[object] = [{"type": "chat.message.created", "data": {"id": "mem_1"}}, {"type": "membership.updated"}]
    for other in (*others, [], "x"):
        assert heard(other) is None
    assert hint_of(b"\xff{") is None


def test_whoever_may_not_ask_is_told_why_and_how_to_return() -> None:
    creator = Creator(CreatorId(1), "drawing", "Drawing school")

    def told(status: str, source: str, link: str = "") -> str:
        return refusal(Standing(StudentId(1), creator, enrolment=status, source=source, return_link=link))

    assert "write to its staff" in told("paused", "staff")
    assert "ask" not in told("ended", "staff").replace("Please", ""), "it is read on watching and buying, too"
    assert "payment did not go through. See to it on Whop: https://whop.example/1" in told(
        "paused", "whop", "https://whop.example/1"
    )
    assert "returns by itself with a new one on Whop" in told("ended", "whop")


def test_a_student_is_told_what_they_notice_and_nothing_else() -> None:
    creator = Creator(CreatorId(1), "drawing", "Drawing school")

    def told(before: str, tier: str, now: Access) -> str:
        reply = change_told(Change(creator, StudentId(1), before, tier, now))
        return "" if reply is None else reply.text.plain

    assert "You are enrolled with Drawing school in gold" in told("", "", GOLD)
    assert "stay enrolled until 21 November, 12:00 UTC" in told("active", "gold", Access("active", "gold", NOW))
    assert told("active", "gold", GOLD) == ""
    assert "is paused" in told("active", "gold", PAUSED)
    assert "has ended" in told("paused", "gold", ENDED)
    assert told("ended", "", ENDED) == told("", "", ENDED) == ""
