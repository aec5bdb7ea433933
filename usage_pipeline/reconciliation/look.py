"""Looks at one day of one source: its own sums and rows on one side, our events on the other. Changes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from usage_pipeline.ingest.read_source import source_state
from usage_pipeline.settings import Settings
from usage_pipeline.sources.base import ReadsAgain, Reconcilable, Source, Window
from usage_pipeline.sources.replica import Replica
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.statements import statement

SLOT = timedelta(minutes=15)
# Times are rounded, and a row is visible only when its transaction ends: what is younger may not be there yet.
SETTLING = timedelta(minutes=2)


@runtime_checkable
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
    now: datetime
    unexplained: str  # ignore or count, as the configuration says
    held_back: str | None = None  # in words, that a replica does not hold all that may belong to the day

    def parameters(self) -> Mapping[str, object]:
        """Returns the variables of the SQL files."""
        return {
            "source": self.source_id,
            "day": self.date,
            "zone": self.zone,
            "since": self.since,
            "until": self.until,
            "day_end": self.end,
            "settled": self.settled,
            "now": self.now,
            "unexplained": self.unexplained,
        }


@dataclass(frozen=True)
class DaySums:
    """What a day's sums are made of, as usage.reconciliation keeps them; money in the configuration's currency."""

    our_events: int
    our_tokens: int
    our_base_cost: Decimal
    message_rows: int
    message_tokens: int
    run_rows: int
    run_tokens: int
    rolled_up_tokens: int
    thought_tokens: int
    nested_tokens: int
    beside_total_tokens: int
    other_day_tokens: int
    single_step_tokens: int
    tool_call_tokens: int
    other_tokens: int
    gone_tokens: int
    late_tokens: int
    unexplained_tokens: int
    debug_tokens: int
    container_tokens: int
    gone_events: int


@dataclass(frozen=True)
class Slot:
    """An app's messages of a quarter of an hour, which begins at ``begins_at``."""

    app_id: str
    begins_at: datetime


@dataclass(frozen=True)
class _Unsealed:
    """An event that no pass wrote as it is, and its run."""

    event_id: str
    run_id: str | None


@dataclass(frozen=True)
class Found:
    """What does not fit, as far as sums show it, and the day's sums."""

    slots: list[Slot]
    runs: set[str]
    events: set[str]
    sums: DaySums

    @property
    def fits(self) -> bool:
        """Whether there is nothing to look at more closely."""
        return not (self.slots or self.runs or self.events)


def day_of(
    warehouse: Connection, source: Source, day: date, settings: Settings, replica: Replica | None = None
) -> SourceDay | None:
    """Returns the day as far as the source has been read, and its replica has come; None when not into that day."""
    zone = settings.timezone
    of_tenants = "SELECT DISTINCT timezone FROM usage.tenant WHERE source = %s"
    zones = {zone, *values(warehouse, str, of_tenants, [source.source_id])}
    starts = [datetime.combine(day, time(), ZoneInfo(name)).astimezone(UTC) for name in zones]
    ends = [datetime.combine(day + timedelta(days=1), time(), ZoneInfo(name)).astimezone(UTC) for name in zones]
    state = source_state(warehouse, source.source_id)
    if state.read_up_to is None:
        return None
    now = source.clock()
    complete = replica.complete_up_to if replica and replica.complete_up_to else now
    read = min(state.read_up_to, now, complete) - SETTLING
    swept = state.last_sweep_at or datetime(1970, 1, 1, tzinfo=UTC)
    since, end = min(starts), max(ends)
    if read <= since:
        return None
    return SourceDay(
        source.source_id,
        day,
        zone,
        since,
        end,
        until=min(end, read),
        settled=min(read, swept - SETTLING),
        now=now,
        unexplained=settings.counting.unexplained,
        held_back=_held_back(replica, end, settings),
    )


def _held_back(replica: Replica | None, end: datetime, settings: Settings) -> str | None:
    behind = replica.behind(timedelta(minutes=settings.reading.replica_behind_minutes)) if replica else None
    final = replica.final_up_to(timedelta(hours=settings.lookback.sweep_hours)) if replica else None
    return behind if final is None or final < end else None


def look(warehouse: Connection, source: Comparable, day: SourceDay) -> Found:
    """Compares a day in one snapshot of the warehouse; raises psycopg.Error when a database fails.

    Messages by number and digest, an app and quarter of an hour at a time; runs and their node executions row by row.
    """
    parameters = day.parameters()
    with warehouse.transaction():
        # One snapshot: what a pass merges meanwhile is not seen.
        warehouse.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        windows = list(_windows(source, day))
        for window in windows:
            source.stage_own_sums(warehouse, window)
        source.stage_runs(warehouse, windows)
        warehouse.execute("ANALYZE stage_run, stage_node")
        warehouse.execute(statement("ingest/set_aside"), parameters)
        warehouse.execute(statement("ingest/dify_late_notes"), parameters)
        warehouse.execute(statement("ingest/dify_nodes"), parameters)
        warehouse.execute(statement("reconciliation/own_runs"), parameters)
        warehouse.execute(statement("reconciliation/our_side"), parameters)
        slots = rows(warehouse, Slot, statement("reconciliation/slots_that_differ"), parameters)
        runs = {*values(warehouse, str, statement("reconciliation/runs_that_differ"), parameters)}
        events = {*values(warehouse, str, statement("reconciliation/units_that_differ"), parameters)}
        for unsealed in rows(warehouse, _Unsealed, statement("reconciliation/seals_that_differ"), parameters):
            events.add(unsealed.event_id)
            runs |= {unsealed.run_id} if unsealed.run_id is not None else set()
        (sums,) = rows(warehouse, DaySums, statement("reconciliation/day_sums"), parameters)
    return Found(slots, runs, events, sums)


def _windows(source: Source, day: SourceDay) -> Iterator[Window]:
    """The day in windows that hold a moderate number of rows each."""
    since = day.since
    while since < day.until:
        until = min(source.window_end(since) or day.until, day.until)
        yield Window(since, until)
        since = until
