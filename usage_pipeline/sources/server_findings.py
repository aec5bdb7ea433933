"""What doctor finds at the server that a database stands on: a clock, a pooler before it, a primary that it follows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from usage_pipeline.sources.base import Examined
from usage_pipeline.sources.replica import Replica
from usage_pipeline.warehouse.pooler import Pooling

_CLOCKS_APART = timedelta(minutes=5)
_UNKNOWN = (
    "it cannot be seen how far this replica is behind its primary: rows that come late count only within the look-back;"
    " on MySQL GRANT REPLICATION CLIENT ON *.* (MariaDB: REPLICA MONITOR) to the user"
)


def server_findings(clock: datetime, replica: Replica | None, bound: timedelta) -> Iterator[Examined]:
    """Yields what is well, odd or wrong; ``clock`` is the server's, aware UTC; a replica may be behind by ``bound``."""
    apart = abs(datetime.now(UTC) - clock)
    if apart > _CLOCKS_APART:
        yield Examined("warning", f"its clock is {apart} apart from ours: synchronise both")
    elif replica is None:
        yield Examined("ok", "clocks agree")
    if replica is not None:
        yield replica_finding(replica, bound)


def pooler_findings(pooling: Pooling) -> Iterator[Examined]:
    """Yields how a pooler lends us the server's sessions; nothing where none stands before it."""
    if pooling is Pooling.TRANSACTION:
        says = "a pooler lends us its sessions a transaction at a time: nothing that a read sets outlives it"
        yield Examined("ok", says)
    elif pooling is Pooling.SESSION:
        yield Examined("ok", "a pooler stands before it and lends us a session of our own")


def replica_finding(replica: Replica, bound: timedelta) -> Examined:
    """Returns how far a replica is, which may be behind by ``bound``."""
    up_to = (
        f"{replica.complete_up_to:%Y-%m-%d %H:%M:%S} UTC" if replica.complete_up_to else "a moment that it does not say"
    )
    if words := replica.behind(bound):
        return Examined("wrong", f"{words}; it holds what was committed up to {up_to}, and no more is counted")
    if replica.complete_up_to is None:
        return Examined("warning", _UNKNOWN)
    seconds = int((replica.clock - replica.complete_up_to).total_seconds())
    behind = f"{seconds} seconds behind its primary" if seconds else "that holds all that its primary committed"
    return Examined("ok", f"a replica {behind}; it is read up to {up_to}")
