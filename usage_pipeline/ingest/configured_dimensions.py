"""Gives known workspaces, projects and API keys what the configuration says of them: zone, environment, name."""

import json

from usage_pipeline.settings import ProjectFacts, Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


def apply_configuration(warehouse: Connection, source_id: str, settings: Settings) -> None:
    """Brings usage.tenant, usage.project and usage.api_key of a source up to the configuration; safe to run twice."""
    tenants = warehouse.execute("SELECT tenant_id, name FROM usage.tenant WHERE source = %s", [source_id])
    names = {str(tenant_id): str(name) for tenant_id, name in tenants}
    projects = warehouse.execute(
        "SELECT app_id, tenant_id, name, tags FROM usage.project WHERE source = %s", [source_id]
    )
    environments = {
        str(app_id): settings.environment_of(
            ProjectFacts(
                project_id=str(app_id),
                project_name=str(name),
                workspace_id=str(tenant_id),
                workspace_name=names.get(str(tenant_id), ""),
                tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            )
        )
        for app_id, tenant_id, name, tags in projects
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
