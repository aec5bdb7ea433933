"""Whatever the console does on the way, a Dify read through it ends with the same events, or says why not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tenacity import wait_none

from usage_pipeline.fake_dify.console_faults import Fault
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import events
from usage_pipeline_tests.support.console_company import assert_as_shown, console_company


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
        with connected(read.company.dify_url) as dify:
            row = dify.execute("SELECT count(*) FROM workflow_runs").fetchone()
        assert row
        runs = int(str(row[0]))
        assert runs > 2
        read.fake.faults.add(Fault("status", path="node-executions", status=500, skip=runs // 2, times=1))
        summary = read.run()
        assert list(summary.source_errors) == ["main"]
        assert "the console failed with 500" in summary.source_errors["main"]
        assert not read.run().source_errors
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())


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
        ("DIFY_PASSWORD", "wrong-s3cr3t-1", "e-mail or password is wrong"),
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
        assert "wrong-s3cr3t-1" not in summary.source_errors["main"]


def test_an_answer_that_is_not_difys_is_said_and_an_unknown_kind_of_app_is_passed_over(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=24, days=1, calls_a_day=1) as read:
        with connected(read.company.dify_url) as dify:
            dify.execute("UPDATE apps SET mode = 'something-new' WHERE name = 'image-brief'")
        assert not read.run().source_errors, "an app of a mode that is not known has no logs to read"
        read.fake.faults.add(Fault("garbage", path="chat-conversations"))
        summary = read.run()
        assert "its answer is no JSON" in summary.source_errors["main"]
        assert not read.run().source_errors


def test_an_app_that_was_deleted_after_it_was_listed_keeps_no_other_from_being_read(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=25, days=1, calls_a_day=2) as read:
        with connected(read.company.dify_url) as dify:
            (chat,) = dify.execute("SELECT id::text FROM apps WHERE mode = 'completion' LIMIT 1").fetchall()[0]
        log_alone = Fault("status", path=f"apps/{chat}/completion-conversations", status=404, times=9)
        read.fake.faults.add(log_alone)
        assert "404" in read.run().source_errors["main"], "what is there is read later"
        read.fake.faults.waiting[:] = [Fault("status", path=f"apps/{chat}(/|$)", status=404, times=99)]
        assert not read.run().source_errors
        with connected(warehouse_url) as connection:
            said = connection.execute("SELECT row_id FROM usage.source_problem WHERE row_id LIKE 'app %'").fetchall()
            assert said == [(f"app {chat}",)]
            found = set(events(connection))
        of_it = {unit.event_id for unit in read.shown_truth() if unit.app_id == chat}
        assert of_it
        assert found == {unit.event_id for unit in read.shown_truth()} - of_it
