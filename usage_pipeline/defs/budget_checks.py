"""One check a budget on budget_status, so that a broken budget is red in the asset graph and says why."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from usage_pipeline.budgets.explain import Explanation, explain
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import check_names, markdown_table, settings_at_load, table_of
from usage_pipeline.settings import Budget
from usage_pipeline.warehouse.connection import Connection

_RED = ("critical", "emergency")


def budget_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of the budgets that the configuration has when the code location is loaded."""
    budgets = settings_at_load().budgets
    if not budgets:
        return []
    names = check_names("budget", [budget.id for budget in budgets])

    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec(
                names[budget.id],
                asset="budget_status",
                description=f"{budget.name or budget.id} is under its limit.",
            )
            for budget in budgets
        ],
        name="budget_levels",
    )
    def budget_levels(warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        """One check a budget: a warning from the critical level on, red at the emergency level."""
        with warehouse.connection() as connection:
            for budget in budgets:
                yield budget_check(connection, budget, names[budget.id])

    return [budget_levels]


def budget_check(connection: Connection, budget: Budget, name: str) -> dg.AssetCheckResult:
    """Where a budget stands now; one that is broken is explained by its largest parts and what happened."""
    rows = connection.execute(
        "SELECT DISTINCT level FROM usage.budget_status WHERE budget_id = %s AND period_end > now()", [budget.id]
    ).fetchall()
    levels = {str(level) for (level,) in rows}
    table = table_of(
        connection,
        ["scope", "period from", "spent", "limit", "ratio", "level", "forecast", "version"],
        'SELECT scope_name, (period_start AT TIME ZONE zone)::date, round(spent, 2), "limit", round(ratio, 3), level,'
        " round(forecast, 0), config_version FROM usage.budget_status WHERE budget_id = %s AND period_end > now()"
        " ORDER BY ratio DESC LIMIT 20",
        [budget.id],
    )
    broken = bool(levels & set(_RED))
    # Spending is summed from the events for this: only where somebody must look.
    found = explain(connection, budget, datetime.now(UTC), limit=1) if broken else []
    return dg.AssetCheckResult(
        asset_key="budget_status",
        check_name=name,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if "emergency" in levels else dg.AssetCheckSeverity.WARN,
        metadata={
            "highest": dg.MetadataValue.md(table),
            **{name: dg.MetadataValue.md(text) for one in found for name, text in _explained(one).items()},
        },
    )


def _explained(found: Explanation) -> dict[str, str]:
    parts = [(kind, name, amount) for kind, listed in found.parts.items() for name, amount in listed[:3]]
    story = [(h.at, h.what, h.by, h.level, h.spent, h.limit, h.config_version) for h in found.audit_log]
    return {
        "largest_parts": markdown_table(["by", "name", found.measure], parts),
        "what_happened": markdown_table(["when", "what", "by", "level", "spent", "limit", "version"], story),
    }
