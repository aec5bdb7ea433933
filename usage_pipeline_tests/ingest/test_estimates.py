"""Estimates stand beside what Dify logged, never in it: stopped answers and embedded documents."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from usage_pipeline.fake_dify.knowledge import document_id, knowledge_rows, summary_id
from usage_pipeline.fake_dify.write import copy_rows
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of

Row = tuple[object, ...]


@pytest.fixture(scope="module")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """A small company without stopped answers of its own, not read yet."""
    with company_to_copy(
        postgres, lambda make, url: build_company(make, url, seed=91, days=2, calls_a_day=5), read=False
    ) as company:
        with connected(company.dify_url) as dify:
            dify.execute(
                "UPDATE messages SET answer = '' WHERE message_tokens + answer_tokens = 0 AND status = 'normal'"
            )
        yield company


@pytest.fixture
def company(postgres: EmbeddedServer, pattern: Company) -> Iterator[Company]:
    """A copy of it, for the test alone."""
    with copy_of(postgres, pattern) as company:
        yield company


def stop(dify: Connection, prompt: object, answer: str, *, query: str = "?") -> str:
    """Makes an answered message one whose answer was stopped, as Dify stores it; returns its id."""
    row = dify.execute(
        "UPDATE messages SET message_tokens = 0, answer_tokens = 0, total_price = 0, answer = %s, query = %s,"
        " message = %s, message_unit_price = 2.5, answer_unit_price = 10, message_price_unit = 0.000001,"
        " answer_price_unit = 0.000001, currency = 'USD' WHERE id = (SELECT m.id FROM messages m JOIN apps a ON"
        " a.id = m.app_id WHERE a.mode = 'completion' AND m.message_tokens > 0 ORDER BY m.id LIMIT 1)"
        " RETURNING id::text",
        [answer, query, json.dumps(prompt)],
    ).fetchone()
    assert row
    return str(row[0])


def estimates(connection: Connection) -> list[Row]:
    """Every estimated event."""
    return connection.execute(
        "SELECT event_id, input_tokens, output_tokens, total_tokens, cost, currency, price_source, status"
        " FROM usage.usage_event WHERE basis = 'estimated' ORDER BY event_id"
    ).fetchall()


@pytest.mark.parametrize(
    ("prompt", "answer", "tokens_in", "tokens_out"),
    [
        ([{"role": "system", "text": "a" * 40}, {"role": "user", "text": "b" * 39}], "c" * 9, 20, 3),
        ([{"role": "user", "text": "你好吗" * 4}], "好" * 8, 9, 6),
        ([{"role": "user", "text": "zero \x00 \ud83d and \\u0000 \U0001f600"}], "x", None, 1),
        ({"not": "a list"}, "word", 1, 1),
        ([], "word", 1, 1),
        ([{"role": "user"}, "odd", None], "word", 1, 1),
    ],
)
def test_a_stopped_answer_has_an_estimate_of_its_own(
    company: Company, prompt: object, answer: str, tokens_in: int | None, tokens_out: int
) -> None:
    with connected(company.dify_url) as dify:
        message_id = stop(dify, prompt, answer)
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    with connected(company.warehouse_url) as connection:
        (row,) = estimates(connection)
        event_id, given_tokens, taken_tokens, total, cost, *rest = row
        assert event_id == f"stopped:{message_id}"
        assert taken_tokens == tokens_out
        assert given_tokens == (tokens_in if tokens_in is not None else given_tokens)
        assert 0 < int(str(given_tokens)) < 60
        assert total == int(str(given_tokens)) + tokens_out
        assert cost == (int(str(given_tokens)) * Decimal("2.5") + tokens_out * 10) / 1_000_000
        assert rest == ["USD", "dify", "stopped"]
        logged = connection.execute(
            "SELECT total_tokens, cost, status, basis FROM usage.usage_event WHERE event_id = %s",
            [f"message:{message_id}"],
        ).fetchone()
        assert logged == (0, 0, "stopped", "logged")
        daily = connection.execute(
            "SELECT sum(estimated_tokens), sum(total_tokens) - (SELECT sum(total_tokens) FROM usage.usage_event"
            " WHERE basis = 'logged'), sum(base_cost) - (SELECT sum(base_cost) FROM usage.usage_event"
            " WHERE basis = 'logged') FROM usage.daily_usage"
        ).fetchone()
        assert daily == (total, 0, 0)
    assert sum(result.events_changed for result in company.run().ingested) == 0


def test_an_estimate_goes_when_dify_has_the_tokens_after_all(company: Company) -> None:
    with connected(company.dify_url) as dify:
        message_id = stop(dify, [{"role": "user", "text": "hello"}], "word")
        company.run()
        dify.execute("UPDATE messages SET message_tokens = 7, answer_tokens = 3 WHERE id = %s", [message_id])
    summary = company.run()
    assert not summary.differences
    with connected(company.warehouse_url) as connection:
        assert estimates(connection) == []
        tokens = connection.execute("SELECT sum(estimated_tokens) FROM usage.daily_usage").fetchone()
        assert tokens == (0,)


def add_document(dify: Connection, *, tokens: int, moment: datetime) -> str:
    """A document of a knowledge base, embedded at the moment; returns its id."""
    dify.execute(
        "INSERT INTO datasets (id, tenant_id, name, created_by, embedding_model, embedding_model_provider)"
        " SELECT '00000000-0000-4000-8000-000000000001', id, 'Handbook', id, 'text-embedding-3-small',"
        " 'langgenius/openai/openai' FROM tenants WHERE name = 'Support' ON CONFLICT DO NOTHING"
    )
    row = dify.execute(
        "INSERT INTO documents (tenant_id, dataset_id, position, data_source_type, batch, name, created_from,"
        " created_by, tokens, completed_at, indexing_status)"
        " SELECT tenant_id, id, 1, 'upload_file', 'b', 'a file', 'web', id, %s, %s, 'completed' FROM datasets"
        " RETURNING id::text",
        [tokens, moment.astimezone(UTC).replace(tzinfo=None)],
    ).fetchone()
    assert row
    return str(row[0])


def test_embedded_documents_are_estimated_at_their_workspace(company: Company, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    rule = "prices:\n  - {model: 'text-embedding-*', input_per_million: 0.02, output_per_million: 0, currency: USD}\n"
    company.config = tmp_path / "c.yaml"
    text = EXAMPLE.read_text(encoding="utf-8").replace("prices:  ", rule.rstrip() + "\n#", 1)
    company.config.write_text(text, encoding="utf-8")
    with connected(company.dify_url) as dify:
        old = add_document(dify, tokens=1_000_000, moment=now - timedelta(days=300))
        new = add_document(dify, tokens=500, moment=now - timedelta(hours=1))
        company.run()
        dify.execute(
            "UPDATE documents SET tokens = 700, completed_at = now() - interval '5 minutes' WHERE id = %s", [new]
        )
    summary = company.run()
    assert not summary.differences
    assert sum(result.events_changed for result in company.run().ingested) == 0
    with connected(company.warehouse_url) as connection:
        rows = connection.execute(
            "SELECT event_id, total_tokens, cost, caller_kind, provider, node_title, app_id = 'datasets:' || tenant_id"
            " FROM usage.usage_event WHERE basis = 'estimated' ORDER BY occurred_at"
        ).fetchall()
        assert rows == [
            (f"document:{old}", 1_000_000, Decimal("0.02"), "indexing", "openai", "Handbook", True),
            (f"document:{new}", 700, Decimal("0.000014"), "indexing", "openai", "Handbook", True),
        ]
        assert connection.execute("SELECT name, gone_at FROM usage.project WHERE mode = 'datasets'").fetchall() == [
            ("(knowledge bases of the workspace)", None)
        ]
        assert connection.execute("SELECT sum(estimated_tokens) FROM usage.daily_project_usage").fetchone() == (
            1_000_700,
        )
        truth = company.history.truth(company.history.now, KEY_RULES)
        assert sum(unit.total_tokens for unit in truth) == sum(
            int(str(t)) for (t,) in connection.execute("SELECT total_tokens FROM usage.daily_project_usage")
        )


def test_budgets_count_what_was_logged_unless_they_say_otherwise(company: Company, tmp_path: Path) -> None:
    company.config = tmp_path / "c.yaml"
    period = "period: {from: 2020-01-01, to: 2100-01-01}, limit: {tokens: 1000000000}"
    budgets = f"budgets:\n  - {{id: plain, {period}}}\n  - {{id: all, {period}, include_estimated: true}}\n"
    text = EXAMPLE.read_text(encoding="utf-8")
    company.config.write_text(text[: text.index("\nbudgets:") + 1] + budgets, encoding="utf-8")
    with connected(company.dify_url) as dify:
        add_document(dify, tokens=12_345, moment=datetime.now(UTC) - timedelta(minutes=3))
    company.run()
    with connected(company.warehouse_url) as connection:
        spent = dict(connection.execute("SELECT budget_id, spent FROM usage.budget_status").fetchall())  # type: ignore[arg-type]
    assert spent["all"] - spent["plain"] == 12_345  # type: ignore[operator]


def test_the_truth_of_what_was_logged_is_not_touched(company: Company, new_database: Callable[[], str]) -> None:
    other = build_company(new_database, company.warehouse_url, seed=92, days=4)
    other.run()
    with connected(other.warehouse_url) as connection:
        assert len(estimates(connection)) > 3
        assert_events_equal(connection, other.history.truth(other.history.now, KEY_RULES))


def test_summaries_of_documents_are_estimated_beside_the_documents(company: Company) -> None:
    """Dify 1.12 embeds them too, and counts their tokens apart from the document's own."""
    old, now = datetime.now(UTC) - timedelta(days=20), datetime.now(UTC)
    documents = {"guide": (5_000, old), "list": (300, now - timedelta(hours=2))}
    rows = knowledge_rows(company.history.world, "Support", "Handbook", documents, {"guide": 40, "list": 7})
    with connected(company.dify_url) as dify:
        copy_rows(dify, rows)
        company.run()
        # Made again: its tokens are overwritten, and its time says so.
        dify.execute(
            "UPDATE document_segment_summaries SET tokens = 50, updated_at = now() WHERE id = %s", [summary_id("guide")]
        )
    assert not company.run().differences
    assert sum(result.events_changed for result in company.run().ingested) == 0
    with connected(company.warehouse_url) as connection:
        found = connection.execute(
            "SELECT event_id, total_tokens, model, node_title FROM usage.usage_event WHERE basis = 'estimated'"
        ).fetchall()
    named = ("text-embedding-3-small", "Handbook")
    assert sorted(found) == sorted([
        (f"document:{document_id('guide')}", 5_000, *named), (f"document:{document_id('list')}", 300, *named),
        (f"summary:{summary_id('guide')}", 50, *named), (f"summary:{summary_id('list')}", 7, *named),
    ])  # fmt: skip
