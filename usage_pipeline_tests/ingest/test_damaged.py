"""What cannot be read costs only itself, and is said: broken JSON, missing columns, unknown nodes, a lost source."""

import json
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from usage_pipeline.sources.node_json import node_row
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import KEY_RULES, Company, assert_events_equal, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of


@pytest.fixture(scope="module")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """A small company, not read yet."""
    with company_to_copy(
        postgres, lambda make, url: build_company(make, url, seed=41, days=3, calls_a_day=8), read=False
    ) as company:
        yield company


@pytest.fixture
def company(postgres: EmbeddedServer, pattern: Company) -> Iterator[Company]:
    """A copy of it, for the test alone."""
    with copy_of(postgres, pattern) as company:
        yield company


def _problems(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT kind, row_id FROM usage.source_problem ORDER BY 1, 2").fetchall()


def _some_llm(dify: Connection) -> str:
    row = dify.execute(
        "SELECT id::text FROM workflow_node_executions WHERE node_type = 'llm' AND status = 'succeeded'"
        " AND workflow_run_id IS NOT NULL AND process_data LIKE '%usage%'"
        " AND created_at > now() AT TIME ZONE 'UTC' - interval '40 hours' ORDER BY id LIMIT 1"  # within the look-back
    ).fetchone()
    assert row
    return str(row[0])


def test_one_row_with_broken_json_costs_only_its_own_figures(company: Company) -> None:
    with connected(company.dify_url) as dify:
        broken = _some_llm(dify)
        dify.execute(
            "UPDATE workflow_node_executions SET process_data = left(process_data, 60) WHERE id = %s", [broken]
        )
    summary = company.run()
    assert not summary.source_errors
    truth = {unit.event_id: unit for unit in company.history.truth(company.history.now, KEY_RULES)}
    damaged = truth[f"node:{broken}"]
    # The tokens and the price stand in execution_metadata; the split and the model were in what is broken.
    truth[damaged.event_id] = replace(damaged, input_tokens=0, output_tokens=0, provider=None, model=None)
    with connected(company.warehouse_url) as connection:
        found = connection.execute("SELECT total_tokens, model FROM usage.usage_event WHERE event_id = %s",
                                   [damaged.event_id]).fetchone()  # fmt: skip
        assert found == (damaged.total_tokens, None)
        if damaged.cost is not None:
            assert_events_equal(connection, truth.values())
        assert _problems(connection) == [("unreadable_json", broken)]


def test_a_text_that_is_mended_is_taken_off_the_list(company: Company) -> None:
    with connected(company.dify_url) as dify:
        broken = _some_llm(dify)
        dify.execute("CREATE TABLE kept AS SELECT process_data FROM workflow_node_executions WHERE id = %s", [broken])
        dify.execute("UPDATE workflow_node_executions SET process_data = '{\"a\": NaN, ' WHERE id = %s", [broken])
        company.run()
        dify.execute("UPDATE workflow_node_executions SET process_data = (SELECT process_data FROM kept) WHERE id = %s",
                     [broken])  # fmt: skip
    company.run()
    with connected(company.warehouse_url) as connection:
        assert _problems(connection) == []
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))


def test_columns_that_a_dify_lacks_are_named_and_the_rest_is_counted(company: Company) -> None:
    with connected(company.dify_url) as dify:
        dify.execute("ALTER TABLE messages DROP COLUMN app_mode, DROP COLUMN total_price, DROP COLUMN invoke_from")
    summary = company.run()
    assert not summary.source_errors
    truth = company.history.truth(company.history.now, KEY_RULES)
    with connected(company.warehouse_url) as connection:
        assert _problems(connection) == [
            ("missing_column", "messages.invoke_from"),
            ("missing_column", "messages.total_price"),
        ]
        total = connection.execute(
            "SELECT sum(total_tokens), count(*) FROM usage.usage_event WHERE basis = 'logged'"
        ).fetchone()
    assert total == (sum(unit.total_tokens for unit in truth), len(truth))


def test_a_node_type_that_is_not_known_yet_is_counted_and_said(company: Company) -> None:
    with connected(company.dify_url) as dify:
        dify.execute("UPDATE workflow_node_executions SET node_type = 'dream' WHERE id = %s", [_some_llm(dify)])
    company.run()
    truth = company.history.truth(company.history.now, KEY_RULES)
    with connected(company.warehouse_url) as connection:
        assert _problems(connection) == [("unknown_node_type", "dream")]
        total = connection.execute("SELECT sum(total_tokens) FROM usage.usage_event WHERE basis = 'logged'").fetchone()
    assert total == (sum(unit.total_tokens for unit in truth),)


def test_a_run_that_a_log_store_swallowed_is_said(company: Company) -> None:
    with connected(company.dify_url) as dify:
        row = dify.execute(
            "SELECT workflow_run_id::text FROM messages WHERE workflow_run_id IS NOT NULL"
            " AND created_at < now() - interval '1 hour' ORDER BY created_at LIMIT 1"
        ).fetchone()
        assert row
        dify.execute("DELETE FROM workflow_runs WHERE id = %s", [row[0]])
    company.run()
    with connected(company.warehouse_url) as connection:
        assert ("run_missing", row[0]) in _problems(connection)


def test_a_source_that_is_gone_is_said_and_its_alerts_still_go_out(company: Company) -> None:
    company.run()
    url = company.dify_url
    company.dify_url = url.replace("@/", "@/gone_")
    summary = company.run()
    assert not summary.ok
    assert "does not exist" in summary.source_errors["main"]
    assert summary.evaluation.rows > 0, "budgets are evaluated all the same"
    company.dify_url = url
    assert company.run().ok


@pytest.mark.parametrize(
    ("metadata", "process", "outputs", "tokens", "readable"),
    [
        ('{"total_tokens": 5}', None, None, ("5", None), True),
        ('{"total_tokens": 5}', '{"usage": {"prompt_tokens": 2}}', None, ("5", "2"), True),
        ("", "", "", (None, None), True),
        ("null", "[]", '"text"', (None, None), True),
        (None, "{", None, (None, None), False),
        ('{"total_tokens": NaN}', None, None, ("nan", None), True),
        (None, '{"usage": "..."}', '{"__usage": {"prompt_tokens": 3}}', (None, "3"), True),
        (None, "{" * 5000, None, (None, None), False),
    ],
)
def test_texts_are_read_one_by_one(
    metadata: str | None,
    process: str | None,
    outputs: str | None,
    tokens: tuple[str | None, str | None],
    readable: bool,
) -> None:
    plain = ("id", "run", "tenant", "app", "workflow", "workflow-run", "node", "llm", "Title", "succeeded", None, None,
             None)  # fmt: skip
    row = node_row((*plain, metadata, process, outputs))
    assert (row[12], row[16]) == tokens
    assert row[23] is readable


def test_what_is_not_a_number_counts_as_nothing(warehouse: Connection) -> None:
    for text, number in [("150", 150), ("150.0", 150), ("1e3", 1000), ("NaN", None), ("", None), ("-5", None),
                         ("abc", None), ("9" * 70, None), ("1e99", None), (" 7 ", 7)]:  # fmt: skip
        assert warehouse.execute("SELECT usage.as_tokens(%s)", [text]).fetchone() == (number,), text
    with pytest.raises(psycopg.errors.CheckViolation):
        warehouse.execute(
            "INSERT INTO usage.alert (alert_id, kind, budget_id, scope_value, period_start, tier, level, facts)"
            " VALUES ('x', 'budget', 'b', '', now(), 80, 'purple', %s)",
            [json.dumps({})],
        )
