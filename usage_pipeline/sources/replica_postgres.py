"""Tells how far a PostgreSQL server that follows another has replayed, by what any role may see there."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import psycopg

from usage_pipeline.sources.replica import Replica

# What a replica that keeps up replays within a moment.
_WAIT_SECONDS = 1.0
_LOOK_EVERY_SECONDS = 0.05
# Servers that speak PostgreSQL and keep their data in another way do not show it.
_NOT_SHOWN = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedTable,
)


@dataclass(frozen=True)
class Replay:
    """A row of sql/sources/replica_postgres.sql."""

    is_replica: bool
    clock: datetime
    paused: bool
    receiving: bool
    received: Decimal | None
    replayed: Decimal | None
    replayed_up_to: datetime | None


def postgres_replica(look: Callable[[], Replay]) -> Replica | None:
    """Returns how far a server has replayed; None when it follows none.

    A quiet primary commits nothing for hours, so the time of its last commit alone says nothing: who is connected to it
    and has replayed all that came from it is complete. ``look`` runs sql/sources/replica_postgres.sql; it may be asked
    again, for a second.
    """
    try:
        first = look()
    except _NOT_SHOWN:
        return Replica(datetime.now(UTC), None)
    if not first.is_replica:
        return None
    if first.receiving and first.received is not None and _replays_up_to(first.received, first, look):
        return Replica(first.clock, first.clock)
    return Replica(first.clock, first.replayed_up_to, _stopped(first))


def _replays_up_to(position: Decimal, seen: Replay, look: Callable[[], Replay]) -> bool:
    end = time.monotonic() + _WAIT_SECONDS
    while seen.replayed is None or seen.replayed < position:
        if seen.paused or time.monotonic() > end:
            return False
        time.sleep(_LOOK_EVERY_SECONDS)
        seen = look()
    return True


def _stopped(seen: Replay) -> str | None:
    if seen.paused:
        return "its replay is paused; let it go on with SELECT pg_wal_replay_resume()"
    if seen.received is not None and not seen.receiving:
        return "it is not connected to its primary; see primary_conninfo and its server log"
    return None
