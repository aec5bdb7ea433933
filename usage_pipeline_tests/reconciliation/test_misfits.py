"""What does not fit is found, named and, where the source explains it, put right; the rest stays red."""

from datetime import date, timedelta

import pytest

from usage_pipeline.fake_dify.scripts import TrueUnit
from usage_pipeline.reconciliation.reconcile import DayResult
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.reconciliation.conftest import Reconciled
from usage_pipeline_tests.support.company import KEY_RULES, assert_events_equal


def one(results: list[DayResult], state: str) -> DayResult:
    """The only day in that state; every other day is green."""
    (found,) = [result for result in results if result.state != "green"]
    assert found.state == state, found
    return found


def assert_back_to_the_truth(reconciled: Reconciled) -> None:
    """Events and daily tables are what they were, and the next reconciliation is green."""
    company = reconciled.company
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        assert connection.execute("SELECT count(*) FROM usage.changed_day").fetchone() == (0,)
    assert {result.state for result in reconciled.run()} == {"green"}


def test_a_day_that_nobody_touched_is_green_and_explained_to_the_last_token(reconciled: Reconciled) -> None:
    results = reconciled.run()
    assert [result.says for result in results if result.state != "green"] == []
    units = reconciled.company.history.truth(reconciled.company.history.now, KEY_RULES)
    assert sum(r.sums.our_tokens for r in results) == sum(unit.total_tokens for unit in units)
    for result in results:
        parts = [getattr(result.sums, name) for name in (
            "message_tokens", "run_tokens", "rolled_up_tokens", "thought_tokens", "nested_tokens",
            "beside_total_tokens", "other_day_tokens", "single_step_tokens", "tool_call_tokens", "other_tokens",
            "gone_tokens", "late_tokens")]  # fmt: skip
        assert sum(parts) == result.sums.our_tokens
    # The history is rich enough for the rules to matter.
    for name in ("rolled_up_tokens", "nested_tokens", "thought_tokens", "single_step_tokens", "container_tokens"):
        assert any(getattr(result.sums, name) for result in results), name


def test_an_event_added_in_the_warehouse_stays_red_and_is_named(reconciled: Reconciled) -> None:
    unit = reconciled.an_old("message:")
    with connected(reconciled.company.warehouse_url) as connection:
        connection.execute(
            "INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, key_attribution,"
            " caller_kind, total_tokens, cost, base_cost, price_source, basis, status, occurred_at, usage_date)"
            " VALUES ('main', 'message:0b5f0c1e-0000-4000-8000-000000000001', %s, 'prod', %s, 'none', 'api', 777, 0, 0,"
            " 'dify', 'logged', 'succeeded', %s, %s)",
            [unit.tenant_id, unit.app_id, unit.occurred_at, reconciled.day_of(unit)],
        )
    for _ in range(2):  # reading again cannot put it right
        found = one(reconciled.run(), "red")
        assert found.usage_date == reconciled.day_of(unit)
        assert [m.event_id for m in found.misfits] == ["message:0b5f0c1e-0000-4000-8000-000000000001"]
        assert found.sums.unexplained_tokens == 777
        assert "added or changed in the warehouse" in found.says


@pytest.mark.parametrize("prefix", ["message:", "node:", "residual:"])
def test_a_doubled_event_stays_red_and_is_named(reconciled: Reconciled, prefix: str) -> None:
    unit = reconciled.an_old(prefix) if prefix != "residual:" else _a_residual(reconciled)
    twin = f"{prefix}0b5f0c1e-0000-4000-8000-000000000002"
    with connected(reconciled.company.warehouse_url) as connection:
        connection.execute("CREATE TEMP TABLE twin AS SELECT * FROM usage.usage_event WHERE event_id = %s",
                           [unit.event_id])  # fmt: skip
        connection.execute("UPDATE twin SET event_id = %s", [twin])
        connection.execute("INSERT INTO usage.usage_event SELECT * FROM twin")
    found = one(reconciled.run(), "red")
    assert twin in [m.event_id for m in found.misfits]
    assert found.usage_date == reconciled.day_of(unit)


def _a_residual(reconciled: Reconciled) -> TrueUnit:
    """One that is older than a day; some have no price, so that ``an_old`` may not see them."""
    history = reconciled.company.history
    return next(
        unit
        for unit in history.truth(history.now)
        if unit.event_id.startswith("residual:") and unit.occurred_at < history.now - timedelta(days=1)
    )


@pytest.mark.parametrize(
    "change",
    [
        "total_tokens = total_tokens + 5",
        "cost = cost + 1",
        "base_cost = 0",
        "usage_date = usage_date - 1",
        "occurred_at = occurred_at - interval '3 days'",
        "app_id = 'nobody'",
    ],
)
def test_an_event_changed_in_the_warehouse_is_named_and_healed(reconciled: Reconciled, change: str) -> None:
    changed = {reconciled.an_old(prefix).event_id for prefix in ("message:", "node:")}
    with connected(reconciled.company.warehouse_url) as connection:
        connection.execute(f"UPDATE usage.usage_event SET {change} WHERE event_id = ANY(%s)".encode(), [list(changed)])
    found = [result for result in reconciled.run() if result.state != "green"]
    assert {result.state for result in found} == {"healed"}
    named = {(m.event_id, m.what) for result in found for m in result.misfits}
    assert named == {(event_id, "changed in the warehouse") for event_id in changed}
    assert_back_to_the_truth(reconciled)


