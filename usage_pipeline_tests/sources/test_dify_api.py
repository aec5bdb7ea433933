"""A Dify read through its console gives the events that the console can show, whatever happens on the way."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tenacity import wait_none

from usage_pipeline.demo.dify_history import true_units
from usage_pipeline.demo.fake_console_faults import Fault
from usage_pipeline.demo.live import write_live
from usage_pipeline.demo.scripts import CallScript
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.company import KEY_RULES, assert_events_equal
from usage_pipeline_tests.sources.console_company import as_the_console_shows, assert_as_shown, console_company


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


@pytest.mark.parametrize("calls_a_token", [7, 40])
def test_sessions_that_end_calls_too_many_and_cut_connections_change_nothing_in_the_end(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path, calls_a_token: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("usage_pipeline.console.client._GROWING", wait_none())
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
        assert all(fault.times < 9 for fault in read.fake.faults.waiting), "each has happened"
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())


def test_a_pass_that_fails_in_the_middle_is_gone_on_with(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=15, days=1) as read:
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
    with console_company(new_database, warehouse_url, tmp_path, seed=16, days=1, calls=20) as read:
        passes, behind = 0, True
        while behind:
            before = len(read.fake.faults.calls)
            assert not read.run(sweep=False).source_errors
            asked = [
                call for call in read.fake.faults.calls[before:]
                if call.path.endswith(("/node-executions", "/chat-messages"))
                or "/completion-conversations/" in call.path
            ]  # fmt: skip
            # Two minutes of the runaway's conversations are read again each time.
            assert len(asked) <= 20 + 30
            passes += 1
            assert passes < 30
            with connected(warehouse_url) as connection:
                behind = bool(connection.execute("SELECT 1 FROM usage.source_problem WHERE kind = 'behind'").fetchall())
        assert passes > 2
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())


def test_passes_while_calls_are_written_end_at_what_the_console_shows(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=17, days=1, calls_a_day=1) as read:
        written: list[CallScript] = []
        history = read.company.history
        writer = threading.Thread(
            target=lambda: written.extend(write_live(read.company.dify_url, history, 8.0, calls_per_second=6.0))
        )
        writer.start()
        passes = 0
        while writer.is_alive():
            assert not read.run(sweep=passes == 0).source_errors
            passes += 1
        assert passes > 1
        read.run()
        later = datetime.now(UTC) + timedelta(days=1)
        units = true_units(history.world, [*history.calls, *written], later, KEY_RULES)
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, as_the_console_shows(read.company, units))


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


def test_a_conversation_that_goes_on_is_read_back_to_what_is_known(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=19, days=1) as read:
        read.run()
        with connected(read.company.dify_url) as dify:
            row = dify.execute("SELECT id::text FROM conversations WHERE mode = 'chat' LIMIT 1").fetchone()
            assert row
            dify.execute(
                "INSERT INTO messages (id, app_id, conversation_id, inputs, query, message, message_tokens, answer,"
                " answer_tokens, message_unit_price, answer_unit_price, currency, from_source, message_price_unit,"
                " answer_price_unit, created_at)"
                " SELECT gen_random_uuid(), app_id, id, '{}', 'more', '[]', 5, 'yes', 2, 0, 0, 'USD', from_source,"
                " 0, 0, timezone('UTC', now()) - n * interval '1 second' FROM conversations, generate_series(1, 250) n"
                " WHERE id = %s",
                [row[0]],
            )
            dify.execute("UPDATE conversations SET updated_at = timezone('UTC', now()) WHERE id = %s", [row[0]])
        before = len(read.fake.faults.calls)
        summary = read.run(sweep=False)
        assert sum(result.events_changed for result in summary.ingested) >= 250
        asked = [call for call in read.fake.faults.calls[before:] if call.path.endswith("/chat-messages")]
        assert len(asked) < 20
        again = read.run(sweep=False)
        assert sum(result.events_changed for result in again.ingested) == 0


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
        assert not [planted for planted in read.company.history.planted if planted in everything]


def test_an_account_that_may_not_see_keys_is_told_and_counts_all_the_same(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=21, days=1, calls_a_day=1) as read:
        read.fake.faults.add(Fault("status", path="api-keys", status=403, times=999))
        assert not read.run().source_errors
        with connected(warehouse_url) as connection:
            hidden = connection.execute("SELECT detail FROM usage.source_problem WHERE row_id = 'api keys'").fetchone()
            assert hidden
            assert "no call can be attributed to a key" in str(hidden[0])
            read.fake.faults.waiting.clear()
            read.run()
            assert not connection.execute("SELECT 1 FROM usage.source_problem WHERE row_id = 'api keys'").fetchall()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DIFY_PASSWORD", None, "the environment variable DIFY_PASSWORD is not set"),
        ("DIFY_PASSWORD", "wrong-password-1", "e-mail or password is wrong"),
        ("DIFY_CONSOLE_URL", "dify.example.com", "DIFY_CONSOLE_URL is not the console's address"),
    ],
)
def test_a_console_that_cannot_be_entered_is_said(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    variable: str, value: str | None, words: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    with console_company(new_database, warehouse_url, tmp_path, seed=22, days=1, calls_a_day=1) as read:
        read.variables[variable] = value
        summary = read.run()
        assert words in summary.source_errors["main"]
        assert "wrong-password-1" not in summary.source_errors["main"]
