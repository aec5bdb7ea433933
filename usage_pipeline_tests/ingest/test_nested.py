"""Workflows called as tools: booked to their own project or to the topmost calling one, never to both."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from usage_pipeline.fake_dify.callers import Caller, caller_for
from usage_pipeline.fake_dify.calls_workflow import workflow_call
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.scripts import TrueUnit
from usage_pipeline.fake_dify.world import build_world
from usage_pipeline.fake_dify.write import write_history
from usage_pipeline.ingest.recount import recount
from usage_pipeline.settings import load_settings
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal

SOURCES = ("api", "web", "explore", "mcp", "webhook", "schedule", "debug")


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str) -> Company:
    """Calls that nest three deep, from every entry point."""
    rng = random.Random(81)
    now = datetime.now(UTC)
    world = build_world(rng, now - timedelta(days=40), lambda number: now - timedelta(days=40 - number))
    calls = []
    for minutes, (name, source) in enumerate((n, s) for n in ("triage-flow", "helpdesk-chatflow") for s in SOURCES):
        app = world.apps[name]
        caller = caller_for(world, rng, app, source)
        moment = now - timedelta(hours=3, minutes=7 * minutes)
        calls.append(workflow_call(world, rng, app, caller, moment))
    # Also the child by itself, at the same time, for the same people of its own.
    for minutes in (1, 8, 15):
        app = world.apps["summarize-ticket"]
        caller = caller_for(world, rng, app, "api")
        calls.append(workflow_call(world, rng, app, caller, now - timedelta(hours=3, minutes=minutes)))
    history = History(world, calls, now)
    url = new_database()
    with connected(url) as connection:
        create_dify_schema(connection)
        write_history(connection, history, now)
    return Company(url, warehouse_url, history)


def booked_to_callers(company: Company) -> list[TrueUnit]:
    """The truth, with each unit at the project that was called from outside."""
    found = []
    for call in company.history.calls:
        # A run is noted when it ends: the topmost one last.
        top = call.runs[-1].residual.app_id
        one = History(company.history.world, [call], company.history.now)
        found += [replace(unit, app_id=top) for unit in one.truth(company.history.now, KEY_RULES)]
    return found


def with_callers(folder: Path) -> Path:
    """The example configuration with nested workflows booked to their callers."""
    path = folder / "callers.yaml"
    path.write_text(EXAMPLE.read_text(encoding="utf-8") + "counting: {nested: caller}\n", encoding="utf-8")
    return path


def days_of(connection: Connection) -> list[date]:
    """Every day with events."""
    rows = connection.execute("SELECT DISTINCT usage_date FROM usage.usage_event").fetchall()
    return [day for (day,) in rows if isinstance(day, date)]


def test_the_child_pays_by_default_and_the_topmost_caller_where_told_so(company: Company, tmp_path: Path) -> None:
    truth = company.history.truth(company.history.now, KEY_RULES)
    callers = booked_to_callers(company)
    assert {u.event_id for u in truth} == {u.event_id for u in callers}
    moved = sum(a.app_id != b.app_id for a, b in zip(truth, callers, strict=True))
    assert moved > 10
    company.run()
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, truth)
        # Changing one's mind is a backfill, there and back.
        recount(connection, load_settings(with_callers(tmp_path)), days_of(connection))
        assert_events_equal(connection, callers)
        assert connection.execute("SELECT count(*) FROM usage.source_problem").fetchone() == (0,)
        recount(connection, load_settings(EXAMPLE), days_of(connection))
        assert_events_equal(connection, truth)


def test_a_fresh_count_books_to_callers_too_and_stays(company: Company, tmp_path: Path) -> None:
    company.config = with_callers(tmp_path)
    summary = company.run()
    assert not summary.differences
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, booked_to_callers(company))
    assert sum(result.events_changed for result in company.run().ingested) == 0


def test_a_child_that_is_read_before_its_caller_has_ended_moves_when_it_has(company: Company, tmp_path: Path) -> None:
    company.config = with_callers(tmp_path)
    with connected(company.dify_url) as dify:
        dify.execute("CREATE TABLE kept AS SELECT * FROM workflow_node_executions WHERE node_type = 'tool'")
        dify.execute("UPDATE workflow_node_executions SET execution_metadata = '{\"iteration_id\": null}',"
                     " finished_at = NULL, status = 'running' WHERE node_type = 'tool'")  # fmt: skip
        company.run()
        dify.execute(
            "UPDATE workflow_node_executions n SET execution_metadata = k.execution_metadata,"
            " finished_at = k.finished_at, status = k.status FROM kept k WHERE k.id = n.id"
        )
        dify.execute("DROP TABLE kept")
    summary = company.run()
    assert not summary.differences
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, booked_to_callers(company))


def test_where_two_projects_may_have_called_it_stays_the_childs_own_and_is_said(
    company: Company, tmp_path: Path
) -> None:
    company.config = with_callers(tmp_path)
    with connected(company.dify_url) as dify:
        # The same account explores two projects at once, and both call the same workflow.
        run = dify.execute(
            "SELECT r.id FROM workflow_runs r JOIN workflow_app_logs l ON l.workflow_run_id = r.id"
            " JOIN apps a ON a.id = r.app_id WHERE l.created_from = 'installed-app' AND a.name = 'triage-flow'"
        ).fetchone()
        assert run
        _copy_run_to_another_project(dify, str(run[0]), "campaign-flow")
    company.run()
    with connected(company.warehouse_url) as connection:
        said = connection.execute(
            "SELECT p.name FROM usage.source_problem s JOIN usage.run_ledger l ON l.run_id = s.row_id"
            " JOIN usage.project p ON p.app_id = l.app_id WHERE s.kind = 'nested_ambiguous' ORDER BY 1"
        ).fetchall()
        booked = connection.execute(
            "SELECT DISTINCT p.name FROM usage.source_problem s JOIN usage.usage_event e ON e.run_id = s.row_id"
            " JOIN usage.project p ON p.app_id = e.app_id ORDER BY 1"
        ).fetchall()
    assert said == [("summarize-ticket",), ("translate-reply",)]
    assert booked == said


def _copy_run_to_another_project(dify: Connection, run_id: str, app: str) -> None:
    for table, key in (("workflow_runs", "id"), ("workflow_node_executions", "workflow_run_id")):
        dify.execute(f"CREATE TEMP TABLE copied AS SELECT * FROM {table} WHERE {key} = %s".encode(), [run_id])
        dify.execute(b"UPDATE copied SET id = gen_random_uuid(), app_id = (SELECT id FROM apps WHERE name = %s)", [app])
        if table == "workflow_runs":
            new = dify.execute("UPDATE copied SET total_tokens = 0 RETURNING id").fetchone()
            assert new
        else:
            dify.execute("UPDATE copied SET workflow_run_id = %s", [new[0]])
        dify.execute(f"INSERT INTO {table} SELECT * FROM copied".encode())
        dify.execute("DROP TABLE copied")


def test_an_agent_that_calls_a_workflow_is_known_by_its_user(company: Company, tmp_path: Path) -> None:
    """An agent's steps are no nodes: only the end user's app tells whose call it was."""
    company.config = with_callers(tmp_path)
    world = company.history.world
    agent, child = world.apps["regression-test"], world.apps["summarize-ticket"]
    rng = random.Random(5)
    asked = caller_for(world, rng, agent, "api")
    caller = Caller("nested", asked.caller_id, "service-api", created_from="service-api", user=asked.user)
    call = workflow_call(world, rng, child, caller, company.history.now - timedelta(hours=1))
    with connected(company.dify_url) as dify:
        from usage_pipeline.fake_dify.write import add_users, copy_rows, rows_as_of  # noqa: PLC0415

        known = {str(row[0]) for row in dify.execute("SELECT id FROM end_users")}
        add_users(dify, world, known)
        copy_rows(dify, rows_as_of([call], company.history.now))
    company.run()
    with connected(company.warehouse_url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT app_id FROM usage.usage_event WHERE run_id = %s", [call.runs[-1].residual.run_id]
        ).fetchall()
        assert rows == [(agent.app_id,)]
