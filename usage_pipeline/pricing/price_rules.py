"""The configuration's prices and exchange rates, as sql/pricing/price_events.sql reads them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from usage_pipeline.settings import Settings
from usage_pipeline.settings.model import PriceRule
from usage_pipeline.settings.values import currency_signs
from usage_pipeline.warehouse.statements import like_pattern


@dataclass(frozen=True)
class PriceBook:
    """Price rules in order and exchange rates with their dates, as JSON; money as decimal text, never float."""

    rules: str
    rates: str
    currency_signs: str  # three letters by what else is written for a currency
    base_currency: str


def price_book(settings: Settings) -> PriceBook:
    """Returns the price book of a configuration."""
    rules = [
        {
            "provider": like_pattern(rule.provider),
            "model": like_pattern(rule.model),
            "from": rule.from_date.isoformat() if rule.from_date else None,
            "until": rule.until.isoformat() if rule.until else None,
            "rates": [
                {"above": above, "input": str(given), "output": str(taken)} for above, given, taken in _rates(rule)
            ],
            "call": str(rule.per_call or 0),
            "currency": rule.currency,
            "replace": rule.replace,
        }
        for rule in settings.prices
    ]
    rates = [
        {"from": day.isoformat(), "currency": currency, "rate": str(rate)}
        for day, currency, rate in settings.rate_table()
    ]
    signs = json.dumps(currency_signs(settings.currency))
    return PriceBook(json.dumps(rules), json.dumps(rates), signs, settings.currency)


def _rates(rule: PriceRule) -> Iterator[tuple[int, Decimal, Decimal]]:
    """Input tokens above which a rate holds, and the rate for input and output, lowest first."""
    yield 0, rule.input_per_million or Decimal(0), rule.output_per_million or Decimal(0)
    for tier in rule.tiers:
        yield tier.above, tier.input_per_million, tier.output_per_million
