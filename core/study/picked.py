"""The study material of a lesson without any model: all of it is the creator's own words, picked by counting."""

from collections.abc import Sequence
from typing import Final

from core.asking.words import Stemmer
from core.library.transcript import Chapter
from core.study.cloze import cloze_questions
from core.study.material import Lesson, Made, NewPoint, PointKind, unique
from core.study.picking import centrality, standing_alone, summary
from core.study.takeaways import takeaways
from core.study.terms import key_terms

PICKED: Final = "picked from the words, without a model"
"""How material is marked that no model worded."""


def pick(lesson: Lesson, stem: Stemmer, other_terms: Sequence[str] = ()) -> Made:
    """Make the material of a lesson.

    Args:
        lesson: what was said.
        stem: brings the forms of a word together.
        other_terms: key terms of the creator's other sources, for wrong options.
    """
    if not lesson.sentences:
        return Made(())
    central, fit = centrality(lesson), standing_alone(lesson)
    chapters = chapter_points(lesson, lesson.chapters)
    terms = key_terms(lesson, central, stem)
    points = summary(lesson, central, [term.text for term in terms], [chapter.first for chapter in chapters])
    questions = cloze_questions(lesson, terms, other_terms)
    return Made(unique([*chapters, *points, *terms, *takeaways(lesson, central, fit), *questions]))


def chapter_points(lesson: Lesson, chapters: Sequence[Chapter], writer: str = "") -> list[NewPoint]:
    """Chapters as points, each at the first sentence that is said in it."""
    points: list[NewPoint] = []
    for number, chapter in enumerate(chapters):
        at = next((said.position for said in lesson.sentences if said.start_s >= chapter.start_s), None)
        if at is not None and chapter.title.strip():
            quote = f"{number} {chapter.title}"
            points.append(NewPoint(PointKind.CHAPTER, at, at, quote, chapter.title.strip(), writer=writer))
    return points
