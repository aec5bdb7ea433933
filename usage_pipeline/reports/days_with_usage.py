"""Refuses what there is nothing to report of: days that lie ahead, and days without usage."""

from dataclasses import dataclass
from datetime import date

from usage_pipeline.inputs import InputError
from usage_pipeline.reports.document import Tenant
from usage_pipeline.reports.edition import ReportPeriod
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline.warehouse.statements import statement


class NothingToReportError(InputError):
    """The days lie ahead, or nothing was used on them; the text says which days have usage."""


@dataclass(frozen=True)
class _Days:
    earliest: date | None
    latest: date | None
    any: bool


def check_usage(connection: Connection, field: str, period: ReportPeriod, today: date, tenant: Tenant | None) -> None:
    """Raises NothingToReportError when the period begins after today, or nothing was used in it (by the tenant).

    ``field`` is what the person wrote the days in, such as --date.
    """
    parameters = {
        "first": period.first,
        "last": period.last,
        "source": tenant.source if tenant else None,
        "tenant_id": tenant.tenant_id if tenant else None,
    }
    found = row(connection, _Days, statement("reports/days_with_usage"), parameters) or _Days(None, None, False)
    days = f"{period.first}" if period.days == 1 else f"{period.first} to {period.last}"
    if period.first > today:
        raise NothingToReportError(f"{field}: {days} lies ahead, today is {today}; {_known(found)}")
    if not found.any:
        whose = f" of {tenant.name}" if tenant else ""
        raise NothingToReportError(f"{field}: there is no usage{whose} on {days}; {_known(found)}")


def _known(found: _Days) -> str:
    if found.earliest is None:
        return "the warehouse has no usage yet: `usage-pipeline run` reads the sources"
    return f"usage is known from {found.earliest} to {found.latest}: write a day of these"
