"""Questions about the library are told from questions about what it says."""

# ruff: noqa: RUF001 - questions in several scripts

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
        ("Which documents are here?", Wanted(What.ALL, DOCUMENT)),
        ("What materials do you have on this channel?", Wanted(What.ALL)),
        ("list the files here", Wanted(What.ALL, DOCUMENT)),
        ("What classes did you upload?", Wanted(What.ALL)),
        ("Which class talks about fireball?", Wanted(What.WHICH, EVERY_KIND, "fireball")),
        ("Any videos on yeast?", Wanted(What.WHICH, VIDEO, "yeast")),
        ("Do you have videos about yeast?", Wanted(What.WHICH, VIDEO, "yeast")),
        ("show me a video about yeast", Wanted(What.WHICH, VIDEO, "yeast")),
        ("Can you recommend some lessons on kneading?", Wanted(What.WHICH, EVERY_KIND, "kneading")),
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
        "List the materials", "What materials do you have?", "What classes are there?", "list the modules",
        "show me the files", "Is there a clip on the back?", "Which class teaches fireball?",
        "Any files on the desk?", "Which file explains the routes?", "What new classes are there?",
        "Which documents do you have?", "What is the video on yeast about?", "show me a way to make videos",
        "Which files are here to stay?",
        "What was added to the sauce this week?", "How do I list all files in a folder?", "new videos are bad, why?",
    ],
)  # fmt: skip
def test_a_question_about_what_the_material_says_is_left_to_the_search(text: str) -> None:
    assert asks_for_contents(text) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Welche Videos gibt es zu Hefe?", Wanted(What.ALL, VIDEO, "Hefe")),
        ("In welcher Lektion geht es um Hefe?", Wanted(What.WHICH, EVERY_KIND, "Hefe")),
        ("Was gibt es Neues diese Woche?", Wanted(What.NEW, within=WEEK)),
        ("¿Qué videos hablan de levadura?", Wanted(What.WHICH, VIDEO, "levadura")),
        ("¿Qué vídeos hay?", Wanted(What.ALL, VIDEO)),
        ("¿Qué hay de nuevo este mes?", Wanted(What.NEW, within=MONTH)),
        ("Quais vídeos falam de fermento?", Wanted(What.WHICH, VIDEO, "fermento")),
        ("Quantas aulas há?", Wanted(What.ALL)),
        ("Ci sono dei video sul lievito?", Wanted(What.WHICH, VIDEO, "lievito")),
        ("Quali podcast hai?", Wanted(What.ALL, frozenset({SourceKind.AUDIO}))),
        ("Quelles vidéos parlent de la levure ?", Wanted(What.WHICH, VIDEO, "levure")),
        ("Montre-moi toutes les vidéos, s'il te plaît", Wanted(What.ALL, VIDEO)),
        ("Quoi de neuf aujourd’hui ?", Wanted(What.NEW, within=DAY)),
        ("Какие видео есть о дрожжах?", Wanted(What.ALL, VIDEO, "дрожжах")),
        ("Что нового?", Wanted(What.NEW)),
        ("Чи є відео про дріжджі?", Wanted(What.WHICH, VIDEO, "дріжджі")),
        ("Maya hakkında video var mı?", Wanted(What.WHICH, VIDEO, "Maya")),
        ("Apakah ada video tentang ragi?", Wanted(What.WHICH, VIDEO, "ragi")),
        ("क्या खमीर के बारे में कोई वीडियो है?", Wanted(What.WHICH, VIDEO, "खमीर")),
        ("有没有关于酵母的视频？", Wanted(What.WHICH, VIDEO, "酵母")),
        ("这里有哪些视频？", Wanted(What.ALL, VIDEO)),
        ("イーストについての動画はありますか？", Wanted(What.WHICH, VIDEO, "イースト")),
        ("효모에 대한 영상이 있나요?", Wanted(What.WHICH, VIDEO, "효모")),
        ("هل يوجد فيديو عن الخميرة؟", Wanted(What.WHICH, VIDEO, "الخميرة")),
    ],
)
def test_it_is_known_in_the_other_languages_of_questions(text: str, wanted: Wanted) -> None:
    assert asks_for_contents(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Welche Folgen gibt es zu viel Hefe?", "Welche Hefe gibt es?", "Welches Video-Programm brauche ich?",
        "Was ist neu an Version 3?", "Wie mache ich ein Video über Hefe?", "¿Qué levadura hay?",
        "¿Qué lecciones aprendió de eso?", "¿Cómo hago un vídeo sobre levadura?",
        "¿Qué hay de nuevo en la versión 3?",
        "Que lição ele aprendeu?", "Quali pagine ci sono?", "Quelle leçon faut-il en tirer ?",
        "Quoi de neuf dans la version 3 ?",
        "Какие дрожжи есть?", "Что нового в версии 3?", "Які дріжджі є?", "Hangi maya var?", "Ragi apa yang ada?",
        "कौन से खमीर हैं?", "有哪些酵母？", "视频怎么剪辑？", "どの酵母がありますか？", "動画の作り方は？",
        "어떤 효모가 있나요?",
        "ما هي الخميرة؟",
    ],
)  # fmt: skip
def test_nor_is_what_the_material_says_taken_for_it_in_them(text: str) -> None:
    assert asks_for_contents(text) is None
