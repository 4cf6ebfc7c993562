"""How an answer looks in a chat."""

from bot.commands.answers import answer_reply
from core.asking.answer import Answer, Confidence, Mode, Outcome, Sentence
from core.asking.notices import QUOTED_FROM, UNFINISHED, in_language
from core.ids import CreatorId


def test_what_stands_around_quotes_is_in_the_language_of_the_answer() -> None:
    quoted = Answer(
        Outcome.ANSWERED, Mode.QUOTED, Confidence.HIGH, (Sentence("It dries."),), finished=False, language="de"
    )
    shown = answer_reply(quoted, CreatorId(1), None).text.plain.split("\n\n")
    assert (shown[0], shown[-1]) == (in_language(QUOTED_FROM, "de"), in_language(UNFINISHED, "de"))
    assert shown[0] != QUOTED_FROM
