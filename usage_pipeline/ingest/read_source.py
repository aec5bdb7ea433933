"""Reads one source incrementally: windows of new rows, then the rows that were not final, each in its transaction."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg

from usage_pipeline.ingest.configured_dimensions import apply_configuration
from usage_pipeline.ingest.counting import book_staged, count_staged, counting_rules, open_staging
from usage_pipeline.ingest.health import note_problem, note_problems, note_stated_problems
from usage_pipeline.ingest.look_back import LookBack, look_back
from usage_pipeline.ingest.source_lock import PATIENCE, source_lock
from usage_pipeline.settings import Settings
from usage_pipeline.sources.base import (
    EnoughForNow,
    Following,
    ReadsAgain,
    Source,
    SourceTooSlowError,
    Window,
)
from usage_pipeline.sources.cut_reads import read_less_when_cut, read_through_cuts
from usage_pipeline.sources.watchdog import working_in_warehouse
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, value, values
from usage_pipeline.warehouse.statements import statement

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_SWEEP_EVERY = timedelta(hours=1)
_OPEN_ROWS_A_BATCH, _READS_A_PASS = 2_000, 3  # an open row is read for itself, and again for what was found on the way
# Whose a call with several keys was is told two minutes later where Dify notes a key's use at once; else by a sweep.
_KEYS_TOLD_WITHIN = timedelta(minutes=5)
_UNKNOWN_REPLICA = (
    "not_visible",
    "replication",
    "it cannot be seen how far the replica is behind its primary: rows that come late count only within the look-back",
)


@dataclass(frozen=True)
class _WholeTable:
    """A table of Dify that has no index on its times."""

    name: str
    row_kind: str  # as in sql/ingest/set_aside.sql
    problem: str
    detail: str


_TOOL_CALLS = _WholeTable(
    "tool_model_invokes", "tool_call", "tool_calls_unread", "the tools' own model calls took too long to read"
)
_DOCUMENTS = _WholeTable("documents", "document", "documents_unread", "the embedded documents took too long to read")


@dataclass
class Progress:
    """How far the reading of a source has come."""

    source_id: str
    read_up_to: datetime
    clock: datetime
    events_changed: int


@dataclass
class IngestResult:
    """What one pass over a source did."""

    source_id: str
    events_changed: int = 0
    windows: int = 0
    open_rows_read: int = 0
    read_up_to: datetime | None = None
    finished: bool = True  # else the next pass goes on where this one was asked to stop
    problems: Sequence[str] = field(default_factory=list)
    behind: str | None = None  # in words, that the replica it was read from has stopped or is behind


@dataclass(frozen=True)
class SourceState:
    """How far a source has been read, aware UTC; None where it has not been yet.

    ``replayed_up_to``: how far its replica had come, when the last pass found that behind.
    """

    read_up_to: datetime | None = None
    last_sweep_at: datetime | None = None
    replayed_up_to: datetime | None = None


def source_state(warehouse: Connection, source_id: str) -> SourceState:
    """Returns how far a source has been read."""
    state = "SELECT read_up_to, last_sweep_at, replayed_up_to FROM usage.source_state WHERE source = %s"
    return row(warehouse, SourceState, state, [source_id]) or SourceState()


@dataclass(frozen=True)
class _OpenRow:
    kind: str
    row_id: str


def _never() -> bool:
    return False


def read_source(
    warehouse: Connection,
    source: Source,
    settings: Settings,
    *,
    sweep: bool = False,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] = _never,
    wait_for_others: timedelta = PATIENCE,
) -> IngestResult:
    """Brings usage_event up to what the source says now; times are UTC.

    With ``sweep`` the long look-back and every open row are read again; without, the long look-back is read once an
    hour. Safe to run twice, to kill anywhere and to run again: each window is one transaction with its watermark.
    ``stop`` is asked between windows; when it says so, the rest is left for the next pass.
    Raises SourceBusyError when another pass reads the same source for longer than we wait, SourceError or
    psycopg.Error when it fails.
    """
    with source_lock(warehouse, source.source_id, wait_for_others):
        return _Windows(warehouse, source, settings, sweep, progress, stop).run()


class _Windows:
    def __init__(
        self,
        warehouse: Connection,
        source: Source,
        settings: Settings,
        sweep: bool,
        progress: Callable[[Progress], None] | None,
        stop: Callable[[], bool],
    ) -> None:
        self._warehouse = warehouse
        self._source = source
        self._settings = settings
        self._progress = progress
        self._stop = stop
        self._kind = next((s.kind for s in settings.sources if s.id == source.source_id), "dify")
        self._clock = read_through_cuts(source.clock)
        self._replica = read_through_cuts(source.replica) if isinstance(source, Following) else None
        self._rules = counting_rules(settings, source.source_id)
        bound = timedelta(minutes=settings.reading.replica_behind_minutes)
        behind = self._replica.behind(bound) if self._replica else None
        self._result = IngestResult(source.source_id, behind=behind)
        state = source_state(warehouse, source.source_id)
        self._read_up_to = state.read_up_to
        self._began_at = self._read_up_to
        self._every_open_row = sweep
        # A replica that has caught up brings what came late to days that were swept without it.
        caught_up = state.replayed_up_to is not None and behind is None
        swept_lately = state.last_sweep_at is not None and self._clock - state.last_sweep_at <= _SWEEP_EVERY
        self._sweep = sweep or caught_up or not swept_lately

    def run(self) -> IngestResult:
        started = value(self._warehouse, datetime, "SELECT clock_timestamp()")
        read_through_cuts(self._read_what_has_no_time)
        since = self._first_moment()
        self._result.finished = self._read_windows(since) and self._read_the_rest(since, started)
        self._look_at_shared_keys(since if self._sweep else self._clock - _KEYS_TOLD_WITHIN)
        with self._warehouse.transaction():
            ending = "ingest/source_done" if self._result.finished else "ingest/source_unfinished"
            self._warehouse.execute(statement(ending), self._state_parameters(self._clock))
            note_problems(self._warehouse, self._source.source_id, self._source.problems())  # found meanwhile
            self._note_replica()
        self._result.read_up_to = self._read_up_to
        return self._result

    def _read_what_has_no_time(self) -> None:
        with self._warehouse.transaction():
            open_staging(self._warehouse)
            self._read_dimensions()
            self._note_problems()
            self._note_replica()

    def _read_the_rest(self, since: datetime, started: datetime) -> bool:
        if not isinstance(self._source, ReadsAgain):
            return True
        self._read_unindexed(self._source, since)
        return self._read_open_rows(self._source, started)

    def _read_dimensions(self) -> None:
        self._source.stage_dimensions(self._warehouse)
        # Seen no earlier than the pass began; what is missing from the list was deleted before now.
        parameters = {
            "source": self._source.source_id,
            "zone": self._settings.timezone,
            "default_environment": self._settings.default_environment,
            "seen_at": self._clock,
            "now": self._source.clock(),
        }
        self._warehouse.execute(statement("ingest/remember_dimensions"), parameters)
        apply_configuration(self._warehouse, self._source.source_id, self._settings)

    def _read_windows(self, since: datetime) -> bool:
        """Returns whether it came to the end."""
        self._look_back = read_through_cuts(self._plan, since)
        return all(self._read_part(part) for part in self._look_back.windows)

    def _plan(self, since: datetime) -> LookBack:
        return look_back(
            self._warehouse,
            self._source,
            since,
            self._clock,
            self._rules.booking_parameters(),
            read_up_to=self._began_at,
            sweep=self._sweep,
        )

    def _read_part(self, part: Window) -> bool:
        """Reads a part of the source, window by window; returns whether it came to its end."""
        since = part.since
        while True:
            try:
                until = read_less_when_cut(partial(self._read_window, replace(part, since=since)))
            except EnoughForNow as enough:
                note_problem(self._warehouse, self._source.source_id, "behind", "windows", str(enough))
                return True
            self._result.windows += 1
            self._report_progress()
            if until is None or until == part.until:
                return True
            # Reading again alone brings nobody further: a pass goes at least a window past where the last one was.
            if self._stop() and (self._began_at is None or until > self._began_at):
                return False
            since = until

    def _read_window(self, rest: Window, cuts: int) -> datetime | None:
        """Reads the first of what is left, less of it when the server has cut it before; returns the window's end, None
        at the end of all."""
        until = self._end_of_window(rest, cuts)
        window = replace(rest, until=until)
        with self._warehouse.transaction():
            self._source.stage_window(self._warehouse, window)
            if self._source.family.names_in_rows:
                self._read_dimensions()
            self._count()
            self._look_back.note_read(self._warehouse, window, self._clock)
            if rest.until is None:
                self._remember_read_up_to(self._complete_up_to(rest.since, until))
        return until

    def _end_of_window(self, rest: Window, cuts: int) -> datetime | None:
        until = self._source.window_end(rest.since)
        if cuts:
            until = rest.since + (max(until or self._clock, rest.since) - rest.since) / 2**cuts
        return rest.until if rest.until is not None and (until is None or until > rest.until) else until

    def _complete_up_to(self, since: datetime, until: datetime | None) -> datetime:
        """Returns up to where all that was committed has been read when the window has.

        The clock was read before the rows: whatever is stamped later is read again by the next pass. What a replica had
        not replayed then, too; of one that stopped at a moment that nobody knows, the last window is read again.
        """
        known = self._clock
        if self._replica is not None and not self._replica.is_unknown:
            known = min(known, self._replica.complete_up_to or (since if until is None else known))
        return min(until or known, known)

    def _first_moment(self) -> datetime:
        if self._read_up_to is None:
            return _BEGINNING
        reading = self._settings.lookback
        look_back = timedelta(hours=reading.sweep_hours) if self._sweep else timedelta(minutes=reading.recent_minutes)
        return min(self._read_up_to, self._clock) - look_back

    def _read_unindexed(self, source: ReadsAgain, since: datetime) -> None:
        # These can only be found by reading their tables whole: once an hour is soon enough.
        if not self._sweep:
            return
        self._read_whole(_TOOL_CALLS, source.stage_tool_calls, since)
        self._read_whole(_DOCUMENTS, source.stage_documents, since)

    def _read_whole(self, table: _WholeTable, stage: Callable[..., None], since: datetime) -> None:
        known = {"source": self._source.source_id, "row_kind": table.row_kind}

        def read() -> None:
            with self._warehouse.transaction():
                again = values(self._warehouse, str, statement("ingest/set_aside_again"), known)
                stage(self._warehouse, since, **({"ids": again} if again else {}))
                self._warehouse.execute(statement("ingest/set_aside_gone"), {**known, "ids": again})
                self._warehouse.execute(statement("ingest/own_projects"), self._rules.booking_parameters())
                apply_configuration(self._warehouse, self._source.source_id, self._settings)
                self._count()
                self._warehouse.execute(
                    "DELETE FROM usage.source_problem WHERE source = %s AND kind = %s",
                    [self._source.source_id, table.problem],
                )

        try:
            read_through_cuts(read)
        except (psycopg.errors.QueryCanceled, SourceTooSlowError):
            detail = f"{table.detail}: raise lookback.statement_timeout_seconds"
            note_problem(self._warehouse, self._source.source_id, table.problem, table.name, detail)

    def _read_open_rows(self, source: ReadsAgain, started: datetime) -> bool:
        """Returns whether every row that is due was read; what asks for itself each time waits for the next pass."""
        read: Counter[str] = Counter()
        while batch := self._due_open_rows(started, read):
            read.update(open_row.row_id for open_row in batch)
            message_ids, run_ids = ([r.row_id for r in batch if r.kind == kind] for kind in ("message", "run"))
            try:
                read_through_cuts(self._read_rows, source, message_ids, run_ids)
            except EnoughForNow:
                return True
            self._result.open_rows_read += len(batch)
            self._report_progress()
            if self._stop():
                return False
        return True

    def _read_rows(self, source: ReadsAgain, message_ids: list[str], run_ids: list[str]) -> None:
        with self._warehouse.transaction():
            source.stage_rows(self._warehouse, message_ids, run_ids)
            ids = {"source": self._source.source_id, "messages": message_ids, "runs": run_ids}
            self._warehouse.execute(statement("ingest/open_rows_read"), ids)
            self._count()

    def _look_at_shared_keys(self, since: datetime) -> None:
        """Attributes calls that several keys may have made once more: keys may have been looked at since."""
        parameters = {**self._rules.booking_parameters(), "since": since}
        with self._warehouse.transaction(), working_in_warehouse():
            if not value(self._warehouse, bool, statement("ingest/any_shared"), parameters):
                return
            for name in ("ingest/restage_shared", "ingest/restage"):
                self._warehouse.execute(statement(name), parameters)
            self._result.events_changed += book_staged(self._warehouse, parameters)

    def _due_open_rows(self, started: datetime, read: Counter[str]) -> list[_OpenRow]:
        return rows(
            self._warehouse,
            _OpenRow,
            statement("ingest/open_rows_due"),
            {
                "source": self._source.source_id,
                "now": self._clock,
                "started": started,
                "all": self._every_open_row,
                "enough": [row_id for row_id, times in read.items() if times >= _READS_A_PASS],
                # A source that pays for each row by a call takes fewer at once.
                "limit": getattr(self._source, "open_rows_a_batch", _OPEN_ROWS_A_BATCH),
            },
        )

    def _count(self) -> None:
        give_up = self._clock - timedelta(days=self._settings.lookback.give_up_days)
        with working_in_warehouse():
            parameters = self._rules.parameters(self._clock, give_up)
            self._result.events_changed += count_staged(self._warehouse, self._source.family, parameters)

    def _remember_read_up_to(self, moment: datetime) -> None:
        self._read_up_to = max(self._read_up_to, moment) if self._read_up_to else moment
        self._warehouse.execute(statement("ingest/source_progress"), self._state_parameters(None))

    def _state_parameters(self, swept_at: datetime | None) -> Mapping[str, object]:
        return {
            "source": self._source.source_id,
            "kind": self._kind,
            "read_up_to": self._read_up_to,
            "swept_at": swept_at if self._sweep else None,
            "changed": self._result.events_changed > 0,
        }

    def _note_problems(self) -> None:
        problems = [*self._source.problems()]
        if self._result.behind:
            problems.append(("behind", "replica", self._result.behind))
        elif self._replica is not None and self._replica.is_unknown:
            problems.append(_UNKNOWN_REPLICA)
        self._result.problems = [detail for _, _, detail in problems]
        note_stated_problems(self._warehouse, self._source.source_id, problems)

    def _note_replica(self) -> None:
        behind = self._replica if self._result.behind else None
        look_back = timedelta(hours=self._settings.lookback.sweep_hours)
        known = self._read_up_to - look_back if self._read_up_to else None
        self._warehouse.execute(
            statement("ingest/source_replica"),
            {
                "source": self._source.source_id,
                "replayed_up_to": (behind.complete_up_to or self._read_up_to) if behind else None,
                "final_up_to": (behind.final_up_to(look_back) or known) if behind else None,
            },
        )

    def _report_progress(self) -> None:
        if self._progress and self._read_up_to:
            self._progress(Progress(self._source.source_id, self._read_up_to, self._clock, self._result.events_changed))
