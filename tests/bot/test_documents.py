"""The documents say what the code does: tables, settings, transcripts, links and the package are held to it."""

import itertools
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import click
import pytest
from pydantic import BaseModel, SecretStr

from bot.commands.everything import EVERYTHING
from bot.main import cli
from bot.sample_library import sample_library
from bot.settings import Settings, load_settings
from core.asking.notices import NOT_COVERED

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT.joinpath("README.md").read_text(encoding="utf-8")
CONFIGURATION: Final = ROOT.joinpath("docs/configuration.md").read_text(encoding="utf-8")
EXAMPLE: Final = ROOT / "config.example.toml"
DOCUMENTS: Final = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")] + sorted(
    ROOT.glob("docs/**/*.md")
)
COMMENTED_OUT: Final = re.compile(r"^# (\w+ = )", re.MULTILINE)

Row = list[str]
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("CHRONOS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def section(heading: str) -> str:
    """The README's text under a heading of the second level."""
    return README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def tables(text: str) -> list[list[Row]]:
    """The tables in a text, each as rows of cells without its header."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [[_cells(line) for line in block.splitlines()[2:]] for block in blocks]


def _cells(line: str) -> Row:
    return [cell.strip() for cell in line.strip("|").split("|")]


def prose(text: str) -> str:
    """A text without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def keys_of(model: BaseModel) -> dict[str, Any]:
    """Every key of the settings as ``section.key`` with its value; secrets revealed."""
    found: dict[str, Any] = {}
    for name in type(model).model_fields:
        part = getattr(model, name)
        for key in type(part).model_fields:
            value = getattr(part, key)
            found[f"{name}.{key}"] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return found


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, child in command.commands.items():
        yield from leaves(child, (*path, name))


def test_the_readme_lists_every_command_as_it_is_declared() -> None:
    (listed,) = tables(section("Commands"))
    declared = [entry.command for entry in EVERYTHING.commands.values()]
    assert listed == [
        [
            f"`/{command.name}`",
            command.audience.value,
            ", ".join(f"`{p.name}`" + "*" * p.required for p in command.parameters) or "-",
            command.description,
        ]
        for command in declared
    ]


def test_the_readme_lists_every_shell_command_with_its_options() -> None:
    (listed,) = tables(section("The command line"))
    expected = []
    for path, command in leaves(cli, ("chronos",)):
        arguments = [p.metavar or str(p.name).upper() for p in command.params if isinstance(p, click.Argument)]
        options = [f"`{p.opts[0]}`" for p in command.params if isinstance(p, click.Option)]
        summary = (command.help or "").splitlines()[0]
        expected.append([f"`{' '.join((*path, *arguments))}`", ", ".join(options) or "-", summary])
    assert listed == expected


def test_the_configuration_document_names_every_setting_with_its_default() -> None:
    listed: dict[str, str] = {}
    for row in itertools.chain(*tables(CONFIGURATION)):
        names = re.findall(r"`([^`]+)`", row[0])
        assert not listed.keys() & set(names)
        listed |= dict.fromkeys(names, row[1].strip("`"))
    defaults = {
        name: str(value) if value not in ("", (), {}) else "empty" for name, value in keys_of(Settings()).items()
    }
    assert listed == defaults


def test_settings_that_are_called_unused_are_exactly_those_that_nothing_reads() -> None:
    _, unused = tables(CONFIGURATION)
    listed = {name for row in unused for name in re.findall(r"`([^`]+)`", row[0])}
    code = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("bot/**/*.py"))
    read = {".".join(found) for found in re.findall(r"\b(?:settings|self)\.(\w+)\.(\w+)", code)}
    assert listed == keys_of(Settings()).keys() - read


def test_the_example_configuration_is_the_defaults() -> None:
    assert load_settings(EXAMPLE).model_dump() == Settings().model_dump()


def test_the_example_configuration_names_every_key_with_its_default() -> None:
    written = EXAMPLE.read_text(encoding="utf-8")
    complete = tomllib.loads(COMMENTED_OUT.sub(r"\1", written))
    named = {f"{part}.{key}": value for part, keys in complete.items() for key, value in keys.items()}
    defaults = keys_of(Settings())
    assert set(complete) == set(Settings.model_fields)
    assert named == {name: _as_toml(value) for name, value in defaults.items()}


