"""The asset usage_events and its checks."""

from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg

from usage_pipeline.asset_catalogue import OWNERS, described, is_pass, table_of
from usage_pipeline.ingest.every_source import read_every_source
from usage_pipeline.ingest.pass_record import begin_pass
from usage_pipeline.warehouse_resource import Warehouse

_FRESH_WITHIN_MINUTES = 15


@dg.asset(
    group_name="ingest",
    owners=OWNERS,
    kinds={"postgres", "sql"},
    metadata=described("usage_event"),
    tags={"domain": "counting"},
)
def usage_events(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """One row a usage event: the smallest unit that Dify billed, read incrementally, each token once.

    A message of a basic app, or a model-calling leaf node of a workflow run; what only a run's total knows is its
    residual. Sources are read only, each by itself: one that fails is red here and does not stop the others.
    """
    with warehouse.connection() as connection:
        if is_pass(context):
            begin_pass(connection, context.run_id, datetime.now(UTC))
        configuration = warehouse.configuration(connection)
        results, errors = read_every_source(
            connection,
            configuration.settings,
            sweep=False,
            progress=lambda p: context.log.info(
                f"{p.source_id}: read up to {p.read_up_to}, {p.events_changed} changed"
            ),
        )
        rows = connection.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = 'usage.usage_event'::regclass")
        estimate = rows.fetchone()
    for error in errors.values():
        context.log.error(error)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": int(str(estimate[0])) if estimate and int(str(estimate[0])) >= 0 else 0,
            "events_changed": sum(result.events_changed for result in results),
            "open_rows_read": sum(result.open_rows_read for result in results),
            "sources_read": [result.source_id for result in results],
            "sources_failed": sorted(errors),
        }
    )


@dg.asset_check(asset=usage_events, description="Each source was read to its end within the last 15 minutes.")
def source_fresh(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red when a source could not be read; its error is in the metadata."""
    with warehouse.connection() as connection:
        known = [source.id for source in warehouse.configuration(connection).settings.sources]
        stale = connection.execute(
            "SELECT s.id, t.last_success_at, t.last_error FROM unnest(%s::text[]) AS s (id)"
            " LEFT JOIN usage.source_state t ON t.source = s.id"
            " WHERE t.last_error IS NOT NULL OR t.last_success_at IS NULL"
            " OR t.last_success_at < now() - make_interval(mins => %s)",
            [known, _FRESH_WITHIN_MINUTES],
        ).fetchall()
    details = {str(source): str(error or f"last read {last}") for source, last, error in stale}
    return dg.AssetCheckResult(passed=not stale, metadata={"sources": len(known), "stale": details})


@dg.asset_check(
    asset=usage_events,
    description="Nothing in the sources is unexplained: unreadable rows, unknown node types, missing columns or runs.",
)
def nothing_unexplained(warehouse: Warehouse) -> dg.AssetCheckResult:
    """A warning that lists what could not be read; it is counted as far as it can be."""
    with warehouse.connection() as connection:
        total = connection.execute("SELECT count(*) FROM usage.source_problem").fetchone()
        table = table_of(
            connection,
            ["source", "kind", "row", "detail", "first seen"],
            "SELECT source, kind, row_id, detail, first_seen_at FROM usage.source_problem"
            " ORDER BY first_seen_at DESC LIMIT 20",
            [],
        )
    problems = int(str(total[0])) if total else 0
    return dg.AssetCheckResult(
        passed=problems == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"problems": problems, "newest": dg.MetadataValue.md(table)},
    )


ASSETS: list[dg.AssetsDefinition] = [usage_events]
CHECKS: Iterable[dg.AssetChecksDefinition] = [source_fresh, nothing_unexplained]
