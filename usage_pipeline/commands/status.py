"""`usage-pipeline status`: does it run, for people, for monitors and for Prometheus."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import EXIT_FAILED, AsJson, for_people, print_json, say, show_rows, standard_output
from usage_pipeline.commands.status_facts import Status, gather
from usage_pipeline.commands.status_metrics import exposition
from usage_pipeline.overview.facts import overview as look
from usage_pipeline.overview.text import overview_text


@for_people
def status(
    as_json: AsJson = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Print Prometheus' text format, for a textfile collector; exit 0.")
    ] = False,
    overview: Annotated[
        bool,
        typer.Option("--overview", help="Print what the asset overview of Dagster shows, in your language; exit 0."),
    ] = False,
) -> None:
    """Does it run: the last pass, each source's lag, alerts that wait, disk, versions. Exit 0 only if all is well."""
    if overview:
        _show_overview()
        return
    found = gather()
    if metrics:
        standard_output().write(exposition(found))
        return
    if as_json:
        print_json(_document(found))
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(EXIT_FAILED)


def _show_overview() -> None:
    """The same text, without the marks of Markdown."""
    with open_context() as (connection, configuration):
        text = overview_text(look(connection, configuration), configuration.settings.language)
    for line in text.replace("**", "").splitlines():
        say(line.rstrip())


def _document(found: Status) -> dict[str, object]:
    sources = [asdict(source) | {"lag_seconds": found.lags.get(source.source)} for source in found.sources]
    return {
        "ok": not found.problems,
        "problems": found.problems,
        "at": found.at,
        "up": found.up,
        "last_pass": found.last_pass,
        "sources": sources,
        "alerts": found.alerts,
        "disk": found.disk,
        "versions": found.versions,
    }


def _show(found: Status) -> None:
    lines = [
        ("up", f"runs at {found.up.url} since {found.up.started_at}" if found.up else "does not run"),
        ("last pass", _pass(found)),
        *((f"source {name}", f"read up to {_ago(seconds)}") for name, seconds in found.lags.items()),
    ]
    if found.alerts is not None:
        lines.append(("alerts", f"{found.alerts.waiting} waiting, {found.alerts.failed} failed"))
    if found.disk is not None:
        size = found.disk.warehouse_bytes
        used = f", the warehouse takes {size / 1e6:,.0f} MB" if size is not None else ""
        lines.append(("disk", f"{found.disk.free_bytes / 1e9:,.1f} GB free at {found.disk.folder}{used}"))
    lines.append(("versions", ", ".join(f"{name} {number}" for name, number in found.versions.items())))
    show_rows("Status", ("what", "how it is"), lines)
    for problem in found.problems:
        say(problem, style="red")
    if not found.problems:
        say("All is well.")


def _pass(found: Status) -> str:
    last = found.last_pass
    if last is None:
        return "none"
    return f"ended {_moment(last.finished_at)} UTC, {_ago((found.at - last.finished_at).total_seconds())}"


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _ago(seconds: float) -> str:
    return f"{seconds:,.0f} s ago" if seconds < 120 else f"{seconds / 60:,.0f} minutes ago"
