"""Whose button it is: a button names its creator, since in a private chat a person may belong to several."""

from bot.commands.registry import Context
from core.errors import Refused
from core.ids import CreatorId
from core.members.directory import Standing, refusal, standing_of


async def standing_with(context: Context, creator_id: int) -> Standing:
    """How this person stands with the creator whom a button names.

    Raises:
        Refused: they have nothing to do with that creator here.
    """
    standing = context.standing
    if standing.creator is not None and standing.creator.id == creator_id:
        return standing
    other = next((choice for choice in standing.choices if choice.id == creator_id), None)
    if other is None:
        raise Refused("That belongs to another community.")
    enrolment = await context.services.directory.enrolment(other.id, standing.student_id)
    return standing_of(context.request.person, standing.student_id, other, None, enrolment)


async def member_with(context: Context, creator_id: int) -> Standing:
    """The same, for what only those may do who may learn there now.

    Raises:
        Refused: says why not, and how to return.
    """
    standing = await standing_with(context, creator_id)
    if reason := refusal(standing):
        raise Refused(reason)
    return standing


async def staff_with(context: Context, creator_id: int) -> CreatorId:
    """The creator whom a button of the staff's names.

    Raises:
        Refused: this person is not of their staff.
    """
    standing = await standing_with(context, creator_id)
    if not standing.staff or standing.creator is None:
        raise Refused("Only the staff may do that.")
    return standing.creator.id


async def require_member(context: Context) -> CreatorId:
    """The creator meant here, with whom somebody who begins to learn is enrolled as by a first question.

    Raises:
        Refused: there is none, or this person may not learn there now.
    """
    creator, standing = context.creator, context.standing
    if reason := refusal(standing):
        raise Refused(reason)
    if creator.who_may_ask == "everyone" and not standing.enrolment and not context.place.direct:
        await context.services.directory.enrol(creator.id, standing.student_id)
    return creator.id
