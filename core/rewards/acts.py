"""Learning acts: what is recorded while people learn, and what of it counts.

An act is recorded in the transaction of what was done and judged later, by a worker, so that a burst of chat costs
the chat nothing. Of what was written only a fingerprint is kept.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import numpy as np

from core.asking.sessions import Speaker
from core.asking.words import clean_question, tokens
from core.ids import CreatorId, MessageId, StudentId
from core.rewards.rules import MESSAGE

FINGERPRINT_BITS: Final = 64
ALIKE_BITS: Final = 8
"""Texts whose fingerprints differ in at most so many bits are nearly equal: a word more, not another word."""
COMPARED: Final = 20
"""How many of a student's last acts a new one is compared with."""
FEWEST_WORDS: Final = 3
FEWEST_CHARACTERS: Final = 15
_PIECE: Final = 3


class Verdict(StrEnum):
    """What became of an act; the first four, and a refusal, come from the ledger."""

    AWARDED = "awarded"
    DUPLICATE = "duplicate"
    CAPPED = "capped"
    OVER_BUDGET = "over_budget"
    TOO_SHORT = "too_short"
    TOO_SOON = "too_soon"
    REPEATED = "repeated"
    UNPAID = "unpaid"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Wording:
    """What of a text is kept: how long it is, and a fingerprint by which near-equal texts are known.

    ``words`` and ``characters`` are counted without links, mentions and markup.
    """

    words: int
    characters: int
    fingerprint: int

    @classmethod
    def of(cls, text: str) -> "Wording":
        """Measure a text."""
        cleaned = clean_question(text)
        written = tokens(cleaned.text)
        return cls(len(written), len(" ".join(written)), fingerprint(" ".join(cleaned.words)))

    @property
    def too_short(self) -> bool:
        """Whether it is no more than a greeting."""
        return self.words < FEWEST_WORDS or self.characters < FEWEST_CHARACTERS


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a student did with a creator's material.

    Attributes:
        creator_id: whose material.
        student_id: who did it.
        rule: by which rule it may be paid.
        key: names the thing done; it pays once.
        at: when it was done.
        wording: of what was written, where something was.
        evidence: what it was, as plain data without anybody's words.
        given_by: who gave it, where the rule pays for what others give.
    """

    creator_id: CreatorId
    student_id: StudentId
    rule: str
    key: str
    at: datetime
    wording: Wording | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    given_by: StudentId | None = None


def question_asked(speaker: Speaker, message_id: MessageId, wording: Wording) -> Act:
    """The act of asking something that the material answers."""
    about = {"message": speaker.message} if speaker.message else {}
    return Act(
        speaker.creator_id, speaker.student_id, MESSAGE, f"question:{message_id}", datetime.now(UTC), wording,
        {"question": message_id, **about},
    )  # fmt: skip


def fingerprint(text: str) -> int:
    """Return 64 bits, as a signed integer, that differ little where texts differ little.

    Source: M. Charikar, Similarity Estimation Techniques from Rounding Algorithms, STOC 2002 (simhash), over the runs
    of three letters in the folded text.
    """
    folded = " ".join(unicodedata.normalize("NFKD", text).casefold().split())
    pieces = {folded[at : at + _PIECE] for at in range(max(len(folded) - _PIECE + 1, 1))}
    hashes = b"".join(hashlib.blake2b(each.encode(), digest_size=FINGERPRINT_BITS // 8).digest() for each in pieces)
    votes = np.unpackbits(np.frombuffer(hashes, np.uint8)).reshape(len(pieces), FINGERPRINT_BITS).sum(axis=0)
    return int.from_bytes(np.packbits(2 * votes > len(pieces)).tobytes(), signed=True)


def alike(one: int, other: int) -> bool:
    """Whether two fingerprints are of nearly equal texts."""
    return ((one ^ other) & ((1 << FINGERPRINT_BITS) - 1)).bit_count() <= ALIKE_BITS


def objection(act: Act, earlier: Sequence[Act], paid_at: Sequence[datetime], seconds_apart: float) -> Verdict | None:
    """Why an act does not count; None where it does.

    Args:
        act: the act.
        earlier: what the same student did by the same rule before, newest first.
        paid_at: when the last of these was that were paid.
        seconds_apart: at least so long from each of them.
    """
    if act.wording is None:
        return None
    if act.wording.too_short:
        return Verdict.TOO_SHORT
    if any(abs((act.at - paid).total_seconds()) < seconds_apart for paid in paid_at):
        return Verdict.TOO_SOON
    known = (past.wording.fingerprint for past in earlier[:COMPARED] if past.wording is not None)
    if any(alike(act.wording.fingerprint, other) for other in known):
        return Verdict.REPEATED
    return None
