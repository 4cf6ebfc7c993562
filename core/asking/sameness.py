"""Whether two questions ask the same, told by their words alone: in doubt they do not.

A kept answer is given for another question only where nothing tells the two apart, so each question is brought into
one order of its telling words: openings such as "can you tell me" go, "how do I" and "what is the best way to" become
one kind of question, "the temperature of the water" becomes "water temperature". Then the words have to be the same,
one after the other. So opposites, other qualifiers and exchanged roles differ without a list of them.
docs/decisions/0025-answer-cache.md has the figures.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.asking.claims import names, negated, numbers, spoken_words
from core.asking.words import Stemmer, tokens


class Difference(StrEnum):
    """What tells two questions apart first."""

    NUMBERS = "numbers"
    NAMES = "names"
    NEGATION = "negation"
    WORDING = "wording"


_APOSTROPHE: Final = re.compile("[\u2018\u2019\u02bc]")
_SPELLED_OUT: Final = (
    (re.compile(r"\b(?:can't|cannot|cant)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(what|how|where|when|who|why|it|that|there|here)'s\b"), r"\1 is"),
    (re.compile(r"'(?:re|m)\b"), " are"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'(?:d|ve)\b"), ""),
)
_OPENING: Final = re.compile(
    r"^(?:hi|hello|hey|ok|okay|so|well|sorry|excuse me|quick question|please|everyone|all|there"
    r"|(?:can|could|would|will) (?:you|someone|anyone|anybody|somebody) (?:please )?"
    r"(?:tell|explain|show|remind)(?: to)?(?: me| us)?(?: again)?"
    r"|(?:please )?(?:tell|remind|show) me|explain(?: to me)?"
    r"|do(?:es)? (?:you|anyone|anybody|someone) know|i (?:would like|want|need|wanted) to know"
    r"|i (?:was|am|are) (?:just )?wondering|i wonder|any idea|my question is)(?=[\s,:;!.]|$)[\s,:;!.]*"
)
_CLOSING: Final = re.compile(r"[\s,]*\b(?:please|thanks|thank you|thx|again)[\s!.?]*$")
_ASKING: Final = (
    "how|what|which|why|when|where|who|whose|can|could|should|shall|must|may|do|does|did|is|are|was|were|will|would"
)
_FRONTED: Final = re.compile(
    rf"^((?:for|in|with|on|at|through|during|when|if|after|before|while|without)\b[^,?]{{1,80}}),\s*((?:{_ASKING})\b[^?]*)"
)

_KINDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (kind, re.compile(rf"^(?:{opening})\b"))
    for kind, opening in (
        ("why", r"why(?: is it that)?|how come|(?:for what|what is the) reason(?: why)?"),
        ("amount", r"how (?:much|many)(?! time\b)|what (?:amount|quantity|number) of"),
        ("duration", r"how long|how much time"),
        ("often", r"how (?:often|frequently|regularly)"),
        ("when", r"when|at what time|at (?:what|which) point"),
        ("where", r"where|(?:at|in) (?:what|which) place"),
        ("whose", "whose"),
        ("who", "who|whom"),
        (
            "how",
            r"how|(?:what|which) is the (?:best |right |proper |correct )?way(?: to| of)|in (?:what|which) way"
            r"|what do (?:i|you|we) (?:have|need) to do to|the (?:best |right |proper )?way to",
        ),
        ("what", r"(?:at |for |in |with |to |from )?(?:what|which)(?: (?:kind|type|sort)s? of)?"),
        ("whether", r"(?=(?:can|could|should|shall|must|may|do|does|did|is|are|was|were|will|would|has|have|had)\b)"),
    )
)
_MANNERLESS: Final = frozenset({"how", "amount", "duration", "often"})
"""Kinds that ask the same whether one can, should or must."""
_MOODS: Final = (
    (
        "must",
        re.compile(r"\bmust\b|\b(?:have|has|need|needs|had)(?: (?:i|you|we|one))? to\b|\b(?:necessary|required)\b"),
    ),
    ("may", re.compile(r"\b(?:can|could|may|might)\b")),
    ("should", re.compile(r"\b(?:should|shall|ought)\b")),
)  # fmt: skip
_TO_DO: Final = re.compile(r"\b(?:have|has|need|needs|had) to\b")
_DONE: Final = re.compile(r" (do)$")
"""What it does, and not what it is."""
_TENSES: Final = (
    ("future", re.compile(r"\b(?:will|going to)\b")),
    ("past", re.compile(r"\b(?:did|was|were|had)\b")),
)
_TO_THE_CREATOR: Final = re.compile(r"\b(?:do|did|are|were|have|would|will) you\b")

_QUIET: Final = frozenset(
    """a an the is are was were am be been being do does did done has had have will would shall should can could may
    might must i you we one my our its that there of for in at to into about so then please really actually exactly
    properly correctly usually normally generally typically even also quite very going ought""".split()
)
_ALIKE: Final[Mapping[str, str]] = {
    word: group.split()[0]
    for group in (
        "start begin commence", "buy purchase", "fix repair mend", "need require", "happen occur", "choose select",
        "use utilize utilise", "fast quick quickly", "large big", "small little", "photo picture image", "child kid",
        "ok okay", "liter litre", "meter metre", "color colour", "gray grey", "minute min mins", "second sec secs s",
        "hour hr hrs", "gram g", "allow permit",
    )
    for word in group.split()
}  # fmt: skip
_SPOKEN_MARKS: Final = str.maketrans(
    {"+": " plus ", "#": " sharp ", "%": " percent ", "&": " and ", "=": " equals ", "<": " below ", ">": " above "}
)
_PUNCTUATION: Final = re.compile(
    r"(?<=[\w)\]>%\u00b0+#])[,.;:?!]+(?=\s|$)|(?<=[^\W\d_])['\u2018\u2019\u02bc-](?=[^\W\d_])|(?<=\d)[.,:](?=\d)"
    r"|(?<=\d)[%\u00b0](?=\w*\W*(?:\s|$))|(?<![^\s(])[$\u20ac](?=\d)|(?<!\S)&(?!\S)"
)
"""Marks that say nothing of their own, or that are read as words or units elsewhere."""
_MARKED: Final = re.compile(r"\S*[^\w\s]\S*")
_ARTICLES: Final = frozenset("the a an my your our his her their this these".split())


@dataclass(frozen=True, slots=True)
class Gist:
    """A question in one order: its kind, its mood and tense, and the stems of its telling words."""

    kind: str
    mood: str
    words: tuple[str, ...]


def difference(one: str, other: str, stem: Stemmer) -> Difference | None:
    """Tell what makes two questions ask for different things; None where nothing does.

    Args:
        one: a question as it was asked.
        other: another one.
        stem: reduces English words; those of another language stay as they are, mostly, and have to be the same.
    """
    if numbers(one) != numbers(other):
        return Difference.NUMBERS
    if not (names(one) <= spoken_words(other) and names(other) <= spoken_words(one)):
        return Difference.NAMES
    if negated(one) != negated(other):
        return Difference.NEGATION
    same = marked(one) == marked(other) and gist(one, stem) == gist(other, stem)
    return None if same else Difference.WORDING


def marked(question: str) -> list[str]:
    """What carries marks that are no punctuation, in order: tags, operators, calls, addresses, as they are typed."""
    return _MARKED.findall(_PUNCTUATION.sub("", unicodedata.normalize("NFKC", question).casefold()))


def gist(question: str, stem: Stemmer) -> Gist:
    """Bring a question into one order."""
    named = names(question)
    text = _bare(question)
    kind, rest = _kind(text)
    subject = "you " if kind != "how" and _TO_THE_CREATOR.search(text) else ""
    words = [*_telling(_in_order(tokens(_TO_DO.sub(" ", rest)), named)), *_DONE.findall(rest)]
    stems = tuple(_ALIKE.get(word, word) for word in stem([_ALIKE.get(word, word) for word in words]))
    return Gist(kind, subject + _mood(kind, text), stems)


def _bare(question: str) -> str:
    """A question without what is only said to be polite, and with a phrase that stands in front moved behind."""
    plain = _APOSTROPHE.sub("'", unicodedata.normalize("NFKC", question)).casefold()
    text = " ".join(plain.translate(_SPOKEN_MARKS).split())
    for contracted, spelled in _SPELLED_OUT:
        text = contracted.sub(spelled, text)
    while (shorter := _OPENING.sub("", text)) and shorter != text:
        text = shorter
    text = _CLOSING.sub("", text).rstrip(" ?!.")
    return _FRONTED.sub(r"\2 \1", text)


def _kind(text: str) -> tuple[str, str]:
    for kind, opening in _KINDS:
        if found := opening.match(text):
            return kind, text[found.end() :]
    return "", text


def _mood(kind: str, text: str) -> str:
    tense = next((name for name, said in _TENSES if said.search(text)), "")
    mood = "" if kind in _MANNERLESS else next((name for name, said in _MOODS if said.search(text)), "")
    return f"{tense} {'' if mood == 'should' and kind != 'whether' else mood}"


def _in_order(words: Sequence[str], named: frozenset[str]) -> list[str]:
    """Put "Y of the X" and "Y of Name" as "X Y", X's s away, and the two sides of "between" in one order."""
    ordered = [word for at, word in enumerate(words) if word != "s" or (at and words[at - 1].isdigit())]
    for at in range(len(ordered) - 2, 0, -1):
        behind = next((n for n in range(at + 1, len(ordered)) if ordered[n] not in _ARTICLES), 0)
        if ordered[at] == "of" and behind and (behind > at + 1 or ordered[behind] in named):
            ordered[at - 1 : behind + 1] = [ordered[behind], ordered[at - 1]]
    if "between" in ordered and ordered.count("and") == 1:
        begin, middle = ordered.index("between") + 1, ordered.index("and")
        sides = [
            [word for word in side if word not in _QUIET] for side in (ordered[begin:middle], ordered[middle + 1 :])
        ]
        if len(sides[0]) == len(sides[1]) == 1:
            ordered[begin:] = sorted(side[0] for side in sides)
    return ordered


def _telling(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        said = numbers(word)
        if said:
            yield min(said)
        elif word not in _QUIET:
            yield word
