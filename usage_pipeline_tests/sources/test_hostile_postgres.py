"""Whatever one row of a Dify on PostgreSQL holds, it is set aside or counted, and all others count."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from usage_pipeline.fake_dify.write import copy_rows
from usage_pipeline.ingest.read_source import read_source
from usage_pipeline.reconciliation.reconcile import reconcile
from usage_pipeline.settings import load_settings
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, a_failed_agent, assert_events_equal, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy
from usage_pipeline_tests.support.hostile_rows import Changed, Parts, play_all
from usage_pipeline_tests.support.hostile_values import (
    STOPPERS,
    Hostile,
    assert_rest_is_counted,
    assert_sane,
    examples,
    figures,
    hostile_values,
    sample,
    some_knowledge,
)

_DATED = ("messages", "workflow_runs", "workflow_node_executions", "tool_model_invokes", "documents")
_RECENT = "WHERE created_at > now() AT TIME ZONE 'UTC' - interval '40 hours'"
# Rows whose own figures are counted: a chatflow's message and most nodes have none.
_WITH_FIGURES = {"messages": " AND workflow_run_id IS NULL", "workflow_node_executions": " AND node_type = 'llm'"}
# What a row has a part in besides itself: what the statement finds is a row's id, or a run's.
_RUN = {"workflow_node_executions": "SELECT workflow_run_id::text FROM workflow_node_executions WHERE id = %s"}
_MESSAGES = {
    "message_agent_thoughts": "SELECT message_id::text FROM message_agent_thoughts WHERE id = %s",
    "conversations": "SELECT id::text FROM messages WHERE conversation_id = %s",
}


@dataclass
class Place:
    """A Dify, what reads it, and where it is read to."""

    dify: Connection
    source: DifyPostgres
    warehouse: Connection

    def read(self) -> None:
        """One pass over the source, with the sums that follow it."""
        read_source(self.warehouse, self.source, load_settings(EXAMPLE), sweep=True, wait_for_others=timedelta(0))
        roll_up(self.warehouse, changed_days(self.warehouse))

    def some_rows(self, hostile: Hostile, number: int) -> list[str]:
        """For what has stopped a source once, rows with figures of their own."""
        recent = sql.SQL(_RECENT if hostile.table in _DATED else "")
        if hostile in STOPPERS:
            recent += sql.SQL(_WITH_FIGURES.get(hostile.table, ""))
        select = sql.SQL("SELECT id::text FROM {} {} ORDER BY md5(id::text || %s) LIMIT 20")
        return self._ids(select.format(sql.Identifier(hostile.table), recent), str(number))

    def parts(self, table: str, row_id: str) -> Parts:
        """Its run's too where it is a node, its messages' where it is a thought or a conversation."""
        if table in _RUN:
            return Parts(frozenset({row_id}), frozenset(self._ids(sql.SQL(_RUN[table]), row_id)))
        messages = self._ids(sql.SQL(_MESSAGES[table]), row_id) if table in _MESSAGES else []
        return Parts(frozenset({row_id, *messages}), frozenset({row_id}))

    def change(self, hostile: Hostile, row_id: str) -> str | None:
        """The row as it was stands in a table of its own."""
        kept, table, column = _kept(row_id), sql.Identifier(hostile.table), sql.Identifier(hostile.column)
        self.dify.execute(
            sql.SQL("CREATE TEMP TABLE {} AS SELECT * FROM {} WHERE id = %s").format(kept, table), [row_id]
        )
        change = sql.SQL("UPDATE {} SET {} = %s WHERE id = %s RETURNING id::text").format(table, column)
        try:
            changed = self.dify.execute(change, [hostile.value, row_id]).fetchone()
        except (psycopg.Error, UnicodeEncodeError):
            self.dify.execute(sql.SQL("DROP TABLE {}").format(kept))
            return None
        assert changed
        return str(changed[0])

    def put_back(self, changed: Changed) -> None:
        """From the table that keeps it."""
        kept, table = _kept(changed.row_id), sql.Identifier(changed.hostile.table)
        self.dify.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(table), [changed.now_id])
        self.dify.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(table, kept))
        self.dify.execute(sql.SQL("DROP TABLE {}").format(kept))

    def _ids(self, select: sql.Composable, parameter: str) -> list[str]:
        return [str(found) for (found,) in self.dify.execute(select, [parameter]).fetchall()]


def _kept(row_id: str) -> sql.Identifier:
    return sql.Identifier(f"kept {row_id}")


@pytest.fixture(scope="module")
def place(postgres: EmbeddedServer) -> Iterator[Place]:
    """A small company that has been read."""
    with company_to_copy(
        postgres,
        lambda make, url: build_company(make, url, seed=97, days=2, calls_a_day=5, also=lambda h: [a_failed_agent(h)]),
    ) as company, connected(company.dify_url) as dify, connected(company.warehouse_url) as warehouse:  # fmt: skip
        copy_rows(dify, some_knowledge(company.history))
        source = DifyPostgres("main", company.dify_url)
        try:
            found = Place(dify, source, warehouse)
            found.read()
            assert_events_equal(warehouse, company.history.truth(company.history.now, KEY_RULES))
            yield found
        finally:
            source.close()


def test_any_value_in_any_row_costs_only_its_own_row(place: Place) -> None:
    played = list(sample(hostile_values(), len(examples(100, 5_000)), STOPPERS))
    assert play_all(place, played) > len(played) // 2, "too few were taken to mean anything"


def test_run_totals_that_no_bigint_holds_together_cost_only_their_runs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of one project in one moment: each fits into a bigint, their sum does not. Sums are compared as well."""
    before = figures(place.warehouse)
    place.dify.execute("CREATE TEMP TABLE kept_runs AS SELECT * FROM workflow_runs")
    changed = {
        str(run_id)
        for (run_id,) in place.dify.execute(
            "WITH chosen AS (SELECT id, min(created_at) OVER () AS at FROM workflow_runs WHERE app_id ="
            " (SELECT app_id FROM workflow_runs GROUP BY app_id ORDER BY count(*) DESC LIMIT 1)"
            " ORDER BY created_at DESC LIMIT 3)"
            " UPDATE workflow_runs r SET total_tokens = 9200000000000000000, created_at = chosen.at FROM chosen"
            " WHERE r.id = chosen.id RETURNING r.id::text"
        ).fetchall()
    }
    assert len(changed) == 3
    place.read()
    assert_rest_is_counted(before, figures(place.warehouse), changed, changed)
    assert_sane(place.warehouse)
    monkeypatch.setenv("DIFY_DATABASE_URL", str(place.dify.info.dsn))
    settings = load_settings(EXAMPLE)
    days = [settings.today() - timedelta(days=number) for number in range(3)]
    assert [result.says for result in reconcile(place.warehouse, settings, days) if result.failed] == []
    assert_rest_is_counted(before, figures(place.warehouse), changed, changed)

    place.dify.execute("DELETE FROM workflow_runs; INSERT INTO workflow_runs SELECT * FROM kept_runs")
    place.read()
    assert figures(place.warehouse) == before


