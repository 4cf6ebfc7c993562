"""How good predictions are: the right passage among the first, the right second, silence where nothing is said."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

ENOUGH_OVERLAP: Final = 0.3
"""Of the shorter of hit and gold."""

Question = Mapping[str, Any]
Prediction = Mapping[str, Any]
Asked = Sequence[tuple[Question, Prediction]]


def share(asked: Asked, holds: Callable[[Question, Prediction], bool]) -> float:
    """The share of questions for which something holds.

    Raises:
        ValueError: there are no questions.
    """
    if not asked:
        raise ValueError("a share of no questions says nothing")
    return sum(holds(question, prediction) for question, prediction in asked) / len(asked)


def of_kinds(asked: Asked, *kinds: str) -> Asked:
    """The questions of some kinds."""
    return [(question, prediction) for question, prediction in asked if question["kind"] in kinds]


def found(question: Question, prediction: Prediction, among: int = 5) -> bool:
    """Whether one of the first hits covers what answers the question."""
    return any(_covers(hit, question) for hit in prediction["hits"][:among])


def cited(question: Question, prediction: Prediction, within_s: float) -> bool:
    """Whether the first hit begins near to where the answer begins."""
    first = prediction["hits"][0] if prediction["hits"] else None
    return first is not None and _same_video(first, question) and any(
        abs(first["start"] - start) <= within_s for start, _ in question["gold"]
    )  # fmt: skip


def declined(question: Question, prediction: Prediction) -> bool:
    """Whether nothing was shown."""
    return bool(prediction["abstained"])


def shown(question: Question, prediction: Prediction) -> bool:
    """Whether anything was shown: an answer, or the closest moments."""
    return not prediction["abstained"]


def leaks(asked: Asked, owners: Mapping[str, str]) -> int:
    """Hits from a video of another creator."""
    return sum(owners[hit["video_id"]] != q["creator"] for q, prediction in asked for hit in prediction["hits"])


def separation(higher: Sequence[float], lower: Sequence[float]) -> float:
    """The share of pairs in which the first value is the higher one; a tie is half a pair (AUROC).

    Raises:
        ValueError: there are no pairs.
    """
    if not higher or not lower:
        raise ValueError("nothing to tell apart")
    pairs = ((one > other) + 0.5 * (one == other) for one in higher for other in lower)
    return sum(pairs) / (len(higher) * len(lower))


def _same_video(hit: Mapping[str, Any], question: Question) -> bool:
    return bool(hit["video_id"] == question["video_id"])


def _covers(hit: Mapping[str, Any], question: Question) -> bool:
    if not _same_video(hit, question):
        return False
    for start, end in question["gold"]:
        shared = min(hit["end"], end) - max(hit["start"], start)
        if shared > 0 and shared >= ENOUGH_OVERLAP * min(hit["end"] - hit["start"], end - start):
            return True
    return False
