"""A run that was stopped ends when its last node did, and the model's call that it broke off is estimated."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import Company, build_company

PROMPTS = [{"role": "system", "text": "你好" * 5, "files": []}, {"role": "user", "text": "b" * 31}]  # 61 bytes
MODEL = {"model_provider": "langgenius/openai/openai", "model_name": "gpt-4o"}


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str) -> Company:
    """A company that has not called anything."""
    return build_company(new_database, warehouse_url, seed=7, days=1, calls_a_day=0, runaway_calls=0)


def a_run(
    company: Company, *, ago: timedelta, status: str = "stopped", node_status: str = "failed", total: int = 0,
    **node: object,
) -> tuple[str, str]:  # fmt: skip
    """Writes a run with one call that was broken off, begun so long ago; the ids of both are returned."""
    app, creator = company.history.world.apps["campaign-flow"], next(iter(company.history.world.accounts.values()))
    run_id, node_id = str(uuid.uuid4()), str(uuid.uuid4())
    began = (datetime.now(UTC) - ago).replace(tzinfo=None)
    ended = None if status == "running" else began + timedelta(seconds=20)
    columns = {
        "id": node_id, "tenant_id": app.tenant_id, "app_id": app.app_id, "workflow_id": app.workflow_id,
        "triggered_from": "workflow-run", "workflow_run_id": run_id, "index": 1, "node_id": "n", "node_type": "llm",
        "title": "Draft", "status": node_status, "created_by_role": "account", "created_by": creator,
        "created_at": began, "finished_at": began + timedelta(seconds=15), "elapsed_time": 1,
        "node_execution_id": node_id, **node,
    }  # fmt: skip
    with connected(company.dify_url) as dify:
        dify.execute(
            "INSERT INTO workflow_runs (id, tenant_id, app_id, workflow_id, type, triggered_from, version, status,"
            " total_tokens, created_by_role, created_by, created_at, finished_at, elapsed_time, total_steps)"
            " VALUES (%s, %s, %s, %s, 'workflow', 'app-run', 'v', %s, %s, 'account', %s, %s, %s, 1, 1)",
            [run_id, app.tenant_id, app.app_id, app.workflow_id, status, total, creator, began, ended],
        )
        names = ", ".join(f'"{name}"' for name in columns)
        dify.execute(
            f"INSERT INTO workflow_node_executions ({names}) VALUES ({', '.join(['%s'] * len(columns))})".encode(),
            list(columns.values()),
        )
    return run_id, node_id


def estimates(company: Company) -> list[tuple[object, ...]]:
    """Every estimated event."""
    with connected(company.warehouse_url) as connection:
        return connection.execute(
            "SELECT event_id, run_id, node_title, input_tokens, output_tokens, model, cost, currency, status"
            " FROM usage.usage_event WHERE basis = 'estimated' ORDER BY event_id"
        ).fetchall()


def run_ends(company: Company) -> dict[str, tuple[object, ...]]:
    """By the id of its call: a run's own word, when it ended, and how its call did."""
    with connected(company.warehouse_url) as connection:
        found = connection.execute(
            "SELECT split_part(e.event_id, ':', 2), l.status, l.finished_at, e.status FROM usage.run_ledger l"
            " JOIN usage.usage_event e USING (run_id) WHERE e.event_id LIKE 'node:%'"
        ).fetchall()
    return {str(row[0]): row[1:] for row in found}


SAID = json.dumps({**MODEL, "prompts": PROMPTS})
# A node's columns, and the tokens that are estimated of it.
BROKEN_OFF: tuple[tuple[dict[str, object], tuple[int, int] | None], ...] = (
    ({"process_data": SAID, "outputs": json.dumps({"text": "好" * 7})}, (16, 6)),
    ({"process_data": SAID, "node_status": "stopped"}, (16, 0)),
    ({"process_data": json.dumps(MODEL), "inputs": json.dumps({"a": "x" * 9, "b": None, "c": "y" * 4})}, (4, 0)),
    ({"process_data": json.dumps({**MODEL, "prompts": "..."}), "outputs": json.dumps({"text": "word"})}, (0, 1)),
    # The server cannot turn these five bytes into text: they are counted here.
    ({"process_data": json.dumps({**MODEL, "prompts": [{"text": "a\x00\ud83d"}]})}, (2, 0)),
    ({"process_data": json.dumps(MODEL)}, None),
    ({"node_status": "exception", "process_data": SAID}, None),  # it failed by itself, and the run went on
    ({"node_type": "code", "process_data": SAID}, None),
    ({"status": "failed", "process_data": SAID}, None),
)  # fmt: skip


def test_a_call_that_a_stopped_run_broke_off_has_an_estimate(company: Company) -> None:
    ago = timedelta(minutes=9)
    written = [(*a_run(company, ago=ago, **node), tokens) for node, tokens in BROKEN_OFF]  # type: ignore[arg-type]
    # What a run's total says of the call is booked: it is not estimated beside it.
    run_id, _ = a_run(company, ago=ago, total=500, process_data=SAID)
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    # OpenAI's list price, as nothing else names one: 2.50 and 10.00 dollars a million.
    assert estimates(company) == sorted(
        (f"stopped:{node_id}", run_id, "Draft", *tokens, "gpt-4o",
         (tokens[0] * Decimal("2.5") + tokens[1] * Decimal(10)) / 1_000_000, "USD", "stopped")
        for run_id, node_id, tokens in written if tokens
    )  # fmt: skip
    with connected(company.warehouse_url) as connection:
        sums = connection.execute("SELECT sum(total_tokens), sum(estimated_tokens) FROM usage.daily_usage").fetchone()
        booked = connection.execute(
            "SELECT event_id FROM usage.usage_event WHERE total_tokens > 0 AND basis = 'logged'"
        )
        assert booked.fetchall() == [(f"residual:{run_id}",)]
    assert sums == (500, sum(sum(tokens) for _, _, tokens in written if tokens))
    assert sum(result.events_changed for result in company.run().ingested) == 0
    with connected(company.dify_url) as dify:
        dify.execute("UPDATE workflow_node_executions SET execution_metadata = '{\"total_tokens\": 150}'")
    company.run()
    assert estimates(company) == []


def test_a_run_that_says_for_good_that_it_runs_has_ended_with_its_last_node(company: Company) -> None:
    """Dify 1.12 leaves it so when it is stopped over the API."""
    _, node_id = a_run(company, ago=timedelta(hours=2), status="running", node_status="running", process_data=SAID)
    _, young = a_run(
        company, ago=timedelta(minutes=50), status="running", node_status="running", process_data=SAID, finished_at=None
    )
    company.run()
    with connected(company.dify_url) as dify:
        row = dify.execute("SELECT finished_at FROM workflow_node_executions WHERE id = %s", [node_id]).fetchone()
    assert row
    ended = row[0].replace(tzinfo=UTC)  # type: ignore[attr-defined]
    assert run_ends(company) == {node_id: ("running", ended, "stopped"), young: ("running", None, "running")}
    assert [found[0] for found in estimates(company)] == [f"stopped:{node_id}"]
    # It goes on after all: it is read again as long as any run that has not ended.
    with connected(company.dify_url) as dify:
        dify.execute(
            "UPDATE workflow_node_executions SET status = 'succeeded', execution_metadata = '{\"total_tokens\": 150}'"
            " WHERE id = %s", [node_id])  # fmt: skip
        dify.execute("UPDATE workflow_runs SET status = 'succeeded', total_tokens = 150, finished_at = now()")
    company.run()
    assert run_ends(company)[node_id][::2] == ("succeeded", "succeeded")
    assert estimates(company) == []
