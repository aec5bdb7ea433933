"""Keeping storage small: old runs of Dagster, and alerts that need not be kept any longer."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import one_op_job, settings_at_load
from usage_pipeline.run_tags import Work


@dg.op(description="Removes runs of which there are thousands: passes, late days, deliveries, enforcement, watching.")
def delete_old_runs(context: dg.OpExecutionContext) -> None:
    """Keeps Dagster's storage small: a pass a minute is half a million runs a year."""
    from usage_pipeline.defs.old_runs import remove_old, storage_url

    url = storage_url(context.instance)
    if url is None:
        context.log.warning("Dagster's storage is not PostgreSQL: its runs stay; dagster.yaml of the project has one")
        return
    days = settings_at_load().schedule.keep_runs_days
    before = datetime.now(UTC) - timedelta(days=days)
    removed = remove_old(url, before=before, progress=lambda runs: context.log.info(f"{runs} runs removed so far"))
    context.add_output_metadata(
        {"runs_removed": removed.runs, "keep_runs_days": days, "storage_mb": round(removed.bytes_left / 1e6, 1)}
    )


remove_old_runs = one_op_job(
    "remove_old_runs", delete_old_runs, Work.MAINTENANCE, "Keeps Dagster's own storage small. Runs by schedule."
)

remove_old_runs_hourly = dg.ScheduleDefinition(
    name="remove_old_runs_hourly",
    job=remove_old_runs,
    cron_schedule="23 * * * *",
    tags={"domain": "maintenance"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes runs of passes, deliveries and the like that are older than schedule.keep_runs_days.",
)


@dg.op(description="Removes alerts older than alerting.keep_days, with all that happened to them.")
def remove_alerts_past_keeping(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """The only way out of the audit."""
    from usage_pipeline.alerts.retention import remove_old_alerts

    with warehouse.connection() as connection:
        removed = remove_old_alerts(connection, warehouse.configuration(connection).settings, datetime.now(UTC))
    context.log.info(f"{removed} alerts removed")


remove_old_alerts = one_op_job(
    "remove_old_alerts",
    remove_alerts_past_keeping,
    Work.MAINTENANCE,
    "Removes alerts that need not be kept any longer. Runs by schedule.",
)

remove_old_alerts_nightly = dg.ScheduleDefinition(
    name="remove_old_alerts_nightly",
    job=remove_old_alerts,
    cron_schedule="10 2 * * *",
    execution_timezone=settings_at_load().timezone,
    tags={"domain": "maintenance"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes alerts older than alerting.keep_days.",
)

defs = dg.Definitions(
    jobs=[remove_old_runs, remove_old_alerts], schedules=[remove_old_runs_hourly, remove_old_alerts_nightly]
)
