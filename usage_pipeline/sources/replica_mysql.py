"""Tells how far a MySQL or MariaDB server that follows another has replayed, where the user may see that."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.replica import Replica

# The newer statement first; a server knows one of them.
_STATEMENTS = ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
_BEHIND = ("seconds_behind_source", "seconds_behind_master")
# The server counts whole seconds.
_ROUNDING = timedelta(seconds=1)

Row = Mapping[str, object]


def mysql_replica(ask: Callable[[str], Sequence[Row]], clock: datetime) -> Replica | None:
    """Returns how far a server has replayed by its clock (aware UTC); None when it follows none.

    ``ask`` returns a statement's rows by column in lower case, or raises SourceError. Where the user may not see how
    replication stands, only a server that takes no writes is taken for a replica: of it nothing can be told.
    """
    for statement in _STATEMENTS:
        with suppress(SourceError):
            channels = ask(statement)
            return _furthest_behind(channels, clock) if channels else None
    return Replica(clock, None) if _takes_no_writes(ask) else None


def _furthest_behind(channels: Sequence[Row], clock: datetime) -> Replica:
    """A server may follow several others, each by a channel."""
    seconds = [next((row[name] for name in _BEHIND if name in row), None) for row in channels]
    known = [int(each) for each in seconds if isinstance(each, int | str)]
    if len(known) < len(channels):
        return Replica(clock, None, "replication does not run; see SHOW REPLICA STATUS, then START REPLICA")
    behind = timedelta(seconds=max(known))
    return Replica(clock, clock - behind - _ROUNDING if behind else clock)


def _takes_no_writes(ask: Callable[[str], Sequence[Row]]) -> bool:
    with suppress(SourceError):
        return any(str(row["read_only"]) == "1" for row in ask("SELECT @@global.read_only AS read_only"))
    return False
