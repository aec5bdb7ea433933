"""The audit: every change of state is on record, nobody can rewrite it, and it leaves only when it is old."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from typer.testing import CliRunner

from usage_pipeline import inputs
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.retention import remove_old_alerts
from usage_pipeline.alerts.silences import acknowledge
from usage_pipeline.cli import app
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient, parse_settings
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.delivery.test_outbox import FACTS, Clock
from usage_pipeline_tests.support.alerts import alert_of
from usage_pipeline_tests.support.rewriting import rewrite

CONFIG = """version: 1
recipients: {itsm: {channel: webhook, url_env: ITSM_URL}}
approvals: {approvers: [zhang]}
"""
SETTINGS = parse_settings(CONFIG, "c.yaml")


def told_at_the_second_attempt(connection: Connection, name: str = "agent", scope: str = "lead-enricher") -> str:
    """An alert that was refused once and then taken."""
    now = datetime.now(UTC)
    facts = {**FACTS, "scope_name": scope}
    alert = alert_of("budget", name, now, now + timedelta(days=1), "80", "warning", facts)
    with connection.transaction():
        raise_alert(connection, alert, [("itsm", "webhook")])
    answers = [Outcome("retry", "busy", 503), Outcome("accepted", "taken", 202)]

    def send(message: Message, recipient: Recipient) -> Outcome:
        return answers.pop(0)

    clock = Clock()
    deliver_due(connection, SETTINGS, by="run-1", clock=clock, send=send)
    clock.move(1000)
    deliver_due(connection, SETTINGS, by="run-2", clock=clock, send=send, config_version=7)
    return alert.alert_id


def test_every_change_of_state_is_on_record_with_time_run_and_configuration(warehouse: Connection) -> None:
    alert_id = told_at_the_second_attempt(warehouse)
    rows = warehouse.execute(
        "SELECT what, from_state, attempt, by_whom, config_version FROM usage.alert_event WHERE alert_id = %s"
        " ORDER BY event_id",
        [alert_id],
    ).fetchall()
    user = warehouse.execute("SELECT session_user::text").fetchone()
    assert user
    assert rows == [
        ("raised", None, None, user[0], None),
        ("pending", None, None, user[0], None),
        ("sending", "pending", 1, "run-1", None),
        ("pending", "sending", 1, "run-1", None),
        ("sending", "pending", 2, "run-2", 7),
        ("delivered", "sending", 2, "run-2", 7),
    ]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE usage.alert_event SET by_whom = 'somebody else'",
        "DELETE FROM usage.alert_event",
        "TRUNCATE usage.alert_event",
        "UPDATE usage.alert SET level = 'info'",
        "UPDATE usage.alert SET facts = '{}'",
        "DELETE FROM usage.alert",
        "UPDATE usage.alert_delivery SET outcome = 'accepted' WHERE attempt = 1",
        "UPDATE usage.alert_delivery SET answer = 'never'",
        "UPDATE usage.alert_delivery SET recipient = 'other'",
        "DELETE FROM usage.alert_delivery",
        "TRUNCATE usage.alert_delivery",
        "UPDATE usage.acknowledgement SET by_whom = 'somebody else'",
        "DELETE FROM usage.acknowledgement",
    ],
)
def test_the_database_refuses_to_rewrite_history(change: str, warehouse: Connection) -> None:
    alert_id = told_at_the_second_attempt(warehouse)
    acknowledge(warehouse, alert_id, "zhang", None, datetime.now(UTC))
    with pytest.raises(psycopg.errors.RestrictViolation, match="is history"):
        warehouse.execute(change.encode())


def test_history_leaves_only_by_the_retention_job_and_only_when_it_is_old(warehouse: Connection) -> None:
    first = told_at_the_second_attempt(warehouse)
    acknowledge(warehouse, first, "zhang", None, datetime.now(UTC))
    assert remove_old_alerts(warehouse, SETTINGS, datetime.now(UTC) + timedelta(days=731)) == 0, (
        "by a clock put forward"
    )
    rewrite(warehouse, "UPDATE usage.alert SET created_at = created_at - interval '731 days'")
    assert remove_old_alerts(warehouse, SETTINGS, datetime.now(UTC) - timedelta(days=2)) == 0
    assert remove_old_alerts(warehouse, SETTINGS, datetime.now(UTC)) == 1
    for table in ("alert", "delivery", "alert_delivery", "alert_event", "acknowledgement"):
        left = warehouse.execute(f"SELECT count(*) FROM usage.{table}".encode()).fetchone()
        assert left == (0,), table
    counted = warehouse.execute("SELECT table_name, rows FROM usage.removed_history ORDER BY 1").fetchall()
    assert counted == [("acknowledgement", 1), ("alert", 1), ("alert_delivery", 2), ("alert_event", 7), ("delivery", 1)]
    assert remove_old_alerts(warehouse, SETTINGS, datetime.now(UTC)) == 0
    second = told_at_the_second_attempt(warehouse, "b")
    with pytest.raises(psycopg.errors.RestrictViolation):
        warehouse.execute("DELETE FROM usage.alert_event WHERE alert_id = %s", [second])


@pytest.fixture
def installed(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installation that the commands find."""
    (tmp_path / "c.yaml").write_text(CONFIG)
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    return warehouse_url


