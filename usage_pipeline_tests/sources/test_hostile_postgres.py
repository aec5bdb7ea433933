"""Whatever one row of a Dify on PostgreSQL holds, it is set aside or counted, and all others count."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from usage_pipeline.fake_dify.write import copy_rows
from usage_pipeline.ingest.read_source import read_source
from usage_pipeline.settings import load_settings
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, a_failed_agent, assert_events_equal, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy
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


@pytest.fixture(scope="module")
def place(postgres: EmbeddedServer) -> Iterator[Place]:
    """A small company that has been read."""
    with company_to_copy(
        postgres,
        lambda make, url: build_company(make, url, seed=97, days=2, calls_a_day=25, also=lambda h: [a_failed_agent(h)]),
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


_DATED = ("messages", "workflow_runs", "workflow_node_executions", "tool_model_invokes", "documents")
_RECENT = "WHERE created_at > now() AT TIME ZONE 'UTC' - interval '40 hours'"


# Rows whose own figures are counted: a chatflow's message and most nodes have none.
_WITH_FIGURES = {"messages": " AND workflow_run_id IS NULL", "workflow_node_executions": " AND node_type = 'llm'"}


def _some_row(dify: Connection, table: str, number: int) -> str | None:
    """The id of a row that a pass reads again; for what has stopped a source once, of one with figures of its own."""
    recent = sql.SQL(_RECENT if table in _DATED else "")
    if number < len(STOPPERS):
        recent += sql.SQL(_WITH_FIGURES.get(table, ""))
    select = sql.SQL("SELECT id::text FROM {} {} ORDER BY md5(id::text || %s) LIMIT 1")
    found = dify.execute(select.format(sql.Identifier(table), recent), [str(number)]).fetchone()
    return str(found[0]) if found else None


def _with_its_parts(dify: Connection, table: str, row_id: str) -> tuple[set[str], set[str]]:
    """The ids of rows and runs whose figures the row has a part in."""
    if table == "workflow_node_executions":
        runs = dify.execute(
            "SELECT workflow_run_id::text FROM workflow_node_executions WHERE id = %s", [row_id]
        ).fetchall()
        return {row_id}, {str(run) for (run,) in runs}
    if table == "message_agent_thoughts":
        found = dify.execute("SELECT message_id::text FROM message_agent_thoughts WHERE id = %s", [row_id]).fetchall()
        return {str(message) for (message,) in found}, set()
    if table == "conversations":
        found = dify.execute("SELECT id::text FROM messages WHERE conversation_id = %s", [row_id]).fetchall()
        return {str(message) for (message,) in found}, set()
    return {row_id}, {row_id}


def _problems(warehouse: Connection) -> set[tuple[object, ...]]:
    return set(warehouse.execute("SELECT kind, row_id FROM usage.source_problem").fetchall())


def play(place: Place, hostile: Hostile, number: int) -> bool:
    """Gives one row the value, reads, compares, puts it back and reads again. Returns whether the database took it."""
    row_id = _some_row(place.dify, hostile.table, number)
    if row_id is None:
        return False
    before, problems = figures(place.warehouse), _problems(place.warehouse)
    row_ids, runs = _with_its_parts(place.dify, hostile.table, row_id)
    table, column = sql.Identifier(hostile.table), sql.Identifier(hostile.column)
    place.dify.execute(sql.SQL("CREATE TEMP TABLE kept AS SELECT * FROM {} WHERE id = %s").format(table), [row_id])
    try:
        changed = place.dify.execute(
            sql.SQL("UPDATE {} SET {} = %s WHERE id = %s RETURNING id::text").format(table, column),
            [hostile.value, row_id],
        ).fetchone()
    except (psycopg.Error, UnicodeEncodeError):
        place.dify.execute("DROP TABLE kept")
        return False
    assert changed
    now_id = str(changed[0])
    try:
        place.read()
        now = figures(place.warehouse)
        others, other_runs = _with_its_parts(place.dify, hostile.table, now_id)
        assert_rest_is_counted(before, now, row_ids | others | {row_id, now_id}, runs | other_runs)
        assert_sane(place.warehouse)
        lost = {
            name for name in before if name.endswith((row_id, *row_ids)) and name not in now and "stopped:" not in name
        }
        assert not {name for name in lost if not name.startswith("residual:")}, "what was counted once stays counted"
    finally:
        place.dify.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(table), [now_id])
        place.dify.execute(sql.SQL("INSERT INTO {} SELECT * FROM kept").format(table))
        place.dify.execute("DROP TABLE kept")
    place.read()
    after = figures(place.warehouse)
    if now_id != row_id:
        place.warehouse.execute("DELETE FROM usage.usage_event WHERE split_part(event_id, ':', 2) = %s", [now_id])
        after = figures(place.warehouse)
    assert after == before, "a row that is right again is counted as it was"
    stale = {
        problem for problem in _problems(place.warehouse) - problems if problem[0] in ("set_aside", "unreadable_json")
    }
    assert not stale, "a problem that is over is taken off"
    return True


@pytest.mark.parametrize("part", range(4))
def test_any_value_in_any_row_costs_only_its_own_row(place: Place, part: int) -> None:
    size = len(examples(80, 3_200))
    for number, hostile in enumerate(sample(hostile_values(), size, STOPPERS)):
        if number % 4 == part:
            try:
                play(place, hostile, number)
            except Exception as error:
                raise AssertionError(
                    f"example {number}: {hostile.table}.{hostile.column} = {str(hostile.value)[:80]!r}"
                ) from error
