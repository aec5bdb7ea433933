"""On a big Dify on MariaDB, a pass reads messages, runs and node executions along indexes only."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from usage_pipeline.sources.base import Window
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_mysql.connection import MysqlReader
from usage_pipeline.sources.dify_mysql.schema import read_mysql_schema
from usage_pipeline.sources.dify_mysql.statements import MysqlStatements
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.statements import statement
from usage_pipeline_tests.sources.conftest import new_database_on
from usage_pipeline_tests.support.dify_on_mysql import Connection, create_dify_on_mysql, read
from usage_pipeline_tests.support.mariadb import MariaDB, on_mariadb

pytestmark = on_mariadb

BEGIN = datetime(2026, 1, 1)  # noqa: DTZ001  (Dify's times are naive)
# By alias in our statements: the tables that grow with every call.
BIG = {
    "m": "messages", "r": "workflow_runs", "n": "workflow_node_executions", "t": "message_agent_thoughts",
    "l": "workflow_app_logs",
}  # fmt: skip
FILL = (
    """
    INSERT INTO messages (id, app_id, conversation_id, inputs, query, message, message_unit_price, answer,
                          answer_unit_price, currency, from_source, created_at, message_tokens, app_mode)
    SELECT UUID(), MD5(MOD(seq, 20)), MD5(seq), '{}', 'q', '{}', 1, 'a', 1, 'USD', 'api',
           TIMESTAMP('2026-01-01') + INTERVAL seq * 60 SECOND, 10, 'chat' FROM seq_1_to_{messages}
    """,
    """
    INSERT INTO workflow_runs (id, tenant_id, app_id, workflow_id, type, triggered_from, version, status,
                               created_by_role, created_by, created_at)
    SELECT MD5(CONCAT('run', seq)), MD5('t'), MD5(CONCAT('a', MOD(seq, 20))), MD5(CONCAT('w', MOD(seq, 20))),
           'workflow', 'app-run', '1', 'succeeded', 'end_user', UUID(),
           TIMESTAMP('2026-01-01') + INTERVAL seq * 1000 SECOND
    FROM seq_1_to_{runs}
    """,
    """
    INSERT INTO workflow_node_executions (id, tenant_id, app_id, workflow_id, triggered_from, workflow_run_id, `index`,
                                          node_id, node_type, title, status, created_by_role, created_by, created_at)
    SELECT UUID(), MD5('t'), MD5(CONCAT('a', MOD(seq DIV 5 + 1, 20))), MD5(CONCAT('w', MOD(seq DIV 5 + 1, 20))),
           'workflow-run', MD5(CONCAT('run', seq DIV 5 + 1)), MOD(seq, 5), CONCAT('node', MOD(seq, 5)), 'llm', 'LLM',
           'succeeded', 'end_user', UUID(), TIMESTAMP('2026-01-01') + INTERVAL seq * 200 SECOND FROM seq_1_to_{nodes}
    """,
    """
    INSERT INTO workflows (id, tenant_id, app_id, type, version, graph, features, created_by, updated_at)
    SELECT MD5(CONCAT('w', seq)), MD5('t'), MD5(CONCAT('a', seq)), 'workflow', 'draft', '{}', '{}', UUID(), NOW()
    FROM seq_0_to_19
    """,
    "ANALYZE TABLE messages, workflow_runs, workflow_node_executions, workflows",
)


def fill(connection: Connection, *, messages: int, runs: int) -> None:
    """Makes a Dify with so many messages and runs, and five node executions a run."""
    create_dify_on_mysql(connection)
    sizes = {"messages": messages, "runs": runs, "nodes": 5 * runs}
    for part in FILL:
        read(connection, re.sub(r"\{(\w+)\}", lambda found: str(sizes[found[1]]), part))


@pytest.fixture(scope="module")
def big_dify(mariadb: MariaDB) -> Iterator[tuple[Connection, str]]:
    """A Dify with a hundred thousand messages and 30,000 node executions, and its URL; tests only read it."""
    with new_database_on(mariadb) as name, mariadb.connect(name) as connection:
        fill(connection, messages=100_000, runs=6_000)
        yield connection, mariadb.url(name)


def statements_of(url: str) -> tuple[MysqlReader, MysqlStatements]:
    """A reading session, and what it would run."""
    reader = MysqlReader(url, statement_timeout=timedelta(seconds=30))
    return reader, MysqlStatements(*read_mysql_schema(reader))


def assert_no_scan(reader: MysqlReader, name: str, text: str, parameters: dict[str, object]) -> set[str]:
    """No big table is read whole, neither its rows nor an index of it; returns the big tables that the plan reads."""
    seen = set()
    for row in reader.named_rows("EXPLAIN " + text, parameters):
        table, access, key = row["table"], row["type"], row["key"]
        if table in BIG:
            assert access not in ("ALL", "index"), f"{name} scans {BIG[str(table)]}: {row}"
            assert key, f"{name} reads {BIG[str(table)]} along no index: {row}"
            seen.add(BIG[str(table)])
    return seen


def newest_runs(connection: Connection) -> list[str]:
    """Ids of as many runs as one statement takes."""
    return [str(row[0]) for row in read(connection, "SELECT id FROM workflow_runs ORDER BY created_at DESC LIMIT 500")]


def test_no_extraction_statement_scans_a_big_table(big_dify: tuple[Connection, str]) -> None:
    connection, url = big_dify
    reader, statements = statements_of(url)
    since = read(connection, "SELECT MAX(created_at) - INTERVAL 15 MINUTE FROM messages")[0][0]
    parameters: dict[str, object] = {
        "since": since,
        "since_server": since,
        "until": datetime(9999, 1, 1),  # noqa: DTZ001
        "ids": newest_runs(connection),
    }
    seen: set[str] = set()
    for name, text in statements.reading_big_tables():
        seen |= assert_no_scan(reader, name, text, parameters)
        seen |= assert_no_scan(reader, name, text, {**parameters, "since": BEGIN, "since_server": BEGIN})
    seen |= assert_no_scan(reader, "message ids", statements.message_ids(), {**parameters, "app_id": "an app"})
    assert seen == set(BIG.values()), "the plans that were looked at do not read the big tables at all"
    reader.close()


def test_a_dify_before_1_12_is_read_along_the_index_that_it_has(
    mariadb: MariaDB, new_mysql_database: Callable[[], str]
) -> None:
    """Dify 1.10.1 to 1.11.2 on MySQL: no index on a run's time, none on a node's run alone, messages by time alone."""
    name = new_mysql_database()
    connection, url = mariadb.connect(name), mariadb.url(name)
    fill(connection, messages=10_000, runs=2_000)
    for change in (
        "ALTER TABLE workflow_runs DROP INDEX workflow_run_created_at_id_idx",
        "ALTER TABLE messages DROP INDEX message_created_at_id_idx",
        "ALTER TABLE workflow_node_executions DROP INDEX workflow_node_execution_workflow_run_id_idx,"
        " ADD INDEX workflow_node_execution_workflow_run_idx"
        " (tenant_id, app_id, workflow_id, triggered_from, workflow_run_id)",
    ):
        read(connection, change)
    reader, statements = statements_of(url)
    parameters: dict[str, object] = {"since": BEGIN, "until": BEGIN + timedelta(days=1), "ids": newest_runs(connection)}
    assert assert_no_scan(reader, "nodes", statements.nodes_by_run().reduced, parameters) == {
        "workflow_runs", "workflow_node_executions",
    }  # fmt: skip
    assert assert_no_scan(reader, "messages", statements.messages_by_time(), parameters) >= {"messages"}
    found = reader.named_rows(statements.nodes_by_run().reduced, parameters)
    assert len(found) == 5 * 500, "every node of the runs, once"
    reader.close()
    connection.close()


def test_a_pass_without_news_reads_few_rows(big_dify: tuple[Connection, str], warehouse_url: str) -> None:
    """What the server itself counted: rows touched by a window of 15 minutes, in tables of 100,000."""
    connection, url = big_dify
    newest = read(connection, "SELECT MAX(created_at) FROM messages")[0][0]
    assert isinstance(newest, datetime)
    source = DifyMysql("big", url)
    with connected(warehouse_url) as warehouse:
        warehouse.execute(statement("ingest/staging"))
        before = rows_touched(source)
        with warehouse.transaction():
            since = source.zone.to_utc(newest) - timedelta(minutes=15)
            source.stage_window(warehouse, Window(since.astimezone(UTC), source.window_end(since)))
            staged = warehouse.execute("SELECT count(*) FROM stage_message").fetchone()
        touched = rows_touched(source) - before
    source.close()
    assert staged == (15 + 2 + 1,), "a message a minute, the overlap and the newest"
    assert touched < 1_000


def rows_touched(source: DifyMysql) -> int:
    """How many rows and index entries the session has read."""
    counters = source.reader.named_rows("SHOW SESSION STATUS LIKE 'Handler_read%%'")
    return sum(int(str(counter["value"])) for counter in counters)
