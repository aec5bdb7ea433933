"""Who is notified: the operators, those whom a tier or a budget names, and who can be reached by another way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from usage_pipeline.settings import Budget, Settings, Tier
from usage_pipeline.settings.model import OWNER
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline.warehouse.statements import statement

# A recipient's name in the configuration, and its channel.
Addressee = tuple[str, str]


@dataclass(frozen=True)
class TenantName:
    """A tenant by id and name, as rules of the configuration find it."""

    tenant_id: str
    name: str


def addressees(settings: Settings, names: Iterable[str]) -> list[Addressee]:
    """Returns those of the names that the configuration has, with their channels."""
    return [(name, settings.recipients[name].channel) for name in names if name in settings.recipients]


def operators(settings: Settings) -> list[Addressee]:
    """Returns alerting.ops; else everyone whom the default tiers name; else all recipients."""
    if settings.alerting.ops:
        return addressees(settings, settings.alerting.ops)
    named = dict.fromkeys(name for tier in settings.tiers for name in tier.notify)
    return addressees(settings, named) or addressees(settings, _of_no_tenant(settings))


def _of_no_tenant(settings: Settings) -> list[str]:
    """All recipients but those of tenants, who are not to see all; those too where there is no other."""
    of_tenants = {name for rule in settings.tenants for name in rule.recipients}
    return [name for name in settings.recipients if name not in of_tenants] or list(settings.recipients)


def recipients_of_tier(settings: Settings, budget: Budget, tier: Tier, tenant: TenantName | None) -> list[Addressee]:
    """Returns who is notified. An alert that would reach nobody goes to everyone whom another tier of it names."""
    names = resolved_names(settings, tier.notify, tenant)
    if not names:
        every = [name for other in settings.tiers_of(budget) for name in other.notify]
        names = resolved_names(settings, every, tenant) or _of_no_tenant(settings)
    return addressees(settings, names)


def recipients_of_budget(
    connection: Connection, settings: Settings, budget_id: str, scope_value: str
) -> list[Addressee]:
    """Returns everyone whom a tier of the budget names; the operators when that is nobody."""
    budget = next((budget for budget in settings.budgets if budget.id == budget_id), None)
    parameters = {"budget_id": budget_id, "scope_value": scope_value}
    tenant = row(connection, TenantName, statement("alerts/tenant_of_budget"), parameters)
    every = [name for tier in settings.tiers_of(budget) for name in tier.notify] if budget else []
    return addressees(settings, resolved_names(settings, every, tenant)) or operators(settings)


def resolved_names(settings: Settings, names: Iterable[str], tenant: TenantName | None) -> list[str]:
    """Returns names of recipients; `owner` stands for those of the tenant, or of every tenant where there is none."""
    found: list[str] = []
    for name in names:
        if name != OWNER:
            found.append(name)
            continue
        # A budget above all tenants has the owners of all of them.
        rules = [settings.tenant_rule(tenant.tenant_id, tenant.name)] if tenant else list(settings.tenants)
        found += [recipient for rule in rules if rule for recipient in rule.recipients]
    return list(dict.fromkeys(found))


def by_another_way(settings: Settings, name: str, channel: str) -> Sequence[Addressee]:
    """Returns the operators whom another channel reaches; else other operators; else whom another channel reaches."""
    known = operators(settings)
    everyone = addressees(settings, settings.recipients)
    ways = (
        [each for each in known if each[1] != channel],
        [each for each in known if each[0] != name],
        [each for each in everyone if each[1] != channel],
    )
    return next((way for way in ways if way), known)
