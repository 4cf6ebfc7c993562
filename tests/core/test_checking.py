import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.asking import markup
from core.asking.checking import verify
from core.asking.claims import names, negated, numbers
from core.asking.markup import strip_markup
from core.asking.writing import Background, Draft, DraftSentence, EvidenceSentence, EvidenceSource, Task
from core.ids import SourceId

BREAD = (
    "Today we bake sourdough bread with Anna.",
    "Mix 500 grams of flour with three hundred grams of water.",
    "Let the dough rest for twenty-five minutes, and do not add the salt yet.",
    "After the rest you add ten grams of salt.",
    "The crust gets dark at 12:34 in the old recipe.",
    "Fold the dough gently every half hour.",
)


def task_over(*sentences: str, title: str = "Bread") -> Task:
    evidence = tuple(
        EvidenceSentence(f"S{number}", SourceId(7), number, text) for number, text in enumerate(sentences, start=1)
    )
    return Task("How do I bake bread?", (EvidenceSource(title, evidence),))


def checked(text: str, *labels: str, task: Task | None = None) -> list[str]:
    draft = Draft(True, (DraftSentence(text, labels),), "scripted:model")
    return [sentence.text for sentence in verify(draft, task or task_over(*BREAD))]


def test_a_sentence_that_its_evidence_carries_is_kept_with_its_labels() -> None:
    draft = Draft(True, (DraftSentence("You rest the dough for 25 minutes.", ("S3",)),), "scripted:model")
    assert verify(draft, task_over(*BREAD)) == (DraftSentence("You rest the dough for 25 minutes.", ("S3",)),)


def test_labels_that_do_not_exist_are_dropped_and_repeated_ones_are_kept_once() -> None:
    draft = Draft(True, (DraftSentence("Fold the dough gently.", ("S99", "S6", "S6", "s1")),), "scripted:model")
    assert [sentence.labels for sentence in verify(draft, task_over(*BREAD))] == [("S6",)]


def test_a_sentence_that_repeats_what_the_person_said_about_themselves_is_dropped() -> None:
    facts = ("I am recovering from a hernia", "I bake with rye flour")
    task = replace(task_over(*BREAD), background=Background("We spoke of a hernia.", facts))
    assert checked("As you recover from a hernia, fold the dough gently.", "S6", task=task) == []
    told = "Mix 500 grams of flour with three hundred grams of water."
    assert checked(told, "S1", "S2", task=task) == [told], "flour is in the evidence"
    asked = replace(task, question="May I fold the dough with a hernia?")
    assert len(checked("With a hernia, fold the dough gently every half hour.", "S6", task=asked)) == 1


@pytest.mark.parametrize("labels", [(), ("S99",), ("",)])
def test_a_sentence_without_a_label_that_exists_is_dropped(labels: tuple[str, ...]) -> None:
    assert checked("Fold the dough gently.", *labels) == []


def test_a_draft_that_found_no_answer_has_no_sentences() -> None:
    draft = Draft(False, (DraftSentence("Fold the dough gently.", ("S6",)),), "scripted:model")
    assert verify(draft, task_over(*BREAD)) == ()


@pytest.mark.parametrize(
    "claim",
    [
        "Mix 500 g of flour with 300 grams of water.",
        "Mix flour and water, 500 to 300 grams.",
        "The dough rests for twenty five minutes.",
        "Fold the dough every 0.5 hours.",
    ],
)
def test_numbers_are_the_same_in_digits_words_and_units(claim: str) -> None:
    assert checked(claim, "S2", "S3", "S6") == [claim]


@pytest.mark.parametrize(
    "claim",
    [
        "Mix 600 grams of flour with water.",
        "Let the dough rest for 25 hours.",
        "Let the dough rest for thirty minutes.",
        "Mix 50% of the flour with water.",
    ],
)
def test_a_number_or_unit_that_the_evidence_does_not_have_drops_the_sentence(claim: str) -> None:
    assert checked(claim, "S2", "S3") == []


