"""`usage-pipeline enforcement`: what was done at Dify because of budgets; approve it, undo it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from usage_pipeline import inputs
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.output import (
    EXIT_FAILED,
    AsJson,
    By,
    Mistake,
    as_dicts,
    err,
    for_people,
    out,
    print_json,
    show_rows,
)
from usage_pipeline.enforcement.carry_out import Carried, carry_out_due, enforce
from usage_pipeline.enforcement.decisions import DecisionRefusedError, decide_action, release_action
from usage_pipeline.enforcement.state import ActionRecord, NoSuchActionError, action_with_id, actions, audit_log
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

app = typer.Typer(
    no_args_is_help=True, help="Actions at Dify because of budgets: list, show, approve, reject, release."
)
ActionId = Annotated[str, typer.Argument(help="The action's id, as its message says it.")]
_BY_COMMAND = "usage-pipeline enforcement"
_COLUMNS = ("id", "action", "project", "budget", "scope", "state", "asked at", "alert", "released", "why", "answer")
_EVENT_COLUMNS = ("at", "what", "by", "detail")


@app.command(name="list")
@for_people
def list_actions(
    state: Annotated[
        str | None, typer.Option(help="dry_run, planned, approved, verified, released, failed, refused, ...")
    ] = None,
    budget_id: Annotated[str | None, typer.Option("--budget", help="Of one budget.")] = None,
    project: Annotated[str | None, typer.Option(help="Of one project, by name or id.")] = None,
    held: Annotated[bool, typer.Option("--held", help="Only what is in force at Dify now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every action there ever was, the newest first."""
    with open_warehouse() as connection:
        found = actions(connection, state=state, budget_id=budget_id, project=project, enforced_only=held)
    if as_json:
        print_json(found)
        return
    show_actions(found)


@app.command()
@for_people
def show(action_id: ActionId, as_json: AsJson = False) -> None:
    """One action: what was found at Dify, what was done, by whom, and how it ended."""
    with open_warehouse() as connection:
        action = _found(connection, action_id)
        events = audit_log(connection, action_id)
    if as_json:
        print_json({"action": action, "story": as_dicts(_EVENT_COLUMNS, events)})
        return
    show_rows(f"Action {action_id}", _COLUMNS, [_row(action)])
    for title, state in (("found at Dify", action.before), ("held at Dify", action.held)):
        if state is not None:
            out.print(f"[bold]{title}[/bold]: {', '.join(f'{k} {v}' for k, v in state.items())}", highlight=False)
    show_rows("What happened", _EVENT_COLUMNS, events)


@app.command()
@for_people
def approve(
    action_id: ActionId,
    note: Annotated[str, typer.Option(help="Why; on record.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Approve an action that waits for it: it is carried out at once."""
    _decided(action_id, as_json, _decision(action_id, True, note, by))


@app.command()
@for_people
def reject(
    action_id: ActionId,
    note: Annotated[str, typer.Option(help="Why; on record.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Reject an action that waits for an approval."""
    _decided(action_id, as_json, _decision(action_id, False, note, by))


@app.command()
@for_people
def release(
    action_id: ActionId,
    why: Annotated[str, typer.Option(help="Why; on record.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Undo an action at Dify now, whatever its budget says. It is not taken again before the next tier or period."""
    who, reason = inputs.actor(by), inputs.plain_text("--why", why)
    _decided(
        action_id,
        as_json,
        lambda connection, _: release_action(connection, action_id, by=who, why=reason, now=datetime.now(UTC)),
    )


@app.command()
@for_people
def run(as_json: AsJson = False) -> None:
    """Plan, carry out and undo what is due now, as each pass does it."""
    with open_context() as (connection, configuration):
        carried = enforce(connection, configuration.settings, configuration.version, by=f"{_BY_COMMAND} run")
    if as_json:
        print_json(carried)
    else:
        show_carried(carried)
    if carried.errors:
        raise typer.Exit(EXIT_FAILED)


def show_actions(found: Sequence[ActionRecord]) -> None:
    """Actions as a table."""
    show_rows("Actions", _COLUMNS, [_row(action) for action in found])


def show_carried(carried: Carried) -> None:
    """What one run of enforcement did, for people."""
    for done in carried.done:
        out.print(f"enforcement: {done}", markup=False)
    for source, error in carried.errors.items():
        err.print(f"source {source!r}: {error}", markup=False, style="red")
    if not carried.done and not carried.errors:
        out.print("enforcement: nothing to do")


def _decision(
    action_id: str, approve_it: bool, note: str, by: str | None
) -> Callable[[Connection, Settings], ActionRecord]:
    return lambda connection, settings: decide_action(
        connection,
        settings,
        action_id,
        approve=approve_it,
        by=inputs.actor(by),
        comment=inputs.plain_text("--note", note),
        now=datetime.now(UTC),
    )


def _decided(action_id: str, as_json: bool, decide: Callable[[Connection, Settings], ActionRecord]) -> None:
    """Takes the decision and carries out what it allows; exit 1 when Dify is not as it should be after it."""
    with open_context() as (connection, configuration):
        _found(connection, action_id)
        try:
            decide(connection, configuration.settings)
        except DecisionRefusedError as error:
            raise Mistake(str(error)) from None
        carried = carry_out_due(connection, configuration.settings, by=_BY_COMMAND)
        action = action_with_id(connection, action_id)
    if as_json:
        print_json(action)
    else:
        show_carried(carried)
        out.print(f"{action_id} is {action.state}{f': {action.answer}' if action.answer else ''}", markup=False)
    unfinished = action.state == "approved" or (action.release_at and action.held and not action.released_at)
    if unfinished or action.state == "failed":
        raise typer.Exit(EXIT_FAILED)


def _found(connection: Connection, action_id: str) -> ActionRecord:
    try:
        return action_with_id(connection, action_id)
    except NoSuchActionError as error:
        raise Mistake(str(error)) from None


def _row(action: ActionRecord) -> tuple[object, ...]:
    return (
        action.action_id,
        action.action,
        action.target_name,
        action.budget_id,
        action.scope_name,
        action.state,
        action.requested_at,
        action.alert_id,
        action.released_at,
        action.release_why,
        action.answer,
    )
