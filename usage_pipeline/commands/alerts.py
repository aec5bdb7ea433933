"""`usage-pipeline alerts list`, `show` and `ack`: every alert there ever was, and who has seen it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from usage_pipeline import inputs
from usage_pipeline.alerts.history import (
    Attempt,
    ListedAlert,
    acknowledged_by,
    attempts_of,
    newest_alerts,
    recorded_alert,
)
from usage_pipeline.alerts.silences import acknowledge, unacknowledged
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.output import AsJson, for_people, print_json, say, show_records, show_rows
from usage_pipeline.commands.who import By, who

AlertId = Annotated[str, typer.Argument(help="The alert's id, as its message shows it.")]


@for_people
def list_alerts(
    limit: Annotated[int, typer.Option("--most", help="How many, newest first.", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """The newest alerts, with how many deliveries were accepted, wait, or failed."""
    with open_warehouse() as connection:
        found = newest_alerts(connection, limit)
    if as_json:
        print_json(found)
    else:
        show_records("Alerts", ListedAlert, found, right=("tier", "delivered", "waiting", "failed"))


@for_people
def show(alert_id: AlertId, as_json: AsJson = False) -> None:
    """One alert: its facts, and each attempt with the channel's own answer."""
    with open_warehouse() as connection:
        alert = recorded_alert(connection, alert_id)
        if alert is None:
            raise inputs.InputError(f"there is no alert {alert_id!r}; `usage-pipeline alerts list` shows them")
        attempts = attempts_of(connection, alert_id)
    if as_json:
        print_json(vars(alert) | {"attempts": attempts})
        return
    told = [(name, value) for name, value in vars(alert).items() if name != "facts"]
    show_rows(f"Alert {alert_id}", ("field", "value"), told)
    facts = [(name, value) for name, value in alert.facts.items() if value not in (None, [])]
    show_rows("Facts when it was raised", ("fact", "value"), facts)
    show_records("Attempts", Attempt, attempts, right=("attempt",))


@for_people
def ack(
    alert_id: Annotated[str | None, typer.Argument(help="The alert's id, as its message shows it.")] = None,
    all_of: Annotated[str | None, typer.Option("--all-of", help="Every alert of this budget instead.")] = None,
    by: By = None,
    note: Annotated[str, typer.Option(help="What you are doing about it.")] = "",
) -> None:
    """Acknowledge an alert: you have seen it, and it is neither repeated nor escalated any more.

    Its lower tiers, and what stood behind it in its message, are acknowledged with it.
    """
    typist, note = who(by), inputs.plain_text("--note", note)
    if (alert_id is None) == (all_of is None):
        raise inputs.InputError("name one alert, or --all-of a budget: `usage-pipeline alerts ack ID`")
    with open_context() as (connection, configuration):
        actor, now = typist.person(configuration.settings), datetime.now(UTC)
        known = [budget.id for budget in configuration.settings.budgets]
        if all_of is not None and all_of not in known:
            raise inputs.InputError(
                f"there is no budget {all_of!r}; the configuration has: {', '.join(known) or 'none'}"
            )
        wanted = [alert_id] if alert_id is not None else unacknowledged(connection, str(all_of))
        for each in wanted:
            noted = typist.noted(note) or None
            first = acknowledge(connection, each, actor, noted, now, known_by=typist.known_by)
            earlier = acknowledged_by(connection, each)
            say(f"{each} acknowledged by {actor}." if first else f"{each} was acknowledged by {earlier} before.")
    if not wanted:
        say(f"{all_of} has no alert that waits to be acknowledged.")
