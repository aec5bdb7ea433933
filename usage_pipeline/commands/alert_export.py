"""`usage-pipeline alerts export`: the whole history of alerts, for auditors."""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TextIO

import typer

from usage_pipeline import inputs
from usage_pipeline.alerts.history import history
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.files import written_to
from usage_pipeline.commands.output import complain, for_people, standard_output
from usage_pipeline.commands.visible import as_json, visible
from usage_pipeline.reports.cells import is_formula


class Format(StrEnum):
    """How the history is written."""

    CSV = "csv"
    JSONL = "jsonl"


@for_people
def export(
    from_time: Annotated[str, typer.Option("--from", help="A day or a time, in the billing zone.")],
    to_time: Annotated[str, typer.Option("--to", help="The moment after the last; a day or a time.")],
    form: Annotated[Format, typer.Option("--format", help="csv or jsonl.")] = Format.CSV,
    target: Annotated[Path | None, typer.Option("--out", help="A file; left out: standard output.")] = None,
) -> None:
    """All that happened to alerts, by the warehouse's clock: states, attempts with answers, by whom, versions."""
    now = datetime.now(UTC)
    with open_context() as (connection, configuration):
        zone = configuration.settings.timezone
        begin = inputs.moment("--from", from_time, zone=zone, now=now)
        end = inputs.moment("--to", to_time, zone=zone, now=now)
        if begin >= end:
            raise inputs.InputError(f"--from {from_time} is not before --to {to_time}")
        names, rows = history(connection, begin, end)
        write = partial(_write, form=form, names=names, rows=rows)
        count = write(standard_output()) if target is None else written_to(target, write)
    complain(f"{count} rows")


def _write(file: TextIO, form: Format, names: Sequence[str], rows: Iterable[tuple[object, ...]]) -> int:
    count = 0
    if form is Format.CSV:
        writer = csv.writer(file, lineterminator="\n")  # a terminal may be what it is written to
        writer.writerow(names)
    for row in rows:
        count += 1
        if form is Format.CSV:
            writer.writerow([_cell(value) for value in row])
        else:
            file.write(as_json(dict(zip(names, row, strict=True)), indent=None) + "\n")
    return count


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula and no terminal for a command: names come from Dify's users."""
    match value:
        case None:
            return ""
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case str() if is_formula(value):
            return f"'{visible(value)}"
    return visible(str(value))
