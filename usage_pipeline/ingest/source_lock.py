"""Holds a source's lock: only one process at a time reads it or books its events again."""

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
def source_lock(warehouse: Connection, source_id: str, patience: timedelta = PATIENCE) -> Iterator[None]:
    """Waits for the lock as long as ``patience``; it goes with the session when we are killed.

    Raises SourceBusyError when another has not ended by then.
    """
    key = f"usage_pipeline.ingest.{source_id}"
    seconds = int(patience.total_seconds())
    warehouse.execute("SELECT set_config('lock_timeout', %s, false)", [f"{seconds}s"])
    try:
        with working_in_warehouse():
            warehouse.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
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
            warehouse.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])
