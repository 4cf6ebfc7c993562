"""All commands, in the order in which menus show them. A new subject is added here and nowhere else."""

from bot.commands import (
    asking,
    clips,
    community,
    corrections,
    earning,
    enrolment,
    glossary,
    library,
    payout_targets,
    privacy,
    projects,
    quiz_admin,
    quizzes,
    redemption,
    reindexing,
    streak,
    uploads,
    wallet,
)
from bot.commands.registry import Registry

EVERYTHING: Registry = asking.commands.including(
    clips.commands,
    wallet.commands,
    redemption.commands,
    payout_targets.commands,
    streak.commands,
    earning.commands,
    quizzes.commands,
    quiz_admin.commands,
    projects.commands,
    uploads.commands,
    library.commands,
    corrections.commands,
    glossary.commands,
    reindexing.commands,
    community.commands,
    enrolment.commands,
    privacy.commands,
)
