"""Holds recorded calls against Discord's OpenAPI document."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from tests.wire.fake_discord_world import Json

SPEC_NAME: Final = "discord-openapi.json"

# Fields that discord.py always sends and Discord ignores where the document does not list them.
UNLISTED_FIELDS: Final = {
    "tts": "part of every message body of discord.py, edits included",
    "nsfw": "part of every command of discord.py; documented for commands, left out of this document",
}
# The document lists the kinds of answers to an interaction that exist today; this one it leaves out.
UNLISTED_ANSWERS: Final = {10: "premium required, deprecated in favour of premium buttons"}


@dataclass(frozen=True, slots=True)
class SpecCall:
    """What is needed of a recorded call; ``path`` starts after the API's version."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int


def find_spec(name: str = SPEC_NAME) -> Path | None:
    """Return the document's file, or None where this machine has none.

    It is looked for in the folder that ``VENDOR_SPECS`` names, then in ``shared/specs`` beside the repository.
    """
    root = Path(__file__).resolve().parents[2]
    folders = [os.environ.get("VENDOR_SPECS"), root.parent / "shared" / "specs"]
    candidates = [Path(folder) / name for folder in folders if folder]
    return next((path for path in candidates if path.is_file()), None)


def check_calls(calls: Iterable[Any], spec_path: Path | None = None) -> str:
    """Hold every call against the document and say what was done, in words.

    Args:
        calls: objects with the attributes of ``SpecCall``, such as ``FakeDiscord.calls``.
        spec_path: the document; found by ``find_spec`` when left out.

    Raises:
        AssertionError: lists each call that the document does not allow.
    """
    path = spec_path or find_spec()
    if path is None:
        return f"skipped: no {SPEC_NAME} (set VENDOR_SPECS to its folder)"
    document = _load(path)
    recorded = [SpecCall(call.method, call.path, call.query, call.body, call.status) for call in calls]
    problems = [problem for call in recorded for problem in document.problems(call)]
    assert not problems, "calls that Discord's document does not allow:\n" + "\n".join(problems)
    return f"checked {len(recorded)} calls"


def check_answers(calls: Iterable[Any], spec_path: Path | None = None) -> str:
    """Hold the fake's own successful answers (``answer`` of each call) against the document.

    Raises:
        AssertionError: lists each answer that Discord would not give.
    """
    path = spec_path or find_spec()
    if path is None:
        return f"skipped: no {SPEC_NAME} (set VENDOR_SPECS to its folder)"
    document = _load(path)
    calls = list(calls)
    problems = [problem for call in calls for problem in document.answer_problems(call)]
    assert not problems, "answers that Discord's document does not allow:\n" + "\n".join(problems)
    return f"checked the answers to {len(calls)} calls"


