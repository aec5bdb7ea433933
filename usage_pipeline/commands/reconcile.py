"""`usage-pipeline reconcile`: holds days against the source's own sums."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from usage_pipeline import inputs
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.grid import report_reconciled
from usage_pipeline.commands.output import (
    EXIT_FAILED,
    AsJson,
    complain,
    err,
    for_people,
    print_json,
    say,
    show_rows,
)
from usage_pipeline.inputs import InputError
from usage_pipeline.reconciliation.reconcile import DayResult, reconcile
from usage_pipeline.settings import Settings

_SUMS = {
    "our_tokens": "ours",
    "message_tokens": "messages",
    "run_tokens": "runs",
    "rolled_up_tokens": "rolled up",
    "thought_tokens": "thoughts",
    "nested_tokens": "nested",
    "beside_total_tokens": "beside total",
    "other_day_tokens": "other day",
    "single_step_tokens": "single steps",
    "tool_call_tokens": "tools",
    "other_tokens": "other",
    "gone_tokens": "gone",
    "late_tokens": "late",
    "unexplained_tokens": "unexplained",
}
_ALWAYS_SHOWN = ("our_tokens", "unexplained_tokens")
_NOT_GREEN = ("red", "healed")


@for_people
def reconcile_command(
    first: Annotated[str, typer.Option("--from", help="First usage date: 2026-11-01.", metavar="DAY")],
    last: Annotated[str, typer.Option("--to", help="Last usage date: 2026-11-24.", metavar="DAY")],
    source: Annotated[str | None, typer.Option(help="One source; left out: all of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold each day against the source's own sums; what does not fit is read again and named.

    messages + runs + every part to their right = ours. Exit 1 when a day did not fit, also when reading again healed
    it (figures printed before were wrong; the next time it is green), or when a source could not be read.
    """
    with open_context() as (connection, configuration):
        settings = configuration.settings
        days = _days(inputs.day("--from", first), inputs.day("--to", last), settings)
        if source is not None and source not in [known.id for known in settings.sources]:
            raise InputError(
                f"there is no source {source!r}; the configuration has: {', '.join(s.id for s in settings.sources)}"
            )
        count = len(days) * (1 if source else len(settings.sources))
        with _progress(as_json) as bar:
            task = bar.add_task("", total=count)

            def show(result: DayResult) -> None:
                bar.update(task, advance=1, description=f"{result.source_id} {result.usage_date}")

            results = reconcile(connection, settings, days, source_id=source, progress=show)
        report_reconciled(settings, days)
    if as_json:
        print_json({"green": not _failed(results), "days": [_document(result) for result in results]})
    else:
        _show(results)
    if _failed(results):
        raise typer.Exit(EXIT_FAILED)


def _progress(as_json: bool) -> Progress:
    columns = (
        TextColumn("reconciling {task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} days"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=as_json or not err.is_terminal)


def _days(first: date, last: date, settings: Settings) -> list[date]:
    newest = settings.today() + timedelta(days=1)
    if first > newest:
        raise InputError(f"--from {first} lies in the future: today is {settings.today()} in {settings.timezone}")
    return inputs.days_between(first, min(last, newest) if last >= first else last)


def _failed(results: Sequence[DayResult]) -> bool:
    return any(r.state in _NOT_GREEN or r.failed for r in results)


def _document(result: DayResult) -> dict[str, object]:
    return {
        "source": result.source_id,
        "usage_date": result.usage_date,
        "state": result.state,
        "says": result.says,
        "compared_until": result.compared_until,
        **(asdict(result.sums) if result.sums else {}),
        "misfits": [
            {"event_id": m.event_id, "what": m.what, "ours": m.ours, "theirs": m.theirs} for m in result.misfits
        ],
    }


def _show(results: Sequence[DayResult]) -> None:
    # A column that is nothing everywhere only takes room.
    kept = [name for name in _SUMS if name in _ALWAYS_SHOWN or any(getattr(r.sums, name, None) for r in results)]
    shown = [_SUMS[name] for name in kept]
    rows = [(r.source_id, r.usage_date, r.state, *(getattr(r.sums, name, None) for name in kept)) for r in results]
    title = "Reconciliation, in tokens: messages + runs + each part = ours"
    show_rows(title, ("source", "day", "state", *shown), rows, right=shown)
    for result in results:
        if result.state != "green" or (result.sums and result.sums.gone_events):
            style = "red" if result.state in _NOT_GREEN else "yellow" if result.state == "not_compared" else None
            text = f"{result.source_id} {result.usage_date} {result.state}: {result.says}"
            complain(text, style=style)
    for result in results:
        for m in result.misfits:
            sides = [f"ours {_side(m.ours)}" if m.ours else "", f"the source's {_side(m.theirs)}" if m.theirs else ""]
            words = "; ".join([m.what, *filter(None, sides)])
            say(f"  {result.usage_date} {m.event_id}: {words}")


def _side(words: Mapping[str, object]) -> str:
    cost = "" if words.get("cost") is None else f", cost {words['cost']}"
    return f"{words.get('tokens')} tokens{cost}, {words.get('usage_date')}"
