"""Watching the pipeline itself: a job beside the pass, and a sensor that notices a failed pass at once."""

from datetime import UTC, datetime

import dagster as dg

from usage_pipeline.defs.ingest import usage_pass
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import one_op_job
from usage_pipeline.run_tags import Work
from usage_pipeline.settings.environment import run_page

# An alert is on its way within two minutes: the daemon asks, the delivery's sensor asks, its run starts.
_LOOKS_EVERY_S = 20


@dg.op(description="Looks whether passes, channels and sources do what they should, and notifies the operators if not.")
def watch_the_pipeline(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """A step of the pass, too; it must also work when the pass does not. Follow-ups that are due are made as well."""
    from usage_pipeline.alerts.follow_ups import plan
    from usage_pipeline.alerts.kinds.pipeline import raise_watch_alerts
    from usage_pipeline.delivery.worker import act_as

    with warehouse.connection() as connection:
        act_as(connection, context.run_id)
        configuration = warehouse.configuration(connection)
        raised = raise_watch_alerts(connection, configuration, datetime.now(UTC))
        plan(connection, configuration.settings, datetime.now(UTC))
    context.log.info(f"alerts raised: {raised}")


watch_pipeline = one_op_job("watch_pipeline", watch_the_pipeline, Work.WATCH, "Watches the pipeline itself.")

watch_pipeline_schedule = dg.ScheduleDefinition(
    name="watch_pipeline_schedule",
    job=watch_pipeline,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    tags={"domain": "alerts"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks every five minutes whether passes, channels and sources do what they should.",
)


# Run status sensors look at five runs a tick: enough for a job that never runs twice at once. Nothing depends on this
# alone: the watch looks for passes that never ended, and for three that failed.
@dg.run_failure_sensor(
    name="failed_passes",
    monitored_jobs=[usage_pass],
    minimum_interval_seconds=_LOOKS_EVERY_S,
    tags={"domain": "alerts"},
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Notifies the operators of a pass that failed, with the link to its run; once an outage.",
)
def failed_passes(context: dg.RunFailureSensorContext, warehouse: Warehouse) -> dg.SkipReason:
    """Writes the alert; the delivery job sends it."""
    from usage_pipeline.alerts.kinds.pipeline import FailedPass, raise_failed_pass
    from usage_pipeline.delivery.worker import act_as

    run_id = context.dagster_run.run_id
    record = context.instance.get_run_record_by_id(run_id)
    ended = datetime.fromtimestamp(record.end_time, UTC) if record and record.end_time else datetime.now(UTC)
    failed = FailedPass(run_id, ended, run_page(run_id))
    with warehouse.connection() as connection:
        act_as(connection, "failed_passes")
        raised = raise_failed_pass(connection, warehouse.configuration(connection), failed)
    return dg.SkipReason(f"{run_id} failed: {f'alert {raised}' if raised else 'its outage was told already'}")


defs = dg.Definitions(jobs=[watch_pipeline], schedules=[watch_pipeline_schedule], sensors=[failed_passes])
