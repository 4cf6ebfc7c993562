"""How the shell ends: one line that says why, as JSON too where JSON was asked for, and never a stack trace."""

import json
import wave
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from bot.main import _run, cli
from bot.settings import Settings

CAPTIONS = "WEBVTT\n\n00:00.000 --> 00:05.000\n{}\n"
GERMAN = "Heute zeichnen wir gemeinsam eine Kugel und überlegen uns, woher das Licht auf ihre Oberfläche fällt."
ENGLISH = "Today we draw a sphere together and think about where the light on its surface comes from."


@pytest.fixture
def shell(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Shell":
    monkeypatch.chdir(tmp_path)
    return Shell({"CHRONOS_DATABASE__URL": database_url, "CHRONOS_STORAGE__DATA_DIR": str(tmp_path / "data")})


class Shell:
    """Runs commands in this process, on a database of the test's own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, env=self._environment)

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        printed: list[dict[str, Any]] = json.loads(self(*arguments, "--json").stdout)
        return printed


def captions(name: str, sentence: str) -> str:
    Path(name).write_text(CAPTIONS.format(sentence), encoding="utf-8")
    return name


@pytest.mark.parametrize("option", ["--link=https://youtu.be/dQw4w9WgXcQ", "--title=Spheres"])
def test_one_link_or_title_for_several_files_is_wrong_usage(shell: Shell, option: str) -> None:
    files = captions("a.vtt", ENGLISH), captions("b.vtt", GERMAN)
    result = shell("ingest", "--creator", "drawing", option, *files)
    assert result.exit_code == 2
    assert "one video" in result.stderr


def test_ingesting_says_which_language_the_search_does_not_read(shell: Shell) -> None:
    assert shell("creator", "add", "drawing").exit_code == 0
    files = captions("english.vtt", ENGLISH), captions("german.vtt", GERMAN)
    english, german = shell.json("ingest", "--creator", "drawing", *files)
    assert (english["status"], english["warning"]) == ("ready", "")
    assert german["status"] == "ready"
    assert "It is in de, and the search model here reads en only" in german["warning"]
    said = shell("ingest", "--creator", "drawing", *files).stdout.splitlines()
    assert said[:2] == ["known     english", "known     german"]
    assert said[2].split(maxsplit=1) == ["!", german["warning"]]


def test_what_failed_before_is_tried_again_when_it_is_ingested_again(shell: Shell) -> None:
    assert shell("creator", "add", "drawing").exit_code == 0
    with wave.open("nothing \udce9.wav", "wb") as silence:
        silence.setparams((1, 2, 16_000, 0, "NONE", ""))
        silence.writeframes(bytes(64_000))

    for attempt in (1, 2):
        assert shell("ingest", "--creator", "drawing", "nothing \udce9.wav").exit_code == 1
        (job,) = shell.json("jobs", "list")
        assert (job["stage"], job["attempts"]) == ("failed", attempt)


def test_without_creators_the_shell_says_how_the_sample_library_comes(shell: Shell) -> None:
    result = shell("ask", "--creator", "night-sky", "What is the 500 rule?")
    assert result.exit_code == 1
    assert "'chronos run' without a platform token brings the sample library" in result.stderr
    assert shell("creator", "add", "drawing").exit_code == 0
    assert "Known: drawing." in shell("ask", "--creator", "night-sky", "What is the 500 rule?").stderr


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    """The words that call each command with --json."""
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += commands(command, *path, name)
        elif any("--json" in parameter.opts for parameter in command.params):
            found.append((*path, name))
    return found


ARGUMENTS = {
    "backup": ["copy.dump"], "restore": ["english.vtt"], "add": ["drawing"], "code": ["drawing"],
    "budget": ["drawing"], "decide": ["redemption:7", "--paid"], "thaw": ["drawing"],
    "economy": ["--creator=drawing"], "usage": ["--creator=drawing"],
    "ingest": ["--creator=drawing", "english.vtt"], "ask": ["--creator=drawing", "Why?"], "retry": ["7"],
    "eval": ["--corpus=english.vtt", "--questions=english.vtt", "--predictions=out.jsonl"],
}  # fmt: skip


@pytest.mark.parametrize("command", commands(cli), ids=" ".join)
def test_every_command_that_prints_json_prints_why_it_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    captions("english.vtt", ENGLISH)
    monkeypatch.setenv("CHRONOS_HTTP__PORT", "many")
    result = CliRunner().invoke(cli, [*command, *ARGUMENTS.get(command[-1], []), "--json"])
    assert result.exit_code == 1
    assert "http.port" in json.loads(result.stdout)["error"]
    assert result.stderr.startswith("chronos: ")


@pytest.mark.parametrize("number", ["99999999999999999999", "0", "-1"])
def test_a_number_that_no_work_can_have_is_wrong_usage(number: str) -> None:
    assert CliRunner().invoke(cli, ["jobs", "retry", "--", number]).exit_code == 2


async def breaks(_: Settings) -> None:
    raise KeyError("nobody thought\nof this")


def broken(*options: str, as_json: bool = False) -> None:
    """What a command does in which something unexpected happens."""
    with cli.make_context("chronos", [*options, "check"]) as root:
        command = click.Context(cli.commands["check"], parent=root)
        command.params = {"as_json": as_json}
        with command:
            _run(breaks, None)


def test_an_unexpected_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        broken(as_json=True)
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("chronos: This failed unexpectedly (KeyError('nobody thought")
    assert "KeyError" in json.loads(said.out)["error"]


def test_the_log_tells_where_an_unexpected_error_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        broken("--debug")
    logged, said = capsys.readouterr().err.splitlines()
    assert "in breaks" in json.loads(logged)["exception"]
    assert said.startswith("chronos: ")
