"""Which language a text is written in."""

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

SAMPLE_CHARS: Final = 1_500
SAMPLES: Final = 3
SURE: Final = 0.6
ISO_639_1_CHARS: Final = 2


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of ``text``, or "" when it is too short or too mixed to be sure.

    Looks at three stretches of 1,500 characters, so that the time does not grow with the text.
    """
    sample = _sample(text)
    if not any(letter.isalpha() for letter in sample):
        return ""
    code, probability = _identifier().classify(sample)
    return str(code) if probability >= SURE and len(code) == ISO_639_1_CHARS else ""


def _sample(text: str) -> str:
    if len(text) <= SAMPLE_CHARS * SAMPLES:
        return text
    step = (len(text) - SAMPLE_CHARS) // (SAMPLES - 1)
    return " ".join(text[start : start + SAMPLE_CHARS] for start in range(0, step * SAMPLES, step))


@cache
def _identifier() -> "LanguageIdentifier":
    # Loading takes most of a second, which a start-up without uploads need not pay.
    from py3langid import langid

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
