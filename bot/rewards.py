"""The rules of rewards as they are configured."""

from bot.settings import Settings
from core.rewards.acts import QUESTION
from core.rewards.ledger import Budget
from core.rewards.rules import Rewards, Rule


def make_rewards(settings: Settings) -> Rewards:
    """The amounts and limits of ``[rewards]``."""
    question = Rule(
        settings.rewards.question, settings.rewards.questions_per_day, settings.rewards.seconds_between_questions
    )
    budget = Budget(settings.rewards.issued_per_day, settings.rewards.issued_per_month)
    return Rewards({QUESTION: question}, budget, settings.rewards.grants_per_day)
