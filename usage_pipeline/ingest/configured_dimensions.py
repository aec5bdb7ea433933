"""Sets what the configuration says of known workspaces, projects and API keys: zone, environment, name."""

import json
from dataclasses import dataclass

from usage_pipeline.settings import ProjectFacts, Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class _Tenant:
    tenant_id: str
    name: str


@dataclass(frozen=True)
class _Project:
    app_id: str
    tenant_id: str
    name: str
    tags: list[str]


def apply_configuration(warehouse: Connection, source_id: str, settings: Settings) -> None:
    """Brings usage.tenant, usage.project and usage.api_key of a source up to the configuration; safe to run twice."""
    tenants = rows(warehouse, _Tenant, "SELECT tenant_id, name FROM usage.tenant WHERE source = %s", [source_id])
    names = {tenant.tenant_id: tenant.name for tenant in tenants}
    projects = rows(
        warehouse, _Project, "SELECT app_id, tenant_id, name, tags FROM usage.project WHERE source = %s", [source_id]
    )
    environments = {
        project.app_id: settings.environment_of(
            ProjectFacts(
                project_id=project.app_id,
                project_name=project.name,
                workspace_id=project.tenant_id,
                workspace_name=names.get(project.tenant_id, ""),
                tags=tuple(project.tags),
            )
        )
        for project in projects
    }
    zones = {tenant_id: settings.zone_of_tenant(tenant_id, name) for tenant_id, name in names.items()}
    warehouse.execute(
        statement("ingest/apply_configuration"),
        {
            "source": source_id,
            "zones": json.dumps(zones),
            "environments": json.dumps(environments),
            "key_names": json.dumps([{"key": named.key, "name": named.name} for named in settings.api_keys]),
        },
    )
