"""What a changed configuration would do to the current periods, before it is put in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from usage_pipeline.budgets.evaluate import Reached, evaluate_budgets, with_levels
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

Key = tuple[str, str, datetime]  # budget, value, the period's start


@dataclass(frozen=True)
class Standing:
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

    changes: dict[Key, tuple[Standing | None, Standing | None]] = field(default_factory=dict)
    alerts: list[Reached] = field(default_factory=list)


def preview(
    connection: Connection, configuration: ActiveConfiguration, changed: Settings, now: datetime
) -> BudgetPreview:
    """Evaluates the current periods under both configurations and takes everything back; ``now`` is aware UTC."""
    with connection.transaction(force_rollback=True):
        told = {_key(item) for item in evaluate_budgets(
            connection, configuration.settings, configuration.version, now).reached}  # fmt: skip
        before = _standings(connection)
        reached = evaluate_budgets(connection, changed, configuration.version, now).reached
        after = _standings(connection)
    found = BudgetPreview(alerts=[item for item in reached if _key(item) not in told])
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            found.changes[key] = before.get(key), after.get(key)
    return found


def _key(item: Reached) -> tuple[str, str, datetime, str, str, int]:
    return item.budget_id, item.scope_value, item.period_start, item.tier_on, item.tier, item.round


def _standings(connection: Connection) -> Mapping[Key, Standing]:
    rows = connection.execute(with_levels("budgets/standings"))
    found: dict[Key, Standing] = {}
    for budget, value, start, name, measure, spent, limit, ratio, level in rows:
        if isinstance(start, datetime):
            amounts = _exact(spent), _exact(limit), _exact(ratio)
            found[str(budget), str(value), start] = Standing(str(name), str(measure), *amounts, str(level))
    return found


def _exact(value: object) -> Decimal:
    return Decimal(str(value))
