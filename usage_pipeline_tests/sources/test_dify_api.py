"""A Dify read through its console gives the events that the console can show, whatever happens on the way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from usage_pipeline.demo.fake_console_faults import Fault
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.company import KEY_RULES, assert_events_equal
from usage_pipeline_tests.sources.console_company import assert_as_shown, console_company


def test_the_same_history_gives_the_same_events_but_for_what_the_console_does_not_show(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=11, days=3, calls_a_day=6) as read:
        summary = read.run()
        assert not summary.source_errors
        assert not summary.differences
        with connected(warehouse_url) as connection:
            shown = read.shown_truth()
            assert {unit.event_id.split(":")[0] for unit in shown} == {"message", "node", "residual"}
            assert {unit.caller_kind for unit in shown} == {
                "unknown", "console", "api", "web_app", "explore", "trigger", "debug"
            }  # fmt: skip
            assert_as_shown(connection, shown)
            names = connection.execute("SELECT kind, row_id FROM usage.source_problem ORDER BY 1, 2").fetchall()
        assert [name for kind, name in names if kind == "not_visible"] == [
            "agent thoughts", "entry points", "message prices", "read marks", "single steps", "stopped answers",
        ]  # fmt: skip
        # The same Dify through its database, beside it in a warehouse of its own.
        other = new_database()
        from usage_pipeline.warehouse.schema import migrate  # noqa: PLC0415

        migrate(other)
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
    with console_company(new_database, warehouse_url, tmp_path, seed=13, days=2) as read:
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


@pytest.mark.parametrize("calls_a_token", [7, 40])
def test_sessions_that_end_calls_too_many_and_cut_connections_change_nothing_in_the_end(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path, calls_a_token: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    with console_company(new_database, warehouse_url, tmp_path, seed=14, days=1) as read:
        read.fake.sessions.calls_a_token = calls_a_token
        read.fake.faults.add(
            Fault("status", path="node-executions", status=429, retry_after="0", times=9, every=5),
            Fault("cut_before", path="apps", times=9, every=17),
            Fault("cut_after", path="chat-messages", times=9, every=7),
            Fault("status", path="workflow", status=502, times=9, every=11),
            Fault("status", path="conversations", status=503, times=3, every=2),
        )
        assert not read.run().source_errors
        assert not read.fake.faults.waiting or all(fault.times < 9 for fault in read.fake.faults.waiting)
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())


def test_a_pass_that_fails_in_the_middle_is_gone_on_with(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=15, days=2) as read:
        read.fake.faults.add(Fault("status", path="node-executions", status=500, skip=30, times=1))
        summary = read.run()
        assert list(summary.source_errors) == ["main"]
        assert "the console failed with 500" in summary.source_errors["main"]
        assert not read.run().source_errors
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())


def test_a_pass_makes_so_many_calls_and_the_next_goes_on(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=16, days=2, calls=60) as read:
        passes, behind = 0, True
        while behind:
            before = len(read.fake.faults.calls)
            assert not read.run(sweep=False).source_errors
            asked = [
                call for call in read.fake.faults.calls[before:]
                if call.path.endswith(("/node-executions", "/chat-messages"))
                or "/completion-conversations/" in call.path
            ]  # fmt: skip
            assert len(asked) <= 60 + 5, "but for what shares a second with the last"
            passes += 1
            assert passes < 30
            with connected(warehouse_url) as connection:
                behind = bool(connection.execute("SELECT 1 FROM usage.source_problem WHERE kind = 'behind'").fetchall())
        assert passes > 3
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())
