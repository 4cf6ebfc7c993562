"""What a sentence commits itself to: its numbers, its names, and whether it says yes or no.

All of it is worked out from the surface of the text. Where a side only supports a claim, ``loose`` also counts words
that may be meant that way ("one", "avoid"), so that a true claim is not dropped for being worded differently.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

_SMALL_WORDS: Final = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen"""
_TENS_WORDS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINAL_WORDS: Final = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"

_SMALL: Final = {word: value for value, word in enumerate(_SMALL_WORDS.split())}
_TENS: Final = {word: value * 10 for value, word in enumerate(_TENS_WORDS.split(), start=2)}
_ORDINALS: Final = {word: value for value, word in enumerate(_ORDINAL_WORDS.split(), start=3)}
_SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_SUFFIXES: Final = {"k": 1_000, "bn": 1_000_000_000}
_MAYBE_NUMBERS: Final = {
    "one": "1", "once": "1", "first": "1", "single": "1", "second": "2", "twice": "2", "both": "2", "pair": "2",
    "couple": "2", "double": "2", "triple": "3", "dozen": "12", "half": "0.5", "quarter": "0.25",
}  # fmt: skip
_UNITS: Final = {
    spelling: unit
    for unit, spellings in {
        "%": "% percent pct",
        "s": "s sec secs second seconds",
        "min": "min mins minute minutes",
        "h": "h hr hrs hour hours",
        "ms": "ms millisecond milliseconds",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
        "year": "year years",
        "kg": "kg kilo kilos kilogram kilograms",
        "g": "g gram grams",
        "mg": "mg milligram milligrams",
        "lb": "lb lbs pound pounds",
        "l": "l liter liters litre litres",
        "ml": "ml milliliter milliliters millilitre millilitres",
        "km": "km kilometer kilometers kilometre kilometres",
        "m": "meter meters metre metres",
        "cm": "cm centimeter centimeters centimetre centimetres",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "inch": "inch inches",
        "deg": "\u00b0 degree degrees",
        "$": "$ dollar dollars usd bucks",
        "\u20ac": "\u20ac euro euros eur",
        "kb": "kb kilobyte kilobytes",
        "mb": "mb megabyte megabytes",
        "gb": "gb gigabyte gigabytes",
    }.items()
    for spelling in spellings.split()
}
_CURRENCIES: Final = "$\u20ac"

_PART: Final = re.compile(
    r"(?P<clock>(?<![\w.:])\d{1,2}(?::\d{2}){1,2}(?![\w:]))"
    r"|(?P<digits>(?:(?<!\w)(?<!\w\.)|(?<=\bv))(?P<sign>(?<![^\s(\[])[-\u2212])?(?P<currency>[$\u20ac]?)\d[\d,]*(?:\.\d+)*)"
    r"|(?P<word>[^\W\d_]+|[%\u00b0$\u20ac])"
)
_ORDINAL_ENDINGS: Final = frozenset({"st", "nd", "rd", "th"})

_APOSTROPHE: Final = re.compile("[\u2018\u2019\u02bc]")
_NOT_A_DENIAL: Final = re.compile(
    r"\b(?:don'?t forget|do not forget|never forget|not only|no matter|no problem|no doubt"
    r"|why not|or not|nothing but)\b"
)
_DENIALS: Final = re.compile(
    r"\b(?:not|cannot|never|no|none|nobody|nothing|nowhere|neither|nor|without|\w+n't"
    r"|dont|doesnt|didnt|isnt|arent|wasnt|werent|cant|couldnt|shouldnt|wouldnt|wont|hasnt|havent"
    r"|nicht|kein\w{0,2}|nie|niemals|nunca|jam[a\u00e1]s|tampoco|jamais|aucune?|ne|pas|n\u00e3o|niet|geen"
    r"|\u043d\u0435|\u043d\u0435\u0442|\u043d\u0438\u043a\u043e\u0433\u0434\u0430)\b"
    r"|[\u4e0d\u6ca1\u6c92\u65e0\u7121\u672a]|\u306a\u3044|\u307e\u305b\u3093"
)
_MAYBE_DENIALS: Final = re.compile(
    r"\b(?:avoid\w*|stop\w*|prevent\w*|refus\w+|fail\w*|lack\w*|unable|impossible|instead|rather|only|unless|until"
    r"|hardly|barely|rarely|seldom|false|wrong|bad|skip\w*|forbid\w*|exclud\w+|\w+less)\b"
)

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_STARTS_SENTENCE: Final = re.compile(
    r"(?:^|[.!?:;\u2026\u2013\u2014|\n]|[\"\u201c\u201e(\[]|(?<=\s)[-*\u2022])[\s\"'\u201c(\[]*$"
)
_NOT_NAMES: Final = frozenset({"i", "ok", "okay", "ii", "iii", "iv"})
_COMMON_WORDS: Final = """the and of to is are you that it with for this be your can have not from by when how what
    why who where does should a as at if then about which will they we i"""
