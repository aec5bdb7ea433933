"""The asset budget_status and its checks: one a budget, so that a broken one is red in the asset graph and says why."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from usage_pipeline.defs.budget_tables import app_link, explained, standing_figures, standing_table, what_if_table
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    check_names,
    described,
    partition_days,
    pass_of,
    settings_at_load,
    table_metadata,
    tag_run,
    usage_days,
)
from usage_pipeline.defs.tables import table
from usage_pipeline.run_tags import Work, is_scheduled, work_of
from usage_pipeline.settings import Budget, Settings

if TYPE_CHECKING:
    from usage_pipeline.warehouse.connection import Connection

_UNUSUAL = ("what", "from", "to", "used", "usually", "standard deviations above", "rule")
_RED = {"critical", "emergency"}


@dg.asset(
    deps=["daily_usage"],
    partitions_def=usage_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="budgets",
    kinds={"postgres", "sql"},
    metadata=described("budget_status"),
    tags={"domain": "budgets"},
)
def budget_status(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """One row a budget, scope value and period: spent against limit, level and forecast.

    A pass evaluates the current periods and writes the alerts of tiers reached, in one transaction. A backfill
    evaluates past days under the active configuration, beside what was active then (budget_status_what_if), and
    notifies nobody.
    """
    from usage_pipeline.alerts.history import budgets_of_alerts
    from usage_pipeline.budgets.past_days import correct_days, evaluate_days, what_if_alerts
    from usage_pipeline.budgets.standing import standing_now
    from usage_pipeline.pipeline import EVALUATE, WATCH, run_steps

    in_pass = is_scheduled(context.run.tags, Work.PASS)
    raised: list[str] = []
    what_if: dict[str, int | dg.TableMetadataValue] = {}
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        if in_pass:
            raised = run_steps(pass_of(context, warehouse, connection), EVALUATE, WATCH).alerts
            budgets = budgets_of_alerts(connection, raised)
            tag_run(context, alert=[(alert, "raised") for alert in raised], budget=budgets)
        elif work_of(context.run.tags) is Work.LATE_DAYS:
            correct_days(connection, configuration, partition_days(context))
        else:
            days = partition_days(context)
            evaluate_days(connection, configuration, days, progress=lambda day: context.log.info(f"{day} evaluated"))
            # The days that would have alerted under the present file, beside what was active then.
            found = what_if_alerts(connection, configuration.version, days)
            what_if = {
                "days": len(days),
                "alerts_it_would_have_raised": len(found),
                "would_have_alerted": what_if_table(configuration.settings, found),
            }
        of_the_table = table_metadata(connection, "budget_status")
        standing = standing_now(connection)
    return dg.MaterializeResult(
        metadata={
            **of_the_table,
            "alerts_raised": raised,
            "sends": "alerts" if in_pass else "nothing",
            "config_version": configuration.version,
            **standing_figures(configuration.settings, standing[0] if standing else None),
            "highest": standing_table(configuration.settings, standing),
            **what_if,
        }
    )


@dg.asset_check(asset=budget_status, description="The configuration file is active; else what was active before is.")
def budgets_valid(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red with file, line, field, value and fix while the file is refused; with what it loses while it waits."""
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
    refused, waiting = configuration.refused, configuration.waiting
    problems = [str(problem) for problem in refused.problems] if refused else [str(waiting)] if waiting else []
    return dg.AssetCheckResult(
        passed=not problems,
        metadata={
            "problem_count": len(problems),
            "problems": problems,
            "active_version": configuration.version,
        },
    )


@dg.asset_check(asset=budget_status, description="Each name that a budget's scope writes is one workspace's.")
def names_are_one_workspaces(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red with each name that several workspaces have: what is counted meanwhile, and how it is written."""
    from usage_pipeline.budgets.names import names_of

    with warehouse.connection() as connection:
        budgets = warehouse.configuration(connection).settings.budgets
        problems = [str(name) for name in names_of(connection, budgets).ambiguous]
    return dg.AssetCheckResult(passed=not problems, metadata={"ambiguous_names": len(problems), "problems": problems})


@dg.asset_check(asset=budget_status, description="Nothing was used that is far outside its own history (`anomalies:`).")
def nothing_unusual(warehouse: Warehouse) -> dg.AssetCheckResult:
    """A warning with what was found within the last day; it says so where nothing is watched."""
    from usage_pipeline.budgets.anomalies import found_lately
    from usage_pipeline.budgets.standing import in_unit

    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        found = found_lately(connection)
    watched = [rule.id for rule in settings.anomalies if rule.mode != "off"]
    lines = [
        (
            one.name or "everything",
            one.window_start,
            one.window_end,
            in_unit(one.amount, one.measure, settings.currency),
            in_unit(one.usual, one.measure, settings.currency),
            one.score,
            one.rule_id,
        )
        for one in found
    ]
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if watched else "nothing is watched: `anomalies:` of the configuration is empty or off",
        metadata={
            "watched": ", ".join(watched) or "nothing is watched",
            "rules_watched": len(watched),
            "unusual_windows": len(found),
            "highest_score": float(max((one.score for one in found), default=0)),
            "unusual": table(_UNUSUAL, lines),
        },
    )


def _budget_levels() -> dg.AssetChecksDefinition:
    """The checks of the budgets that the configuration has when the code location is loaded."""
    budgets = settings_at_load().budgets
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
            settings = warehouse.configuration(connection).settings
            for budget in budgets:
                yield _budget_check(connection, settings, budget, names[budget.id])

    return budget_levels


def _budget_check(connection: "Connection", settings: Settings, budget: Budget, name: str) -> dg.AssetCheckResult:
    from usage_pipeline.budgets.explain import explain
    from usage_pipeline.budgets.standing import standing_now

    standing = standing_now(connection, budget.id)
    levels = {one.level for one in standing}
    broken = bool(levels & _RED)
    # Spending is summed from the events for this: only where somebody must look.
    found = explain(connection, budget, datetime.now(UTC), limit=1) if broken else []
    return dg.AssetCheckResult(
        asset_key="budget_status",
        check_name=name,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if "emergency" in levels else dg.AssetCheckSeverity.WARN,
        metadata={
            **standing_figures(settings, standing[0] if standing else None),
            "highest": standing_table(settings, standing),
            **app_link(settings, standing[0] if standing else None),
            **{name: shown for one in found for name, shown in explained(settings, one).items()},
        },
    )


defs = dg.Definitions(
    assets=[budget_status],
    asset_checks=[
        budgets_valid,
        names_are_one_workspaces,
        nothing_unusual,
        *([_budget_levels()] if settings_at_load().budgets else []),
    ],
)
