"""The clip of an answer: its first cited moment, cut from the kept recording and sent into the chat."""

import math
import re
from typing import Final

from bot.commands.registry import Context, Registry, dead_button
from core.asking.answer import Answer, Origin
from core.conversation import Button, File, Reply
from core.errors import Refused
from core.ids import CreatorId, SourceId
from core.library.cards import clock
from core.library.clips import Clips, Moment
from core.library.media import LONGEST_CLIP_S
from core.members.directory import Creator, refusal
from core.richtext import RichText, bold

LABEL: Final = "🎬 Clip"
_PAYLOAD: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,6}):([0-9]{1,2})(?::([0-9a-f]{6}))?")

commands = Registry()


async def clip_button(clips: Clips, creator_id: CreatorId, answer: Answer) -> Button | None:
    """The button under an answer; None where its first citation has no kept recording or no second that was heard."""
    notes = {label for sentence in answer.sentences if sentence.origin is Origin.NOTE for label in sentence.labels}
    cited = next((citation for citation in answer.citations if citation.label not in notes), None)
    if cited is None or cited.start_s is None or cited.locator.value != clock(cited.start_s):
        return None
    key = await clips.recording(creator_id, cited.source_id)
    if key is None:
        return None
    second = int(cited.start_s)
    length_s = min(max(math.ceil((cited.end_s or 0) - second), 1), int(LONGEST_CLIP_S))
    return Button(LABEL, "clip", f"{creator_id}:{cited.source_id}:{second}:{length_s}:{_mark(key)}")


@commands.action("clip", private=False)
async def clip(context: Context) -> Reply:
    """Cut the moment and send it to where the answer stands."""
    moment, mark = _moment(context.text("payload"))
    creator = creator_asked(context, moment.creator_id)
    tiers = await context.services.catalogue.tiers(creator.id, [moment.source_id])
    tier = tiers.get(moment.source_id, "")
    if not (await context.scope_with(creator.id)).opens(tier):
        raise Refused(f"That video is for members of {tier} now.")
    watched = await context.services.transcripts.transcript(moment.creator_id, moment.source_id)
    if watched is None:
        raise Refused("That video was removed, so I cannot cut a clip of it.")
    if mark not in {"", _mark(watched.media_key)}:
        raise Refused("There is a new cut of that video since, and that moment is elsewhere in it. Please ask again.")
    kind, content = await context.services.clips.cut(moment, context.standing.student_id)
    end_s = moment.start_s + moment.length_s
    title = watched.title or "Untitled"
    name = re.sub(r"[^\w-]+", "-", title).strip("-")[:60] or "clip"
    file = File(f"{name}-{int(moment.start_s)}s.{kind}", content)
    alone = creator.answers == "private" or bool(tier)
    words = RichText.of("🎬 ", bold(title), f" {clock(moment.start_s)} to {clock(end_s)}")
    return Reply(words, files=(file,), private=alone and not context.place.direct)


def _mark(key: str) -> str:
    """What tells a recording from the one that may take its place."""
    return key.rpartition("/")[2][:6]


def _moment(payload: str) -> tuple[Moment, str]:
    """What to cut, and the mark of the recording that was cited; older buttons have none."""
    found = _PAYLOAD.fullmatch(payload)
    if found is None or not 0 < int(found[4]) <= LONGEST_CLIP_S:
        raise dead_button()
    moment = Moment(CreatorId(int(found[1])), SourceId(int(found[2])), float(found[3]), float(found[4]))
    return moment, found[5] or ""


def creator_asked(context: Context, creator_id: CreatorId) -> Creator:
    """Check again what the answer was given for: a button outlives an enrolment."""
    standing = context.standing
    if standing.creator is not None and standing.creator.id == creator_id:
        if reason := refusal(standing):
            raise Refused(reason)
        return standing.creator
    other = next((choice for choice in standing.choices if choice.id == creator_id), None)
    if other is None:
        raise Refused("That answer belongs to another community.")
    return other
