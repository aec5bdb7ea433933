"""`usage-pipeline alerts silence`: for a time, alerts of some budgets are written but not sent."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from usage_pipeline import inputs
from usage_pipeline.alerts.silences import Silence, end_silence, make_silence
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.output import AsJson, By, Mistake, as_dicts, for_people, out, print_json, show_rows

app = typer.Typer(help="For a time, alerts of some budgets are written but not sent.", invoke_without_command=True)
_COLUMNS = ("silence", "budget", "scope", "below", "emergencies", "from", "until", "reason", "by", "ended by")


@app.callback()
@for_people
def silence(
    context: typer.Context,
    budget: Annotated[str | None, typer.Option(help="A budget's id, or a glob such as dev-*.")] = None,
    until: Annotated[str | None, typer.Option(help="2h, 3d, or a time such as 2026-11-25T18:00.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for those who ask later.")] = None,
    scope: Annotated[str | None, typer.Option(help="A scope's name or value, or a glob.")] = None,
    below: Annotated[str, typer.Option(help="Only levels below this: warning, critical, emergency.")] = "emergency",
    including_emergencies: Annotated[
        bool, typer.Option("--including-emergencies", help="Hides emergencies too: nobody will be told.")
    ] = False,
    by: By = None,
) -> None:
    """Makes a silence: --budget, --until and --reason are needed. It never hides an emergency unless that is said."""
    if context.invoked_subcommand:
        return
    if budget is None or until is None or not reason:
        raise Mistake("a silence needs --budget GLOB, --until TIME and --reason TEXT; `list` shows those in force")
    level = _level(below)
    now = datetime.now(UTC)
    with open_context() as (connection, configuration):
        made = Silence(
            budget=budget,
            until=inputs.moment("--until", until, zone=configuration.settings.timezone, now=now),
            reason=inputs.plain_text("--reason", reason),
            by=inputs.actor(by),
            scope=scope,
            below=level,
            emergencies=including_emergencies,
        )
        try:
            number = make_silence(connection, made, now)
        except ValueError as error:
            raise Mistake(f"--until {until}: {error}") from None
    out.print(f"Silence {number} until {made.until:%Y-%m-%d %H:%M} UTC; end it with: alerts silence end {number}")


def _level(text: str) -> Literal["warning", "critical", "emergency"]:
    if text == "warning":
        return "warning"
    if text == "critical":
        return "critical"
    if text == "emergency":
        return "emergency"
    raise Mistake(f"--below {text!r} is no level; write warning, critical or emergency")


@app.command(name="list")
@for_people
def list_silences(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False, as_json: AsJson = False
) -> None:
    """The silences in force, and those that will be."""
    with open_warehouse() as connection:
        rows = connection.execute(
            "SELECT silence_id, budget, scope, below, emergencies, starts_at, ends_at, reason, made_by, ended_by"
            " FROM usage.silence WHERE %s OR ends_at > now() ORDER BY ends_at, silence_id",
            [every],
        ).fetchall()
    if as_json:
        print_json(as_dicts(_COLUMNS, rows))
        return
    show_rows("Silences", _COLUMNS, rows, right=("silence",))


@app.command(name="end")
@for_people
def end(
    number: Annotated[int, typer.Argument(help="The silence's number, as `list` shows it.")],
    by: By = None,
) -> None:
    """Ends a silence before its time. What it kept from being sent stays unsent."""
    with open_warehouse() as connection:
        ended = end_silence(connection, number, inputs.actor(by), datetime.now(UTC))
    if not ended:
        raise Mistake(f"there is no silence {number} in force; `usage-pipeline alerts silence list` shows them")
    out.print(f"Silence {number} ended.")