def test_the_history_is_exported_as_csv_and_json_lines_and_no_name_becomes_a_formula(installed: str) -> None:
    connection = connect(installed)
    alert_id = told_at_the_second_attempt(connection, scope='=HYPERLINK("http://x")')
    today = datetime.now(UTC).date()
    span = ["--from", f"{today - timedelta(days=1)}", "--to", f"{today + timedelta(days=1)}"]
    lines = CliRunner().invoke(app, ["alerts", "export", *span, "--format", "jsonl"])
    rows = [json.loads(line) for line in lines.stdout.splitlines()]
    assert [row["what"] for row in rows] == ["raised", "pending", "sending", "pending", "sending", "delivered"]
    assert [row["answer"] for row in rows if row["answer"]] == ["busy", "taken"]
    assert {row["alert_id"] for row in rows} == {alert_id}
    sheet = CliRunner().invoke(app, ["alerts", "export", *span, "--format", "csv"])
    table = list(csv.DictReader(io.StringIO(sheet.stdout)))
    assert [row["what"] for row in table] == [row["what"] for row in rows]
    assert all(row["scope"].startswith("'=") for row in table)
    wrong = CliRunner().invoke(app, ["alerts", "export", "--from", "2h", "--to", f"{today}"])
    assert wrong.exit_code == 2
    connection.close()


def test_ack_and_silence_commands_say_who_and_mistakes_say_the_way_out(installed: str) -> None:
    connection = connect(installed)
    alert_id = told_at_the_second_attempt(connection)
    run = CliRunner().invoke
    me = inputs.account()
    said = run(app, ["alerts", "ack", alert_id, "--by", "zhang", "--note", "on it"])
    assert f"acknowledged by {me}" in said.stdout
    seen = connection.execute("SELECT by_whom, known_by, note FROM usage.acknowledgement").fetchall()
    assert seen == [(me, "account", "on it (says: zhang)")]
    assert f"was acknowledged by {me} before" in run(app, ["alerts", "ack", alert_id, "--by", "li"]).stdout
    assert run(app, ["alerts", "ack", "Bnone"]).exit_code == 2
    made = run(app, ["alerts", "silence", "--budget", "dev-*", "--until", "2h", "--reason", "move", "--by", "li"])
    assert made.exit_code == 0, made.output
    listed = json.loads(run(app, ["alerts", "silence", "list", "--json"]).stdout)
    assert [(row["budget"], row["emergencies"], row["by"]) for row in listed] == [("dev-*", False, me)]
    number = str(listed[0]["silence"])
    assert run(app, ["alerts", "silence", "end", number, "--by", "wang"]).exit_code == 0
    assert run(app, ["alerts", "silence", "end", number]).exit_code == 2
    for wrong in (["--budget", "x"], ["--budget", "x", "--until", "soon", "--reason", "r"],
                  ["--budget", "x", "--until", "2020-01-01", "--reason", "r"],
                  ["--budget", "x", "--until", "2h", "--reason", "r", "--below", "green"]):  # fmt: skip
        assert run(app, ["alerts", "silence", *wrong]).exit_code == 2, wrong
    connection.close()


def test_every_alert_of_a_budget_is_acknowledged_at_once(installed: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(f"{CONFIG}budgets: [{{id: agent, period: day, limit: {{tokens: 100}}}}]\n")
    with connect(installed) as connection:
        alerts = {told_at_the_second_attempt(connection, scope=scope) for scope in ("a", "b")}
    run = CliRunner().invoke
    said = run(app, ["alerts", "ack", "--all-of", "agent"])
    assert said.exit_code == 0, said.output
    assert {line.partition(" ")[0] for line in said.stdout.splitlines()} == alerts
    assert "no alert that waits" in run(app, ["alerts", "ack", "--all-of", "agent"]).stdout
    for wrong in (["--all-of", "gone"], [min(alerts), "--all-of", "agent"], []):
        assert run(app, ["alerts", "ack", *wrong]).exit_code == 2, wrong


def test_who_acts_on_alerts_is_the_account_and_what_the_environment_names_is_a_note(
    installed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_USER", "wang.wu")
    connection = connect(installed)
    alert_id = told_at_the_second_attempt(connection)
    run = CliRunner().invoke
    me = inputs.account()
    assert f"acknowledged by {me}" in run(app, ["alerts", "ack", alert_id]).stdout
    assert run(app, ["alerts", "silence", "--budget", "dev-*", "--until", "2h", "--reason", "move"]).exit_code == 0
    (made,) = json.loads(run(app, ["alerts", "silence", "list", "--json"]).stdout)
    assert run(app, ["alerts", "silence", "end", str(made["silence"])]).exit_code == 0
    (ended,) = json.loads(run(app, ["alerts", "silence", "list", "--all", "--json"]).stdout)
    assert (ended["by"], ended["ended by"], ended["reason"]) == (me, me, "move (says: wang.wu)")
    connection.close()


def test_an_alert_is_acknowledged_from_the_dagster_ui_by_a_job_with_typed_config(installed: str) -> None:
    from usage_pipeline.defs.alerts import acknowledge_alert  # noqa: PLC0415  (reads the configuration when it is loaded)
    from usage_pipeline.defs.resources import Warehouse  # noqa: PLC0415

    connection = connect(installed)
    alert_id = told_at_the_second_attempt(connection)

    def run(config: dict[str, object]) -> dg.ExecuteInProcessResult:
        return acknowledge_alert.execute_in_process(
            run_config=config,
            resources={"warehouse": Warehouse()},
            raise_on_error=False,
        )

    assert run({"alert_id": alert_id, "by": "zhang", "note": "on it"}).success
    assert connection.execute("SELECT by_whom, note FROM usage.acknowledgement").fetchall() == [("zhang", "on it")]
    assert not run({"alert_id": "Bnone", "by": "zhang"}).success
    assert not run({"alert_id": alert_id, "by": "li.si"}).success, "nobody of the configuration"
    connection.close()
