"""The configuration's prices and exchange rates, as sql/pricing/price_events.sql reads them."""

import json
from dataclasses import dataclass

from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.patterns import like_pattern


@dataclass(frozen=True)
class PriceBook:
    """Price rules in order and exchange rates with their dates, as JSON; money as decimal text, never float."""

    rules: str
    rates: str
    base_currency: str


def price_book(settings: Settings) -> PriceBook:
    """The price book of a configuration."""
    rules = [
        {
            "provider": like_pattern(rule.provider),
            "model": like_pattern(rule.model),
            "from": rule.from_date.isoformat() if rule.from_date else None,
            "until": rule.until.isoformat() if rule.until else None,
            "input": str(rule.input_per_million),
            "output": str(rule.output_per_million),
            "currency": rule.currency,
            "replace": rule.replace,
        }
        for rule in settings.prices
    ]
    rates = [
        {"from": day.isoformat(), "currency": currency, "rate": str(rate)}
        for day, currency, rate in settings.rate_table()
    ]
    return PriceBook(json.dumps(rules), json.dumps(rates), settings.currency)
