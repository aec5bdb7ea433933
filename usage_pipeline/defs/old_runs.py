"""Removes old runs from Dagster's storage in PostgreSQL, and forgets nothing of what they found."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from usage_pipeline.run_tags import removable_works
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.rows import value
from usage_pipeline.warehouse.statements import statement

_RUNS_AT_ONCE = 500


@dataclass(frozen=True)
class Removed:
    """How many runs went, and how large the storage is afterwards, in bytes."""

    runs: int
    bytes_left: int


def storage_url(instance: dg.DagsterInstance) -> str | None:
    """Returns the URL of an instance's storage; None where that is no PostgreSQL."""
    from dagster_postgres import PostgresEventLogStorage

    storage = instance.event_log_storage
    return storage.postgres_url if isinstance(storage, PostgresEventLogStorage) else None


def storage_size(instance: dg.DagsterInstance) -> int | None:
    """Returns how large an instance's storage is, in bytes; None where that is no PostgreSQL."""
    url = storage_url(instance)
    if url is None:
        return None
    with connected(url) as connection:
        return value(connection, int, "SELECT pg_database_size(current_database())")


def remove_old(url: str, *, before: datetime, progress: Callable[[int], None] | None = None) -> Removed:
    """Removes every run made before a moment (aware) that is one of thousands of its kind.

    What an asset, a partition or a check was last found to be stays, with the run that found it, and so do the runs
    that people launched; of the others that stay, the log of how they came to it goes. Runs go in batches, each a
    transaction: killed anywhere, the next call goes on.
    """
    moment, removed = before.astimezone(UTC).replace(tzinfo=None), 0
    with connected(url) as connection:
        while batch := _remove_batch(connection, moment):
            removed += batch
            if progress:
                progress(removed)
        connection.execute(statement("dagster/slim_runs"), {"before": moment, "works": removable_works()})
        connection.execute(statement("dagster/remove_leftovers"), {"before": moment})
        size = value(connection, int, "SELECT pg_database_size(current_database())")
    return Removed(removed, size)


def _remove_batch(connection: Connection, before: datetime) -> int:
    parameters = {"before": before, "works": removable_works(), "at_once": _RUNS_AT_ONCE}
    return value(connection, int, statement("dagster/remove_runs"), parameters)
