"""A Dify read through its console gives the events that the console can show."""

from collections.abc import Callable
from pathlib import Path

import pytest

from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import KEY_RULES, assert_events_equal
from usage_pipeline_tests.support.console_company import assert_as_shown, console_company


def test_the_same_history_gives_the_same_events_but_for_what_the_console_does_not_show(
    new_database: Callable[[], str], new_warehouse: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=11, days=3, calls_a_day=6) as read:
        summary = read.run()
        assert not summary.source_errors
        assert not summary.differences
        with connected(warehouse_url) as connection:
            shown = read.shown_truth()
            assert {unit.event_id.split(":")[0] for unit in shown} == {"message", "node", "residual"}
            kinds = {unit.caller_kind for unit in shown}
            assert kinds <= {"unknown", "console", "api", "web_app", "explore", "trigger", "debug"}
            assert kinds >= {"unknown", "api"}
            assert_as_shown(connection, shown)
            names = connection.execute("SELECT kind, row_id FROM usage.source_problem ORDER BY 1, 2").fetchall()
        assert [name for kind, name in names if kind == "not_visible"] == [
            "agent apps", "agent thoughts", "entry points", "message prices", "read marks", "single steps",
            "stopped answers",
        ]  # fmt: skip
        # The same Dify through its database, beside it in a warehouse of its own.
        other = new_warehouse()
        read.company.warehouse_url = other
        read.company.run()
        with connected(other) as connection:
            assert_events_equal(connection, read.company.history.truth(read.company.history.now, KEY_RULES))


def test_nothing_is_changed_at_dify_but_read_marks(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=12, days=1) as read:
        read.run()
        assert not read.fake.faults.changing_calls()
        methods = {(call.method, call.path.rsplit("/", 1)[-1]) for call in read.fake.faults.calls}
        assert {method for method in methods if method[0] != "GET"} == {
            ("POST", "login"), ("POST", "current"), ("POST", "switch")
        }  # fmt: skip


def test_a_second_pass_changes_nothing_and_asks_little(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=13, days=1) as read:
        read.run()
        first = len(read.fake.faults.calls)
        summary = read.run(sweep=False)
        assert sum(result.events_changed for result in summary.ingested) == 0
        runs_asked = [call.path for call in read.fake.faults.calls[first:] if call.path.endswith("/node-executions")]
        with connected(warehouse_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM usage.run_ledger WHERE status NOT IN"
                " ('succeeded', 'failed', 'stopped', 'partial-succeeded')"
            ).fetchone()
            open_runs = connection.execute("SELECT count(*) FROM usage.open_row WHERE kind = 'run'").fetchone()
        assert row
        assert open_runs
        assert len(runs_asked) <= int(str(row[0])) + int(str(open_runs[0]))


def test_what_is_deleted_at_dify_stays_counted(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=18, days=1) as read:
        read.run()
        gone = read.company.history.world.apps["campaign-flow"].app_id
        with connected(read.company.dify_url) as dify:
            dify.execute("DELETE FROM messages")
            dify.execute("DELETE FROM conversations")
            dify.execute("DELETE FROM workflow_runs WHERE app_id = (SELECT app_id FROM workflow_runs LIMIT 1)")
            dify.execute("DELETE FROM apps WHERE id = %s", [gone])
        assert not read.run().source_errors
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())
            project = connection.execute("SELECT gone_at FROM usage.project WHERE app_id = %s", [gone]).fetchone()
        assert project
        assert project[0] is not None


def test_secrets_and_texts_stay_where_they_are(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=20, days=1) as read:
        read.run()
        with connected(warehouse_url) as connection:
            tables = connection.execute(
                "SELECT format('SELECT t::text FROM usage.%I t', tablename) FROM pg_tables WHERE schemaname = 'usage'"
            ).fetchall()
            texts = [str(row[0]) for (query,) in tables for row in connection.execute(str(query).encode()).fetchall()]
        everything = "\n".join([*texts, caplog.text])
        assert "support-bot" in everything
        assert not [canary for canary in read.company.history.canaries if canary in everything]


def test_the_admin_key_reads_every_workspace_without_switching_anybody(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(
        new_database, warehouse_url, tmp_path, seed=23, days=1, calls_a_day=3, admin_key="admin-s3cr3t-9f8e7d6c"
    ) as read:
        assert not read.run().source_errors
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())
        assert {call.method for call in read.fake.faults.calls} == {"GET"}


@pytest.mark.parametrize("debugged", [True, False])
def test_an_older_console_that_lists_only_what_was_debugged_shows_chatflows_by_their_messages(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path, debugged: bool
) -> None:
    with console_company(
        new_database, warehouse_url, tmp_path, seed=25, days=1, calls_a_day=4, version=(1, 9, 1)
    ) as read:
        with connected(read.company.dify_url) as dify:
            if not debugged:
                dify.execute("DELETE FROM workflow_runs WHERE triggered_from = 'debugging'")
        assert not read.run().source_errors
        with connected(warehouse_url) as connection:
            shown = [unit for unit in read.shown_truth() if debugged or unit.caller_kind != "debug"]
            assert {unit.app_mode for unit in shown} >= {"workflow", "advanced-chat"}
            assert_as_shown(connection, shown)


def test_attempts_that_a_newer_console_lists_beside_their_node_are_no_calls_of_their_own(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(
        new_database, warehouse_url, tmp_path, seed=25, days=1, calls_a_day=4, version=(1, 16, 0)
    ) as read:
        assert not read.run().source_errors
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())