def test_a_name_that_the_evidence_does_not_have_drops_the_sentence() -> None:
    assert checked("You bake the sourdough bread with Zebulon.", "S1") == []
    assert checked("You bake the sourdough bread with Anna.", "S1") == ["You bake the sourdough bread with Anna."]


def test_a_name_may_be_said_in_lower_case_as_captions_do() -> None:
    task = task_over("in react the api of hooks is small")
    claim = "The API of hooks in React is small."
    assert checked(claim, "S1", task=task) == [claim]


def test_a_denial_that_nobody_made_drops_the_sentence() -> None:
    assert checked("Do not fold the dough.", "S6") == []
    assert checked("Do not add the salt before the rest.", "S3") == ["Do not add the salt before the rest."]


def test_a_copy_that_lost_its_not_is_dropped() -> None:
    task = task_over("You should not open the oven early.")
    assert checked("You should open the oven early.", "S1", task=task) == []


def test_dont_forget_is_no_denial() -> None:
    task = task_over("Don\u2019t forget to salt the water.")
    assert checked("Salt the water.", "S1", task=task) == ["Salt the water."]


def test_a_neighbour_of_the_cited_sentence_may_carry_a_detail_but_a_distant_sentence_may_not() -> None:
    assert checked("You add ten grams of salt after 25 minutes of rest.", "S4") != []
    assert checked("Fold the dough, then add 10 grams of salt.", "S6") == []


def test_a_sentence_that_is_next_in_the_evidence_but_far_away_in_the_source_is_no_neighbour() -> None:
    far = (
        EvidenceSentence("S1", SourceId(7), 3, "Fold the dough gently."),
        EvidenceSentence("S2", SourceId(7), 90, "The dough needs 40 degrees."),
    )
    task = Task("?", (EvidenceSource("Bread", far),))
    assert checked("Fold the dough at 40 degrees.", "S1", task=task) == []


def test_a_sentence_that_shares_no_words_with_its_evidence_is_dropped() -> None:
    assert checked("The guitar sounds better with new strings.", "S2") == []


def test_a_word_in_one_source_and_another_word_in_the_next_make_no_answer() -> None:
    sources = tuple(
        EvidenceSource(title, (EvidenceSentence(label, SourceId(number), 1, text),))
        for number, (label, title, text) in enumerate(
            [
                ("S1", "Bread", "We let the dough rest in a bowl."),
                ("S2", "Strings", "We tune a guitar in the kitchen."),
            ]
        )
    )
    task = Task("?", sources)

    assert checked("A guitar made of dough sounds warm, dark and very old.", "S1", "S2", task=task) == []
    assert checked("You let dough rest, and you tune a guitar.", "S1", "S2", task=task) != []


def test_an_answer_in_another_language_than_its_evidence_is_held_to_its_numbers_only() -> None:
    kept = "Der Teig muss dann ungef\u00e4hr 25 Minuten ruhen."
    assert checked(kept, "S3") == [kept]
    assert checked(kept.replace("25", "45"), "S3") == []


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Fold the dough gently [S6].", "Fold the dough gently."),
        ("Fold the dough gently (S6, S5).", "Fold the dough gently."),
        ("**Fold** the [dough](https://evil.example/x) gently @everyone.", "Fold the dough gently everyone."),
        ("Fold the dough gently <@123456> t.me/evil", "Fold the dough gently"),
        ("At 99:59, fold the dough gently.", "Fold the dough gently."),
        ("Fold the dough gently (7:31).", "Fold the dough gently."),
        ("1. Fold the dough gently.", "Fold the dough gently."),
    ],
)
def test_links_mentions_markdown_labels_and_invented_times_are_stripped(written: str, shown: str) -> None:
    assert checked(written, "S6") == [shown]


def test_a_time_that_the_evidence_says_is_kept() -> None:
    claim = "At 12:34 the crust gets dark."
    assert checked(claim, "S5") == [claim]


