"""What the page of a project shows: who burnt what in the last 24 hours, by hour, caller, node, model and key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.alerts.recipients import TenantName
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows
from usage_pipeline.warehouse.statements import statement
from usage_pipeline.web.alert_page import recorded_for
from usage_pipeline.web.offers import matter_of
from usage_pipeline.web.pictures import Picture, picture
from usage_pipeline.web.visit import NotYoursError, Visit

_HOURS = 24
_KINDS = ("callers", "nodes", "models", "keys")


@dataclass(frozen=True)
class Use:
    """What was used by one caller, node, model or key, or in one hour; cost in the configuration's currency."""

    kind: str
    name: str
    tokens: Decimal
    cost: Decimal
    calls: int


@dataclass(frozen=True)
class _Project:
    name: str
    tenant_id: str
    tenant_name: str


@dataclass(frozen=True)
class ProjectPage:
    """All that the page of a project shows."""

    name: str
    tenant: str
    picture: Picture
    tokens: Decimal
    cost: Decimal
    calls: int
    parts: Mapping[str, Sequence[Use]]
    address: str | None


def project_page(
    connection: Connection, settings: Settings, visit: Visit, source: str, app_id: str, now: datetime
) -> ProjectPage:
    """Returns what the visitor sees of a project. Raises NotYoursError when it is none, or of another tenant."""
    matter = matter_of(connection, settings, visit, recorded_for(connection, visit))
    query = (
        "SELECT p.name, p.tenant_id, coalesce(t.name, p.tenant_id) AS tenant_name FROM usage.project p"
        " LEFT JOIN usage.tenant t USING (source, tenant_id) WHERE p.source = %s AND p.app_id = %s"
    )
    project = row(connection, _Project, query, [source, app_id])
    if project is None or not matter.sight.sees(TenantName(project.tenant_id, project.tenant_name)):
        raise NotYoursError
    parameters = {"source": source, "app_id": app_id, "now": now}
    used = rows(connection, Use, statement("web/project_use"), parameters)
    by_hour = {int(use.name): use for use in used if use.kind == "hour"}
    hours = [by_hour[ago].tokens if ago in by_hour else Decimal(0) for ago in reversed(range(_HOURS))]
    dify = settings.web.dify_url if settings.web else None
    return ProjectPage(
        name=project.name,
        tenant=project.tenant_name,
        picture=picture(hours, [Decimal(0)] * _HOURS, _HOURS),
        tokens=sum((use.tokens for use in by_hour.values()), Decimal(0)),
        cost=sum((use.cost for use in by_hour.values()), Decimal(0)),
        calls=sum(use.calls for use in by_hour.values()),
        parts={kind: [use for use in used if use.kind == kind] for kind in _KINDS if _has(used, kind)},
        address=f"{dify}/app/{app_id}/overview" if dify else None,
    )


def _has(used: Sequence[Use], kind: str) -> bool:
    return any(use.kind == kind for use in used)
