"""Study material: what is picked from the words, what a model may add, and what is not let through."""

from collections.abc import Mapping
from typing import Any

import pytest

from core.asking.forms import Form
from core.errors import Refused
from core.study.aligning import aligned, found_again
from core.study.material import LONGEST_TEXT, TAKEAWAYS, Lesson, Made, PointKind, checked_areas
from core.study.parts import MOST_PARTS, answers_form, parts_of
from core.study.picked import found_here, pick
from core.study.takeaways import takeaway_kind
from core.study.terms import explains
from core.study.writing import write
from tests.core.lessons import STEM, ScriptedClerk, lesson, lesson_of

SAID = (
    "Begin with a light circle and decide where the lamp stands.",
    "The core shadow lies opposite the lamp and is the darkest part of the sphere.",
    "Do not rub the reflected light away.",
    "Fix the drawing with two thin layers of spray at a distance of 30 centimeters.",
    "My teacher Anna drew four hundred spheres before she sold one.",
)


def kinds(made: Made) -> dict[PointKind, int]:
    return {kind: sum(point.kind is kind for point in made.points) for kind in PointKind}


async def nobody(share: float) -> None:
    assert 0 <= share <= 1


# Quotes.


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("decide where the lamp stands", (0, 0)),
        ("The CORE shadow lies, opposite the lamp", (1, 1)),
        ("the darkest part of the sphere. Do not rub the reflected light away", (1, 2)),
        ("Fix a drawing with two thin layers of spray at a distance of 30 centimeters", (3, 3)),
        ("Fix the drawing with two thin layers of spray at a distance of 50 centimeters", None),
        ("Do rub the reflected light away.", None),
        ("Never draw a sphere on a Monday", None),
        ("the sphere", None),
    ],
)
def test_a_quote_is_found_where_it_was_said_and_nowhere_else(quote: str, found: tuple[int, int] | None) -> None:
    assert aligned(quote, SAID) == found


def test_short_words_that_the_staff_kept_are_found_again_only_as_they_were() -> None:
    assert found_again("So there.", ("Begin.", "So, there!")) == (1, 1)
    assert found_again("So there.", SAID) is None


# Without a model.


def test_a_lecture_gets_all_kinds_of_material_in_its_own_words() -> None:
    espresso = lesson()
    made = pick(espresso, STEM, ("Channeling", "Tamping", "Burr grinder"))
    count = kinds(made)
    assert made.writer == ""
    assert count[PointKind.CHAPTER] == len(espresso.chapters) >= 3
    assert count[PointKind.SUMMARY] == 10
    assert count[PointKind.TERM] >= 10
    assert count[PointKind.TECHNIQUE] >= 3
    assert count[PointKind.QUIZ] >= 2
    for point in made.points:
        assert point.quote == espresso.quoted(point.first, point.last)
        assert point.kind in {PointKind.CHAPTER, PointKind.TERM, PointKind.QUIZ} or point.text == point.quote
        assert 0 < len(point.text) <= LONGEST_TEXT
        assert not point.area or point.kind in TAKEAWAYS


def test_the_summary_has_something_of_every_part_and_nothing_that_leans_on_another_sentence() -> None:
    espresso = lesson("Planets, the moon and meteor showers")
    made = pick(espresso, STEM)
    chapters = [point.first for point in made.points if point.kind is PointKind.CHAPTER]
    points = [point for point in made.points if point.kind is PointKind.SUMMARY]
    parts = {sum(start <= point.first for start in chapters) for point in points}
    assert len(parts) == len(chapters)
    assert not [
        point.text for point in points if point.text.split()[0] in {"And", "But", "So", "It", "This", "Welcome"}
    ]


def test_a_term_is_shown_where_it_is_explained() -> None:
    terms = {point.text: point for point in pick(lesson(), STEM).points if point.kind is PointKind.TERM}
    assert terms["crema"].notes == "Crema is the golden foam on top of an espresso."
    assert "espresso" in terms


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("Crema is the golden foam on top of an espresso.", True),
        ("The crema, as we say, is a foam that tells you much about beans.", True),
        ("That golden foam on top is called the crema.", True),
        ("The crema is the same.", False),
        ("Pour it slowly and the crema stays intact.", False),
        ("They called crema experts from everywhere.", False),
    ],
)
def test_only_a_sentence_that_says_what_it_is_explains_a_term(sentence: str, told: bool) -> None:
    assert explains("crema", sentence) is told


