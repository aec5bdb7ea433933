"""How every command speaks: tables for people, JSON for programs, one line and a way out for mistakes."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from usage_pipeline.inputs import InputError
from usage_pipeline.settings import SettingsError
from usage_pipeline.settings.environment import MissingSecretError
from usage_pipeline.settings.extras import MissingExtraError
from usage_pipeline.sources.base import SourceError
from usage_pipeline.warehouse.embedded import EmbeddedServerError
from usage_pipeline.warehouse.schema import WarehouseError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

P = ParamSpec("P")
R = TypeVar("R")

# A pipe or a CI log has no width of its own; 80 columns would cut names.
_WIDTH = None if sys.stdout.isatty() else 140
out = Console(width=_WIDTH, highlight=False)
err = Console(stderr=True, width=_WIDTH, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who you are; left out: USAGE_PIPELINE_USER, else your login name.")
]

EXIT_FAILED = 1
EXIT_MISTAKE = 2


def for_people(command: Callable[P, R]) -> Callable[P, R]:
    """Turns what a user can put right into one readable text and exit code 2; never a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (
            InputError,
            SettingsError,
            SourceError,
            MissingSecretError,
            MissingExtraError,
            EmbeddedServerError,
            WarehouseError,
        ) as error:
            err.print(str(error), markup=False, style="red")
            raise typer.Exit(EXIT_MISTAKE) from None
        except psycopg.OperationalError as error:
            text = str(error).strip().splitlines()
            err.print(f"the warehouse cannot be reached: {text[-1] if text else type(error).__name__}", markup=False)
            err.print("check WAREHOUSE_URL, or leave it out to use the embedded server", markup=False)
            raise typer.Exit(EXIT_MISTAKE) from None

    return run


def print_json(value: object) -> None:
    """One JSON document; money stays exact as text, times are ISO 8601."""
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))  # noqa: T201


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def show_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A table; an empty one says so."""
    if not rows:
        out.print(f"[bold]{title}[/bold]: none")
        return
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)
    out.print()


def show_records(
    title: str, kind: type["DataclassInstance"], records: Sequence["DataclassInstance"], right: Sequence[str]
) -> None:
    """A table of dataclasses of one kind, with a column a field."""
    columns = [field.name for field in fields(kind)]
    rows = [[getattr(record, column) for column in columns] for record in records]
    show_rows(title, [column.replace("_", " ") for column in columns], rows, right=right)


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case Decimal():
            return f"{value:,.2f}" if value % 1 else f"{value:,.0f}"
        case int():
            return f"{value:,}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
    return escape("".join(c if c.isprintable() else " " for c in str(value)))


def as_dicts(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[Mapping[str, object]]:
    """Rows for --json."""
    return [dict(zip(columns, row, strict=True)) for row in rows]
