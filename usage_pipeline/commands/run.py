"""`usage-pipeline run`: one whole pass without a daemon."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

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

# Before that a pace says nothing.
_TELLING_AFTER_S = 2.0


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

        paces: dict[str, ReadingPace] = {}

        def show(progress: ReadingProgress) -> None:
            pace = paces.setdefault(
                progress.source_id, ReadingPace(time.monotonic(), progress.read_up_to, progress.events_changed)
            )
            bar.update(task, description=in_words(progress, pace, time.monotonic()))

        yield show


@dataclass(frozen=True)
class ReadingPace:
    """When the reading of a source was first heard of (seconds of a clock that only goes on), and where it was then."""

    began_s: float
    began_at: datetime
    events: int


def in_words(progress: ReadingProgress, pace: ReadingPace, now_s: float) -> str:
    """How far a reading has come: the moment reached, events, how many a second, and the time left at that pace."""
    text = (
        f"{progress.source_id}: read up to {progress.read_up_to:%Y-%m-%d %H:%M} UTC, {progress.events_changed:,} events"
    )
    took_s, way = now_s - pace.began_s, progress.read_up_to - pace.began_at
    if took_s < _TELLING_AFTER_S or not way:
        return text
    left = timedelta(seconds=round(took_s * max((progress.clock - progress.read_up_to) / way, 0)))
    return f"{text}, {(progress.events_changed - pace.events) / took_s:,.0f} a second, about {left} left"
