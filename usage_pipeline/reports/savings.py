"""Where a smaller model of the same maker would have been cheaper by the price catalogue: estimates."""

import json
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from usage_pipeline.pricing.catalogue import catalogue_rules
from usage_pipeline.reports.document import ProjectModel, Saving
from usage_pipeline.settings import Settings

LIMIT = 10
# The next smaller model of the same maker, by how a name begins; the longest beginning that fits wins. Whether it is
# good enough for the job only a trial can say.
_SMALLER = {
    ("openai", "gpt-4o"): "gpt-4o-mini",
    ("openai", "gpt-4.1"): "gpt-4.1-mini",
    ("openai", "gpt-4-turbo"): "gpt-4o",
    ("openai", "gpt-5"): "gpt-5-mini",
    ("openai", "o1"): "o4-mini",
    ("openai", "o3"): "o4-mini",
    ("azure_openai", "gpt-4o"): "gpt-4o-mini",
    ("azure_openai", "gpt-4.1"): "gpt-4.1-mini",
    ("anthropic", "claude-opus-4"): "claude-sonnet-4-5",
    ("anthropic", "claude-sonnet-4"): "claude-haiku-4-5",
    ("anthropic", "claude-3-5-sonnet"): "claude-3-5-haiku-latest",
    ("gemini", "gemini-2.5-pro"): "gemini-2.5-flash",
    ("vertex_ai", "gemini-2.5-pro"): "gemini-2.5-flash",
    ("deepseek", "deepseek-reasoner"): "deepseek-chat",
    ("mistralai", "mistral-large"): "mistral-small-latest",
    ("x", "grok-4"): "grok-3-mini",
}
_CENT = Decimal("0.01")
_SIX = Decimal("0.000001")


def savings(spent: Sequence[ProjectModel], settings: Settings, day: date, limit: int = LIMIT) -> list[Saving]:
    """Returns the greatest of them first; prices are those of the day, in the configuration's currency."""
    known = [saving for each in spent if (saving := _saving(each, settings, day))]
    worth = [saving for saving in known if saving.estimated_saving >= _CENT]
    return sorted(worth, key=lambda s: (-s.estimated_saving, s.project, s.model))[:limit]


def _saving(spent: ProjectModel, settings: Settings, day: date) -> Saving | None:
    if spent.provider is None or spent.model is None:
        return None
    instead = smaller_model(spent.provider, spent.model)
    price = _price(spent.provider, instead, settings, day) if instead else None
    if instead is None or price is None:
        return None
    estimate = (spent.input_tokens * price[0] + spent.output_tokens * price[1]) / 1_000_000
    return Saving(
        project=spent.project,
        tenant=spent.tenant,
        model=spent.model,
        instead=instead,
        total_tokens=spent.input_tokens + spent.output_tokens,
        cost=spent.base_cost,
        estimated_cost=estimate.quantize(_SIX, ROUND_HALF_UP),
    )


@cache
def smaller_model(provider: str, model: str) -> str | None:
    """Returns the smaller model to try instead, or None."""
    fits = [name for maker, name in _SMALLER if maker == provider and model.startswith(name)]
    instead = _SMALLER[provider, max(fits, key=len)] if fits else None
    # gpt-4o-mini begins with gpt-4o and is the smaller one itself.
    small = ("mini", "nano", "lite", "flash", "haiku")
    return None if instead is None or any(word in model for word in small) else instead


def _price(provider: str, model: str, settings: Settings, day: date) -> tuple[Decimal, Decimal] | None:
    """Input and output per million tokens in the configuration's currency: list price of the day, first tier."""
    rate = exchange_rate(settings, "USD", day)
    known = [
        rule
        for rule in json.loads(catalogue_rules([(provider, model)]))
        if rule["above"] == 0 and (rule["from"] is None or rule["from"] <= day.isoformat())
    ]
    if rate is None or not known:
        return None
    newest = max(known, key=lambda rule: rule["from"] or "")
    return Decimal(newest["input"]) * rate, Decimal(newest["output"]) * rate


def exchange_rate(settings: Settings, currency: str, day: date) -> Decimal | None:
    """Returns units of the configuration's currency for one unit of another, of the day; None without a rate."""
    if currency == settings.currency:
        return Decimal(1)
    known = [(start, rate) for start, code, rate in settings.rate_table() if code == currency and start <= day]
    return max(known)[1] if known else None
