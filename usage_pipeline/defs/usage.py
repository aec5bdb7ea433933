"""The daily tables as partitioned assets, the checks that compare them with the events, and late days."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    asset_job,
    column_schema,
    described,
    partition_days,
    pass_of,
    run_key,
    settings_at_load,
    usage_days,
)
from usage_pipeline.defs.tables import listed, table
from usage_pipeline.run_tags import Work, is_backfill, range_tags

if TYPE_CHECKING:
    from usage_pipeline.warehouse.connection import Connection

_ROW_MEANS = {
    "daily_usage": "One row a day and combination of project, key, caller and model: sums of usage_event.",
    "daily_project_usage": "One row a day and project: what each Dify app used.",
    "daily_key_usage": "One row a day and API key, with how sure the attribution is.",
    "daily_user_usage": "One row a day and caller: end users, visitors, accounts, triggers.",
    "daily_model_usage": "One row a day, provider and model.",
    "daily_node_usage": "One row a day and workflow node: which node burns the most.",
}
_DAYS_CHECKED = 7
_DIFFERENCE_COLUMNS = (
    "day",
    "table",
    "tokens of the events",
    "tokens of the table",
    "cost of the events",
    "of the table",
)
_NODE_COLUMNS = (
    "project",
    "title",
    "type",
    "models",
    "tokens",
    "tokens_before",
    "tokens_change_percent",
    "cost",
    "cost_before",
    "cost_change_percent",
)
_NODE_HEADINGS = (
    "project",
    "node",
    "type",
    "models",
    "tokens",
    "7 days before",
    "±%",
    "cost",
    "7 days before",
    "±%",
)


def _spec(table: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        table,
        deps=["usage_events" if table in ("daily_usage", "daily_node_usage") else "daily_usage"],
        description=_ROW_MEANS[table] + " Days are cut in each tenant's zone; costs in the base currency too.",
        group_name="usage",
        kinds={"postgres", "sql"},
        metadata=described(table),
        tags={"domain": "usage"},
    )


@dg.multi_asset(
    specs=[_spec(table) for table in _ROW_MEANS],
    partitions_def=usage_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    name="daily_tables",
)
def daily_tables(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
    """Rolls the run's days up from the events, all six tables in one transaction a month of days.

    A backfill first books the days' events again under the active configuration: keys, environments, zones, prices.
    """
    from usage_pipeline.defs.made_days import day_metadata
    from usage_pipeline.ingest.recount import recount
    from usage_pipeline.pipeline import ROLL_UP, run_steps
    from usage_pipeline.usage.days import measured_days

    days = partition_days(context)
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        booked: dict[str, int] = {}
        if is_backfill(context.run.tags):
            changed = recount(
                connection, settings, days, progress=lambda done, of: context.log.info(f"{done} of {of} days booked")
            )
            context.log.info(f"{changed} events are booked otherwise than before")
            booked = {"days": len(days), "events_booked_otherwise": changed}
        run_steps(pass_of(context, warehouse, connection), ROLL_UP)
        for measured in measured_days(connection, days):
            context.add_asset_metadata(
                {**day_metadata(measured, settings.currency), **booked},
                asset_key=measured.table,
                partition_key=measured.day.isoformat(),
            )
        # Once a run, with its last day: the UI shows the newest, and each copy costs kilobytes of every pass.
        for name in _ROW_MEANS:
            context.add_asset_metadata(
                {**column_schema(connection, name), **_of_the_whole(connection, name)},
                asset_key=name,
                partition_key=days[-1].isoformat(),
            )
            yield dg.MaterializeResult(asset_key=name)


def _of_the_whole(connection: "Connection", name: str) -> dict[str, dg.TableMetadataValue]:
    """What is shown of a table as a whole: how many calls were told to a key, and the nodes that burn the most."""
    from usage_pipeline.usage.top_nodes import top_nodes
    from usage_pipeline.warehouse.statements import statement

    if name == "daily_key_usage":
        return {"calls_told_to_a_key": listed(connection, statement("reports/key_attribution"))}
    if name == "daily_node_usage":
        rows = [node.as_row(_NODE_COLUMNS) for node in top_nodes(connection, days=7)]
        return {"top_nodes_of_7_days": table(_NODE_HEADINGS, rows)}
    return {}


@dg.asset_check(
    asset="daily_usage",
    description="Every daily table sums to the events, to the last token and the last decimal.",
)
def daily_tables_equal_events(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Compares the newest days on which there are events; days that wait for a roll-up are left out."""
    from usage_pipeline.usage.days import newest_days
    from usage_pipeline.usage.roll_up import changed_days, differences

    with warehouse.connection() as connection:
        days = newest_days(connection, _DAYS_CHECKED)
        found = differences(connection, days)
        waiting = len(changed_days(connection))
    lines = [(d.usage_date, d.table, d.event_tokens, d.table_tokens, d.event_cost, d.table_cost) for d in found]
    return dg.AssetCheckResult(
        passed=not found,
        metadata={
            "days_compared": len(days),
            "waiting_days": waiting,
            "differing_tables": len(found),
            "different_tokens": sum(abs(d.event_tokens - d.table_tokens) for d in found),
            "differences": table(_DIFFERENCE_COLUMNS, lines),
        },
    )


