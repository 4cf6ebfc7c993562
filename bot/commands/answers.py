"""How an answer looks in a chat: its sentences with numbers, the sources with links to the second, buttons."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from core.asking.answer import Answer, Citation, Locator, Mode, Origin, Outcome, Sentence, by_source
from core.asking.notices import QUOTED_FROM, in_language
from core.asking.sessions import Past
from core.conversation import Button, Reply
from core.ids import CreatorId, MessageId, SourceId
from core.library.store import SourceKind
from core.library.watching import RenewableLinks
from core.richtext import RichText, Span, bold, italic, joined, link, linked

SHORT: Final = 200
_BECAME: Final = {Outcome.ABSTAINED: "Declined: ", Outcome.REFUSED: "Refused: "}
_NOT_OPEN: Final = "The answer cites what is for other members now."
KIND_WORDS: Final[Mapping[str, str]] = {
    SourceKind.VIDEO: "video",
    SourceKind.AUDIO: "audio",
    SourceKind.DOCUMENT: "document",
    SourceKind.WEB_PAGE: "web page",
    SourceKind.QA: "Q&A",
    SourceKind.NOTE: "note",
}


def answer_reply(
    answer: Answer, creator_id: CreatorId, message_id: MessageId | None, more: Sequence[Button] = ()
) -> Reply:
    """Render an answer; it can be voted on where it says something and was kept; ``more`` buttons stand beside."""
    urls = {citation.label: citation.url for citation in answer.citations}
    parts: list[RichText] = []
    if answer.notice:
        parts.append(RichText.of(answer.notice))
    elif _is_quoted(answer):
        parts.append(RichText.of(italic(in_language(QUOTED_FROM, answer.language))))
    parts += _sentences(answer, urls)
    if answer.broken_off:
        parts.append(RichText.of(italic(answer.broken_off)))
    if answer.citations and not _is_list(answer):
        parts.append(joined(_sources(answer.citations)))
    votes = _votes(creator_id, message_id) if answer.citations and message_id is not None else ()
    row = (*votes, *more)
    return Reply(joined(parts, "\n\n"), (row,) if row else ())


def growing_reply(answer: Answer) -> Reply:
    """Render an answer that still grows: its sentences with links alone, so that what stands there stays there."""
    urls = {citation.label: citation.url for citation in answer.citations}
    return Reply(joined(_sentences(answer, urls), "\n\n"))


def _sentences(answer: Answer, urls: Mapping[str, str]) -> list[RichText]:
    """What the staff wrote and quotes stand apart; written sentences run on; a list is one."""
    if _is_list(answer):
        return [joined([RichText.of("▸ ", s.text, *_chips(s.labels, urls)) for s in answer.sentences])]
    given = [_given(s, urls) for s in answer.sentences if s.origin is not Origin.SOURCE]
    shown = [
        RichText.of(_quote_marks(s.text) if answer.mode is Mode.QUOTED else s.text, *_chips(s.labels, urls))
        for s in answer.sentences
        if s.origin is Origin.SOURCE
    ]
    return [*given, *(shown if answer.mode is Mode.QUOTED or not shown else [joined(shown, " ")])]


def _given(sentence: Sentence, urls: Mapping[str, str]) -> RichText:
    """What the staff wrote, as they wrote it; its addresses open."""
    label = RichText.of("📌 ", bold("Note: ")) if sentence.origin is Origin.NOTE else ""
    return RichText.of(label, linked(sentence.text), *_chips(sentence.labels, urls))


def _is_list(answer: Answer) -> bool:
    return any(sentence.origin is Origin.ENTRY for sentence in answer.sentences)


def _is_quoted(answer: Answer) -> bool:
    said = {sentence.origin for sentence in answer.sentences}
    return answer.mode is Mode.QUOTED and answer.outcome is Outcome.ANSWERED and said != {Origin.NOTE}


def _quote_marks(text: str) -> str:
    return f"“{text}”"


def _chips(labels: Sequence[str], urls: Mapping[str, str]) -> list[Span]:
    return [span for label in labels for span in (Span(" "), link(f"[{label}]", urls.get(label, "")))]


def _sources(citations: Sequence[Citation]) -> list[RichText]:
    """One line a source, with all its cited moments."""
    return [_source_line(cited) for cited in by_source(citations)]


def _source_line(cited: Sequence[Citation]) -> RichText:
    kind = KIND_WORDS.get(cited[0].kind)
    line = RichText.of("▸ ", cited[0].title, f" · {kind} " if kind else " ")
    for position, citation in enumerate(cited):
        line += " · " if position else ""
        line += RichText.of(f"[{citation.label}] ", link(citation.locator.words, citation.url))
    return line


def past_answer(past: Past, links: RenewableLinks, *, named: bool, hidden: bool) -> RichText:
    """A stored question with its answer, shortened, and its sources.

    ``named``: also whom it was asked; ``hidden``: without the answer, since it cites what is not open any more.
    """
    whom = f" · {past.creator_name}" if named else ""
    asked = RichText.of(bold(f"{past.asked_at:%d %b %H:%M}{whom}"), f" {_short(past.question)}")
    if hidden:
        return joined([asked, RichText.of(italic(_NOT_OPEN))])
    answered = RichText.of(italic(_BECAME.get(past.outcome, "")), _short(past.answer))
    return joined([part for part in (asked, answered, _past_sources(past, links)) if part])


def _short(text: str) -> str:
    return textwrap.shorten(text, SHORT, placeholder=" …")


def _past_sources(past: Past, links: RenewableLinks) -> RichText:
    """One line; links to our own pages are made afresh, since they expire."""
    cited = [
        RichText.of(f"[{r['label']}] ", link(f"{r['title']} {Locator(**r['locator']).words}", _fresh(past, r, links)))
        for r in past.references
    ]
    return joined(cited, " · ")


def _fresh(past: Past, reference: Mapping[str, Any], links: RenewableLinks) -> str:
    url = str(reference["url"])
    if not links.is_ours(url):
        return url
    second = reference["start_s"] if "?t=" in url else None  # a time that was not heard is not linked here either
    return links.link(past.creator_id, SourceId(reference["source_id"]), second)


def _votes(creator_id: CreatorId, message_id: MessageId) -> tuple[Button, ...]:
    return (
        Button("👍", "vote", f"{creator_id}:{message_id}:1"), Button("👎", "vote", f"{creator_id}:{message_id}:0")
    )  # fmt: skip
