"""A run's own total is a hint: what attempts cannot explain of it is shown, and counts nowhere."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company

Leaf = tuple[str, int, str]  # type, tokens, status


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str) -> Company:
    """A company that has not called anything."""
    return build_company(new_database, warehouse_url, seed=7, days=1, calls_a_day=0, runaway_calls=0)


def a_run(company: Company, total: int, leaves: list[Leaf], *, status: str = "succeeded") -> str:
    """Writes a run with a total of its own; the id of the run is returned."""
    app = company.history.world.apps["campaign-flow"]
    run_id, began = str(uuid.uuid4()), datetime.now(UTC) - timedelta(hours=3)
    creator = next(iter(company.history.world.accounts.values()))
    at = began.replace(tzinfo=None)
    with connected(company.dify_url) as dify:
        dify.execute(
            "INSERT INTO workflow_runs (id, tenant_id, app_id, workflow_id, type, triggered_from, version, status,"
            " total_tokens, created_by_role, created_by, created_at, finished_at, elapsed_time, total_steps)"
            " VALUES (%s, %s, %s, %s, 'workflow', 'app-run', 'v', %s, %s, 'account', %s, %s, %s, 1, 1)",
            [run_id, app.tenant_id, app.app_id, app.workflow_id, status, total, creator, at, at + timedelta(minutes=1)],
        )
        for number, (kind, tokens, ended) in enumerate(leaves):
            said = {"total_tokens": tokens, "total_price": "0", "currency": "USD"}
            metadata = json.dumps(said) if tokens else None
            dify.execute(
                "INSERT INTO workflow_node_executions (id, tenant_id, app_id, workflow_id, triggered_from,"
                " workflow_run_id, index, node_id, node_type, title, status, execution_metadata, created_by_role,"
                " created_by, created_at, elapsed_time)"
                " VALUES (%s, %s, %s, %s, 'workflow-run', %s, %s, %s, %s, 'x', %s, %s, 'account', %s, %s, 1)",
                [str(uuid.uuid4()), app.tenant_id, app.app_id, app.workflow_id, run_id, number, f"n{number}", kind,
                 ended, metadata, creator, at],
            )  # fmt: skip
    return run_id


def counted(connection: Connection) -> int:
    """The tokens that budgets and reports count."""
    row = connection.execute("SELECT coalesce(sum(total_tokens), 0)::bigint FROM usage.daily_usage").fetchone()
    assert row
    return int(str(row[0]))


def inflated(rounds: int) -> int:
    """What Dify 0.15 to 1.0 writes: each round is twice the sum so far and the step; of one it reads as 1.9.2 does."""
    total = 150
    for _ in range(rounds):
        total = 2 * total + 150
    return total


@pytest.mark.parametrize("rounds", [2, 3, 6, 12, 30])
@pytest.mark.parametrize("container", ["children", "the rest"])
def test_a_total_that_an_iteration_inflates_is_not_spending(company: Company, rounds: int, container: str) -> None:
    total, leaf = inflated(rounds), ("llm", 150, "succeeded")
    said = rounds * 150 if container == "children" else total - 150
    run_id = a_run(company, total, [leaf] * (rounds + 1) + [("iteration", said, "succeeded")])
    summary = company.run()
    assert not summary.source_errors
    with connected(company.warehouse_url) as connection:
        assert counted(connection) == 150 * (rounds + 1)
        kept = connection.execute(
            "SELECT unexplained_tokens FROM usage.run_ledger WHERE run_id = %s", [run_id]
        ).fetchone()
        assert kept == (total - 150 * (rounds + 1),)
        said_of = connection.execute("SELECT detail FROM usage.source_problem WHERE kind = 'unexplained'").fetchall()
        assert len(said_of) == 1
        assert str(total - 150 * (rounds + 1)) in str(said_of[0][0])


@pytest.mark.parametrize(
    ("total", "leaves", "residual"),
    [
        (450, [("llm", 150, "succeeded")], 300),  # two attempts before the one that worked
        (300, [("llm", 150, "succeeded"), ("llm", 0, "failed")], 150),
        (90_000, [("llm", 150, "succeeded"), ("llm", 0, "failed")], 89_850),  # a long prompt that failed
        (500, [], 500),  # its nodes are gone
        (1_000_000_000, [("llm", 150, "succeeded")], 0),
        (10**12, [("llm", 150, "succeeded"), ("llm", 0, "failed")], 150),  # as much as the attempt that is known
        (2_000, [("llm", 150, "succeeded"), ("iteration", 1850, "succeeded")], 1850),  # what it repeats comes late
        (450, [("llm", 150, "succeeded")] * 2 + [("iteration", 150, "succeeded")], 0),  # counted twice
    ],
)  # fmt: skip
def test_a_residual_is_what_attempts_can_explain(
    company: Company, total: int, leaves: list[Leaf], residual: int
) -> None:
    a_run(company, total, leaves)
    company.run()
    with connected(company.warehouse_url) as connection:
        parts = sum(tokens for kind, tokens, _ in leaves if kind == "llm")
        assert counted(connection) == parts + residual


def test_the_rest_counts_where_the_configuration_says_so(company: Company, tmp_path: Path) -> None:
    a_run(company, 1_228_650, [("llm", 150, "succeeded")] * 13 + [("iteration", 1_800, "succeeded")])
    company.config = tmp_path / "usage_pipeline.yaml"
    company.config.write_text(EXAMPLE.read_text() + "\ncounting: {unexplained: count}\n")
    company.run()
    with connected(company.warehouse_url) as connection:
        assert counted(connection) == 1_228_650


def test_totals_at_the_end_of_the_numbers_stop_nothing(company: Company) -> None:
    for _ in range(3):
        a_run(company, 9_200_000_000_000_000_000, [("llm", 150, "succeeded")])
    a_run(company, 300, [("llm", 300, "succeeded")])
    for _ in range(2):
        summary = company.run()
        assert not summary.source_errors
        assert not summary.differences
    with connected(company.warehouse_url) as connection:
        roll_up(connection, changed_days(connection))
        assert counted(connection) == 750
        problems = connection.execute("SELECT kind, detail FROM usage.source_problem").fetchall()
    assert [kind for kind, _ in problems] == ["set_aside"] * 3
    assert "workflow_runs.total_tokens is 9200000000000000000" in str(problems[0][1])