def _as_toml(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def test_only_empty_settings_are_commented_out_in_the_example() -> None:
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if COMMENTED_OUT.match(line):
            (value,) = tomllib.loads(line.removeprefix("# ")).values()
            assert value in ("", [], {}), line


def test_every_make_target_that_the_documents_name_exists() -> None:
    makefile = ROOT.joinpath("Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {name for path in DOCUMENTS for name in re.findall(r"(?:`|^)make ([a-z-]+)", _read(path), re.MULTILINE)}
    assert {"run", "test", "check", "bench", "quality"} <= named
    assert named <= targets


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_conversation_in_the_readme_quotes_the_sample_library() -> None:
    transcript = README.split("```text\n", 1)[1].split("```", 1)[0]
    lectures = {source.title: _cues(source.content) for c in sample_library().creators for source in c.sources}
    answers = [answer for answer in re.split(r"^> .+\n", transcript, flags=re.MULTILINE)[1:] if "▸" in answer]
    assert len(answers) == 2
    for answer in answers:
        said, title, cited = re.split(r"^▸ (.+?) · video (?=\[)", answer, flags=re.MULTILINE)
        quotes = dict(reversed(found) for found in re.findall(r"“([^”]+)” \[(\d)\]", _squeezed(said)))
        chips = re.findall(r"\[(\d)\] (\d+):(\d\d)", cited)
        assert quotes.keys() == {number for number, _, _ in chips}
        for number, minutes, seconds in chips:
            begin = next(n for n, (start, _) in enumerate(lectures[title]) if start == f"00:{minutes:>02}:{seconds}")
            spoken = " ".join(text for _, text in lectures[title][begin:])
            assert 0 <= spoken.find(quotes[number]) <= len(lectures[title][begin][1])


def _cues(content: bytes) -> list[tuple[str, str]]:
    """The start, to the second, and the words of each cue of a WebVTT file."""
    found = re.findall(r"^(\d\d:\d\d:\d\d)\.\d+ -->.*\n((?:.+\n)+)", content.decode(), re.MULTILINE)
    return [(start, _squeezed(text)) for start, text in found]


def test_the_conversation_in_the_readme_declines_in_the_engines_own_words() -> None:
    assert NOT_COVERED in README


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    changelog = _read(ROOT / "CHANGELOG.md")
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    kinds = set(re.findall(r"^### (.+)$", changelog, re.MULTILINE))
    assert changelog.startswith("# Changelog\n")
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@every_document
def test_links_inside_the_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(_read(document))):
        if not target.startswith(("http://", "https://")):
            path, _, anchor = target.partition("#")
            file = document.parent / path if path else document
            assert file.exists(), target
            assert not anchor or anchor in anchors(_read(file)), target


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_paths_that_the_documents_name_exist(document: Path) -> None:
    for path in re.findall(r"`((?:bot|core|adapters|migrations|tests|docs)/[\w./-]*)`", _read(document)):
        assert ROOT.joinpath(path).exists(), path


@every_document
def test_the_documents_name_no_folder_of_somebodys_machine(document: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", _read(document))


def test_the_lock_names_no_registry() -> None:
    lock = _read(ROOT / "requirements.lock")
    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert not re.search(r"--(?:\w+-)*(?:index|find-links|trusted-host)", lock)


def test_every_dependency_is_pinned_with_hashes_in_the_lock() -> None:
    project = tomllib.loads(_read(ROOT / "pyproject.toml"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = {re.split(r"[^\w.-]", requirement)[0].lower().replace(".", "-") for requirement in wanted}
    pinned = re.findall(
        r"^([\w.-]+)(?:\[[^\]]*\])?==\S+.*\\\n    --hash=sha256:", _read(ROOT / "requirements.lock"), re.MULTILINE
    )
    assert names <= {name.lower().replace(".", "-") for name in pinned}


def test_the_console_script_is_the_command_line() -> None:
    (script,) = entry_points(group="console_scripts", name="chronos")
    assert script.value == "bot.main:main"
    assert script.load() is not None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=100)  # noqa: S603 - our own words
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize(
    "pattern",
    [
        "migrations/*.sql",
        "bot/sample_library/**/*.vtt",
        "bot/sample_library/*.json",
        "adapters/web/templates/*.html",
        "adapters/web/static/*",
        "core/asking/*.txt",
        "bot/*.py",
    ],
)
def test_the_wheel_ships_what_the_program_reads(wheel: set[str], pattern: str) -> None:
    needed = {str(path.relative_to(ROOT).as_posix()) for path in ROOT.glob(pattern) if path.is_file()}
    assert needed
    assert needed <= wheel


def test_the_wheel_ships_nothing_else(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert tops == {"bot", "core", "adapters", "migrations"}
