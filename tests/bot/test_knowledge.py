"""What the staff writes down, and what becomes of questions that the material does not answer, as conversations."""

from dataclasses import replace

import pytest

from bot.app import Deployment
from core.conversation import Reply, Request
from core.library import learning
from core.library.knowledge import EntryKind
from core.outbox import Parcel
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready
from tests.waiting import eventually

SCHOOL = "school-100"
DRYING = "How long does a charcoal drawing dry?"
IN_WORDS = "It dries at once: charcoal holds no water. More at https://example.com/drying (in detail)."


@pytest.fixture
async def taught(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a community, after uploading a lecture."""
    owner = speaker("1", manages=True)
    await owner.says("setup")
    await owner.says("settings", staff_news="here")
    await owner.says("upload", file=attachment(), title="Shading a sphere")
    await ready(deployment, SCHOOL)
    return owner


async def learnt(deployment: Deployment) -> None:
    """Wait until all that the staff wrote down is searched."""
    url = deployment.address.url

    async def none_waits() -> bool:
        return not await rows(url, "SELECT FROM knowledge_entries WHERE learnt < version")

    await eventually(none_waits, "what was written down to be searched")


async def delivered(deployment: Deployment) -> list[Parcel]:
    """What the outbox has to say, newest last; it stands in the chat from then on."""
    at_once = "UPDATE outbox SET next_attempt_at = now()"  # editing a message again need not wait here
    await change(deployment.address.url, at_once)
    parcels = list(await deployment.outbox.claim("discord", 50))
    for parcel in parcels:
        await deployment.outbox.delivered(parcel, parcel.message_id or str(9000 + parcel.id))
    return parcels


def links_of(reply: Reply) -> set[str]:
    return {span.link for span in reply.text.spans if span.link}


def labels_of(reply: Reply) -> list[str]:
    return [button.label for row in reply.buttons for button in row]


async def test_a_pair_answers_at_once_in_its_own_words_and_within_seconds_in_other_words(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    kept = await taught.says("qa_add", question=DRYING, answer=IN_WORDS, tags="Drying, #care")
    assert "Kept." in kept.text.plain

    for asked in (DRYING, "how long does a charcoal drawing dry", "  HOW LONG does a Charcoal drawing dry?! "):
        answer = await student.says("ask", question=asked)
        assert "It dries at once: charcoal holds no water." in answer.text.plain
        assert "Answer by School 100, " in answer.text.plain
        assert "https://example.com/drying" in links_of(answer)
        assert labels_of(answer) == ["👍", "👎"]
    await learnt(deployment)
    nearly = await student.says("ask", question="Please tell me, how long do charcoal drawings dry?")
    assert "https://example.com/drying" in links_of(nearly), "word for word, with its link"
    other = await student.says("ask", question="Do charcoal drawings never dry?")
    assert "https://example.com/drying" not in links_of(other), "a denial asks something else"
    assert "“It dries at once" in other.text.plain

    near = await student.says("ask", question="Where does the core shadow of the drawing lie?")
    assert labels_of(near) == ["👍", "👎", f"💬 {DRYING}"], "what else is answered about drawings"
    assert "https://example.com/drying" in links_of(await student.presses(near, f"💬 {DRYING}"))

    listed = (await taught.says("qa", tag="care")).text.plain
    assert "by person 1, " in listed
    assert "#drying #care" in listed
    assert "Nothing here fits" in (await taught.says("qa", search="glaze")).text.plain
    assert "charcoal" not in (await student.says("videos")).text.plain, "a pair is no video"
    assert "Only the staff" in (await student.says("qa_add", question="a", answer="b")).text.plain
    stranger = speaker("9", community="200", manages=True)
    await stranger.says("setup")
    assert "dries" not in (await stranger.says("ask", question=DRYING)).text.plain, "another creator's school"
    assert "No question is answered" in (await stranger.says("qa")).text.plain


async def test_a_changed_pair_is_answered_with_as_it_is_now_and_every_step_can_be_taken_back(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2", platform="discord")
    await taught.says("qa_add", question=DRYING, answer=IN_WORDS)
    await learnt(deployment)
    changed = await taught.says("qa_edit", pair="charcoal drawing", answer="A minute at most.")
    assert "version 2" in changed.text.plain
    assert "A minute at most." in (await student.says("ask", question=DRYING)).text.plain
    await taught.presses(changed, "Undo")
    assert "It dries at once" in (await student.says("ask", question=DRYING)).text.plain

    assert "To change it: /qa_edit" in (await taught.says("qa_add", question=DRYING, answer="No.")).text.plain
    removed = await taught.says("qa_remove", pair="charcoal")
    assert "dries" not in (await student.says("ask", question=DRYING)).text.plain
    await taught.presses(removed, "Undo")
    assert "It dries at once" in (await student.says("ask", question=DRYING)).text.plain

    await taught.says("qa_edit", pair="charcoal", tier="gold")
    assert "dries" not in (await student.says("ask", question=DRYING)).text.plain, "it is for gold alone"
    mine = await taught.says("ask", question=DRYING)
    assert "It dries at once" in mine.text.plain
    assert mine.private


async def test_pairs_go_out_and_come_back_as_a_table_and_every_bad_line_is_named(
    taught: Speaker, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "AT_ONCE", 1)  # the rest is learnt in turns of its own
    start = b'How do I start?,"With a circle,\nlightly",basics;first,,Where to begin?\n'
    table = b"question,answer,tags,tier,wordings\n" + start
    assert "Got 1 question" in (await taught.says("qa_add", file=attachment("qa.csv", table))).text.plain
    assert "lightly" in (await taught.says("ask", question="where to begin")).text.plain
    await taught.says("qa_add", question="=How much?", answer="12")
    exported = (await taught.says("qa")).files[0].content
    assert start in exported
    assert b"\n'=How much?," in exported
    again = await taught.says("qa_add", file=attachment("qa.csv", exported.replace(b"lightly", b"softly")))
    assert "Got 2" in again.text.plain
    assert "softly" in (await taught.says("ask", question="How do I start?")).text.plain
    assert "2 questions" in (await taught.says("qa")).text.plain

    await learnt(deployment)
    first = (await taught.says("qa", search="Where to begin")).text.plain.splitlines()[-1].split()[0]
    await taught.says("qa_edit", pair=f"{first}", tags=f"a {first}, x:y")
    assert "#x-y" in (await taught.says("qa", search=first.removeprefix("#"))).text.plain

    bad = b"What?\nHow?,\n,Yes\n\nWhy?,Because\nwhy,So\n"
    refused = (await taught.says("qa_add", file=attachment("qa.csv", bad))).text.plain
    assert "Nothing was added" in refused
    for line in ("Line 1:", "Line 2:", "Line 3:", "Line 6:"):
        assert line in refused
    assert "Line 5:" not in refused
    assert "2 questions" in (await taught.says("qa")).text.plain


async def test_a_note_stands_above_what_the_material_says_on_its_topic_and_answers_where_it_says_nothing(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    rule = "For money back please fill in https://example.com/form"
    await taught.says("note_add", topic="refund, money back", text=rule)
    alone = await student.says("ask", question="Can I get a refund for the course?")
    assert "📌 Note: For money back" in alone.text.plain
    assert "Note by School 100" in alone.text.plain
    assert "https://example.com/form" in links_of(alone)
    assert "form" not in (await student.says("ask", question="Who won the league in 1998?")).text.plain

    await taught.says("note_add", topic="core shadow", text="We call it the terminator here.")
    both = (await student.says("ask", question="Where does the core shadow lie?")).text.plain
    assert both.index("📌 Note: We call it the terminator here. [1]") < both.index("opposite the lamp")
    assert "[2]" in both
    await learnt(deployment)
    assert both == (await student.says("ask", question="Where does the core shadow lie?")).text.plain
    removed = await taught.says("note_remove", note="core")
    assert "terminator" not in (await student.says("ask", question="Where does the core shadow lie?")).text.plain
    await taught.presses(removed, "Undo")
    assert "2 notes" in (await taught.says("notes")).text.plain
    await taught.says("note_edit", note="refund", text="Write to us.")
    assert "Write to us." in (await student.says("ask", question="I want my money back")).text.plain


async def test_a_question_that_nobody_could_answer_goes_to_the_staff_and_comes_back_to_all_who_asked(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    first, second, third = speaker("2"), speaker("3"), speaker("4")
    asked = await first.says("ask", question="Which kiln do you fire porcelain with?")
    put = await first.presses(asked, "🙋 Ask the creator")
    assert "Passed on to the staff" in put.text.plain
    assert "waits for an answer already" in (await first.presses(asked, "🙋 Ask the creator")).text.plain
    assert "Only who asked" in (await second.presses(asked, "🙋 Ask the creator")).text.plain
    same = await second.says("ask", question="With which kiln do you fire porcelain?")
    assert "asked the same" in (await second.presses(same, "🙋 Ask the creator")).text.plain
    also = await third.says("ask", question="Which kiln do you fire porcelain with")
    await third.presses(await third.presses(also, "🙋 Ask the creator"), "Take it back")

    card = (await delivered(deployment))[-1]
    assert "2 people ask" in card.reply.text.plain
    assert "person" not in card.reply.text.plain, "no name"
    assert labels_of(card.reply) == ["Answer", "Dismiss"]

    message_id = str(9000 + card.id)
    words = Request(
        card.place, taught.person, "ask", {"question": "A small one: https://example.com/kiln"}, about=message_id
    )
    draft = await deployment.responder.respond(words)
    assert "A draft" in draft.text.plain
    assert "2 people will be told" in draft.text.plain
    unapproved = await first.says("ask", question="Which kiln do you fire porcelain with?")
    assert "small one" not in unapproved.text.plain
    discarded = await taught.presses(draft, "Discard")
    number = discarded.buttons[0][0].payload
    draft = await taught.says("answer", text=f"{number} A small one, see https://example.com/kiln")
    published = await taught.presses(draft, "Approve")
    assert "2 people who asked will read it" in published.text.plain
    assert "does not wait" in (await taught.presses(draft, "Approve")).text.plain

    told = await delivered(deployment)
    assert {p.place.recipient for p in told if "answered your question" in p.reply.text.plain} == {"2", "3"}
    assert any("https://example.com/kiln" in links_of(p.reply) for p in told if p.place.recipient)
    assert any("✅ Answered" in p.reply.text.plain for p in told if not p.place.recipient), "the card shows it"
    everybody = await speaker("5").says("ask", question="with which kiln do you fire porcelain")
    assert "A small one" in everybody.text.plain
    assert "No question waits" in (await taught.says("answer")).text.plain
    exported = await first.presses(await first.says("privacy"), "Export")
    assert b"asked_the_staff" in exported.files[0].content


async def test_a_person_puts_a_few_questions_a_day_to_the_staff_and_the_staff_may_dismiss_one(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    subjects = ("kiln", "violin", "glacier", "parliament", "bicycle", "volcano")
    for subject in subjects[:5]:
        asked = await student.says("ask", question=f"What is the best {subject} of the world?")
        assert "Passed on" in (await student.presses(asked, "🙋 Ask the creator")).text.plain
    asked = await student.says("ask", question=f"What is the best {subjects[5]} of the world?")
    assert "tomorrow" in (await student.presses(asked, "🙋 Ask the creator")).text.plain

    listed = await taught.says("answer")
    assert all(subject in listed.text.plain for subject in subjects[:5])
    card = next(p for p in await delivered(deployment) if "kiln" in p.reply.text.plain)
    dismissed = await taught.presses(card.reply, "Dismiss")
    assert "kiln" not in (await taught.says("answer")).text.plain
    await taught.presses(dismissed, "Undo")
    assert "kiln" in (await taught.says("answer")).text.plain
    assert "Only the staff" in (await student.presses(card.reply, "Dismiss")).text.plain


async def test_the_staff_take_a_wrong_answer_back_where_it_stands_and_nobody_gets_it_again(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student, question = speaker("2"), "Where does the core shadow lie?"
    answered = await student.says("ask", question=question)
    assert labels_of(await student.presses(answered, "👎")) == [], "a student only votes"
    await delivered(deployment)
    down = answered.buttons[0][1]
    pressed = Request(taught.place, taught.person, down.action, {"payload": down.payload}, about="4711")
    voted = await deployment.responder.respond(pressed)
    taken = await taught.presses(voted, "It is wrong: take it back")
    assert "What is right?" in taken.text.plain

    edited = next(p for p in await deployment.outbox.claim("discord", 50) if p.message_id == "4711")
    assert "took this answer back" in edited.reply.text.plain
    assert edited.place.channel == student.place.channel
    again = await student.says("ask", question=question)
    assert "took back" in again.text.plain
    assert "opposite the lamp" not in again.text.plain
    assert "already" in (await taught.presses(voted, "It is wrong: take it back")).text.plain

    number = taken.text.plain.split("question:")[1].split()[0]
    await taught.presses(await taught.says("answer", question=number, text="On the far side."), "Approve")
    assert "On the far side." in (await student.says("ask", question=question)).text.plain

    voted = await deployment.responder.respond(
        replace(pressed, arguments={"payload": await _down(student, question)})
    )
    await taught.presses(voted, "It is wrong: take it back")
    assert "took back" in (await student.says("ask", question=question)).text.plain, "what was written was wrong, too"
    await taught.says("qa_edit", pair="core shadow", answer="Opposite, as I said.")
    assert "as I said" in (await student.says("ask", question=question)).text.plain


async def _down(student: Speaker, question: str) -> str:
    """What the button says that votes an answer down."""
    return (await student.says("ask", question=question)).buttons[0][1].payload


async def test_gaps_group_what_was_asked_in_vain_without_a_name_and_can_be_answered(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    assert "no question was left" in (await taught.says("gaps")).text.plain
    for number, question in enumerate(
        (
            "How do I glaze a porcelain bowl?",
            "how can I glaze my porcelain bowls",
            "What about glazing porcelain bowls?",
        )
    ):
        await speaker(str(20 + number)).says("ask", question=question)
    await speaker("30").says("ask", question="Who won the football league in 1998?")
    rated = await speaker("31").says("ask", question="At which distance do I spray the drawing?")
    await speaker("31").presses(rated, "👎")

    shown = await taught.says("gaps")
    lines = [line for line in shown.text.plain.splitlines() if line[:1].isdigit()]
    assert "asked 3 times by 3 people" in lines[0]
    assert "glaz" in lines[0]
    assert len(lines) == 3
    assert any("spray" in line and "1 of the answers rated badly" in line for line in lines)
    assert "person 2" not in shown.text.plain
    taken_up = await taught.presses(shown, "Answer 1")
    waiting = taken_up.text.plain.split("question:")[1].split()[0]
    await taught.presses(await taught.says("answer", question=waiting, text="Dip it for a second."), "Approve")
    question = taken_up.text.plain.split("“")[1].split("”")[0]
    assert "Dip it" in (await speaker("40").says("ask", question=question)).text.plain
    assert question not in (await taught.says("gaps")).text.plain
    await change(
        deployment.address.url, "SET app.creator_id = 1; UPDATE asked SET asked_at = now() - interval '31 days'"
    )
    assert "no question was left" in (await taught.says("gaps")).text.plain
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    await deployment.tidy(creator.id)
    assert await rows(deployment.address.url, "SELECT FROM asked") == []
    assert (await deployment.services.knowledge.find(creator.id, EntryKind.PAIR, limit=5)).total == 1
