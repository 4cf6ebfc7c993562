"""The form in which models return sentences with labels, and how it is read, whatever API carried it."""

import json
import re
from typing import Final

from pydantic import BaseModel, ValidationError

from adapters.models.streamed import Written
from core.asking.writing import DraftSentence
from core.errors import Declined

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
_COVERED: Final = re.compile(r'"covered"\s*:\s*true')
_SENTENCES: Final = re.compile(r'"sentences"\s*:\s*\[')
_BETWEEN: Final = re.compile(r"[\s,]*")
_DECODER: Final = json.JSONDecoder()


class _Sentence(BaseModel):
    text: str
    labels: list[str]


class _Said(BaseModel):
    covered: bool
    sentences: list[_Sentence]


class LabelledText:
    """Takes in an answer in :data:`ANSWER_SCHEMA` as it is written, and hands out each sentence once it is closed.

    None is handed out before the model has said that the evidence covers the question.
    """

    def __init__(self) -> None:
        self.text = ""
        self._at = 0
        self._covered = False

    def take(self, piece: str) -> list[DraftSentence]:
        """Take in a piece; returns the sentences that it closed."""
        self.text += piece
        self._covered = self._covered or _COVERED.search(self.text) is not None
        if not self._at and (opened := _SENTENCES.search(self.text)):
            self._at = opened.end()
        if not (self._at and self._covered):
            return []
        closed: list[DraftSentence] = []
        while (sentence := self._next()) is not None:
            closed += [sentence] if sentence.text else []
        return closed

    def _next(self) -> DraftSentence | None:
        between = _BETWEEN.match(self.text, self._at)
        at = between.end() if between else self._at
        if not self.text.startswith("{", at) or "}" not in self.text[at:]:
            return None
        try:
            found, self._at = _DECODER.raw_decode(self.text, at)
            return _sentence(_Sentence.model_validate(found))
        except ValueError:  # not closed yet, or not in the form: the whole of it is read at the end
            return None


def read_labelled(text: str, vendor: str) -> Written:
    """Read what a model wrote in :data:`ANSWER_SCHEMA`; a fence of Markdown around it is passed over.

    Raises:
        Declined: it does not have the form, or says that it answers and does not.
    """
    try:
        said = _Said.model_validate_json(_unfenced(text))
    except ValidationError as error:
        raise Declined(f"{vendor}'s answer does not have the form that was asked for") from error
    sentences = tuple(_sentence(sentence) for sentence in said.sentences if sentence.text.strip())
    if said.covered and not sentences:
        raise Declined(f"{vendor} wrote no answer")
    return Written(sentences if said.covered else (), covered=said.covered)


def _sentence(sentence: _Sentence) -> DraftSentence:
    return DraftSentence(sentence.text.strip(), _labels(sentence.labels))


def _unfenced(text: str) -> str:
    stripped = text.strip()
    if not stripped.startswith(_FENCE) or not stripped.endswith(_FENCE):
        return stripped
    return stripped.removeprefix(_FENCE).removesuffix(_FENCE).strip().removeprefix("json")


def _labels(labels: list[str]) -> tuple[str, ...]:
    """Accept ``[s3]`` and ``S3, S4`` for the labels that they mean."""
    return tuple(dict.fromkeys(found.upper() for label in labels for found in _LABEL.findall(label)))
