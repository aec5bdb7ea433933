"""The asset daily_report, a partition a day: files under USAGE_PIPELINE_HOME/reports/; and its job and schedule."""

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    asset_job,
    daily_at,
    partition_days,
    settings_at_load,
    today_at,
    usage_days,
)
from usage_pipeline.defs.tables import table
from usage_pipeline.run_tags import Work, range_tags, was_asked_for_by_schedule
from usage_pipeline.settings.extras import MissingExtraError
from usage_pipeline.settings.first_day import first_day

if TYPE_CHECKING:
    from usage_pipeline.reports.daily import WrittenDay
    from usage_pipeline.reports.document import Report

_PROJECTS_SHOWN = 15


@dg.asset(
    deps=["daily_usage", "daily_node_usage", "budget_status", "alert_audit", "reconciliation"],
    partitions_def=usage_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="reports",
    kinds={"html", "xlsx"},
    tags={"domain": "reports"},
)
def daily_report(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """The finance report of a day, in the formats of the configuration's `reports:`.

    Made of what the daily tables say now, budgets as they stood when the day ended; made again later, it marks what was
    corrected since. It says provisional until the day is over, read to its end and reconciled. With the last day of a
    week or month, that edition is written too, and the month's chargeback statements. Only a run that the schedule
    asked for puts the editions that ended yesterday into the outbox: Materialize and backfills notify nobody, and
    `usage-pipeline report --send` does when somebody wants to.
    """
    from usage_pipeline.reports.daily import send_day, write_day

    scheduled = was_asked_for_by_schedule(context.run.tags, Work.DAILY_REPORT)
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        for day in partition_days(context):
            written = write_day(connection, configuration.settings, day)
            report = written.report
            context.log.info(f"{day}: {report.totals.base_cost} {report.currency}, provisional: {report.provisional}")
            metadata = _metadata(written)
            sent_to = send_day(connection, configuration, written) if scheduled else None
            if sent_to is not None:
                metadata["sent_to"] = sent_to
            context.add_asset_metadata(metadata, asset_key="daily_report", partition_key=day.isoformat())
    return dg.MaterializeResult()


def _metadata(written: "WrittenDay") -> dict[str, object]:
    report = written.report
    projects = [
        (
            spent.name,
            spent.belongs_to,
            spent.calls,
            spent.total_tokens,
            spent.base_cost,
            spent.cost_before,
        )
        for spent in report.spent["project"][:_PROJECTS_SHOWN]
    ]
    columns = ["project", "tenant", "calls", "tokens", f"cost ({report.currency})", "the day before"]
    return {
        **_key_figures(report),
        "dagster/row_count": len(report.rows),
        "trend": _trend(report),
        "projects": table(columns, projects),
        "files": dg.MetadataValue.json([path.name for path in written.files]),
        "folder": dg.MetadataValue.path(str(written.folder)),
        **_page(written),
    }


def _key_figures(report: "Report") -> dict[str, object]:
    """The figures at the top of the report as numbers to plot, with the unit in the key."""
    unit = report.currency.lower()
    return {
        "edition": report.edition.name,
        "provisional": report.provisional,
        f"cost_{unit}": round(float(report.totals.base_cost), 6),
        f"month_to_date_{unit}": round(float(report.month.base_cost), 6),
        f"month_forecast_{unit}": round(float(report.month.forecast), 6),
        "total_tokens": report.totals.total_tokens,
        "unpriced_tokens": report.totals.unpriced_tokens,
        "calls": report.totals.calls,
        "failed_calls": report.totals.failed_calls,
        "alerts": len(report.alerts),
    }


def _page(written: "WrittenDay") -> dict[str, object]:
    """The link to the day's page, where one was written."""
    from usage_pipeline.report_store import reports_root
    from usage_pipeline.ui.report_files import report_address

    reports = reports_root()
    pages = [path for path in written.files if path.suffix == ".html" and path.is_relative_to(reports)]
    return {"page": dg.MetadataValue.url(report_address(pages[0], reports))} if pages else {}


def _trend(report: "Report") -> dg.MetadataValue:
    """The picture, or why there is none."""
    from usage_pipeline.reports.trend_picture import as_markdown, trend_png

    try:
        return dg.MetadataValue.md(as_markdown(trend_png(report), "Cost of the last 60 days"))
    except MissingExtraError as error:
        return dg.MetadataValue.text(str(error))


daily_report_job = asset_job(
    "daily_report_job",
    selection=dg.AssetSelection.assets("daily_report"),
    tags=Work.DAILY_REPORT.tags,
    description="Writes the finance report of a day. Runs by schedule at reports.daily_at.",
)


# No AutomationCondition: the report comes at its hour, provisional if need be, while on_cron waits for every upstream
# asset; it would make the newest partition, tomorrow's, and its runs lack the tag by which the report is sent.
@dg.schedule(
    job=daily_report_job,
    cron_schedule=daily_at(settings_at_load().reports.daily_at),
    execution_timezone=settings_at_load().timezone,
    tags={"domain": "reports"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Writes yesterday's report, and the one before again: it may have been provisional.",
)
def daily_report_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Yesterday in the billing zone; where a tenant's own day is not over by then, the report says provisional."""
    today = today_at(context)
    first = max(today - timedelta(days=2), first_day(settings_at_load()))
    return dg.RunRequest(tags={**Work.DAILY_REPORT.tags, **range_tags(first, today - timedelta(days=1))})


defs = dg.Definitions(assets=[daily_report], jobs=[daily_report_job], schedules=[daily_report_schedule])
