"""Turns tiers that were reached into alerts: the facts a person needs, and the recipients."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from usage_pipeline.alerts.outbox import NewAlert, raise_alert
from usage_pipeline.alerts.quiet_hours import hold
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.budgets.evaluate import Reached, in_scope_parameters
from usage_pipeline.budgets.scope import in_scope
from usage_pipeline.settings import Budget, Settings, Tier
from usage_pipeline.settings.model import OWNER
from usage_pipeline.warehouse.connection import Connection


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
        tier = next(t for t in settings.tiers_of(budget) if t.at == Decimal(item.tier) and t.on == item.tier_on)
        tenant = _tenant_of(connection, item)
        recipients = recipients_of(settings, budget, tier, tenant)
        alert = NewAlert(
            kind="budget",
            budget_id=item.budget_id,
            scope_value=item.scope_value,
            period_start=item.period_start,
            period_end=item.period_end,
            tier=item.tier,
            level=item.level,
            facts=_facts(connection, settings, budget, tier, item, tenant, [name for name, _ in recipients], as_of),
            config_version=version,
            tier_on=item.tier_on,
            round=item.round,
            at=as_of,
        )
        if raise_alert(connection, alert, recipients):
            raised.append(alert.alert_id)
    if raised:
        hold(connection, settings, as_of, raised)
    return raised


def recipients_of(
    settings: Settings, budget: Budget, tier: Tier, tenant: tuple[str, str] | None
) -> list[tuple[str, str]]:
    """Who is told (name, channel). An alert that would reach nobody goes to everyone another tier of it names."""
    names = resolved_names(settings, tier.notify, tenant)
    if not names:
        every = [name for other in settings.tiers_of(budget) for name in other.notify]
        names = resolved_names(settings, every, tenant) or list(settings.recipients)
    return [(name, settings.recipients[name].channel) for name in names]


def recipients_of_budget(
    connection: Connection, settings: Settings, budget_id: str, scope_value: str
) -> list[tuple[str, str]]:
    """Everyone whom a tier of the budget names (name, channel); the operators when that is nobody."""
    budget = next((budget for budget in settings.budgets if budget.id == budget_id), None)
    row = connection.execute(
        "SELECT t.tenant_id, t.name FROM usage.budget_status b"
        " JOIN usage.tenant t ON t.source = b.scope ->> 'source' AND t.tenant_id = b.scope ->> 'tenant_id'"
        " WHERE b.budget_id = %s AND b.scope_value = %s ORDER BY b.period_start DESC LIMIT 1",
        [budget_id, scope_value],
    ).fetchone()
    tenant = (str(row[0]), str(row[1])) if row else None
    every = [name for tier in settings.tiers_of(budget) for name in tier.notify] if budget else []
    names = resolved_names(settings, every, tenant)
    return [(name, settings.recipients[name].channel) for name in names] or operators(settings)


def resolved_names(settings: Settings, names: Sequence[str], tenant: tuple[str, str] | None) -> list[str]:
    """Recipients by name; `owner` stands for those of the tenant, or of every tenant where there is none."""
    found: list[str] = []
    for name in names:
        if name != OWNER:
            found.append(name)
            continue
        # A budget above all tenants has the owners of all of them.
        rules = [settings.tenant_rule(*tenant)] if tenant else list(settings.tenants)
        found += [recipient for rule in rules if rule for recipient in rule.recipients]
    return list(dict.fromkeys(found))


def _tenant_of(connection: Connection, item: Reached) -> tuple[str, str] | None:
    tenant_id = item.scope.get("tenant_id")
    if tenant_id is None:
        return None
    row = connection.execute(
        "SELECT name FROM usage.tenant WHERE source = %s AND tenant_id = %s", [item.scope.get("source"), tenant_id]
    ).fetchone()
    return tenant_id, str(row[0]) if row else tenant_id


def _facts(
    connection: Connection,
    settings: Settings,
    budget: Budget,
    tier: Tier,
    item: Reached,
    tenant: tuple[str, str] | None,
    recipients: Sequence[str],
    as_of: datetime,
) -> dict[str, object]:
    row = connection.execute(
        in_scope("alerts/facts"),
        {
            **in_scope_parameters(budget, item.scope),
            "budget_id": budget.id,
            "period": item.period,
            "as_of": as_of,
            "scope_value": item.scope_value,
            "measure": item.measure,
            "period_start": item.period_start,
            "scope_source": item.scope.get("source"),
            "scope_tenant": item.scope.get("tenant_id"),
            "scope_app": item.scope.get("app_id"),
        },
    ).fetchone()
    burn, top, previous, average, tenant_name, environment = row or (None, {}, None, None, None, None)
    return {
        "budget_id": budget.id,
        "budget_name": budget.name or budget.id,
        "scope_name": item.scope_name,
        "level": item.level,
        "tier": f"{Decimal(item.tier).normalize():f}",
        "tier_on": item.tier_on,
        "measure": item.measure,
        "spent": item.spent,
        "limit": item.limit,
        "ratio": item.ratio,
        "currency": settings.currency,
        "tokens": item.tokens,
        "cost": item.cost,
        "period": item.period,
        "period_start": item.period_start.isoformat(),
        "period_end": item.period_end.isoformat(),
        "timezone": item.zone,
        "as_of": as_of.isoformat(),
        "burn_last_hour": burn,
        "forecast": item.forecast,
        "crossing_at": _crossing(item, burn, as_of),
        "previous_period": previous,
        "trailing_average": average,
        "top": top,
        "actions": list(tier.actions),
        "enforcement_mode": settings.mode_of(tier),
        "recipients": list(recipients),
        "fallback": resolved_names(settings, tier.fallback, tenant),
        "tenant_name": tenant_name or (tenant[1] if tenant else None),
        "environment": environment or item.scope.get("environment"),
    }


def _crossing(item: Reached, burn: object, as_of: datetime) -> str | None:
    """When the limit is crossed at the last hour's pace; None when it is, or when that lies beyond the period."""
    left = Decimal(item.limit) - Decimal(item.spent)
    pace = Decimal(str(burn)) if burn is not None else Decimal(0)
    if left <= 0 or pace <= 0:
        return None
    moment = as_of + timedelta(hours=min(float(left / pace), 24 * 400))
    return moment.isoformat() if moment < item.period_end else None


def facts_for(
    connection: Connection, settings: Settings, budget: Budget, tier: Tier, item: Reached, as_of: datetime
) -> dict[str, object]:
    """The facts that an alert of this tier would have at ``as_of`` (aware UTC). Reads only."""
    tenant = _tenant_of(connection, item)
    recipients = [name for name, _ in recipients_of(settings, budget, tier, tenant)]
    return _facts(connection, settings, budget, tier, item, tenant, recipients, as_of)
