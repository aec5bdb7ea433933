"""The asset pass_record: the end of a pass, with its sign of life."""

from datetime import UTC, datetime

import dagster as dg

from usage_pipeline.asset_catalogue import OWNERS, described, is_pass
from usage_pipeline.delivery.heartbeat import send_heartbeat
from usage_pipeline.ingest.pass_record import end_pass
from usage_pipeline.warehouse_resource import Warehouse


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


ASSETS: list[dg.AssetsDefinition] = [pass_record]
