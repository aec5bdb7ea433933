"""A warehouse of the first release keeps all that it holds; an older program keeps its hands off a newer one."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.warehouse.audit_chain import verify
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.schema import migrate, schema_revision
from usage_pipeline.warehouse.statements import newest_migration, sql_folder

# What the first release had: schema 0002, with usage, and with an alert that somebody was notified of.
HELD = """
INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, key_attribution, caller_kind,
    total_tokens, base_cost, price_source, basis, status, occurred_at, usage_date)
SELECT 'main', 'message:' || n, 'tenant', 'prod', 'app', 'none', 'api', n, n / 7.0, 'dify', 'logged', 'succeeded',
    '2026-03-01 08:00+00'::timestamptz + n * interval '1 hour', '2026-03-01'::date + n / 24
FROM generate_series(1, 500) AS n;
INSERT INTO usage.source_state (source, kind, read_up_to) VALUES ('main', 'dify', '2026-03-21 08:00+00');
INSERT INTO usage.tenant (source, tenant_id, name, timezone) VALUES ('main', 'tenant', 'Marketing', 'Asia/Shanghai');
INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment)
VALUES ('main', 'app', 'tenant', 'bot', 'chat', 'prod');
INSERT INTO usage.config_version (hash, path, content, valid) VALUES ('h', '/x.yaml', 'version: 1', true);
INSERT INTO usage.alert (alert_id, kind, budget_id, scope_value, period_start, period_end, tier, level, facts,
    config_version)
VALUES ('A1', 'budget', 'month', '', '2026-03-01', '2026-04-01', 80, 'warning',
    '{"measure": "tokens", "spent": "8", "limit": "10"}', 1);
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, state, attempts, finished_at)
VALUES ('D1', 'A1', 'ops', 'wecom', 'delivered', 1, '2026-03-20');
INSERT INTO usage.alert_delivery (delivery_id, attempt, alert_id, recipient, channel, outcome, http_status, answer)
VALUES ('D1', 1, 'A1', 'ops', 'wecom', 'accepted', 200, 'ok');
"""
COUNTED = "SELECT count(*), sum(total_tokens), sum(base_cost), min(occurred_at), max(usage_date) FROM usage.usage_event"
TOLD = "SELECT alert_id, recipient, state, attempts, finished_at FROM usage.delivery"


def first_release(connection: Connection) -> None:
    """Makes the schema of the first release by its own files, with data."""
    connection.execute("CREATE SCHEMA usage")
    for name in ("0001_counting", "0002_budgets_and_alerts"):
        connection.execute((sql_folder() / "migrations" / f"{name}.sql").read_bytes())
    connection.execute("CREATE TABLE usage.schema_version (version_num varchar(32) PRIMARY KEY)")
    connection.execute("INSERT INTO usage.schema_version VALUES ('0002')")
    connection.execute(HELD.encode())


def test_what_the_first_release_counted_and_sent_is_kept(empty_database: str) -> None:
    with connected(empty_database) as connection:
        first_release(connection)
        counted, told = connection.execute(COUNTED).fetchall(), connection.execute(TOLD).fetchall()
        assert migrate(empty_database) == newest_migration()
        assert connection.execute(COUNTED).fetchall() == counted
        assert connection.execute(TOLD).fetchall() == told
        waiting = connection.execute("SELECT count(*) FROM usage.delivery WHERE state IN ('pending', 'sending')")
        assert waiting.fetchone() == (0,)
        assert verify(connection) is None


@pytest.mark.parametrize("words", [["run"], ["alerts", "list"]])
def test_an_older_program_says_so_and_changes_nothing(
    words: list[str], warehouse_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    with connected(warehouse_url) as connection:
        connection.execute("UPDATE usage.schema_version SET version_num = '9999'")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert schema_revision(warehouse_url) == "9999"
    assert "upgrade this installation" in done.output.replace("\n", " ")