@dg.asset_check(
    asset="daily_model_usage",
    description="Every token of the last 30 days has a price: Dify's, a rule's or the catalogue's, and a rate.",
)
def everything_priced(warehouse: Warehouse) -> dg.AssetCheckResult:
    """A warning that lists models without a price; their tokens count, their cost is unknown, never zero."""
    from usage_pipeline.usage.days import unpriced_models
    from usage_pipeline.warehouse.statements import statement

    with warehouse.connection() as connection:
        models = unpriced_models(connection)
        unpriced = listed(connection, statement("usage/unpriced_models"))
    return dg.AssetCheckResult(
        passed=not models,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "unpriced_models": len(models),
            "unpriced_tokens": sum(model.tokens for model in models),
            "unpriced": unpriced,
            "fix": "add a rule to prices: (docs/counting.md), or a rate to exchange_rates:",
        },
    )


late_days = asset_job(
    "late_days",
    selection=dg.AssetSelection.groups("usage") | dg.AssetSelection.assets("budget_status"),
    tags=Work.LATE_DAYS.tags,
    description="Rolls up older days whose events changed. Asked for by a sensor; sends nothing.",
)


# No AutomationCondition: which days changed stands in the warehouse, while to Dagster usage_events is one asset that
# each pass materializes. A condition would ask for every day each minute, or for none; and its runs would bear neither
# the tag by which they neither send nor book events again, nor a key by which a change asks once.
@dg.sensor(
    job=late_days,
    minimum_interval_seconds=20,
    tags={"domain": "counting"},
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a run that rolls up older days whose events changed.",
)
def days_changed_late(warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    """The pass rolls up yesterday, today and tomorrow; every other changed day is rolled up here, once a change."""
    from usage_pipeline.settings.first_day import first_day
    from usage_pipeline.usage import days
    from usage_pipeline.usage.days import keep_first_day_of

    settings = settings_at_load()
    yesterday: date = settings.today() - timedelta(days=1)
    with warehouse.connection() as connection:
        keep_first_day_of(connection)  # the run that is asked for loads its partitions anew
        changed = days.late_days(connection, first_day(settings), yesterday)
    if not changed:
        return dg.SkipReason("no older day has changed")
    tags = {**Work.LATE_DAYS.tags, **range_tags(changed[0].usage_date, changed[-1].usage_date)}
    return dg.RunRequest(run_key=run_key("late", changed), tags=tags)


defs = dg.Definitions(
    assets=[daily_tables],
    asset_checks=[daily_tables_equal_events, everything_priced],
    jobs=[late_days],
    sensors=[days_changed_late],
)
