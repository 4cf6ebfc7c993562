"""What a creator learns of what was asked: subjects of several people, never of one, and where they struggled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from adapters.sources.stemming import SnowballStemmer
from core.asking.answer import Outcome
from core.asking.embedding import Vector
from core.asking.gaps import Asked
from core.asking.insights import Counts, Heard, Insight, Insights, Span, Subject, in_short, objections, wording_of
from core.ids import CreatorId, MessageId
from tests.core.clerks import ScriptedClerk
from tests.core.embedders import Rack
from tests.core.workshop import embed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CREATOR = CreatorId(1)
STEM = SnowballStemmer()


class WorkshopEmbedder:
    """The made-up vectors of the workshop."""

    embedder_id = "workshop:32"
    dimensions = 32
    languages: frozenset[str] = frozenset()

    async def embed_query(self, text: str) -> Vector:
        return embed(text)

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        return np.stack([embed(text) for text in texts])


@dataclass
class Scripted:
    """Questions as a test says, of a library that is searched with the workshop's embedder."""

    asked: Sequence[Asked]

    async def heard(self, creator_id: CreatorId, at: datetime, length: timedelta, limit: int) -> Heard:
        return Heard(Counts(asked=len(self.asked)), Counts(), self.asked)

    async def embedder_of(self, creator_id: CreatorId) -> str:
        return ""


def asked(number: int, question: str, asker: int, *, days: int = 0, minutes: int = 0) -> Asked:
    at = NOW - timedelta(days=days, hours=2) + timedelta(minutes=minutes)
    return Asked(MessageId(number), asker, question, Outcome.ANSWERED, 0, withdrawn=False, asked_at=at)


async def look(questions: Sequence[Asked], span: Span = Span.WEEK) -> Insight:
    scripted = Scripted(questions)
    insights = Insights(scripted, scripted, Rack({"workshop:32": WorkshopEmbedder()}), STEM)
    return await insights.look(CREATOR, span, NOW)


HINGE = ("How do I repair the hinge?", "How do I repair a hinge?", "Do I repair the hinge?")


async def test_a_subject_of_three_people_is_shown_and_one_of_two_is_only_counted() -> None:
    questions = [
        *(asked(n, text, asker=n) for n, text in enumerate(HINGE, 1)),
        asked(4, "How do I clean the drill?", asker=1),
        asked(5, "Do I clean the drill?", asker=2),
        asked(6, "Do I clean the drill?", asker=2),
    ]
    found = await look(questions)
    (subject,) = found.subjects
    assert subject.wording == "repair hinge", "nobody's question word for word"
    assert (subject.people, subject.times, subject.struggled, subject.before) == (3, 3, 0, 0)
    assert found.others == 1
    assert found.grouped == 6
    assert "drill" not in str(found.picture("School")), "two people are not shown"
    assert [line.earned for line in found.picture("School").lines] == [3]


async def test_a_subject_is_worded_as_three_people_did_or_by_the_words_that_three_used() -> None:
    secret = "How do I repair the hinge of my ex-wife Nora's door?"
    said = [secret, "How do I repair a hinge?", "Repairing my hinges, how?", "REPAIR a hinge, please"]
    assert wording_of([asked(n, text, asker=n) for n, text in enumerate(said)], STEM) == "repair hinge"
    alike = [asked(9, "how do i repair a hinge", asker=9), asked(10, "How do I repair a hinge!", asker=10)]
    questions = [asked(n, text, asker=n) for n, text in enumerate(said)]
    assert wording_of([*questions, *alike], STEM) == "How do I repair a hinge?"
    one = [asked(n, secret, asker=min(n, 2)) for n in range(1, 9)]
    assert wording_of(one, STEM) == "", "however often two people ask"
    foreign = [asked(n, text, asker=n) for n, text in enumerate(("hinge?", "Scharnier?", "bisagra?"))]
    assert wording_of(foreign, STEM) == ""


