"""By which prices and exchange rates an edition was priced: what finance asks for first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from usage_pipeline.pricing.catalogue import catalogue_rules
from usage_pipeline.reports.measures import ratio
from usage_pipeline.settings import Settings

# Rates that the configuration does not date hold from here on.
_UNDATED = 1970


@dataclass(frozen=True)
class ModelPrice:
    """What was used of a model at one basis of its price; ``cost`` is in ``currency``, ``base_cost`` in the base one.

    ``basis`` is dify (the source said it), override (the configuration's), catalog or unpriced.
    """

    provider: str | None
    model: str | None
    currency: str | None
    basis: str
    calls: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: Decimal | None
    base_cost: Decimal

    @property
    def per_million(self) -> Decimal | None:
        """Returns what a million tokens cost on average, in its own currency; None without a price."""
        return None if self.cost is None else ratio(self.cost * 1_000_000, Decimal(self.total_tokens))


@dataclass(frozen=True)
class ListPrice:
    """A model's list price of a day, in US dollars per million tokens, as the catalogue knows it."""

    provider: str
    model: str
    since: str | None
    above: int  # input tokens above which it holds
    price_input: Decimal
    price_output: Decimal


@dataclass(frozen=True)
class UsedRate:
    """An exchange rate that held on an edition's last day: units of the base currency for one of the other."""

    currency: str
    since: date
    rate: Decimal

    def shown(self, base: str) -> str:
        """Returns it as people write it, with the day from which it holds where the configuration says one."""
        since = "" if self.since.year <= _UNDATED else f" ({self.since})"
        return f"1 {self.currency} = {self.rate.normalize():f} {base}{since}"


def list_prices(used: Sequence[ModelPrice], day: date) -> list[ListPrice]:
    """Returns the catalogue's prices of the models used, those that held on the day."""
    pairs = [(each.provider, each.model) for each in used if each.provider and each.model]
    found = [
        ListPrice(
            rule["provider"],
            rule["model"],
            rule["from"],
            int(rule["above"]),
            Decimal(rule["input"]),
            Decimal(rule["output"]),
        )
        for rule in json.loads(catalogue_rules(pairs))
        if rule["from"] is None or rule["from"] <= day.isoformat()
    ]
    newest = {(price.provider, price.model, price.above): price for price in sorted(found, key=lambda p: p.since or "")}
    return sorted(newest.values(), key=lambda price: (price.provider, price.model, price.above))


def used_rates(used: Sequence[ModelPrice], settings: Settings, day: date) -> list[UsedRate]:
    """Returns the configuration's exchange rates of the currencies that were used, those that held on the day."""
    currencies = {each.currency for each in used}
    held = [(start, code, rate) for start, code, rate in settings.rate_table() if start <= day and code in currencies]
    newest = {code: UsedRate(code, start, rate) for start, code, rate in sorted(held)}
    return [newest[code] for code in sorted(newest)]
