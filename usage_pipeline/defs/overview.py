"""The asset overview: what an operator opens first in the morning, made anew by each pass."""

import dagster as dg

from usage_pipeline.defs.budget_tables import standing_table
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.tables import table

_SOURCES = ("source", "read to its end", "read up to", "why not")
_ACTIONS = ("action", "app", "budget", "since")


@dg.asset(deps=["pass_record"], group_name="overview", kinds={"postgres"}, tags={"domain": "overview"})
def overview(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """How everything stands: today's cost beside days like it, sources and their lag, reconciliation, budgets by level,
    alerts that wait, actions in force, storage, versions. In the configuration's language.
    """
    from usage_pipeline.defs.old_runs import storage_size
    from usage_pipeline.overview.facts import overview as look
    from usage_pipeline.overview.text import overview_text

    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        found = look(connection, configuration)
    settings = configuration.settings
    stored = storage_size(context.instance)
    unit = settings.currency.lower()
    sources = [(s.source, s.last_success_at or "never", s.read_up_to, s.last_error) for s in found.sources]
    actions = [(a.action, a.target, a.budget_id, a.applied_at) for a in found.actions]
    figures = {
        f"cost_today_{unit}": round(float(found.today.cost), 6),
        "tokens_today": found.today.tokens,
        "lag_minutes": found.lag_minutes,
        f"usual_cost_at_this_hour_{unit}": None if found.usual_so_far is None else round(float(found.usual_so_far), 6),
        "change_percent": found.change_percent,
        **{f"budgets_{level}": number for level, number in found.levels.items()},
        "days_that_do_not_fit": len(found.days_that_do_not_fit),
        "alerts_waiting": found.undelivered.waiting,
        "alerts_failed": found.undelivered.failed,
        "actions_in_force": len(found.actions),
        "warehouse_mb": round(found.warehouse_bytes / 1e6, 1),
        "dagster_mb": None if stored is None else round(stored / 1e6, 1),
    }
    return dg.MaterializeResult(
        metadata={
            "overview": dg.MetadataValue.md(overview_text(found, settings.language, dagster_bytes=stored)),
            "budgets": standing_table(settings, found.budgets),
            "sources": table(_SOURCES, sources),
            "actions": table(_ACTIONS, actions),
            **{name: figure for name, figure in figures.items() if figure is not None},
        }
    )


defs = dg.Definitions(assets=[overview])