_FUNCTION_WORDS: Final = frozenset(_COMMON_WORDS.split())


def numbers(text: str, *, loose: bool = False) -> frozenset[str]:
    """Return the numbers of a text in one spelling: ``1,000`` and "a thousand" are ``1000``, "12:34" is a time.

    A number with a known unit is there twice, ``5`` and ``5 min``, so that five minutes are not five hours.

    Args:
        text: any text; number words are read in English.
        loose: also count words that may be numbers, such as "one", "both" or "half".
    """
    found: set[str] = set()
    parts = list(_PART.finditer(text.casefold()))
    at = 0
    while at < len(parts):
        at, value, unit = _number_at(parts, at)
        if value:
            found |= {value, f"{value} {unit}"} if unit else {value}
    return frozenset(found.union(_maybe_numbers(parts)) if loose else found)


def negated(text: str, *, loose: bool = False) -> bool:
    """Tell whether a text denies something; ``loose`` also counts words such as "avoid", "only" or "unless"."""
    plain = _NOT_A_DENIAL.sub(" ", _APOSTROPHE.sub("'", text.casefold()))
    return bool(_DENIALS.search(plain) or (loose and _MAYBE_DENIALS.search(plain)))


def names(text: str) -> frozenset[str]:
    """Return proper names and acronyms in lower case, word by word.

    A capital counts inside a sentence only, and in English only, because German writes every noun with one; capitals
    inside a word (``API``, ``iPhone``) count everywhere.
    """
    english = in_english(text)
    return (
        frozenset(
            _bare(match.group())
            for match in _WORD.finditer(text)
            if _capitals_inside(match.group()) or (english and _capital_in_sentence(text, match))
        )
        - _NOT_NAMES
    )


def spoken_words(text: str) -> frozenset[str]:
    """Return all words in lower case, as names are compared with them."""
    return frozenset(_bare(match.group()) for match in _WORD.finditer(text))


