"""Ranges of days as steps of a run, and what steps hand to each other: keys and metadata, no value in a file."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import zip_longest

import dagster as dg

from usage_pipeline.defs.shared import tag_run

# Few enough that a range is made within minutes: when a worker dies, that is what is done again.
_DAYS_A_RANGE = 5
_DAYS_TAG = "usage_pipeline/days"


def keep_days(context: dg.OpExecutionContext, days: Sequence[date]) -> None:
    """Puts the run's days on it, for its other steps, wherever they are executed."""
    tag_run(context, days=[("first", str(days[0])), ("last", str(days[-1]))])


def days_of_run(context: dg.OpExecutionContext) -> list[date]:
    """Returns the days that :func:`keep_days` put on the run."""
    run = context.instance.get_run_by_id(context.run_id) or context.run
    return _between(*(date.fromisoformat(run.tags[f"{_DAYS_TAG}.{end}"]) for end in ("first", "last")))


def ranges(days: Sequence[date]) -> Iterator[dg.DynamicOutput[None]]:
    """Yields an output a range of days; its key names the days.

    Neighbours come one after the other as late as may be: at their ends one would wait for the other.
    """
    parts = [days[start : start + _DAYS_A_RANGE] for start in range(0, len(days), _DAYS_A_RANGE)]
    half = (len(parts) + 1) // 2
    for part in (part for both in zip_longest(parts[:half], parts[half:], fillvalue=()) for part in both if part):
        yield dg.DynamicOutput(None, mapping_key=f"{part[0]:%Y_%m_%d}_to_{part[-1]:%Y_%m_%d}")


def days_of_range(context: dg.OpExecutionContext) -> list[date]:
    """Returns the days of the range that a step is for."""
    key = context.get_mapping_key() or ""
    first, last = (date(*map(int, found)) for found in re.findall(r"(\d{4,})_(\d\d)_(\d\d)", key))
    return _between(first, last)


def noted(context: dg.OpExecutionContext, name: str) -> list[int]:
    """Returns a figure of each step before that noted one in the metadata of its output, in their order."""
    entries = context.instance.all_logs(context.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    outputs = [entry.dagster_event.step_output_data for entry in entries if entry.dagster_event]
    return [int(str(output.metadata[name].value)) for output in outputs if name in output.metadata]


def _between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
