"""On a big source, an incremental pass reads messages, runs and node executions along indexes only."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.sql import SQL, Identifier

from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.sources.dify_postgres.connection import connect_read_only
from usage_pipeline.sources.dify_postgres.queries import iter_extraction_statements
from usage_pipeline.sources.dify_postgres.schema import read_schema
from usage_pipeline.warehouse.connection import Connection, connected

MESSAGES, RUNS, NODES = 250_000, 20_000, 100_000
BIG = ("messages", "workflow_runs", "workflow_node_executions")
FILL = f"""
INSERT INTO messages (id, app_id, conversation_id, inputs, query, message, message_unit_price, answer,
                      answer_unit_price, currency, from_source, created_at, message_tokens, app_mode,
                      message_price_unit, answer_price_unit)
SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '{{}}', 'q', '{{}}', 1, 'a', 1, 'USD', 'api',
       timestamp '2026-01-01' + n * interval '80 seconds', 10, 'chat', 0.001, 0.001
FROM generate_series(1, {MESSAGES}) n;
INSERT INTO workflow_runs (id, tenant_id, app_id, workflow_id, type, triggered_from, version, status, created_by_role,
                           created_by, created_at)
SELECT md5('run' || n)::uuid, md5('t')::uuid, md5('a' || n % 20)::uuid, md5('w' || n % 20)::uuid, 'workflow', 'app-run',
       '1', 'succeeded', 'end_user', gen_random_uuid(), timestamp '2026-01-01' + n * interval '990 seconds'
FROM generate_series(1, {RUNS}) n;
INSERT INTO workflow_node_executions (id, tenant_id, app_id, workflow_id, triggered_from, workflow_run_id, index,
                                      node_id, node_type, title, status, created_by_role, created_by, created_at)
SELECT gen_random_uuid(), md5('t')::uuid, md5('a' || n % 20)::uuid, md5('w' || n % 20)::uuid, 'workflow-run',
       md5('run' || (n / 5 + 1))::uuid, n % 5, 'node' || n % 5, 'llm', 'LLM', 'succeeded', 'end_user',
       gen_random_uuid(), timestamp '2026-01-01' + n * interval '198 seconds'
FROM generate_series(1, {NODES}) n;
INSERT INTO workflows (id, tenant_id, app_id, type, version, graph, features, created_by, updated_at)
SELECT md5('w' || n)::uuid, md5('t')::uuid, md5('a' || n)::uuid, 'workflow', 'draft', '{{}}', '{{}}',
       gen_random_uuid(), now() FROM generate_series(0, 19) n;
"""


@pytest.fixture
def big_dify(empty_database: str) -> str:
    """A Dify with 250,000 messages and 100,000 node executions."""
    with connected(empty_database) as connection:
        create_dify_schema(connection)
        with indexes_made_afterwards(connection):
            connection.execute(FILL.encode())
        connection.execute("ANALYZE")
    return empty_database


@contextmanager
def indexes_made_afterwards(connection: Connection) -> Iterator[None]:
    """Takes the big tables' indexes away for the block: filling them row by row takes twice as long."""
    found = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s)", [list(BIG)]
    ).fetchall()
    assert found
    for name, _ in found:
        connection.execute(SQL("DROP INDEX {}").format(Identifier(str(name))))
    yield
    for _, definition in found:
        connection.execute(str(definition).encode())


@pytest.mark.slow
def test_no_extraction_statement_scans_a_big_table(big_dify: str) -> None:
    connection = connect_read_only(big_dify)
    # What the plan is without our own advice to the planner: the indexes must serve by themselves.
    connection.execute("SET enable_seqscan = on")
    row = connection.execute("SELECT max(created_at), array_agg(id::text) FROM (SELECT created_at, id FROM"
                             " workflow_runs ORDER BY created_at DESC LIMIT 500) x").fetchone()  # fmt: skip
    assert row
    assert isinstance(row[0], datetime)
    newest = row[0].replace(tzinfo=UTC)
    parameters = {
        "since": (newest - timedelta(minutes=15)).replace(tzinfo=None),
        "before": (newest - timedelta(minutes=17)).replace(tzinfo=None),
        "width": 10,
        "until": datetime(9999, 1, 1),  # noqa: DTZ001
        "ids": row[1],
        "app_id": "00000000-0000-4000-8000-000000000000",
        "messages": 20_000,
        "runs": 5_000,
    }
    seen = set()
    for name, statement in iter_extraction_statements(read_schema(connection)):
        plan = connection.execute("EXPLAIN (FORMAT JSON) " + statement.as_string(connection), parameters).fetchone()  # type: ignore[arg-type,operator]
        assert plan
        document = plan[0] if isinstance(plan[0], list) else json.loads(str(plan[0]))
        nodes = list(_nodes(document[0]["Plan"]))
        scanned = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
        assert not set(scanned) & set(BIG), f"{name} scans {scanned}"
        seen |= {node["Relation Name"] for node in nodes if node.get("Relation Name") in BIG}
    assert seen == set(BIG), "the plans that were looked at do not read the big tables at all"
    connection.close()


def _nodes(plan: dict[str, object]) -> Iterator[dict[str, object]]:
    yield plan
    for part in plan.get("Plans", []):  # type: ignore[attr-defined]
        yield from _nodes(part)
