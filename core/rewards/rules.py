"""What learning earns: the amounts and limits of a deployment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.rewards.ledger import Budget

WATCH: Final = "watch"
QUIZ: Final = "quiz"
MESSAGE: Final = "message"
STREAK: Final = "streak"
PROJECT: Final = "project"
REACTION: Final = "reaction"
GRANT: Final = "grant"
PATIENT: Final = frozenset({WATCH, QUIZ, PROJECT, STREAK})
"""What is done once and not again: where a day has no room for it, it is paid on a later one."""
ONCE: Final = frozenset({WATCH, QUIZ, PROJECT})
"""What pays a person once for each of a creator's things: also somebody who erased themselves and came back."""
RULES: Final = {
    WATCH: "a video watched to the end",
    QUIZ: "a quiz passed",
    MESSAGE: "a question that was answered, or a contribution",
    STREAK: "seven days of learning in a row",
    PROJECT: "a project that was approved",
    REACTION: "a reaction to what you wrote",
}
"""What each rule pays for, as students read it."""
NAMES: Final = RULES | {GRANT: "given by the staff", "linked": "from an account that you linked"}
"""Why CHRONOS came, by rules or otherwise, as students read it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one act earns: whole CHRONOS (0: nothing), how often a day, and how long after the last one at least."""

    amount: int
    most_a_day: int
    seconds_apart: float = 0.0


PAID_LATER: Final = "/balance shows them once they are paid: where a day's limit is reached, on a later day."
"""What is said of CHRONOS that are not judged yet."""
NOTHING: Final = Rule(0, 0)
"""The rule of what pays nothing."""


@dataclass(frozen=True, slots=True)
class Rewards:
    """The rules by name, and how much each creator may issue."""

    rules: Mapping[str, Rule]
    budget: Budget
    most_granted_a_day: int


def amount_for(rewards: Rewards, rule: str) -> int:
    """What one act by a rule earns; 0 where there is no such rule."""
    found = rewards.rules.get(rule)
    return 0 if found is None else found.amount
