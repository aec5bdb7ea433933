"""Alerts: the assets alert_deliveries, alert_audit and pass_record, the delivery job, acknowledgements."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from usage_pipeline import inputs
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    described,
    one_op_job,
    pass_of,
    run_key,
    settings_at_load,
    table_metadata,
    tag_run,
    typed_person,
    who_acts,
)
from usage_pipeline.defs.tables import listed
from usage_pipeline.run_tags import Work, is_scheduled
from usage_pipeline.settings.approvals import KnownBy

# One may wait for a channel that hangs while the other goes on; more would only start and find nothing.
_WORKERS = 2


@dg.asset(
    # Planning comes first in the pass, so that what it has to say goes out with the alerts.
    deps=["budget_status", "enforcement_plan"],
    group_name="alerts",
    kinds={"postgres"},
    metadata=described("delivery"),
    tags={"domain": "alerts"},
)
def alert_deliveries(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """One row an alert and recipient. A pass delivers what it has raised, for ten seconds: no run need start for it.

    What is left, and what is to be tried again, is the delivery job's. Backfills and manual runs send nothing.
    """
    from usage_pipeline.delivery.worker import DeliverySummary
    from usage_pipeline.pipeline import DELIVER, run_steps

    steps = (DELIVER,) if is_scheduled(context.run.tags, Work.PASS) else ()
    with warehouse.connection() as connection:
        summary = run_steps(pass_of(context, warehouse, connection), *steps).delivery or DeliverySummary()
        table = table_metadata(connection, "delivery")
    return dg.MaterializeResult(
        metadata={
            **table,
            "messages": summary.messages,
            "delivered": summary.delivered,
            "tried_again": summary.retried,
            "failed": summary.failed,
        }
    )


@dg.asset(
    deps=["budget_status", "alert_deliveries"],
    group_name="alerts",
    kinds={"postgres"},
    metadata=described("alert"),
    tags={"domain": "alerts"},
)
def alert_audit(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Every alert there ever was, with each attempt to deliver it and the channel's own answer."""
    from usage_pipeline.warehouse.statements import statement

    with warehouse.connection() as connection:
        table = table_metadata(connection, "alert")
        newest = listed(connection, statement("alerts/newest_deliveries"))
    return dg.MaterializeResult(metadata={**table, "newest": newest})


