"""The Dagster jobs: the pass, late days, the morning, delivery, and the removal of old runs."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import AssetSelection, DagsterRunStatus, RunsFilter
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from usage_pipeline import inputs
from usage_pipeline.alerts.follow_ups import plan
from usage_pipeline.alerts.kinds.pipeline import raise_watch_alerts
from usage_pipeline.alerts.retention import remove_old_alerts
from usage_pipeline.alerts.silences import acknowledge
from usage_pipeline.defs.enforcement_jobs import decide_action_job, release_action_job
from usage_pipeline.defs.overrides import decide_override, request_override
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    ENFORCE,
    EXECUTOR,
    LATE_DAYS,
    MORNING_REPORT,
    PASS,
    RECONCILE,
    WORK_TAG,
    usage_days,
)
from usage_pipeline.delivery.worker import act_as, deliver_due
from usage_pipeline.ingest.read_all_sources import read_all_sources
from usage_pipeline.usage.roll_up import changed_days

_KEPT_RUNS_FOR = timedelta(days=2)
_RUNS_REMOVED_AT_ONCE = 500

usage_pass = dg.define_asset_job(
    "usage_pass",
    selection=AssetSelection.all() - AssetSelection.groups("reconciliation", "reports", "enforcement"),
    partitions_def=usage_days(),
    executor_def=EXECUTOR,
    tags={WORK_TAG: PASS},
    description="Reads the sources, rolls up, evaluates the budgets and writes alerts. Runs by schedule each minute.",
)

late_days = dg.define_asset_job(
    "late_days",
    selection=AssetSelection.groups("usage") | AssetSelection.assets("budget_status"),
    partitions_def=usage_days(),
    executor_def=EXECUTOR,
    tags={WORK_TAG: LATE_DAYS},
    description="Rolls up older days whose events changed. Asked for by a sensor; sends nothing.",
)


reconcile_days = dg.define_asset_job(
    "reconcile_days",
    selection=AssetSelection.assets("reconciliation"),
    partitions_def=usage_days(),
    executor_def=EXECUTOR,
    tags={WORK_TAG: RECONCILE},
    description="Holds days against the sources' own sums, reads again what does not fit, and names it.",
)

invoices_covered = dg.define_asset_job(
    "invoices_covered",
    selection=AssetSelection.assets("invoice_coverage"),
    executor_def=EXECUTOR,
    tags={WORK_TAG: RECONCILE},
    description="Holds what was counted against the providers' invoices.",
)


@dg.op(description="Hands every alert that is due to its channel; each attempt is a row with the channel's answer.")
def send_due_alerts(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """One claim, send and record for each delivery that is due."""
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        summary = deliver_due(
            connection, configuration.settings, by=context.run_id, config_version=configuration.version
        )
    context.log.info(f"{summary}")


@dg.job(
    executor_def=EXECUTOR,
    tags={WORK_TAG: "delivery"},
    description="Delivers what the outbox holds. Asked for by a sensor as soon as something is due.",
)
def deliver_alerts() -> None:
    """One op; two runs at once never send the same delivery."""
    send_due_alerts()


enforce_actions = dg.define_asset_job(
    "enforce_actions",
    selection=AssetSelection.assets("enforcement_state"),
    executor_def=EXECUTOR,
    tags={WORK_TAG: ENFORCE},
    description="Plans, carries out, looks after and undoes actions at Dify. Asked for by a sensor when there is one.",
)


@dg.op(description="Looks whether passes, channels and sources do what they should, and tells the operators if not.")
def watch_the_pipeline(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Not part of the pass: it must work when the pass does not. Follow-ups that are due by now are made, too."""
    with warehouse.connection() as connection:
        act_as(connection, context.run_id)
        configuration = warehouse.configuration(connection)
        raised = raise_watch_alerts(connection, configuration, datetime.now(UTC))
        plan(connection, configuration.settings, datetime.now(UTC))
    context.log.info(f"alerts raised: {raised}")


@dg.job(executor_def=EXECUTOR, tags={WORK_TAG: "watch"}, description="Watches the pipeline itself.")
def watch_pipeline() -> None:
    """Runs by schedule every five minutes."""
    watch_the_pipeline()