def test_a_sentence_that_was_nothing_but_markup_is_dropped() -> None:
    assert checked("https://evil.example/ <@1>", "S6") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 steps, 3.50 and 3,5", {"1000", "3.5"}),
        ("two hundred and fifty grams", {"250", "250 g"}),
        ("two million three hundred thousand", {"2300000"}),
        ("twenty twenty four", {"20", "24"}),
        ("50 percent, 50%, fifty per cent", {"50", "50 %"}),
        ("$5 or 5 dollars", {"5", "5 $"}),
        ("minus 5 or -5", {"-5"}),
        ("at 02:05:09 or 12:34", {"2:5:9", "12:34"}),
        ("v3.11.2 and MP34", {"3.11.2"}),
        ("the 3rd and the third", {"3"}),
        ("one of these, the first and the 2nd", set()),
        ("one minute", {"1", "1 min"}),
        ("5k users", {"5000"}),
        ("", set()),
    ],
)
def test_numbers_have_one_spelling(text: str, expected: set[str]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In this video Anna says that React's APIs are fine.", {"anna", "react", "api"}),
        ("Anna left. Then it was quiet.", set()),
        ("I think that I like my iPhone.", {"iphone"}),
        ("Der Teig muss im K\u00fchlschrank ruhen, sagt die NASA.", {"nasa"}),
    ],
)
def test_names_are_capitals_inside_a_sentence(text: str, expected: set[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize("text", ["Do not.", "It doesn\u2019t.", "dont", "never", "Das ist nicht so.", "no puedes"])
def test_denials_are_seen(text: str) -> None:
    assert negated(text)


@pytest.mark.parametrize(
    "text", ["Know the knot.", "Not only this.", "Don't forget it.", "Notice nothing but bread."]
)
def test_words_that_only_look_like_a_denial_are_not_one(text: str) -> None:
    assert not negated(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb \u202eevil\u202c", "ab evil"),
        ("@\u200beveryone <@&12> <#34> <t:1:R> </ask:12> <:smile:1>", "everyone"),
        ("see https://x.example/a?b=c, www.x.example and t.me/x", "see and"),
        ("go to example.com or bbc.co.uk", "go to example dot com or bbc dot co dot uk"),
        ("Node.js and main.py", "Node.js and main.py"),
        ("write to a.b@example.org", "write to"),
        ("# Title\n> quote\n- item", "Title quote item"),
        ("`code` ||spoiler|| ~~old~~ *em* snake_case 2 * 3", "code spoiler old em snake_case 2 * 3"),
        ("send /remove now, see /etc/hosts", "send remove now, see /etc/hosts"),
        ("mailto:x [a](tg://user?id=1)", "a"),
        ("the HTTP protocol", "the HTTP protocol"),
        ("0HTTP:0", "0"),
    ],
)
def test_what_a_platform_would_act_on_is_stripped(text: str, shown: str) -> None:
    assert strip_markup(text) == shown


MARKED = st.lists(
    st.sampled_from(
        [*"@<>[]()*_`|~#:/. \n1", "@everyone", "<@1", "http", "https://", "t.me/", ".com", "a", "\u200b", "\u202e"]
    )
).map("".join)


@given(st.one_of(st.text(), MARKED))
def test_stripping_never_fails_and_leaves_nothing_to_act_on(text: str) -> None:
    stripped = strip_markup(text)
    assert strip_markup(stripped) == stripped
    for live in ("://", "@everyone", "@here", "<@", "\n", "\u200b", "\u202e"):
        assert live not in stripped.lower()
    assert re.search(r"https?:\S", stripped, re.IGNORECASE) is None


@given(st.from_regex(markup._PLAIN, fullmatch=True))
def test_what_is_taken_for_plain_words_holds_nothing_to_strip(text: str) -> None:
    assert markup._stripped_once(text) == text


@given(st.one_of(st.text(), MARKED), st.lists(st.sampled_from(["S1", "S2", "S9"])))
def test_checking_never_fails_and_never_invents_a_label(text: str, labels: list[str]) -> None:
    draft = Draft(True, (DraftSentence(text, tuple(labels)),), "scripted:model")
    for sentence in verify(draft, task_over(*BREAD[:2])):
        assert set(sentence.labels) <= {"S1", "S2"} & set(labels)
