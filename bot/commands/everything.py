"""All commands, in the order in which menus show them. A new subject is added here and nowhere else."""

from bot.commands import (
    asking,
    clips,
    community,
    corrections,
    enrolment,
    glossary,
    library,
    payout_targets,
    privacy,
    redemption,
    reindexing,
    shop,
    shop_admin,
    uploads,
    wallet,
)
from bot.commands.registry import Registry

EVERYTHING: Registry = asking.commands.including(
    clips.commands,
    wallet.commands,
    redemption.commands,
    payout_targets.commands,
    shop.commands,
    shop_admin.commands,
    uploads.commands,
    library.commands,
    corrections.commands,
    glossary.commands,
    reindexing.commands,
    community.commands,
    enrolment.commands,
    privacy.commands,
)
