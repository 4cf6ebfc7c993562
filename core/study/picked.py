"""The study material of a lesson without any model: all of it is the creator's own words, picked by counting."""

from collections.abc import Sequence
from typing import Final

from core.asking.markup import strip_markup
from core.asking.words import Stemmer
from core.library.topics import find_chapters
from core.library.transcript import Chapter
from core.study.cloze import cloze_questions
from core.study.material import LONGEST_TEXT, Lesson, Made, NewPoint, PointKind, unique
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
    for chapter in chapters:
        at = next((said.position for said in lesson.sentences if said.start_s >= chapter.start_s), None)
        if at is not None and strip_markup(chapter.title):
            title = strip_markup(chapter.title)[:LONGEST_TEXT]
            points.append(NewPoint(PointKind.CHAPTER, at, at, lesson.quoted(at, at), title, writer=writer))
    return points


def found_here(lesson: Lesson, stem: Stemmer) -> bool:
    """Tell whether the chapters of a lesson are those that are found in its words, and not its platform's."""
    starts_s, texts = [said.start_s for said in lesson.sentences], [said.text for said in lesson.sentences]
    if not lesson.chapters or not lesson.heard:
        return True
    found = find_chapters(starts_s, texts, lesson.terms, lesson.duration_s, stem, language=lesson.language)
    return [chapter.start_s for chapter in found] == [chapter.start_s for chapter in lesson.chapters]
