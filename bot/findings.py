"""What `chronos check` found of one thing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing: ``state`` is ok, off, warning (it works, but not as it seems) or failed."""

    subject: str
    state: str
    words: str

    @property
    def failed(self) -> bool:
        """Whether something must be done."""
        return self.state == "failed"

    @property
    def line(self) -> str:
        """For a person to read."""
        mark = {"ok": "✓", "off": "-", "warning": "!", "failed": "✗"}[self.state]
        return f"{mark} {self.subject:12} {self.words}"

    def as_json(self) -> Mapping[str, Any]:
        """For a program to read."""
        return {"subject": self.subject, "state": self.state, "words": self.words}
