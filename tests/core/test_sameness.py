import pytest

from adapters.sources.stemming import SnowballStemmer
from core.asking.sameness import Difference, difference

STEM = SnowballStemmer()
BOIL = "How do I boil an egg?"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BOIL, "how do I boil an egg"),
        (BOIL, "Hi, can you please tell me how to boil an egg? Thanks!"),
        (BOIL, "What's the best way to boil an egg?"),
        ("How hard should I tamp?", "How hard do I have to tamp?"),
        ("For a dark roast, which temperature do I use?", "Which temperature should I use for a dark roast?"),
        ("What is the temperature of the water?", "What's the water temperature?"),
        ("What are Saturn's rings made of?", "What are the rings of Saturn made of?"),
        ("What is the difference between a cup and a mug?", "What's the difference between a mug and a cup?"),
        ("Does it take 5 minutes?", "Does it take five min?"),
        ("Wie lange muss der Teig ruhen?", "wie lange muss der teig ruhen"),
        ("Hi! When do I use <ul>?", "When should I use <ul>"),
        ("Is 5% enough, at 12:30?", "Is 5 percent enough at 12:30?"),
    ],
)
def test_wordings_of_one_question_ask_the_same(one: str, other: str) -> None:
    assert difference(one, other, STEM) is None
    assert difference(other, one, STEM) is None


@pytest.mark.parametrize(
    ("one", "other", "told_by"),
    [
        ("Does it take 5 minutes?", "Does it take 5 hours?", Difference.NUMBERS),
        ("What does 10 by 50 mean?", "What does 50 by 10 mean?", Difference.WORDING),
        ("Is it sold in Rome?", "Is it sold in Oslo?", Difference.NAMES),
        ("Is Rome larger than Oslo?", "Is Oslo larger than Rome?", Difference.WORDING),
        ("Why does it rise?", "Why doesn't it rise?", Difference.NEGATION),
        ("Do I salt before boiling?", "Do I salt after boiling?", Difference.WORDING),
        ("How do I turn on the pump?", "How do I turn off the pump?", Difference.WORDING),
        ("How do I turn PDF into Word?", "How do I turn Word into PDF?", Difference.WORDING),
        ("Do I pour milk into the tea?", "Do I pour tea into the milk?", Difference.WORDING),
        ("Does heat change pressure?", "Does pressure change heat?", Difference.WORDING),
        (BOIL, "Why do I boil an egg?", Difference.WORDING),
        (BOIL, "How long do I boil an egg?", Difference.WORDING),
        (BOIL, "Can I boil an egg?", Difference.WORDING),
        (BOIL, "How do I boil a large egg?", Difference.WORDING),
        ("Can I boil an egg?", "Should I boil an egg?", Difference.WORDING),
        ("Must I boil an egg?", "Should I boil an egg?", Difference.WORDING),
        ("When does the show start?", "When did the show start?", Difference.WORDING),
        ("When does the show start?", "When will the show start?", Difference.WORDING),
        ("Which pan should I use?", "Which pan do you use?", Difference.WORDING),
        ("How much does a coffee cup cost?", "How much does a cup of coffee cost?", Difference.WORDING),
        ("Who did the king beat?", "Who beat the king?", Difference.WORDING),
        ("What is a mask?", "What does a mask do?", Difference.WORDING),
        ("What is C?", "What is C++?", Difference.WORDING),
        ("When do I use <ul> in a page?", "When do I use <ol> in a page?", Difference.WORDING),
        ("When do I use </ul>?", "When do I use <ul>?", Difference.WORDING),
        ("What does @patch do?", "What does patch do?", Difference.WORDING),
        ("What does ** do?", "What does * do?", Difference.WORDING),
        ("What is 2^3?", "What is 2*3?", Difference.WORDING),
        ("Is it O(n)?", "Is it O[n]?", Difference.WORDING),
        ("Is x >= 3?", "Is x = 3?", Difference.WORDING),
        ("Wie lange muss der Teig ruhen?", "Wie lange darf der Teig ruhen?", Difference.WORDING),
    ],
)
def test_questions_that_only_look_alike_are_told_apart(one: str, other: str, told_by: Difference) -> None:
    assert difference(one, other, STEM) is told_by
    assert difference(other, one, STEM) is told_by
