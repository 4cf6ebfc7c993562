"""From ranked moments to evidence, and from evidence to citations that open the source at the second."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.asking.answer import Citation, Locator, Sentence
from core.asking.holdings import Span, StoredSentence
from core.asking.markup import strip_markup
from core.asking.ranking import Ranking, Start
from core.asking.writing import DraftSentence, EvidenceSentence, EvidenceSource
from core.ids import CreatorId, SourceId
from core.library.cards import clock
from core.library.links import deep_link
from core.library.transcript import LocatorKind
from core.library.watching import WatchLinks

MOST_QUOTES: Final = 3
MOST_CITATIONS: Final = 5
QUOTE_WORDS: Final = 45
"""A quote runs on over the following sentences until it has about this many words."""
QUOTED: Final = {"short": (1, 25), "detailed": (MOST_QUOTES, 2 * QUOTE_WORDS)}
"""How many quotes of about how many words for who wishes another length than usual."""
CONTEXT_BEFORE: Final = 2
CONTEXT_AFTER: Final = 6
"""Sentences around each promising moment that a model reads."""
SAME_MOMENT: Final = 4
"""Cited sentences of one source this near to each other share a citation."""

Place = tuple[SourceId, int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentences read for one question, as the database has them now, by source and position."""

    stored: Mapping[Place, StoredSentence]

    @classmethod
    def of(cls, sentences: Sequence[StoredSentence]) -> "Evidence":
        """Keep sentences in the order in which they were read."""
        return cls({(s.source_id, s.position): s for s in sentences})

    def labelled(self) -> tuple[EvidenceSource, ...]:
        """The sentences with labels S1, S2, ... for one question, grouped by source."""
        by_source: dict[SourceId, list[EvidenceSentence]] = {}
        titles: dict[SourceId, str] = {}
        for label, (source_id, position) in self.places().items():
            sentence = self.stored[source_id, position]
            entry = EvidenceSentence(label, source_id, position, strip_markup(sentence.text))
            by_source.setdefault(source_id, []).append(entry)
            titles[source_id] = strip_markup(sentence.title)
        return tuple(EvidenceSource(titles[source], tuple(found)) for source, found in by_source.items())

    @property
    def text(self) -> str:
        """All that was read, with titles, as one text."""
        return " ".join(part for s in self.stored.values() for part in (s.title, s.locator, s.text))

    def places(self) -> dict[str, Place]:
        """Where each label stands."""
        return {f"S{number}": place for number, place in enumerate(self.stored, 1)}


def spans_to_quote(ranking: Ranking) -> list[Span]:
    """The best starts and the sentences after them, each sentence once."""
    wanted: dict[SourceId, set[int]] = {}
    for start in ranking.starts:
        wanted.setdefault(start.source_id, set()).update(range(start.unit, start.unit + CONTEXT_AFTER + 1))
    return [span for source_id, units in wanted.items() for span in _runs(source_id, sorted(units))]


def spans_to_read(ranking: Ranking) -> list[Span]:
    """The sentences around the best starts and passages, each sentence once."""
    wanted: dict[SourceId, set[int]] = {}
    for start in ranking.starts:
        around = range(max(start.unit - CONTEXT_BEFORE, 0), start.unit + CONTEXT_AFTER + 1)
        wanted.setdefault(start.source_id, set()).update(around)
    for hit in ranking.hits[:MOST_QUOTES]:
        wanted.setdefault(hit.source_id, set()).update(range(hit.first_unit, hit.last_unit + 1))
    return [span for source_id, units in wanted.items() for span in _runs(source_id, sorted(units))]


def _runs(source_id: SourceId, units: Sequence[int]) -> Iterator[Span]:
    first = last = units[0]
    for unit in units[1:]:
        if unit != last + 1:
            yield Span(source_id, first, last)
            first = unit
        last = unit
    yield Span(source_id, first, last)


def quotes(starts: Sequence[Start], evidence: Evidence, length: str = "") -> list[list[StoredSentence]]:
    """Up to three moments, each its sentence and those after it in its paragraph, without repeating one.

    What follows a better moment right away makes it longer; what only leads up to one is left out. So is a heading,
    which the citation names. ``length`` is that of :class:`core.asking.writing.Wishes`.
    """
    most, words = QUOTED.get(length, (MOST_QUOTES, QUOTE_WORDS))
    found: list[list[StoredSentence]] = []
    shown: set[Place] = set()
    for start in starts[:most]:
        said = (s for s in _run_on(evidence, start, words) if not _is_heading(s))
        quote = [s for s in said if (s.source_id, s.position) not in shown]
        if not quote or any(_follows(quote, better) for better in found):
            continue
        shown.update((s.source_id, s.position) for s in quote)
        before = next((better for better in found if _follows(better, quote)), None)
        if before is None:
            found.append(quote)
        else:
            before += quote
    return found