async def test_a_week_is_held_against_the_one_before_and_a_month_is_not() -> None:
    questions = [
        *(asked(n, text, asker=n, days=10) for n, text in enumerate(HINGE, 1)),
        *(asked(n, text, asker=n) for n, text in enumerate(HINGE, 4)),
    ]
    (week,) = (await look(questions)).subjects
    assert (week.times, week.before) == (3, 3)
    (month,) = (await look(questions, Span.MONTH)).subjects
    assert (month.times, month.before) == (6, None)
    assert not (await look(questions[:3])).subjects, "nobody asked it this week"
    assert not (await look([])).subjects


async def test_people_struggled_who_got_nothing_voted_it_down_asked_again_or_objected() -> None:
    questions = [
        replace(asked(1, HINGE[0], asker=1), outcome=Outcome.ABSTAINED),
        replace(asked(2, HINGE[1], asker=2), unhelpful=1),
        asked(3, HINGE[0], asker=3),
        asked(4, HINGE[2], asker=3, minutes=5),
        asked(5, HINGE[0], asker=4),
        asked(6, "No, that's wrong", asker=4, minutes=2),
        asked(7, HINGE[0], asker=5),
        asked(8, HINGE[0], asker=6),
        asked(9, HINGE[0], asker=6, minutes=3),
        asked(10, HINGE[2], asker=5, minutes=59),
    ]
    found = await look(questions)
    (hard,) = found.hard
    assert (hard.people, hard.times, hard.struggled) == (6, 9, 4)


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("no", True),
        ("Nope, that is for the other one", True),
        ("Are you sure?", True),
        ("Nothing sticks, why?", False),
        ("No glue holds on oiled wood when it is cold outside and damp, what should I do then?", False),
        ("Normally how long?", False),
    ],
)
def test_objections_are_told_from_questions(text: str, objects: bool) -> None:
    before, after = asked(1, HINGE[0], asker=1), asked(2, text, asker=1, minutes=1)
    about, questions = objections([before, after])
    assert (about == {before.message_id}) is objects
    assert len(questions) == (1 if objects else 2)
    stranger = replace(after, asker=2)
    assert len(objections([before, stranger])[1]) == 2, "nobody objects to what they did not ask"


async def test_a_models_paragraph_says_only_what_is_shown() -> None:
    insight = Insight(Span.WEEK, Counts(), Counts(), (Subject("How do I repair the hinge?", 5, 7, 3, 0),))
    clerk = ScriptedClerk(
        {"sentences": ["5 people asked how to repair the hinge.", "9 people asked about a hinge.", "Ask Bob."]}
    )
    assert await in_short(insight, CREATOR, clerk) == "5 people asked how to repair the hinge."
    assert "3 struggled" in clerk.forms[0].material
    assert await in_short(insight, CREATOR, ScriptedClerk(None)) == ""
    silent = ScriptedClerk({"sentences": ["All is well."]})
    assert await in_short(Insight(Span.WEEK, Counts(), Counts()), CREATOR, silent) == ""
    assert not silent.forms


async def test_a_models_paragraph_is_paid_for_once_a_day_as_long_as_the_same_is_shown() -> None:
    scripted = Scripted([])
    insights = Insights(scripted, scripted, Rack({}), STEM)
    insight = Insight(Span.WEEK, Counts(), Counts(), (Subject("How do I repair the hinge?", 5, 7, 3, 0),))
    clerk = ScriptedClerk({"sentences": ["5 people asked how to repair the hinge."]})
    for minutes in (0, 5, 60):
        said = await insights.in_short(insight, CREATOR, clerk, NOW + timedelta(minutes=minutes))
        assert said == "5 people asked how to repair the hinge."
    assert len(clerk.forms) == 1
    await insights.in_short(insight, CreatorId(2), clerk, NOW)
    assert len(clerk.forms) == 2, "nothing is told on to another creator"
    more = replace(insight, subjects=(Subject("How do I repair the hinge?", 6, 8, 3, 0),))
    assert await insights.in_short(more, CREATOR, clerk, NOW) == "", "five are not six"
    await insights.in_short(insight, CREATOR, clerk, NOW + timedelta(days=1))
    assert len(clerk.forms) == 4, "a day later it is asked anew"
    assert await insights.in_short(insight, CREATOR, ScriptedClerk(None), NOW + timedelta(days=3)) == ""
