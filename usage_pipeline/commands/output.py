"""How every command speaks: tables for people, JSON for programs, one line and a way out for mistakes.

All that reaches a terminal goes through here: names come from Dify's users, and nothing in them steers a terminal.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TextIO, TypeVar

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from usage_pipeline.commands.failures import EXIT_FAILED, EXIT_MISTAKE, failure_of
from usage_pipeline.commands.visible import as_json, one_line, visible
from usage_pipeline.settings.env_file import use_env_file
from usage_pipeline.settings.environment import config_path

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "EXIT_FAILED",
    "EXIT_MISTAKE",
    "AsJson",
    "as_dicts",
    "bold",
    "complain",
    "err",
    "for_people",
    "out",
    "print_json",
    "say",
    "show_records",
    "show_rows",
    "standard_output",
]

P = ParamSpec("P")
R = TypeVar("R")


class _VisibleConsole(Console):
    """A console on which text is text: no markup, no emoji codes, and hidden characters are written out."""

    def __init__(self, *, stderr: bool = False) -> None:
        # A pipe or a CI log has no width of its own; 80 columns would cut names.
        width = None if sys.stdout is not None and sys.stdout.isatty() else 140
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **arguments: Any) -> Text:
        """Returns the text to render; rich itself drops some controls without a trace."""
        return super().render_str(visible(text), **arguments)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yields what is written, whatever it was made of; segments of control are rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


out = _VisibleConsole()
err = _VisibleConsole(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def for_people(command: Callable[P, R]) -> Callable[P, R]:
    """Reads .env before the command; turns every error into a readable text and an exit code, never a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            use_env_file(config_path())
            return command(*args, **kwargs)
        except BrokenPipeError:
            raise  # nobody reads on: there is nobody to say it to
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as error:
            failure = failure_of(error)
            err.print(failure.text, style="red", soft_wrap=True)
            raise typer.Exit(failure.code) from None

    return run


def say(*parts: str | Text, style: str | None = None) -> None:
    """One line to standard output; line ends within the parts become blanks."""
    line = Text.assemble(*(part if isinstance(part, Text) else one_line(part) for part in parts))
    out.print(line, style=style, soft_wrap=True)


def complain(text: str, *, style: str | None = None) -> None:
    """One line to standard error; line ends within it become blanks."""
    err.print(one_line(text), style=style, soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON document; money stays exact as text, times are ISO 8601."""
    standard_output().write(f"{as_json(value)}\n")


def standard_output() -> TextIO:
    """Returns where the result of a command goes. What is written to it must have been made visible."""
    return sys.stdout


def bold(text: str) -> Text:
    """A heading, on one line."""
    return Text(one_line(text), style="bold")


def show_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A table; an empty one says so."""
    if not rows:
        say(bold(title), ": none")
        return
    table = Table(title=bold(title), title_justify="left", header_style="dim", box=None, pad_edge=False)
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
    return one_line(str(value))


def as_dicts(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[Mapping[str, object]]:
    """Rows for --json."""
    return [dict(zip(columns, row, strict=True)) for row in rows]