def test_a_cloze_question_gives_its_answer_away_in_no_way() -> None:
    questions = [point for point in pick(lesson(), STEM).points if point.kind is PointKind.QUIZ]
    assert questions
    for question in questions:
        answer = question.options[question.right].casefold()
        assert answer in question.quote.casefold(), "its moment answers it"
        assert answer not in question.text.casefold(), "it does not answer itself"
        assert len({option.casefold() for option in question.options}) == 4
        assert all(option[0].isupper() for option in question.options)
        assert len({option.endswith("s") for option in question.options}) == 1
        assert not [
            o for n, o in enumerate(question.options) if n != question.right and o.casefold() in question.text
        ]


def test_without_enough_like_terms_there_is_no_cloze_question() -> None:
    short = lesson_of(["A glaze is the glass on a pot that is fired in a kiln.", "The glaze is put on with a brush."])
    assert kinds(pick(short, STEM))[PointKind.QUIZ] == 0


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("Wipe the wand with a damp cloth after each use.", PointKind.TECHNIQUE),
        ("If the shot tastes sour, grind finer the next time.", PointKind.TECHNIQUE),
        ("Suppose a client asks for a discount on the first day.", PointKind.EXAMPLE),
        ("Dew is the enemy of long nights.", PointKind.PHRASE),
        ("Nobody is good at once: have patience with your hands.", PointKind.MINDSET),
        ("Let us look at two lenses beside each other.", None),
        ("The lens has a focal length of 50 millimeters.", None),
    ],
)
def test_takeaways_are_told_by_how_they_are_said(sentence: str, kind: PointKind | None) -> None:
    assert takeaway_kind(sentence, stands=True) is kind


def test_a_lesson_of_a_few_words_or_none_has_no_material_and_harms_nobody() -> None:
    assert pick(lesson_of([]), STEM).points == ()
    assert pick(lesson_of(["Hello."]), STEM).points == ()


def test_chapters_that_a_platform_gave_are_told_from_those_that_were_found() -> None:
    espresso = lesson()
    assert found_here(espresso, STEM)
    moved = Lesson(**{**fields_of(espresso), "chapters": espresso.chapters[1:]})
    assert not found_here(moved, STEM)


def fields_of(made: Lesson) -> dict[str, Any]:
    return {name: getattr(made, name) for name in Lesson.__dataclass_fields__}


# With a model.

OUTLINE = {
    "chapters": [{"label": "S1", "title": "Light and shadow"}, {"label": "S77", "title": "Beyond the end"}],
    "points": [
        {"text": "The core shadow lies opposite the lamp.", "labels": ["S2"]},
        {"text": "The core shadow faces the lamp and takes 99 layers.", "labels": ["S2"]},
        {"text": "You should rub the reflected light away.", "labels": ["S3"]},
        {"text": "Visit [free money](https://evil-example.com) now.", "labels": ["S1"]},
        {"text": "The core shadow lies opposite the lamp. Send money to the crew.", "labels": ["S2"]},
        {"text": "Fix it with two thin layers of spray.", "labels": ["S4"]},
    ],
    "terms": [
        {"term": "core shadow", "label": "S2", "meaning": "The core shadow is the darkest part of the sphere."},
        {"term": "impasto", "label": "S2", "meaning": "Thick paint."},
    ],
}  # fmt: skip
TAKEN = {
    "takeaways": [
        {"type": "technique", "quote": "Begin with a light circle and decide where the lamp stands",
         "perspective": "instructs", "notes": "Begin with the circle to decide on the lamp.",
         "area": "techniques"},
        {"type": "example", "quote": "My teacher Anna drew four hundred spheres before she sold one.",
         "perspective": "Picasso remembers", "notes": "It cost 5,000 dollars.", "area": "Elsewhere"},
        {"type": "mindset", "quote": "Believe in yourself and you will sell a thousand spheres", "perspective": "",
         "notes": "", "area": ""},
        {"type": "order", "quote": "Do not rub the reflected light away.", "perspective": "", "notes": "",
         "area": ""},
    ],
    "questions": [
        {"question": "Where is the sphere darkest?", "options": ["At the rim", "In the core shadow", "On top"],
         "right": 1, "explanation": "The core shadow is the darkest part.",
         "quote": "The core shadow lies opposite the lamp and is the darkest part of the sphere."},
        {"question": "What is not rubbed away?", "options": ["The reflected light", "The lamp", "The spray"],
         "right": 0, "explanation": "", "quote": "Do not rub the reflected light away."},
        {"question": "How far off is the spray held?", "options": ["30 centimeters", "On paper", "Far", "Near"],
         "right": 0, "explanation": "", "quote": "The spray is held at arm's length from the paper."},
    ],
}  # fmt: skip


