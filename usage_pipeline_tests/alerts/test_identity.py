"""Alerts and deliveries are called what they always were: a warehouse of an older installation alerts nobody again."""

import base64
import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args

import pytest

from usage_pipeline.alerts.kinds.anomaly import AnomalyKey
from usage_pipeline.alerts.kinds.base import AlertKey, NewAlert
from usage_pipeline.alerts.kinds.budget import BudgetKey
from usage_pipeline.alerts.kinds.configuration import ConfigurationKey
from usage_pipeline.alerts.kinds.delivery import DeliveryKey
from usage_pipeline.alerts.kinds.enforcement import EnforcementKey, EnforcementStep
from usage_pipeline.alerts.kinds.override import OverrideKey, OverrideStep
from usage_pipeline.alerts.kinds.pipeline import PipelineKey, Trouble
from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.alerts.kinds.report import ReportKey
from usage_pipeline.alerts.kinds.source import SourceKey
from usage_pipeline.alerts.kinds.test import MarkedTestKey
from usage_pipeline.alerts.message import severity
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.settings.budget import Level
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value, values


@pytest.mark.parametrize(
    "recipient", ["ops", "市场负责人", "", "a|b", "x" * 300, *(f"r{number}" for number in range(20))]
)
def test_a_delivery_is_called_after_alert_and_recipient(recipient: str, warehouse: Connection) -> None:
    called = value(warehouse, str, "SELECT usage.delivery_id('Babc', %s, 'alert')", [recipient])
    digest = hashlib.sha256(recipient.encode()).digest()
    assert called == "Babc-" + base64.b32encode(digest).decode()[:8].lower()


@pytest.mark.parametrize("occasion", ["fallback", "repeat:3", "escalation:1", "acknowledged", "resolved"])
def test_what_follows_an_alert_is_called_after_its_occasion_too(occasion: str, warehouse: Connection) -> None:
    called = value(warehouse, str, "SELECT usage.delivery_id('Babc', '市场', %s)", [occasion])
    assert called == "Babc-" + hashlib.sha256(f"市场|{occasion}".encode()).hexdigest()[:10]


def test_the_warehouse_and_the_code_know_one_order_of_levels(warehouse: Connection) -> None:
    levels = [*get_args(Level), "ok"]
    ordered = values(
        warehouse, str, "SELECT level FROM unnest(%s::text[]) AS level ORDER BY usage.severity(level)", [levels]
    )
    assert ordered == sorted(levels, key=severity)
    assert ordered[0] == "emergency"


AT = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Kind, budget_id, scope_value, period_start, tier, tier_on and round as the first installations wrote them.
Columns = tuple[str, str, str, datetime, str, str, int]
STEPS_OF_ACTIONS = {
    "dry_run": 1, "waiting for approval": 2, "applied": 3, "failed": 4, "released": 5, "by_hand": 6, "refused": 7,
    "rejected": 8, "expired": 9, "release_failed": 10, "asked": 11, "no_more": 12,
}  # fmt: skip
STEPS_OF_OVERRIDES = {"requested": 1, "approved": 2, "rejected": 3, "withdrawn": 4, "expired": 5, "ended": 6}
OLD_KINDS = {
    "budget", "anomaly", "override", "enforcement", "source", "watch", "configuration", "delivery", "report", "test",
}  # fmt: skip
FIRST = ("spent", 0)
KEYS: list[tuple[AlertKey, Columns]] = [
    (BudgetKey("b", "project=main/a", AT, Decimal("80.0")), ("budget", "b", "project=main/a", AT, "80.0", *FIRST)),
    (BudgetKey("b", "", AT, Decimal(100), "forecast"), ("budget", "b", "", AT, "100", "forecast", 0)),
    (BudgetKey("b", "", AT, Decimal("97.5"), "spent", 2), ("budget", "b", "", AT, "97.5", "spent", 2)),
    (AnomalyKey("projects", "main/a", AT), ("anomaly", "projects", "main/a", AT, "0", *FIRST)),
    (ConfigurationKey("ab" * 32), ("configuration", "ab" * 8, "", EPOCH, "0", *FIRST)),
    (DeliveryKey("ops", "wecom", AT), ("delivery", "ops", "wecom", AT, "0", *FIRST)),
    (PipelineKey(Trouble.PASSES_FAILED, "", None), ("watch", "passes_failed:", "", EPOCH, "0", *FIRST)),
    (PipelineKey(Trouble.CHANNEL_FAILING, "ops", AT), ("watch", "channel_failing:ops", "", AT, "0", *FIRST)),
    (PipelineKey(Trouble.SOURCE_QUIET, "main", AT), ("watch", "source_quiet:main", "", AT, "0", *FIRST)),
    (ReportKey("day", "zh", AT), ("report", "day-report-zh", "", AT, "0", *FIRST)),
    (ReportKey("month", "en", AT, ("main", "t1")), ("report", "month-report-en", "tenant=main/t1", AT, "0", *FIRST)),
    (SourceKey("main", None), ("source", "main", "", EPOCH, "0", *FIRST)),
    (SourceKey("main", AT), ("source", "main", "", AT, "0", *FIRST)),
    (MarkedTestKey("ops", AT), ("test", "ops", "", AT, "0", *FIRST)),
    *((EnforcementKey("act-1", "v", AT, EnforcementStep(step)), ("enforcement", "act-1", "v", AT, str(number), *FIRST))
      for step, number in STEPS_OF_ACTIONS.items()),
    *((OverrideKey("r1", "v", AT, OverrideStep(step)), ("override", "r1", "v", AT, str(number), *FIRST))
      for step, number in STEPS_OF_OVERRIDES.items()),
]  # fmt: skip


def first_formula(columns: Columns) -> str:
    """The id of an alert as the first installations made it."""
    kind, budget_id, scope_value, period_start, tier, tier_on, times = columns
    key = "|".join([kind, budget_id, scope_value, period_start.isoformat(), f"{float(tier):g}"])
    key += "|forecast" if tier_on == "forecast" else ""
    key += f"|{times}" if times else ""
    return kind[0].upper() + base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[:10].lower()


def test_every_kind_that_an_old_warehouse_holds_and_every_step_has_its_key_here() -> None:
    assert {columns[0] for _, columns in KEYS} == OLD_KINDS
    assert set(kinds()) >= OLD_KINDS
    assert set(STEPS_OF_ACTIONS) == set(EnforcementStep)
    assert set(STEPS_OF_OVERRIDES) == set(OverrideStep)


@pytest.mark.parametrize(
    ("key", "columns"), KEYS, ids=lambda given: "".join(map(str, given)) if isinstance(given, tuple) else ""
)
def test_an_alert_keeps_its_id_and_its_columns(key: AlertKey, columns: Columns, warehouse: Connection) -> None:
    kind = kinds()[columns[0]]
    alert = NewAlert(kind=kind, key=key, level="info", facts=kind.example(), at=AT)
    assert alert.alert_id == first_formula(columns)
    assert raise_alert(warehouse, alert, [("ops", "wecom")])
    assert not raise_alert(warehouse, alert, [("more", "wecom")])
    row = warehouse.execute(
        "SELECT kind, budget_id, scope_value, period_start, tier::text, tier_on, round::int FROM usage.alert"
    ).fetchone()
    assert row == columns
