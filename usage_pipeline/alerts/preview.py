"""An alert as a budget would have it now, to be looked at: nothing is written and nobody is told."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from usage_pipeline.alerts.kinds.budget import facts_for
from usage_pipeline.alerts.outbox import NewAlert
from usage_pipeline.budgets.evaluate import Reached
from usage_pipeline.settings import Budget, Settings, Tier
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


def would_be_alert(connection: Connection, settings: Settings, budget: Budget, now: datetime) -> NewAlert:
    """The alert of the budget's fullest value: at the highest tier that it has reached, else at its first.

    A budget without a status yet is shown with nothing spent. ``now`` is aware UTC.
    """
    row = connection.execute(statement("alerts/fullest_status"), {"budget_id": budget.id}).fetchone()
    item = _of_status(budget, row) if row else _nothing_spent(budget, settings, now)
    tier = _tier(settings.tiers_of(budget), Decimal(item.ratio))
    return NewAlert(
        kind="budget",
        budget_id=budget.id,
        scope_value=item.scope_value,
        period_start=item.period_start,
        period_end=item.period_end,
        tier=str(tier.at),
        level=tier.level,
        facts=facts_for(connection, settings, budget, tier, item, now) | {"level": tier.level, "tier": str(tier.at)},
    )


def _tier(tiers: tuple[Tier, ...], ratio: Decimal) -> Tier:
    return next((tier for tier in reversed(tiers) if tier.at <= ratio * 100), tiers[0])


def _of_status(budget: Budget, row: tuple[object, ...]) -> Reached:
    scope_value, scope_name, scope, period, zone, start, end, measure, measures, spent, limit, ratio, forecast = row
    assert isinstance(start, datetime)  # noqa: S101  (the table's type)
    assert isinstance(end, datetime)  # noqa: S101
    known = measures if isinstance(measures, Mapping) else {}
    return Reached(
        budget_id=budget.id,
        scope_value=str(scope_value),
        scope_name=str(scope_name),
        scope=scope if isinstance(scope, dict) else {},
        period=str(period),
        zone=str(zone),
        period_start=start,
        period_end=end,
        measure=str(measure),
        spent=str(spent),
        limit=str(limit),
        ratio=str(ratio),
        forecast=None if forecast is None else str(forecast),
        tokens=_spent(known, "tokens"),
        cost=_spent(known, "cost"),
        tier="0",
        level="info",
    )


def _spent(measures: Mapping[str, object], name: str) -> str:
    found = measures.get(name)
    return str(found.get("spent", "")) if isinstance(found, Mapping) else ""


def _nothing_spent(budget: Budget, settings: Settings, now: datetime) -> Reached:
    measure, limit = next(iter(budget.limit.measures().items()))
    start = datetime.combine(settings.today(now), datetime.min.time(), UTC)
    return Reached(
        budget_id=budget.id,
        scope_value="",
        scope_name="",
        scope={},
        period=budget.period_key,
        zone=settings.timezone,
        period_start=start,
        period_end=start + timedelta(days=1),
        measure=measure,
        spent="0",
        limit=str(limit),
        ratio="0",
        forecast=None,
        tokens="",
        cost="",
        tier="0",
        level="info",
    )
