"""Questions about the library itself: which video covers something, what is new, what there is.

They are known by their form and answered from the catalogue within what is open to who asks. A question about what
the material says must not be taken for one: "list all steps", "what is new in version 3", "which class teaches X".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from core.asking.answer import Answer, Confidence, Mode, Origin, Outcome, Sentence
from core.asking.citing import citation
from core.asking.contents_abroad import days_called, forms_abroad, kinds_called
from core.asking.holdings import Span, StoredSentence
from core.asking.notices import (
    ALL_THERE_IS,
    CLOSEST,
    MORE_THERE,
    NEW_HERE,
    NONE_OF_KIND,
    NOTHING_NEW,
    SPEAK_OF_IT,
    filled,
)
from core.asking.ranking import Hit
from core.ids import CreatorId, SourceId
from core.library.catalogue import Contained, Contents
from core.library.store import SourceKind
from core.library.watching import WatchLinks
from core.tiers import Scope

MOST_LISTED: Final = 10
MOST_RANKED: Final = 5
LEAST_OF_BEST: Final = 0.6
"""A source speaks of a topic whose best passage scores at least this share of the very best one."""

_KINDS: Final[Mapping[str, frozenset[SourceKind]]] = {
    **dict.fromkeys(("video", "clip", "stream"), frozenset({SourceKind.VIDEO})),
    **dict.fromkeys(("audio", "podcast"), frozenset({SourceKind.AUDIO})),
    **dict.fromkeys(
        ("episode", "recording", "lecture"), frozenset({SourceKind.VIDEO, SourceKind.AUDIO})
    ),
    **dict.fromkeys(("document", "pdf", "file"), frozenset({SourceKind.DOCUMENT})),
    **dict.fromkeys(("article", "page", "web page", "webpage"), frozenset({SourceKind.WEB_PAGE})),
}  # fmt: skip
EVERY_KIND: Final = frozenset({SourceKind.VIDEO, SourceKind.AUDIO, SourceKind.DOCUMENT, SourceKind.WEB_PAGE})
_NOUN: Final = (
    r"(?P<noun>videos?|clips?|streams?|audios?|podcasts?|episodes?|recordings?|lectures?|documents?|pdfs?|files?"
    r"|articles?|web ?pages?|pages?|lessons?|tutorials?|class(?:es)?|sources?|materials?|uploads?|courses?|modules?)"
)
_UNMISTAKABLE: Final = re.compile(r"(?:video|lesson|episode|podcast|tutorial|pdf)s?")
"""Any other noun may be what the material is about: a class, a file, a page of it."""
_PLACE: Final = r"(?:this|the|your) (?:channel|server|library|community)"
_OF_LIBRARY: Final = re.compile(
    r"\b(?:here|uploaded|upload|added|posted|published|(?:on|in) (?:this|the|your) (?:channel|server"
    r"|library|community)"
    r"|(?:talks?|speaks?|tells? (?:me|us)|is|are) about|speaks? of|(?:mention|discuss)(?:s|es)?|talk|speak)\b"
    r"|\babout $",
    re.IGNORECASE,
)
"""Words beside the topic by which it is one of the library all the same."""
_TOPIC: Final = rf"(?!{_PLACE}\b)(?P<topic>\S.{{1,200}}?)"
_ON: Final = r"(?:on|about|covering|explaining)"
_SPEAKS: Final = (
    r"(?:covers?|explains?|shows?|discuss(?:es)?|mentions?|describes?|teach(?:es)?|introduces?|addresses"
    r"|(?:talks?|speaks?|is|are|tells? (?:me|us)) about|speaks? of|deals? with|goes? (?:over|into|through)|is on)"
)
_PERIOD: Final = (
    r"(?P<period>today|(?:in |during |over |since )?(?:the |this |these )?(?:last |past )?(?:day|week|month)s?"
    r"|lately|recently|since yesterday)"
)
_GREETING: Final = (
    r"(?:(?:hi|hey|hello|ok|so|please|pls)[,!]? )*(?:(?:can|could|would) you (?:please )?)?(?:tell me )?"
)
_POLITE: Final = (
    r"(?: please| pls| thanks| thank you| here| on here| in here"
    rf"| (?:on|in) {_PLACE})*"
)
_HERE: Final = (
    r"(?:do you have|have you got|have you (?:uploaded|added)|did you (?:upload|add)|were (?:uploaded"
    r"|added)|are there"
    r"|is there|are here|there are|you have|exist|are available)"
)


class What(StrEnum):
    """What is asked of a library."""

    WHICH = "which"
    NEW = "new"
    ALL = "all"


_FORMS: Final = tuple(
    (what, re.compile(rf"{_GREETING}(?:{form}){_POLITE}", re.IGNORECASE))
    for what, form in (
        (What.WHICH, rf"(?:which|what)(?: one)?(?: of (?:the|your|his|her|these|those))? {_NOUN} {_SPEAKS} {_TOPIC}"),
        (
            What.WHICH,
            rf"in (?:which|what) {_NOUN} (?:do|does|did|is|are|was) (?:you|he|she|they|it|we)? ?(?:talk|speak|explain"
            rf"|cover|show|discuss|mention|teach|go)(?:s|ed)?(?: about| over| into| through)? {_TOPIC}",
        ),
        (
            What.WHICH,
            rf"(?:(?:(?:is|are) there|do you have|have you got|have you made)(?: an?| any| some)?|any"
            rf"|some) {_NOUN} {_ON}"
            rf" {_TOPIC}",
        ),
        (
            What.WHICH,
            rf"(?:(?:show|send|give|find|recommend)(?: me)?|i(?:'m| am) looking for"
            rf"|where can i find) (?:an?|any|some) {_NOUN}"
            rf" {_ON} {_TOPIC}",
        ),
        (What.NEW, rf"what(?:'s| is|s) new(?: {_PERIOD})?"),
        (What.NEW, rf"(?:(?:is|was) there )?anything new(?: {_PERIOD})?"),
        (
            What.NEW,
            rf"(?:what|which|any|are there(?: any)?|show me(?: the| all)?|list(?: the| all)?) new {_NOUN}"
            rf"(?: (?:(?:are|is) there|were added|was added|have been added|did you add|you have))?(?: {_PERIOD})?",
        ),
        (
            What.NEW,
            rf"what(?: {_NOUN})? (?:was|were|has been|have been|did you|have you) (?:add|upload|post|publish)(?:ed)?"
            rf"(?: {_PERIOD})",
        ),
        (
            What.NEW,
            rf"(?:what (?:is|are) |what's |show me |list )?(?:the |your |all )*"
            rf"(?:latest|newest|most recent|recent) {_NOUN}",
        ),
        (
            What.ALL,
            rf"(?:list|show|show me|give me|give me a list of)(?: all| every)?(?: of)?(?: the| your| my| available)* "
            rf"{_NOUN}(?: {_HERE})?(?: (?:on|about|covering) {_TOPIC})?",
        ),
        (What.ALL, rf"(?:what|which) {_NOUN} {_HERE}(?: (?:on|about|covering) {_TOPIC})?"),
        (What.ALL, rf"how many {_NOUN} {_HERE}(?: (?:on|about|covering) {_TOPIC})?"),
    )
)  # fmt: skip
_ENDS: Final = " ?!.¿¡\uff1f\uff01\u3002\u061f\u0964"
_PLURAL_ONLY: Final = re.compile(r"(?:s|material)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a library; ``topic`` is empty where it is asked for as a whole, ``within`` None: ever."""

    what: What
    kinds: frozenset[SourceKind] = EVERY_KIND
    topic: str = ""
    within: timedelta | None = None