@pytest.mark.parametrize(
    ("table", "wrongly", "which"),
    [
        (
            "workflow_node_executions",
            "node_type = 'NaN'",
            "node_type = 'tool' AND execution_metadata LIKE '%workflow%'",
        ),
        ("workflow_node_executions", "node_type = 'new'", "node_type IN ('iteration', 'loop')"),
        ("messages", "workflow_run_id = NULL, app_mode = 'chat'", "workflow_run_id IS NOT NULL"),
    ],
    ids=["a workflow as a tool", "a container", "a chatflow's message"],
)
def test_what_was_taken_for_a_call_is_none_once_its_row_says_that_it_repeats_others(
    place: Place, table: str, wrongly: str, which: str
) -> None:
    place.read()
    before, events = figures(place.warehouse), "SELECT count(*) FROM usage.usage_event"
    (counted,) = place.warehouse.execute(events).fetchall()[0]
    place.dify.execute(
        f"CREATE TEMP TABLE kept_row AS SELECT * FROM {table} WHERE {which} ORDER BY created_at DESC LIMIT 1".encode()
    )
    place.dify.execute(f"UPDATE {table} SET {wrongly} WHERE id = (SELECT id FROM kept_row)".encode())
    place.read()
    assert place.warehouse.execute(events).fetchall() == [(counted + 1,)]
    place.dify.execute(f"DELETE FROM {table} WHERE id = (SELECT id FROM kept_row)".encode())
    place.dify.execute(f"INSERT INTO {table} SELECT * FROM kept_row; DROP TABLE kept_row".encode())
    place.read()
    assert figures(place.warehouse) == before
