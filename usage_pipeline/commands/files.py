"""Writes what a command was asked to write into a file: whole or not at all; a pipe or device takes it as it comes."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from usage_pipeline.inputs import InputError
from usage_pipeline.reports.files import atomically


def written_to(target: Path, write: Callable[[TextIO], int]) -> int:
    """Returns what ``write`` returns.

    Raises InputError when the target cannot be written, OSError when no room is left.
    """
    try:
        if target.exists() and not target.is_file():
            return _into_pipe(target, write)
        counts: list[int] = []
        atomically(_place_of(target), lambda place: counts.append(_into_file(place, write)))
        return counts[0]
    except OSError as error:
        raise unwritable(target, error) from None


def unwritable(target: Path, error: OSError, way_out: str = "give another file with --out") -> Exception:
    """Returns what to raise: a mistake of who typed the target, or a circumstance that nothing typed can help."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return OSError(error.errno, error.strerror, str(target))
    return InputError(f"{target} cannot be written ({error.strerror or type(error).__name__}); {way_out}")


def _place_of(target: Path) -> Path:
    """Where links lead to. Raises OSError where they lead in a circle, which each Python says in its own way."""
    try:
        place = target.resolve()
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
    if place.is_symlink():  # Python 3.13 stops there and says nothing
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return place


def _into_file(place: Path, write: Callable[[TextIO], int]) -> int:
    with place.open("w", encoding="utf-8", newline="") as file:
        return write(file)


def _into_pipe(target: Path, write: Callable[[TextIO], int]) -> int:
    # A pipe that nobody reads would keep us waiting for ever.
    number = os.open(target, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(number, True)
    with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
        return write(file)
