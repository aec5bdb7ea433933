"""What was counted against what the sources and the invoices say: the assets, their checks, and when they are made."""

from collections.abc import Iterator
from dataclasses import astuple
from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    asset_job,
    column_schema,
    described,
    partition_days,
    settings_at_load,
    today_at,
    usage_days,
)
from usage_pipeline.defs.tables import listed, table
from usage_pipeline.run_tags import Work, range_tags
from usage_pipeline.settings.first_day import first_day

if TYPE_CHECKING:
    from usage_pipeline.reconciliation.reconcile import DayResult

# A month and the days until its invoice; Dify's own clean-up deletes after 30 days.
_DAYS_CHECKED = 35
_INVOICES_SHOWN = 60


@dg.asset(
    group_name="reconciliation",
    kinds={"postgres", "sql"},
    metadata=described("reconciliation"),
    tags={"domain": "counting"},
    deps=["usage_events"],
    partitions_def=usage_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def reconciliation(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """One row a source and day: our sum, the source's own sums, and each rule that explains their difference.

    Rows that do not fit are read again and named. Events whose row the source deleted are marked and stay counted.
    """
    from usage_pipeline.reconciliation.reconcile import reconcile

    def log(result: "DayResult") -> None:
        context.log.info(f"{result.source_id} {result.usage_date} {result.state}: {result.says}")

    days = partition_days(context)
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        # Days that reading again changed are rolled up by the pass and by late_days, whose partitions then say so.
        results = reconcile(connection, settings, days, roll_up_healed=False, progress=log)
        schema = column_schema(connection, "reconciliation")
    for day in days:
        of_day = [result for result in results if result.usage_date == day]
        context.add_asset_metadata(
            {
                "dagster/row_count": len(of_day),
                "state": ", ".join(f"{r.source_id} {r.state}" for r in of_day),
                "our_tokens": sum(r.sums.our_tokens for r in of_day if r.sums),
                "unexplained_tokens": sum(r.sums.unexplained_tokens for r in of_day if r.sums),
                "gone_events": sum(r.sums.gone_events for r in of_day if r.sums),
            },
            asset_key="reconciliation",
            partition_key=day.isoformat(),
        )
    return dg.MaterializeResult(metadata=schema)


@dg.asset_check(
    asset=reconciliation,
    description=f"Each of the last {_DAYS_CHECKED} days fits the source's own sums to the last token.",
)
def days_fit(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red with the rows that did not fit; what reading again healed is red once, until the day is compared again."""
    from usage_pipeline.reconciliation.standing import standing
    from usage_pipeline.warehouse.statements import statement

    with warehouse.connection() as connection:
        found = standing(connection, _DAYS_CHECKED)
        rows = listed(connection, statement("reconciliation/newest_misfits"), {"days": _DAYS_CHECKED})
    return dg.AssetCheckResult(
        passed=not found.do_not_fit,
        metadata={
            "days": found.days,
            "gone_events": found.gone_events,
            "do_not_fit": found.do_not_fit,
            "days_that_do_not_fit": len(found.do_not_fit),
            "rows": rows,
            "fix": "docs/counting.md, 'When a day does not fit'",
        },
    )


@dg.asset_check(
    asset=reconciliation, description="Every source could be compared: its kind can be, and its database was reached."
)
def every_source_compared(warehouse: Warehouse) -> dg.AssetCheckResult:
    """A warning that names the sources whose newest days were not compared, and why."""
    from usage_pipeline.reconciliation.standing import not_compared

    with warehouse.connection() as connection:
        found = not_compared(connection)
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "sources_not_compared": len(found),
            "not_compared": {day.source: f"{day.usage_date}: {day.says}" for day in found},
        },
    )


@dg.asset(
    group_name="reconciliation",
    kinds={"postgres", "sql"},
    metadata=described("invoice"),
    tags={"domain": "counting"},
    deps=["daily_model_usage"],
)
def invoice_coverage(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """By month, provider and model: invoiced, counted, and their ratio, in the base currency.

    Invoices come by `usage-pipeline invoices import`. A ratio below one is what Dify does not log (docs/counting.md).
    """
    from usage_pipeline.invoices.coverage import COLUMNS, coverage

    with warehouse.connection() as connection:
        rows = coverage(connection, warehouse.configuration(connection).settings)
        schema = column_schema(connection, "invoice")
    return dg.MaterializeResult(
        metadata={
            **schema,
            "dagster/row_count": len(rows),
            "coverage": table(COLUMNS, [astuple(row) for row in rows[:_INVOICES_SHOWN]]),
            "without_exchange_rate": sum(row.lacks_exchange_rate for row in rows),
        }
    )


reconcile_days = asset_job(
    "reconcile_days",
    selection=dg.AssetSelection.assets("reconciliation"),
    tags=Work.RECONCILE.tags,
    description="Holds days against the sources' own sums, reads again what does not fit, and names it.",
)

invoices_covered = asset_job(
    "invoices_covered",
    selection=dg.AssetSelection.assets("invoice_coverage"),
    tags=Work.RECONCILE.tags,
    description="Holds what was counted against the providers' invoices.",
)


def _reconcile(first: date, last: date) -> dg.RunRequest:
    return dg.RunRequest(tags={**Work.RECONCILE.tags, **range_tags(first, last)})


# No AutomationCondition: which older days are taken again is what the warehouse knows of them, not their partitions'
# age; and a night's five weeks are one run over a range.
@dg.schedule(
    job=reconcile_days,
    cron_schedule="41 * * * *",
    execution_timezone="UTC",
    tags={"domain": "counting"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reconciles yesterday and today, and each day that did not fit when it was compared last.",
)
def reconcile_hourly(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> Iterator[dg.RunRequest]:
    """An hour is what a wrong figure may stand unseen; the days cost a few seconds, most of it on what is new."""
    from usage_pipeline.reconciliation.standing import days_to_repeat

    today = today_at(context)
    yesterday = today - timedelta(days=1)
    yield _reconcile(yesterday, today)
    with warehouse.connection() as connection:
        for day in days_to_repeat(connection, after=today - timedelta(days=_DAYS_CHECKED), before=yesterday):
            yield _reconcile(day, day)


@dg.schedule(
    job=reconcile_days,
    cron_schedule="20 1 * * *",
    execution_timezone=settings_at_load().timezone,
    tags={"domain": "counting"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reconciles the last 35 days, before Dify's own nightly clean-up deletes what is 30 days old.",
)
def reconcile_nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Finds rows that were inserted or changed at the source after the look-back, and marks what is gone."""
    today = today_at(context)
    return _reconcile(max(today - timedelta(days=_DAYS_CHECKED), first_day(settings_at_load())), today)


# No AutomationCondition: on_cron waits until every partition of daily_model_usage has been made again.
cover_invoices_nightly = dg.ScheduleDefinition(
    name="cover_invoices_nightly",
    job=invoices_covered,
    cron_schedule="50 1 * * *",
    execution_timezone=settings_at_load().timezone,
    tags={"domain": "counting"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Holds what was counted against the imported invoices.",
)

defs = dg.Definitions(
    assets=[reconciliation, invoice_coverage],
    asset_checks=[days_fit, every_source_compared],
    jobs=[reconcile_days, invoices_covered],
    schedules=[reconcile_hourly, reconcile_nightly, cover_invoices_nightly],
)
