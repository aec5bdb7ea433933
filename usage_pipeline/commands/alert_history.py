"""`usage-pipeline alerts ack` and `alerts export`: who has seen an alert, and the whole history for auditors."""

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
from usage_pipeline.alerts.silences import acknowledge
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.output import By, Mistake, err, for_people, out
from usage_pipeline.warehouse.statements import statement

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How the history is written."""

    CSV = "csv"
    JSONL = "jsonl"


@for_people
def ack(
    alert_id: Annotated[str, typer.Argument(help="The alert's id, as its message says it.")],
    by: By = None,
    note: Annotated[str | None, typer.Option(help="What you are doing about it.")] = None,
) -> None:
    """Says that you have seen an alert: it is neither repeated nor escalated any more."""
    who, word = inputs.actor(by), inputs.plain_text("--note", note or "") or None
    with open_warehouse() as connection:
        try:
            first = acknowledge(connection, alert_id, who, word, datetime.now(UTC))
        except LookupError as error:
            raise Mistake(str(error.args[0])) from None
        row = connection.execute("SELECT by_whom FROM usage.acknowledgement WHERE alert_id = %s", [alert_id]).fetchone()
    out.print(
        f"{alert_id} acknowledged by {who}." if first else f"{alert_id} was acknowledged by {row and row[0]} before."
    )


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
            raise Mistake(f"--from {from_time} is not before --to {to_time}")
        cursor = connection.execute(statement("reports/alert_history"), {"from": begin, "to": end})
        names = [column.name for column in cursor.description or ()]
        if target is None:
            count = _write(sys.stdout, form, names, cursor)
        else:
            try:
                with target.open("w", encoding="utf-8", newline="") as file:
                    count = _write(file, form, names, cursor)
            except OSError as error:
                raise Mistake(f"{target} cannot be written ({error.strerror})") from None
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
    return (
        value.isoformat()
        if isinstance(value, date)
        else format(value, "f")
        if isinstance(value, Decimal)
        else str(value)
    )


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: names come from Dify's users."""
    if value is None:
        return ""
    text = _text(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
