"""Reads a Dify database on MySQL or MariaDB: short read-only statements along indexes that Dify has, row by row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString

from psycopg import sql

from usage_pipeline.sources.base import DIFY, Family, Window, batches
from usage_pipeline.sources.dify_mysql.connection import BrokenJsonError, MysqlReader
from usage_pipeline.sources.dify_mysql.schema import read_mysql_schema
from usage_pipeline.sources.dify_mysql.statements import MysqlStatements, NodeStatements
from usage_pipeline.sources.dify_mysql.zone import ServerZone, server_zone
from usage_pipeline.sources.dify_schema import DifySchema, schema_problems
from usage_pipeline.sources.node_json import cut_node_row, node_row, plain_text
from usage_pipeline.sources.replica import Replica
from usage_pipeline.sources.replica_mysql import mysql_replica
from usage_pipeline.sources.watchdog import heard_from_source
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import values
from usage_pipeline.warehouse.statements import statement

_RUNS_A_BATCH = 500
_IDS_A_BATCH = 1_000
_ID_LENGTH = 36
# A chatflow's message is inserted moments before its run and its time is cut to the second: read a little before the
# window, so that a run always meets the message that says who asked.
_MESSAGE_OVERLAP = timedelta(minutes=2)
_LEAST_WINDOW = timedelta(minutes=1)
_FOREVER = datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001  (Dify's times are naive)

# Columns with this ending hold the server's local time; all other times are UTC.
_SERVER_TIME = "_server"
_TIMES = ("created_at", "finished_at", "last_used_at", "completed_at")
_UNREAD_TEXT = "?"
_JSON_TEXTS = slice(13, 16)  # of a row of nodes.sql

Parameters = Mapping[str, object]
Converted = Sequence[object]


@dataclass(frozen=True)
class _WindowEnd:
    """Where the messages (in the server's time) and the runs (in UTC) of a window should end; naive."""

    message_end_server: datetime | None
    run_end: datetime | None


class DifyMysql:
    """A Dify database on MySQL or MariaDB, in a session that can only read."""

    def __init__(
        self,
        source_id: str,
        url: str,
        *,
        statement_timeout: timedelta = timedelta(seconds=30),
        database_timezone: str | None = None,
    ) -> None:
        """Connects. Raises SourceError when it cannot, or when the database is not Dify's.

        ``database_timezone`` is the zone in which the server fills times by itself; left out, the server is asked.
        """
        self._source_id = source_id
        self._reader = MysqlReader(url, statement_timeout=statement_timeout)
        try:
            self._schema, self._tables = read_mysql_schema(self._reader)
            self._zone = server_zone(self._reader, database_timezone)
        except BaseException:
            self._reader.close()
            raise
        self._statements = MysqlStatements(self._schema, self._tables)

    @property
    def source_id(self) -> str:
        """The short id that the configuration gives it."""
        return self._source_id

    @property
    def family(self) -> Family:
        """Dify's messages, runs and node executions."""
        return DIFY

    @property
    def schema(self) -> DifySchema:
        """What this Dify's tables and indexes allow."""
        return self._schema

    @property
    def zone(self) -> ServerZone:
        """The zone of times that the database makes by itself."""
        return self._zone

    @property
    def unindexed(self) -> tuple[str, ...]:
        """Tables that each pass reads whole, for they have no index on their time."""
        known = {"messages": self._tables.messages_by_time, "workflow_runs": self._tables.runs_by_time}
        return tuple(table for table, index in known.items() if index is None)

    @property
    def reader(self) -> MysqlReader:
        """The session."""
        return self._reader

    def clock(self) -> datetime:
        """Returns what time it is at the database, aware UTC."""
        return self._reader.value(datetime, "SELECT UTC_TIMESTAMP(6)").replace(tzinfo=UTC)

    def replica(self) -> Replica | None:
        """Returns how far a replica has replayed; None when the database follows no other."""
        return mysql_replica(self._reader.named_rows, self.clock())

    def problems(self) -> Sequence[tuple[str, str, str]]:
        """Columns that this Dify lacks and that counting would have used."""
        return schema_problems(self._schema)

    def stage_dimensions(self, warehouse: Connection) -> None:
        """Fills stage_tenant, stage_project, stage_api_key and stage_workflow_tool."""
        self._stage(warehouse, "stage_tenant", self._statements.tenants())
        self._stage(warehouse, "stage_project", self._statements.projects())
        self._stage(warehouse, "stage_api_key", self._statements.api_keys())
        if self._schema.has_workflow_tools:
            self._stage(warehouse, "stage_workflow_tool", self._statements.workflow_tools())

    def window_end(self, since: datetime) -> datetime | None:
        """Where a window from ``since`` should end to hold a moderate number of rows; None when little is left."""
        (found,) = self._reader.rows(
            _WindowEnd,
            self._statements.window_end(),
            {"since": _naive(since), "since_server": self._zone.earliest(since)},
        )
        ends = [self._zone.to_utc(found.message_end_server)] if found.message_end_server else []
        ends += [found.run_end.replace(tzinfo=UTC)] if found.run_end else []
        # Rows may share a second, and a clock that was set back shows an hour twice: a window must still move on.
        return max(min(ends), since + _LEAST_WINDOW) if ends else None

    def stage_window(self, warehouse: Connection, window: Window) -> None:
        """Fills the staging tables with what was created in the window, and with its runs' node executions."""
        messages = {
            "since": self._zone.earliest(window.since - _MESSAGE_OVERLAP),
            "until": self._zone.latest(window.until) if window.until else _FOREVER,
        }
        self._stage(warehouse, "stage_message", self._statements.messages_by_time(), messages)
        self._stage(warehouse, "stage_run", self._statements.runs_by_time(), _of_runs(window))
        if window.until is None:
            if stray_messages := self._statements.stray_messages():
                self._stage(warehouse, "stage_message", stray_messages)
            if stray_runs := self._statements.stray_runs():
                self._stage(warehouse, "stage_run", stray_runs)
        self._stage_nodes_of_runs(warehouse)
        self.stage_single_steps(warehouse, window.since)
        self._stage_node_models(warehouse)

    def stage_rows(self, warehouse: Connection, message_ids: Sequence[str], run_ids: Sequence[str]) -> None:
        """The same for single rows, by primary key."""
        for ids in batches(message_ids, _IDS_A_BATCH):
            self._stage(warehouse, "stage_message", self._statements.messages_by_id(), {"ids": ids})
        for ids in batches(run_ids, _IDS_A_BATCH):
            self._stage(warehouse, "stage_run", self._statements.runs_by_id(), {"ids": ids})
        self._stage_nodes_of_runs(warehouse)
        self._stage_node_models(warehouse)

    def stage_tool_calls(self, warehouse: Connection, since: datetime, ids: Sequence[str] = ()) -> None:
        """Fills stage_tool_call with model calls that tools made by themselves: from ``since`` on, and by ``ids``."""
        if self._schema.has_tool_calls:
            # A list without an entry is no list to the server.
            parameters = {"since": self._zone.earliest(since), "ids": [*ids] or [""]}
            self._stage(warehouse, "stage_tool_call", self._statements.tool_calls(), parameters)

    def stage_documents(self, warehouse: Connection, since: datetime, ids: Sequence[str] = ()) -> None:
        """Fills stage_document with what was embedded from ``since`` on, and by ``ids``."""
        parameters = {
            "since": _naive(since),
            "since_server": self._zone.earliest(since),
            "ids": [*ids] or [""],
        }
        if self._schema.has_documents:
            self._stage(warehouse, "stage_document", self._statements.documents(), parameters, _document_row)
        if self._schema.has_summaries:
            self._stage(warehouse, "stage_document", self._statements.document_summaries(), parameters, _document_row)

    def stage_own_sums(self, warehouse: Connection, window: Window) -> None:
        """Fills own_sum with Dify's sums over the messages and runs that were created in the window."""
        messages = self._of_messages(window)
        offsets = self._zone.offsets(messages["since"], messages["until"])
        self._stage(warehouse, "own_sum", self._statements.message_sums(offsets), messages)
        self._stage(warehouse, "own_sum", self._statements.run_sums(), _of_runs(window))

    def stage_runs(self, warehouse: Connection, windows: Sequence[Window]) -> None:
        """Fills stage_run with the runs of the windows, and stage_node with their node executions."""
        for window in windows:
            self._stage(warehouse, "stage_run", self._statements.runs_by_time(), _of_runs(window))
        self._stage_nodes_of_runs(warehouse)

    def stage_single_steps(self, warehouse: Connection, since: datetime) -> None:
        """Fills stage_node with the nodes that people tried by themselves from ``since`` on."""
        self._stage_nodes(warehouse, self._statements.single_steps(), {"since": _naive(since)})

    def message_ids(self, app_id: str, window: Window) -> Sequence[str]:
        """Returns the ids of an app's messages that were created in the window."""
        parameters = {"app_id": app_id, **self._of_messages(window)}
        return self._reader.values(str, self._statements.message_ids(), parameters)

    def can_be_row(self, row_id: str) -> bool:
        """Returns whether an id has the length of Dify's ids."""
        return len(row_id) == _ID_LENGTH

    def _of_messages(self, window: Window) -> dict[str, datetime]:
        """The local times from and up to which messages lie in the window, each of them in one window."""
        return {
            "since": self._zone.first(window.since),
            "until": self._zone.first(window.until) if window.until else _FOREVER,
        }

    def close(self) -> None:
        """Closes the connection."""
        self._reader.close()

    def _stage_nodes_of_runs(self, warehouse: Connection) -> None:
        for ids in batches(values(warehouse, str, "SELECT id FROM stage_run ORDER BY id"), _RUNS_A_BATCH):
            self._stage_nodes(warehouse, self._statements.nodes_by_run(), {"ids": ids})

    def _stage_nodes(self, warehouse: Connection, selected: NodeStatements, parameters: Parameters) -> None:
        unread: list[str] = []

        def figures(row: Converted) -> Converted | None:
            if _UNREAD_TEXT in row[_JSON_TEXTS]:
                unread.append(str(row[0]))
                return None
            return cut_node_row(row)

        try:
            with warehouse.transaction():
                self._stage(warehouse, "stage_node", selected.reduced, parameters, figures)
        except BrokenJsonError:
            # The server cannot read a row's JSON and does not say which: the batch is read as text, row by row here.
            self._stage(warehouse, "stage_node", selected.as_text, parameters, node_row)
            return
        for ids in batches(unread, _IDS_A_BATCH):
            self._stage(warehouse, "stage_node", self._statements.nodes_by_id().as_text, {"ids": ids}, node_row)

    def _stage_node_models(self, warehouse: Connection) -> None:
        for batch in batches(values(warehouse, str, statement("ingest/workflows_without_models")), _RUNS_A_BATCH):
            try:
                with warehouse.transaction():
                    self._stage(warehouse, "stage_node_model", self._statements.node_models(), {"ids": batch})
            except BrokenJsonError:
                # A graph that cannot be read leaves its nodes without a model, nothing else.
                continue

    def _stage(
        self,
        warehouse: Connection,
        table: LiteralString,
        select: str,
        parameters: Parameters | None = None,
        make: Callable[[Converted], Converted | None] | None = None,
    ) -> None:
        """Streams a SELECT of the source into a staging table, row by row; ``make`` returns a whole row of it."""
        with self._reader.stream(select, parameters) as (names, rows), warehouse.cursor() as writer:
            copy_in = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
            if make is None:
                columns = sql.SQL(", ").join(sql.Identifier(name.removesuffix(_SERVER_TIME)) for name in names)
                copy_in = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
            with writer.copy(copy_in) as sink:
                for row in rows:
                    heard_from_source()
                    plain = [self._converted(name, value) for name, value in zip(names, row, strict=True)]
                    made = make(plain) if make else plain
                    if made is not None:
                        sink.write_row(made)

    def _converted(self, name: str, value: object) -> object:
        """A value as PostgreSQL takes it."""
        if isinstance(value, bytes | bytearray):
            value = bytes(value).decode(errors="replace")
        match value:
            case str() if name == "tags":
                return sorted({plain_text(tag) for tag in value.split("\n")})
            case str():
                # The driver leaves a date of zeros as it is written.
                return None if name.removesuffix(_SERVER_TIME) in _TIMES else plain_text(value)
            case datetime():
                return self._in_utc(value) if name.endswith(_SERVER_TIME) else value.replace(tzinfo=UTC)
        return [] if value is None and name == "tags" else value

    def _in_utc(self, value: datetime) -> datetime | None:
        try:
            return self._zone.to_utc(value)
        except OverflowError:
            return None


def _of_runs(window: Window) -> dict[str, datetime]:
    return {"since": _naive(window.since), "until": _naive(window.until) if window.until else _FOREVER}


def _document_row(row: Converted) -> Converted:
    *plain, completed_at, created_at, kind = row
    return *plain, completed_at or created_at, kind


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
