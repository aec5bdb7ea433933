"""Model calls that tools make by themselves stand in one event each, at their workspace, whatever is read again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal, build_company


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str) -> Company:
    """A small company."""
    return build_company(new_database, warehouse_url, seed=51, days=2, calls_a_day=5)


def call(dify: Connection, *, tokens: int, price: str, moment: datetime, user: str | None = None) -> str:
    """One row as Dify writes it; returns its id."""
    row = dify.execute(
        "INSERT INTO tool_model_invokes (user_id, tenant_id, provider, tool_type, tool_name, model_parameters,"
        " prompt_messages, model_response, prompt_tokens, answer_tokens, answer_unit_price, total_price, currency,"
        " created_at) SELECT coalesce(%s, (SELECT id FROM accounts ORDER BY email LIMIT 1)),"
        " (SELECT id FROM tenants ORDER BY name LIMIT 1), 'langgenius/openai/openai', 'builtin', 'summary', '{}',"
        " 'a prompt', 'an answer', 0, %s, 0, %s, 'USD', %s RETURNING id::text",
        [user, tokens, price, moment.astimezone(UTC).replace(tzinfo=None)],
    ).fetchone()
    assert row
    return str(row[0])


def counted(connection: Connection) -> list[tuple[object, ...]]:
    """The events of tools, oldest first."""
    return connection.execute(
        "SELECT event_id, total_tokens, base_cost, status, caller_kind, provider, node_title,"
        " app_id = 'tools:' || tenant_id"
        " FROM usage.usage_event WHERE event_id LIKE 'tool_call:%' ORDER BY occurred_at"
    ).fetchall()


def test_each_stands_in_one_event_and_its_update_is_seen(company: Company) -> None:
    now = datetime.now(UTC)
    with connected(company.dify_url) as dify:
        old = call(dify, tokens=40, price="0.0004", moment=now - timedelta(days=400))
        new = call(dify, tokens=0, price="0", moment=now - timedelta(minutes=5))
        company.run()
        dify.execute("UPDATE tool_model_invokes SET answer_tokens = 25, total_price = 0.00025 WHERE id = %s", [new])
    summary = company.run()
    assert sum(result.events_changed for result in summary.ingested) == 1
    assert not summary.differences
    assert sum(result.events_changed for result in company.run().ingested) == 0
    with connected(company.warehouse_url) as connection:
        assert counted(connection) == [
            (f"tool_call:{old}", 40, Decimal("0.00284"), "succeeded", "tool", "openai", "summary", True),
            (f"tool_call:{new}", 25, Decimal("0.001775"), "succeeded", "tool", "openai", "summary", True),
        ]
        project = connection.execute("SELECT name, gone_at FROM usage.project WHERE mode = 'tools'").fetchall()
        assert project == [("(tools of the workspace)", None)]
        tokens = connection.execute(
            "SELECT sum(total_tokens) FROM usage.daily_project_usage WHERE app_id LIKE 'tools:%'"
        ).fetchone()
        assert tokens == (65,)
        connection.execute("DELETE FROM usage.usage_event WHERE event_id LIKE 'tool_call:%'")
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))


def test_they_stand_in_the_configured_environment(company: Company, tmp_path: Path) -> None:
    company.config = tmp_path / "c.yaml"
    company.config.write_text(
        EXAMPLE.read_text(encoding="utf-8").replace("version: 1", "version: 1\ndefault_environment: live", 1),
        encoding="utf-8",
    )
    with connected(company.dify_url) as dify:
        call(dify, tokens=7, price="0.1", moment=datetime.now(UTC) - timedelta(hours=1))
    company.run()
    with connected(company.warehouse_url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT environment FROM usage.usage_event WHERE event_id LIKE 'tool_call:%'"
        ).fetchall()
    assert rows == [("live",)]


def test_what_dify_deletes_stays_counted(company: Company) -> None:
    with connected(company.dify_url) as dify:
        call(dify, tokens=7, price="0.1", moment=datetime.now(UTC) - timedelta(hours=1))
        company.run()
        dify.execute("DELETE FROM tool_model_invokes")
    company.run()
    with connected(company.warehouse_url) as connection:
        assert [row[1] for row in counted(connection)] == [7]


def test_a_role_that_may_not_read_them_is_said_and_the_rest_is_counted(company: Company) -> None:
    with connected(company.dify_url) as dify:
        dify.execute("DROP TABLE tool_model_invokes")
    assert not company.run().source_errors
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        problems = connection.execute("SELECT kind, row_id FROM usage.source_problem").fetchall()
        assert problems == [("missing_column", "tool_model_invokes")]


def test_a_table_too_slow_to_read_is_said_and_the_rest_is_counted(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    from usage_pipeline.sources.dify_postgres import DifyPostgres  # noqa: PLC0415

    def slow(self: DifyPostgres, warehouse: Connection, since: datetime) -> None:
        raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")

    with monkeypatch.context() as patch:
        patch.setattr(DifyPostgres, "stage_tool_calls", slow)
        assert not company.run().source_errors
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        kinds = connection.execute("SELECT kind FROM usage.source_problem").fetchall()
        assert kinds == [("tool_calls_unread",)]
        company.run()
        assert connection.execute("SELECT kind FROM usage.source_problem").fetchall() == []


def test_one_set_aside_long_ago_is_counted_when_it_becomes_right(company: Company) -> None:
    with connected(company.dify_url) as dify:
        moment = datetime.now(UTC) - timedelta(days=60)
        mended, deleted = (call(dify, tokens=-5, price="0", moment=moment) for _ in range(2))
        company.run()
        with connected(company.warehouse_url) as connection:
            aside = connection.execute(
                "SELECT row_id, row_kind, run_id, detail FROM usage.source_problem WHERE kind = 'set_aside'"
            ).fetchall()
            says = "not counted until it is right: tool_model_invokes.answer_tokens is -5"
            assert sorted(aside) == sorted((row_id, "tool_call", None, says) for row_id in (mended, deleted))
            assert not counted(connection)
            dify.execute("UPDATE tool_model_invokes SET answer_tokens = 5 WHERE id = %s", [mended])
            dify.execute("DELETE FROM tool_model_invokes WHERE id = %s", [deleted])
            company.run()
            assert [row[:2] for row in counted(connection)] == [(f"tool_call:{mended}", 5)]
            assert not connection.execute("SELECT FROM usage.source_problem WHERE kind = 'set_aside'").fetchall()
