"""Holds recorded calls against the machine-readable Bot API."""

import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

SPEC_NAME: Final = "telegram-bot-api.json"
_ARRAY: Final = "Array of "


class RecordedCall(Protocol):
    """What is needed of a call."""

    @property
    def method(self) -> str:
        """Name of the Bot API's method."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Parameters as they came."""

    @property
    def files(self) -> dict[str, Any]:
        """Files of a multipart body by their field."""

    @property
    def encoding(self) -> str:
        """``json`` or ``form``."""


def find_spec(name: str = SPEC_NAME) -> Path | None:
    """Return the specification's file, or None where this machine has none.

    It is looked for in the folder that ``VENDOR_SPECS`` names, then in ``shared/specs`` beside the repository.
    """
    root = Path(__file__).resolve().parents[2]
    folders = [os.environ.get("VENDOR_SPECS"), root.parent / "shared" / "specs"]
    candidates = [Path(folder) / name for folder in folders if folder]
    return next((path for path in candidates if path.is_file()), None)


def check_calls(calls: Iterable[RecordedCall], spec_path: Path | None = None) -> str:
    """Hold every call against the specification and say what was done, in words.

    Raises:
        AssertionError: lists each call that the specification does not allow.
    """
    path = spec_path or find_spec()
    if path is None:
        return f"skipped: no {SPEC_NAME} (set VENDOR_SPECS to its folder)"
    spec = BotApiSpec(_load(path))
    calls = list(calls)
    problems = [problem for call in calls for problem in spec.problems(call)]
    assert not problems, "calls that the Bot API does not allow:\n" + "\n".join(problems)
    return f"checked {len(calls)} calls"


@cache
def _load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


class BotApiSpec:
    """Methods and types of one version of the Bot API."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._methods = document["methods"]
        self._types = document["types"]

    def problems(self, call: RecordedCall) -> list[str]:
        """Return what is wrong with a call, in words."""
        method = self._methods.get(call.method)
        if method is None:
            return [f"{call.method}: no such method"]
        fields = {field["name"]: field for field in method.get("fields", [])}
        given = {**call.arguments, **{name: file for name, file in call.files.items() if name in fields}}
        found = self._field_problems(call.method, fields, given)
        for name in given.keys() & fields.keys():
            if name not in call.files:
                kinds = fields[name]["types"]
                value = _decoded(given[name], kinds) if call.encoding == "form" else given[name]
                found += self._value_problems(f"{call.method}.{name}", value, kinds)
        return found

    def _field_problems(self, where: str, fields: dict[str, Any], given: dict[str, Any]) -> list[str]:
        missing = [name for name, field in fields.items() if field["required"] and name not in given]
        unknown = [name for name in given if name not in fields]
        return [f"{where}: {name} is required" for name in missing] + [
            f"{where}: {name} is unknown" for name in unknown
        ]

    def _value_problems(self, where: str, value: object, kinds: list[str]) -> list[str]:
        attempts = [self._kind_problems(where, value, kind) for kind in kinds]
        return min(attempts, key=len, default=[])

    def _kind_problems(self, where: str, value: object, kind: str) -> list[str]:
        if kind.startswith(_ARRAY):
            if not isinstance(value, list):
                return [f"{where}: {value!r} is not an array"]
            inner = [kind.removeprefix(_ARRAY)]
            return [p for i, item in enumerate(value) for p in self._value_problems(f"{where}[{i}]", item, inner)]
        if kind in self._types:
            return self._object_problems(where, value, kind)
        return [] if _is_scalar(value, kind) else [f"{where}: {value!r} is not {kind}"]

    def _object_problems(self, where: str, value: object, kind: str) -> list[str]:
        definition = self._types[kind]
        if definition.get("subtypes"):
            return self._value_problems(where, value, definition["subtypes"])
        if kind == "InputFile":
            return [] if isinstance(value, str) else [f"{where}: not a file"]
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is not a {kind}"]
        fields = {field["name"]: field for field in definition.get("fields", [])}
        found = self._field_problems(f"{where} ({kind})", fields, value)
        for name in value.keys() & fields.keys():
            found += self._value_problems(f"{where}.{name}", value[name], fields[name]["types"])
        return found


def _decoded(value: object, kinds: list[str]) -> object:
    """Undo the form encoding: everything but a string was serialised as JSON."""
    if kinds == ["String"] or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _is_scalar(value: object, kind: str) -> bool:
    if kind == "Boolean":
        return isinstance(value, bool)
    if kind == "Integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "Float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)
