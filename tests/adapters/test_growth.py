"""Whatever a file or message repeats, reading it takes time that grows with its length, not with its square."""

import importlib
import inspect
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from types import ModuleType

import pytest

from adapters.sources.apart import Limits, run_apart
from adapters.sources.timed_text import read_timed_text
from core.errors import UploadRefused

HERE = "tests.adapters.test_growth"
LETTERS = 12_000
# Of computing, not on the clock: in linear time it takes one or two milliseconds, in quadratic time seconds.
MOST_S = 0.1
MODULES = (
    "adapters.discord.markup",
    "adapters.sources.captions",
    "adapters.sources.document_kinds.markup",
    "adapters.sources.document_kinds.pdf",
    "adapters.sources.document_kinds.plain",
    "adapters.sources.document_kinds.word",
    "adapters.sources.feeds",
    "adapters.sources.json_transcripts",
    "adapters.sources.links",
    "adapters.sources.segments",
    "adapters.sources.sentences",
    "adapters.sources.tables",
    "adapters.sources.written",
    "adapters.sources.youtube_captions",
    "core.asking.checking",
    "core.asking.markup",
    "core.asking.words",
    "core.library.intake",
    "core.library.invented",
    "core.library.topics",
    "core.library.units",
    "core.richtext",
    "core.sent_files",
    "core.typed_commands",
)
STARTS = ("", "1", "title:x", "<meta charset=", "00:01 --> ")
REPEATED = (
    "\t", " ", "\n", "\n ", "1", "1.", "1,", ". ", "a", "a-", "a.", "a ", "-", "-->", "--> 1:", ":", "1:", "#", "|",
    "=", "[", "](", "[a](", "(", "<", "<v a", "<c.", "</a ", "&#1", "{\\", "*", "*a", "_", "_a", "`", '"', "'", '" ',
    "/a", "@", "a@", "S1 ", "[S1,", "at ", "https://a ", "first ", "\u201c", "!", "is ",
)  # fmt: skip
CUES = b"WEBVTT\n\n00:01.000 --> 00:02.000\n"
WORST = tuple(
    start + repeated * (400_000 // len(repeated)) + b"x"
    for start, repeated in (
        *product(
            (b"1", b"1\t", CUES), (b"\t", b" ", b" \t", b"1.", b"-->", b"<v a", b"<c.", b"{\\", b"&#1", b"&amp")
        ),
        *product((b"[", b'{"segments": '), (b"[", b'{"a":', b"1", b'"', b'{"start": 1, "end": 2, "text": "a"}, ')),
        (b"1\n00:00:01,000 --> 00:00:02,000\n", b"1\n\n"),
        (b"", b"00:01.000 --> 00:02.000\n\n"),
        (b"", b"start\tend\ttext\n"),
        (b"", b"1\t2\ta\n"),
    )
)


@dataclass(frozen=True)
class Use:
    """A regular expression for text, and whether its module looks for it anywhere or at one place only."""

    pattern: re.Pattern[str]
    anywhere: bool

    def computing_s(self, text: str) -> float:
        began = time.thread_time()
        self.pattern.match(text)
        self.pattern.fullmatch(text)
        for _ in self.pattern.finditer(text) if self.anywhere else ():
            pass
        return time.thread_time() - began

    def is_slow(self, start: str, repeated: str) -> bool:
        text = start + repeated * (LETTERS // len(repeated)) + "\0;x"
        return self.computing_s(text) > MOST_S and min(self.computing_s(text) for _ in range(3)) > MOST_S


def uses(module: ModuleType) -> Iterator[Use]:
    """All regular expressions of a module, also those in tuples."""
    said = inspect.getsource(module)
    for name, value in vars(module).items():
        found = list(flat(value))
        called = name if found == [value] else "pattern"
        anywhere = re.search(rf"\b{called}\.(?:search|sub|split|findall|finditer)\(", said) is not None
        yield from (Use(pattern, anywhere) for pattern in found)


def flat(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, tuple):
        for each in value:
            yield from flat(each)
    elif isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value


@pytest.mark.parametrize("name", MODULES)
def test_no_regular_expression_looks_again_and_again_at_the_same_letters(name: str) -> None:
    found = list(uses(importlib.import_module(name)))
    assert found
    slow = {
        (use.pattern.pattern, start, repeated)
        for use in found
        for start, repeated in product(STARTS, REPEATED)
        if use.is_slow(start, repeated)
    }
    assert not slow


def all_read() -> int:
    for content in WORST:
        for name in ("x.vtt", "x.jsonl"):
            try:
                read_timed_text(name, content)
            except UploadRefused:
                continue
    return len(WORST)


async def test_the_worst_captions_are_read_or_refused_before_anybody_loses_patience() -> None:
    assert await run_apart(f"{HERE}:all_read", limits=Limits(wall_s=120.0)) == len(WORST)
