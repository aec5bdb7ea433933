"""The asset enforcement_state, made by ops that plan, carry out and record, and its check."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import OWNERS, described, table_of
from usage_pipeline.enforcement.carry_out import carry_out_due, plan_and_settle
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


@dg.op(
    ins={"evaluated": dg.In(dg.Nothing)},
    out=dg.Out(int),
    description="Plans an action for each project that a reached tier or a lock concerns, and marks what is over.",
)
def plan_what_was_reached(context: dg.OpExecutionContext, warehouse: Warehouse) -> int:
    """Only rows; returns how many actions are new."""
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        planned = plan_and_settle(connection, configuration.settings, configuration.version, by=context.run_id)
    context.log.info(f"{planned} actions planned")
    return planned


@dg.op(
    out=dg.Out(list),
    description="Applies, verifies, looks after and undoes what is due at each Dify; reads its state before and after.",
)
def carry_out_what_is_due(context: dg.OpExecutionContext, warehouse: Warehouse, planned: int) -> list[str]:
    """Returns what was done, in words; what went wrong stands in the rows and is tried again."""
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        carried = carry_out_due(connection, configuration.settings, by=context.run_id)
    for source, error in carried.errors.items():
        context.log.warning(f"source {source!r}: {error}")
    context.log.info(f"{planned} planned; done: {carried.done or 'nothing'}")
    return carried.done


@dg.op(out=dg.Out(dg.Nothing), description="Records what is held at Dify now and what was done last.")
def record_state(context: dg.OpExecutionContext, warehouse: Warehouse, done: list[str]) -> None:
    """The asset's metadata."""
    with warehouse.connection() as connection:
        context.add_output_metadata(_metadata(connection, done))


@dg.graph_asset(
    ins={"budget_status": dg.AssetIn(dagster_type=dg.Nothing)},
    group_name="enforcement",
    owners=OWNERS,
    kinds={"postgres", "dify"},
    metadata=described("enforcement_action"),  # type: ignore[arg-type]  # assets take the same
    tags={"domain": "enforcement"},
)
def enforcement_state(budget_status: Any) -> Any:
    """One row an action: what was found at Dify, what is held there by us, who asked, and how it was undone."""
    return record_state(carry_out_what_is_due(plan_what_was_reached(evaluated=budget_status)))


@dg.asset_check(
    asset="enforcement_state",
    description="What we hold at Dify is held, what should be undone is undone, and nothing was undone by hand.",
)
def held_as_recorded(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red with each action for which Dify and our rows disagree."""
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        every = timedelta(minutes=settings.enforcement.look_every_minutes)
        rows = connection.execute(
            statement("enforcement/drift"), {"now": datetime.now(UTC), "look_every": every}
        ).fetchall()
    problems = [" ".join(str(part) for part in row if part) for row in rows]
    return dg.AssetCheckResult(passed=not problems, metadata={"problems": problems})


def _metadata(connection: Connection, done: list[str]) -> dict[str, object]:
    columns = ["action", "what", "project", "budget", "state", "asked", "released", "why", "answer"]
    query = (
        "SELECT action_id, action, target_name, budget_id, state, requested_at, released_at, release_why, answer"
        " FROM usage.enforcement_action WHERE {} ORDER BY requested_at DESC, place LIMIT 30"
    )
    counted = connection.execute("SELECT count(*) FROM usage.enforcement_action").fetchone()
    return {
        "dagster/row_count": int(str(counted[0])) if counted else 0,
        "done": done,
        "held": dg.MetadataValue.md(
            table_of(connection, columns, query.format("held IS NOT NULL AND released_at IS NULL"), [])
        ),
        "newest": dg.MetadataValue.md(table_of(connection, columns, query.format("true"), [])),
    }


ASSETS: list[dg.AssetsDefinition] = [enforcement_state]
CHECKS: list[dg.AssetChecksDefinition] = [held_as_recorded]