@dg.op(description="Reads the long look-back of every source again, so that yesterday is closed before it is reported.")
def read_look_back(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Late events mark their days as changed; the sensor for late days rolls them up."""
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        results, errors = read_all_sources(connection, settings, sweep=True)
        days = changed_days(connection)
    context.log.info(f"{sum(r.events_changed for r in results)} events changed; days to roll up: {days}")
    if errors:
        raise dg.Failure("; ".join(errors.values()))


@dg.job(
    executor_def=EXECUTOR,
    tags={WORK_TAG: "morning"},
    description="Closes yesterday: reads the whole look-back of every source again.",
)
def morning() -> None:
    """Runs by schedule before the morning report."""
    read_look_back()


morning_report = dg.define_asset_job(
    "morning_report",
    selection=AssetSelection.assets("daily_report"),
    partitions_def=usage_days(),
    executor_def=EXECUTOR,
    tags={WORK_TAG: MORNING_REPORT},
    description="Writes the finance report of a day. Runs by schedule at reports.daily_at.",
)


@dg.op(description="Removes runs older than two days, but the newest that stands for an asset partition.")
def delete_old_runs(context: dg.OpExecutionContext) -> None:
    """Keeps Dagster's storage small: a pass a minute is half a million runs a year."""
    instance = context.instance
    before = datetime.now(UTC) - _KEPT_RUNS_FOR
    finished = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
    old = instance.get_run_records(
        RunsFilter(statuses=finished, created_before=before), limit=_RUNS_REMOVED_AT_ONCE, ascending=True
    )
    removed = 0
    for record in old:
        run = record.dagster_run
        # Backfills, late days and hand-made runs are history that people look up; a pass is one of thousands.
        if run.tags.get(WORK_TAG) in (PASS, RECONCILE, ENFORCE, "delivery", "maintenance", "watch"):
            instance.delete_run(run.run_id)
            removed += 1
    context.log.info(f"{removed} of {len(old)} old runs removed")


@dg.job(executor_def=EXECUTOR, tags={WORK_TAG: "maintenance"}, description="Keeps Dagster's own storage small.")
def remove_old_runs() -> None:
    """Runs by schedule every hour."""
    delete_old_runs()


class Acknowledgement(dg.Config):
    """Which alert was seen, by whom, and what they do about it."""

    alert_id: str
    by: str
    note: str = ""


@dg.op(description="Says that a person has seen an alert: it is neither repeated nor escalated any more.")
def acknowledge_one(context: dg.OpExecutionContext, config: Acknowledgement, warehouse: Warehouse) -> None:
    """Fails when there is no such alert; an alert that was acknowledged before stays as it was."""
    with warehouse.connection() as connection:
        act_as(connection, context.run_id)
        try:
            by, note = inputs.named_actor("by", config.by), inputs.plain_text("note", config.note) or None
            first = acknowledge(connection, config.alert_id, by, note, datetime.now(UTC))
        except inputs.InputError as error:
            raise dg.Failure(str(error)) from None
    context.log.info(f"{config.alert_id} {'acknowledged' if first else 'was acknowledged before'}")


@dg.job(
    executor_def=EXECUTOR,
    tags={WORK_TAG: "acknowledge"},
    description="Acknowledges one alert: alert_id, by and note, as `usage-pipeline alerts ack` does it.",
)
def acknowledge_alert() -> None:
    """By hand."""
    acknowledge_one()


@dg.op(description="Removes alerts older than alerting.keep_days, with all that happened to them.")
def remove_alerts_past_keeping(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """The only way out of the audit."""
    with warehouse.connection() as connection:
        removed = remove_old_alerts(connection, warehouse.configuration(connection).settings, datetime.now(UTC))
    context.log.info(f"{removed} alerts removed")


@dg.job(
    name="remove_old_alerts",
    executor_def=EXECUTOR,
    tags={WORK_TAG: "maintenance"},
    description="Removes alerts that need not be kept any longer.",
)
def old_alerts_removed() -> None:
    """Runs by schedule every night."""
    remove_alerts_past_keeping()


JOBS: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    usage_pass,
    late_days,
    reconcile_days,
    invoices_covered,
    deliver_alerts,
    morning,
    morning_report,
    remove_old_runs,
    request_override,
    decide_override,
    enforce_actions,
    decide_action_job,
    release_action_job,
    acknowledge_alert,
    watch_pipeline,
    old_alerts_removed,
]
