"""`usage-pipeline alerts export`: the whole history of alerts, for auditors."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from usage_pipeline import inputs
from usage_pipeline.alerts.history import history
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import err, for_people

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
        if target is None:
            count = _write(sys.stdout, form, names, rows)
        else:
            try:
                with target.open("w", encoding="utf-8", newline="") as file:
                    count = _write(file, form, names, rows)
            except OSError as error:
                raise inputs.InputError(f"{target} cannot be written ({error.strerror})") from None
    err.print(f"{count} rows", markup=False)


def _write(file: TextIO, form: Format, names: Sequence[str], rows: Iterable[tuple[object, ...]]) -> int:
    count = 0
    if form is Format.CSV:
        writer = csv.writer(file)
        writer.writerow(names)
    for row in rows:
        count += 1
        if form is Format.CSV:
            writer.writerow([_cell(value) for value in row])
        else:
            file.write(json.dumps(dict(zip(names, row, strict=True)), default=_text, ensure_ascii=False) + "\n")
    return count


def _text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: names come from Dify's users."""
    if value is None:
        return ""
    text = _text(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
