"""What else a page of an alert leads to and says: the projects that it is about, and whether its budget is silenced."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from usage_pipeline.alerts.recipients import TenantName
from usage_pipeline.alerts.silences import RecordedSilence, silence_of
from usage_pipeline.budgets.current import CurrentStatus
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline.web.offers import Matter


@dataclass(frozen=True)
class ConcernedProject:
    """A project of a source, and its page at Dify's console; None where nobody said where that is."""

    source: str
    app_id: str
    name: str
    address: str | None


@dataclass(frozen=True)
class _Named:
    name: str
    tenant_id: str
    tenant_name: str


def projects_of(
    connection: Connection, settings: Settings, matter: Matter, status: CurrentStatus | None
) -> list[ConcernedProject]:
    """Returns the project that the alert is about, where it is of one, and those at which something was done."""
    named = dict(_own(connection, matter, status))
    named |= {(action.source, action.app_id): action.target_name for action in matter.actions if action.app_id}
    dify = settings.web.dify_url if settings.web else None
    return [
        ConcernedProject(source, app_id, name, f"{dify}/app/{app_id}/overview" if dify and _is_app(app_id) else None)
        for (source, app_id), name in named.items()
    ]


def _own(connection: Connection, matter: Matter, status: CurrentStatus | None) -> Iterator[tuple[tuple[str, str], str]]:
    """By the value of its budget, or by its facts where it is of none; nothing of another tenant."""
    ids = (status.scope_ids if status else None) or matter.alert.facts
    source, app_id = str(ids.get("source") or ""), str(ids.get("app_id") or "")
    query = (
        "SELECT p.name, p.tenant_id, coalesce(t.name, p.tenant_id) AS tenant_name FROM usage.project p"
        " LEFT JOIN usage.tenant t USING (source, tenant_id) WHERE p.source = %s AND p.app_id = %s"
    )
    found = row(connection, _Named, query, [source, app_id]) if source and app_id else None
    if found and matter.sight.sees(TenantName(found.tenant_id, found.tenant_name)):
        yield (source, app_id), found.name


def _is_app(app_id: str) -> bool:
    """What tools and knowledge spend stands under ids of ours, which Dify has no page for."""
    try:
        UUID(app_id)
    except ValueError:
        return False
    return True


def silenced_by(connection: Connection, matter: Matter, now: datetime) -> RecordedSilence | None:
    """Returns the silence that holds longest for the alert's budget and value, for who may make one."""
    if not matter.is_visible:
        return None
    name = str(matter.alert.facts.get("scope_name") or "")
    return silence_of(connection, matter.budget_id, matter.scope_value, name, now)
