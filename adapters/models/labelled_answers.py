"""The form in which models return sentences with labels, and how it is read, whatever API carried it."""

import re
from typing import Final

from pydantic import BaseModel, ValidationError

from adapters.models.vendor_calls import Written
from core.asking.answer import Usage
from core.asking.writing import DraftSentence
from core.errors import ProviderError

_SENTENCE: Final[dict[str, object]] = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "labels": {"type": "array", "items": {"type": "string"}}},
    "required": ["text", "labels"],
    "additionalProperties": False,
}
ANSWER_SCHEMA: Final[dict[str, object]] = {
    "type": "object",
    "properties": {"covered": {"type": "boolean"}, "sentences": {"type": "array", "items": _SENTENCE}},
    "required": ["covered", "sentences"],
    "additionalProperties": False,
}
_LABEL: Final = re.compile(r"S\d+", re.IGNORECASE)
_FENCE: Final = "```"


class _Sentence(BaseModel):
    text: str
    labels: list[str]


class _Said(BaseModel):
    covered: bool
    sentences: list[_Sentence]


def read_labelled(text: str, usage: Usage, vendor: str) -> Written:
    """Read what a model wrote in :data:`ANSWER_SCHEMA`; a fence of Markdown around it is passed over.

    Raises:
        ProviderError: it does not have the form, or says that it answers and does not.
    """
    try:
        said = _Said.model_validate_json(_unfenced(text))
    except ValidationError as error:
        raise ProviderError(f"{vendor}'s answer does not have the form that was asked for") from error
    sentences = tuple(DraftSentence(s.text.strip(), _labels(s.labels)) for s in said.sentences if s.text.strip())
    if said.covered and not sentences:
        raise ProviderError(f"{vendor} wrote no answer")
    return Written(sentences if said.covered else (), usage, covered=said.covered)


def _unfenced(text: str) -> str:
    stripped = text.strip()
    if not stripped.startswith(_FENCE) or not stripped.endswith(_FENCE):
        return stripped
    return stripped.removeprefix(_FENCE).removesuffix(_FENCE).strip().removeprefix("json")


def _labels(labels: list[str]) -> tuple[str, ...]:
    """Accept ``[s3]`` and ``S3, S4`` for the labels that they mean."""
    return tuple(dict.fromkeys(found.upper() for label in labels for found in _LABEL.findall(label)))