class DiscordDocument:
    """Routes, parameters and bodies of the API, strict about unknown fields."""

    def __init__(self, document: Json) -> None:
        self._paths: Json = document["paths"]
        self._components: Json = document["components"]
        self._schemas = _strict(document["components"]["schemas"])
        self._schemas["SnowflakeType"] = {"anyOf": [document["components"]["schemas"]["SnowflakeType"], NUMBER]}
        self._patterns = [(_pattern(path), path) for path in sorted(self._paths, key=_openness)]

    def problems(self, call: SpecCall) -> Iterator[str]:
        """What is wrong with a call, in words; nothing when all is well."""
        name = f"{call.method} {call.path}"
        path, given = self._route(call.path)
        if path is None:
            yield f"{name}: no such route"
            return
        operation = self._paths[path].get(call.method.lower())
        if operation is None:
            yield f"{name}: {path} knows {sorted(set(self._paths[path]) - {'parameters'})}"
            return
        parameters = [*self._paths[path].get("parameters", []), *operation.get("parameters", [])]
        yield from _prefixed(name, self._parameter_problems(parameters, given, call.query))
        yield from _prefixed(name, self._body_problems(operation, call.body))

    def answer_problems(self, call: Any) -> Iterator[str]:  # noqa: ANN401 any recorded call
        """What is wrong with a successful answer, in words; unknown fields are not."""
        path, _ = self._route(call.path)
        if path is None or call.answer is None:
            return
        answers = self._paths[path][call.method.lower()]["responses"]
        content = answers.get(str(call.status), {}).get("content", {}).get("application/json")
        if content is None:
            return
        validator = Draft202012Validator({**content["schema"], "components": self._components})
        for error in validator.iter_errors(call.answer):
            yield from _prefixed(f"{call.method} {call.path}", _explained(error))

    def _route(self, path: str) -> tuple[str | None, dict[str, str]]:
        for pattern, template in self._patterns:
            if match := pattern.fullmatch(path):
                return template, match.groupdict()
        return None, {}

    def _parameter_problems(
        self, parameters: list[Json], path: dict[str, str], query: dict[str, str]
    ) -> Iterator[str]:
        for place, given in (("path", path), ("query", query)):
            known = {entry["name"]: entry for entry in parameters if entry["in"] == place}
            for key, value in given.items():
                if key not in known:
                    yield f"unknown {place} parameter {key}"
                elif not self._accepts(known[key]["schema"], value):
                    yield f"{place} parameter {key}={value!r}"
            missing = {key for key, entry in known.items() if entry.get("required")} - set(given)
            if missing:
                yield f"missing {place} parameters {sorted(missing)}"

    def _accepts(self, schema: Json, text: str) -> bool:
        readings: list[Any] = [text]
        if re.fullmatch(r"-?\d+", text):
            readings.append(int(text))
        if text.lower() in ("true", "false", "0", "1"):
            readings.append(text.lower() in ("true", "1"))
        validator = self._validator(_strict(schema))
        return any(validator.is_valid(reading) for reading in readings)

    def _body_problems(self, operation: Json, body: Any) -> Iterator[str]:  # noqa: ANN401 any JSON
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            # An empty object is how some clients send "no body".
            if body:
                yield "takes no body"
            return
        if body is None:
            if operation["requestBody"].get("required"):
                yield "needs a body"
            return
        if "data" in body and "type" in body and body["type"] in UNLISTED_ANSWERS:
            return
        schema = _strict((content.get("application/json") or next(iter(content.values())))["schema"])
        for error in self._validator(schema).iter_errors(_without_unlisted(body)):
            yield from _explained(error)

    def _validator(self, schema: Json) -> Draft202012Validator:
        return Draft202012Validator({**schema, "components": {"schemas": self._schemas}})


NUMBER: Final = {"type": "integer", "minimum": 0}


@cache
def _load(path: Path) -> DiscordDocument:
    return DiscordDocument(json.loads(path.read_text(encoding="utf-8")))


def _strict(schema: Any) -> Any:  # noqa: ANN401 any part of a schema
    """A copy in which objects refuse the fields that they do not list."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: _strict(part) for key, part in schema.items()}
    closed = isinstance(copy.get("properties"), dict) and "additionalProperties" not in copy
    if closed and "type" in copy and "allOf" not in copy:
        copy["additionalProperties"] = False
    return copy


def _without_unlisted(body: Any) -> Any:  # noqa: ANN401 any JSON
    if isinstance(body, list):
        return [_without_unlisted(part) for part in body]
    if not isinstance(body, dict):
        return body
    return {key: _without_unlisted(part) for key, part in body.items() if key not in UNLISTED_FIELDS}


def _explained(error: ValidationError) -> Iterator[str]:
    """The reasons behind an error; of alternatives, only those that the body's own ``type`` selects."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or []:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    if not branches:
        yield f"{'.'.join(str(part) for part in error.absolute_path) or 'body'}: {error.message[:300]}"
        return
    meant = [errors for errors in branches.values() if not any(_is_other_kind(inner) for inner in errors)]
    for inner in min(meant or [*branches.values()], key=len):
        yield from _explained(inner)


def _is_other_kind(error: ValidationError) -> bool:
    of_kind = error.validator == "enum" and [*error.path][-1:] == ["type"]
    return of_kind or error.validator_value == "null"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


def _openness(path: str) -> int:
    """Literal routes before those with parameters: ``@original`` is no message id."""
    return path.count("{")


def _prefixed(name: str, problems: Iterator[str]) -> Iterator[str]:
    for problem in problems:
        yield f"{name}: {problem}"
