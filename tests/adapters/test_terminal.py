"""The terminal as a person meets it: driven through a real pseudo-terminal, and through a pipe."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from adapters.terminal.chat import TerminalMessenger, find_file
from adapters.terminal.completion import CommandCompleter
from adapters.terminal.rendering import clean, links_work, terminal_text, web_address
from adapters.terminal.screen import Screen
from core.conversation import Button, File, Person, Place, Reply
from core.richtext import RichText, link
from tests.adapters.scripted_responder import ANSWER, ScriptedResponder

ROOT: Final = Path(__file__).parents[2]
ADDRESS: Final = "https://video.example/watch?v=abc&t=75"
COMMAND: Final = [sys.executable, "-m", "tests.adapters.terminal_session"]
CTRL_A: Final = "\x01"
CTRL_C: Final = "\x03"
CTRL_D: Final = "\x04"
UP: Final = "\x1b[A"


def environment(**extra: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "TERM": "xterm-256color",
        "PROMPT_TOOLKIT_NO_CPR": "1",
        **extra,
    }


class Terminal:
    """Somebody at a pseudo-terminal."""

    def __init__(self, folder: Path, **extra: str) -> None:
        self.child = pexpect.spawn(
            COMMAND[0], COMMAND[1:], cwd=str(folder), env=environment(**extra), encoding="utf-8", timeout=30,
            dimensions=(40, 100),
        )  # fmt: skip

    def sees(self, words: str) -> str:
        """Wait for words on the screen and return what came before them."""
        self.child.expect_exact(words)
        return str(self.child.before)

    def types(self, keys: str) -> None:
        """Type a line at the prompt."""
        self.child.send(f"{keys}\r")

    def at_prompt(self) -> None:
        """Wait until the line editor listens."""
        self.sees("\x1b[?2004h")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path, FORCE_HYPERLINK="1")
    opened.sees("Welcome to")
    opened.at_prompt()
    yield opened
    opened.child.close(force=True)


def test_a_question_is_answered_with_a_clickable_link_and_numbered_buttons(terminal: Terminal) -> None:
    terminal.types("What is a slope?")
    assert "Searching" in terminal.sees("The gradient points uphill.")
    before = terminal.sees("[1] 👍  [2] 👎")
    assert re.search(rf"\x1b]8;[^;]*;{re.escape(ADDRESS)}\x1b\\[^\x1b]*(\x1b\[[\d;]*m)?1:15", before)
    assert f"<{ADDRESS}>" not in before


def test_where_links_are_not_known_to_work_the_address_is_written_out(tmp_path: Path) -> None:
    opened = Terminal(tmp_path, FORCE_HYPERLINK="0")
    opened.at_prompt()
    opened.types("What is a slope?")
    before = opened.sees("[2] 👎")
    assert before.count(f"<{ADDRESS}>") == 1
    assert "\x1b]8;" not in before
    opened.child.close(force=True)


def test_a_button_is_pressed_by_its_number(terminal: Terminal) -> None:
    terminal.types("What is a slope?")
    terminal.sees("[2] 👎")
    terminal.at_prompt()
    terminal.types("2")
    terminal.sees("pressed vote 1:2:0")
    terminal.at_prompt()
    terminal.types("1")
    terminal.sees("pressed vote 1:2:1")


def test_the_line_is_edited_before_it_is_sent(terminal: Terminal) -> None:
    terminal.child.send("move Limits" + CTRL_A + "/re\r")
    terminal.sees("remove: ['source']")


def test_lines_come_back_from_the_history_also_next_time(terminal: Terminal, tmp_path: Path) -> None:
    terminal.types("/remove Limits")
    terminal.sees("remove: ['source']")
    terminal.at_prompt()
    terminal.types(UP)
    terminal.sees("remove: ['source']")
    terminal.at_prompt()
    terminal.child.send(CTRL_D)
    terminal.sees("bye")
    assert (tmp_path / "kept" / "history").stat().st_mode & 0o077 == 0
    again = Terminal(tmp_path)
    again.at_prompt()
    again.types(UP)
    again.sees("remove: ['source']")
    again.child.close(force=True)


def test_ctrl_c_cancels_the_running_question_and_the_talk_goes_on(terminal: Terminal) -> None:
    terminal.types("answer slowly")
    terminal.sees("Searching")
    terminal.child.send(CTRL_C)
    terminal.sees("Cancelled.")
    terminal.at_prompt()
    terminal.types("What is a slope?")
    terminal.sees("[2] 👎")
    terminal.at_prompt()
    terminal.types("/quit")
    terminal.sees("bye, 1 cancelled")
    terminal.child.expect(pexpect.EOF)


def test_what_is_typed_while_waiting_is_the_next_line(terminal: Terminal) -> None:
    terminal.types("answer slowly")
    terminal.sees("Searching")
    terminal.child.send("/remove Limits\r" + CTRL_C)
    terminal.sees("Cancelled.")
    terminal.sees("remove: ['source']")


def test_ctrl_c_at_the_prompt_only_drops_the_line(terminal: Terminal) -> None:
    terminal.child.send("half a question" + CTRL_C)
    terminal.at_prompt()
    terminal.child.send(CTRL_D)
    terminal.sees("bye")
    terminal.child.expect(pexpect.EOF)


def test_text_from_outside_cannot_drive_the_terminal(terminal: Terminal) -> None:
    terminal.types("something evil")
    terminal.sees("</script>")
    shown = terminal.sees("\x1b[?2004h")
    assert "<img src=x>" in shown
    assert "taken over" not in shown
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert "javascript" not in shown


def test_a_mistyped_command_is_explained(terminal: Terminal) -> None:
    terminal.types("/remov Limits")
    terminal.sees("Did you mean /remove?")


def test_a_file_of_a_reply_is_saved_here_and_never_over_another(terminal: Terminal, tmp_path: Path) -> None:
    terminal.types("/privacy")
    terminal.sees("Saved as my data.json")
    terminal.at_prompt()
    terminal.types("/privacy")
    terminal.sees("Saved as my data (2).json")
    assert (tmp_path / "my data.json").read_bytes() == (tmp_path / "my data (2).json").read_bytes()


def test_a_local_file_is_taken_where_a_file_is_asked_for(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "lesson three.vtt").write_text("WEBVTT")
    terminal.types('/upload file:"lesson three.vtt" title:Limits')
    terminal.sees("lesson three.vtt holds 6 bytes, Limits")


def test_messages_of_the_outbox_appear_in_between_and_their_buttons_can_be_pressed(terminal: Terminal) -> None:
    terminal.types("status")
    terminal.sees("waiting its turn")
    terminal.sees("Limits · learning")
    terminal.sees("[1] Try again")


def piped(lines: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """The whole conversation of somebody who sends these lines through a pipe."""
    return subprocess.run(  # noqa: S603 - our own program
        COMMAND, input=lines.encode(), cwd=folder, env=environment(), capture_output=True, timeout=60, check=True
    )


def test_a_pipe_gets_plain_text_and_no_prompts(tmp_path: Path) -> None:
    lines = "What is a slope?\n2\n/remov x\n\n/remove Limits\nsomething evil\n/quit\nnever asked\n"
    done = piped(lines, tmp_path)
    shown = done.stdout.decode()
    assert done.stderr == b""
    assert "\x1b" not in shown
    assert "Welcome" not in shown
    assert f"▸ Limits & <slopes> [1] 1:15 <{ADDRESS}> /ask\n" in shown
    assert shown.index("[1] 👍  [2] 👎") < shown.index("pressed vote 1:2:0") < shown.index("Did you mean /remove?")
    assert "remove: ['source']" in shown
    assert shown.endswith("bye, 0 cancelled\n")


def test_the_end_of_a_pipe_ends_the_talk(tmp_path: Path) -> None:
    done = piped("last line without its end", tmp_path)
    assert "uphill" in done.stdout.decode()
    assert "bye" in done.stdout.decode()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\x07x", "x"),
        ("\x9b2Jx\x9d0;t\x9cy", "xy"),
        ("over\rwritten\x08\x7f", "overwritten"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x1b", ""),
        ("\x1b]0;never ended", ""),
    ],
)
def test_control_sequences_are_removed_whole(text: str, kept: str) -> None:
    assert clean(text) == kept


@given(st.text(st.one_of(st.characters(), st.sampled_from("\x1b[]\\;\x07\x9b\x9c8m"))))
def test_no_control_character_survives(text: str) -> None:
    assert not [c for c in clean(text) if c not in "\n\t" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0)]


@given(st.text(), st.text())
def test_a_link_never_breaks_out_of_its_sequence(words: str, rest: str) -> None:
    assert re.fullmatch(r"[!-~]*", web_address("https://" + rest))
    plain = terminal_text(RichText.of(link(words, "https://" + rest)), clickable=True).plain
    assert plain == clean(words)


def test_every_moment_and_every_entry_keeps_a_way_to_its_address() -> None:
    first, second = "https://v.example/a?t=1", "https://v.example/a?t=9"
    shown = terminal_text(
        RichText.of(
            "So ", link("[1]", first), " and ", link("[2]", second), " and ", link("[9]", "https://v.example/b"),
            "\n▸ Lesson [1] ", link("0:01", first), " · [2] ", link("0:09", second),
            "\nlater ", link("Lesson 0:01", first),
        ),
        clickable=False,
    )  # fmt: skip
    assert shown.plain == (
        "So [1] and [2] and [9] <https://v.example/b>\n"
        f"▸ Lesson [1] 0:01 <{first}> · [2] 0:09 <{second}>\nlater Lesson 0:01 <{first}>"
    )


@pytest.mark.parametrize(
    ("variables", "works"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7200"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4400"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "screen-256color", "VTE_VERSION": "7200"}, False),
        ({"TERM": "dumb", "WT_SESSION": "1"}, False),
        ({"TERM": "xterm", "WT_SESSION": "1"}, True),
        ({"TERM": "dumb", "FORCE_HYPERLINK": "1"}, True),
        ({"TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"}, False),
        ({}, False),
    ],
)
def test_capable_terminals_are_recognised(variables: dict[str, str], works: bool) -> None:
    assert links_work(variables) is works


async def completed(typed: str) -> list[str]:
    completer = CommandCompleter(ScriptedResponder(), Place("terminal", "local"), Person("terminal", "local"))
    found = completer.get_completions_async(Document(typed), CompleteEvent())
    return [typed[: len(typed) + completion.start_position] + completion.text async for completion in found]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/re", ["/remove"]),
        ("/q", ["/quit"]),
        ("/s", []),
        ("/c", ["/creator"]),
        ("/upload ti", ["/upload title:"]),
        ("/upload title:x ", ["/upload title:x file:", "/upload title:x language:"]),
        ("/upload language:", ["/upload language:en", "/upload language:de"]),
        ("/remove source:Le", ['/remove source:"Lesson two"']),
        ('/remove source:"Le', ['/remove source:"Lesson two"']),
        ("/remove Li", ["/remove source:Limits"]),
        ("/nothing x", []),
        ("what is /re", []),
        ("", []),
    ],
)
async def test_what_can_follow_is_offered(typed: str, offered: list[str]) -> None:
    assert await completed(typed) == offered


async def test_local_files_are_offered_for_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson one.vtt").touch()
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "two.srt").touch()
    assert await completed("/upload file:less") == ['/upload file:"lesson one.vtt"', "/upload file:lessons/"]
    assert await completed("/upload file:lessons/t") == ["/upload file:lessons/two.srt"]


@pytest.mark.parametrize("name", ["../../escape", "..\\escape", "/etc/escape", ".escape", "\x1b]0;x\x07escape"])
def test_a_file_s_name_cannot_leave_the_folder(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    Screen(tmp_path).show(Reply(files=(File(name, b"x"),)))
    assert [path.name for path in tmp_path.iterdir()] == ["escape"]
    assert "Saved as escape" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Screen(tmp_path / "gone").show(Reply(files=(File("a.json", b"x"),)))
    assert "a.json could not be saved here: No such file" in capsys.readouterr().out


def test_numbers_press_only_the_buttons_of_the_last_reply(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    assert screen.button("1") is None
    screen.show(ANSWER)
    assert [bool(screen.button(number)) for number in ("0", "1", "2", "3", "-1", "²", "1.0", "9" * 5000)] == [
        False, True, True, False, False, False, False, False,
    ]  # fmt: skip
    screen.show(Reply(RichText.of("Thank you.")), pressed=True)
    assert screen.button("2")
    screen.show(Reply(RichText.of("Another answer.")))
    assert screen.button("2") is None
    assert "Another answer." in capsys.readouterr().out


def test_what_is_no_file_is_not_found(tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "gone"), "", "\0", "x" * 10_000, "~nobody-here/x"):
        assert find_file(name) is None


async def test_a_card_that_moves_on_is_told_by_its_name_and_not_at_every_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = Place("terminal", channel="local")
    for every_s, steps in ((0.0, 3), (600.0, 0)):
        messenger = TerminalMessenger(Screen(), every_s=every_s)
        message_id = await messenger.deliver(place, Reply(RichText.of("⏳ Ink\n0%")), "")
        for share in (20, 40, 60):
            assert await messenger.deliver(place, Reply(RichText.of(f"⏳ Ink\n{share}%")), message_id) == message_id
        await messenger.deliver(place, Reply(RichText.of("✅ Ink is ready."), ((Button("Ask", "about", "1"),),)), "1")
        told = capsys.readouterr().out
        assert told.count("⏳ Ink · ") == steps
        assert "✅ Ink is ready.\n[1] Ask" in told, "its end is told at once"


def test_sentences_are_printed_as_they_come_and_none_of_them_twice(terminal: Terminal) -> None:
    terminal.types("sentence by sentence")
    terminal.sees("A slope is a direction. [1]")
    printed = terminal.sees("Limits [1]")
    assert "It points uphill. [1]" in printed
    assert "A slope is a direction" not in printed
