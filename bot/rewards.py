"""The rules of rewards as they are configured."""

from bot.settings import Settings
from core.rewards.ledger import Budget
from core.rewards.rules import MESSAGE, PROJECT, QUIZ, REACTION, STREAK, WATCH, Rewards, Rule


def make_rewards(settings: Settings) -> Rewards:
    """The amounts and limits of ``[rewards]``."""
    rules = {
        WATCH: Rule(settings.rewards.watch, settings.rewards.watches_per_day),
        QUIZ: Rule(settings.rewards.quiz, settings.rewards.quizzes_per_day),
        MESSAGE: Rule(
            settings.rewards.message, settings.rewards.messages_per_day, settings.rewards.seconds_between_messages
        ),
        STREAK: Rule(settings.rewards.streak, 1),
        PROJECT: Rule(settings.rewards.project, settings.rewards.projects_per_day),
        REACTION: Rule(settings.rewards.reaction, settings.rewards.reactions_per_day),
    }
    return Rewards(
        rules,
        Budget(settings.rewards.issued_per_day, settings.rewards.issued_per_month),
        settings.rewards.grants_per_day,
    )
