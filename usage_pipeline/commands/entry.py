"""The way in and out of the command: arguments that nothing can keep, output that nobody takes, words of the parser."""

import errno
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from usage_pipeline.commands.visible import visible

LONGEST_ARGUMENT = 10_000


class Entry(TyperGroup):
    """The command itself, of which all others are subcommands."""

    def main(self, *words: Any, **extra: Any) -> Any:
        """Runs what was typed; ends with its exit code, and with 1 when what it printed could not be written."""
        for name in ("stdout", "stderr"):
            _prepare(name)
        try:
            return super().main(*words, **extra)
        except SystemExit as ended:
            sys.exit(ended.code or _written_code())
        except OSError as error:  # of the help: commands have words of their own
            sys.exit(_not_written(error))
        finally:
            _let_go_of_rest()

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Returns the context of what was typed."""
        with _visible_words():
            wrong = mistake_in(args)
            if wrong:
                raise typer.BadParameter(wrong)
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Runs the subcommand."""
        with _visible_words():
            return super().invoke(ctx)


def mistake_in(arguments: Sequence[str]) -> str | None:
    """Returns what is wrong with the first argument that no command can do anything with; None when all can be used."""
    before = ""
    for number, argument in enumerate(arguments, 1):
        name = before if before.startswith("--") else f"argument {number}"
        if len(argument) > LONGEST_ARGUMENT:
            return f"{name} is {len(argument):,} characters long; the limit is {LONGEST_ARGUMENT:,}"
        if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in argument):
            return f"{name} holds a character that cannot be kept; write plain text in UTF-8"
        before = argument
    return None


@contextmanager
def _visible_words() -> Iterator[None]:
    """The parser repeats what was typed."""
    try:
        yield
    except typer.TyperException as error:
        error.message = visible(error.message)
        raise


def _prepare(name: str) -> None:
    """Makes a stream one that takes every letter, waits while a pipe is full, and is there."""
    stream = getattr(sys, name)
    if stream is None:  # it was closed by whoever started us
        setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  (open as long as we run)
        return
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    with suppress(OSError, ValueError):  # a stream that is no file of the system's waits by itself
        os.set_blocking(stream.fileno(), True)


def _written_code() -> int:
    """Returns 0 when all that was printed has left us; else says why not and returns 1."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return _not_written(error)
    return 0


def _not_written(error: OSError) -> int:
    """Says why, unless whoever read has enough; returns the exit code."""
    if error.errno != errno.EPIPE:
        from usage_pipeline.commands.output import err  # noqa: PLC0415  (slow to import, and seldom needed)

        err.print(f"the output cannot be written: {error.strerror}")
    return 1


def _let_go_of_rest() -> None:
    """What nobody takes is written nowhere: the interpreter would complain of it at its end."""
    stream = sys.__stdout__
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
