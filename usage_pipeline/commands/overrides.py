"""`usage-pipeline overrides`: temporary overrides of a limit: requested, approved, and gone by themselves."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from usage_pipeline import inputs
from usage_pipeline.alerts.approvals import decide_override, request_override, withdraw_override
from usage_pipeline.budgets.overrides import NewOverride, Override, overrides
from usage_pipeline.commands.action_pages import show_carried
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.decisions import Decision, decision
from usage_pipeline.commands.output import AsJson, for_people, print_json, say, show_rows
from usage_pipeline.commands.who import By, who
from usage_pipeline.enforcement.carry_out import enforce

OverrideId = Annotated[str, typer.Argument(help="The override's id.")]


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
    """Ask for a temporary override. It is pending until an approver, who is not you, approves it."""
    with open_context() as (connection, configuration):
        now, typist = datetime.now(UTC), who(by)
        asked = NewOverride(
            budget_id=budget_id,
            scope=scope,
            measure=measure,
            raise_by=None if amount is None else inputs.number("--amount", amount),
            raise_percent=None if percent is None else inputs.percentage("--percent", percent),
            until=inputs.moment("--until", until, zone=configuration.settings.timezone, now=now),
            reason=typist.noted(inputs.plain_text("--reason", reason)),
            by=typist.person(configuration.settings),
            known_by=typist.known_by,
        )
        made = request_override(connection, configuration, asked, now)
        approvers = configuration.settings.approvals.others(made.requested_by)
    _show(made, as_json, f"waits for one of: {', '.join(approvers) or 'nobody (add names under approvals.approvers)'}")


@for_people
def approve(
    override_id: OverrideId,
    note: Annotated[str, typer.Option(help="A word to the requester.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Approve an override: the limit is raised at once, and falls back by itself."""
    made = _decided(decision(override_id, approve=True, by=by, note=note), as_json)
    _show(made, as_json, f"active until {made.until.isoformat()}")


@for_people
def reject(
    override_id: OverrideId,
    note: Annotated[str, typer.Option(help="Why; the requester is notified of it.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Reject an override that is pending."""
    _show(_decided(decision(override_id, approve=False, by=by, note=note), as_json), as_json, "rejected")


@for_people
def withdraw_request(override_id: OverrideId, by: By = None, as_json: AsJson = False) -> None:
    """Take back an override that you asked for and that is pending."""
    typist = who(by)
    with open_context() as (connection, configuration):
        made = withdraw_override(
            connection,
            configuration,
            override_id,
            by=typist.person(configuration.settings),
            known_by=typist.known_by,
            now=datetime.now(UTC),
        )
    _show(made, as_json, "withdrawn")


@for_people
def list_overrides(
    state: Annotated[str | None, typer.Option(help="pending, approved, rejected, withdrawn, expired or ended.")] = None,
    budget_id: Annotated[str | None, typer.Option("--budget", help="Of one budget.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every override there ever was, the newest first."""
    with open_warehouse() as connection:
        found = overrides(connection, state=state, budget_id=budget_id)
    if as_json:
        print_json(found)
        return
    columns = ("id", "budget", "scope", "amount", "state", "requested by", "until", "decided by", "reason")
    rows = [
        (r.override_id, r.budget_id, r.scope_name, r.amount, r.state, r.requested_by, r.until, r.decided_by, r.reason)
        for r in found
    ]
    show_rows("Overrides", columns, rows)


def _decided(taken: Decision, as_json: bool) -> Override:
    """Takes the decision and carries out what follows from it: what an approval opens does not wait for a pass."""
    with open_context() as (connection, configuration):
        made = decide_override(
            connection,
            configuration,
            taken.subject,
            approve=taken.approve,
            by=taken.who.person(configuration.settings),
            known_by=taken.who.known_by,
            note=taken.note,
            now=datetime.now(UTC),
        )
        carried = enforce(connection, configuration.settings, configuration.version, by="usage-pipeline overrides")
    if not as_json and (carried.done or carried.errors):
        show_carried(carried)
    return made


def _show(made: Override, as_json: bool, outcome: str) -> None:
    if as_json:
        print_json(made)
        return
    scope = f" ({made.scope_name})" if made.scope_name else ""
    say(f"override {made.override_id}: {made.budget_id}{scope} {made.amount}, {outcome}")
