"""What is wrong with a configuration, for the person who wrote it: each key once, with what it takes."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

PREFIX: Final = "CHRONOS_"
CONFIG_VARIABLE: Final = "CHRONOS_CONFIG"
LEAST_LIKENESS: Final = 0.8
KUBERNETES: Final = re.compile(r"CHRONOS_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)")
"""What Kubernetes sets in every container beside a service that is called chronos."""

Mistakes = dict[str, str]
"""What is wrong by the key or variable that it is wrong with."""

Mistake: TypeAlias = Mapping[str, Any]
"""One entry of ``ValidationError.errors()``."""


def described(mistakes: Mistakes) -> str:
    """All mistakes, a line each."""
    return "The configuration has mistakes:" + "".join(f"\n  {key}: {words}" for key, words in mistakes.items())


def unknown_variables(environment: Mapping[str, str], settings: type[BaseModel]) -> Mistakes:
    """The variables that look like ours and set nothing."""
    known = [variable(key) for key in _keys(settings)]
    return {
        name: "there is no such variable" + _perhaps(name.upper(), known)
        for name, value in environment.items()
        if name.upper().startswith(PREFIX) and name.upper() not in {*known, CONFIG_VARIABLE}
        if not KUBERNETES.fullmatch(name) and not value.startswith(("tcp://", "udp://"))
    }


def wrong_values(error: ValidationError, settings: type[BaseModel]) -> Mistakes:
    """What the settings do not take."""
    return {_shown(each): _words(each, settings) for each in error.errors()}


def _keys(settings: type[BaseModel]) -> list[str]:
    return [
        f"{section}.{key}"
        for section, field in settings.model_fields.items()
        for key in _fields(field.annotation)
    ]  # fmt: skip


def _fields(annotation: object) -> Mapping[str, FieldInfo]:
    return annotation.model_fields if isinstance(annotation, type) and issubclass(annotation, BaseModel) else {}


def variable(key: str) -> str:
    """The variable that sets a key."""
    return PREFIX + key.replace(".", "__").upper()


def _perhaps(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), 1, LEAST_LIKENESS)
    return f"; did you mean {near[0]}?" if near else "; see config.example.toml"


def _shown(error: Mistake) -> str:
    """The key; which entry of a list it is, its words say."""
    return ".".join(part for part in error["loc"] if isinstance(part, str))


def _words(error: Mistake, settings: type[BaseModel]) -> str:
    """Ours where a rule of ours is broken, else what the key takes."""
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return "there is no such setting" + _perhaps(_shown(error), [*_keys(settings), *settings.model_fields])
    return f"it takes {_taken(settings, error['loc'])}"


def _taken(settings: type[BaseModel], path: tuple[int | str, ...]) -> str:
    """What the key at a path takes, or the table that it is in."""
    fields: Mapping[str, FieldInfo] = settings.model_fields
    found: FieldInfo | None = None
    for name in path:
        if name in fields:
            found = fields[str(name)]
            fields = _fields(found.annotation)
        elif found is not None and get_origin(found.annotation) is dict:
            fields = _fields(get_args(found.annotation)[1])
            found = None
    return "a table" if found is None or fields else _kind(found)


def _kind(field: FieldInfo) -> str:
    kinds = {field.annotation, get_origin(field.annotation), *get_args(field.annotation)}
    if Literal in kinds:
        return f"one of {', '.join(get_args(field.annotation))}"
    if kinds & {int, float}:
        return ("a whole number" if int in kinds else "a number") + _bounds(field.metadata)
    if tuple in kinds:
        return 'a list of texts, such as ["one", "two"], which a variable holds as JSON'
    return "a table" if dict in kinds else "a text"


def _bounds(rules: Iterable[object]) -> str:
    bounds = {name: getattr(rule, name) for rule in rules for name in ("ge", "gt", "le") if hasattr(rule, name)}
    words = {"ge": "from", "gt": "above", "le": "to at most"}
    return "".join(f" {words[name]} {bound}" for name, bound in bounds.items())
