"""What went wrong, in a sentence for a person, with a way out: mistakes exit with 2, circumstances with 1."""

import errno
import traceback
from dataclasses import dataclass
from pathlib import Path

import psycopg

from usage_pipeline.inputs import InputError
from usage_pipeline.settings import SettingsError
from usage_pipeline.settings.environment import MissingSecretError
from usage_pipeline.settings.extras import MissingExtraError
from usage_pipeline.sources.base import SourceError
from usage_pipeline.warehouse.client_tools import ClientToolError
from usage_pipeline.warehouse.connection import UnreachableError
from usage_pipeline.warehouse.embedded import EmbeddedServerError
from usage_pipeline.warehouse.schema import WarehouseError

EXIT_FAILED = 1
EXIT_MISTAKE = 2
EXIT_OURS = 70

_PACKAGE = Path(__file__).resolve().parent.parent
_IN_WORDS = (
    InputError,
    SettingsError,
    SourceError,
    MissingSecretError,
    MissingExtraError,
    EmbeddedServerError,
    ClientToolError,
    WarehouseError,
)
# Nothing that was typed or configured is wrong with these: the same command works when they are over.
_CIRCUMSTANCES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EIO: "look at the disk",
    errno.EROFS: "mount it writable",
    errno.EMFILE: "raise the limit on open files",
    errno.ENOMEM: "give it more memory",
}


@dataclass(frozen=True)
class Failure:
    """What a person reads, and how the command ends."""

    text: str
    code: int


@dataclass(frozen=True)
class _Trouble:
    """A kind of error of the warehouse, by the beginning of its SQLSTATE."""

    state: str
    text: str
    code: int = EXIT_FAILED


_RUN_AGAIN = "what was done is kept, and what was not is done when you run it again"
_TROUBLES = (
    _Trouble(
        "25006",
        "the warehouse can only be read (a standby, or default_transaction_read_only is on);"
        " let WAREHOUSE_URL name its primary, with a role that may write",
    ),
    _Trouble("42501", "the warehouse's role may not do this: {0}; grant it (docs/operations.md)", EXIT_MISTAKE),
    _Trouble("22", "the warehouse cannot keep a value: {0}", EXIT_MISTAKE),
    _Trouble("531", "the warehouse's disk is full: {0}; make room, then run it again"),
    _Trouble("53", "the warehouse has no room for one more: {0}; run it again when it is less busy"),
    _Trouble("57014", f"the warehouse ended a statement: {{0}}; {_RUN_AGAIN}"),
    _Trouble("57", f"the warehouse was stopped while this ran; {_RUN_AGAIN}"),
    _Trouble("08", f"the connection to the warehouse broke; {_RUN_AGAIN}"),
    _Trouble("40", f"the warehouse was too busy: {{0}}; {_RUN_AGAIN}"),
    _Trouble("55", f"the warehouse was too busy: {{0}}; {_RUN_AGAIN}"),
)


def failure_of(error: Exception) -> Failure:
    """Returns what to say about an error that ended a command."""
    if isinstance(error, _IN_WORDS):
        return Failure(str(error), EXIT_MISTAKE)
    if isinstance(error, UnreachableError):
        return Failure(
            f"the warehouse cannot be reached: {_last_line(error)}\n"
            "check WAREHOUSE_URL, or leave it out to use the embedded server",
            EXIT_MISTAKE,
        )
    if isinstance(error, psycopg.Error):
        return _of_warehouse(error)
    if isinstance(error, OSError):
        return _of_file(error)
    place = _where(error)
    return Failure(
        f"a mistake of usage-pipeline ended this: {type(error).__name__} in {place}; nothing half-done is kept."
        " Please report it with this line and what you typed",
        EXIT_OURS,
    )


def _of_warehouse(error: psycopg.Error) -> Failure:
    state = error.sqlstate or ("08" if isinstance(error, psycopg.OperationalError) else "")
    found = next((trouble for trouble in _TROUBLES if state.startswith(trouble.state)), None)
    if found is None:
        return Failure(f"the warehouse refused a statement: {type(error).__name__} in {_where(error)}", EXIT_OURS)
    return Failure(found.text.format(str(error).strip().splitlines()[0] if str(error).strip() else state), found.code)


def _of_file(error: OSError) -> Failure:
    name = f"{error.filename}: " if error.filename else ""
    way_out = _CIRCUMSTANCES.get(error.errno or 0)
    if way_out:
        return Failure(f"{name}{error.strerror}; {way_out}, then run it again", EXIT_FAILED)
    return Failure(f"{name}{error.strerror or type(error).__name__}; check the path and its rights", EXIT_MISTAKE)


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def _where(error: Exception) -> str:
    """The innermost line of ours that the error came through. Its own text may hold what nobody may read."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _PACKAGE in Path(frame.filename).parents]
    return f"{Path(ours[-1].filename).relative_to(_PACKAGE)}:{ours[-1].lineno}" if ours else "no line of ours"
