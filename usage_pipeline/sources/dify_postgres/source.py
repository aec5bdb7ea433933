"""Reads a Dify database on PostgreSQL: short read-only statements along indexes that Dify has, streamed by COPY."""

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from usage_pipeline.sources.base import DIFY, Family, SourceSlot, Window, batches
from usage_pipeline.sources.dify_postgres import queries
from usage_pipeline.sources.dify_postgres.connection import PostgresReader
from usage_pipeline.sources.dify_postgres.schema import read_schema
from usage_pipeline.sources.dify_schema import DifySchema, schema_problems
from usage_pipeline.sources.halving import FAULT_OF_A_ROW, stage_in_halves
from usage_pipeline.sources.node_json import node_row
from usage_pipeline.sources.watchdog import heard_from_source
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value, value_or_none, values
from usage_pipeline.warehouse.statements import statement

_MESSAGES_A_WINDOW = 20_000
_RUNS_A_WINDOW = 5_000
_RUNS_A_BATCH = 500
_IDS_A_BATCH = 1_000
# A chatflow's message is inserted moments before its run and its time is rounded: read a little before the window,
# so that a run always meets the message that says who asked.
_MESSAGE_OVERLAP = timedelta(minutes=2)

_SLOTS_A_STATEMENT = timedelta(hours=6)
# A view has no xmin; a right to single columns does not reach it; a big day may take too long.
_CANNOT_TELL = (
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.QueryCanceled,
    psycopg.errors.FeatureNotSupported,
)

Parameters = Mapping[str, object]


