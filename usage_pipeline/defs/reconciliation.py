"""The asset reconciliation, a partition a day, and its checks."""

from collections.abc import Iterable

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import OWNERS, described, partition_days, table_of, usage_days
from usage_pipeline.reconciliation.reconcile import DayResult, reconcile

DAYS_CHECKED = 35  # a month and the days until its invoice; Dify's own clean-up deletes after 30 days
_ROWS_SHOWN = 20


@dg.asset(
    group_name="reconciliation",
    owners=OWNERS,
    kinds={"postgres", "sql"},
    metadata=described("reconciliation"),
    tags={"domain": "counting"},
    deps=["usage_events"],
    partitions_def=usage_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def reconciliation(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """One row a source and day: our sum, the source's own sums, and each rule that explains their difference.

    Rows that do not fit are read again and named. Events whose row the source deleted are marked and stay counted.
    """

    def tell(result: DayResult) -> None:
        context.log.info(f"{result.source_id} {result.usage_date} {result.state}: {result.says}")

    days = partition_days(context)
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        # Days that reading again changed are rolled up by the pass and by late_days, whose partitions then say so.
        results = reconcile(connection, settings, days, roll_up_healed=False, progress=tell)
    for day in days:
        of_day = [result for result in results if result.usage_date == day]
        context.add_asset_metadata(
            {
                "dagster/row_count": len(of_day),
                "state": ", ".join(f"{r.source_id} {r.state}" for r in of_day),
                "our_tokens": sum(int(str(r.sums.get("our_tokens", 0))) for r in of_day),
                "unexplained_tokens": sum(int(str(r.sums.get("unexplained_tokens", 0))) for r in of_day),
                "gone_events": sum(int(str(r.sums.get("gone_events", 0))) for r in of_day),
            },
            asset_key="reconciliation",
            partition_key=day.isoformat(),
        )
    return dg.MaterializeResult()


@dg.asset_check(
    asset=reconciliation,
    description=f"Each of the last {DAYS_CHECKED} days fits the source's own sums to the last token.",
)
def days_fit(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red with the rows that did not fit; what reading again healed is red once, until the day is compared again."""
    with warehouse.connection() as connection:
        bad = connection.execute(
            "SELECT source, usage_date, says FROM usage.reconciliation WHERE state IN ('red', 'healed')"
            " AND usage_date > current_date - %s ORDER BY usage_date DESC",
            [DAYS_CHECKED],
        ).fetchall()
        rows = table_of(
            connection,
            ["source", "day", "event", "what", "ours", "the source's"],
            "SELECT source, usage_date, m ->> 'event_id', m ->> 'what', m ->> 'ours', m ->> 'theirs'"
            " FROM usage.reconciliation CROSS JOIN LATERAL jsonb_array_elements(misfit_rows) AS m"
            " WHERE state IN ('red', 'healed') AND usage_date > current_date - %s"
            " ORDER BY usage_date DESC, 3 LIMIT %s",
            [DAYS_CHECKED, _ROWS_SHOWN],
        )
        summary = connection.execute(
            "SELECT count(*), coalesce(sum(gone_events), 0), min(checked_at)::text FROM usage.reconciliation"
            " WHERE usage_date > current_date - %s",
            [DAYS_CHECKED],
        ).fetchone() or (0, 0, None)
    return dg.AssetCheckResult(
        passed=not bad,
        metadata={
            "days": int(str(summary[0])),
            "gone_events": int(str(summary[1])),
            "do_not_fit": [f"{source} {day}: {says}" for source, day, says in bad],
            "rows": dg.MetadataValue.md(rows),
            "fix": "docs/counting.md, 'When a day does not fit'",
        },
    )


@dg.asset_check(
    asset=reconciliation, description="Every source could be compared: its kind can be, and its database was reached."
)
def every_source_compared(warehouse: Warehouse) -> dg.AssetCheckResult:
    """A warning that names the sources whose newest days were not compared, and why."""
    with warehouse.connection() as connection:
        found = connection.execute(
            "SELECT DISTINCT ON (source) source, usage_date, says FROM usage.reconciliation"
            " WHERE state = 'not_compared' AND usage_date BETWEEN current_date - 2 AND current_date - 1"
            " ORDER BY source, usage_date DESC"
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"not_compared": {str(source): f"{day}: {says}" for source, day, says in found}},
    )


ASSETS: list[dg.AssetsDefinition] = [reconciliation]
CHECKS: Iterable[dg.AssetChecksDefinition] = [days_fit, every_source_compared]
