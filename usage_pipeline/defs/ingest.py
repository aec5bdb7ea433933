"""The asset usage_events and its checks."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import OWNERS, check_names, described, is_pass, settings_at_load, table_of
from usage_pipeline.ingest.pass_record import begin_pass
from usage_pipeline.ingest.read_all_sources import read_all_sources
from usage_pipeline.warehouse.statements import statement

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
    residual. Sources are read only, side by side: one that fails or hangs is red in its check and holds up no other.
    """
    with warehouse.connection() as connection:
        if is_pass(context):
            begin_pass(connection, context.run_id, datetime.now(UTC))
        configuration = warehouse.configuration(connection)
        results, errors = read_all_sources(
            connection,
            configuration.settings,
            sweep=False,
            within=timedelta(seconds=configuration.settings.reading.pass_deadline_seconds),
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
            "sources_to_go_on_with": [result.source_id for result in results if not result.finished],
        }
    )


def _source_checks() -> list[dg.AssetChecksDefinition]:
    names = check_names("source_fresh", [source.id for source in settings_at_load().sources])

    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec(
                name,
                asset="usage_events",
                description=f"The source {source_id} was read to its end within the last 15 minutes.",
            )
            for source_id, name in names.items()
        ],
        name="sources_fresh",
    )
    def sources_fresh(warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        """One check a source: red when it could not be read, with the error; a warning while it is read for the first
        time and not at its end yet."""
        with warehouse.connection() as connection:
            rows = connection.execute(
                statement("ingest/source_health"), {"sources": list(names), "within_minutes": _FRESH_WITHIN_MINUTES}
            ).fetchall()
        for source_id, fresh, beginning, last_success, read_up_to, error in rows:
            yield dg.AssetCheckResult(
                asset_key="usage_events",
                check_name=names[str(source_id)],
                passed=bool(fresh),
                severity=dg.AssetCheckSeverity.WARN if beginning else dg.AssetCheckSeverity.ERROR,
                metadata={
                    "error": str(error or ("" if fresh else "it was not read to its end yet")),
                    "last_read_to_its_end": str(last_success or "never"),
                    "read_up_to": str(read_up_to or "nothing yet"),
                },
            )

    return [sources_fresh]


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
CHECKS: Iterable[dg.AssetChecksDefinition] = [*_source_checks(), nothing_unexplained]
