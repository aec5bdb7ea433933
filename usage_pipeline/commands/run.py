"""`usage-pipeline run`: one whole pass without a daemon."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from usage_pipeline.commands.context import open_warehouse
from usage_pipeline.commands.grid import report_made
from usage_pipeline.commands.output import EXIT_FAILED, AsJson, err, for_people, print_json
from usage_pipeline.commands.summary import show_pass, usage_by_project
from usage_pipeline.configuration import active_configuration
from usage_pipeline.ingest.read_source import Progress as ReadingProgress
from usage_pipeline.pipeline import PassSummary, run_pass
from usage_pipeline.settings.environment import config_path


@for_people
def run(as_json: AsJson = False) -> None:
    """One whole pass: read, roll up, evaluate budgets, alert, enforce, deliver, compare. Exit 0 only if all is well."""
    with open_warehouse() as connection:
        with reading_progress(quiet=as_json) as progress:
            summary = run_pass(connection, config_path(), by="usage-pipeline run", progress=progress)
        if summary.days:
            report_made(connection, active_configuration(connection, config_path()).settings, summary.days)
        if as_json:
            print_json(as_document(summary) | {"projects": usage_by_project(connection)})
        else:
            show_pass(connection, summary)
    if not summary.ok:
        raise typer.Exit(EXIT_FAILED)


def as_document(summary: PassSummary) -> dict[str, object]:
    """A pass for programs."""
    return {
        "ok": summary.ok,
        "held": summary.ok,  # the name before `ok`, for programs that read it
        "sources": summary.ingested,
        "source_errors": summary.source_errors,
        "sources_behind": summary.sources_behind,
        "configuration_error": summary.configuration_error,
        "restored": summary.restored,
        "events_changed": sum(result.events_changed for result in summary.ingested),
        "days": summary.days,
        "budget_levels": summary.evaluation.levels,
        "alerts": summary.alerts,
        "delivered": summary.delivery.delivered if summary.delivery else 0,
        "retried": summary.delivery.retried if summary.delivery else 0,
        "failed": summary.delivery.failed if summary.delivery else 0,
        "enforcement": summary.enforcement,
        "differences": summary.differences,
    }


@contextmanager
def reading_progress(*, quiet: bool) -> Iterator[Callable[[ReadingProgress], None] | None]:
    """Shows how far the reading of a source has come; nothing where nobody looks."""
    if quiet or not err.is_terminal:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(progress: ReadingProgress) -> None:
            text = f"{progress.source_id}: read up to {progress.read_up_to:%Y-%m-%d %H:%M}"
            bar.update(task, description=f"{text}, {progress.events_changed:,} events")

        yield show
