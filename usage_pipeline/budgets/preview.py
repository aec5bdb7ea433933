"""What a changed configuration would do to the current periods, before it is the active one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from usage_pipeline.budgets.evaluate import Reached, evaluate_budgets, with_levels
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows

Key = tuple[str, str, datetime]  # budget, value, the period's start


@dataclass(frozen=True)
class BudgetStanding:
    """How one value of a budget stands in its current period."""

    scope_name: str
    measure: str
    spent: Decimal
    limit: Decimal
    ratio: Decimal
    level: str


@dataclass
class BudgetPreview:
    """Values that would stand otherwise (before, after; None: not there), and alerts that would be raised at once."""

    changes: dict[Key, tuple[BudgetStanding | None, BudgetStanding | None]] = field(default_factory=dict)
    alerts: list[Reached] = field(default_factory=list)


def preview(
    connection: Connection, configuration: ActiveConfiguration, changed: Settings, now: datetime
) -> BudgetPreview:
    """Evaluates the current periods under both configurations and takes everything back; ``now`` is aware UTC."""
    with connection.transaction(force_rollback=True):
        now_reached = evaluate_budgets(connection, configuration.settings, configuration.version, now).reached
        before = _standings(connection)
        reached = evaluate_budgets(connection, changed, configuration.version, now).reached
        after = _standings(connection)
    notified = {_key(item) for item in now_reached}
    found = BudgetPreview(alerts=[item for item in reached if _key(item) not in notified])
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            found.changes[key] = before.get(key), after.get(key)
    return found


def _key(item: Reached) -> tuple[str, str, datetime, str, Decimal, int]:
    return item.budget_id, item.scope_value, item.period_start, item.tier_on, item.tier, item.round


@dataclass(frozen=True)
class _Row(BudgetStanding):
    budget_id: str
    scope_value: str
    period_start: datetime


def _standings(connection: Connection) -> Mapping[Key, BudgetStanding]:
    return {
        (row.budget_id, row.scope_value, row.period_start): BudgetStanding(
            row.scope_name, row.measure, row.spent, row.limit, row.ratio, row.level
        )
        for row in rows(connection, _Row, with_levels("budgets/standings"))
    }
