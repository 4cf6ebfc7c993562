"""What can be seen of an answer while a model writes it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from core.asking.answer import Answer
from core.asking.checking import Places, places, verified
from core.asking.discretion import gives_away
from core.asking.straying import strays
from core.asking.wording import Wording
from core.asking.writing import DraftSentence, Task

Shown = Callable[[Answer], Awaitable[None]]
"""Takes an answer that still grows; the whole one comes as the result."""
Tell = Callable[[Answer], None]


def untold(answer: Answer) -> None:
    """Nobody looks on."""


@dataclass(slots=True)
class Growing:
    """Keeps what the evidence carries of each sentence, and tells of the answer so far.

    A model that starts anew after another broke off is shown once it has said as much: what stands there never
    shrinks while it grows (docs/decisions/0022-streaming.md).
    """

    wording: Wording
    task: Task
    tell: Tell
    kept: tuple[DraftSentence, ...] = ()
    """The longest that any model came to."""
    _here: list[DraftSentence] = field(default_factory=list)
    _places: Places = field(init=False)

    def __post_init__(self) -> None:
        self._places = places(self.task)

    def begin(self) -> None:
        """A model starts."""
        self._here = []

    async def heard(self, sentence: DraftSentence) -> None:
        """A model has closed a sentence."""
        checked = verified(sentence, self._places, self.task.language)
        if checked is None or strays(checked.text, self.task) or gives_away(checked.text, self.task):
            return
        self._here.append(checked)
        if _length(self._here) >= _length(self.kept):
            self.kept = tuple(self._here)
            self.tell(self.wording.growing(self.kept))


def _length(sentences: "tuple[DraftSentence, ...] | list[DraftSentence]") -> int:
    return sum(len(sentence.text) for sentence in sentences)
