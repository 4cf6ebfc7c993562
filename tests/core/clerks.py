"""A clerk that fills forms as a test says."""

from dataclasses import dataclass, field
from typing import Any

from core.asking.forms import Filled, Form
from core.ids import CreatorId, UsageId


@dataclass
class ScriptedClerk:
    """Fills every form with the same values, or none, and remembers the forms."""

    values: Any
    forms: list[Form] = field(default_factory=list)

    async def fill(
        self, creator_id: CreatorId, form: Form, purpose: str, question: UsageId | None = None
    ) -> Filled | None:
        self.forms.append(form)
        return None if self.values is None else Filled(self.values, "made-up")
