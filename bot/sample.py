"""The sample library for a first look: two creators with lectures of our own, on this machine only."""

from adapters.sources.timed_text import read_timed_text
from adapters.web.chat import ChatRoom
from bot.app import Deployment
from bot.sample_library import sample_library
from core.conversation import Person, Place
from core.ids import StudentId
from core.library.store import NewSource
from core.members.directory import Creator

EXAMPLES = {
    "home-espresso": ("How hot should the milk get?", "How often should I descale the machine?"),
    "night-sky": ("How do I find the North Star?", "What exposure should I use for the Milky Way?"),
}
NAMED = 6
LOCAL = Person("terminal", "local", "you", manages=True)


async def add_sample_library(deployment: Deployment) -> None:
    """Add the sample creators with their lectures; what was there once stays as it was left."""
    for sample in sample_library().creators:
        if await deployment.directory.creator(sample.handle) is not None:
            continue
        creator = await deployment.directory.add_creator(sample.handle, sample.name, None)
        for source in sample.sources:
            (transcript,) = read_timed_text(source.file_name, source.content)
            await deployment.shelf.add(
                creator.id, [NewSource(transcript, source.title, language=sample.language)], None
            )


async def join_everything(deployment: Deployment) -> tuple[StudentId, list[Creator]]:
    """Let whoever sits at this machine ask every creator there is, in the terminal and on the local page."""
    student_id = await deployment.directory.student(LOCAL)
    creators = await deployment.directory.creators()
    for creator in creators:
        await deployment.directory.enrol(creator.id, student_id)
        if await deployment.directory.community(_room(creator)) is None:
            await deployment.directory.add_community(creator.id, _room(creator))
    if creators and await deployment.directory.preferred(LOCAL) is None:
        await deployment.directory.prefer(LOCAL, creators[0].id)
    return student_id, creators


async def whom_to_ask(deployment: Deployment) -> str:
    """Say who is here and whom the terminal asks first, with a question to begin with where we know one."""
    creators = await deployment.directory.creators()
    preferred = await deployment.directory.preferred(LOCAL)
    first = next((creator for creator in creators if creator.id == preferred), None)
    if first is None:
        return "Nobody is here to ask yet: 'chronos creator add' adds a creator."
    names = [creator.name for creator in creators]
    here = f"{', '.join(names[:NAMED])}{f' and {len(names) - NAMED} more' if len(names) > NAMED else ''}"
    example = f", such as: {EXAMPLES[first.handle][0]}" if first.handle in EXAMPLES else "."
    return f"To ask here: {here}.\nYou ask {first.name} first{example}"


async def chat_rooms(deployment: Deployment) -> list[ChatRoom]:
    """The creators whom the local page offers."""
    creators = await deployment.directory.creators()
    return [ChatRoom(creator.name, _room(creator), EXAMPLES.get(creator.handle, ())) for creator in creators]


def _room(creator: Creator) -> Place:
    return Place("web", channel=creator.handle, community=creator.handle, community_name=creator.name)
