"""Which models may word an answer, and in which order they are tried."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.asking.wording import Found
from core.asking.writing import AnswerModel, Manner


@dataclass(frozen=True, slots=True)
class Routing:
    """The models of a deployment, in the operator's order."""

    models: Sequence[AnswerModel] = ()

    def order(self, manner: Manner, found: Found) -> Sequence[AnswerModel]:
        """The models to try for one question; none: it is quoted."""
        return self.models
