"""What a smaller model would have cost, and what enforcement kept from being spent: estimates with their basis."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from usage_pipeline.pricing.catalogue import catalogue_rules
from usage_pipeline.reports.happened import ActionLine
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


# Actions that keep usage from happening; a switch of the model lets it happen for less.
_STOPPING = ("pause_app", "throttle", "lock", "switch_model")


@dataclass(frozen=True)
class NodeModel:
    """What a workflow node of a project, or all that is outside of nodes, spent on a model."""

    key: str  # of the project
    project: str
    tenant: str
    node: str
    provider: str | None
    model: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    base_cost: Decimal


@dataclass(frozen=True)
class Saving:
    """What a smaller model's list price would have asked for the same tokens: an estimate, never a promise.

    It rests on the same node, calls and tokens; prices are per million tokens in the configuration's currency.
    """

    project: str
    tenant: str | None
    node: str
    model: str
    instead: str
    calls: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    price_input: Decimal
    price_output: Decimal
    cost: Decimal
    estimated_cost: Decimal

    @property
    def estimated_saving(self) -> Decimal:
        """Returns it in the configuration's currency, over the period of the report's savings."""
        return self.cost - self.estimated_cost


@dataclass(frozen=True)
class Enforced:
    """What an action kept from being spent: the forecast when it was taken less what was spent by the edition's end.

    ``forecast`` and ``spent`` are in the measure's unit; ``estimated_saving`` is in the configuration's currency, at
    the price a token that the budget's value had until then. None where there is no price.
    """

    action: str
    target: str
    budget_id: str
    scope_name: str
    measure: str
    forecast: Decimal
    spent: Decimal
    estimated_saving: Decimal | None


def enforced(actions: Sequence[ActionLine], spent: dict[tuple[str, str], Decimal]) -> list[Enforced]:
    """Returns what each action that was carried out kept from being spent; ``spent`` by budget and scope value.

    Only where more was foreseen than was spent.
    """
    found = []
    for action in actions:
        actual = spent.get((action.budget_id, action.scope_value))
        if action.applied_at is None or action.action not in _STOPPING or action.forecast is None or actual is None:
            continue
        if action.forecast > actual:
            found.append(
                Enforced(
                    action=action.action,
                    target=action.target,
                    budget_id=action.budget_id,
                    scope_name=action.scope_name,
                    measure=action.measure,
                    forecast=action.forecast,
                    spent=actual,
                    estimated_saving=_in_money(action, action.forecast - actual),
                )
            )
    return found


def _in_money(action: ActionLine, amount: Decimal) -> Decimal | None:
    if action.measure == "cost":
        return amount
    if not action.spent or action.cost is None:
        return None
    return (amount * action.cost / action.spent).quantize(_SIX, ROUND_HALF_UP)


def savings(spent: Sequence[NodeModel], settings: Settings, day: date, limit: int = LIMIT) -> list[Saving]:
    """Returns the greatest of them first; prices are those of the day, in the configuration's currency."""
    known = [saving for each in spent if (saving := _saving(each, settings, day))]
    worth = [saving for saving in known if saving.estimated_saving >= _CENT]
    return sorted(worth, key=lambda s: (-s.estimated_saving, s.project, s.node, s.model))[:limit]


def _saving(spent: NodeModel, settings: Settings, day: date) -> Saving | None:
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
        node=spent.node,
        model=spent.model,
        instead=instead,
        calls=spent.calls,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        total_tokens=spent.input_tokens + spent.output_tokens,
        price_input=price[0],
        price_output=price[1],
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
