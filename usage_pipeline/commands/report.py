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
from usage_pipeline.report_store import reports_root
from usage_pipeline.reports.days_with_usage import check_usage
from usage_pipeline.reports.document import Tenant
from usage_pipeline.reports.edition import EDITION_KINDS, edition_of, month_of
from usage_pipeline.reports.files import reports_folder, write_report
from usage_pipeline.reports.headline import headline
from usage_pipeline.reports.make import key_figures, make_report
from usage_pipeline.reports.recipients import notify_recipients
from usage_pipeline.reports.said import keep_said
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.reports.statement_files import WrittenStatement, write_statements
from usage_pipeline.settings import Settings
from usage_pipeline.settings.reports import FOCUS_VERSIONS, ReportFormat
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
    focus_version: Annotated[
        str, typer.Option("--focus-version", help=f"Of the format focus: {' or '.join(FOCUS_VERSIONS)}.")
    ] = FOCUS_VERSIONS[0],
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Put it into the outbox for its recipients too; whoever has it gets it once.")
    ] = False,
    month: Annotated[
        str | None,
        typer.Option("--chargeback", help="A month (YYYY-MM): its statements instead of a report.", metavar="MONTH"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a day, week or month, or a month's chargeback statements. Sends nothing unless told to."""
    of_day = None if day is None else inputs.day("--date", day)
    of_month = None if month is None else inputs.month("--chargeback", month)
    with open_context() as (connection, configuration):
        settings = configuration.settings
        whose = _tenant(connection, tenant)
        if of_month is not None:
            _chargeback(connection, settings, of_month, whose, folder, as_json)
            return
        edition = edition_of(_one_of(period, EDITION_KINDS, "--period"), of_day or settings.today() - timedelta(days=1))
        wanted = _formats(formats, settings.reports.formats)
        if open_page and ReportFormat.HTML not in wanted:
            wanted.append(ReportFormat.HTML)
        spoken = _one_of(language or settings.language, _LANGUAGES, "--language")
        versions = {ReportFormat.FOCUS: _one_of(focus_version, FOCUS_VERSIONS, "--focus-version")}
        check_usage(connection, "--date", edition.period, settings.today(), whose)
        made = make_report(connection, settings, edition, tenant=whose, now=datetime.now(UTC))
        place = folder or reports_folder(made)
        written = _into(place, lambda target: write_report(made, wanted, target, spoken, versions))
        keep_said(connection, made)
        sent_to = notify_recipients(connection, configuration, made) if send else []
    figures = {**key_figures(made), "tenant": whose.name if whose else None}
    if send:
        figures["sent_to"] = ", ".join(sent_to) or "nobody who has not got it already"
    sentences = headline(made, spoken).sentences
    if as_json:
        print_json({**figures, "sentences": sentences, "files": written})
    else:
        for sentence in sentences:
            say(sentence)
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
    connection: Connection, settings: Settings, month: date, whose: Tenant | None, folder: Path | None, as_json: bool
) -> None:
    place = folder or reports_root() / f"{month:%Y-%m}"
    check_usage(connection, "--chargeback", month_of(month), settings.today(), whose)
    written = _into(place, lambda target: write_statements(connection, settings, month, target, whose))
    rows = [_statement_row(found) for found in written]
    if as_json:
        files = [{"file": each.files[0], "files": each.files} for each in written]
        print_json([row | named for row, named in zip(rows, files, strict=True)])
        return
    columns = ("tenant", "first", "last", "amount", "base_cost", "currency")
    shown = [[row[name] for name in columns] for row in rows]
    show_rows(f"Chargeback {month:%Y-%m}", columns, shown, right=("amount", "base_cost"))
    for path in (path for each in written for path in each.files):
        say(str(path))


def _statement_row(written: WrittenStatement) -> dict[str, object]:
    found = written.statement
    return {
        "tenant": found.tenant.name,
        "first": found.period.first,
        "last": found.period.last,
        "amount": found.amount,
        "base_cost": found.base_cost,
        "currency": found.currency,
    }
