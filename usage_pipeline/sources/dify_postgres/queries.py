"""The statements by which a Dify database on PostgreSQL is read: what each is limited to, by schema."""

from collections.abc import Iterator
from typing import LiteralString

from psycopg import sql

from usage_pipeline.sources.dify_schema import DifySchema
from usage_pipeline.warehouse.statements import statement

FOLDER = "sources/dify_postgres"
SUMS = ("message_sums", "run_sums")

# Of a time before the window only messages that have a run.
MESSAGES_SINCE = (
    "m.created_at >= %(before)s::timestamp AND (m.created_at >= %(since)s::timestamp OR workflow_run_id IS NOT NULL)"
)
MESSAGES_BY_TIME = MESSAGES_SINCE + " AND m.created_at < %(until)s::timestamp"
MESSAGES_BY_ID = "m.id = ANY(%(ids)s::uuid[])"
RUNS_BY_TIME = "r.created_at >= %(since)s::timestamp AND r.created_at < %(until)s::timestamp"
RUNS_SINCE = "r.created_at >= %(since)s::timestamp"
# Times before any Dify, such as -infinity: no window holds them. A few are enough to be said.
_STRAY = (
    "{0}.id IN (SELECT x.id FROM {1} x WHERE x.created_at < '2000-01-01'::timestamp ORDER BY x.created_at LIMIT 100)"
)
STRAY_MESSAGES = _STRAY.format("m", "messages")
STRAY_RUNS = _STRAY.format("r", "workflow_runs")
RUNS_BY_ID = "r.id = ANY(%(ids)s::uuid[])"
NODES_BY_ID = "n.id = ANY(%(ids)s::uuid[])"
IDS = "SELECT {0}.id::text FROM {1} {0} WHERE {2}"
NODES_BY_RUN = "n.workflow_run_id = ANY(%(ids)s::uuid[])"
CREATED_FROM = "(SELECT l.created_from FROM workflow_app_logs l WHERE l.workflow_run_id = r.id LIMIT 1)"
_NODES_OF_A_RUN = (
    "n.tenant_id = r.tenant_id AND n.app_id = r.app_id AND n.workflow_id = r.workflow_id"
    " AND n.triggered_from IN ('workflow-run', 'rag-pipeline-run', 'single-step') AND n.workflow_run_id = r.id"
)
_LOGS = (
    "SELECT sum(uuid_hash_extended(l.id, l.xmin::text::bigint)) AS digest"
    " FROM workflow_app_logs l WHERE l.workflow_run_id = r.id"
)
_NO_LOGS = "SELECT 0 AS digest"
PIPELINES = "SELECT p.id, p.tenant_id, p.name FROM pipelines p"
NO_PIPELINES = "SELECT NULL::uuid AS id, NULL::uuid AS tenant_id, NULL::text AS name WHERE false"


def select(name: str, **raw: LiteralString) -> sql.SQL:
    """The SQL of a file with its unquoted psql variables (``:selection``) replaced."""
    text: LiteralString = statement(f"{FOLDER}/{name}")
    for variable, replacement in raw.items():
        text = text.replace(f":{variable}", replacement)
    return sql.SQL(text)


def nodes_by_run(schema: DifySchema) -> LiteralString:
    return NODES_BY_RUN if schema.node_by_run else statement(f"{FOLDER}/nodes_of_runs")


def slots(schema: DifySchema) -> sql.SQL:
    nodes = "n.workflow_run_id = r.id" if schema.node_by_run else _NODES_OF_A_RUN
    return select("slots", nodes=nodes, logs=_LOGS if schema.app_log_by_run else _NO_LOGS)


def single_steps(schema: DifySchema) -> LiteralString:
    return statement(f"{FOLDER}/single_step_nodes{'' if schema.node_by_workflow else '_by_app'}")


def key_records(record_type: str) -> sql.SQL:
    ids: LiteralString = "%(ids)s::uuid[]" if record_type == "uuid" else "%(ids)s::text[]"
    return select("key_records", ids=ids)


def iter_extraction_statements(schema: DifySchema) -> Iterator[tuple[str, sql.SQL]]:
    """Yields every statement that a pass or a reconciliation runs on Dify's big tables, by name: for EXPLAIN."""
    created_from = CREATED_FROM if schema.app_log_by_run else "NULL"
    yield "window_end", sql.SQL(statement(f"{FOLDER}/window_end"))
    yield "messages by time", select("messages", selection=MESSAGES_BY_TIME)
    yield "messages by id", select("messages", selection=MESSAGES_BY_ID)
    yield "messages to the end", select("messages", selection=MESSAGES_SINCE)
    yield "messages of no time", select("messages", selection=STRAY_MESSAGES)
    yield "runs to the end", select("runs", selection=RUNS_SINCE, created_from=created_from)
    if schema.run_by_time:
        yield "runs of no time", select("runs", selection=STRAY_RUNS, created_from=created_from)
    yield "runs by time", select("runs", selection=RUNS_BY_TIME, created_from=created_from)
    yield "runs by id", select("runs", selection=RUNS_BY_ID, created_from=created_from)
    yield "nodes by run", select("nodes", selection=nodes_by_run(schema))
    yield "nodes by run, as text", select("nodes_text", selection=nodes_by_run(schema))
    if schema.key_record_type is not None:
        yield "key records", key_records(schema.key_record_type)
    yield "slots", slots(schema)
    yield "single steps", select("nodes", selection=single_steps(schema))
    for name in (*SUMS, "message_ids"):
        yield name, select(name)