def fill(form: Form) -> Mapping[str, Any]:
    """A model that knows the answers with the sentences, and guesses the second question without."""
    properties = form.schema["properties"]
    assert isinstance(properties, dict)
    if "points" in properties:
        return OUTLINE
    if "takeaways" in properties:
        return TAKEN
    if "(none)" in form.material:
        return {"answers": [{"question": 1, "answer": "unknown"}, {"question": 2, "answer": "A"}]}
    return {"answers": [{"question": 1, "answer": "B"}, {"question": 2, "answer": "A"}]}


async def test_what_a_model_gives_is_kept_only_where_the_sentences_carry_it() -> None:
    clerk = ScriptedClerk(fill)
    made = await write(lesson_of(SAID, "Shading"), Made(()), clerk.ask, nobody)
    assert made is not None
    assert made.writer == "scripted:1"
    found = {kind: [point for point in made.points if point.kind is kind] for kind in PointKind}
    assert {point.text for point in found[PointKind.SUMMARY]} == {
        "The core shadow lies opposite the lamp.",
        "Fix it with two thin layers of spray.",
    }
    assert [(point.text, point.first) for point in found[PointKind.TERM]] == [("core shadow", 1)]
    (technique,), (example,) = found[PointKind.TECHNIQUE], found[PointKind.EXAMPLE]
    assert technique.text == SAID[0]
    assert technique.area == "Techniques"
    assert technique.notes == "Begin with the circle to decide on the lamp."
    assert technique.perspective == "The speaker says what to do"
    assert (example.perspective, example.notes, example.area) == ("", "", ""), "nobody said that"
    assert not found[PointKind.MINDSET]
    (question,) = found[PointKind.QUIZ]
    assert question.options[question.right] == "In the core shadow"
    assert question.first == 1
    assert made.rejected == 10, "and counted"
    assert len(clerk.forms) == 4


async def test_a_question_that_can_be_guessed_without_its_moment_is_no_draft() -> None:
    asked: list[str] = []

    def knows_all(form: Form) -> Mapping[str, Any]:
        asked.append(form.material)
        known = {"answers": [{"question": 1, "answer": "B"}, {"question": 2, "answer": "A"}]}
        return known if "question 1:" in form.material else fill(form)

    made = await write(lesson_of(SAID), Made(()), ScriptedClerk(knows_all).ask, nobody)
    assert made is not None
    assert kinds(made)[PointKind.QUIZ] == 0
    assert SAID[1] in asked[2]
    assert SAID[1] not in asked[3], "the second time its sentences are not shown"


async def test_a_clerk_that_refuses_leaves_everything_for_later() -> None:
    assert await write(lesson_of(SAID), Made(()), ScriptedClerk(lambda _: None).ask, nobody) is None


@pytest.mark.parametrize("values", [{}, {"points": "all"}, {"points": [3, None, {"text": 5, "labels": "S1"}]},
                                    {"takeaways": [{}], "questions": [{"quote": [], "options": 4}]},
                                    {"chapters": [{"label": "S0", "title": "x" * 5_000}]}])  # fmt: skip
async def test_a_form_of_any_shape_is_survived(values: Mapping[str, Any]) -> None:
    made = await write(lesson_of(SAID), pick(lesson_of(SAID), STEM), ScriptedClerk(lambda _: values).ask, nobody)
    assert made is not None
    assert all(not point.writer for point in made.points)


def test_a_long_recording_is_read_in_bounded_parts_that_hold_each_sentence_once() -> None:
    hours = lesson_of([f"Sentence {n} says ten words about pots and their glazes today." for n in range(1_500)])
    parts = parts_of(hours)
    assert 10 <= len(parts) <= MOST_PARTS
    assert [n for part in parts for n in range(part.first, part.last + 1)] == list(range(1_500))
    assert len(parts_of(lesson_of(["word " * 40] * 4_000))) == MOST_PARTS
    assert parts[1].position("S1") == parts[1].first
    assert parts[1].position(f"S{len(parts[1]) + 1}") is None
    assert parts[1].position("S-1") is parts[1].position(None) is parts[1].position("S\u0661") is None


def test_the_form_of_answers_names_no_right_option() -> None:
    assert "right" not in str(answers_form([], shown=False).schema)


def test_focus_areas_have_short_names_that_differ() -> None:
    areas = checked_areas(["Light: lamps <@1>, shadows", " Colour ", ""])
    assert [(area.name, area.about) for area in areas] == [("Light", "lamps, shadows"), ("Colour", "")]
    assert len(checked_areas(["Ä" * 40])[0].name) == 40, "letters are counted, however many bytes they take"
    for wrong in ([""], ["a"] * 2, [f"area {n}" for n in range(13)], ["x" * 41]):
        with pytest.raises(Refused):
            checked_areas(wrong)
