"""A made-up company in a test: its Dify, its warehouse, its configuration, and its truth."""

import os
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_basic import basic_call
from usage_pipeline.fake_dify.calls_workflow import workflow_call
from usage_pipeline.fake_dify.history import RUNAWAY, History, build_history
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.scripts import CallScript, TrueUnit
from usage_pipeline.fake_dify.write import write_history
from usage_pipeline.pipeline import PassSummary, run_pass
from usage_pipeline.warehouse.connection import Connection, connected

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT / "config" / "usage_pipeline.yaml"
KEY_RULES = (("support-bot", "crm-*", "crm"),)  # as the example configuration declares
# The example configuration's price for qwen3-*, per million tokens of input and output.
FILLED = {"qwen3-32b-local": (Decimal("2.0"), Decimal("6.0"))}
USD = Decimal("7.10")

Row = dict[str, object]


@dataclass
class Company:
    """What a test works on."""

    dify_url: str
    warehouse_url: str
    history: History
    config: Path = EXAMPLE

    def run(self, *, deliver: bool = False, sweep: bool = True) -> PassSummary:
        """One pass, as `usage-pipeline run` does it."""
        os.environ["DIFY_DATABASE_URL"] = self.dify_url
        with connected(self.warehouse_url) as connection:
            return run_pass(connection, self.config, by="test", deliver=deliver, sweep=sweep)


def build_company(
    new_database: Callable[[], str],
    warehouse_url: str,
    *,
    seed: int,
    days: int = 60,
    calls_a_day: float = 8.0,
    version: str = "1.12.1",
    runaway_calls: int = 30,
    also: Callable[[History], Iterable[CallScript]] = lambda _: (),
) -> Company:
    """A company whose Dify is written as of now; ``also`` gives calls that chance may not have brought.

    Its agent does not run away unless it is told to: 1,500 calls are three million tokens and take their time.
    """
    history = build_history(seed, datetime.now(UTC), days, calls_a_day, runaway_calls)
    history.calls.extend(also(history))
    url = new_database()
    with connected(url) as connection:
        create_dify_schema(connection, version)
        # Numbered by Dify's own code up to 1.4; nothing is counted by it.
        if version in ("0.15.8", "1.0.0", "1.4.0"):
            connection.execute("ALTER TABLE workflow_runs ALTER COLUMN sequence_number SET DEFAULT 0")
        write_history(connection, history, history.now)
    return Company(url, warehouse_url, history)


def a_failed_agent(history: History) -> CallScript:
    """A call whose message has no tokens: its thoughts have them all."""
    rng, app = random.Random(5), history.world.apps[RUNAWAY]
    caller = caller_for(history.world, rng, app, "api")
    return basic_call(history.world, rng, app, caller, history.now - timedelta(days=2), ending="agent_error",
                      tokens=(901, 301))  # fmt: skip


def a_retried_flow(history: History, *, ago: timedelta = timedelta(hours=20)) -> CallScript:
    """A run whose failed attempts only its total knows: a residual."""
    rng, app = random.Random(5), history.world.apps["campaign-flow"]
    caller = caller_for(history.world, rng, app, "api")
    return workflow_call(history.world, rng, app, caller, history.now - ago, ending="retry")


def events(connection: Connection) -> dict[str, Row]:
    """What the sources logged, as it stands in usage_event, by event id; estimates are left out."""
    cursor = connection.execute("SELECT * FROM usage.usage_event WHERE basis = 'logged'")
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {str(row["event_id"]): row for row in rows}


def expected(unit: TrueUnit) -> Row:
    """A true unit by the warehouse's words, priced as the example configuration says."""
    cost, currency, source = unit.cost, unit.currency, "dify"
    if unit.cost is None:
        source = "unpriced"
        if unit.model in FILLED:
            price_in, price_out = FILLED[unit.model]
            cost = (unit.input_tokens * price_in + unit.output_tokens * price_out) / Decimal(1_000_000)
            currency, source = "CNY", "override"
    base = None if cost is None else cost * (USD if currency == "USD" else 1)
    names = ("tenant_id", "app_id", "app_mode", "run_id", "node_id", "node_type", "caller_kind", "caller_id",
             "provider", "model", "input_tokens", "output_tokens", "total_tokens", "status", "occurred_at",
             "api_key_id", "key_attribution")  # fmt: skip
    return {name: getattr(unit, name) for name in names} | {
        "cost": cost, "currency": currency, "base_cost": base, "price_source": source,
    }  # fmt: skip


def assert_events_equal(connection: Connection, truth: Iterable[TrueUnit]) -> None:
    """Each true unit stands in exactly one event, in every field; nothing else stands there."""
    wanted = {unit.event_id: expected(unit) for unit in truth}
    found = events(connection)
    assert wanted.keys() == found.keys(), (
        f"missing {sorted(wanted.keys() - found.keys())[:5]}, too many {sorted(found.keys() - wanted.keys())[:5]}"
    )
    wrong = {
        event_id: {
            name: (value, found[event_id][name]) for name, value in row.items() if found[event_id][name] != value
        }
        for event_id, row in wanted.items()
    }
    wrong = {event_id: fields for event_id, fields in wrong.items() if fields}
    assert not wrong, f"{len(wrong)} events differ (wanted, found): {dict(list(wrong.items())[:3])}"
