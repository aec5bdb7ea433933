"""The statements that a pass runs on a Dify on MySQL, fitted to the columns and indexes that it has."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from usage_pipeline.sources.dify_mysql.schema import MysqlTables
from usage_pipeline.sources.dify_schema import DifySchema
from usage_pipeline.warehouse.statements import statement

_FOLDER = "sources/dify_mysql"
MESSAGES_A_WINDOW = 20_000
RUNS_A_WINDOW = 5_000
_CREATED_FROM = "(SELECT l.created_from FROM workflow_app_logs l {0} WHERE l.workflow_run_id = r.id LIMIT 1)"
_PIPELINES = "SELECT p.id, p.tenant_id, p.name FROM pipelines p"
_NO_PIPELINES = "SELECT NULL AS id, NULL AS tenant_id, NULL AS name FROM DUAL WHERE FALSE"
# Times before any Dify, such as zero dates: no window holds them. A few are enough to be said.
_STRAY = (
    "{0}.id IN (SELECT stray.id FROM (SELECT x.id FROM {1} x {2} WHERE x.created_at < '2000-01-01'"
    " ORDER BY x.created_at LIMIT 100) AS stray)"
)
# An answer that was stopped: it has a text and prices, and no tokens.
_STOPPED = (
    "(m.workflow_run_id IS NULL AND COALESCE(m.status, 'normal') = 'normal' AND COALESCE(m.message_tokens, 0) = 0"
    " AND COALESCE(m.answer_tokens, 0) = 0 AND m.answer <> ''"
    " AND (COALESCE(m.message_unit_price, 0) > 0 OR COALESCE(m.answer_unit_price, 0) > 0))"
)
# A call of a model that has not ended well and says nothing of tokens.
_CUT_OFF = (
    "(n.status IN ('running', 'pending', 'failed', 'stopped')"
    " AND n.node_type IN ('llm', 'question-classifier', 'parameter-extractor', 'agent')"
    " AND COALESCE(INSTR(CAST(n.execution_metadata AS BINARY), '\"total_tokens\"'), 0) = 0"
    " AND COALESCE(INSTR(CAST(n.process_data AS BINARY), '\"usage\"'), 0) = 0"
    " AND COALESCE(INSTR(CAST(n.outputs AS BINARY), '\"total_tokens\"'), 0) = 0)"
)
_ALIAS = re.compile(r"\b(?:FROM|JOIN|STRAIGHT_JOIN)\s+(\w+)\s+(\w+)\b")
_EQUATION = re.compile(r"\b(\w+)\.(\w+) = (\w+)\.(\w+)")
_TIME = "{0}.created_at >= @since AND {0}.created_at < @until"


@dataclass(frozen=True)
class NodeStatements:
    """The same node executions twice: cut down to figures on the server, and with their texts."""

    reduced: str
    as_text: str


class MysqlStatements:
    """Every statement by what it selects; parameters are the driver's, ``%(since)s``."""

    def __init__(self, schema: DifySchema, tables: MysqlTables) -> None:
        self._schema = schema
        self._tables = tables

    def tenants(self) -> str:
        """Workspaces."""
        return _select("tenants")

    def projects(self) -> str:
        """Apps and RAG pipelines."""
        pipelines = _PIPELINES if self._schema.has_pipelines else _NO_PIPELINES
        return self._fitted(_select("projects", pipelines=pipelines))

    def api_keys(self) -> str:
        """API keys, masked."""
        return _select("api_keys")

    def workflow_tools(self) -> str:
        """Workflows that are published as tools."""
        return _select("workflow_tools")

    def tool_calls(self) -> str:
        """Model calls of tools, from ``since`` in the server's time on, and by ``ids``."""
        return self._fitted(_select("tool_calls"))

    def documents(self) -> str:
        """Embedded documents, from ``since`` in UTC (``since_server`` in the server's time) on, and by ``ids``."""
        return self._fitted(_select("documents"))

    def document_summaries(self) -> str:
        """Embedded summaries of their parts, by the same parameters."""
        return self._fitted(_select("document_summaries"))

    def message_sums(self, offsets: Sequence[tuple[datetime, timedelta]]) -> str:
        """Dify's sums over messages from ``since`` to ``until``, in the server's time.

        ``offsets``: by how much the server's time is ahead of UTC, and from which time of its own on.
        """
        (_, first), *later = [(local.isoformat(" "), int(ahead.total_seconds())) for local, ahead in offsets]
        cases = "".join(f" WHEN f.at_server >= TIMESTAMP('{local}') THEN {ahead}" for local, ahead in reversed(later))
        text = _select(
            "message_sums",
            offset=f"CASE{cases} ELSE {first} END" if cases else str(first),
            index=_forced(self._tables.messages_by_time),
            thought_index=_forced(self._tables.thoughts_by_message),
        )
        return self._without_what_is_lacking(self._fitted(text))

    def run_sums(self) -> str:
        """Dify's sums over runs from ``since`` to ``until``, in UTC."""
        return _select("run_sums", index=_forced(self._tables.runs_by_time))

    def message_ids(self) -> str:
        """Ids of the messages of ``app_id`` from ``since`` to ``until``, in the server's time."""
        return _select("message_ids", index=_forced(self._tables.messages_by_app or self._tables.messages_by_time))

    def window_end(self) -> str:
        """Where a window should end; ``since`` in UTC and ``since_server`` in the server's time."""
        return _select(
            "window_end",
            message_index=_forced(self._tables.messages_by_time),
            run_index=_forced(self._tables.runs_by_time),
            messages=str(MESSAGES_A_WINDOW),
            runs=str(RUNS_A_WINDOW),
        )

    def messages_by_time(self) -> str:
        """Messages from ``since`` to ``until``, in the server's time."""
        return self._messages(_TIME.format("m"), self._tables.messages_by_time)

    def messages_by_id(self) -> str:
        """Messages by ``ids``."""
        return self._messages("m.id IN @ids", "PRIMARY")

    def stray_messages(self) -> str | None:
        """Returns what reads messages of a time that no call was made at; None where it would read all."""
        index = self._tables.messages_by_time
        return self._messages(_STRAY.format("m", "messages", _forced(index)), "PRIMARY") if index else None

    def stray_runs(self) -> str | None:
        """Returns what reads runs of a time that none began at; None where it would read all."""
        index = self._tables.runs_by_time
        return self._runs(_STRAY.format("r", "workflow_runs", _forced(index)), "PRIMARY") if index else None

    def runs_by_time(self) -> str:
        """Runs from ``since`` to ``until``, in UTC."""
        return self._runs(_TIME.format("r"), self._tables.runs_by_time)

    def runs_by_id(self) -> str:
        """Runs by ``ids``."""
        return self._runs("r.id IN @ids", "PRIMARY")

    def nodes_by_run(self) -> NodeStatements:
        """Node executions of runs by ``ids`` of the runs."""
        if self._tables.nodes_by_run:
            return self._nodes(f"workflow_node_executions n {_forced(self._tables.nodes_by_run)}",
                          "n.workflow_run_id IN @ids")  # fmt: skip
        index = self._tables.nodes_by_origin_and_run
        return self._nodes(_select("nodes_of_runs", index=_forced(index)), "r.id IN @ids")

    def nodes_by_id(self) -> NodeStatements:
        """Node executions by ``ids``."""
        return self._nodes("workflow_node_executions n", "n.id IN @ids")

    def single_steps(self) -> NodeStatements:
        """Single-step debugging of drafts, from ``since`` in UTC on."""
        source = _select("single_step_nodes", index=_forced(self._tables.nodes_by_origin))
        return self._nodes(source, "d.version = 'draft' AND n.created_at >= @since")

    def node_models(self) -> str:
        """Models that graphs configure, by ``ids`` of the workflows."""
        return _select("node_models", selection="w.id IN @ids")

    def reading_big_tables(self) -> Iterator[tuple[str, str]]:
        """Yields every statement that is run on messages, runs and node executions, by name: for EXPLAIN."""
        yield "window_end", self.window_end()
        yield "messages by time", self.messages_by_time()
        yield "messages by id", self.messages_by_id()
        yield "runs by time", self.runs_by_time()
        yield "runs by id", self.runs_by_id()
        yield "nodes by run", self.nodes_by_run().reduced
        yield "nodes by run, as text", self.nodes_by_run().as_text
        yield "nodes by id, as text", self.nodes_by_id().as_text
        yield "single steps", self.single_steps().reduced
        yield "message sums", self.message_sums([(datetime(2000, 1, 1), timedelta(0))])  # noqa: DTZ001  (a local time)
        yield "run sums", self.run_sums()

    def _messages(self, selection: str, index: str | None) -> str:
        thoughts = _forced(self._tables.thoughts_by_message)
        text = _select("messages", stopped=_STOPPED, selection=selection, index=_forced(index), thought_index=thoughts)
        return self._without_what_is_lacking(self._fitted(text))

    def _without_what_is_lacking(self, text: str) -> str:
        known = self._tables.message_columns
        return re.sub(r"\bm\.(\w+)", lambda found: found[0] if found[1] in known else "NULL", text)

    def _runs(self, selection: str, index: str | None) -> str:
        app_logs = self._tables.app_logs_by_run
        created_from = _CREATED_FROM.format(_forced(app_logs)) if app_logs else "NULL"
        return self._fitted(_select("runs", selection=selection, index=_forced(index), created_from=created_from))

    def _fitted(self, text: str) -> str:
        """Returns a statement whose joins compare text of one collation: a server refuses to compare two.

        The side that is looked up keeps its own, for its index is sorted by it.
        """
        collations = self._tables.collations
        tables = {alias: table for table, alias in _ALIAS.findall(text)}

        def equation(found: re.Match[str]) -> str:
            looked_up = collations.get((tables.get(found[1], ""), found[2]))
            given = collations.get((tables.get(found[3], ""), found[4]))
            if looked_up is None or looked_up == given or (given is None and found[3] in tables):
                return found[0]
            return f"{found[1]}.{found[2]} = CONVERT({found[3]}.{found[4]} USING {looked_up[0]}) COLLATE {looked_up[1]}"

        return _EQUATION.sub(equation, text)

    def _nodes(self, nodes: str, selection: str) -> NodeStatements:
        return NodeStatements(
            self._fitted(_select("nodes", nodes=nodes, selection=selection, cut_off=_CUT_OFF)),
            self._fitted(_select("nodes_text", nodes=nodes, selection=selection)),
        )


def _forced(index: str | None) -> str:
    """Takes the choice from a planner whose statistics may be stale: it must never read a big table whole."""
    return f"FORCE INDEX (`{index}`)" if index else ""


def _select(name: str, **raw: str) -> str:
    """The SQL of a file with ``:words`` replaced and user variables (``@since``) turned into parameters."""
    text: str = statement(f"{_FOLDER}/{name}")
    for variable, value in raw.items():
        text = _replaced(text, variable, value)
    return re.sub(r"(?<![@\w])@(\w+)", r"%(\1)s", text)


def _replaced(text: str, variable: str, value: str) -> str:
    # A function, for a text would have its backslashes read.
    return re.sub(rf":{variable}\b", lambda _: value, text)
