"""How far somebody is with a recording, in words."""

import math
from typing import Final

from core.library.cards import clock
from core.rewards.acts import Verdict
from core.rewards.rules import PAID_LATER
from core.rewards.watching import SHARE_NEEDED, Progress

_SETTLED: Final = {
    Verdict.CAPPED: "You earned for as many recordings as count on one day, so this one earns nothing more.",
    Verdict.OVER_BUDGET: "What can be earned here for now is used up, so this one earns nothing.",
    Verdict.UNPAID: "",
    Verdict.REFUSED: "It could not be paid; the staff can look into it.",
}


def progress_words(progress: Progress, amount: int) -> str:
    """What has played, and what is left to do for ``amount`` CHRONOS (0: nothing is earned)."""
    if progress.done_at is not None:
        return f"Watched to the end. {_outcome(progress.verdict, amount)}".strip()
    earns = f"{amount:,} CHRONOS" if amount else ""
    if not progress.covered:
        return (
            f"Watched to the end, it earns {earns}. What has played counts, up to 2x; you can stop and go on later."
            if earns
            else "What has played is remembered; you can stop and go on later."
        )
    if progress.share >= SHARE_NEEDED:
        rest = clock(math.ceil(progress.missing_wall_s))
        return (
            f"All of it has played, but in less than half of its length. Let {rest} more of it play, at any place"
            f"{f', for {earns}' if earns else ''}."
        )
    rest = f"; the rest earns {earns}." if earns else "."
    return f"{math.floor(progress.share * 100)} % watched{rest}"


def _outcome(verdict: Verdict | None, amount: int) -> str:
    if verdict in {Verdict.AWARDED, Verdict.DUPLICATE}:
        return "You earned CHRONOS for it; /balance shows them."
    if verdict is None:
        return f"It can earn {amount:,} CHRONOS. {PAID_LATER}" if amount else ""
    return _SETTLED.get(verdict, "")
