"""The alert of a tier that a budget's value has reached, with all that is known of the value then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage_pipeline.alerts.kinds.base import NewAlert
from usage_pipeline.alerts.kinds.budget import BUDGET, BudgetFacts, BudgetKey
from usage_pipeline.alerts.kinds.budget_parts import top_of
from usage_pipeline.alerts.kinds.facts import number
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import TenantName, addressees, recipients_of_tier, resolved_names
from usage_pipeline.budgets.definitions import by_event
from usage_pipeline.budgets.evaluate import Reached, in_scope_parameters
from usage_pipeline.budgets.scope import counted_in_scope, in_scope
from usage_pipeline.settings import Budget, Settings, Tier
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, value_or_none


def raise_budget_alerts(
    connection: Connection, settings: Settings, version: int, reached: Sequence[Reached], as_of: datetime
) -> list[str]:
    """Writes one alert a tier reached, with its deliveries; returns the ids of those that are new.

    Runs inside the transaction that wrote the status.
    """
    budgets = {budget.id: budget for budget in settings.budgets}
    raised = []
    for item in reached:
        budget = budgets[item.budget_id]
        tier = next(t for t in settings.tiers_of(budget) if t.at == item.tier and t.on == item.tier_on)
        alert = budget_alert(connection, settings, budget, tier, item, as_of, version)
        if raise_alert(connection, alert, addressees(settings, alert.facts.recipients)):
            raised.append(alert.alert_id)
    return raised


def budget_alert(
    connection: Connection,
    settings: Settings,
    budget: Budget,
    tier: Tier,
    item: Reached,
    as_of: datetime,
    version: int | None = None,
) -> NewAlert[BudgetFacts]:
    """Returns the alert of a tier as it is at ``as_of`` (aware UTC), with its recipients. Reads only."""
    return NewAlert(
        kind=BUDGET,
        key=BudgetKey(item.budget_id, item.scope_value, item.period_start, tier.at, tier.on, item.round),
        period_end=item.period_end,
        level=tier.level,
        facts=_facts(connection, settings, budget, tier, item, as_of),
        config_version=version,
        at=as_of,
    )


@dataclass(frozen=True)
class _History:
    burn_last_hour: str | None = None
    top: Mapping[str, object] | None = None
    previous_period: str | None = None
    trailing_average: str | None = None
    tenant_name: str | None = None
    environment: str | None = None


def _facts(
    connection: Connection, settings: Settings, budget: Budget, tier: Tier, item: Reached, as_of: datetime
) -> BudgetFacts:
    tenant = _tenant_of(connection, item)
    parameters = {
        **in_scope_parameters(connection, budget, item.scope),
        "budget_id": budget.id,
        "as_of": as_of,
        "scope_value": item.scope_value,
        "measure": item.measure,
        "period_start": item.period_start,
        "period_end": item.period_end,
        "days": _days(item, as_of, by_the_hour=budget.by_the_hour),
        "by_event": by_event(budget),
        "scope_source": item.scope.get("source"),
        "scope_tenant": item.scope.get("tenant_id"),
        "scope_app": item.scope.get("app_id"),
    }
    known = row(connection, _History, in_scope("alerts/facts"), parameters) or _History()
    so_far = counted_in_scope("alerts/top_of_period", by_event=by_event(budget))
    return BudgetFacts(
        level=tier.level,
        recipients=tuple(name for name, _ in recipients_of_tier(settings, budget, tier, tenant)),
        budget_id=budget.id,
        budget_name=budget.name or budget.id,
        scope_name=item.scope_name,
        tenant_name=known.tenant_name or (tenant.name if tenant else None),
        environment=known.environment or item.scope.get("environment"),
        tier=tier.at.normalize(),
        tier_on=tier.on,
        measure=item.measure,
        currency=settings.currency,
        spent=item.spent,
        limit=item.limit,
        ratio=item.ratio,
        tokens=item.tokens,
        cost=item.cost,
        period=item.period,
        period_start=item.period_start,
        period_end=item.period_end,
        timezone=item.zone,
        as_of=as_of,
        burn_last_hour=number(known.burn_last_hour),
        forecast=item.forecast,
        crossing_at=_crossing(item, as_of),
        previous_period=number(known.previous_period),
        trailing_average=number(known.trailing_average),
        top=top_of(known.top or {}),
        top_in_period=top_of(value_or_none(connection, dict, so_far, parameters) or {}),
        actions=tuple(tier.actions),
        enforcement_mode=settings.mode_of(tier),
        fallback=tuple(resolved_names(settings, tier.fallback, tenant)),
    )


def _tenant_of(connection: Connection, item: Reached) -> TenantName | None:
    tenant_id = item.scope.get("tenant_id")
    if tenant_id is None:
        return None
    name = value_or_none(
        connection,
        str,
        "SELECT name FROM usage.tenant WHERE source = %s AND tenant_id = %s",
        [item.scope.get("source"), tenant_id],
    )
    return TenantName(tenant_id, tenant_id if name is None else name)


def _crossing(item: Reached, as_of: datetime) -> datetime | None:
    """When the limit is crossed on the way to the forecast; None when it is, or is not within the period."""
    left, still = item.limit - item.spent, (item.forecast or Decimal(0)) - item.spent
    if left <= 0 or still < left or item.period_end <= as_of:
        return None
    return as_of + (item.period_end - as_of) * float(left / still)


def _days(item: Reached, as_of: datetime, *, by_the_hour: bool) -> list[date]:
    """The usage dates that the period may have by now; hours may lie on days of any zone."""
    zone, around = ZoneInfo(item.zone), timedelta(days=int(by_the_hour))
    first = item.period_start.astimezone(zone).date() - around
    last = (min(item.period_end, as_of + timedelta(days=1)) - timedelta(microseconds=1)).astimezone(
        zone
    ).date() + around
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
