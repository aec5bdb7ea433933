"""The Dagster jobs by which people approve, reject and release actions in the UI, with typed configuration."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from usage_pipeline import inputs
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import ENFORCE, EXECUTOR, WORK_TAG
from usage_pipeline.enforcement.carry_out import carry_out_due
from usage_pipeline.enforcement.decisions import DecisionRefusedError, decide_action, release_action
from usage_pipeline.enforcement.state import NoSuchActionError


class ActionDecision(dg.Config):
    """Which action, by whom, and whether it is approved."""

    action_id: str = Field(description="The action's id, as its message says it.")
    approve: bool = Field(description="True approves, false rejects.")
    decided_by: str = Field(description="An approver of the configuration.")
    note: str = Field(default="", description="Why; on record.")


class ActionRelease(dg.Config):
    """Which action is undone, by whom and why."""

    action_id: str = Field(description="The action's id, as its message says it.")
    released_by: str = Field(description="Who asks.")
    why: str = Field(default="", description="Why; on record.")


@dg.op(description="Approves or rejects an action that waits; what is approved is carried out at once.")
def write_action_decision(context: dg.OpExecutionContext, config: ActionDecision, warehouse: Warehouse) -> None:
    """Fails in words when the decision cannot be taken."""
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        try:
            decide_action(
                connection,
                settings,
                config.action_id,
                approve=config.approve,
                by=inputs.named_actor("decided_by", config.decided_by),
                comment=inputs.plain_text("note", config.note),
                now=datetime.now(UTC),
            )
        except (DecisionRefusedError, NoSuchActionError, inputs.InputError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        context.log.info(f"done: {carry_out_due(connection, settings, by=context.run_id).done}")


@dg.op(description="Undoes an action at Dify, whatever its budget says.")
def write_action_release(context: dg.OpExecutionContext, config: ActionRelease, warehouse: Warehouse) -> None:
    """Fails in words when there is nothing to undo."""
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        try:
            by, why = inputs.named_actor("released_by", config.released_by), inputs.plain_text("why", config.why)
            release_action(connection, config.action_id, by=by, why=why, now=datetime.now(UTC))
        except (DecisionRefusedError, NoSuchActionError, inputs.InputError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        context.log.info(f"done: {carry_out_due(connection, settings, by=context.run_id).done}")


@dg.job(
    name="decide_action",
    executor_def=EXECUTOR,
    tags={WORK_TAG: ENFORCE},
    description="Approve or reject an action that waits for it.",
)
def decide_action_job() -> None:
    """The same as `usage-pipeline enforcement approve` and `reject`."""
    write_action_decision()


@dg.job(name="release_action", executor_def=EXECUTOR, tags={WORK_TAG: ENFORCE}, description="Undo an action at Dify.")
def release_action_job() -> None:
    """The same as `usage-pipeline enforcement release`."""
    write_action_release()
