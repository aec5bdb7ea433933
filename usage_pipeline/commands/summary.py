"""What a pass prints: usage by project, budgets with their levels, alerts and what their channels answered."""

from usage_pipeline.commands.output import as_dicts, bold, complain, err, out, say, show_rows
from usage_pipeline.pipeline import PassSummary
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_PROJECT_COLUMNS = ("workspace", "project", "environment", "calls", "failed", "tokens", "cost", "unpriced tokens")
_BUDGET_COLUMNS = ("budget", "scope", "period from", "measure", "spent", "limit", "per cent", "level", "forecast")
_ATTEMPT_COLUMNS = ("alert", "level", "budget", "scope", "recipient", "attempt", "outcome", "channel's answer")


def show_pass(connection: Connection, summary: PassSummary) -> None:
    """The whole summary for people."""
    changed = sum(result.events_changed for result in summary.ingested)
    read = f" {len(summary.ingested)} source(s): {changed:,} events changed on {len(summary.days)} day(s)"
    say(bold("Read"), read)
    of_sources = (*summary.source_errors.values(), *summary.sources_behind.values())
    for error in (*of_sources, summary.configuration_error, summary.restored):
        if error:
            err.print(error, style="red")
    out.print()
    rows = connection.execute(statement("reports/projects_this_month")).fetchall()
    show_rows("Usage by project, this month", _PROJECT_COLUMNS, rows, right=_PROJECT_COLUMNS[3:])
    show_budgets(connection)
    show_attempts(connection)
    for done in summary.enforcement.done:
        say(f"enforcement: {done}")
    for error in summary.enforcement.errors.values():
        complain(f"enforcement: {error}", style="red")
    for difference in summary.differences:
        complain(f"does not add up: {difference}", style="red")
    if summary.delivery and summary.delivery.retried:
        out.print(f"{summary.delivery.retried} attempt(s) were refused for now and will be repeated")
    if summary.ok:
        say("Every step held.")
    else:
        say("Not every step held: see above.", style="red")


def usage_by_project(connection: Connection) -> list[object]:
    """This month's usage by project, for programs."""
    rows = connection.execute(statement("reports/projects_this_month")).fetchall()
    return list(as_dicts(_PROJECT_COLUMNS, rows))


def show_budgets(connection: Connection) -> None:
    """Every budget's current rows, highest first."""
    rows = connection.execute(statement("reports/budgets_now")).fetchall()
    show_rows("Budgets", _BUDGET_COLUMNS, rows, right=("spent", "limit", "per cent", "forecast"))


def show_attempts(connection: Connection) -> None:
    """The newest attempts to deliver alerts, with each channel's own answer."""
    rows = connection.execute(statement("reports/newest_attempts")).fetchall()
    show_rows("Alerts and what their channels answered", _ATTEMPT_COLUMNS, rows, right=("attempt",))
