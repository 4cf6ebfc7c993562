"""What kind of answer a question wants: one sentence that says a fact, or a stretch that shows or explains."""

import re
from typing import Final

_WANTS_A_FACT: Final = re.compile(
    r"\b(?:who|whom|whose|when|where|which|what|how\s+(?:many|much|long|old|far|often|large|big|tall|high))\b",
    re.IGNORECASE,
)
_WANTS_A_STRETCH: Final = re.compile(
    r"\W*(?:how\s+(?:do|to|can|does|should|would|could|did|is|are)|why|summar\w*|explain|describe|tell)\b",
    re.IGNORECASE,
)


def wants_a_fact(question: str) -> bool:
    """Tell whether an English question asks who, when, where, what or how many; other questions do not count.

    The answer to such a question is a sentence, and the sentence before it is another one that may hold the answer.
    What is shown or explained goes on for longer, and what lies right beside it is the same thing again.
    """
    return _WANTS_A_FACT.search(question) is not None and _WANTS_A_STRETCH.match(question) is None
