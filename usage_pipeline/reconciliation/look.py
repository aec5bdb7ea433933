"""Looks at one day of one source: its own sums and rows on one side, our events on the other. Changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import psycopg

from usage_pipeline.sources.base import ReadsAgain, Reconcilable, Source, Window
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

SLOT = timedelta(minutes=15)
# Times are rounded, and a row is visible only when its transaction ends: what is younger may not be there yet.
SETTLING = timedelta(minutes=2)


class Comparable(Source, ReadsAgain, Reconcilable, Protocol):
    """A source that can be read and held against its own sums."""


@dataclass(frozen=True)
class SourceDay:
    """A usage date of a source, the UTC span that it covers in the zones of its tenants, and how far it is compared."""

    source_id: str
    date: date
    zone: str
    since: datetime
    end: datetime
    until: datetime
    settled: datetime

    def parameters(self) -> Mapping[str, object]:
        """The variables of the SQL files."""
        return {
            "source": self.source_id,
            "day": self.date,
            "zone": self.zone,
            "since": self.since,
            "until": self.until,
            "day_end": self.end,
            "settled": self.settled,
        }


@dataclass
class Found:
    """What does not fit, as far as sums tell, and the day's sums."""

    slots: list[tuple[str, datetime]] = field(default_factory=list)  # app id, quarter of an hour
    runs: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    sums: dict[str, object] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether there is nothing to look at more closely."""
        return not (self.slots or self.runs or self.events)


def day_of(warehouse: Connection, source: Source, day: date, zone: str) -> SourceDay | None:
    """The day as far as the source has been read; None when it has not been read into that day."""
    zones = {zone} | {
        str(name)
        for (name,) in warehouse.execute(
            "SELECT DISTINCT timezone FROM usage.tenant WHERE source = %s", [source.source_id]
        )
    }
    starts = [datetime.combine(day, time(), ZoneInfo(name)).astimezone(UTC) for name in zones]
    ends = [datetime.combine(day + timedelta(days=1), time(), ZoneInfo(name)).astimezone(UTC) for name in zones]
    row = warehouse.execute(
        "SELECT read_up_to, last_sweep_at FROM usage.source_state WHERE source = %s",
        [source.source_id],
    ).fetchone()
    read_up_to = row[0] if row else None
    if not isinstance(read_up_to, datetime):
        return None
    read = min(read_up_to, source.clock()) - SETTLING
    swept = row[1] if row and isinstance(row[1], datetime) else datetime(1970, 1, 1, tzinfo=UTC)
    since, end = min(starts), max(ends)
    if read <= since:
        return None
    return SourceDay(source.source_id, day, zone, since, end, min(end, read), min(read, swept - SETTLING))


def look(warehouse: Connection, source: Comparable, day: SourceDay) -> Found:
    """Compares a day in one snapshot of the warehouse; raises psycopg.Error when a database fails.

    Messages by number and digest, an app and quarter of an hour at a time; runs and their node executions row by row.
    """
    found = Found()
    parameters = day.parameters()
    with warehouse.transaction():
        # One snapshot: what a pass merges meanwhile is not seen.
        warehouse.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        windows = list(_windows(source, day))
        for window in windows:
            source.stage_own_sums(warehouse, window)
        source.stage_runs(warehouse, windows)
        warehouse.execute("ANALYZE stage_run, stage_node")
        warehouse.execute(statement("ingest/dify_nodes"), parameters)
        warehouse.execute(statement("reconciliation/own_runs"), parameters)
        warehouse.execute(statement("reconciliation/our_side"), parameters)
        found.slots = [
            (str(app_id), slot)
            for app_id, slot in warehouse.execute(statement("reconciliation/slots_that_differ"), parameters)
            if isinstance(slot, datetime)
        ]
        runs = warehouse.execute(statement("reconciliation/runs_that_differ"), parameters)
        found.runs = {str(run_id) for (run_id,) in runs}
        units = warehouse.execute(statement("reconciliation/units_that_differ"), parameters)
        found.events = {str(event_id) for (event_id,) in units}
        for event_id, run_id in warehouse.execute(statement("reconciliation/seals_that_differ"), parameters):
            found.events.add(str(event_id))
            found.runs |= {str(run_id)} if run_id is not None else set()
        found.sums = _sums(warehouse.execute(statement("reconciliation/day_sums"), parameters))
    return found


def _windows(source: Source, day: SourceDay) -> Iterator[Window]:
    """The day in windows that hold a moderate number of rows each."""
    since = day.since
    while since < day.until:
        until = min(source.window_end(since) or day.until, day.until)
        yield Window(since, until)
        since = until


def _sums(cursor: psycopg.Cursor[tuple[object, ...]]) -> dict[str, object]:
    """The sums by name: rows, events and tokens as whole numbers, money exact."""
    names = [column.name for column in cursor.description or ()]
    row: Sequence[object] = cursor.fetchone() or ()
    return {name: value if name == "our_base_cost" else int(str(value)) for name, value in zip(names, row, strict=True)}
