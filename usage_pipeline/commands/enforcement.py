"""`usage-pipeline enforcement`: what was done at Dify because of budgets; approve it, undo it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from usage_pipeline import inputs
from usage_pipeline.commands.action_pages import show_actions, show_carried
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.decisions import Decision, Why, decision
from usage_pipeline.commands.output import (
    EXIT_FAILED,
    AsJson,
    as_dicts,
    bold,
    for_people,
    print_json,
    say,
    show_rows,
)
from usage_pipeline.commands.who import By, who
from usage_pipeline.enforcement.carry_out import carry_out_due, enforce
from usage_pipeline.enforcement.decisions import decide_action, release_action
from usage_pipeline.enforcement.state import ActionRecord, action_with_id, actions, audit_log
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

ActionId = Annotated[str, typer.Argument(help="The action's id, as its message shows it.")]
_BY_COMMAND = "usage-pipeline enforcement"
_EVENT_COLUMNS = ("at", "what", "by", "detail", "known by")


@for_people
def list_actions(
    state: Annotated[
        str | None, typer.Option(help="dry_run, planned, approved, verified, released, failed, refused, ...")
    ] = None,
    budget_id: Annotated[str | None, typer.Option("--budget", help="Of one budget.")] = None,
    project: Annotated[str | None, typer.Option(help="Of one project, by name or id.")] = None,
    held: Annotated[bool, typer.Option("--held", help="Only what is enforced at Dify now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every action there ever was, the newest first."""
    with open_warehouse() as connection:
        found = actions(connection, state=state, budget_id=budget_id, project=project, enforced_only=held)
    if as_json:
        print_json(found)
        return
    show_actions(found)


@for_people
def show(action_id: ActionId, as_json: AsJson = False) -> None:
    """One action: what was found at Dify, what was done, by whom, and how it ended."""
    with open_warehouse() as connection:
        action = action_with_id(connection, action_id)
        events = audit_log(connection, action_id)
    if as_json:
        print_json({"action": action, "story": as_dicts(_EVENT_COLUMNS, events)})
        return
    show_actions([action], f"Action {action_id}")
    for title, state in (("found at Dify", action.before), ("enforced at Dify", action.held)):
        if state is not None:
            say(bold(title), f": {', '.join(f'{k} {v}' for k, v in state.items())}")
    show_rows("What happened", _EVENT_COLUMNS, events)


@for_people
def approve(action_id: ActionId, note: Why = "", by: By = None, as_json: AsJson = False) -> None:
    """Approve an action that waits for it: it is carried out at once."""
    _take(decision(action_id, approve=True, by=by, note=note), as_json)


@for_people
def reject(action_id: ActionId, note: Why = "", by: By = None, as_json: AsJson = False) -> None:
    """Reject an action that waits for an approval."""
    _take(decision(action_id, approve=False, by=by, note=note), as_json)


@for_people
def release(action_id: ActionId, why: Why = "", by: By = None, as_json: AsJson = False) -> None:
    """Undo an action at Dify now, whatever its budget says. It is not taken again before the next tier or period."""
    typist, reason = who(by), inputs.plain_text("--why", why)
    _decided(
        action_id,
        as_json,
        lambda connection, settings: release_action(
            connection,
            action_id,
            by=typist.person(settings),
            known_by=typist.known_by,
            why=typist.noted(reason),
            now=datetime.now(UTC),
        ),
    )


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


def _take(taken: Decision, as_json: bool) -> None:
    _decided(
        taken.subject,
        as_json,
        lambda connection, settings: decide_action(
            connection,
            settings,
            taken.subject,
            approve=taken.approve,
            by=taken.who.person(settings),
            known_by=taken.who.known_by,
            comment=taken.note,
            now=datetime.now(UTC),
        ),
    )


def _decided(action_id: str, as_json: bool, decide: Callable[[Connection, Settings], ActionRecord]) -> None:
    """Takes the decision and carries out what it allows; exit 1 when Dify is not as it should be after it."""
    with open_context() as (connection, configuration):
        action_with_id(connection, action_id)  # that there is none is said before who may decide
        decide(connection, configuration.settings)
        carried = carry_out_due(connection, configuration.settings, by=_BY_COMMAND)
        action = action_with_id(connection, action_id)
    if as_json:
        print_json(action)
    else:
        show_carried(carried)
        say(f"{action_id} is {action.state}{f': {action.answer}' if action.answer else ''}")
    unfinished = action.state == "approved" or (action.release_at and action.held and not action.released_at)
    if unfinished or action.state == "failed":
        raise typer.Exit(EXIT_FAILED)
