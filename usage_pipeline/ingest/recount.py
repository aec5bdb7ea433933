"""Books past days' events again under the active configuration, from the warehouse alone; no source is read."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from usage_pipeline.ingest.configured_dimensions import apply_configuration
from usage_pipeline.ingest.counting import book_staged, counting_rules, open_staging
from usage_pipeline.ingest.source_lock import source_lock
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.locks import DayLock, lock_days_until_commit
from usage_pipeline.warehouse.rows import values
from usage_pipeline.warehouse.statements import statement

# By how many days an event may move when its tenant's zone changes.
_MOVES = 2
# A pass that reads a source is waited for; it is left long before.
_PATIENCE = timedelta(minutes=5)


def prepare_recount(connection: Connection, settings: Settings) -> None:
    """Brings what is of the sources as a whole up to the configuration: once, before days are booked side by side.

    Raises SourceError when a source is not free for five minutes.
    """
    for source_id in _sources(connection):
        with source_lock(connection, source_id, _PATIENCE), connection.transaction():
            apply_configuration(connection, source_id, settings)
            _forget_slots(connection, source_id)


def recount(
    connection: Connection,
    settings: Settings,
    days: Sequence[date],
    *,
    prepared: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Attributes and prices the days' events again: key, project, environment, zone, price. Returns how many changed.

    The statements are those of a pass. An event whose day moves because its tenant's zone changed marks both days as
    changed; events of other days stay as they are. A day of a source is one transaction: safe to run twice, beside a
    pass, and to kill anywhere. Several may work at once, when the sources are ``prepared``: days between which events
    may move are booked one after the other. Raises SourceError when a pass holds a source for five minutes.
    """
    open_staging(connection)
    if days and not prepared:
        prepare_recount(connection, settings)
    changed = 0
    sources = _sources(connection) if days else []
    for done, day in enumerate(days, start=1):
        for source_id in sources:
            with source_lock(connection, source_id, _PATIENCE, shared=True), connection.transaction():
                changed += _recount_day(connection, settings, source_id, day)
        if progress:
            progress(done, len(days))
    return changed


def _sources(connection: Connection) -> list[str]:
    """Every source that the ledger knows, also one that the configuration no longer names."""
    return values(connection, str, "SELECT source FROM usage.source_state ORDER BY source")


def _forget_slots(connection: Connection, source_id: str) -> None:
    """Were the rules of before to come back, what was counted by them would have to be read again."""
    connection.execute("DELETE FROM usage.read_slot WHERE source = %s", [source_id])


def _recount_day(connection: Connection, settings: Settings, source_id: str, day: date) -> int:
    # An event that moves is of two days this close together: who books either of them holds one lock that both need.
    shared = [day + timedelta(days=number) for number in range(_MOVES + 1)]
    lock_days_until_commit(connection, DayLock.BOOKING, shared)
    parameters = {**counting_rules(settings, source_id).booking_parameters(), "day": day}
    connection.execute(statement("ingest/restage_day"), parameters)
    # Temporary tables have no statistics of their own until somebody asks.
    connection.execute("ANALYZE restaged")
    connection.execute(statement("ingest/restage"), parameters)
    changed = book_staged(connection, parameters)
    # What a pass has kept meanwhile; last, for others that book other days wait here until the commit.
    _forget_slots(connection, source_id)
    return changed
