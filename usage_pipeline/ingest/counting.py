"""Counts what a source has staged: runs the SQL of sql/ingest in its order, inside the caller's transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from usage_pipeline.pricing.catalogue import catalogue_rules
from usage_pipeline.pricing.price_rules import PriceBook, price_book
from usage_pipeline.settings import Settings
from usage_pipeline.settings.api_keys import as_masked
from usage_pipeline.sources.base import Family
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value
from usage_pipeline.warehouse.statements import like_pattern, statement

# More at once, and their days are made again from all events: telling each change would cost as much.
_FEW_EVENTS = 10_000


@dataclass(frozen=True)
class CountingRules:
    """What the configuration says about counting one source."""

    source_id: str
    zone: str
    key_rules: str  # JSON, see sql/ingest/attribute_events.sql
    prices: PriceBook
    default_environment: str
    nested: str  # child or caller: where a workflow called as a tool is booked
    unexplained: str  # ignore or count: what only a run's own total says

    def parameters(self, now: datetime, give_up: datetime) -> Mapping[str, object]:
        """Returns the variables of the SQL files."""
        return {**self.booking_parameters(), "now": now, "give_up": give_up}

    def booking_parameters(self) -> Mapping[str, object]:
        """Returns the variables of those that attribute, price and merge staged events."""
        return {
            "source": self.source_id,
            "zone": self.zone,
            "key_rules": self.key_rules,
            "default_environment": self.default_environment,
            "nested": self.nested,
            "unexplained": self.unexplained,
            "rules": self.prices.rules,
            "rates": self.prices.rates,
            "currency_signs": self.prices.currency_signs,
            "base_currency": self.prices.base_currency,
        }


@dataclass(frozen=True)
class _UnpricedModel:
    provider: str
    model: str


def counting_rules(settings: Settings, source_id: str) -> CountingRules:
    """Returns the rules of a configuration for one source."""
    key_rules = [
        {"project": like_pattern(r.project), "caller": like_pattern(r.caller), "api_key": as_masked(r.api_key)}
        for r in settings.key_rules
    ]
    return CountingRules(
        source_id=source_id,
        zone=settings.timezone,
        key_rules=json.dumps(key_rules),
        prices=price_book(settings),
        default_environment=settings.default_environment,
        nested=settings.counting.nested,
        unexplained=settings.counting.unexplained,
    )


def open_staging(warehouse: Connection) -> None:
    """Makes this session's staging tables."""
    warehouse.execute(statement("ingest/staging"))


def count_staged(warehouse: Connection, family: Family, parameters: Mapping[str, object]) -> int:
    """Turns the staged rows into usage events and merges them; returns how many events changed."""
    if not value(warehouse, bool, statement("ingest/anything_staged")):
        return 0
    make_events(warehouse, family, parameters)
    return merge_events(warehouse, family, parameters)


def make_events(warehouse: Connection, family: Family, parameters: Mapping[str, object]) -> None:
    """Turns the staged rows into attributed and priced events in stage_event."""
    _analyze(warehouse, *family.staged)
    for name in (*family.set_aside, *family.events):
        warehouse.execute(statement(name), parameters)
    _attribute_and_price(warehouse, parameters)


def merge_events(warehouse: Connection, family: Family, parameters: Mapping[str, object]) -> int:
    """Merges stage_event into usage_event, in the transaction that made it; returns how many events changed."""
    changed = _merge(warehouse, parameters)
    for name in family.afterwards:
        warehouse.execute(statement(name), parameters)
    return changed


def book_staged(warehouse: Connection, parameters: Mapping[str, object]) -> int:
    """Attributes and prices the staged events and merges them into the ledger; returns how many changed."""
    _attribute_and_price(warehouse, parameters)
    return _merge(warehouse, parameters)


def _attribute_and_price(warehouse: Connection, parameters: Mapping[str, object]) -> None:
    _analyze(warehouse, "stage_event")
    warehouse.execute(statement("ingest/attribute_events"), parameters)
    unpriced = rows(warehouse, _UnpricedModel, statement("pricing/unpriced_models"))
    catalogue = catalogue_rules((found.provider, found.model) for found in unpriced)
    warehouse.execute(statement("pricing/price_events"), {**parameters, "catalogue": catalogue})


def _analyze(warehouse: Connection, *tables: str) -> None:
    # Temporary tables have no statistics of their own until somebody asks; how many rows they have is enough.
    warehouse.execute(f"SET LOCAL default_statistics_target = 10; ANALYZE {', '.join(tables)}".encode())


def _merge(warehouse: Connection, parameters: Mapping[str, object]) -> int:
    return value(warehouse, int, statement("ingest/merge_events"), {**parameters, "few": _FEW_EVENTS})