def test_a_message_changed_in_the_source_after_the_look_back_is_named_and_healed(reconciled: Reconciled) -> None:
    unit = reconciled.an_old("message:")
    with connected(reconciled.company.dify_url) as dify:
        dify.execute("UPDATE messages SET answer_tokens = answer_tokens + 1000 WHERE id = %s",
                     [unit.event_id.split(":")[1]])  # fmt: skip
    assert not reconciled.company.run().days, "the pass does not look that far back"
    found = one(reconciled.run(), "healed")
    assert found.usage_date == reconciled.day_of(unit)
    ((event_id, what, ours, theirs),) = [(m.event_id, m.what, m.ours, m.theirs) for m in found.misfits]
    assert (event_id, what) == (unit.event_id, "changed at the source")
    assert ours and theirs
    assert int(str(theirs["tokens"])) - int(str(ours["tokens"])) == 1000
    assert one_tokens(reconciled, unit.event_id) == unit.total_tokens + 1000
    assert {result.state for result in reconciled.run()} == {"green"}


def test_a_message_inserted_in_the_source_after_the_look_back_is_named_and_healed(reconciled: Reconciled) -> None:
    unit = reconciled.an_old("message:")
    new = "0b5f0c1e-0000-4000-8000-000000000003"
    with connected(reconciled.company.dify_url) as dify:
        dify.execute("CREATE TEMP TABLE late AS SELECT * FROM messages WHERE id = %s", [unit.event_id.split(":")[1]])
        dify.execute("UPDATE late SET id = %s", [new])
        dify.execute("INSERT INTO messages SELECT * FROM late")
    assert not reconciled.company.run().days
    found = one(reconciled.run(), "healed")
    assert [(m.event_id, m.what) for m in found.misfits] == [(f"message:{new}", "not counted")]
    assert one_tokens(reconciled, f"message:{new}") == unit.total_tokens
    assert {result.state for result in reconciled.run()} == {"green"}


def test_a_node_changed_in_the_source_after_the_look_back_is_named_and_healed(reconciled: Reconciled) -> None:
    unit = reconciled.an_old("node:")
    with connected(reconciled.company.dify_url) as dify:
        dify.execute(
            "UPDATE workflow_node_executions SET execution_metadata = "
            "jsonb_set(execution_metadata::jsonb, '{total_tokens}', '999999')::text WHERE id = %s",
            [unit.event_id.split(":")[1]],
        )
    assert not reconciled.company.run().days
    found = one(reconciled.run(), "healed")
    assert unit.event_id in [m.event_id for m in found.misfits]
    assert one_tokens(reconciled, unit.event_id) == 999999
    assert {result.state for result in reconciled.run()} == {"green"}


def test_a_run_inserted_in_the_source_after_the_look_back_is_named_and_healed(reconciled: Reconciled) -> None:
    unit = reconciled.an_old("node:")
    run, node = "0b5f0c1e-0000-4000-8000-000000000004", "0b5f0c1e-0000-4000-8000-000000000005"
    with connected(reconciled.company.dify_url) as dify:
        dify.execute("CREATE TEMP TABLE r AS SELECT * FROM workflow_runs WHERE id = %s", [unit.run_id])
        dify.execute("CREATE TEMP TABLE n AS SELECT * FROM workflow_node_executions WHERE id = %s",
                     [unit.event_id.split(":")[1]])  # fmt: skip
        dify.execute("UPDATE r SET id = %s, total_tokens = %s", [run, unit.total_tokens])
        dify.execute("UPDATE n SET id = %s, workflow_run_id = %s", [node, run])
        dify.execute("INSERT INTO workflow_runs SELECT * FROM r")
        dify.execute("INSERT INTO workflow_node_executions SELECT * FROM n")
    found = one(reconciled.run(), "healed")
    assert [(m.event_id, m.what) for m in found.misfits] == [(f"node:{node}", "not counted")]
    assert {result.state for result in reconciled.run()} == {"green"}


def test_an_event_deleted_in_the_warehouse_is_named_and_healed(reconciled: Reconciled) -> None:
    unit = reconciled.an_old("node:")
    with connected(reconciled.company.warehouse_url) as connection:
        connection.execute("DELETE FROM usage.usage_event WHERE event_id = %s", [unit.event_id])
    found = one(reconciled.run(), "healed")
    assert unit.event_id in [m.event_id for m in found.misfits]
    assert_back_to_the_truth(reconciled)


def test_what_is_newer_than_the_last_pass_is_late_not_wrong(reconciled: Reconciled) -> None:
    """A message that ended since its pass, and one that is newer than it: green, without a word."""
    company = reconciled.company
    with connected(company.warehouse_url) as connection:
        connection.execute("UPDATE usage.source_state SET last_sweep_at = last_sweep_at - interval '3 hours'")
        today = reconciled.settings(connection).today()
        row = connection.execute(
            "SELECT event_id, usage_date FROM usage.usage_event WHERE event_id LIKE 'message:%%' AND occurred_at > %s"
            " ORDER BY occurred_at LIMIT 1", [company.history.now - timedelta(hours=3)]).fetchone()  # fmt: skip
    assert row
    with connected(company.dify_url) as dify:
        dify.execute("UPDATE messages SET answer_tokens = answer_tokens + 9 WHERE id = %s",
                     [str(row[0]).split(":")[1]])  # fmt: skip
    day = row[1]
    assert isinstance(day, date)
    results = reconciled.run(*{day, today})
    assert {result.state for result in results} == {"green"}


def one_tokens(reconciled: Reconciled, event_id: str) -> int:
    """An event's tokens as they stand."""
    with connected(reconciled.company.warehouse_url) as connection:
        row = connection.execute(
            "SELECT total_tokens FROM usage.usage_event WHERE event_id = %s", [event_id]
        ).fetchone()
    assert row
    return int(str(row[0]))
