"""Keeping storage small: old runs of Dagster, and alerts that need not be kept any longer."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import one_op_job, settings_at_load
from usage_pipeline.run_tags import Work, may_be_removed

_KEPT_RUNS_FOR = timedelta(days=2)
_RUNS_REMOVED_AT_ONCE = 500
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dg.op(description="Removes runs older than two days of which there are thousands: the pass, delivery, enforcement.")
def delete_old_runs(context: dg.OpExecutionContext) -> None:
    """Keeps Dagster's storage small: a pass a minute is half a million runs a year."""
    old = context.instance.get_run_records(
        dg.RunsFilter(statuses=_FINISHED, created_before=datetime.now(UTC) - _KEPT_RUNS_FOR),
        limit=_RUNS_REMOVED_AT_ONCE,
        ascending=True,
    )
    removable = [record.dagster_run.run_id for record in old if may_be_removed(record.dagster_run.tags)]
    for run_id in removable:
        context.instance.delete_run(run_id)
    context.log.info(f"{len(removable)} of {len(old)} old runs removed")


remove_old_runs = one_op_job(
    "remove_old_runs", delete_old_runs, Work.MAINTENANCE, "Keeps Dagster's own storage small. Runs by schedule."
)

remove_old_runs_hourly = dg.ScheduleDefinition(
    name="remove_old_runs_hourly",
    job=remove_old_runs,
    cron_schedule="23 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes runs of the pass and of delivery that are older than two days.",
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
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes alerts older than alerting.keep_days.",
)

defs = dg.Definitions(
    jobs=[remove_old_runs, remove_old_alerts], schedules=[remove_old_runs_hourly, remove_old_alerts_nightly]
)
