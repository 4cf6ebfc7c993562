"""Questions about the library are told from questions about what it says."""

from datetime import timedelta

import pytest

from core.asking.contents import EVERY_KIND, Wanted, What, asks_for_contents
from core.library.store import SourceKind

VIDEO, DOCUMENT = frozenset({SourceKind.VIDEO}), frozenset({SourceKind.DOCUMENT})
DAY, WEEK, MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=31)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Which video covers hinges?", Wanted(What.WHICH, VIDEO, "hinges")),
        ("which of your videos explains how to glue a dowel", Wanted(What.WHICH, VIDEO, "how to glue a dowel")),
        ("What document is about returns?", Wanted(What.WHICH, DOCUMENT, "returns")),
        ("In which lesson do you talk about varnish?", Wanted(What.WHICH, EVERY_KIND, "varnish")),
        ("in what video does he explain limits", Wanted(What.WHICH, VIDEO, "limits")),
        ("Do you have any videos about sharpening?", Wanted(What.WHICH, VIDEO, "sharpening")),
        ("is there a lesson on clamps?", Wanted(What.WHICH, EVERY_KIND, "clamps")),
        ("What's new this week?", Wanted(What.NEW, within=WEEK)),
        ("What\u2019s new?", Wanted(What.NEW)),
        ("hey, anything new today?", Wanted(What.NEW, within=DAY)),
        ("Which new videos were added this month?", Wanted(What.NEW, VIDEO, within=MONTH)),
        ("what was uploaded in the last week", Wanted(What.NEW, within=WEEK)),
        ("show me the latest videos", Wanted(What.NEW, VIDEO)),
        ("List all lessons on glue", Wanted(What.ALL, EVERY_KIND, "glue")),
        ("please list all videos", Wanted(What.ALL, VIDEO)),
        ("What videos are there about hinges?", Wanted(What.ALL, VIDEO, "hinges")),
        ("Which documents do you have?", Wanted(What.ALL, DOCUMENT)),
        ("can you show me all pdfs please", Wanted(What.ALL, DOCUMENT)),
        ("How many videos are there?", Wanted(What.ALL, VIDEO)),
    ],
)
def test_a_question_about_the_library_is_known_with_what_it_is_about(text: str, wanted: Wanted) -> None:
    assert asks_for_contents(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "List all steps to clean the drill", "What's new in version 3?", "What is new about this glue?",
        "What talk show came after it?",
        "Which video card do I need?", "Which video editor covers most formats?",
        "What documents do I need for a visa?",
        "list all documents needed for a refund", "What is a video codec?", "How do I upload a video?",
        "Which lesson did he learn from failing?", "What are the lessons of this story?", "Show me how to glue",
        "What new tools should I buy?", "list three glues", "Which glue covers best?", "What does the video say?",
        "show me the page on shipping", "How many pages should a business plan have?", "what happened last week?",
        "Which classes of glue are there?", "What files does the drill need?", "Which video?", "videos", "",
        "What was added to the sauce this week?", "How do I list all files in a folder?", "new videos are bad, why?",
    ],
)  # fmt: skip
def test_a_question_about_what_the_material_says_is_left_to_the_search(text: str) -> None:
    assert asks_for_contents(text) is None
