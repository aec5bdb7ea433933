"""What a tenant's statement rests on and how it speaks: price basis, exchange rates, and the tenant's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from usage_pipeline.reports.document import Tenant
from usage_pipeline.reports.edition import ReportPeriod
from usage_pipeline.reports.prices import ModelPrice, UsedRate
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Terms:
    """The prices and exchange rates of a tenant's month, and the language that its people read."""

    language: Language
    prices: Sequence[ModelPrice]
    rates: Sequence[UsedRate]


@dataclass(frozen=True)
class TenantPrice(ModelPrice):
    """A price of one tenant's month."""

    source: str = ""
    tenant_id: str = ""


def tenant_prices(connection: Connection, period: ReportPeriod, tenant: Tenant | None) -> list[TenantPrice]:
    """Returns by which prices each tenant's days were priced, or one's; the costliest first."""
    parameters = {
        "first": period.first,
        "last": period.last,
        "source": tenant.source if tenant else None,
        "tenant_id": tenant.tenant_id if tenant else None,
    }
    return rows(connection, TenantPrice, statement("reports/chargeback_prices"), parameters)


def terms_of(settings: Settings, tenant: Tenant, period: ReportPeriod, prices: Sequence[TenantPrice]) -> Terms:
    """Returns the terms of one tenant's statement; ``prices`` are those of all tenants."""
    own = [price for price in prices if (price.source, price.tenant_id) == (tenant.source, tenant.tenant_id)]
    return Terms(language_of(settings, tenant), own, rates_held(settings, {price.currency for price in own}, period))


def language_of(settings: Settings, tenant: Tenant) -> Language:
    """Returns the language that the first of the tenant's recipients reads; the configuration's where none says."""
    rule = settings.tenant_rule(tenant.tenant_id, tenant.name)
    spoken = [settings.recipients[name].language for name in (rule.recipients if rule else ())]
    return next((language for language in spoken if language), settings.language)


def rates_held(settings: Settings, currencies: set[str | None], period: ReportPeriod) -> list[UsedRate]:
    """Returns every exchange rate of the currencies that held on a day of the period, the earliest first."""
    found = []
    for currency in sorted(code for code in currencies if code):
        starts = sorted((start, rate) for start, code, rate in settings.rate_table() if code == currency)
        before = [start for start, _ in starts if start <= period.first]
        since: date = max(before, default=period.first)
        found += [UsedRate(currency, start, rate) for start, rate in starts if since <= start <= period.last]
    return found
