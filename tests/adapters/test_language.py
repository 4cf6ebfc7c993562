import subprocess
import sys

import pytest

from adapters.sources.language import detect_language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Bread needs only flour, water, salt and the patience to wait for it.", "en"),
        ("Heute sprechen wir über Brot und warum es Zeit zum Ruhen braucht.", "de"),
        ("Hoy vamos a hablar del pan y de por qué necesita tiempo para reposar.", "es"),
        ("Сегодня мы печём хлеб, потому что тесту всегда нужно время.", "ru"),
        ("今日はパンについて話しましょう。", "ja"),
    ],
)
def test_a_sentence_is_enough(text: str, code: str) -> None:
    assert detect_language(text) == code


@pytest.mark.parametrize("text", ["", "   ", "12:30 -- 45 %", "😀😀😀", "hello there", "x = f(y)", "ok"])
def test_too_little_text_gives_no_answer(text: str) -> None:
    assert detect_language(text) == ""


def test_a_long_text_is_judged_by_its_beginning_middle_and_end() -> None:
    german = "Das Brot muss lange ruhen, bevor es in den Ofen kommt. " * 2_000
    assert detect_language("welcome " * 20 + german) == "de"


def test_importing_the_module_does_not_load_the_model() -> None:
    code = "import sys, adapters.sources.language; sys.exit('py3langid' in sys.modules)"
    # Our own interpreter and our own line.
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
