"""The asset daily_report, a partition a day: files under USAGE_PIPELINE_HOME/reports/."""

from datetime import date, timedelta

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    MORNING_REPORT,
    OWNERS,
    WORK_TAG,
    markdown_table,
    partition_days,
    usage_days,
)
from usage_pipeline.reports.chargeback import write_statements
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import Edition, EditionKind, edition_of, ended_with
from usage_pipeline.reports.files import reports_folder, write_report
from usage_pipeline.reports.make import key_figures, make_report
from usage_pipeline.reports.recipients import tell_recipients
from usage_pipeline.reports.trend_picture import as_markdown, trend_png
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

_ROWS_SHOWN = 15
_LONGER: tuple[EditionKind, ...] = ("week", "month")


@dg.asset(
    deps=["daily_usage", "daily_node_usage", "budget_status", "alert_audit", "reconciliation"],
    partitions_def=usage_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="reports",
    owners=OWNERS,
    kinds={"html", "xlsx"},
    tags={"domain": "reports"},
)
def daily_report(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The finance report of a day, in the formats of the configuration's `reports:`.

    Made of what the daily tables say now: a day can be made again after a re-pricing or a budget change. It says
    provisional until the day is over, read to its end and reconciled. With the last day of a week or month, that
    edition is written too, and the month's chargeback statements. The morning's own run puts the editions that ended
    yesterday into the outbox for their recipients; a backfill or a run by hand tells nobody.
    """
    days = partition_days(context)
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        for day in days:
            report, metadata = _write(connection, settings, day)
            context.log.info(f"{day}: {report.totals.base_cost} {report.currency}, provisional: {report.provisional}")
            longer = [_longer(connection, settings, edition) for edition in ended_with(day, _LONGER)]
            if is_morning(context) and day == settings.today() - timedelta(days=1):
                told = [each for each in (report, *longer) if each.edition.kind in settings.reports.editions]
                configuration = warehouse.configuration(connection)
                metadata["sent_to"] = [
                    name for each in told for name in tell_recipients(connection, configuration, each)
                ]
            context.add_asset_metadata(metadata, asset_key="daily_report", partition_key=day.isoformat())
    return dg.MaterializeResult()


def is_morning(context: dg.AssetExecutionContext) -> bool:
    """Whether this run is the schedule's own."""
    return context.run.tags.get(WORK_TAG) == MORNING_REPORT and "dagster/backfill" not in context.run.tags


def _write(connection: Connection, settings: Settings, day: date) -> tuple[Report, dict[str, object]]:
    report = make_report(connection, settings, edition_of("day", day))
    folder = reports_folder(report)
    files = write_report(report, settings.reports.formats, folder, settings.language)
    projects = [
        (spent.name, spent.belongs_to, spent.calls, spent.total_tokens, spent.base_cost,
         spent.cost_before)
        for spent in report.spent["project"][:_ROWS_SHOWN]
    ]  # fmt: skip
    columns = ["project", "tenant", "calls", "tokens", f"cost ({report.currency})", "the day before"]
    return report, {
        **key_figures(report),
        "dagster/row_count": len(report.rows),
        "trend": dg.MetadataValue.md(as_markdown(trend_png(report), "Cost of the last 30 days")),
        "projects": dg.MetadataValue.md(markdown_table(columns, projects)),
        "files": dg.MetadataValue.json([path.name for path in files]),
        "folder": dg.MetadataValue.path(str(folder)),
    }


def _longer(connection: Connection, settings: Settings, edition: Edition) -> Report:
    """A week's or a month's report, written into its folder; with a month, its chargeback statements."""
    report = make_report(connection, settings, edition)
    write_report(report, settings.reports.formats, reports_folder(report), settings.language)
    if edition.kind == "month":
        write_statements(connection, edition.period.first, settings.currency, reports_folder(report))
    return report


ASSETS: list[dg.AssetsDefinition] = [daily_report]
