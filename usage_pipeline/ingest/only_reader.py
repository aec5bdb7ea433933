"""Holds a source's lock: only one process at a time reads it or books its events again."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from usage_pipeline.sources.seam import SourceError
from usage_pipeline.warehouse.connection import Connection


@contextmanager
def only_reader(warehouse: Connection, source_id: str) -> Iterator[None]:
    """Waits up to a minute for the lock; it goes with the session when we are killed. Raises SourceError."""
    key = f"usage_pipeline.ingest.{source_id}"
    warehouse.execute("SET lock_timeout = '60s'")
    try:
        warehouse.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
    except psycopg.errors.LockNotAvailable:
        raise SourceError("another pass has been reading this source for over a minute; try again later") from None
    finally:
        warehouse.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        if not warehouse.closed:
            warehouse.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])
