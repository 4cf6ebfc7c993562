"""The language of a question is told where it is clear, and not guessed where it is not."""

# ruff: noqa: RUF001 - questions in several scripts

import pytest

from core.asking.tongue import NAMES, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I clean the drill?", "en"),
        ("what is varnish made of", "en"),
        ("¿Cómo limpio el taladro?", "es"),
        ("como limpio el taladro con aceite", "es"),
        ("Como é que eu limpo a furadeira?", "pt"),
        ("Wie reinige ich den Bohrer?", "de"),
        ("Comment est-ce que je nettoie la perceuse ?", "fr"),
        ("Come si pulisce il trapano?", "it"),
        ("Как почистить дрель и не сломать?", "ru"),
        ("Как чистить эту дрель?", "ru"),
        ("Як почистити дриль?", "uk"),
        ("ड्रिल कैसे साफ करें?", "hi"),
        ("Bagaimana cara membersihkan bor yang kotor?", "id"),
        ("Matkabı nasıl temizlerim?", "tr"),
        ("怎么清洁电钻？", "zh"),
        ("ドリルはどうやって掃除しますか", "ja"),
        ("드릴을 어떻게 청소하나요?", "ko"),
        ("كيف أنظف المثقاب؟", "ar"),
    ],
)
def test_a_clear_question_tells_its_language(text: str, language: str) -> None:
    assert language_of(text) == language
    assert language in NAMES


@pytest.mark.parametrize(
    "text",
    ["", "drill", "GPT-4?", "drill varnish hinge", "چگونه مته را تمیز کنم؟", "Как да почистя бормашината със сапун?",
     "Jak wyczyścić wiertarkę?", "Hur rengör jag borren på bästa sätt?", "OK", "C++ vs Rust"],
)  # fmt: skip
def test_what_is_not_clear_is_not_guessed(text: str) -> None:
    assert not language_of(text)
