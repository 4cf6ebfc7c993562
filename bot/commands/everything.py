"""All commands, in the order in which menus show them. A new subject is added here and nowhere else."""

from bot.commands import (
    asking,
    clips,
    community,
    corrections,
    enrolment,
    glossary,
    library,
    linking,
    payout_targets,
    privacy,
    redemption,
    reindexing,
    tier_roles,
    uploads,
    wallet,
)
from bot.commands.registry import Registry

EVERYTHING: Registry = asking.commands.including(
    clips.commands,
    wallet.commands,
    redemption.commands,
    payout_targets.commands,
    uploads.commands,
    library.commands,
    corrections.commands,
    glossary.commands,
    reindexing.commands,
    community.commands,
    enrolment.commands,
    tier_roles.commands,
    linking.commands,
    privacy.commands,
)
