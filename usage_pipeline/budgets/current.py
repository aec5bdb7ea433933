"""Where budgets stand in their current periods, those that nothing was spent of, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.settings import Budget
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class CurrentStatus:
    """One value of a budget in its current period; amounts in the measure's unit, times aware UTC.

    Without a period's moments it stands for a budget of whose scope nothing was spent yet.
    """

    budget_id: str
    scope_value: str | None
    scope: str
    period: str
    period_start: datetime | None
    period_end: datetime | None
    measure: str
    spent: Decimal
    limit: Decimal
    ratio: Decimal
    level: str
    forecast: Decimal | None = None
    as_of: datetime | None = None
    config_version: int | None = None
    scope_ids: Mapping[str, object] | None = None
    straight_line: Decimal | None = None
    forecast_low: Decimal | None = None
    forecast_high: Decimal | None = None
    previous_period: Decimal | None = None
    trailing_average: Decimal | None = None
    week_before: Decimal | None = None


def current_status(connection: Connection, budget_ids: Sequence[str]) -> list[CurrentStatus]:
    """Returns the values of these budgets, the highest ratio first; of rolling windows the newest."""
    return rows(connection, CurrentStatus, statement("reports/budget_rows"), {"budget_ids": list(budget_ids)})


def unspent(budgets: Sequence[Budget], known: Sequence[CurrentStatus]) -> list[CurrentStatus]:
    """Returns a line for each budget that has no value in ``known``: nothing that it takes in has spent yet."""
    evaluated = {status.budget_id for status in known}
    return [_nothing_spent(budget) for budget in budgets if budget.id not in evaluated]


def _nothing_spent(budget: Budget) -> CurrentStatus:
    measure, limit = min(budget.limit.measures().items())
    zero = Decimal(0)
    return CurrentStatus(
        budget.id, None, "nothing spent yet", budget.period_key, None, None, measure, zero, limit, zero, "ok"
    )
