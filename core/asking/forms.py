"""Work for a model besides answering: it reads material and fills a form, checked like all that it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from core.asking.answer import Usage
from core.errors import FormFailed
from core.ids import CreatorId, UsageId

BEFORE_AN_ANSWER_S: Final = 4.0
"""How long a person waits for a form without which there is an answer, too."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a model is to fill.

    ``rules`` are our instructions, ``material`` is outside text: data, never obeyed. ``schema`` is a JSON schema of
    an object whose properties are all required and with ``additionalProperties`` false, as strict modes want it.
    ``within_s`` is how long all models together may take, where somebody waits; None: each as long as usual.
    """

    rules: str
    material: str
    schema: Mapping[str, object] = field(repr=False)
    most_tokens: int = 2_000
    within_s: float | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled form; ``values`` has the schema's shape as far as the vendor holds its model to it: check it."""

    values: Mapping[str, Any]
    model: str
    usage: Usage = field(default_factory=Usage)


class FormModel(Protocol):
    """A language model that fills forms."""

    @property
    def name(self) -> str:
        """The configured name, such as ``anthropic:claude-haiku-5``."""
        ...

    async def fill(self, form: Form) -> Filled:
        """Fill a form.

        Raises:
            ProviderBusy: overloaded, rate limited or timed out.
            Declined: it refused, did not finish within its limit, or wrote what is no JSON object.
            ProviderError: any other failure.
        """
        ...

    async def close(self) -> None:
        """Give its connections back."""
        ...


class Clerk(Protocol):
    """Has forms filled at a creator's expense."""

    async def fill(
        self, creator_id: CreatorId, form: Form, purpose: str, question: UsageId | None = None
    ) -> Filled | None:
        """Have a form filled by the first small model that can, and record the call under ``purpose``.

        It is charged to the question that it is for, where there is one that is counted: it and its asker pay.

        None where nobody can do it now: no model is configured, all of them are down or rest, or the creator's budget
        for models is spent.

        Raises:
            FormFailed: models tried, and none of them could; the last one's failure is its cause.
        """
        ...


async def filled_or_none(
    clerk: Clerk, creator_id: CreatorId, form: Form, purpose: str, question: UsageId | None = None
) -> Filled | None:
    """Have a form filled by somebody who goes on without it just as well; None where it is not filled."""
    try:
        return await clerk.fill(creator_id, form, purpose, question)
    except FormFailed:
        return None
