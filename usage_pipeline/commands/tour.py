"""`usage-pipeline tour`: what is there, what budgets fit it, and a first report; nobody is notified."""

import webbrowser
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from usage_pipeline.budgets.proposal import proposals, usage_history
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import AsJson, as_dicts, bold, for_people, print_json, say, show_rows
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.inputs import InputError
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.files import reports_folder, write_report
from usage_pipeline.reports.make import make_report
from usage_pipeline.settings.reports import ReportFormat
from usage_pipeline.sources.registry import examine
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_PROJECTS_SHOWN = 10
_COLUMNS = ("workspace", "project", "environment", "calls", "failed", "tokens", "cost", "unpriced tokens")


@for_people
def tour(
    open_page: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """What was found, three budgets that fit the last 30 days, and a first report. Sends and changes nothing."""
    with open_context() as (connection, configuration):
        settings = configuration.settings
        found = [(source.id, each) for source in settings.sources for each in examine(source, settings)]
        history = usage_history(connection, settings.today())
        if history is None:
            raise InputError("no day before today has usage: `usage-pipeline run` reads the sources, then tour again")
        rows = connection.execute(statement("reports/projects_this_month")).fetchall()[:_PROJECTS_SHOWN]
        proposed = proposals(history, settings.currency, settings.language)
        page = _report(connection, configuration, history.newest_day)
    if as_json:
        sources = [{"source": name, "state": each.state, "says": each.says} for name, each in found]
        projects = as_dicts(_COLUMNS, rows)
        print_json({"sources": sources, "projects": projects, "budgets": proposed, "report": page})
    else:
        for name, each in found:
            say(bold(f"source {name}"), f": {each.says}", style=None if each.state == "ok" else "yellow")
        show_rows("Usage by project, this month", _COLUMNS, rows, right=_COLUMNS[3:])
        say(bold("Budgets that fit"), ", to put under `budgets:`; `budgets diff` shows what they would do:")
        for budget in proposed:
            say(f"  # {budget.why}")
            say(f"  - {budget.line}")
        say(bold("A first report"), f": {page}")
    if open_page:
        webbrowser.open(page.resolve().as_uri())


def _report(connection: Connection, configuration: ActiveConfiguration, day: date) -> Path:
    """Writes the page of a day, as `report` does; returns where it is."""
    settings = configuration.settings
    made = make_report(connection, settings, edition_of("day", day), tenant=None, now=datetime.now(UTC))
    (page,) = write_report(made, [ReportFormat.HTML], reports_folder(made), settings.language)
    return page
