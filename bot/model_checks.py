"""The part of `chronos check` about models: whether each answers, what each key may use, and what is about to end."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from adapters.models.catalogues import SAY_WHEN, VENDORS, offered_by
from bot.findings import Finding
from bot.settings import WRITERS, Settings
from bot.writers import KEYLESS, access_of, open_models
from core.asking.offers import OfferedModel, find_offered, near_matches
from core.asking.writing import AnswerModel, EvidenceSentence, EvidenceSource, Task
from core.errors import ProviderError
from core.ids import SourceId

LISTED_WITHIN_S: Final = 15.0
SHOWN: Final = 8
"""So many of a key's models are named."""
SOON_DAYS: Final = 180
"""An end that is nearer is a warning."""
OFF: Final = Finding("models", "off", "no models.answer: answers quote the creator's own sentences")
SENTENCE: Final = EvidenceSentence("S1", SourceId(0), 0, "Water boils at 100 degrees Celsius at sea level.")
TRIAL: Final = Task("At how many degrees Celsius does water boil?", (EvidenceSource("Boiling", (SENTENCE,)),))


async def check_models(settings: Settings, today: date) -> list[Finding]:
    """Ask every model a small question and every vendor for its list, all at once; a line each."""
    async with open_models(settings) as models:
        written = {model.name: model for model in (*models.large, *models.small)}
        tried, listed = await asyncio.gather(
            asyncio.gather(*map(_tried, written.values())),
            asyncio.gather(*(_listed(settings, vendor, today) for vendor in _with_a_key(settings))),
        )
    found = [*tried, *(finding for findings in listed for finding in findings), *unpriced(settings)]
    return found if settings.models.writers else [OFF, *found]


async def _tried(model: AnswerModel) -> Finding:
    try:
        draft = await model.write(TRIAL)
    except ProviderError as error:
        return Finding("models", "failed", f"{model.name}: {error}")
    return Finding("models", "ok", f"{model.name} answers (as {draft.model})")


def _with_a_key(settings: Settings) -> list[str]:
    """The vendors that are configured: one has a key, a server of one's own is named."""
    access = access_of(settings)
    return [
        vendor
        for vendor in WRITERS
        if access[vendor][0].get_secret_value() or (vendor == KEYLESS and _named(settings, vendor))
    ]


def _named(settings: Settings, vendor: str) -> list[str]:
    """The models of a vendor that the settings name; OpenRouter's alternatives each."""
    named = (*settings.models.writers, settings.models.embed, settings.models.transcribe)
    found = [name.partition(":")[2] for name in named if name.startswith(f"{vendor}:")]
    return list(dict.fromkeys(part for name in found for part in name.split("|")))


async def _listed(settings: Settings, vendor: str, today: date) -> list[Finding]:
    secret, base_url = access_of(settings)[vendor]
    key = secret.get_secret_value() or KEYLESS
    try:
        offered = await offered_by(vendor, key, base_url, timeout_s=LISTED_WITHIN_S)
    except ProviderError as error:
        return [Finding("models", "warning", f"{vendor}: what this key may use is not known: {error}")]
    names = _named(settings, vendor)
    shown = [model.name for model in offered[:SHOWN]]
    more = f" and {len(offered) - SHOWN:,} more" if len(offered) > SHOWN else ""
    found = [Finding("models", "ok", f"{vendor}: the key may use {', '.join(shown)}{more}")]
    for name in names:
        found += _judged(vendor, name, offered, _configured_end(settings, vendor, name), today)
    silent = [name for name in names if _configured_end(settings, vendor, name) is None]
    if silent and vendor not in SAY_WHEN:
        words = (
            f"{vendor}: {VENDORS[vendor][0]} does not say when models end; models.ends can, for {', '.join(silent)}"
        )
        found.append(Finding("models", "ok", words))
    return found


def _configured_end(settings: Settings, vendor: str, name: str) -> date | None:
    ends: Mapping[str, date] = settings.models.ends
    return ends.get(f"{vendor}:{name}")


def _judged(
    vendor: str, name: str, offered: Sequence[OfferedModel], ends: date | None, today: date
) -> Iterable[Finding]:
    """What is wrong with a configured name: not there, or about to end."""
    model = find_offered(name, offered)
    if model is None:
        close = near_matches(name, offered)
        meant = f"; did you mean {' or '.join(close)}?" if close else ""
        yield Finding("models", "failed", f"{vendor}:{name} is none of the models that this key may use{meant}")
        return
    ends = model.ends or ends
    if ends is not None and ends <= today:
        yield Finding("models", "failed", f"{vendor}:{name} ended on {ends:%d %B %Y}: name another")
    elif ends is not None and (ends - today).days <= SOON_DAYS:
        days = (ends - today).days
        yield Finding("models", "warning", f"{vendor}:{name} ends on {ends:%d %B %Y}, in {days} days: name another")
    elif model.deprecated:
        yield Finding("models", "warning", f"{vendor}:{name} is deprecated and will end: name another soon")


def unpriced(settings: Settings) -> list[Finding]:
    """The models whose cost nobody knows, so that no budget ever ends them."""
    limits = settings.limits
    money = {
        "limits.model_usd_per_day": limits.model_usd_per_day,
        "limits.model_usd_per_month": limits.model_usd_per_month,
        "limits.student_model_usd_per_day": limits.student_model_usd_per_day,
    }
    named = ", ".join(f"{name} ({usd:g})" for name, usd in money.items() if usd)
    if not named:
        return []
    return [
        Finding(
            "models", "warning", f"{name} has no price in models.prices: it counts as free, and {named} never ends it"
        )
        for name in settings.models.writers
        if name not in settings.models.prices
    ]
