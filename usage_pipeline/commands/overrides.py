"""`usage-pipeline overrides`: temporary raises of a budget, asked for, approved, and gone by themselves."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from usage_pipeline import inputs
from usage_pipeline.alerts.approvals import decide_override, request_override, withdraw_override
from usage_pipeline.budgets.overrides import NewOverride, Override, OverrideRefusedError, overrides
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.enforcement import show_carried
from usage_pipeline.commands.output import AsJson, By, Mistake, for_people, out, print_json, show_rows
from usage_pipeline.enforcement.carry_out import enforce

app = typer.Typer(no_args_is_help=True, help="Temporary raises of a budget: request, approve, reject, list.")


@app.command()
@for_people
def request(
    budget_id: Annotated[str, typer.Argument(help="The budget's id.")],
    until: Annotated[str, typer.Option(help="When it ends: +8h, +3d, 2026-12-01 or 2026-12-01T18:00 (billing zone).")],
    reason: Annotated[str, typer.Option(help="Why; the approvers read it and it is on record.")],
    scope: Annotated[str | None, typer.Option(help="Which value of a `per` budget, by its name.")] = None,
    amount: Annotated[str | None, typer.Option(help="How much more, in the unit of the limit.")] = None,
    percent: Annotated[str | None, typer.Option(help="How much more, in per cent of the limit.")] = None,
    measure: Annotated[str | None, typer.Option(help="Which limit, where the budget has several.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a temporary raise. It is pending until an approver, who is not you, approves it."""
    with open_context() as (connection, configuration):
        now = datetime.now(UTC)
        asked = NewOverride(
            budget_id=budget_id,
            scope=scope,
            measure=measure,
            raise_by=None if amount is None else inputs.number("--amount", amount),
            raise_percent=None if percent is None else inputs.percentage("--percent", percent),
            until=inputs.moment("--until", until, zone=configuration.settings.timezone, now=now),
            reason=inputs.plain_text("--reason", reason),
            by=inputs.actor(by),
        )
        try:
            made = request_override(connection, configuration, asked, now)
        except OverrideRefusedError as error:
            raise Mistake(str(error)) from None
        approvers = [name for name in configuration.settings.approvals.approvers if name != made.requested_by]
    _say(made, as_json, f"waits for one of: {', '.join(approvers) or 'nobody (add names under approvals.approvers)'}")


@app.command()
@for_people
def approve(
    override_id: Annotated[str, typer.Argument(help="The raise's id.")],
    note: Annotated[str, typer.Option(help="A word to the requester.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Approve a raise: it is in force at once and ends by itself."""
    _decide(override_id, True, note, by, as_json)


@app.command()
@for_people
def reject(
    override_id: Annotated[str, typer.Argument(help="The raise's id.")],
    note: Annotated[str, typer.Option(help="Why; told to the requester.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Reject a raise that is pending."""
    _decide(override_id, False, note, by, as_json)


@app.command(name="withdraw")
@for_people
def withdraw_request(
    override_id: Annotated[str, typer.Argument(help="The raise's id.")], by: By = None, as_json: AsJson = False
) -> None:
    """Take back a raise that you asked for and that is pending."""
    with open_context() as (connection, configuration):
        try:
            made = withdraw_override(connection, configuration, override_id, by=inputs.actor(by), now=datetime.now(UTC))
        except OverrideRefusedError as error:
            raise Mistake(str(error)) from None
    _say(made, as_json, "withdrawn")


@app.command(name="list")
@for_people
def list_raises(
    state: Annotated[str | None, typer.Option(help="pending, approved, rejected, withdrawn, expired or ended.")] = None,
    budget_id: Annotated[str | None, typer.Option("--budget", help="Of one budget.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every raise there ever was, the newest first."""
    with open_warehouse() as connection:
        found = overrides(connection, state=state, budget_id=budget_id)
    if as_json:
        print_json(found)
        return
    columns = ("id", "budget", "scope", "raise", "state", "asked by", "until", "decided by", "reason")
    rows = [
        (r.override_id, r.budget_id, r.scope_name, r.amount, r.state, r.requested_by, r.until, r.decided_by, r.reason)
        for r in found
    ]
    show_rows("Raises", columns, rows)


def _decide(override_id: str, approve_it: bool, note: str, by: str | None, as_json: bool) -> None:
    who, word = inputs.actor(by), inputs.plain_text("--note", note)
    with open_context() as (connection, configuration):
        try:
            made = decide_override(
                connection, configuration, override_id, approve=approve_it, by=who, note=word, now=datetime.now(UTC)
            )
        except OverrideRefusedError as error:
            raise Mistake(str(error)) from None
        # What an approval opens again does not wait for the next pass.
        carried = enforce(connection, configuration.settings, configuration.version, by="usage-pipeline overrides")
    if not as_json and (carried.done or carried.errors):
        show_carried(carried)
    _say(made, as_json, f"in force until {made.until.isoformat()}" if approve_it else "rejected")


def _say(made: Override, as_json: bool, outcome: str) -> None:
    if as_json:
        print_json(made)
        return
    scope = f" ({made.scope_name})" if made.scope_name else ""
    out.print(f"raise {made.override_id}: {made.budget_id}{scope} {made.amount}, {outcome}", markup=False)
