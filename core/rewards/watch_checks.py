"""Questions about a recording that plays elsewhere, drawn from what is said in it, without a model."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Final

from core.asking.words import STOP_WORDS, tokens
from core.errors import Refused
from core.ids import CheckId, SourceId
from core.library.cards import clock
from core.library.watching import WatchedSentence

QUESTIONS: Final = 3
OPTIONS: Final = 4
ATTEMPTS_A_DAY: Final = 3
FEWEST_WORDS, MOST_WORDS = 7, 30
FEWEST_CONTENT_WORDS: Final = 4
LONGEST_OPTION: Final = 220
"""Characters; four options of this length and the question fit into one message everywhere."""
NEAR: Final = 0.5
"""From this share of common words on, two sentences may say the same."""
CLOSEST: Final = 24
"""Of sentences from elsewhere so many that sound most like this recording are drawn from."""
TOO_LITTLE: Final = "Too little is said in it to ask about, so watching it cannot earn anything."


@dataclass(frozen=True, slots=True)
class CheckQuestion:
    """A question with shuffled options, of which ``right`` is the index of the one that is true."""

    words: str
    options: tuple[str, ...]
    right: int


@dataclass(frozen=True, slots=True)
class Check:
    """One attempt; ``answers`` are the options chosen so far, by index."""

    id: CheckId
    source_id: SourceId
    title: str
    questions: tuple[CheckQuestion, ...]
    answers: tuple[int, ...] = ()
    attempts_left: int = 0

    @property
    def judged(self) -> bool:
        """Whether everything is answered."""
        return len(self.answers) == len(self.questions)

    @property
    def right(self) -> int:
        """How many answers are right."""
        return sum(answer == question.right for answer, question in zip(self.answers, self.questions, strict=False))

    @property
    def passed(self) -> bool:
        """Whether all are answered, and rightly."""
        return self.judged and self.right == len(self.questions)


def draw(
    sentences: Sequence[WatchedSentence], elsewhere: Sequence[str], duration_s: float, chance: Random
) -> tuple[CheckQuestion, ...]:
    """Draw questions whose true answers come from the beginning, the middle and the end of a recording.

    Args:
        sentences: all that is said in it.
        elsewhere: sentences of other recordings that the student may see.
        duration_s: its length.
        chance: where the draw comes from.

    Raises:
        Refused: too little is said in it.
    """
    own = [each for each in sentences if usable(each.text)]
    if len(own) < QUESTIONS:
        raise Refused(TOO_LITTLE)
    foreign = _sounding_alike(sentences, elsewhere)
    chance.shuffle(foreign)
    bounds = [len(own) * part // QUESTIONS for part in range(QUESTIONS + 1)]
    parts = [own[start:end] for start, end in pairwise(bounds)]
    asked: list[CheckQuestion] = []
    for number, part in enumerate(parts):
        by_time = number == 1 or len(foreign) < OPTIONS - 1
        asked.append(_question(part, own, foreign, duration_s, chance, by_time=by_time))
    return tuple(asked)


def _question(
    part: Sequence[WatchedSentence], own: Sequence[WatchedSentence], foreign: list[str], duration_s: float,
    chance: Random, *, by_time: bool,
) -> CheckQuestion:  # fmt: skip
    for true in chance.sample(part, len(part)):
        apart = _apart(true, own, duration_s) if by_time else []
        if len(apart) >= OPTIONS - 1:
            words = f"What is said in it at about {clock(true.start_s)}?"
            return _shuffled(words, true.text, chance.sample(apart, OPTIONS - 1), chance)
    if len(foreign) < OPTIONS - 1:
        raise Refused(TOO_LITTLE)
    wrong = [foreign.pop() for _ in range(OPTIONS - 1)]
    return _shuffled("Which of these is said in it?", chance.choice(part).text, wrong, chance)


def _shuffled(words: str, true: str, wrong: Sequence[str], chance: Random) -> CheckQuestion:
    options = [true, *wrong]
    chance.shuffle(options)
    return CheckQuestion(words, tuple(options), options.index(true))


def usable(text: str) -> bool:
    """Whether a sentence says enough to be known again, and is short enough to be read."""
    words = tokens(text)
    content = {word for word in words if word not in STOP_WORDS}
    return (
        FEWEST_WORDS <= len(words) <= MOST_WORDS
        and len(content) >= FEWEST_CONTENT_WORDS
        and len(text) <= LONGEST_OPTION
    )


def _apart(true: WatchedSentence, own: Sequence[WatchedSentence], duration_s: float) -> list[str]:
    """What is said at quite another time, in other words; nothing where times are guesses or it is said twice."""
    if true.estimated:
        return []
    words, distance_s = set(tokens(true.text)), max(10.0, min(60.0, duration_s / 10))
    others = [each for each in own if each is not true]
    if any(_near(words, set(tokens(each.text))) for each in others):
        return []
    far = [each.text for each in others if abs(each.start_s - true.start_s) >= distance_s]
    return _different(far, [])


def _sounding_alike(sentences: Sequence[WatchedSentence], elsewhere: Sequence[str]) -> list[str]:
    """Sentences that are not said here but could be, by their words."""
    said = [set(tokens(each.text)) for each in sentences]
    known = set().union(*said) - STOP_WORDS
    candidates = [text for text in dict.fromkeys(elsewhere) if usable(text)]
    candidates.sort(key=lambda text: len(known & set(tokens(text))), reverse=True)
    return _different(candidates[:CLOSEST], said)


def _different(texts: Sequence[str], said: Sequence[Collection[str]]) -> list[str]:
    """Those that are near to nothing that is said, nor to one another."""
    known, kept = list(said), []
    for text in texts:
        words = set(tokens(text))
        if not any(_near(words, other) for other in known):
            kept.append(text)
            known.append(words)
    return kept


def _near(one: Collection[str], other: Collection[str]) -> bool:
    return len(set(one) & set(other)) >= NEAR * min(len(one), len(other)) if one and other else False
