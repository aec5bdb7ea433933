"""Enforcement: planning in the pass, carrying out in runs of its own, and the decisions of people in the UI."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from usage_pipeline import inputs
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    asset_job,
    described,
    one_op_job,
    pass_of,
    run_key,
    settings_at_load,
    table_metadata,
    typed_person,
    who_acts,
    who_decides,
)
from usage_pipeline.defs.tables import listed
from usage_pipeline.run_tags import Work
from usage_pipeline.settings.approvals import KnownBy


@dg.asset(
    deps=["budget_status"],
    group_name="enforcement",
    kinds={"postgres"},
    metadata=described("enforcement_plan"),
    tags={"domain": "enforcement"},
)
def enforcement_plan(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """One row a tier that was reached or a lock, once its actions are planned. Only rows: nothing is done at Dify.

    Actions whose ground is gone are marked as to be released, and approvals that nobody gave in time as expired.
    """
    from usage_pipeline.pipeline import PLAN_ENFORCEMENT, run_steps

    with warehouse.connection() as connection:
        planned = run_steps(pass_of(context, warehouse, connection), PLAN_ENFORCEMENT).enforcement.planned
        table = table_metadata(connection, "enforcement_plan")
    context.log.info(f"{planned} actions planned")
    return dg.MaterializeResult(metadata={**table, "actions_planned": planned})


@dg.asset(
    deps=["enforcement_plan"],
    group_name="enforcement",
    kinds={"postgres", "dify"},
    metadata=described("enforcement_action"),
    tags={"domain": "enforcement"},
)
def enforcement_state(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """One row an action: what was found at Dify, what we enforce there, who asked, and how it was undone.

    What is due is applied, verified, looked after and undone at each Dify, whose state is read before and after. What
    went wrong stands in the rows and is tried again.
    """
    from usage_pipeline.pipeline import CARRY_OUT, run_steps
    from usage_pipeline.warehouse.statements import statement

    newest = statement("enforcement/newest")
    with warehouse.connection() as connection:
        carried = run_steps(pass_of(context, warehouse, connection), CARRY_OUT).enforcement
        table = table_metadata(connection, "enforcement_action")
        shown = {name: listed(connection, newest, {"enforced": name == "enforced"}) for name in ("enforced", "newest")}
    for source, error in carried.errors.items():
        context.log.warning(f"source {source!r}: {error}")
    return dg.MaterializeResult(metadata={**table, "done": carried.done, **shown})


@dg.asset_check(
    asset=enforcement_state,
    description="What we enforce at Dify is so, what should be undone is undone, and nothing was undone manually.",
)
def held_as_recorded(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red with each action for which Dify and our rows disagree."""
    from usage_pipeline.enforcement.due import drift

    with warehouse.connection() as connection:
        problems = drift(connection, warehouse.configuration(connection).settings, datetime.now(UTC))
    return dg.AssetCheckResult(passed=not problems, metadata={"problem_count": len(problems), "problems": problems})


enforce_actions = asset_job(
    "enforce_actions",
    # Planned again: a lock or a decision need not wait for the next pass.
    selection=dg.AssetSelection.assets("enforcement_plan", "enforcement_state"),
    tags=Work.ENFORCE.tags,
    description="Plans, carries out, looks after and undoes actions at Dify. Asked for by a sensor when there is one.",
)


# No AutomationCondition: most of what is due comes with the clock, a person's decision or a look at Dify that failed.
@dg.sensor(
    job=enforce_actions,
    minimum_interval_seconds=settings_at_load().delivery.every_seconds,
    tags={"domain": "enforcement"},
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a run of enforcement when something was reached, approved or is over, or is to be looked at.",
)
def actions_due(warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    """Reads rows only. The run key is made of what is due and the minute, as that of alerts."""
    from usage_pipeline.enforcement.due import due_keys

    now = datetime.now(UTC)
    with warehouse.connection() as connection:
        due = due_keys(connection, settings_at_load(), now)
    if not due:
        return dg.SkipReason("nothing is due")
    return dg.RunRequest(run_key=run_key("enforce", [f"{now:%Y-%m-%dT%H:%M}", *due]))


class ActionDecision(dg.Config):
    """Which action, by whom, and whether it is approved."""

    action_id: str = Field(description="The action's id, as its message has it.")
    approve: bool = Field(description="True approves, false rejects.")
    decided_by: str = Field(description=who_decides())
    note: str = Field(default="", description="Why; on record.")


class ActionRelease(dg.Config):
    """Which action is undone, by whom and why."""

    action_id: str = Field(description="The action's id, as its message has it.")
    released_by: str = Field(description=who_acts())
    why: str = Field(default="", description="Why; on record.")


@dg.op(description="Approves or rejects an action that waits; what is approved is carried out at once.")
def write_action_decision(context: dg.OpExecutionContext, config: ActionDecision, warehouse: Warehouse) -> None:
    """Fails in words when the decision cannot be taken."""
    from usage_pipeline.enforcement.carry_out import carry_out_due
    from usage_pipeline.enforcement.decisions import DecisionRefusedError, decide_action
    from usage_pipeline.enforcement.state import NoSuchActionError

    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        try:
            decide_action(
                connection,
                settings,
                config.action_id,
                approve=config.approve,
                by=typed_person(settings, "decided_by", config.decided_by),
                known_by=KnownBy.DAGSTER,
                comment=inputs.plain_text("note", config.note),
                now=datetime.now(UTC),
            )
        except (DecisionRefusedError, NoSuchActionError, inputs.InputError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        context.log.info(f"done: {carry_out_due(connection, settings, by=context.run_id).done}")


@dg.op(description="Undoes an action at Dify, whatever its budget says.")
def write_action_release(context: dg.OpExecutionContext, config: ActionRelease, warehouse: Warehouse) -> None:
    """Fails in words when there is nothing to undo."""
    from usage_pipeline.enforcement.carry_out import carry_out_due
    from usage_pipeline.enforcement.decisions import DecisionRefusedError, release_action
    from usage_pipeline.enforcement.state import NoSuchActionError

    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        try:
            release_action(
                connection,
                config.action_id,
                by=typed_person(settings, "released_by", config.released_by),
                known_by=KnownBy.DAGSTER,
                why=inputs.plain_text("why", config.why),
                now=datetime.now(UTC),
            )
        except (DecisionRefusedError, NoSuchActionError, inputs.InputError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        context.log.info(f"done: {carry_out_due(connection, settings, by=context.run_id).done}")


decide_action = one_op_job(
    "decide_action",
    write_action_decision,
    Work.ENFORCE,
    "Approve or reject an action that waits for it, as `usage-pipeline enforcement approve` and `reject` do it.",
    form=ActionDecision,
)

release_action = one_op_job(
    "release_action",
    write_action_release,
    Work.ENFORCE,
    "Undo an action at Dify, as `usage-pipeline enforcement release` does it.",
    form=ActionRelease,
)

defs = dg.Definitions(
    assets=[enforcement_plan, enforcement_state],
    asset_checks=[held_as_recorded],
    jobs=[enforce_actions, decide_action, release_action],
    sensors=[actions_due],
)