def _is_heading(sentence: StoredSentence) -> bool:
    return sentence.locator_kind is LocatorKind.HEADING and sentence.text.strip() == sentence.locator


def _follows(before: Sequence[StoredSentence], quote: Sequence[StoredSentence]) -> bool:
    """Whether a quote begins with the very sentence after another, in the same paragraph."""
    last, first = before[-1], quote[0]
    return (last.source_id, last.paragraph, last.position + 1) == (first.source_id, first.paragraph, first.position)


def _run_on(evidence: Evidence, start: Start, most_words: int) -> Iterator[StoredSentence]:
    words, position = 0, start.unit
    paragraph: int | None = None
    while words < most_words and (sentence := evidence.stored.get((start.source_id, position))) is not None:
        if paragraph is not None and sentence.paragraph != paragraph:
            return
        yield sentence
        paragraph = sentence.paragraph
        words += 0 if _is_heading(sentence) else len(sentence.text.split())
        position += 1


def numbered(
    kept: Sequence[DraftSentence], evidence: Evidence
) -> tuple[tuple[Sentence, ...], list[list[StoredSentence]]]:
    """Give the labels of checked sentences numbers from 1; labels of one moment share a number.

    Returns:
        The sentences with their numbers as labels, and the cited sentences by number: number n is at n - 1.
    """
    places = evidence.places()
    moments: list[list[Place]] = []
    shown: list[Sentence] = []
    for sentence in kept:
        found: list[str] = []
        for label in sentence.labels:
            number = _number(moments, places[label], may_add=len(moments) < MOST_CITATIONS or not found)
            if number:
                found.append(str(number))
        shown.append(Sentence(sentence.text, tuple(dict.fromkeys(found))))
    cited = [[evidence.stored[place] for place in sorted(moment)] for moment in moments]
    return tuple(shown), cited


def _number(moments: list[list[Place]], place: Place, *, may_add: bool) -> int:
    for number, moment in enumerate(moments, 1):
        if moment[0][0] == place[0] and abs(moment[0][1] - place[1]) <= SAME_MOMENT:
            if place not in moment:
                moment.append(place)
            return number
    if may_add:
        moments.append([place])
        return len(moments)
    return 0


def citation(creator_id: CreatorId, label: str, quote: Sequence[StoredSentence], links: WatchLinks) -> Citation:
    """A citation of a run of sentences, at its first; a time that was not heard is marked and not linked."""
    first = quote[0]
    title, text = strip_markup(first.title) or "Untitled", strip_markup(" ".join(s.text for s in quote))
    if not first.timed:
        where = _place_of(first)
        return Citation(
            label, first.source_id, title, _page(creator_id, first, None, links), where, None, None, text,
            first.kind.value, first.position, quote[-1].position,
        )  # fmt: skip
    latest = first.duration_s or quote[-1].end_s
    start_s = min(first.start_s if first.linked_s is None else first.linked_s, latest)
    value = clock(start_s) if first.linked_s is not None else f"about {clock(start_s)}"
    second = None if first.linked_s is None else start_s
    url = _page(creator_id, first, second, links)
    return Citation(
        label, first.source_id, title, url, Locator("time", value), start_s, min(quote[-1].end_s, latest), text,
        first.kind.value, first.position, quote[-1].position,
    )  # fmt: skip


def _place_of(written: StoredSentence) -> Locator:
    if written.locator:
        return Locator(written.locator_kind.value, strip_markup(written.locator))
    return Locator("heading", f"paragraph {written.paragraph + 1}")


def _page(creator_id: CreatorId, sentence: StoredSentence, second: float | None, links: WatchLinks) -> str:
    """The source's own page, at the second where its site has such links; else ours."""
    if sentence.link:
        if second is None:
            return sentence.link
        if deep := deep_link(sentence.link, second, sentence.duration_s or None):
            return deep
    return links.link(creator_id, sentence.source_id, second)
