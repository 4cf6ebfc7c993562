"""Holds recorded OpenAI requests against the vendor's OpenAPI document."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.wire.fake_models import RecordedRequest
from tests.wire.telegram_spec import find_spec

SPEC_NAME: Final = "openai-openapi.json"
API_PREFIX: Final = "/v1"


def check_requests(requests: Iterable[RecordedRequest], spec_path: Path | None = None) -> str:
    """Hold every request against the specification and say what was done, in words.

    Raises:
        AssertionError: lists each request that the specification does not allow.
    """
    path = spec_path or find_spec(SPEC_NAME)
    if path is None:
        return f"skipped: no {SPEC_NAME} (set VENDOR_SPECS to its folder)"
    document = _load(path)
    requests = list(requests)
    problems = [problem for request in requests for problem in _problems(document, request)]
    assert not problems, "requests that OpenAI's document does not allow:\n" + "\n".join(problems)
    return f"checked {len(requests)} requests"


def _problems(document: dict[str, Any], request: RecordedRequest) -> Iterator[str]:
    where = f"{request.method} {request.path}"
    operation = document["paths"].get(request.path.removeprefix(API_PREFIX), {}).get(request.method.lower())
    if operation is None:
        yield f"{where}: no such operation"
        return
    if "requestBody" not in operation:
        return
    ((_, content),) = operation["requestBody"]["content"].items()  # JSON, or a form for what carries a file
    schema = content["schema"]
    known = set(_properties(document, schema))
    yield from (f"{where}: {name} is unknown" for name in request.body if name not in known)
    validator = Draft202012Validator({**schema, "components": document["components"]})
    error = best_match(validator.iter_errors(request.body))
    if error is not None:
        yield f"{where}: {error.json_path}: {error.message[:300]}"


def _properties(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        yield from _properties(document, document["components"]["schemas"][name])
    yield from schema.get("properties", {})
    for part in schema.get("allOf", []):
        yield from _properties(document, part)


@cache
def _load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = _repaired(json.loads(path.read_text(encoding="utf-8")))
    return document


def _repaired(node: Any) -> Any:  # noqa: ANN401 - a JSON document
    """Return the document with its own mistakes made harmless.

    - ``nullable: true`` is OpenAPI 3.0 and means nothing in 3.1, where the document still uses it: null is
      allowed there.
    - ``oneOf`` whose variants overlap (a message is both an "easy" and an "item" message) would refuse valid bodies:
      read as ``anyOf``.
    - ``$recursiveRef`` and ``$recursiveAnchor`` belong to an older draft than the one declared: left out.
    """
    if isinstance(node, list):
        return [_repaired(item) for item in node]
    if not isinstance(node, dict):
        return node
    repaired = {key: _repaired(value) for key, value in node.items() if not key.startswith("$recursive")}
    if isinstance(repaired.get("oneOf"), list):
        repaired["anyOf"] = repaired.pop("oneOf")
    if repaired.get("nullable") is True:
        repaired.pop("nullable")
        return {"anyOf": [repaired, {"type": "null"}]}
    return repaired
