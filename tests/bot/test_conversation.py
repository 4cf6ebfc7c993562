"""Whole conversations through the one responder: a real database, the real embedder, a real worker."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from adapters.discord.markup import messages
from bot.app import Deployment
from bot.commands.everything import EVERYTHING
from bot.commands.registry import Services
from bot.sample import LOCAL, join_everything, whom_to_ask
from core.conversation import Audience, Person, Reply, Request, Role
from core.members.directory import SET_UP_ALREADY, Purpose
from core.richtext import Span, Style
from tests.adapters.school import change, rows
from tests.bot.conftest import LECTURE, Speaker, SpeakerMaker, attachment, ready

SCHOOL = "school-100"


@pytest.fixture
async def owner(speaker: SpeakerMaker) -> Speaker:
    """The owner of a community that is set up."""
    made = speaker("1", manages=True)
    assert "is ready here" in (await made.says("setup")).text.plain
    return made


@pytest.fixture
async def taught(owner: Speaker, worker: None, deployment: Deployment) -> Speaker:
    """That owner, after uploading a lecture with a link."""
    await owner.says("upload", file=attachment(), link="https://youtu.be/abcdefghijk", title="Shading a sphere")
    await ready(deployment, SCHOOL)
    return owner


def links_of(reply: Reply) -> list[str]:
    return [span.link for span in reply.text.spans if span.link]


async def test_a_students_question_is_answered_with_a_link_to_the_second(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    reply = await speaker("2").says("ask", question="Where does the core shadow lie?")
    assert "opposite the lamp" in reply.text.plain
    assert any("watch?v=abcdefghijk" in link and "t=14" in link for link in links_of(reply))
    assert [button.label for row in reply.buttons for button in row] == ["👍", "👎", "▶ Watch"]


async def test_an_unrelated_question_is_declined_and_not_guessed(taught: Speaker) -> None:
    reply = await taught.says("ask", question="Which football club won the league in 1998?")
    assert "does not cover" in reply.text.plain
    assert not links_of(reply)


async def test_a_follow_up_takes_the_context_and_new_forgets_it(taught: Speaker) -> None:
    await taught.says("ask", question="How do I fix the drawing with spray?")
    followed = await taught.says("ask", question="And at which distance?")
    assert "30 centimeters" in followed.text.plain
    assert "afresh" in (await taught.says("new")).text.plain
    assert "nothing to forget" in (await taught.says("new")).text.plain


async def test_an_unrelated_short_question_in_a_session_is_declined_all_the_same(taught: Speaker) -> None:
    await taught.says("ask", question="Where does the core shadow lie?")
    reply = await taught.says("ask", question="How do I feed the sourdough starter?")
    assert "does not cover" in reply.text.plain


async def test_the_same_file_twice_changes_nothing(taught: Speaker, deployment: Deployment) -> None:
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    before = await deployment.holdings.state(creator.id)
    reply = await taught.says("upload", file=attachment("again.vtt"))
    assert "already" in reply.text.plain
    assert await deployment.holdings.state(creator.id) == before


async def test_a_removed_source_is_gone_from_answers_at_once_and_undo_brings_it_back(taught: Speaker) -> None:
    removed = await taught.says("remove", source="sphere")
    assert "Removed" in removed.text.plain
    gone = await taught.says("ask", question="Where does the core shadow lie?")
    assert "opposite the lamp" not in gone.text.plain
    await taught.presses(removed, "Undo")
    back = await taught.says("ask", question="Where does the core shadow lie?")
    assert "opposite the lamp" in back.text.plain


async def test_another_community_never_hears_of_it(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    stranger = speaker("9", community="200", manages=True)
    await stranger.says("setup")
    other = LECTURE.replace(b"sphere", b"cube").replace(b"core shadow", b"corner")
    await stranger.says("upload", file=attachment("cube.vtt", other))
    await ready(deployment, "school-200")
    reply = await stranger.says("ask", question="Where does the core shadow of the sphere lie?")
    assert "core shadow" not in reply.text.plain
    assert "core shadow" not in (await stranger.says("history")).text.plain.replace(
        "Where does the core shadow of the sphere lie?", ""
    )


async def test_votes_are_kept_and_only_on_answers_that_exist(taught: Speaker, speaker: SpeakerMaker) -> None:
    student = speaker("2")
    reply = await student.says("ask", question="Where does the core shadow lie?")
    assert "Thank you" in (await student.presses(reply, "👍")).text.plain
    creator_id = reply.buttons[0][0].payload.split(":")[0]
    assert "not kept" in (await student.says("vote", payload=f"{creator_id}:999999:1")).text.plain


async def test_staff_commands_are_refused_to_others_even_typed_by_hand(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    student = speaker("2")
    for command, arguments in (("remove", {"source": "sphere"}), ("settings", {}), ("restore", {"payload": "1"})):
        assert "Only the staff" in (await student.says(command, **arguments)).text.plain
    assert "Only the staff" in (await student.says("upload", file=attachment())).text.plain
    assert "manages" in (await speaker("3", community="300").says("setup")).text.plain


async def test_who_may_upload_is_known_before_a_file_is_taken_for_an_upload(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    async def may(who: Speaker, command: str = "upload") -> bool:
        return await who.deployment.responder.may(Request(who.place, who.person, command))

    assert await may(taught), "the owner"
    assert await may(speaker("1", community="")), "the owner, in a direct conversation"
    assert await may(speaker("4", manages=True))
    assert not await may(speaker("2"))
    assert not await may(speaker("2", community=""))
    assert not await may(taught, "no_such_command")
    assert await may(speaker("2"), "ask")


async def test_a_community_that_is_not_set_up_gets_one_line_that_names_setup(speaker: SpeakerMaker) -> None:
    reply = await speaker("2", community="300").says("ask", question="Hello there, how are you?")
    assert "/setup" in reply.text.plain
    assert "\n" not in reply.text.plain


async def test_the_owner_joins_a_second_community_with_a_code(taught: Speaker, speaker: SpeakerMaker) -> None:
    shown = await taught.says("settings")
    reply = await taught.presses(shown, "Code for another community")
    code = reply.text.plain.split("code:")[1].split()[0]
    there = speaker("1", community="500", manages=True)
    assert "is ready here" in (await there.says("setup", code=code)).text.plain
    asked = await speaker("7", community="500").says("ask", question="Where does the core shadow lie?")
    assert "opposite the lamp" in asked.text.plain


async def test_a_direct_message_needs_a_creator_and_finds_the_only_one(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    assert "Ask once" in (await speaker("2", community="").says("ask", question="Where is the shadow?")).text.plain
    await speaker("2").says("ask", question="Where does the core shadow lie?")
    reply = await speaker("2", community="").says("ask", question="Where does the core shadow lie?")
    assert "opposite the lamp" in reply.text.plain


async def test_enrolled_only_means_enrolled_only(taught: Speaker, speaker: SpeakerMaker) -> None:
    assert "enrolled" in (await taught.says("settings", who_may_ask="enrolled")).text.plain
    assert "for enrolled students" in (await speaker("2").says("ask", question="Where is the shadow?")).text.plain


async def test_private_answers_are_known_before_the_work_begins(taught: Speaker, speaker: SpeakerMaker) -> None:
    await taught.says("settings", answers="private")
    student = speaker("2")
    request = Request(student.place, student.person, "ask", {"question": "Where is the shadow?"})
    assert await taught.deployment.responder.private(request)


async def test_privacy_exports_and_erases_everything(taught: Speaker, speaker: SpeakerMaker) -> None:
    student = speaker("2")
    await student.says("ask", question="Where does the core shadow lie?")
    shown = await student.says("privacy")
    exported = await student.presses(shown, "Export")
    assert "core shadow" in json.loads(exported.files[0].content)["messages"][0]["question"]
    sure = await student.presses(shown, "Erase everything")
    await student.presses(sure, "Yes, erase everything")
    assert "not asked anything" in (await student.says("history")).text.plain


async def test_an_answer_is_kept_and_shown_where_what_stands_below_it_cannot_be_found(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await change(deployment.address.url, "ALTER TABLE quizzes RENAME TO quizzes_away")
    reply = await student.says("ask", question="Where does the core shadow lie?")
    await change(deployment.address.url, "ALTER TABLE quizzes_away RENAME TO quizzes")
    assert "opposite the lamp" in reply.text.plain
    assert "\N{THUMBS UP SIGN}" in [button.label for row in reply.buttons for button in row]
    assert "opposite the lamp" in (await student.says("history")).text.plain


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("", "needs question"),
        ("🎉🎉🎉", "could not find a question"),
        ("-" * 60, "could not find a question"),
        ("x" * 10_000, "characters"),
        ("'; DROP TABLE sources; --", "does not cover"),
        ("как рисовать шар углем", ""),
    ],
)
async def test_odd_questions_get_words_back(taught: Speaker, question: str, words: str) -> None:
    reply = await taught.says("ask", question=question)
    assert words in reply.text.plain
    assert reply.text.plain
    assert "went wrong" not in reply.text.plain


async def test_of_twenty_questions_at_once_eight_are_answered_and_the_rest_read_when_it_goes_on(
    taught: Speaker, database_url: str
) -> None:
    questions = [taught.says("ask", question="Where does the core shadow lie?") for _ in range(20)]
    replies = [reply.text.plain for reply in await asyncio.gather(*questions)]
    assert sum("opposite the lamp" in reply for reply in replies) == 8
    refused = [reply for reply in replies if "opposite the lamp" not in reply]
    wanted = r"That is 8 questions within a minute\. You can go on asking in (1 minute|[1-5]?\d seconds?)\."
    assert all(re.fullmatch(wanted, reply) for reply in refused), refused
    assert len(await rows(database_url, "SELECT 1 FROM chat_messages")) == 8
    (used,) = await rows(database_url, "SELECT count(*) AS asked, sum(reserved_usd) AS reserved FROM usage")
    assert (used["asked"], used["reserved"]) == (8, 0)


async def test_a_bad_file_is_refused_with_the_rule(owner: Speaker) -> None:
    reply = await owner.says("upload", file=attachment("notes.vtt", b"\x00\x01\x02 no captions"))
    assert reply.text.plain
    assert "went wrong" not in reply.text.plain
    assert "Got it" not in reply.text.plain


async def test_the_card_of_an_upload_ends_with_ready(taught: Speaker, deployment: Deployment) -> None:
    parcels = await deployment.outbox.claim("discord", 10)
    assert "is ready" in parcels[-1].reply.text.plain


async def test_help_shows_students_no_staff_commands(taught: Speaker, speaker: SpeakerMaker) -> None:
    assert "/upload" in (await taught.says("help")).text.plain
    shown = (await speaker("2").says("help")).text.plain
    assert "/ask" in shown
    assert "/upload" not in shown


async def test_an_unexpected_failure_becomes_words_with_a_number(taught: Speaker, deployment: Deployment) -> None:
    async with deployment.database.system() as connection:
        await connection.execute("SELECT 1")
    await deployment.database.close()
    reply = await taught.says("ask", question="Where does the core shadow lie?")
    assert "number" in reply.text.plain
    assert "Traceback" not in reply.text.plain


async def test_the_terminal_says_who_is_here_and_whom_it_asks_first(deployment: Deployment) -> None:
    assert "chronos creator add" in await whom_to_ask(deployment)
    for number in range(8):
        await deployment.directory.add_creator(f"school-{number}", f"School {number}", None)
    await deployment.directory.add_creator("night-sky", "Night Sky", None)
    _, creators = await join_everything(deployment)
    words = await whom_to_ask(deployment)
    assert "and 3 more" in words
    assert f"You ask {creators[0].name} first" in words
    await deployment.directory.prefer(LOCAL, next(c.id for c in creators if c.handle == "night-sky"))
    assert "You ask Night Sky first, such as: How do I find the North Star?" in await whom_to_ask(deployment)


# Who is enrolled.


async def invite_code(staff: Speaker) -> str:
    made = await staff.presses(await staff.says("students"), "Invite code")
    return made.text.plain.split("code:")[1].split()[0]


async def test_an_invite_code_lets_people_in_and_the_refusal_names_it(taught: Speaker, speaker: SpeakerMaker) -> None:
    await taught.says("settings", who_may_ask="enrolled")
    student = speaker("2")
    refused = await student.says("ask", question="Where does the core shadow lie?")
    assert "/enroll code:" in refused.text.plain
    assert "You are enrolled" in (await student.says("enroll", code=await invite_code(taught))).text.plain
    assert "opposite the lamp" in (await student.says("ask", question="Where does the core shadow lie?")).text.plain


async def test_in_a_private_chat_the_code_decides_the_creator(taught: Speaker, speaker: SpeakerMaker) -> None:
    elsewhere = speaker("9", community="200", manages=True)
    await elsewhere.says("setup")
    student = speaker("2", community="")
    await student.says("enroll", code=await invite_code(elsewhere))
    await student.says("enroll", code=await invite_code(taught))
    assert "opposite the lamp" in (await student.says("ask", question="Where does the core shadow lie?")).text.plain


async def test_a_code_of_another_creator_or_none_enrols_nobody(taught: Speaker, speaker: SpeakerMaker) -> None:
    elsewhere = speaker("9", community="200", manages=True)
    await elsewhere.says("setup")
    foreign = await invite_code(elsewhere)
    for code in (foreign, "nonsense", ""):
        reply = await speaker("2").says("enroll", code=code)
        assert "enrolled with" not in reply.text.plain
        assert "code" in reply.text.plain
    assert "/setup" in (await speaker("2", community="300").says("enroll", code=foreign)).text.plain
    assert "person 2" not in (await taught.says("students")).text.plain


async def test_a_revoked_invite_code_works_no_more(taught: Speaker, speaker: SpeakerMaker) -> None:
    made = await taught.presses(await taught.says("students"), "Invite code")
    assert "Revoked: 1" in (await taught.presses(made, "Revoke all invite codes")).text.plain
    code = made.text.plain.split("code:")[1].split()[0]
    assert "revoked" in (await speaker("2").says("enroll", code=code)).text.plain


async def test_staff_pause_a_student_whom_no_code_brings_back_and_the_same_command_does(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    student = speaker("2")
    await student.says("ask", question="Where does the core shadow lie?")
    paused = await taught.says("students", member=student.person, status="paused")
    assert "now paused (before: active)" in paused.text.plain
    code = await invite_code(taught)
    for reply in (
        await student.says("ask", question="Where does the core shadow lie?"),
        await student.says("enroll", code=code),
        await speaker("2", community="").says("enroll", code=code),
    ):
        assert "is paused" in reply.text.plain
        assert "staff" in reply.text.plain
    assert "person 2: paused since" in (await taught.says("students", member="person 2")).text.plain
    assert "person 2" in (await taught.says("students", status="paused")).text.plain
    assert "person 2" not in (await taught.says("students", status="active")).text.plain
    await taught.says("students", member="person 2", status="active")
    assert "opposite the lamp" in (await student.says("ask", question="Where does the core shadow lie?")).text.plain


async def test_staff_enrol_somebody_who_never_wrote_and_looking_somebody_up_keeps_nothing(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    await taught.says("settings", who_may_ask="enrolled")
    student = speaker("2")
    assert "is not enrolled" in (await taught.says("students", member=student.person)).text.plain
    async with deployment.database.system() as connection:
        assert not await connection.fetchval("SELECT count(*) FROM identities WHERE external_id = '2'")
    reply = await taught.says("students", member=student.person, status="active")
    assert "now active (before: not enrolled)" in reply.text.plain
    assert "active already" in (await taught.says("students", member=student.person, status="active")).text.plain
    assert "opposite the lamp" in (await student.says("ask", question="Where does the core shadow lie?")).text.plain


async def test_a_name_that_fits_nobody_or_several_is_asked_about(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    for number in ("21", "22"):
        await deployment.directory.enrol(creator.id, await deployment.directory.student(speaker(number).person))
    assert "No student here" in (await owner.says("students", member="nobody", status="ended")).text.plain
    several = (await owner.says("students", member="person", status="ended")).text.plain
    assert "id 21" in several
    assert "id 22" in several
    assert "now ended" in (await owner.says("students", member="22", status="ended")).text.plain


async def test_a_long_list_of_students_has_pages(owner: Speaker, deployment: Deployment) -> None:
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    for number in range(41):
        person = Person("discord", f"10{number}", f"Student {number:02}")
        await deployment.directory.enrol(creator.id, await deployment.directory.student(person))
    first = await owner.says("students")
    assert "41 (here 1 to 20)" in first.text.plain
    third = await owner.presses(await owner.presses(first, "More"), "More")
    assert "Student 40" in third.text.plain
    assert third.replaces
    assert [button.label for row in third.buttons for button in row] == ["Back", "Invite code"]
    for payload in ("x", "999999", "1:odd", "-1:"):
        assert "went wrong" not in (await owner.says("students_page", payload=payload)).text.plain


async def test_the_students_and_their_codes_are_for_staff_alone(taught: Speaker, speaker: SpeakerMaker) -> None:
    student = speaker("2")
    for command, arguments in (
        ("students", {}), ("students_page", {"payload": "0:"}), ("invite", {}), ("revoke_invites", {}),
        ("no_staff_role", {}),
    ):  # fmt: skip
        assert "Only the staff" in (await student.says(command, **arguments)).text.plain


# Who owns, who is staff, who may set up.


async def test_two_who_set_up_at_once_get_one_creator_and_one_refusal(
    speaker: SpeakerMaker, deployment: Deployment
) -> None:
    replies = await asyncio.gather(*(speaker(n, manages=True).says("setup") for n in ("1", "2")))
    assert sorted("is ready here" in reply.text.plain for reply in replies) == [False, True]
    assert any("set up already" in reply.text.plain for reply in replies)
    assert len(await deployment.directory.creators()) == 1


async def test_an_owner_who_erases_themselves_is_warned_and_the_operator_finds_a_new_one(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    warning = await taught.presses(await taught.says("privacy"), "Erase everything")
    assert "You own School 100" in warning.text.plain
    assert "operator" in warning.text.plain
    await taught.presses(warning, "Yes, erase everything")
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    assert creator.owner_id is None
    made = await deployment.directory.new_join_code(creator.id, Purpose.OWNERSHIP)
    heir = speaker("5", manages=True)
    assert "You are the owner" in (await heir.says("setup", code=made.code)).text.plain
    assert "Code for another community" in str((await heir.says("settings")).buttons)


async def test_a_suspended_student_learns_what_erasing_leaves_and_does_not_come_back_as_new(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    student = speaker("2")
    await taught.says("students", member=student.person, status="ended")
    assert "mark" in (await student.says("privacy")).text.plain
    warning = await student.presses(await student.says("privacy"), "Erase everything")
    assert "School 100" in warning.text.plain
    assert "may not ask School 100" in (await student.presses(warning, "Yes, erase everything")).text.plain
    assert "is ended" in (await student.says("ask", question="Where does the core shadow lie?")).text.plain


async def test_a_staff_role_is_shown_by_its_name_and_can_be_cleared(owner: Speaker, speaker: SpeakerMaker) -> None:
    helper = speaker("6")
    helper.person = replace(helper.person, roles=frozenset({"77", "100"}))
    shown = await owner.says("settings", staff_role=Role("77"))
    assert Span("77", Style.ROLE) in shown.text.spans
    assert "Students of" in (await helper.says("students")).text.plain
    await owner.presses(shown, "No staff role")
    assert "Only the staff" in (await helper.says("students")).text.plain
    assert "everybody would be staff" in (await owner.says("settings", staff_role=Role("100"))).text.plain
    assert "Only the staff" in (await helper.says("students")).text.plain


async def test_where_there_are_no_roles_that_is_said(speaker: SpeakerMaker) -> None:
    administrator = speaker("1", platform="telegram", manages=True)
    await administrator.says("setup")
    assert "no roles here" in (await administrator.says("settings", staff_role="Helpers")).text.plain
    assert "Staff role: none" in (await administrator.says("settings", staff_role="none")).text.plain


@pytest.mark.parametrize(("registration", "new", "with_code"), [("open", 1, 1), ("invite", 0, 1), ("closed", 0, 1)])
async def test_registration_says_who_may_set_up(
    speaker: SpeakerMaker, deployment: Deployment, registration: str, new: int, with_code: int
) -> None:
    services = replace(deployment.services, registration=registration, contact="ops@example.org")
    there = replace(deployment, responder=replace(deployment.responder, services=services))
    creator = await deployment.directory.add_creator("added", "Added", None)
    made = await deployment.directory.new_join_code(creator.id, Purpose.OWNERSHIP)
    for community, arguments, works in (("100", {}, new), ("200", {"code": made.code}, with_code)):
        person = replace(speaker("1", community=community, manages=True), deployment=there)
        reply = (await person.says("setup", **arguments)).text.plain
        assert ("is ready here" in reply) is bool(works)
        assert works or "ops@example.org" in reply


async def test_where_registration_is_closed_a_code_of_another_creators_owner_opens_nothing(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    made = await deployment.directory.new_join_code(creator.id)
    there = replace(deployment, responder=replace(deployment.responder, services=closed(deployment)))
    elsewhere = replace(speaker("1", community="500", manages=True), deployment=there)
    assert "not the operator's" in (await elsewhere.says("setup", code=made.code)).text.plain
    here = replace(owner, deployment=there)
    assert "Code for another community" not in str((await here.says("settings")).buttons)
    assert "only with a code of their own" in (await here.says("join_code")).text.plain


def closed(deployment: Deployment) -> Services:
    return replace(deployment.services, registration="closed")


# What each person reads and sees.


async def test_whoever_uses_a_staff_command_before_the_setup_reads_what_comes_first(speaker: SpeakerMaker) -> None:
    for person in (speaker("1", community="300", manages=True), speaker("2", community="300")):
        for command in ("upload", "settings", "students", "remove", "invite"):
            reply = (await person.says(command)).text.plain
            assert "/setup" in reply
            assert "\n" not in reply


async def test_a_staff_command_in_a_private_chat_without_a_chosen_creator_names_creator(
    owner: Speaker, speaker: SpeakerMaker
) -> None:
    await speaker("1", community="200", manages=True).says("setup")
    alone = speaker("1", community="")
    assert "/creator" in (await alone.says("settings")).text.plain
    assert "Type /setup in the server or group" in (await alone.says("setup")).text.plain
    assert "do not know yet" in (await speaker("2", community="").says("upload")).text.plain


async def commands_shown_to(person: Speaker, command: str = "help") -> set[str]:
    return set(re.findall(r"^/(\w+)", (await person.says(command)).text.plain, re.MULTILINE))


def commands_for(audience: Audience) -> set[str]:
    declared = (entry.command for entry in EVERYTHING.commands.values())
    return {c.name for c in declared if c.audience is audience and not c.unlisted and not c.direct_only}


STAFF_COMMANDS = commands_for(Audience.STAFF)


async def test_help_and_start_show_what_works_for_this_person_in_this_place(
    owner: Speaker, speaker: SpeakerMaker
) -> None:
    students = commands_for(Audience.EVERYONE)
    assert students > {"ask", "new", "history", "balance", "videos", "help", "privacy"}
    assert {"upload", "status", "remove", "settings", "students", "grant"} < STAFF_COMMANDS
    for command in ("help", "start"):
        assert await commands_shown_to(speaker("2"), command) == students
        assert await commands_shown_to(speaker("2", community=""), command) == students | {"creator"}
        assert await commands_shown_to(owner, command) == students | STAFF_COMMANDS
    assert await commands_shown_to(speaker("2", community="300")) == students
    assert await commands_shown_to(speaker("2", community="300", manages=True)) == students | {"setup"}


async def test_help_has_the_commands_of_the_staff_apart_in_a_message_of_their_own(
    owner: Speaker, speaker: SpeakerMaker
) -> None:
    for_everyone, *for_staff = messages((await owner.says("help")).text)
    assert "\n\n**Everyone**\n" in for_everyone
    assert for_staff[0].startswith("**Staff**\n")
    assert set(re.findall(r"^`/(\w+)`", "\n".join(for_staff), re.MULTILINE)) == STAFF_COMMANDS
    (students,) = messages((await speaker("2").says("help")).text)
    assert "**" not in students


def test_menus_begin_with_asking_and_end_with_what_is_for_the_staff() -> None:
    declared = [entry.command for entry in EVERYTHING.commands.values()]
    shown = [c.name for c in declared if not c.unlisted]
    assert shown[:6] == ["ask", "new", "history", "help", "videos", "watch"]
    for_everyone = [c.audience is Audience.EVERYONE for c in declared]
    assert for_everyone == sorted(for_everyone, reverse=True)
    assert declared[for_everyone.count(True)].name == "upload"


async def test_history_shows_answers_with_sources_and_what_was_declined(taught: Speaker) -> None:
    await taught.says("ask", question="Where does the core shadow lie?")
    await taught.says("ask", question="Which football club won the league in 1998?")
    reply = await taught.says("history")
    declined, answered = reply.text.plain.split("\n\n")[1:3]
    assert "football" in declined
    assert "Declined: The material here does not cover that" in declined
    assert "opposite the lamp" in answered
    assert "[1] Shading a sphere 0:14" in answered
    assert any("t=14" in link for link in links_of(reply))
    assert "School 100" not in reply.text.plain


async def test_history_names_whom_each_question_was_asked_where_they_are_mixed(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    await speaker("9", community="200", manages=True).says("setup")
    for community in ("100", "200"):
        await speaker("2", community=community).says("ask", question="Where does the core shadow lie?")
    mixed = (await speaker("2", community="").says("history")).text.plain
    assert "School 100" in mixed
    assert "School 200" in mixed


async def test_a_name_is_one_visible_line_without_links(owner: Speaker, speaker: SpeakerMaker) -> None:
    await owner.says("settings", name="Free\n\u202eloohcS\u202c \u200bart\x07")
    assert "Name: Free loohcS art\n" in (await owner.says("settings")).text.plain
    assert "cannot hold a link" in (await owner.says("settings", name="see https://evil.example")).text.plain
    assert "1 to 100" in (await owner.says("settings", name="\u202e\u200b")).text.plain
    odd = speaker("5", community="700", manages=True)
    odd.place = replace(odd.place, community_name="Night\u202e\nsky")
    assert "Night sky is ready here" in (await odd.says("setup")).text.plain
    odd.place = replace(odd.place, community="800", community_name="https://evil.example")
    assert "My community is ready here" in (await odd.says("setup")).text.plain


async def test_a_title_is_one_visible_line(owner: Speaker, worker: None, deployment: Deployment) -> None:
    reply = await owner.says("upload", file=attachment(), title="Shading\n\u202ea sphere\u200b")
    assert "Got it. Shading a sphere: the card" in reply.text.plain
    await ready(deployment, SCHOOL)


async def test_suggestions_of_staff_commands_are_for_staff(taught: Speaker, speaker: SpeakerMaker) -> None:
    async def suggested(person: Speaker) -> list[str]:
        request = Request(person.place, person.person, "remove", {"source": "sph"})
        return [found.label for found in await taught.deployment.responder.suggest(request, "source", "sph")]

    assert await suggested(taught) == ["Shading a sphere"]
    assert await suggested(speaker("2")) == []


async def test_setting_up_twice_is_said_in_the_same_words_with_and_without_a_code(owner: Speaker) -> None:
    replies = {(await owner.says("setup")).text.plain, (await owner.says("setup", code="nonsense")).text.plain}
    assert replies == {SET_UP_ALREADY}


async def test_an_apology_claims_nothing_that_nobody_checked(taught: Speaker, deployment: Deployment) -> None:
    await deployment.database.close()
    assert "lost" not in (await taught.says("ask", question="Where does the core shadow lie?")).text.plain
