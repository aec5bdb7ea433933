"""Reads one source incrementally: windows of new rows, then the rows that were not final, each in its transaction."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg

from usage_pipeline.ingest.counting import CountingRules, count_staged, open_staging
from usage_pipeline.pricing.price_rules import price_book
from usage_pipeline.settings import ProjectFacts, Settings
from usage_pipeline.sources.seam import Source, SourceError, SourceTooSlowError, Window
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.patterns import like_pattern
from usage_pipeline.warehouse.statements import statement

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_SWEEP_EVERY = timedelta(hours=1)
_OPEN_ROWS_A_BATCH = 2_000
_UNREAD = "tool_calls_unread"


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
    problems: Sequence[str] = field(default_factory=list)


def read_source(
    warehouse: Connection,
    source: Source,
    settings: Settings,
    *,
    sweep: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> IngestResult:
    """Brings usage_event up to what the source says now; times are UTC.

    With ``sweep`` the long look-back and every open row are read again; without, the long look-back is read once an
    hour. Safe to run twice, to kill anywhere and to run again: each window is one transaction with its watermark.
    Raises SourceError when another pass is reading the same source, psycopg.Error when a database fails.
    """
    with only_reader(warehouse, source.source_id):
        return _Reading(warehouse, source, settings, sweep, progress).run()


class _Reading:
    def __init__(
        self,
        warehouse: Connection,
        source: Source,
        settings: Settings,
        sweep: bool,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._warehouse = warehouse
        self._source = source
        self._settings = settings
        self._progress = progress
        self._clock = source.clock()
        self._rules = counting_rules(source.source_id, settings)
        self._result = IngestResult(source.source_id)
        state = warehouse.execute(
            "SELECT read_up_to, last_sweep_at FROM usage.source_state WHERE source = %s", [source.source_id]
        ).fetchone()
        self._read_up_to: datetime | None = state[0] if state else None  # type: ignore[assignment]
        last_sweep = state[1] if state else None
        self._every_open_row = sweep
        self._sweep = sweep or not isinstance(last_sweep, datetime) or self._clock - last_sweep > _SWEEP_EVERY

    def run(self) -> IngestResult:
        open_staging(self._warehouse)
        started = self._warehouse_clock()
        with self._warehouse.transaction():
            self._source.stage_dimensions(self._warehouse)
            self._warehouse.execute(statement("ingest/remember_dimensions"), self._dimension_parameters())
            self._note_problems()
        since = self._first_moment()
        self._read_windows(since)
        self._read_tool_calls(since)
        self._read_open_rows(started)
        with self._warehouse.transaction():
            self._warehouse.execute(statement("ingest/source_done"), self._state_parameters(self._clock))
        self._result.read_up_to = self._read_up_to
        return self._result

    def _read_windows(self, since: datetime) -> None:
        while True:
            until = self._source.window_end(since)
            with self._warehouse.transaction():
                self._source.stage_window(self._warehouse, Window(since, until))
                self._count()
                # The clock was read before the rows: whatever is stamped later is read again by the next pass.
                self._remember_read_up_to(min(until or self._clock, self._clock))
            self._result.windows += 1
            self._tell()
            if until is None:
                return
            since = until

    def _first_moment(self) -> datetime:
        if self._read_up_to is None:
            return _BEGINNING
        reading = self._settings.lookback
        look_back = timedelta(hours=reading.sweep_hours) if self._sweep else timedelta(minutes=reading.recent_minutes)
        return min(self._read_up_to, self._clock) - look_back

    def _read_tool_calls(self, since: datetime) -> None:
        # They can only be found by reading their table whole: once an hour is soon enough.
        if not self._sweep:
            return
        try:
            with self._warehouse.transaction():
                self._source.stage_tool_calls(self._warehouse, since)
                self._count()
                self._warehouse.execute(
                    "DELETE FROM usage.source_problem WHERE source = %s AND kind = %s",
                    [self._source.source_id, _UNREAD],
                )
        except (psycopg.errors.QueryCanceled, SourceTooSlowError):
            detail = "the tools' own model calls took too long to read: raise lookback.statement_timeout_seconds"
            self._note_problem(_UNREAD, "tool_model_invokes", detail)

    def _read_open_rows(self, started: datetime) -> None:
        while batch := self._due_open_rows(started):
            message_ids = [row_id for kind, row_id in batch if kind == "message"]
            run_ids = [row_id for kind, row_id in batch if kind == "run"]
            with self._warehouse.transaction():
                self._source.stage_rows(self._warehouse, message_ids, run_ids)
                self._warehouse.execute(
                    statement("ingest/open_rows_read"),
                    {"source": self._source.source_id, "messages": message_ids, "runs": run_ids},
                )
                self._count()
            self._result.open_rows_read += len(batch)
            self._tell()

    def _due_open_rows(self, started: datetime) -> list[tuple[str, str]]:
        found = self._warehouse.execute(
            statement("ingest/open_rows_due"),
            {
                "source": self._source.source_id,
                "now": self._clock,
                "started": started,
                "all": self._every_open_row,
                "most": _OPEN_ROWS_A_BATCH,
            },
        )
        return [(str(kind), str(row_id)) for kind, row_id in found]

    def _count(self) -> None:
        give_up = self._clock - timedelta(days=self._settings.lookback.give_up_days)
        self._result.events_changed += count_staged(self._warehouse, self._rules.parameters(self._clock, give_up))

    def _remember_read_up_to(self, moment: datetime) -> None:
        self._read_up_to = max(self._read_up_to, moment) if self._read_up_to else moment
        self._warehouse.execute(statement("ingest/source_progress"), self._state_parameters(None))

    def _state_parameters(self, swept_at: datetime | None) -> Mapping[str, object]:
        return {
            "source": self._source.source_id,
            "kind": "dify",
            "read_up_to": self._read_up_to,
            "swept_at": swept_at if self._sweep else None,
            "changed": self._result.events_changed > 0,
        }

    def _note_problems(self) -> None:
        problems = self._source.problems()
        self._result.problems = [detail for _, _, detail in problems]
        self._warehouse.execute(
            "DELETE FROM usage.source_problem WHERE source = %s AND kind = 'missing_column' AND row_id <> ALL(%s)",
            [self._source.source_id, [name for _, name, _ in problems]],
        )
        for kind, name, detail in problems:
            self._note_problem(kind, name, detail)

    def _note_problem(self, kind: str, name: str, detail: str) -> None:
        self._warehouse.execute(
            "INSERT INTO usage.source_problem (source, kind, row_id, detail) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (source, kind, row_id) DO NOTHING",
            [self._source.source_id, kind, name, detail],
        )

    def _dimension_parameters(self) -> Mapping[str, object]:
        names = {str(i): str(name) for i, name in self._warehouse.execute("SELECT tenant_id, name FROM stage_tenant")}
        zones = {tenant_id: self._settings.zone_of_tenant(tenant_id, name) for tenant_id, name in names.items()}
        projects = self._warehouse.execute("SELECT app_id, tenant_id, name, tags FROM stage_project").fetchall()
        environments = {
            str(app_id): self._settings.environment_of(
                ProjectFacts(
                    project_id=str(app_id),
                    project_name=str(name),
                    workspace_id=str(tenant_id),
                    workspace_name=names.get(str(tenant_id), ""),
                    tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
                )
            )
            for app_id, tenant_id, name, tags in projects
        }
        return {
            "source": self._source.source_id,
            "zones": json.dumps(zones),
            "zone": self._settings.timezone,
            "environments": json.dumps(environments),
            "now": self._clock,
        }

    def _warehouse_clock(self) -> datetime:
        row = self._warehouse.execute("SELECT clock_timestamp()").fetchone()
        return row[0] if row else datetime.now(UTC)  # type: ignore[return-value]

    def _tell(self) -> None:
        if self._progress and self._read_up_to:
            self._progress(Progress(self._source.source_id, self._read_up_to, self._clock, self._result.events_changed))


class only_reader:  # noqa: N801  (reads as a statement: `with only_reader(...)`)
    """Holds the source's lock: two passes never read it at once. It goes with the session when we are killed."""

    def __init__(self, warehouse: Connection, source_id: str) -> None:
        self._warehouse = warehouse
        self._key = f"usage_pipeline.ingest.{source_id}"

    def __enter__(self) -> None:
        self._warehouse.execute("SET lock_timeout = '60s'")
        try:
            self._warehouse.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [self._key])
        except Exception as error:
            if type(error).__name__ != "LockNotAvailable":
                raise
            raise SourceError("another pass has been reading this source for over a minute; try again later") from None
        finally:
            self._warehouse.execute("SET lock_timeout = 0")

    def __exit__(self, *_: object) -> None:
        if not self._warehouse.closed:
            self._warehouse.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [self._key])


def counting_rules(source_id: str, settings: Settings) -> CountingRules:
    """What the configuration says about counting a source."""
    return CountingRules(
        source_id=source_id,
        zone=settings.timezone,
        key_rules=_key_rules(settings),
        prices=price_book(settings),
        default_environment=settings.default_environment,
    )


def _key_rules(settings: Settings) -> str:
    return json.dumps(
        [
            {"project": like_pattern(r.project), "caller": like_pattern(r.caller), "api_key": r.api_key}
            for r in settings.key_rules
        ]
    )
