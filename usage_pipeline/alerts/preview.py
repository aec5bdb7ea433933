"""An alert as a budget would have it now, to be looked at: nothing is written and nobody is notified."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from usage_pipeline.alerts.budget_alert import budget_alert
from usage_pipeline.alerts.kinds.base import NewAlert
from usage_pipeline.alerts.kinds.budget import BudgetFacts
from usage_pipeline.budgets.evaluate import Reached
from usage_pipeline.settings import Budget, Settings, Tier
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class _Status:
    """The current status of a budget's fullest value; amounts in the measure's unit, ratio 1 at the limit."""

    scope_value: str
    scope_name: str
    scope: Mapping[str, str]
    period: str
    zone: str
    period_start: datetime
    period_end: datetime
    measure: str
    spent: Decimal
    limit: Decimal
    ratio: Decimal
    forecast: Decimal | None
    tokens: Decimal | None
    cost: Decimal | None


def would_be_alert(connection: Connection, settings: Settings, budget: Budget, now: datetime) -> NewAlert[BudgetFacts]:
    """Returns the alert of the budget's fullest value: at the highest tier that it has reached, else at its first.

    A budget without a status yet is shown with nothing spent. ``now`` is aware UTC.
    """
    status = row(connection, _Status, statement("alerts/fullest_status"), {"budget_id": budget.id})
    status = status or _nothing_spent(budget, settings, now)
    tier = _tier(settings.tiers_of(budget), status.ratio)
    item = Reached(budget_id=budget.id, tier=tier.at, level=tier.level, tier_on=tier.on, **vars(status))
    return budget_alert(connection, settings, budget, tier, item, now)


def _tier(tiers: tuple[Tier, ...], ratio: Decimal) -> Tier:
    return next((tier for tier in reversed(tiers) if tier.at <= ratio * 100), tiers[0])


def _nothing_spent(budget: Budget, settings: Settings, now: datetime) -> _Status:
    measure, limit = next(iter(budget.limit.measures().items()))
    start = datetime.combine(settings.today(now), datetime.min.time(), UTC)
    return _Status(
        scope_value="",
        scope_name="",
        scope={},
        period=budget.period_key,
        zone=settings.timezone,
        period_start=start,
        period_end=start + timedelta(days=1),
        measure=measure,
        spent=Decimal(0),
        limit=limit,
        ratio=Decimal(0),
        forecast=None,
        tokens=None,
        cost=None,
    )
