"""`usage-pipeline alerts silence`: for a time, alerts of some budgets are written but not sent."""

from dataclasses import astuple
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from usage_pipeline import inputs
from usage_pipeline.alerts.silences import Silence, end_silence, make_silence, silences
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.output import AsJson, as_dicts, for_people, print_json, say, show_rows
from usage_pipeline.commands.who import By, who
from usage_pipeline.inputs import InputError

app = typer.Typer(
    help="For a time, alerts of some budgets are written but not sent.",
    invoke_without_command=True,
    add_completion=False,
)
_COLUMNS = ("silence", "budget", "scope", "below", "emergencies", "from", "until", "reason", "by", "ended by")


class Below(StrEnum):
    """The levels below which alerts can be silenced."""

    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"


@app.callback()
@for_people
def silence(
    context: typer.Context,
    budget: Annotated[str | None, typer.Option(help="A budget's id, or a glob such as dev-*.")] = None,
    until: Annotated[str | None, typer.Option(help="2h, 3d, or a time such as 2026-11-25T18:00.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for those who ask later.")] = None,
    scope: Annotated[str | None, typer.Option(help="A scope's name or value, or a glob.")] = None,
    below: Annotated[Below, typer.Option(help="Only levels below this.")] = Below.EMERGENCY,
    including_emergencies: Annotated[
        bool, typer.Option("--including-emergencies", help="Hides emergencies too: nobody is notified.")
    ] = False,
    by: By = None,
) -> None:
    """Make a silence: --budget, --until and --reason are needed. It never hides an emergency unless that is said."""
    if context.invoked_subcommand:
        return
    if budget is None or until is None or not reason:
        raise InputError("a silence needs --budget GLOB, --until TIME and --reason TEXT; `list` shows those that hold")
    now, typist = datetime.now(UTC), who(by)
    with open_context() as (connection, configuration):
        made = Silence(
            budget=budget,
            until=inputs.moment("--until", until, zone=configuration.settings.timezone, now=now),
            reason=typist.noted(inputs.plain_text("--reason", reason)),
            by=typist.person(configuration.settings),
            known_by=typist.known_by,
            scope=scope,
            below=below.value,
            emergencies=including_emergencies,
        )
        try:
            number = make_silence(connection, made, now)
        except ValueError as error:
            raise InputError(f"--until {until}: {error}") from None
    say(f"Silence {number} until {made.until:%Y-%m-%d %H:%M} UTC; end it with: alerts silence end {number}")


@app.command(name="list")
@for_people
def list_silences(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False, as_json: AsJson = False
) -> None:
    """The silences that hold, and those that will."""
    with open_warehouse() as connection:
        found = silences(connection, every=every)
    rows = [astuple(silence) for silence in found]
    if as_json:
        print_json(as_dicts(_COLUMNS, rows))
    else:
        show_rows("Silences", _COLUMNS, rows, right=("silence",))


@app.command(name="end")
@for_people
def end(
    number: Annotated[int, typer.Argument(help="The silence's number, as `list` shows it.", min=1, max=2**63 - 1)],
    by: By = None,
) -> None:
    """End a silence before its time. What it kept from being sent stays unsent."""
    typist = who(by)
    with open_context() as (connection, configuration):
        ended_by = typist.person(configuration.settings)
        ended = end_silence(connection, number, ended_by, datetime.now(UTC), known_by=typist.known_by)
    if not ended:
        raise InputError(f"no silence {number} holds; `usage-pipeline alerts silence list` shows them")
    say(f"Silence {number} ended.")
