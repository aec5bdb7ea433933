"""What speaks against an action now that did not when it was planned: the list of those left alone, the mode."""

from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.settings import Settings
from usage_pipeline.settings.enforcement import TargetFacts
from usage_pipeline.warehouse.connection import Connection


def objection_to(connection: Connection, settings: Settings, action: ActionRecord) -> str | None:
    """Why the action must not be, in words; None when nothing speaks against it.

    A mode that carries nothing out stops what has not begun; what is held already stays until its ground is gone.
    """
    facts = _facts(connection, action)
    if facts and settings.enforcement.never_touches(facts):
        return "it is on the list enforcement.never"
    if action.began_at is None and (mode := _mode(settings, action)) not in ("approve", "auto"):
        return f"mode is {mode} now"
    return None


def _facts(connection: Connection, action: ActionRecord) -> TargetFacts | None:
    row = connection.execute(
        "SELECT p.name, p.tenant_id, coalesce(t.name, p.tenant_id), p.environment, p.tags FROM usage.project p"
        " LEFT JOIN usage.tenant t USING (source, tenant_id) WHERE p.source = %s AND p.app_id = %s",
        [action.source, action.app_id],
    ).fetchone()
    if row is None:
        return None
    name, tenant_id, tenant, environment, tags = row
    return TargetFacts(
        project_id=action.app_id,
        project_name=str(name),
        workspace_id=str(tenant_id),
        workspace_name=str(tenant),
        environment=str(environment),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
    )


def _mode(settings: Settings, action: ActionRecord) -> str:
    for budget in settings.budgets:
        if budget.id == action.budget_id:
            for tier in settings.tiers_of(budget):
                if tier.at == action.tier and tier.on == action.tier_on:
                    return settings.mode_of(tier)
    return settings.enforcement.mode
