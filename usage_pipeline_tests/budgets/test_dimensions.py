"""Each dimension of a budget is described so that statements made of the descriptions run, and is documented."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from usage_pipeline.budgets.dimension_sql import fragments, with_dimensions
from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.settings import Settings
from usage_pipeline.settings.dimensions import BY_KEY, DIMENSIONS, Dimension
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import values
from usage_pipeline.warehouse.statements import sql_folder
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_version, write_world

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)

_COLUMNS = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'usage' AND table_name = %s"
each = pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda dimension: dimension.key)


def columns(connection: Connection, table: str) -> set[str]:
    return set(values(connection, str, _COLUMNS, [table.removeprefix("usage.")]))


@each
def test_its_columns_are_where_it_says(dimension: Dimension, warehouse: Connection) -> None:
    its = {*dimension.value, *([dimension.title] if dimension.title else [])}
    assert its <= columns(warehouse, "usage_event")
    assert dimension.daily == (its <= columns(warehouse, "daily_usage")), "daily: usage.daily_usage has its columns"
    if by := dimension.named_by:
        assert {"source", dimension.id, *by.columns} <= columns(warehouse, by.table)
        assert {"source", dimension.id, "usage_date"} <= columns(warehouse, by.days)
        assert 1 <= len(by.columns) <= 2


@each
def test_what_it_lies_in_is_a_dimension_and_lies_there_too(dimension: Dimension) -> None:
    for key in dimension.lies_in:
        assert set(BY_KEY[key].lies_in) <= set(dimension.lies_in)
    assert dimension.shown_after is None or dimension.shown_after in dimension.lies_in


@each
def test_it_is_documented(dimension: Dimension) -> None:
    text = Path("docs/budgets.md").read_text(encoding="utf-8")
    assert f"`{dimension.key}`" in text.partition("## Pools")[0]


def test_stored_values_keep_their_order() -> None:
    """Values and names are stored with their parts in this order; a dimension that came later stands behind."""
    known = ("tenant", "environment", "project", "api_key", "caller", "provider", "model", "node")
    assert tuple(BY_KEY)[: len(known)] == known


def test_an_older_warehouse_keeps_its_values(warehouse: Connection) -> None:
    """What stood in a column a dimension stands in `scope`, as it would if the value were new."""
    per = [[dimension.key] for dimension in DIMENSIONS] + [["tenant", "model"], ["api_key", "environment"]]
    budgets = [{"id": f"b{n}", "per": keys, "period": "day", "limit": {"tokens": 1}} for n, keys in enumerate(per)]
    world = World(("UTC",), ("bot", "crm"))
    events = [Event(number=number, tenant=0, project=number, key=number, caller="alice", model="gpt-5", node="llm1",
                    occurred_at=NOW, input_tokens=1, output_tokens=1, cost=None) for number in (0, 1)]  # fmt: skip
    write_world(warehouse, world)
    write_events(warehouse, world, events)
    roll_up(warehouse, [NOW.date()])
    version = write_version(warehouse)
    with warehouse.transaction():
        evaluate_budgets(warehouse, Settings.model_validate({"version": 1, "budgets": budgets}), version, NOW)
    scopes = "SELECT scope_value || ' ' || scope::text FROM usage.budget_value ORDER BY value_id"
    now = values(warehouse, str, scopes)
    assert len(now) == len({*now}) > len(budgets)
    with warehouse.transaction(force_rollback=True):
        for column in ("environment", "caller_kind", "caller_id", "provider", "model", "node_id"):
            warehouse.execute(f"ALTER TABLE usage.budget_value ADD COLUMN {column} text".encode())
            warehouse.execute(f"UPDATE usage.budget_value SET {column} = scope ->> '{column}'".encode())
        warehouse.execute("ALTER TABLE usage.budget_value DROP COLUMN scope")
        warehouse.execute((sql_folder() / "migrations" / "0013_scopes.sql").read_bytes())
        assert values(warehouse, str, scopes) == now


def test_no_statement_asks_for_a_part_that_is_not_made() -> None:
    asked, made = set(), set(fragments())
    for path in (*sql_folder().glob("budgets/*.sql"), *sql_folder().glob("anomalies/*.sql")):
        asked |= set(re.findall(r"(?<!:):([a-z_]+)", with_dimensions(f"{path.parent.name}/{path.stem}")))
    # Put in by others: rows of either kind, the scope, the period, the level, where what is usual is kept.
    assert asked <= {"rows", "fits_scope", "in_scope", "in_period", "levels", "rhythm"}
    assert not asked & made
