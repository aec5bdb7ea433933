"""An alert as a budget would have it now, to be looked at: nothing is written and nobody is notified."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.alerts.budget_alert import budget_alert
from usage_pipeline.alerts.kinds.base import NewAlert
from usage_pipeline.alerts.kinds.budget import BudgetFacts
from usage_pipeline.alerts.message import severity
from usage_pipeline.budgets.evaluate import Reached, evaluate, lock_evaluation
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


@dataclass(frozen=True)
class _Cut:
    starts: datetime
    ends: datetime


def would_be_alert(connection: Connection, settings: Settings, budget: Budget, now: datetime) -> NewAlert[BudgetFacts]:
    """Returns the alert of the budget's fullest value: at the highest tier that it has reached, else at its first.

    A budget without a status yet is evaluated for it, and that is taken back. ``now`` is aware UTC.
    """
    status = row(connection, _Status, statement("alerts/fullest_status"), {"budget_id": budget.id})
    status = (
        status or _evaluated(connection, settings, budget, now) or _nothing_spent(connection, budget, settings, now)
    )
    tier = _tier(settings.tiers_of(budget), status)
    item = Reached(budget_id=budget.id, tier=tier.at, level=tier.level, tier_on=tier.on, **vars(status))
    return budget_alert(connection, settings, budget, tier, item, now)


def _tier(tiers: tuple[Tier, ...], status: _Status) -> Tier:
    """The gravest that is reached, of these the highest; else the first."""
    amounts = {"spent": status.spent, "forecast": status.forecast or status.spent}
    reached = [tier for tier in tiers if amounts[tier.on] * 100 >= tier.at * status.limit]
    return min(reached, key=lambda tier: (severity(tier.level), -tier.at), default=tiers[0])


def _evaluated(connection: Connection, settings: Settings, budget: Budget, now: datetime) -> _Status | None:
    with connection.transaction(force_rollback=True):
        lock_evaluation(connection)
        evaluate(connection, settings.model_copy(update={"budgets": (budget,)}), [now])
        return row(connection, _Status, statement("alerts/fullest_evaluated"))


def _nothing_spent(connection: Connection, budget: Budget, settings: Settings, now: datetime) -> _Status:
    measure, limit = next(iter(budget.limit.measures().items()))
    query = "SELECT starts, ends FROM usage.period_cut(%s, %s, %s)"
    cut = row(connection, _Cut, query, [budget.period_key, settings.timezone, now]) or _Cut(now, now)
    return _Status(
        scope_value="",
        scope_name="",
        scope={},
        period=budget.period_key,
        zone=settings.timezone,
        period_start=cut.starts,
        period_end=cut.ends,
        measure=measure,
        spent=Decimal(0),
        limit=limit,
        ratio=Decimal(0),
        forecast=None,
        tokens=None,
        cost=None,
    )
