"""Whether the warehouse was restored from a backup: what was sent and done since must not be sent and done again.

It is found by what knows more than the warehouse does: the marks beside it (high_water.py), and Dagster's runs. From
then on nothing is sent and nothing is done at Dify until a person has accepted it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.high_water import Mark, mark, marks, newest_mark
from usage_pipeline.warehouse.rows import row, value, value_or_none, values
from usage_pipeline.warehouse.statements import statement

_WORDS = {
    "restore": "`usage-pipeline restore` put a backup into it",
    "marks": "messages were sent or actions done that it does not know",
    "dagster": "Dagster has finished passes that it does not know",
}


@dataclass(frozen=True)
class Restored:
    """That the warehouse is behind, since when that is known (aware UTC), and by what it was found."""

    found_at: datetime
    found_by: str

    def __str__(self) -> str:
        return (
            f"the warehouse is older than what it has done ({_WORDS.get(self.found_by, self.found_by)}), as after a"
            " backup was restored: nothing is sent or done at Dify before `usage-pipeline restored --accept`"
        )


@dataclass(frozen=True)
class Since:
    """What was sent and done outside after the backup was made: deliveries, and actions with their last state."""

    sent: frozenset[str]
    actions: Mapping[str, str]


@dataclass(frozen=True)
class Accepted:
    """How many deliveries were kept from being sent again, and how many wait to be sent."""

    kept: int
    waiting: int


def look(connection: Connection, newest_passes: Sequence[str] = ()) -> Restored | None:
    """Returns what was found and nobody has accepted yet; None when all is well. Costs a look at a file and a few rows.

    ``newest_passes`` are the ids of the newest passes that Dagster knows to have come to their end.
    """
    found = not_accepted(connection)
    if found is not None:
        return found
    by = "marks" if _is_behind(connection, newest_mark(connection)) else None
    if by is None and newest_passes and not _knows_any(connection, newest_passes):
        by = "dagster"
    if by is None:
        return None
    connection.execute("INSERT INTO usage.restore (found_by) VALUES (%s) ON CONFLICT DO NOTHING", [by])
    return not_accepted(connection)


def hold(connection: Connection) -> None:
    """Notes that a backup was put back just now: nothing is sent or done until a person has accepted it."""
    connection.execute("INSERT INTO usage.restore (found_by) VALUES ('restore') ON CONFLICT DO NOTHING")


def not_accepted(connection: Connection) -> Restored | None:
    """Returns what ``look`` has found and nobody has accepted yet; looks for nothing itself."""
    return row(connection, Restored, "SELECT found_at, found_by FROM usage.restore WHERE accepted_at IS NULL")


def since_backup(connection: Connection) -> Since:
    """Returns what the marks know and the warehouse does not."""
    later = _unknown(connection)
    return Since(
        sent=frozenset(delivery for each in later for delivery in each.sent),
        actions={each.action: each.state or "" for each in later if each.action},
    )


def accept(connection: Connection, by: str, *, send_nothing: bool) -> Accepted:
    """Goes on: what the marks know as sent is not sent again, whenever it is due.

    With ``send_nothing``, nor is what waits by now. Safe to run twice.
    """
    sent = sorted(since_backup(connection).sent)
    with connection.transaction():
        kept = value(
            connection, int, statement("restored/accept"), {"by": by, "sent": sent, "everything": send_nothing}
        )
        waiting = value(connection, int, "SELECT count(*) FROM usage.delivery WHERE state IN ('pending', 'sending')")
    mark(connection)
    return Accepted(kept, waiting)


def keep_from_sending(connection: Connection) -> None:
    """Takes out of the outbox what was sent before the backup was restored and is there again. Safe to run twice."""
    connection.execute(statement("restored/keep_from_sending"))


def found_before(connection: Connection, action_id: str) -> Mapping[str, object]:
    """Returns what an action found when it was carried out, where only the marks know that it was; else nothing."""
    if not value(connection, bool, "SELECT EXISTS (SELECT FROM usage.restore)"):
        return {}
    newest = next((each for each in reversed(list(marks(connection))) if each.action == action_id), None)
    lost = newest is not None and newest.state != "released" and newest in _unknown(connection)
    return newest.before or {} if newest and lost else {}


def _is_behind(connection: Connection, newest: Mark | None) -> bool:
    query = "SELECT EXISTS (SELECT FROM usage.audit_chain WHERE seq = %s AND hash = decode(%s, 'hex'))"
    if newest is None or value(connection, bool, query, [newest.seq, newest.hash]):
        return False
    accepted = value_or_none(connection, datetime, "SELECT max(accepted_at) FROM usage.restore")
    return accepted is None or newest.at > accepted


def _unknown(connection: Connection) -> list[Mark]:
    """The marks whose link is not in the chain: they were made after the backup."""
    every = list(marks(connection))
    parameters = {"seqs": [each.seq for each in every], "hashes": [each.hash for each in every]}
    known = set(values(connection, str, statement("restored/known_links"), parameters))
    return [each for each in every if each.hash not in known]


def _knows_any(connection: Connection, passes: Sequence[str]) -> bool:
    query = "SELECT EXISTS (SELECT FROM usage.pass_record WHERE pass_id = ANY (%s))"
    return value(connection, bool, query, [list(passes)])
