"""Strict JSON schemas: what OpenAI refuses, and an answer that fits any of them."""

import re
from collections.abc import Iterator
from typing import Any, Final

Schema = dict[str, Any]
Said = list[tuple[str, list[str]]]

UNSUPPORTED: Final = frozenset(
    {"allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "patternProperties"}
)
_NEGATIVE: Final = re.compile("abstain|refus|unanswer|insufficient|missing")
_LABEL_NAME: Final = re.compile("label|cit|source|evidence|support|id")
_LABEL: Final = re.compile(r"S\d+")


def strictness_problems(schema: Schema) -> list[str]:
    """Return why OpenAI would refuse a schema with ``strict: true``, in its words."""
    found = [] if schema.get("type") == "object" else ['schema must be a JSON Schema of type: "object"']
    return found + [problem for path, part in _parts(schema, ()) for problem in _part_problems(path, part)]


def _part_problems(path: tuple[str, ...], part: Schema) -> Iterator[str]:
    where = f"In context={path!r}, "
    for keyword in sorted(UNSUPPORTED & part.keys()):
        yield f"{where}'{keyword}' is not permitted."
    if part.get("type") == "object" or "properties" in part:
        if part.get("additionalProperties") is not False:
            yield f"{where}'additionalProperties' is required to be supplied and to be false."
        missing = [name for name in part.get("properties", {}) if name not in part.get("required", [])]
        if missing:
            yield (
                f"{where}'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{missing[0]}'."
            )
    if part.get("type") == "array" and "items" not in part:
        yield f"{where}array schema missing items."


def _parts(schema: Schema, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Schema]]:
    yield path, schema
    for group in ("properties", "$defs", "definitions"):
        for name, inner in schema.get(group, {}).items():
            yield from _parts(inner, (*path, group, name))
    if isinstance(schema.get("items"), dict):
        yield from _parts(schema["items"], (*path, "items"))
    for number, inner in enumerate(schema.get("anyOf", [])):
        yield from _parts(inner, (*path, "anyOf", str(number)))


def fill_schema(schema: Schema, said: Said) -> object:
    """Return a document that fits ``schema`` and says ``said`` (pairs of text and labels).

    Arrays of objects get one object for each claim; names decide what a string or boolean means. Nothing said means
    that the evidence does not answer.
    """
    return _Filler(schema).fill(schema, said, "")


class _Filler:
    def __init__(self, root: Schema) -> None:
        self._root = root

    def fill(self, schema: Schema, said: Said, name: str) -> object:
        schema = self._resolved(schema)
        kind = schema.get("type")
        if "const" in schema:
            return schema["const"]
        if kind == "object":
            return {key: self.fill(part, said, key) for key, part in schema.get("properties", {}).items()}
        if kind == "array":
            return self._array(schema, said, name)
        return self._scalar(schema, said, name)

    def _array(self, schema: Schema, said: Said, name: str) -> object:
        items = self._resolved(schema.get("items", {}))
        if items.get("type") == "object":
            return [self.fill(items, [claim], name) for claim in said]
        labels = [label for _, cited in said for label in cited]
        if items.get("type") == "integer":
            return [int(label[1:]) for label in labels if _LABEL.fullmatch(label)]
        if _LABEL_NAME.search(name.lower()) or "enum" in items:
            return labels
        return [text for text, _ in said]

    def _scalar(self, schema: Schema, said: Said, name: str) -> object:
        labels = [label for _, cited in said for label in cited]
        kind = schema.get("type")
        if kind == "boolean":
            return bool(said) is not bool(_NEGATIVE.search(name.lower()))
        if kind in {"integer", "number"}:
            return int(labels[0][1:]) if labels and _LABEL.fullmatch(labels[0]) else 1
        choices = schema.get("enum")
        if choices:
            is_label = all(_LABEL.fullmatch(str(choice)) for choice in choices)
            return labels[0] if is_label and labels else choices[0]
        if _LABEL_NAME.fullmatch(name.lower()):
            return labels[0] if labels else ""
        return " ".join(text for text, _ in said)

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" in schema:
            target: Any = self._root
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            return self._resolved(target)
        variants = schema.get("anyOf", [])
        if variants:
            return self._resolved(next((v for v in variants if v.get("type") != "null"), variants[0]))
        if isinstance(schema.get("type"), list):
            return {**schema, "type": next(kind for kind in schema["type"] if kind != "null")}
        return schema
