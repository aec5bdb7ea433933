"""Counting begins where a source staged anything, in whichever of its tables, and only there."""

from datetime import UTC, datetime, timedelta

import pytest

from usage_pipeline.ingest import counting
from usage_pipeline.ingest.counting import count_staged, counting_rules, open_staging
from usage_pipeline.settings import parse_settings
from usage_pipeline.sources.base import DIFY
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value, values
from usage_pipeline.warehouse.statements import statement

# Whom calls belong to is kept by itself; a key's record and a node's model say something of calls that are staged too.
_ABOUT_CALLS = {"stage_tenant", "stage_project", "stage_api_key", "stage_workflow_tool", "stage_key_record",
                "stage_node_model"}  # fmt: skip
_MADE_OF_THEM = {"stage_event"}


def _staged(warehouse: Connection) -> bool:
    return value(warehouse, bool, statement("ingest/anything_staged"))


def test_a_row_in_any_table_that_sources_fill_is_something(warehouse: Connection) -> None:
    open_staging(warehouse)
    tables = values(
        warehouse,
        str,
        "SELECT relname::text FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"
        " AND (relname LIKE 'stage\\_%' OR relname = 'aside')",
    )
    filled = set(tables) - _ABOUT_CALLS - _MADE_OF_THEM
    assert len(filled) >= 7
    for table in filled:
        with warehouse.transaction():
            assert not _staged(warehouse), "emptied with each commit"
            warehouse.execute(f"INSERT INTO {table} DEFAULT VALUES".encode())
            assert _staged(warehouse), table


def test_nothing_is_counted_of_nothing(warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def counts(*_: object) -> None:
        raise AssertionError("counted")

    monkeypatch.setattr(counting, "make_events", counts)
    open_staging(warehouse)
    rules = counting_rules(parse_settings("version: 1", "c.yaml"), "main")
    with warehouse.transaction():
        assert count_staged(warehouse, DIFY, rules.booking_parameters()) == 0
        warehouse.execute("INSERT INTO stage_message (id) VALUES ('m')")
        with pytest.raises(AssertionError, match="counted"):
            count_staged(warehouse, DIFY, rules.booking_parameters())


def test_a_message_that_two_selections_brought_counts_once_as_the_later_one_read_it(warehouse: Connection) -> None:
    """One of 1985 lies in the first window, and among those of no time that any Dify had."""
    open_staging(warehouse)
    rules = counting_rules(parse_settings("version: 1", "c.yaml"), "main")
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with warehouse.transaction():
        for tokens in (100, 250):
            warehouse.execute(
                "INSERT INTO stage_message (id, app_id, mode, input_tokens, output_tokens, price, status, has_answer,"
                " has_unit_price, created_at) VALUES ('m', 'a', 'chat', %s, 0, 0, 'normal', true, true, %s)",
                [tokens, now - timedelta(hours=1)],
            )
        assert count_staged(warehouse, DIFY, rules.parameters(now, now - timedelta(days=3))) == 1
    counted = warehouse.execute("SELECT event_id, total_tokens FROM usage.usage_event").fetchall()
    assert counted == [("message:m", 250)]
