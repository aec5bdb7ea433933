"""The daily tables as partitioned assets, and the check that they equal the events."""

from collections.abc import Iterable, Iterator
from datetime import date

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    OWNERS,
    described,
    is_backfill,
    markdown_table,
    partition_days,
    table_of,
    usage_days,
)
from usage_pipeline.ingest.recount import recount
from usage_pipeline.usage.roll_up import DAILY_TABLES, changed_days, differences, roll_up
from usage_pipeline.usage.top_nodes import top_nodes
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_ROW_MEANS = {
    "daily_usage": "One row a day and combination of project, key, caller and model: sums of usage_event.",
    "daily_project_usage": "One row a day and project: what each Dify app used.",
    "daily_key_usage": "One row a day and API key, with how sure the attribution is.",
    "daily_user_usage": "One row a day and caller: end users, visitors, accounts, triggers.",
    "daily_model_usage": "One row a day, provider and model.",
    "daily_node_usage": "One row a day and workflow node: which node burns the most.",
}
DAYS_CHECKED = 7
_NODE_COLUMNS = ("project", "title", "type", "models", "tokens", "tokens_before", "tokens_change_percent", "cost",
                 "cost_before", "cost_change_percent")  # fmt: skip
_TOLD = ("workspace", "project", "API calls", "rate", "exact", "sole", "observed", "declared", "shared")


def _specs() -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            table,
            deps=["usage_events" if table in ("daily_usage", "daily_node_usage") else "daily_usage"],
            description=_ROW_MEANS[table] + " Days are cut in each tenant's zone; costs in the base currency too.",
            group_name="usage",
            owners=OWNERS,
            kinds={"postgres", "sql"},
            metadata=described(table),
            tags={"domain": "usage"},
        )
        for table in DAILY_TABLES
    ]


@dg.multi_asset(
    specs=_specs(), partitions_def=usage_days(), backfill_policy=dg.BackfillPolicy.single_run(), name="daily_tables"
)
def daily_tables(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Rolls the run's days up from the events, all six tables in one transaction a month of days.

    A backfill first books the days' events again under the active configuration: keys, environments, zones, prices.
    """
    days = partition_days(context)
    with warehouse.connection() as connection:
        if is_backfill(context):
            changed = recount(connection, warehouse.configuration(connection).settings, days)
            context.log.info(f"{changed} events are booked otherwise than before")
        roll_up(connection, days, progress=lambda done, of: context.log.info(f"{done} of {of} days rolled up"))
        told = dg.MetadataValue.md(table_of(connection, _TOLD, statement("reports/key_attribution"), []))
        for table in DAILY_TABLES:
            for day, metadata in _measured(connection, table, days).items():
                context.add_asset_metadata(metadata, asset_key=table, partition_key=day)
            more = {"calls_told_to_a_key": told} if table == "daily_key_usage" else _of_the_whole(connection, table)
            yield dg.MaterializeResult(asset_key=table, metadata=more)


def _of_the_whole(connection: Connection, table: str) -> dict[str, dg.MetadataValue]:
    """What is shown of a table as a whole: of the nodes, those that burn the most and what it was a week ago."""
    if table != "daily_node_usage":
        return {}
    rows = [node.as_row(_NODE_COLUMNS) for node in top_nodes(connection, days=7)]
    headings = ["project", "node", "type", "models", "tokens", "7 days before", "±%", "cost", "7 days before", "±%"]
    return {"top_nodes_of_7_days": dg.MetadataValue.md(markdown_table(headings, rows))}


def _measured(connection: Connection, table: str, days: list[date]) -> dict[str, dict[str, str | int | float]]:
    """Each day's row count and sums, by its partition key."""
    rows = connection.execute(
        f"SELECT day, count(t.usage_date), coalesce(sum(total_tokens), 0), coalesce(sum(base_cost), 0),"
        f" coalesce(sum(calls), 0) FROM unnest(%s::date[]) AS day"
        f" LEFT JOIN usage.{table} t ON t.usage_date = day GROUP BY day".encode(),
        [days],
    )
    return {
        str(day): {
            "dagster/row_count": int(str(count)),
            "total_tokens": int(str(tokens)),
            "base_cost": str(cost),
            "base_cost_plotted": float(str(cost)),  # Dagster plots numbers only; the exact one stands above
            "calls": int(str(calls)),
        }
        for day, count, tokens, cost, calls in rows
    }


@dg.asset_check(
    asset="daily_usage",
    description="Every daily table sums to the events, to the last token and the last decimal.",
)
def daily_tables_equal_events(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Compares the newest days on which there are events; days that wait for a roll-up are left out."""
    with warehouse.connection() as connection:
        days = [
            day
            for (day,) in connection.execute(
                "SELECT DISTINCT usage_date FROM usage.daily_project_usage ORDER BY 1 DESC LIMIT %s", [DAYS_CHECKED]
            )
            if isinstance(day, date)
        ]
        found = differences(connection, days)
        waiting = len(changed_days(connection))
    lines = [f"{d.usage_date} {d.table}: events {d.event_tokens}, table {d.table_tokens}" for d in found]
    return dg.AssetCheckResult(
        passed=not found, metadata={"days": len(days), "waiting_days": waiting, "differences": lines}
    )


@dg.asset_check(
    asset="daily_model_usage",
    description="Every token of the last 30 days has a price: Dify's, a rule's or the catalogue's, and a rate.",
)
def everything_priced(warehouse: Warehouse) -> dg.AssetCheckResult:
    """A warning that lists models without a price; their tokens count, their cost is unknown, never zero."""
    with warehouse.connection() as connection:
        models = connection.execute(statement("usage/unpriced_models")).fetchall()
        table = table_of(
            connection,
            ["provider", "model", "currency", "tokens", "first day", "last day"],
            statement("usage/unpriced_models"),
            [],
        )
    return dg.AssetCheckResult(
        passed=not models,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "unpriced_models": len(models),
            "unpriced": dg.MetadataValue.md(table),
            "fix": "add a rule to prices: (docs/counting.md), or a rate to exchange_rates:",
        },
    )


ASSETS: list[dg.AssetsDefinition] = [daily_tables]
CHECKS: Iterable[dg.AssetChecksDefinition] = [daily_tables_equal_events, everything_priced]
