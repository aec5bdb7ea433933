"""The assets alert_deliveries and pass_record: what a pass hands over itself, and its end with a sign of life."""

from datetime import UTC, datetime

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import OWNERS, described, is_pass
from usage_pipeline.delivery.heartbeat import send_heartbeat
from usage_pipeline.delivery.worker import DeliverySummary, deliver_due
from usage_pipeline.ingest.pass_record import end_pass

# Long enough for what a pass has just raised; a channel that hangs must not hold up the next pass.
_DELIVERS_FOR_S = 10.0


@dg.asset(
    deps=["budget_status"],
    group_name="alerts",
    owners=OWNERS,
    kinds={"postgres"},
    metadata=described("delivery"),
    tags={"domain": "alerts"},
)
def alert_deliveries(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """One row an alert and recipient. A pass hands over what it has raised, for ten seconds: no run need start for it.

    What is left, and what is to be tried again, is the delivery job's. Backfills and runs by hand send nothing.
    """
    with warehouse.connection() as connection:
        summary = DeliverySummary()
        if is_pass(context):
            configuration = warehouse.configuration(connection)
            summary = deliver_due(
                connection,
                configuration.settings,
                by=context.run_id,
                config_version=configuration.version,
                for_s=_DELIVERS_FOR_S,
            )
        counted = connection.execute("SELECT count(*) FROM usage.delivery").fetchone()
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": int(str(counted[0])) if counted else 0,
            "messages": summary.messages,
            "delivered": summary.delivered,
            "tried_again": summary.retried,
            "failed": summary.failed,
        }
    )


@dg.asset(
    deps=["alert_audit"],
    group_name="alerts",
    owners=OWNERS,
    kinds={"postgres"},
    metadata=described("pass_record"),
    tags={"domain": "alerts"},
)
def pass_record(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """When passes began and ended. A pass that comes here has come to its end and gives a sign of life."""
    with warehouse.connection() as connection:
        outcome = None
        if is_pass(context):
            end_pass(connection, context.run_id, datetime.now(UTC))
            outcome = send_heartbeat(warehouse.configuration(connection).settings)
        counted = connection.execute("SELECT count(*) FROM usage.pass_record").fetchone()
    if outcome is not None and outcome.kind != "accepted":
        context.log.warning(f"the heartbeat was not taken: {outcome.answer}")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": int(str(counted[0])) if counted else 0,
            "heartbeat": "none" if outcome is None else outcome.kind,
        }
    )


ASSETS: list[dg.AssetsDefinition] = [alert_deliveries, pass_record]
