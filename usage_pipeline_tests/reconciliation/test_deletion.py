"""What Dify deletes or renames: it stays counted, is marked as gone, keeps its names; reconciliation stays green."""

from datetime import timedelta

from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.reconciliation.conftest import Reconciled

APP_TABLES = ("messages", "conversations", "workflow_runs", "workflow_node_executions", "workflow_app_logs",
              "api_tokens", "workflows", "end_users")  # fmt: skip


def ask(url: str, query: str, *parameters: object) -> list[tuple[object, ...]]:
    """The rows of a query."""
    with connected(url) as connection:
        return connection.execute(query.encode(), list(parameters)).fetchall()


def do(url: str, *statements: str) -> None:
    """Runs statements."""
    with connected(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def gone(reconciled: Reconciled) -> set[str]:
    """The events that are marked as gone at the source."""
    rows = ask(reconciled.company.warehouse_url,
               "SELECT event_id FROM usage.usage_event WHERE gone_at_source IS NOT NULL")  # fmt: skip
    return {str(event_id) for (event_id,) in rows}


def assert_green(reconciled: Reconciled) -> None:
    """A pass, and every day fits; twice."""
    assert not reconciled.company.run().source_errors
    for _ in range(2):
        assert [r.says for r in reconciled.run() if r.state != "green"] == []


def test_an_app_deleted_with_all_its_rows_stays_counted_under_its_name(reconciled: Reconciled) -> None:
    before, unit = reconciled.events(), reconciled.an_old("node:")
    project = "SELECT name, mode, tenant_id FROM usage.project WHERE app_id = %s"
    named = ask(reconciled.company.warehouse_url, project, unit.app_id)
    do(reconciled.company.dify_url, *(f"DELETE FROM {table} WHERE app_id = '{unit.app_id}'" for table in APP_TABLES),
       f"DELETE FROM apps WHERE id = '{unit.app_id}'")  # fmt: skip
    assert_green(reconciled)
    assert reconciled.events() == before
    assert ask(reconciled.company.warehouse_url, project, unit.app_id) == named
    of_the_app = {str(row[0]) for row in before if row[2] == unit.app_id}
    assert of_the_app
    assert gone(reconciled) == of_the_app
    results = reconciled.run()
    assert sum(result.sums.gone_events for result in results) == len(of_the_app)


def test_a_deleted_conversation_stays_counted_and_comes_back_unmarked(reconciled: Reconciled) -> None:
    before, unit = reconciled.events(), reconciled.an_old("message:")
    message = unit.event_id.split(":")[1]
    do(reconciled.company.dify_url,
       f"CREATE TABLE kept AS SELECT * FROM messages WHERE id = '{message}'",
       f"DELETE FROM conversations WHERE id = (SELECT conversation_id FROM messages WHERE id = '{message}')",
       f"DELETE FROM messages WHERE id = '{message}'")  # fmt: skip
    assert_green(reconciled)
    assert reconciled.events() == before
    assert gone(reconciled) == {unit.event_id}
    do(reconciled.company.dify_url, "INSERT INTO messages SELECT * FROM kept")
    assert_green(reconciled)
    assert gone(reconciled) == set()
    assert reconciled.events() == before


def test_leaves_deleted_by_retention_stay_counted_beside_their_run(reconciled: Reconciled) -> None:
    before, unit = reconciled.events(), reconciled.an_old("node:")
    do(reconciled.company.dify_url, f"DELETE FROM workflow_node_executions WHERE workflow_run_id = '{unit.run_id}'")
    assert_green(reconciled)
    assert reconciled.events() == before
    assert gone(reconciled) == {str(row[0]) for row in before
                                if str(row[0]) in leaves_of(reconciled, str(unit.run_id))}  # fmt: skip


def leaves_of(reconciled: Reconciled, run_id: str) -> set[str]:
    """The leaf events of a run."""
    rows = ask(reconciled.company.warehouse_url,
               "SELECT event_id FROM usage.usage_event WHERE run_id = %s AND event_id LIKE 'node:%%'",
               run_id)  # fmt: skip
    return {str(event_id) for (event_id,) in rows}


def test_a_deleted_key_stays_known_and_its_calls_stay_its_own(reconciled: Reconciled) -> None:
    keys = "SELECT api_key_id, masked, gone_at IS NOT NULL FROM usage.api_key ORDER BY 1"
    booked = "SELECT event_id, api_key_id, key_attribution FROM usage.usage_event ORDER BY 1"
    url = reconciled.company.warehouse_url
    known, calls, before = ask(url, keys), ask(url, booked), reconciled.events()
    assert any(row[1] for row in calls)
    do(reconciled.company.dify_url, "DELETE FROM api_tokens")
    assert_green(reconciled)
    assert ask(url, keys) == [(key, masked, True) for key, masked, _ in known]
    assert ask(url, booked) == calls
    assert reconciled.events() == before
    assert gone(reconciled) == set()


def test_users_and_accounts_that_were_deleted_still_made_their_calls(reconciled: Reconciled) -> None:
    """Their rows go, every event is read again, and each still says who called."""
    before = reconciled.events()
    assert len({row[4] for row in before if row[4]}) > 10
    do(reconciled.company.dify_url, "DELETE FROM end_users", "DELETE FROM accounts")
    do(reconciled.company.warehouse_url, "UPDATE usage.source_state SET read_up_to = '1970-01-02'")
    assert_green(reconciled)
    assert reconciled.events() == before


def test_a_renamed_app_and_workspace_keep_their_history_in_one_line(reconciled: Reconciled) -> None:
    # Of a workspace whose days are cut in the configuration's zone: its rule there goes by name.
    before, unit = reconciled.events(), reconciled.an_old("message:", tenant="Marketing")
    do(reconciled.company.dify_url,
       f"UPDATE apps SET name = 'the new name' WHERE id = '{unit.app_id}'",
       f"UPDATE tenants SET name = 'The New House' WHERE id = '{unit.tenant_id}'")  # fmt: skip
    assert_green(reconciled)
    assert reconciled.events() == before
    lines = ask(
        reconciled.company.warehouse_url,
        "SELECT p.name, t.name, count(DISTINCT d.usage_date) FROM usage.daily_project_usage d"
        " JOIN usage.project p USING (source, app_id) JOIN usage.tenant t ON t.tenant_id = d.tenant_id"
        " WHERE d.app_id = %s GROUP BY p.name, t.name",
        unit.app_id,
    )
    assert [(name, house) for name, house, _ in lines] == [("the new name", "The New House")]
    assert int(str(lines[0][2])) > 1


def test_a_workspace_deleted_with_its_apps_stays_known(reconciled: Reconciled) -> None:
    before, unit = reconciled.events(), reconciled.an_old("message:")
    do(reconciled.company.dify_url, f"DELETE FROM tenants WHERE id = '{unit.tenant_id}'",
       f"DELETE FROM apps WHERE tenant_id = '{unit.tenant_id}'")  # fmt: skip
    assert_green(reconciled)
    assert reconciled.events() == before
    known = "SELECT name <> '', gone_at IS NOT NULL FROM usage.tenant WHERE tenant_id = %s"
    rows = ask(reconciled.company.warehouse_url, known, unit.tenant_id)
    assert rows == [(True, True)]


def test_a_run_whose_time_was_overwritten_when_it_was_resumed_still_fits(reconciled: Reconciled) -> None:
    """Up to 1.13.0 a resumed run is dated anew; its leaves and its residual stay where they were."""
    before, unit = reconciled.events(), reconciled.an_old("node:")
    moved = unit.occurred_at + timedelta(days=2)
    do(reconciled.company.dify_url,
       f"UPDATE workflow_runs SET created_at = '{moved:%Y-%m-%d %H:%M:%S}' WHERE id = '{unit.run_id}'")  # fmt: skip
    assert_green(reconciled)
    assert reconciled.events() == before
    assert gone(reconciled) == set()
