"""The lectures Chronos answers from before anybody has added their own: our writing, in the wheel."""

import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any, Final

_PACKAGE: Final = "bot.sample_library"


@dataclass(frozen=True, slots=True)
class SampleSource:
    """One lecture. ``content`` is a WebVTT file in UTF-8; a lecture has no link of its own."""

    title: str
    file_name: str
    topics: tuple[str, ...]
    content: bytes

    @property
    def video_id(self) -> str:
        """The file's name without its ending; no two lectures of the library share one."""
        return PurePosixPath(self.file_name).stem


@dataclass(frozen=True, slots=True)
class SampleCreator:
    """A creator of the library; ``language`` is a two-letter code that holds for all the lectures."""

    handle: str
    name: str
    language: str
    sources: tuple[SampleSource, ...]


@dataclass(frozen=True, slots=True)
class SampleLibrary:
    """All sample creators, in the order of the manifest."""

    creators: tuple[SampleCreator, ...]


def sample_library() -> SampleLibrary:
    """Read the library that came with this installation (about 100 KB)."""
    folder = files(_PACKAGE)
    manifest = json.loads(folder.joinpath("library.json").read_text(encoding="utf-8"))
    return SampleLibrary(tuple(_creator(folder, entry) for entry in manifest["creators"]))


def _creator(folder: Traversable, entry: dict[str, Any]) -> SampleCreator:
    sources = tuple(_source(folder, source) for source in entry["sources"])
    return SampleCreator(entry["handle"], entry["name"], entry["language"], sources)


def _source(folder: Traversable, entry: dict[str, Any]) -> SampleSource:
    path = PurePosixPath(entry["file"])
    content = folder.joinpath(*path.parts).read_bytes()
    return SampleSource(entry["title"], path.name, tuple(entry["topics"]), content)
