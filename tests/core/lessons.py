"""Lessons and a scripted clerk, to make study material from without a database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.sources.sentences import split_sentences
from adapters.sources.stemming import SnowballStemmer
from adapters.sources.timed_text import read_timed_text
from bot.sample_library import sample_library
from core.asking.forms import Filled, Form
from core.asking.words import term_ids, tokens
from core.ids import CreatorId, SourceId, UsageId
from core.library.topics import find_chapters
from core.library.units import build_units
from core.study.material import Lesson, Said

STEM = SnowballStemmer()
Fill = Callable[[Form], Mapping[str, Any] | None]


@dataclass
class ScriptedClerk:
    """Fills forms as a test says, and remembers them; None is a refusal."""

    fills: Fill
    forms: list[Form] = field(default_factory=list)

    async def fill(
        self, creator_id: CreatorId, form: Form, purpose: str, question: UsageId | None = None
    ) -> Filled | None:
        assert purpose == "study"
        return await self.ask(form)

    async def ask(self, form: Form) -> Filled | None:
        self.forms.append(form)
        values = self.fills(form)
        return None if values is None else Filled(values, "scripted:1")


def lesson(title: str = "Dialing in your espresso") -> Lesson:
    """A lecture of the sample library, without vectors."""
    sources = [source for creator in sample_library().creators for source in creator.sources]
    source = next(source for source in sources if source.title == title)
    transcript = read_timed_text(source.file_name, source.content)[0]
    units = build_units(transcript, split_sentences)
    made = lesson_of([unit.text for unit in units], title, starts_s=[unit.start_s for unit in units])
    starts_s, texts = [unit.start_s for unit in units], [unit.text for unit in units]
    chapters = find_chapters(starts_s, texts, made.terms, transcript.duration_s, STEM, language="en")
    return Lesson(
        made.source_id,
        1,
        title,
        made.sentences,
        made.terms,
        language="en",
        duration_s=transcript.duration_s,
        chapters=chapters,
        own_chapters=True,
    )


def lesson_of(texts: Sequence[str], title: str = "A lesson", starts_s: Sequence[float] = ()) -> Lesson:
    """A lesson of these sentences, five seconds each."""
    starts = starts_s or [5.0 * n for n in range(len(texts))]
    said = tuple(Said(n, text, start_s) for n, (text, start_s) in enumerate(zip(texts, starts, strict=True)))
    terms = [term_ids(tokens(text), STEM) for text in texts]
    return Lesson(SourceId(1), 1, title, said, terms, language="en", duration_s=5.0 * len(texts))