def in_english(text: str) -> bool:
    """Guess from function words; a text of up to three words counts as English."""
    words = [word.group().casefold() for word in _WORD.finditer(text)]
    common = sum(word in _FUNCTION_WORDS for word in words)
    return text.isascii() if len(words) < 4 else common >= max(1, len(words) // 10)


def _maybe_numbers(parts: list[re.Match[str]]) -> Iterator[str]:
    """Yield what "half an hour" and the like may mean."""
    for at, part in enumerate(parts):
        value = _MAYBE_NUMBERS.get(part["word"] or "")
        if value:
            article = at + 1 < len(parts) and parts[at + 1]["word"] in {"a", "an"}
            unit = _unit(parts, at + 1 + article)
            yield from (value, f"{value} {unit}") if unit else (value,)


def _number_at(parts: list[re.Match[str]], at: int) -> tuple[int, str, str]:
    """Read the number that begins at a part; return the position behind it, its value and its unit, or empty."""
    part = parts[at]
    if part["clock"]:
        return at + 1, ":".join(str(int(field)) for field in part["clock"].split(":")), ""
    if part["digits"]:
        behind, value = _digits(parts, at)
        unit = _UNITS[part["currency"]] if part["currency"] else _unit(parts, behind)
        return behind, value, unit
    behind, spelled = _spelled(parts, at)
    if spelled is None:
        ordinal = _ORDINALS.get(part["word"])
        return at + 1, str(ordinal) if ordinal else "", ""
    unit = _unit(parts, behind)
    alone = behind == at + 1 and part["word"] == "one" and not unit
    return behind, "" if alone else str(spelled), unit


def _digits(parts: list[re.Match[str]], at: int) -> tuple[int, str]:
    part = parts[at]
    raw = part["digits"].lstrip("-\u2212" + _CURRENCIES).rstrip(",")
    value = _canonical(raw)
    follows = parts[at + 1]["word"] if at + 1 < len(parts) else None
    attached = follows is not None and parts[at + 1].start() == part.end()
    if attached and follows in _ORDINAL_ENDINGS:
        return at + 2, "" if value in {"1", "2"} else value
    scale = _SUFFIXES.get(follows or "", 0) if attached else _SCALES.get(follows or "", 0)
    if scale and value.replace(".", "", 1).isdigit():
        return at + 2, _plain(Decimal(value) * scale)
    minus = part["sign"] or (at > 0 and parts[at - 1]["word"] in {"minus", "negative"})
    return at + 1, f"-{value}" if minus and value != "0" else value


def _canonical(raw: str) -> str:
    """``1,000`` -> ``1000``, ``3,5`` -> ``3.5``, ``3.50`` -> ``3.5``; ``3.11.2`` stays."""
    grouped = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", raw)
    text = raw.replace(",", "" if grouped else ".")
    try:
        return _plain(Decimal(text))
    except InvalidOperation:
        return text


def _plain(value: Decimal) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def _spelled(parts: list[re.Match[str]], at: int) -> tuple[int, int | None]:
    """Read "two hundred and fifty-five"; return the position behind it and its value, None where there is none."""
    total, current, read = 0, 0, 0
    for behind, word in _number_words(parts, at):
        if word in _SMALL or word in _TENS:
            value = _SMALL.get(word, _TENS.get(word, 0))
            if read and not _fits(current, value):
                break
            current += value
        elif word == "hundred":
            current = max(current, 1) * 100
        else:
            total, current = total + max(current, 1) * _SCALES[word], 0
        read = behind
    return (read, total + current) if read else (at + 1, None)


def _number_words(parts: list[re.Match[str]], at: int) -> Iterator[tuple[int, str]]:
    """Yield number words in a row, each with the position behind it; "hundred and one" skips its "and"."""
    first = at
    while at < len(parts) and (word := parts[at]["word"]):
        if word in _SMALL or word in _TENS or word in _SCALES:
            yield at + 1, word
        elif word != "and" or at == first or parts[at - 1]["word"] not in _SCALES:
            return
        at += 1


def _fits(current: int, value: int) -> bool:
    """Tell "twenty five" from "two three": a digit follows tens, anything below 100 follows hundreds."""
    if current % 100 == 0:
        return True
    return value < 10 and current % 10 == 0 and current % 100 >= 20


def _unit(parts: list[re.Match[str]], at: int) -> str:
    words = [part["word"] or "" for part in parts[at : at + 2]]
    return "%" if words == ["per", "cent"] else _UNITS.get(words[0], "") if words else ""


def _capital_in_sentence(text: str, match: re.Match[str]) -> bool:
    return match.group()[0].isupper() and not _STARTS_SENTENCE.search(text, max(match.start() - 8, 0), match.start())


def _capitals_inside(word: str) -> bool:
    bare = word.split("'", maxsplit=1)[0].split("\u2019", maxsplit=1)[0]
    return any(mark.isupper() for mark in bare[1:])


def _bare(word: str) -> str:
    """Drop an apostrophe with what follows, and the plural of an acronym: ``APIs``, ``Anna's``."""
    bare = re.split("['\u2019]", word)[0]
    return (bare[:-1] if len(bare) > 2 and bare.endswith("s") and bare[:-1].isupper() else bare).casefold()