class DifyPostgres(PostgresReader):
    """A Dify database on PostgreSQL, read in transactions that cannot write."""

    def __init__(self, source_id: str, url: str, *, statement_timeout: timedelta = timedelta(seconds=30)) -> None:
        """Connects. Raises SourceError when it cannot, or when the database is not Dify's."""
        self._source_id = source_id
        super().__init__(url, statement_timeout=statement_timeout)
        try:
            with self.reading() as dify:
                self._schema = read_schema(dify)
                self._has_encoding = value(dify, str, "SELECT current_setting('server_encoding')") != "SQL_ASCII"
        except BaseException:
            self.close()
            raise

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

    def clock(self) -> datetime:
        """Returns what time it is at the database, aware UTC."""
        with self.reading() as dify:
            return value(dify, datetime, "SELECT clock_timestamp()")

    def problems(self) -> Sequence[tuple[str, str, str]]:
        """Columns that this Dify lacks and that counting would have used."""
        return schema_problems(self._schema)

    def stage_dimensions(self, warehouse: Connection) -> None:
        """Fills stage_tenant, stage_project, stage_api_key and stage_workflow_tool."""
        pipelines = queries.PIPELINES if self._schema.has_pipelines else queries.NO_PIPELINES
        self._stage(warehouse, "stage_tenant", queries.select("tenants"))
        self._stage(warehouse, "stage_project", queries.select("projects", pipelines=pipelines))
        prompt: LiteralString = "true" if self._schema.key_use_is_prompt else "false"
        self._stage(warehouse, "stage_api_key", queries.select("api_keys", prompt=prompt))
        if self._schema.has_workflow_tools:
            self._stage(warehouse, "stage_workflow_tool", queries.select("workflow_tools"))

    def window_end(self, since: datetime) -> datetime | None:
        """Where a window from ``since`` should end to hold a moderate number of rows; None when little is left."""
        sizes = {"since": _naive(since), "messages": _MESSAGES_A_WINDOW, "runs": _RUNS_A_WINDOW}
        with self.reading() as dify:
            end = value_or_none(dify, datetime, statement(f"{queries.FOLDER}/window_end"), sizes)
        heard_from_source()
        # Many rows may share one moment; a window must still move on.
        return max(end, since + timedelta(microseconds=1)) if end else None

    def stage_window(self, warehouse: Connection, window: Window) -> None:
        """Fills the staging tables with what was created in the window, and with its runs' node executions."""
        messages = {**_between(window), "before": _naive(window.since - _MESSAGE_OVERLAP)}
        if window.until is None:
            self._stage_messages(warehouse, queries.MESSAGES_SINCE, messages)
            self._stage_messages(warehouse, queries.STRAY_MESSAGES, {})
            self._stage_runs(warehouse, queries.RUNS_SINCE, _between(window))
            if self._schema.run_by_time:
                self._stage_runs(warehouse, queries.STRAY_RUNS, {})
            self._stage_nodes_of_runs(warehouse)
        else:
            self._stage_messages(warehouse, queries.MESSAGES_BY_TIME, messages)
            self.stage_runs(warehouse, [window])
        self.stage_single_steps(warehouse, window.steps_since or window.since)
        self._stage_node_models(warehouse)
        self._stage_key_records(warehouse)

    def slots(self, window: Window, width: timedelta) -> Sequence[SourceSlot] | None:
        """The digests of what was created in the window; None where a view, a right or an index is in the way."""
        if self._schema.key_record_type is not None or not self._schema.run_by_time:
            return None
        found: list[SourceSlot] = []
        since, end = window.since, window.until or self.clock()
        try:
            while since < end:
                until = min(since + _SLOTS_A_STATEMENT, end)
                with self.reading() as dify:
                    parameters = {**_between(Window(since, until)), "width": int(width.total_seconds())}
                    found += rows(dify, SourceSlot, queries.slots(self._schema), parameters)
                heard_from_source()
                since = until
        except _CANNOT_TELL:
            return None
        return found

    def stage_rows(self, warehouse: Connection, message_ids: Sequence[str], run_ids: Sequence[str]) -> None:
        """The same for single rows, by primary key."""
        for ids in batches(message_ids, _IDS_A_BATCH):
            self._stage_messages(warehouse, queries.MESSAGES_BY_ID, {"ids": ids})
        for ids in batches(run_ids, _IDS_A_BATCH):
            self._stage_runs(warehouse, queries.RUNS_BY_ID, {"ids": ids})
        self._stage_nodes_of_runs(warehouse)
        self._stage_node_models(warehouse)
        self._stage_key_records(warehouse)

    def stage_tool_calls(self, warehouse: Connection, since: datetime, ids: Sequence[str] = ()) -> None:
        """Fills stage_tool_call with model calls that tools made by themselves: from ``since`` on, and by ``ids``."""
        if self._schema.has_tool_calls:
            parameters = {"since": _naive(since), "ids": list(ids)}
            self._stage(warehouse, "stage_tool_call", queries.select("tool_calls"), parameters)

    def stage_documents(self, warehouse: Connection, since: datetime, ids: Sequence[str] = ()) -> None:
        """Fills stage_document with what was embedded from ``since`` on, and by ``ids``."""
        parameters = {"since": _naive(since), "ids": list(ids)}
        if self._schema.has_documents:
            self._stage(warehouse, "stage_document", queries.select("documents"), parameters)
        if self._schema.has_summaries:
            self._stage(warehouse, "stage_document", queries.select("document_summaries"), parameters)

    def stage_own_sums(self, warehouse: Connection, window: Window) -> None:
        """Fills own_sum with Dify's sums over the messages and runs that were created in the window."""
        for name in queries.SUMS:
            self._stage(warehouse, "own_sum", queries.select(name), _between(window))

    def stage_runs(self, warehouse: Connection, windows: Sequence[Window]) -> None:
        """Fills stage_run with the runs of the windows, and stage_node with their node executions."""
        for window in windows:
            self._stage_runs(warehouse, queries.RUNS_BY_TIME, _between(window))
        self._stage_nodes_of_runs(warehouse)

    def stage_single_steps(self, warehouse: Connection, since: datetime) -> None:
        """Fills stage_node with the nodes that people tried by themselves from ``since`` on."""
        self._stage_nodes(warehouse, queries.single_steps(self._schema), {"since": _naive(since)})

    def message_ids(self, app_id: str, window: Window) -> Sequence[str]:
        """Returns the ids of an app's messages that were created in the window."""
        if not self.can_be_row(app_id):
            return []
        with self.reading() as dify:
            return values(dify, str, queries.select("message_ids"), {"app_id": app_id, **_between(window)})

    def can_be_row(self, row_id: str) -> bool:
        """Returns whether an id has the shape of Dify's ids; any other would fail a statement."""
        try:
            UUID(row_id)
        except ValueError:
            return False
        return True

    def _runs(self, selection: LiteralString) -> sql.SQL:
        created_from = queries.CREATED_FROM if self._schema.app_log_by_run else "NULL"
        return queries.select("runs", selection=selection, created_from=created_from)

    def _stage_nodes_of_runs(self, warehouse: Connection) -> None:
        selection = queries.nodes_by_run(self._schema)
        runs = warehouse.execute("SELECT id, tenant_id, app_id, workflow_id FROM stage_run ORDER BY id").fetchall()
        for start in range(0, len(runs), _RUNS_A_BATCH):
            ids, tenants, apps, workflows = zip(*runs[start : start + _RUNS_A_BATCH], strict=True)
            parameters = {"ids": list(ids), "tenants": list(tenants), "apps": list(apps), "workflows": list(workflows)}
            self._stage_nodes(warehouse, selection, parameters)

    def _stage_messages(self, warehouse: Connection, selection: LiteralString, parameters: Parameters) -> None:
        select = queries.select("messages", selection=selection)
        self._stage_rows(
            warehouse,
            "message",
            queries.IDS.format("m", "messages", selection),
            parameters,
            lambda: self._stage(warehouse, "stage_message", select, parameters),
            lambda ids: self._stage(
                warehouse, "stage_message", queries.select("messages", selection=queries.MESSAGES_BY_ID), {"ids": ids}
            ),
        )

    def _stage_runs(self, warehouse: Connection, selection: LiteralString, parameters: Parameters) -> None:
        self._stage_rows(
            warehouse,
            "run",
            queries.IDS.format("r", "workflow_runs", selection),
            parameters,
            lambda: self._stage(warehouse, "stage_run", self._runs(selection), parameters),
            lambda ids: self._stage(warehouse, "stage_run", self._runs(queries.RUNS_BY_ID), {"ids": ids}),
        )

    def _stage_nodes(self, warehouse: Connection, selection: LiteralString, parameters: Parameters) -> None:
        try:
            with warehouse.transaction():
                self._stage(warehouse, "stage_node", queries.select("nodes", selection=selection), parameters)
        except FAULT_OF_A_ROW:
            # A row's JSON is broken. Its batch is read again as text, row by row on this side.
            self._stage_rows(
                warehouse,
                "node",
                queries.IDS.format("n", "workflow_node_executions", selection),
                parameters,
                lambda: self._stage_nodes_as_text(warehouse, selection, parameters),
                lambda ids: self._stage_nodes_as_text(warehouse, queries.NODES_BY_ID, {"ids": ids}),
            )

    def _stage_rows(
        self,
        warehouse: Connection,
        kind: str,
        select_ids: LiteralString,
        parameters: Parameters,
        stage_all: Callable[[], None],
        stage_ids: Callable[[list[str]], None],
    ) -> None:
        """Stages rows at once; where one of them stops the statement, without that one."""
        try:
            with warehouse.transaction():
                stage_all()
        except FAULT_OF_A_ROW:
            with self.reading() as dify:
                ids = values(dify, str, select_ids, parameters)
            stage_in_halves(warehouse, kind, ids, stage_ids)

    def _stage_nodes_as_text(self, warehouse: Connection, selection: LiteralString, parameters: Parameters) -> None:
        with (
            self._reading() as dify,
            dify.cursor() as cursor,
            warehouse.cursor() as sink,
            sink.copy("COPY stage_node FROM STDIN") as copy,
        ):
            cursor.execute(queries.select("nodes_text", selection=selection), parameters)
            for row in cursor:
                heard_from_source()
                copy.write_row(node_row([_decoded(value) for value in row]))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A database without an encoding sends its bytes as they are; they may be no text at all."""
        with self.reading() as dify:
            if not self._has_encoding:
                dify.execute("SET LOCAL client_encoding TO 'SQL_ASCII'")
            yield dify

    def _stage_node_models(self, warehouse: Connection) -> None:
        for batch in batches(values(warehouse, str, statement("ingest/workflows_without_models")), _RUNS_A_BATCH):
            try:
                with warehouse.transaction():
                    self._stage(warehouse, "stage_node_model", queries.select("node_models"), {"workflow_ids": batch})
            except FAULT_OF_A_ROW:
                # A graph that cannot be read leaves its nodes without a model, nothing else.
                continue

    def _stage_key_records(self, warehouse: Connection) -> None:
        if self._schema.key_record_type is None:
            return
        calls = values(warehouse, str, "SELECT id FROM stage_message UNION SELECT id FROM stage_run ORDER BY id")
        select = queries.key_records(self._schema.key_record_type)
        for ids in batches(calls, _IDS_A_BATCH):
            self._stage(warehouse, "stage_key_record", select, {"ids": ids})

    def _stage(
        self, warehouse: Connection, table: LiteralString, select: sql.SQL, parameters: Parameters | None = None
    ) -> None:
        """Streams a SELECT of the source into a staging table, block by block; both sides must agree on the types."""
        binary = " (FORMAT BINARY)" if self._has_encoding else ""
        # As bytes: a session without an encoding takes no letter beyond ASCII in a text.
        copy_out = sql.SQL("COPY ({}) TO STDOUT" + binary).format(select).as_bytes()
        copy_in = sql.SQL("COPY {} FROM STDIN" + binary).format(sql.Identifier(table))
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with (
            self._reading() as dify,
            dify.cursor() as reader,
            warehouse.cursor() as writer,
            writer.copy(copy_in) as sink,
            reader.copy(copy_out, parameters or {}) as stream,
        ):
            for block in stream:
                heard_from_source()
                sink.write(block if self._has_encoding else decoder.decode(block))
        heard_from_source()


def _decoded(value: object) -> object:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _between(window: Window) -> Parameters:
    until = _naive(window.until) if window.until else datetime(9999, 1, 1)  # noqa: DTZ001  (Dify's times are naive)
    return {"since": _naive(window.since), "until": until}


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
