"""`usage-pipeline report`: yesterday's report, an older one, a week's or a month's, or a month's chargeback."""

import webbrowser
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from usage_pipeline import inputs
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.files import unwritable
from usage_pipeline.commands.output import AsJson, for_people, print_json, say, show_rows
from usage_pipeline.inputs import InputError
from usage_pipeline.reports.chargeback import write_statements
from usage_pipeline.reports.document import Tenant
from usage_pipeline.reports.edition import EDITION_KINDS, edition_of
from usage_pipeline.reports.files import reports_folder, write_report
from usage_pipeline.reports.make import key_figures, make_report
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.settings.environment import home_dir
from usage_pipeline.settings.reports import ReportFormat
from usage_pipeline.warehouse.connection import Connection

_LANGUAGES = ("zh", "en")
T = TypeVar("T", bound=str)
Written = TypeVar("Written")


@for_people
def report(
    day: Annotated[
        str | None, typer.Option("--date", help="A day of the report: 2026-11-24; left out: yesterday.", metavar="DAY")
    ] = None,
    period: Annotated[str, typer.Option(help="day, week or month: the edition that the day lies in.")] = "day",
    tenant: Annotated[str | None, typer.Option(help="A tenant's name or id: its rows only.")] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help=f"{', '.join(ReportFormat)} or all; may be given again.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="A folder; left out: reports/ of USAGE_PIPELINE_HOME.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="zh or en; left out: the configuration's.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    month: Annotated[
        str | None,
        typer.Option("--chargeback", help="A month (YYYY-MM): its statements instead of a report.", metavar="MONTH"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a day, week or month, or a month's chargeback statements. Writes files, sends nothing."""
    of_day = None if day is None else inputs.day("--date", day)
    of_month = None if month is None else inputs.month("--chargeback", month)
    with open_context() as (connection, configuration):
        settings = configuration.settings
        whose = _tenant(connection, tenant)
        if of_month is not None:
            _chargeback(connection, of_month, settings.currency, whose, folder, as_json)
            return
        asked = of_day or settings.today() - timedelta(days=1)
        made = make_report(
            connection,
            settings,
            edition_of(_one_of(period, EDITION_KINDS, "--period"), asked),
            tenant=whose,
            now=datetime.now(UTC),
        )
        wanted = _formats(formats, settings.reports.formats)
        if open_page and ReportFormat.HTML not in wanted:
            wanted.append(ReportFormat.HTML)
        spoken = _one_of(language or settings.language, _LANGUAGES, "--language")
        written = _into(folder or reports_folder(made), lambda place: write_report(made, wanted, place, spoken))
    figures = {**key_figures(made), "tenant": whose.name if whose else None}
    if as_json:
        print_json({**figures, "files": written})
    else:
        show_rows(
            f"Report {made.edition.name}",
            ("figure", "value"),
            [(name, _shown(value)) for name, value in figures.items()],
            right=("value",),
        )
        for path in written:
            say(str(path))
    if open_page:
        page = next(path for path in written if path.suffix == ".html")
        webbrowser.open(page.resolve().as_uri())


def _shown(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _tenant(connection: Connection, asked: str | None) -> Tenant | None:
    return None if asked is None else find_tenant(connection, asked)


def _one_of(value: str, known: Sequence[T], option: str) -> T:
    found = next((name for name in known if name == value), None)
    if found is None:
        raise InputError(f"{option} {value!r} is not known; write one of {', '.join(map(str, known))}")
    return found


def _formats(asked: list[str] | None, configured: tuple[ReportFormat, ...]) -> list[ReportFormat]:
    if not asked:
        return list(configured)
    if "all" in asked:
        return list(ReportFormat)
    return [_one_of(name, tuple(ReportFormat), "--format") for name in asked]


def _into(folder: Path, write: Callable[[Path], list[Written]]) -> list[Written]:
    try:
        return write(folder)
    except OSError as error:
        raise unwritable(folder, error, "give another folder with --out") from None


def _chargeback(
    connection: Connection, month: date, currency: str, whose: Tenant | None, folder: Path | None, as_json: bool
) -> None:
    place = folder or home_dir() / "reports" / f"{month:%Y-%m}"
    written = _into(place, lambda target: write_statements(connection, month, currency, target, whose))
    rows = [
        (found.tenant.name, found.period.first, found.period.last, found.amount, found.base_cost, found.currency, path)
        for found, path in written
    ]
    columns = ("tenant", "first", "last", "amount", "base_cost", "currency", "file")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_rows(f"Chargeback {month:%Y-%m}", columns, rows, right=("amount", "base_cost"))