def asks_for_contents(text: str) -> Wanted | None:
    """Tell what a question asks of the library itself; None where it is about what the material says."""
    said = " ".join(text.replace("\u2019", "'").split()).strip(_ENDS)
    for what, form in _FORMS:
        if found := form.fullmatch(said):
            return _wanted(what, found) if _of_the_library(found) else None
    return next(
        (_abroad(What(what), found) for what, form in forms_abroad() if (found := form.fullmatch(said))), None
    )


def _of_the_library(found: re.Match[str]) -> bool:
    """Whether a form's noun is one of the library, and not of what its material is about."""
    said = found.groupdict()
    noun, topic = (said.get("noun") or "").casefold(), said.get("topic") or ""
    beside = found.string.replace(topic, "") if topic else found.string
    return not noun or bool(_UNMISTAKABLE.fullmatch(noun) or _OF_LIBRARY.search(beside))


def _abroad(what: What, found: re.Match[str]) -> Wanted:
    said = {name: text.casefold() for name, text in found.groupdict().items() if text and name != "topic"}
    topic = found.groupdict().get("topic") or ""
    days = days_called(said.get("period", ""))
    return Wanted(
        what, kinds_called(said.get("noun", "")) or EVERY_KIND, topic, timedelta(days=days) if days else None
    )


