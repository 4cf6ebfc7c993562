"""Which language a question is written in, told by its script and its small words: a question is too short for more.

A wrong guess is worse than none, since it would answer in a language that nobody asked in; so in doubt there is none.
"""

# ruff: noqa: RUF001 - words of several scripts

import re
from collections.abc import Mapping
from typing import Final

_SCRIPTS: Final[Mapping[str, re.Pattern[str]]] = {
    "ja": re.compile("[\u3041-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7a3\u1100-\u11ff]"),
    "zh": re.compile("[\u3400-\u9fff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "uk": re.compile("[\u0456\u0457\u0454\u0491]", re.IGNORECASE),
    "ru": re.compile("[\u0451\u044b\u044d]", re.IGNORECASE),
}
"""Marks of which a single one tells; Japanese is looked for before Chinese, whose signs it shares."""
_ARABIC: Final = re.compile("[\u0621-\u064a]")
_NOT_ARABIC: Final = re.compile("[\u067e\u0686\u0698\u06a9\u06af\u06cc\u0679\u0688\u0691\u06ba\u06c1\u06d2]")
"""Letters of Persian and Urdu."""
_SMALL_WORDS: Final = {
    "en": """the a an of to and is are do does did how what why when where which who can could should would i you it
        in on for with this that there my your from be was not have has about no sure""",
    "es": """el la los las un una de del y es son cómo como qué que por cuándo dónde cuál
        cuánto quién puedo se en con para mi tu lo al hay está no eso su me si sirve hago hacer""",
    "pt": """o a os as um uma de do da dos das e é são como que por quando onde qual quanto quem posso se em
        no na com para meu minha seu isso não há está ao eu fazer faço você""",
    "de": """der die das ein eine einen dem den des und ist sind wie was warum wann wo welche welcher welches wer kann
        ich du man es in mit für auf von zu zum zur nicht mein wird im am muss soll gibt wieso""",
    "fr": """le la les un une de du des et est sont comment que quoi pourquoi quand où quel quelle qui je tu on
        il en dans avec pour mon ma mes ne pas sur au aux ce cette se faut puis-je est-ce combien faire""",
    "it": """il lo la i gli le un una di del della dei e è sono come che cosa perché quando dove quale
        quanto chi posso si in con per mio mia non nel nella al questo si fa fare devo ho""",
    "id": """yang dan di ke dari untuk dengan ini itu apa apakah bagaimana kenapa mengapa kapan dimana mana siapa
        saya kamu anda bisa tidak cara ada pada adalah berapa harus""",
    "ru": """как что где почему когда сколько можно ли это мне для из кто чем какой какая какие нужно и не со
        в на с по зачем если или лучше надо""",
    "uk": """як що де чому коли скільки чи можна це мені для з хто чим який яка які потрібно та не
        в на по треба або краще""",
    "tr": """ve bir bu şu için ile mi mı mu mü ne nasıl neden niçin nerede hangi kim ben
        sen de da var yok değil gibi kadar olarak kaç yapılır""",
}
_WORDS_OF: Final[Mapping[str, frozenset[str]]] = {
    language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()
}
_TELLING: Final[Mapping[str, re.Pattern[str]]] = {
    "es": re.compile("[\u00bf\u00a1\u00f1]"),
    "pt": re.compile("[\u00e3\u00f5]"),
    "de": re.compile("\u00df"),
    "ru": re.compile(r"\b(?:что|почему|сколько|где|зачем)\b"),
    "uk": re.compile(r"\b(?:як|що|чому|скільки|навіщо)\b"),
    "tr": re.compile("[\u0131\u011f\u015f]"),
}
"""Letters, and words of no neighbouring language, that count as much as another small word."""
_OTHERS: Final = re.compile(
    "[\u0458\u045b\u0452\u0459\u045a\u045f\u045e\u044a\u0105\u0119\u0142\u017c\u0159\u016f\u0151\u0171\u00e5\u00f8\u0219\u021b]"
)
"""Letters of languages that are not known here."""
_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
LEAST_WORDS: Final = 2
"""So many small words have to speak for a language."""

NAMES: Final[Mapping[str, str]] = {
    "en": "English", "es": "español", "pt": "português", "de": "Deutsch", "fr": "français",
    "it": "italiano", "ru": "русский",
    "uk": "українська",
    "hi": "हिन्दी", "id": "Bahasa Indonesia", "tr": "Türkçe",
    "zh": "中文", "ja": "日本語", "ko": "한국어",
    "ar": "العربية",
}  # fmt: skip
"""What the languages call themselves."""


def language_of(text: str) -> str:
    """Return the two letters of the language of a question, or "" where it is not clear."""
    for language, marks in _SCRIPTS.items():
        if marks.search(text):
            return language
    if _ARABIC.search(text):
        return "" if _NOT_ARABIC.search(text) else "ar"
    return "" if _OTHERS.search(text.casefold()) else _by_small_words(text.casefold())


def _by_small_words(text: str) -> str:
    words = _WORD.findall(text)
    counts = {language: sum(word in known for word in words) for language, known in _WORDS_OF.items()}
    for language, letters in _TELLING.items():
        counts[language] += bool(letters.search(text))
    first, second = sorted(counts, key=lambda language: -counts[language])[:2]
    clear = counts[first] >= LEAST_WORDS and counts[first] > counts[second]
    return first if clear else ""
