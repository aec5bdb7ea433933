"""Counts what a source has staged: runs the SQL of sql/ingest in its order, inside the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from usage_pipeline.pricing.catalogue import catalogue_rules
from usage_pipeline.pricing.price_rules import PriceBook
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_DIFY_EVENTS = (
    "ingest/dify_callers",
    "ingest/dify_messages",
    "ingest/dify_nodes",
    "ingest/dify_runs",
    "ingest/dify_tool_calls",
    "ingest/keep_known",
    "ingest/attribute_events",
)
_DIFY_AFTERWARDS = ("ingest/dify_open_rows", "ingest/dify_problems")


@dataclass(frozen=True)
class CountingRules:
    """What the configuration says about counting one source."""

    source_id: str
    zone: str
    key_rules: str  # JSON, see sql/ingest/attribute_events.sql
    prices: PriceBook
    default_environment: str

    def parameters(self, now: datetime, give_up: datetime) -> Mapping[str, object]:
        """The variables of the SQL files."""
        return {
            "source": self.source_id,
            "zone": self.zone,
            "key_rules": self.key_rules,
            "default_environment": self.default_environment,
            "rules": self.prices.rules,
            "rates": self.prices.rates,
            "base_currency": self.prices.base_currency,
            "now": now,
            "give_up": give_up,
        }


def open_staging(warehouse: Connection) -> None:
    """Makes this session's staging tables."""
    warehouse.execute(statement("ingest/staging"))


def count_staged(warehouse: Connection, parameters: Mapping[str, object]) -> int:
    """Turns the staged rows into usage events and merges them; gives how many events changed."""
    make_events(warehouse, parameters)
    return merge_events(warehouse, parameters)


def make_events(warehouse: Connection, parameters: Mapping[str, object]) -> None:
    """Turns the staged rows into priced events in stage_event."""
    # Temporary tables have no statistics of their own until somebody asks.
    warehouse.execute("ANALYZE stage_message, stage_run, stage_node")
    for name in _DIFY_EVENTS:
        warehouse.execute(statement(name), parameters)
    unpriced = _last_rows(warehouse.execute(statement("pricing/unpriced_models")))
    catalogue = catalogue_rules((str(provider), str(model)) for provider, model in unpriced)
    warehouse.execute(statement("pricing/price_events"), {**parameters, "catalogue": catalogue})


def merge_events(warehouse: Connection, parameters: Mapping[str, object]) -> int:
    """Merges stage_event into usage_event, in the transaction that made it; gives how many events changed."""
    changed = _last_rows(warehouse.execute(statement("ingest/merge_events"), parameters))
    for name in _DIFY_AFTERWARDS:
        warehouse.execute(statement(name), parameters)
    return int(str(changed[0][0]))


def _last_rows(cursor: psycopg.Cursor[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The rows of the last statement of a file."""
    while cursor.nextset():
        pass
    return cursor.fetchall()