def _wanted(what: What, found: re.Match[str]) -> Wanted | None:
    said = found.groupdict()
    noun, topic = (said.get("noun") or "").casefold(), said.get("topic") or ""
    if what is What.ALL and not _PLURAL_ONLY.search(noun):  # "show me the page on shipping" wants what it says
        return None
    kinds = _KINDS.get(noun) or _KINDS.get(noun.removesuffix("s")) or EVERY_KIND
    return Wanted(what, kinds, topic, _within(said.get("period") or "") if what is What.NEW else None)


def _within(period: str) -> timedelta | None:
    folded = period.casefold()
    if not folded or "lately" in folded or "recently" in folded or "month" in folded:
        return timedelta(days=31) if folded else None
    return timedelta(days=7) if "week" in folded or "days" in folded else timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A source with where it is opened."""

    source: Contained
    position: int = 0


async def entries(wanted: Wanted, scope: Scope, contents: Contents, hits: Sequence[Hit]) -> list[Entry]:
    """The sources that are wanted: where a topic is given those whose hits or title speak of it, else the latest."""
    if not wanted.topic:
        return [Entry(each) for each in await contents.listed(scope, wanted.kinds, wanted.within, MOST_LISTED)]
    best = _best_of_each(hits)
    told = await contents.about(scope, list(best), wanted.topic)
    found = [Entry(told[each], best[each].cited_unit) for each in best if each in told]
    found += [Entry(source) for each, source in told.items() if each not in best]
    return [entry for entry in found if entry.source.kind in wanted.kinds]


def _best_of_each(hits: Sequence[Hit]) -> dict[SourceId, Hit]:
    """The best hit of each source that speaks of a topic, best first."""
    least = LEAST_OF_BEST * max((hit.score for hit in hits), default=0.0)
    best: dict[SourceId, Hit] = {}
    for hit in hits:
        if hit.score >= least:
            best.setdefault(hit.source_id, hit)
    return best


def spans_of(found: Iterable[Entry]) -> list[Span]:
    """The sentences that entries are opened at."""
    return [Span(entry.source.source_id, entry.position, entry.position) for entry in found]


@dataclass(frozen=True, slots=True)
class Listing:
    """Puts what there is into words, for one creator's asker in a language."""

    creator_id: CreatorId
    language: str
    links: WatchLinks

    def of(
        self, wanted: Wanted, found: Sequence[Entry], opened: Sequence[StoredSentence], confidence: Confidence
    ) -> Answer:  # fmt: skip
        """The answer that lists entries; ``opened`` are the sentences at their positions, as they are now."""
        sentences = {sentence.source_id: sentence for sentence in opened}
        most = MOST_RANKED if wanted.what is What.WHICH else MOST_LISTED
        shown = [entry for entry in found if entry.source.source_id in sentences][:most]
        if not shown:
            return Answer(Outcome.ANSWERED, Mode.QUOTED, Confidence.HIGH, notice=_nothing(wanted))
        cited = [
            citation(self.creator_id, str(at), [sentences[entry.source.source_id]], self.links)
            for at, entry in enumerate(shown, 1)
        ]
        sure = confidence in {Confidence.HIGH, Confidence.MEDIUM}
        return Answer(
            Outcome.ANSWERED if sure else Outcome.CLOSEST, Mode.QUOTED, confidence,
            tuple(
                Sentence(_line(each.title, entry.source), (each.label,), Origin.ENTRY)
                for each, entry in zip(cited, shown, strict=True)
            ),
            tuple(cited), self._above(wanted, shown, sure=sure),
            members_only=any(sentences[entry.source.source_id].tier for entry in shown),
        )  # fmt: skip

    def _above(self, wanted: Wanted, shown: Sequence[Entry], *, sure: bool) -> str:
        if not sure:
            return CLOSEST
        if wanted.topic:
            return SPEAK_OF_IT
        said = NEW_HERE if wanted.what is What.NEW else ALL_THERE_IS
        total = shown[0].source.total
        more = filled(MORE_THERE, self.language, total=str(total)) if total > len(shown) else ""
        return "\n\n".join(part for part in (said, more) if part)


def _nothing(wanted: Wanted) -> str:
    return NOTHING_NEW if wanted.what is What.NEW else NONE_OF_KIND


def _line(title: str, source: Contained) -> str:
    return f"{title} · {source.kind.value.replace('_', ' ')} · {source.added_at:%Y-%m-%d}"
