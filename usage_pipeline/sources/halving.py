"""Stages rows of which one stops a statement: in halves, down to that one, which is set aside with its reason."""

from collections.abc import Callable, Sequence

import psycopg

from usage_pipeline.sources.watchdog import heard_from_source
from usage_pipeline.warehouse.connection import Connection

# What a value can do to a statement: no number, no time, no text, too deep or too large. Not what a server can.
FAULT_OF_A_ROW = (
    psycopg.DataError,
    psycopg.InternalError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
    UnicodeError,
    OverflowError,
)


def stage_in_halves(warehouse: Connection, kind: str, ids: Sequence[str], stage: Callable[[list[str]], None]) -> None:
    """Stages the rows with these ids; those that cannot be read by themselves go to the table ``aside`` instead.

    ``kind`` is message, run or node, as in sql/ingest/set_aside.sql. Runs within the caller's transaction.
    """
    waiting = [list(ids)] if ids else []
    while waiting:
        batch = waiting.pop()
        heard_from_source()
        try:
            with warehouse.transaction():
                stage(batch)
        except FAULT_OF_A_ROW as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                waiting += [batch[middle:], batch[:middle]]
            else:
                _set_aside(warehouse, kind, batch[0], error)


def _set_aside(warehouse: Connection, kind: str, row_id: str, error: Exception) -> None:
    # The error's own text may hold what the row holds.
    warehouse.execute(
        "INSERT INTO aside (kind, row_id, open_kind, open_id, detail) VALUES (%s, %s, %s, %s, %s)",
        [
            kind,
            row_id,
            *((kind, row_id) if kind != "node" else (None, None)),
            f"* cannot be read ({type(error).__name__})",
        ],
    )
