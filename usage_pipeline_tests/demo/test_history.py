"""The made-up Dify keeps its word: deterministic, true to Dify's habits, and its truth is the sum of its calls."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.demo.play import time_to_wait
from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_workflow import workflow_call
from usage_pipeline.fake_dify.history import build_history, true_units
from usage_pipeline.fake_dify.schema import VERSIONS, create_dify_schema
from usage_pipeline.fake_dify.world import ZONES, FakeApp, Node, build_world
from usage_pipeline.fake_dify.write import rows_as_of, write_history, write_step
from usage_pipeline.sources.dify_postgres.schema import read_schema
from usage_pipeline.warehouse.connection import Connection, connected

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TABLES = ("messages", "workflow_runs", "workflow_node_executions", "message_agent_thoughts", "workflow_app_logs")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_schema_of_every_version_builds_and_is_recognised(version: str, empty_database: str) -> None:
    with connected(empty_database) as connection:
        create_dify_schema(connection, version)
        schema = read_schema(connection)
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert schema.missing == ()
    assert tables
    assert int(str(tables[0])) > 20
    assert schema.has_pipelines == (version in ("1.9.0", "1.12.1", "1.15.0"))


def test_the_same_seed_makes_the_same_company() -> None:
    first, second = (build_history(3, NOW, days=4) for _ in range(2))
    assert first.truth(NOW) == second.truth(NOW)
    assert first.canaries == second.canaries
    assert first.truth(NOW) != build_history(4, NOW, days=4).truth(NOW)


def test_writing_fast_is_writing_step_by_step(new_database: Callable[[], str]) -> None:
    history = build_history(5, NOW, days=1)
    fast, slow = new_database(), new_database()
    for url in (fast, slow):
        with connected(url) as connection:
            create_dify_schema(connection)
    with connected(fast) as connection:
        write_history(connection, history, NOW)
        quick = _rows(connection)
    with connected(slow) as connection:
        write_history(connection, history, NOW - timedelta(days=9))
        seen: set[tuple[str, str]] = set()
        with connection.transaction():
            steps = [step for call in history.calls for step in sorted(call.steps, key=lambda step: step.at)]
            for step in steps:
                if step.at <= NOW:
                    write_step(connection, step, insert=(step.table, step.key) not in seen)
                    seen.add((step.table, step.key))
        assert _rows(connection) == quick


def _rows(connection: Connection) -> dict[str, list[str]]:
    return {
        table: sorted(str(row[0]) for row in connection.execute(f"SELECT t::text FROM {table} t".encode()))
        for table in TABLES
    }


def test_a_chatflow_repeats_itself_as_dify_does() -> None:
    """One LLM and an iteration of three: rows and message say too much, the leaves and the run say the truth."""
    rng = random.Random(1)
    world = build_world(rng, NOW - timedelta(days=9), lambda number: NOW - timedelta(days=8))
    child = Node("each", "llm", "Each", "gpt-4o-mini")
    app = FakeApp("a" * 32, world.tenants["Marketing"][0], "small", "advanced-chat", "gpt-4o-mini", nodes=(
        Node("one", "llm", "One", "gpt-4o-mini"), Node("it", "iteration", "Three", None, (child,), 3)))  # fmt: skip
    world.apps["small"] = app
    call = workflow_call(world, rng, app, caller_for(world, rng, app, "api"), NOW - timedelta(hours=1))
    rows = rows_as_of([call], NOW)
    run = next(iter(rows["workflow_runs"].values()))
    message = next(iter(rows["messages"].values()))
    units = true_units(world, [call], NOW)
    leaves = {unit.node_id: 0 for unit in units}
    for unit in units:
        leaves[unit.node_id] += unit.total_tokens
    assert len(units) == 4
    assert run["total_tokens"] == leaves["one"] + leaves["each"]
    assert message["message_tokens"] == leaves["one"] + 2 * leaves["each"]


MIDNIGHT = datetime(2026, 11, 20, tzinfo=ZoneInfo(ZONES["Marketing"]))
AGES = (timedelta(minutes=1), timedelta(minutes=9), timedelta(hours=1), timedelta(hours=17), timedelta(hours=23.97))


@pytest.mark.parametrize("age", AGES, ids=str)
def test_the_runaway_breaks_two_million_tokens_today_however_young_the_day_is(age: timedelta) -> None:
    now = (MIDNIGHT + age).astimezone(UTC)
    history = build_history(2026, now, days=5)
    app = history.world.apps["lead-enricher"]
    spent = sum(u.total_tokens for u in history.truth(now) if u.app_id == app.app_id and u.occurred_at >= MIDNIGHT)
    assert 2_000_000 < spent < 4_000_000
    assert all(isinstance(u.cost, Decimal | None) for u in history.truth(now))


_DAY, _SOON = timedelta(days=1) - timedelta(microseconds=1), timedelta(minutes=3)


@given(age=st.timedeltas(timedelta(0), _SOON) | st.timedeltas(_SOON, _DAY - _SOON) | st.timedeltas(_DAY - _SOON, _DAY))
def test_the_demo_waits_at_midnight_only_and_then_has_a_day_before_it(age: timedelta) -> None:
    now = (MIDNIGHT + age).astimezone(UTC)
    wait = time_to_wait(now)
    assert timedelta(0) <= wait <= timedelta(seconds=150)
    assert not wait or min(age, timedelta(days=1) - age) < timedelta(seconds=90)
    begun = now + wait
    assert time_to_wait(begun) == timedelta(0)
    assert (
        begun.astimezone(MIDNIGHT.tzinfo).date() == (begun + timedelta(seconds=90)).astimezone(MIDNIGHT.tzinfo).date()
    )
