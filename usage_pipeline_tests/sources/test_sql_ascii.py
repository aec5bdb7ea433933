"""A Dify in a database without an encoding: bytes that are no UTF-8 cost at most their own row, and no other."""

from collections.abc import Callable

import psycopg
from psycopg import sql

from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import KEY_RULES, a_failed_agent, assert_events_equal, build_company
from usage_pipeline_tests.support.hostile_values import assert_rest_is_counted, assert_sane, figures

# Latin-1, half a letter of UTF-8, an overlong one, half a surrogate pair, and a byte that stands in no encoding.
_BYTES = (rb"caf\xe9", rb"\xe5\x90", rb"\xc0\xaf", rb"\xed\xa0\xbd", rb"\xff\xfe")
_PLANTED = (
    ("messages", "model_id"),
    ("messages", "currency"),
    ("messages", "status"),
    ("workflow_runs", "status"),
    ("workflow_node_executions", "title"),
    ("workflow_node_executions", "process_data"),
    ("workflow_node_executions", "execution_metadata"),
    ("end_users", "session_id"),
    ("accounts", "email"),
    ("apps", "name"),
    ("tenants", "name"),
)


def _plant(dify: Connection, number: int, table: str, column: str) -> tuple[str, set[str]]:
    """Puts bytes into a row; returns its id, and the ids of what it has a part in."""
    run = "workflow_run_id::text" if table in ("messages", "workflow_node_executions") else "NULL"
    row = dify.execute(
        f"SELECT id::text, {run} FROM {table} ORDER BY md5(id::text || %s) LIMIT 1", [str(number)]
    ).fetchone()
    assert row
    value = _BYTES[number % len(_BYTES)].decode("ascii")
    dify.execute(
        sql.SQL("UPDATE {} SET {} = {} WHERE id = %s").format(
            sql.Identifier(table),
            sql.Identifier(column),
            sql.SQL(f"E'{value}'"),  # type: ignore[arg-type]
        ),
        [row[0]],
    )
    return str(row[0]), {str(name) for name in row if name}


def test_bytes_that_are_no_text_cost_only_their_own_row(
    postgres: EmbeddedServer, new_database: Callable[[], str], warehouse_url: str
) -> None:
    def without_encoding() -> str:
        url = new_database()
        with psycopg.connect(url) as connection:
            name = sql.Identifier(connection.info.dbname)
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {}").format(name))
            connection.execute(
                sql.SQL(
                    "CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
                ).format(name)
            )
        return f"{url}&client_encoding=utf8"

    company = build_company(
        without_encoding, warehouse_url, seed=95, days=2, calls_a_day=8, also=lambda history: [a_failed_agent(history)]
    )
    written_as = company.dify_url
    company.dify_url = written_as.removesuffix("&client_encoding=utf8")
    assert not company.run().source_errors
    with connected(warehouse_url) as warehouse, connected(written_as) as dify:
        assert_events_equal(warehouse, company.history.truth(company.history.now, KEY_RULES))
        before = figures(warehouse)
        dify.execute("CREATE SCHEMA kept")
        for table in {table for table, _ in _PLANTED}:
            dify.execute(f"CREATE TABLE kept.{table} AS SELECT * FROM {table}")
        touched: set[str] = set()
        for number, (table, column) in enumerate(_PLANTED):
            touched |= _plant(dify, number, table, column)[1]
        summary = company.run()
        assert not summary.source_errors
        assert not summary.differences
        after = figures(warehouse)
        assert_rest_is_counted(before, after, touched, touched)
        assert_sane(warehouse)
        assert before.keys() - after.keys() == set(), "what was counted stays counted"
        for table in {table for table, _ in _PLANTED}:
            dify.execute(f"DELETE FROM {table}")
            dify.execute(f"INSERT INTO {table} SELECT * FROM kept.{table}")
        assert not company.run().source_errors
        assert figures(warehouse) == before
        assert not warehouse.execute("SELECT FROM usage.source_problem WHERE kind = 'set_aside'").fetchall()
