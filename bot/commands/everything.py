"""All commands, in the order in which menus show them. A new subject is added here and nowhere else."""

from bot.commands import asking, community, enrolment, library, privacy, uploads
from bot.commands.registry import Registry

EVERYTHING: Registry = asking.commands.including(
    uploads.commands, library.commands, community.commands, enrolment.commands, privacy.commands
)
