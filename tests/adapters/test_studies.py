"""The work on study material as several workers do it at once, and what becomes of it when the words change."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.postgres.database import Database
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.quizzes import PostgresQuizzes
from adapters.postgres.shelf import PostgresShelf
from adapters.postgres.studies import PostgresStudies
from adapters.postgres.study_work import HELD, PostgresStudyBench, renew_study
from core.ids import PointId
from core.library.transcript import Chapter
from core.rewards.quizzes import QuizContent, checked_question
from core.study.material import Lesson, Made, NewPoint, PointKind
from core.study.picked import chapter_points
from core.study.store import KeptForm, Point, Revised, Wanted, WantedTerms
from core.study.studying import AHEAD, Studying
from core.tiers import NO_TIERS, Scope
from tests.adapters.school import STEM, MadeUpEmbedder, School, add_ready, found_school, jobs, lecture
from tests.core.embedders import Rack
from tests.core.lessons import ScriptedClerk

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def material(lesson: Lesson, *positions: int, writer: str = "") -> Made:
    points = tuple(
        NewPoint(PointKind.SUMMARY, at, at, lesson.quoted(at, at), f"Point {at}", writer=writer) for at in positions
    )
    return Made(points, writer)


async def claimed(bench: PostgresStudyBench, school: School, at: datetime = AT) -> Lesson:
    assignment = await bench.claim(school.creator_id, at)
    assert assignment is not None
    return assignment.lesson


async def test_a_lesson_is_in_one_hand_at_a_time_and_comes_back_when_its_worker_died(database: Database) -> None:
    school, bench = await found_school(database, "water"), PostgresStudyBench(database)
    lesson = await claimed(bench, school)
    assert [said.position for said in lesson.sentences] == list(range(30))
    assert lesson.vectors.shape == (30, 8)
    assert await bench.claim(school.creator_id, AT) is None
    await bench.advance(school.creator_id, lesson, 0.5, AT + timedelta(minutes=9))
    assert await bench.claim(school.creator_id, AT + HELD) is None, "it goes on"
    again = await claimed(bench, school, AT + HELD + timedelta(minutes=10))
    await bench.settle(school.creator_id, again, None)
    assert await bench.claim(school.creator_id, AT + timedelta(days=9)) is None
    other = await found_school(database, "fire")
    assert (await claimed(bench, other)).source_id == other.source_id
    assert await bench.claim(school.creator_id, AT + timedelta(days=9)) is None, "each creator has their own"


async def test_every_lesson_is_picked_before_any_is_worded_and_one_that_is_begun_goes_on_first(
    database: Database,
) -> None:
    school, bench = await found_school(database, "water"), PostgresStudyBench(database)
    creator_id = school.creator_id
    others = [await add_ready(database, creator_id, lecture(subject)) for subject in ("fire", "earth")]
    clerk = ScriptedClerk(lambda form: {"points": [], "takeaways": [], "questions": [], "chapters": [], "terms": []})
    embedders = Rack({MadeUpEmbedder.embedder_id: MadeUpEmbedder()})
    studying = Studying(bench, embedders, STEM, clerk, lambda: AT, written=True)
    begun = None
    for _ in range(3):
        assignment = await bench.claim(creator_id, AT)
        assert assignment is not None
        assert not assignment.picked
        begun = assignment.lesson
        await bench.word_later(creator_id, begun, AT)
    assert begun is not None
    await bench.word_later(creator_id, begun, AT - AHEAD)
    assert begun.source_id in others
    again = await bench.claim(creator_id, AT)
    assert again is not None
    assert again.picked
    assert again.lesson.source_id == begun.source_id
    await bench.word_later(creator_id, begun, AT)
    await studying.take_turn(creator_id, asyncio.Event())
    assert len(clerk.forms) == 2, "one lesson a turn"


async def test_material_of_words_that_were_replaced_is_never_shown(database: Database) -> None:
    school, bench, studies = (
        await found_school(database, "water"),
        PostgresStudyBench(database),
        PostgresStudies(database),
    )
    scope = Scope(school.creator_id, NO_TIERS)
    lesson = await claimed(bench, school)
    await bench.keep(school.creator_id, lesson, material(lesson, 1, 2))
    first, second = await studies.find(scope, Wanted())
    assert (first.text, first.said.linked_s) == ("Point 1", 5.0)
    await bench.keep_filled(school.creator_id, lesson, b"key", {"a": [1]}, "made-up")
    assert await bench.filled(school.creator_id, lesson, b"key") == KeptForm({"a": [1]}, "made-up")
    await studies.revise(school.creator_id, second.id, Revised(text="Mine"))
    async with database.creator(school.creator_id) as connection:
        await renew_study(connection, school.creator_id, school.source_id)
    assert await studies.find(scope, Wanted()) == []
    assert await bench.filled(school.creator_id, lesson, b"key") == KeptForm()
    await bench.keep(school.creator_id, lesson, material(lesson, 5))
    await bench.keep_filled(school.creator_id, lesson, b"key", {}, "made-up")
    assert await studies.find(scope, Wanted()) == [], "a worker that knew the old words changes nothing"
    assert await bench.filled(school.creator_id, lesson, b"key") == KeptForm()
    newer = await claimed(bench, school)
    assert newer.version == lesson.version + 1
    await bench.keep(school.creator_id, newer, material(newer, 7))
    assert {point.text for point in await studies.find(scope, Wanted())} == {"Mine", "Point 7"}


async def test_what_a_model_worded_is_not_replaced_by_what_was_picked_and_deleted_points_stay_away(
    database: Database,
) -> None:
    school, bench, studies = (
        await found_school(database, "water"),
        PostgresStudyBench(database),
        PostgresStudies(database),
    )
    creator_id, scope = school.creator_id, Scope.whole(school.creator_id)
    lesson = await claimed(bench, school)
    await bench.keep(creator_id, lesson, material(lesson, 1, 2, writer="made-up"))
    await bench.keep(creator_id, lesson, material(lesson, 3))
    assert [point.text for point in await studies.find(scope, Wanted())] == ["Point 1", "Point 2"]
    gone = (await studies.find(scope, Wanted()))[0].id
    assert await studies.remove(creator_id, gone, AT) is not None
    assert await studies.remove(creator_id, gone, AT) is None
    await studies.wake(creator_id, AT + timedelta(days=8))
    assert await studies.restore(creator_id, gone) is None, "after a week there is nothing to bring back"
    await bench.keep(creator_id, lesson, material(lesson, 1, 2, writer="made-up"))
    assert [point.text for point in await studies.find(scope, Wanted())] == ["Point 2"]
    async with database.creator(creator_id) as connection:
        await renew_study(connection, creator_id, school.source_id)
    renewed = await claimed(bench, school, AT + timedelta(days=8))
    await bench.keep(creator_id, renewed, material(renewed, 1, 2, writer="made-up"))
    assert [point.text for point in await studies.find(scope, Wanted())] == ["Point 2"], "nor by a new transcript"
    (guide,) = await studies.guides(creator_id)
    assert guide.lost == 0, "what the staff deleted is none that they lost"
    assert await studies.point(scope, PointId(gone + 1_000)) is None
    other = await found_school(database, "fire")
    assert await studies.point(Scope.whole(other.creator_id), gone) is None
    assert await studies.undo(other.creator_id, gone) is None


async def test_new_words_and_what_is_due_wake_a_worker(database: Database) -> None:
    school = await found_school(database, "water")
    assert "study" in [job["entrypoint"] for job in await jobs(database)]
    studies, bench = PostgresStudies(database), PostgresStudyBench(database)

    async def waking() -> int:
        return [job["entrypoint"] for job in await jobs(database)].count("study")

    before = await waking()
    await studies.wake(school.creator_id, AT)
    assert await waking() == before + 1
    await bench.settle(school.creator_id, await claimed(bench, school), None)
    await studies.wake(school.creator_id, AT)
    assert await waking() == before + 1
    await PostgresShelf(database).remove(school.creator_id, school.source_id)
    assert await studies.guides(school.creator_id) == []


async def test_a_hidden_first_chapter_moves_no_other_and_a_platforms_chapters_are_never_written_over(
    database: Database,
) -> None:
    school, bench, studies = (
        await found_school(database, "water"),
        PostgresStudyBench(database),
        PostgresStudies(database),
    )
    creator_id, source_id, scope = school.creator_id, school.source_id, Scope.whole(school.creator_id)

    async def shown() -> list[tuple[float, str]]:
        page = await PostgresHoldings(database).transcript(creator_id, source_id)
        assert page is not None
        return [(chapter.start_s, chapter.title) for chapter in page.chapters]

    async def stored() -> list[list[object]]:
        async with database.creator(creator_id) as connection:
            return list(await connection.fetchval("SELECT chapters FROM sources WHERE id = $1", source_id))

    lesson = await claimed(bench, school)
    chapters = [Chapter(0.0, "Begin"), Chapter(60.0, "Middle"), Chapter(120.0, "End")]
    ours = Made(tuple(chapter_points(lesson, chapters, "made-up")), "made-up")
    await bench.keep(creator_id, replace(lesson, own_chapters=True), ours)
    first = (await studies.find(scope, Wanted((PointKind.CHAPTER,))))[0]
    await studies.hide(creator_id, first.id, hidden=True)
    assert await shown() == [(60.0, "Middle"), (120.0, "End")]
    await studies.hide(creator_id, first.id, hidden=False)
    assert await shown() == [(0.0, "Begin"), (60.0, "Middle"), (120.0, "End")]

    before = await stored()
    await bench.keep(creator_id, replace(lesson, own_chapters=False), ours)
    first = (await studies.find(scope, Wanted((PointKind.CHAPTER,))))[0]
    await studies.hide(creator_id, first.id, hidden=True)
    assert await shown() == [(60.0, "Middle"), (120.0, "End")], "hidden from learners"
    assert await stored() == before, "and kept as the platform has them"
    await studies.hide(creator_id, first.id, hidden=False)
    assert await shown() == [(0.0, "Begin"), (60.0, "Middle"), (120.0, "End")]


async def test_a_draft_that_two_publish_at_once_stands_in_one_quiz_and_waits_again_once_that_is_gone(
    database: Database,
) -> None:
    school, bench, studies, quizzes = (
        await found_school(database, "water"),
        PostgresStudyBench(database),
        PostgresStudies(database),
        PostgresQuizzes(database),
    )
    creator_id, scope = school.creator_id, Scope.whole(school.creator_id)
    lesson = await claimed(bench, school)
    drafts = [
        NewPoint(PointKind.QUIZ, at, at, lesson.quoted(at, at), f"Step {at}?", options=("a", "b", "c"))
        for at in (1, 2)
    ]
    await bench.keep(creator_id, lesson, Made(tuple(drafts)))
    first, second = await studies.find(scope, Wanted())

    def content(point: Point) -> QuizContent:
        question = checked_question(point.text, point.options, [point.right])
        return QuizContent("Water", (question,), school.source_id)

    published = await asyncio.gather(
        *(studies.put_in_quiz(creator_id, first.id, content(first), "tests") for _ in range(3)),
        studies.put_in_quiz(creator_id, second.id, content(second), "tests"),
    )
    assert published[:3].count(None) == 2
    (quiz,) = await quizzes.quizzes(creator_id)
    assert quiz.length == 2
    (guide,) = await studies.guides(creator_id)
    assert (guide.drafts, guide.quiz_id) == (0, quiz.id)

    await quizzes.remove(creator_id, quiz.id)
    (guide,) = await studies.guides(creator_id)
    assert (guide.drafts, guide.quiz_id) == (2, None), "without their quiz they wait again"
    await bench.keep(creator_id, lesson, Made(()))
    assert [point.used for point in await studies.find(scope, Wanted())] == [False, False]
    await quizzes.restore(creator_id, quiz.id)
    assert [point.used for point in await studies.find(scope, Wanted())] == [True, True]
    assert await studies.put_in_quiz(creator_id, first.id, content(first), "tests") is None


async def test_terms_are_searched_and_paged_where_they_are_kept(database: Database) -> None:
    school, bench, studies = (
        await found_school(database, "water"),
        PostgresStudyBench(database),
        PostgresStudies(database),
    )
    lesson = await claimed(bench, school)
    named = ["crema", "Zinc", "Basin", "creamy foam", "100%", "a_b"]
    points = tuple(NewPoint(PointKind.TERM, at, at, lesson.quoted(at, at), name) for at, name in enumerate(named))
    await bench.keep(school.creator_id, lesson, Made(points))
    whole = Scope.whole(school.creator_id)

    async def found(search: str, skip: int = 0, scope: Scope = whole) -> tuple[list[str], int]:
        shown, count = await studies.terms(scope, WantedTerms(None, search, skip, 2))
        return [point.text for point in shown], count

    assert await found("CRE") == (["creamy foam", "crema"], 2)
    assert await found("", 2) == (["Basin", "creamy foam"], 6)
    assert await found("%") == (["100%"], 1), "what is typed is no pattern"
    assert await found("_") == (["a_b"], 1)
    assert await found("", 8) == ([], 6)
    assert await found("", scope=replace(whole, sources=frozenset())) == ([], 0)