@dg.asset(
    deps=["alert_audit"],
    group_name="alerts",
    kinds={"postgres"},
    metadata=described("pass_record"),
    tags={"domain": "alerts"},
)
def pass_record(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """When passes began and ended. A pass that comes here compares its tables with the events and sends a heartbeat."""
    from usage_pipeline.pipeline import COMPARE, END, run_steps

    steps = (COMPARE, END) if is_scheduled(context.run.tags, Work.PASS) else ()
    with warehouse.connection() as connection:
        summary = run_steps(pass_of(context, warehouse, connection), *steps)
        table = table_metadata(connection, "pass_record")
    for difference in summary.differences:
        context.log.error(f"does not add up: {difference}")
    outcome = summary.heartbeat
    if outcome is not None and outcome.kind != "accepted":
        context.log.warning(f"the heartbeat was not accepted: {outcome.answer}")
    return dg.MaterializeResult(
        metadata={
            **table,
            "differences": [str(difference) for difference in summary.differences],
            "heartbeat": "none" if outcome is None else outcome.kind,
        }
    )


@dg.asset_check(
    asset=alert_audit, description="No alert has failed unseen, and none has waited more than five minutes."
)
def alerts_delivered(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red while an alert is failed and nobody has acknowledged it, or waits although no quiet hours hold it back."""
    from usage_pipeline.delivery.waiting import undelivered

    with warehouse.connection() as connection:
        found = undelivered(connection)
    return dg.AssetCheckResult(
        passed=found.failed + found.waiting == 0, metadata={"failed": found.failed, "waiting": found.waiting}
    )


@dg.asset_check(asset=alert_audit, description="Nobody has rewritten the audit: each row is as its chain sealed it.")
def audit_is_whole(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red with the first row or link that does not fit; its newest link stands in the metadata, outside the warehouse.

    A pass looks at the newest links and at some older ones, others each minute; `usage-pipeline doctor` at all.
    """
    from usage_pipeline.warehouse.audit_chain import head, verify_part

    with warehouse.connection() as connection:
        misfit = verify_part(connection, int(datetime.now(UTC).timestamp()) // 60)
        newest = head(connection)
    return dg.AssetCheckResult(
        passed=misfit is None,
        metadata={
            "does_not_fit": str(misfit or ""),
            "links": newest.seq if newest else 0,
            "newest_link": newest.hash if newest else "",
        },
    )


@dg.op(description="Hands every alert that is due to its channel; each attempt is a row with the channel's answer.")
def send_due_alerts(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """One claim, send and record for each delivery that is due; two runs at once never send the same delivery."""
    from usage_pipeline.delivery.worker import deliver_due

    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        summary = deliver_due(
            connection, configuration.settings, by=context.run_id, config_version=configuration.version
        )
    context.log.info(f"{summary}")
    # A delivery's id begins with its alert's.
    tag_run(context, alert=[(delivery.partition("-")[0], outcome) for delivery, _, outcome, _ in summary.answers])


deliver_alerts = one_op_job(
    "deliver_alerts",
    send_due_alerts,
    Work.DELIVERY,
    "Delivers what the outbox holds. Asked for by a sensor as soon as something is due.",
)


# No AutomationCondition: what is due depends on the clock, on channels' answers and on other runs, not on an asset.
@dg.sensor(
    job=deliver_alerts,
    minimum_interval_seconds=settings_at_load().delivery.every_seconds,
    tags={"domain": "alerts"},
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for one run of the delivery job a batch of alerts that are due.",
)
def alerts_due(warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    """Reads the outbox only. The run key is made of what is due, its attempts and the minute: evaluated twice, it asks
    once; a run that came to nothing is asked for again a minute later.
    """
    from usage_pipeline.delivery.waiting import due_deliveries

    now = datetime.now(UTC)
    with warehouse.connection() as connection:
        due = due_deliveries(connection, now)
    if not due:
        return dg.SkipReason("nothing is due")
    if due[0].workers >= _WORKERS:
        return dg.SkipReason(f"{_WORKERS} runs are delivering")
    return dg.RunRequest(run_key=run_key("deliver", [f"{now:%Y-%m-%dT%H:%M}", *(each.key for each in due)]))


class Acknowledgement(dg.Config):
    """Which alert was seen, by whom, and what they do about it."""

    alert_id: str = Field(description="The alert's id, as its message has it.")
    by: str = Field(description=who_acts())
    note: str = Field(default="", description="What they do about it; on record.")


@dg.op(description="Records that a person has seen an alert: it is neither repeated nor escalated any more.")
def acknowledge_one(context: dg.OpExecutionContext, config: Acknowledgement, warehouse: Warehouse) -> None:
    """Fails when there is no such alert; an alert that was acknowledged before stays as it was."""
    from usage_pipeline.alerts.silences import acknowledge
    from usage_pipeline.delivery.worker import act_as

    with warehouse.connection() as connection:
        act_as(connection, context.run_id)
        try:
            by = typed_person(warehouse.configuration(connection).settings, "by", config.by)
            note, now = inputs.plain_text("note", config.note) or None, datetime.now(UTC)
            first = acknowledge(connection, config.alert_id, by, note, now, known_by=KnownBy.DAGSTER)
        except inputs.InputError as error:
            raise dg.Failure(str(error)) from None
    context.log.info(f"{config.alert_id} {'acknowledged' if first else 'was acknowledged before'}")


acknowledge_alert = one_op_job(
    "acknowledge_alert",
    acknowledge_one,
    Work.ACKNOWLEDGE,
    "Acknowledges one alert: alert_id, by and note, as `usage-pipeline alerts ack` does it.",
    form=Acknowledgement,
)

defs = dg.Definitions(
    assets=[alert_deliveries, alert_audit, pass_record],
    asset_checks=[alerts_delivered, audit_is_whole],
    jobs=[deliver_alerts, acknowledge_alert],
    sensors=[alerts_due],
)
