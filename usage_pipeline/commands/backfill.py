"""`usage-pipeline backfill`: makes past days again; sends nothing."""

from datetime import date
from typing import Annotated

import typer
from rich.progress import track

from usage_pipeline import inputs
from usage_pipeline.budgets.past_days import WhatIf, what_if_alerts, what_if_days
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.grid import report_made
from usage_pipeline.commands.output import (
    EXIT_FAILED,
    AsJson,
    complain,
    err,
    for_people,
    print_json,
    say,
    show_records,
)
from usage_pipeline.pipeline import book_again, correct_again
from usage_pipeline.usage.days import days_to_make
from usage_pipeline.usage.roll_up import changed_days

_DAYS_AT_ONCE = 7
_NUMBERS = ("tier", "spent", "limit", "limit_then", "version_then")


@for_people
def backfill(
    first: Annotated[str, typer.Option("--from", help="First usage date: 2026-11-01.", metavar="DAY")],
    last: Annotated[str, typer.Option("--to", help="Last usage date: 2026-11-24.", metavar="DAY")],
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Only budgets: which days would have alerted under the present file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make past days again under the active configuration: keys, environments, zones, prices, tables, budgets.

    Events are booked again from what the warehouse holds; Dify is not read. Sends nothing.
    """
    days = inputs.days_between(inputs.day("--from", first), inputs.day("--to", last))
    if what_if:
        _show_what_if(days, as_json)
        return
    with open_context() as (connection, configuration):
        known = days_to_make(connection, days)
        parts = [known[start : start + _DAYS_AT_ONCE] for start in range(0, len(known), _DAYS_AT_ONCE)]
        hidden = as_json or not err.is_terminal
        for part in track(parts, "days", console=err, transient=True, disable=hidden):
            book_again(connection, configuration, part)
        found = correct_again(connection, configuration, known)
        for part in track(parts, "budgets", console=err, transient=True, disable=hidden):
            what_if_days(connection, configuration, part)
            report_made(connection, configuration.settings, part)
        waiting = changed_days(connection)
    if as_json:
        print_json({"days": len(days), "differences": found, "waiting": waiting, "sent": 0})
    else:
        say(f"{len(days)} day(s) from {days[0]} to {days[-1]} were made again; nothing was sent")
        if waiting:
            say(f"events moved to or from days that were not named; the next pass makes them: {_words(waiting)}")
        for difference in found:
            complain(f"does not add up: {difference}", style="red")
    if found:
        raise typer.Exit(EXIT_FAILED)


def _words(days: list[date]) -> str:
    return ", ".join(str(day) for day in days)


def _show_what_if(days: list[date], as_json: bool) -> None:
    with open_context() as (connection, configuration):
        for day in track(
            days_to_make(connection, days), "days", console=err, transient=True, disable=as_json or not err.is_terminal
        ):
            what_if_days(connection, configuration, [day])
        found = what_if_alerts(connection, configuration.version, days)
    if as_json:
        print_json({"days": len(days), "would_have_alerted": found, "sent": 0})
        return
    show_records(f"Days that would have alerted under version {configuration.version}", WhatIf, found, right=_NUMBERS)
    say("Nothing was sent, and how the budgets stood then is still on record.")
