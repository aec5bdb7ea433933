"""A role that owns nothing runs whole passes, and none of the attacks on the history is its to make."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.retention import remove_old_alerts
from usage_pipeline.alerts.silences import Silence, acknowledge, end_silence, make_silence
from usage_pipeline.configuration import active_configuration
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.warehouse.audit_chain import verify
from usage_pipeline.warehouse.connection import connect, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.schema import WarehouseError, migrate
from usage_pipeline.warehouse.writer import owns_tables
from usage_pipeline_tests.support.alerts import alert_of
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy

ROLE = "usage_writer_of_the_tests"
ATTACKS = """
ALTER TABLE usage.alert DISABLE TRIGGER ALL
SET session_replication_role = replica
DROP TRIGGER alert_history ON usage.alert
DROP TABLE usage.audit_chain
TRUNCATE usage.budget_event
DELETE FROM usage.alert
UPDATE usage.alert SET level = 'info'
UPDATE usage.budget_override SET requested_by = 'another'
UPDATE usage.audit_chain SET digest = NULL
INSERT INTO usage.audit_chain (seq, at, table_name, row_key, hash) VALUES (0, now(), 'alert', 'x', '')
INSERT INTO usage.removed_history (table_name, until, rows) VALUES ('alert', '2020-01-01', 1)
SELECT usage.add_link('alert', 'x', NULL)
CREATE OR REPLACE FUNCTION usage.history_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'
UPDATE usage.schema_version SET version_num = '0001'
"""


@pytest.fixture(scope="module")
def company(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company whose warehouse was read by its owner; the writer's role goes with the tests."""
    with company_to_copy(postgres, lambda make, url: build_company(make, url, seed=7, days=2, calls_a_day=4)) as made:
        yield made
        with connected(made.warehouse_url) as connection:
            connection.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}".encode())


@pytest.fixture(scope="module")
def writer_url(company: Company) -> str:
    """Where the writer logs in."""
    password = secrets.token_urlsafe(8)
    with connected(company.warehouse_url) as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}'".encode())
    return company.warehouse_url.replace("postgres@", f"{ROLE}:{password}@")


@pytest.fixture
def as_writer(company: Company, writer_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The installation with both roles, migrated by the owner."""
    monkeypatch.setenv("WAREHOUSE_URL", writer_url)
    monkeypatch.setenv("WAREHOUSE_OWNER_URL", company.warehouse_url)
    migrate(writer_url)
    return writer_url


def test_the_writer_runs_a_pass_that_changes_alerts_and_removes_what_is_old(company: Company, as_writer: str) -> None:
    old = datetime.now(UTC) - timedelta(days=800)
    with connected(as_writer) as connection:
        assert not owns_tables(connection)
        settings = active_configuration(connection, EXAMPLE).settings
        connection.execute(
            "INSERT INTO usage.alert (alert_id, kind, budget_id, scope_value, period_start, tier, level, facts,"
            " created_at) VALUES ('Bold', 'budget', 'b', '', %s, 80, 'info', '{}', %s)",
            [old, old],
        )
        company.warehouse_url, owned = as_writer, company.warehouse_url
        try:
            summary = company.run()
        finally:
            company.warehouse_url = owned
        assert not summary.source_errors
        assert not summary.differences
        assert remove_old_alerts(connection, settings, datetime.now(UTC)) == 1
        alert = alert_of("budget", "b", old, datetime.now(UTC), "100", "emergency", {})
        with connection.transaction():
            raise_alert(connection, alert, [("ops-group", "wecom")])
        acknowledge(connection, alert.alert_id, "zhang", None, datetime.now(UTC))
        made = make_silence(
            connection, Silence("b", datetime.now(UTC) + timedelta(days=1), "move", "li"), datetime.now(UTC)
        )
        assert end_silence(connection, made, "li", datetime.now(UTC))
        sent = deliver_due(connection, settings, by="t", send=lambda *_: Outcome("accepted", "taken", 202), limit=1)
        assert sent.delivered == 1
        assert connection.execute("SELECT count(*) FROM usage.usage_event").fetchone() != (0,)
        assert verify(connection) is None


@pytest.mark.parametrize("attack", ATTACKS.strip().splitlines())
def test_the_writer_is_refused_on_record(attack: str, as_writer: str, postgres: EmbeddedServer) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connected(as_writer) as connection:
        connection.execute(attack.encode())
    log = next(path for path in Path(postgres.socket_folder).rglob("log") if path.is_file())
    assert attack.split(" VALUES", maxsplit=1)[0] in log.read_text(encoding="utf-8", errors="replace")


def test_a_role_that_is_not_there_is_said(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    url = company.warehouse_url.replace("postgres@", "nobody_made_it:x@")
    monkeypatch.setenv("WAREHOUSE_URL", url)
    monkeypatch.setenv("WAREHOUSE_OWNER_URL", company.warehouse_url)
    with pytest.raises(WarehouseError, match=r"the role 'nobody_made_it' of WAREHOUSE_URL is not there"):
        migrate(url)
    assert conninfo_to_dict(url)["user"] == "nobody_made_it"
    connect(company.warehouse_url).close()
