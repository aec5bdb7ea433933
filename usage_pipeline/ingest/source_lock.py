"""Holds a source's lock: one process at a time reads it, or some book its events again, each other days."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.watchdog import working_in_warehouse
from usage_pipeline.warehouse.connection import Connection

PATIENCE = timedelta(seconds=60)


class SourceBusyError(SourceError):
    """Another pass is reading the source."""


@contextmanager
def source_lock(
    warehouse: Connection, source_id: str, patience: timedelta = PATIENCE, *, shared: bool = False
) -> Iterator[None]:
    """Waits for the lock as long as ``patience``; it goes with the session when we are killed.

    ``shared``: with others that hold it shared; they see to it that they do not book the same days. Whoever waits for
    the lock alone comes before those that ask for it shared after him.
    Raises SourceBusyError when another has not ended by then.
    """
    suffix = "_shared" if shared else ""
    key = f"usage_pipeline.ingest.{source_id}"
    seconds = int(patience.total_seconds())
    warehouse.execute("SELECT set_config('lock_timeout', %s, false)", [f"{seconds}s"])
    try:
        with working_in_warehouse():
            warehouse.execute(f"SELECT pg_advisory_lock{suffix}(hashtextextended(%s, 0))".encode(), [key])
    except psycopg.errors.LockNotAvailable:
        raise SourceBusyError(
            f"another pass is reading it, and has not ended within {seconds} seconds; try again later"
        ) from None
    finally:
        warehouse.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        if not warehouse.closed:
            warehouse.execute(f"SELECT pg_advisory_unlock{suffix}(hashtextextended(%s, 0))".encode(), [key])
