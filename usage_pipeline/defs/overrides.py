"""The jobs by which an override is requested and decided on in the UI, with typed configuration."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from usage_pipeline import inputs
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import one_op_job, typed_person, who_acts, who_decides
from usage_pipeline.run_tags import Work
from usage_pipeline.settings.approvals import KnownBy


class OverrideRequest(dg.Config):
    """What is asked for: the budget, how much more, until when and why."""

    budget: str = Field(description="The budget's id.")
    scope: str = Field(default="", description="Which value of a `per` budget, by its name.")
    amount: str = Field(default="", description="How much more, in the unit of the limit; or percent.")
    percent: str = Field(default="", description="How much more, in per cent of the limit; or amount.")
    measure: str = Field(default="", description="Which limit, where the budget has several.")
    until: str = Field(description="When it ends, ISO 8601 with a zone: 2026-12-01T18:00+08:00.")
    reason: str = Field(description="Why; on record.")
    requested_by: str = Field(description=who_acts())


class OverrideDecision(dg.Config):
    """Which override, by whom, and whether it is approved."""

    override_id: str = Field(description="The override's id, as its message has it.")
    approve: bool = Field(description="True approves, false rejects.")
    decided_by: str = Field(description=who_decides())
    note: str = Field(default="", description="A word to the requester.")


@dg.op(description="Writes a pending override and notifies the approvers.")
def write_request(context: dg.OpExecutionContext, config: OverrideRequest, warehouse: Warehouse) -> str:
    """Returns the override's id. Fails in words when the request could never be approved."""
    from usage_pipeline.alerts import approvals
    from usage_pipeline.budgets.overrides import NewOverride, OverrideRefusedError

    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        try:
            asked = NewOverride(
                budget_id=config.budget,
                scope=config.scope or None,
                measure=config.measure or None,
                raise_by=inputs.number("amount", config.amount) if config.amount.strip() else None,
                raise_percent=inputs.percentage("percent", config.percent) if config.percent.strip() else None,
                until=inputs.moment("until", config.until, zone=None),
                reason=inputs.plain_text("reason", config.reason),
                by=typed_person(configuration.settings, "requested_by", config.requested_by),
                known_by=KnownBy.DAGSTER,
            )
            made = approvals.request_override(connection, configuration, asked, datetime.now(UTC))
        except (OverrideRefusedError, inputs.InputError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
    context.log.info(f"override {made.override_id} waits for an approver")
    context.add_output_metadata({"override_id": made.override_id, "amount": made.amount, "until": str(made.until)})
    return made.override_id


@dg.op(description="Approves or rejects a pending override, notifies the requester, and evaluates the budgets at once.")
def write_decision(context: dg.OpExecutionContext, config: OverrideDecision, warehouse: Warehouse) -> str:
    """Returns the override's new state. Fails in words when the decision cannot be taken."""
    from usage_pipeline.alerts import approvals
    from usage_pipeline.budgets.overrides import OverrideRefusedError

    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        try:
            made = approvals.decide_override(
                connection,
                configuration,
                config.override_id,
                approve=config.approve,
                by=typed_person(configuration.settings, "decided_by", config.decided_by),
                known_by=KnownBy.DAGSTER,
                note=inputs.plain_text("note", config.note),
                now=datetime.now(UTC),
            )
        except (OverrideRefusedError, inputs.InputError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
    context.add_output_metadata({"override_id": made.override_id, "state": made.state, "until": str(made.until)})
    return made.state


request_override = one_op_job(
    "request_override",
    write_request,
    Work.OVERRIDE,
    "Request an override, a temporary raise of a budget, as `usage-pipeline overrides request` does it.",
    form=OverrideRequest,
)

decide_override = one_op_job(
    "decide_override",
    write_decision,
    Work.OVERRIDE,
    "Approve or reject an override, as `usage-pipeline overrides approve` and `reject` do it.",
    form=OverrideDecision,
)


defs = dg.Definitions(jobs=[request_override, decide_override])
