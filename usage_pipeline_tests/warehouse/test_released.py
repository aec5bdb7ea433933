"""Upgrades from what was released: what a released program counted, sent and did is kept, and nothing is sent again."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier

from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.pipeline import run_pass
from usage_pipeline.warehouse.audit_chain import links, verify
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.rows import value, values
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline.warehouse.statements import newest_migration
from usage_pipeline_tests.support.fault_servers import FaultyHttp, faulty_http
from usage_pipeline_tests.support.released import RELEASED, restore

# By day the release that is furthest from here, and the one that most people come from; by night all of them.
_BY_NIGHT = pytest.mark.skipif(os.environ.get("USAGE_PIPELINE_HYPOTHESIS") != "nightly", reason="between the two")
_DUMPS = [
    pytest.param(dump, id=dump.name.partition(".")[0], marks=() if dump in (RELEASED[0], RELEASED[-1]) else _BY_NIGHT)
    for dump in RELEASED
]
COUNTED = ("usage_event", "run_ledger", "daily_usage", "daily_project_usage", "daily_key_usage", "daily_user_usage",
           "daily_model_usage", "daily_node_usage")  # fmt: skip
AUDIT = ("alert", "delivery", "alert_delivery", "alert_event", "acknowledgement", "enforcement_plan",
         "enforcement_action", "enforcement_event", "budget_override", "budget_event", "budget_lock")  # fmt: skip
ATTEMPTS = "SELECT count(*) FROM usage.alert_delivery WHERE delivery_id = ANY (%s)"
# What a migration writes anew, and what time does: an alert is over, an override has ended.
BY_MIGRATION = frozenset({("delivery", "next_attempt_at"), ("budget_lock", "lock_name")})
BY_TIME = frozenset({("alert", "resolved_at"), ("budget_override", "state"), ("budget_override", "closed_at")})
# Soon after its last pass a release has nothing to say; days later alerts are over, and what nobody took is said again.
_SOON = timedelta(hours=1)

# Of a table, its columns and its rows by these.
Kept = Mapping[str, tuple[list[str], Counter[str]]]


def kept(connection: Connection, before: Kept | None = None, but: frozenset[tuple[str, str]] = BY_MIGRATION) -> Kept:
    """Everything that was counted and done, by the columns that there are, or were before."""
    found = {}
    for table in (COUNTED + AUDIT) if before is None else before:
        names = columns(connection, table, but) if before is None else before[table][0]
        if names:
            found[table] = (names, rows_of(connection, table, names))
    return found


def columns(connection: Connection, table: str, but: frozenset[tuple[str, str]]) -> list[str]:
    query = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'usage' AND table_name = %s"
    return [name for name in sorted(values(connection, str, query, [table])) if (table, name) not in but]


def rows_of(connection: Connection, table: str, names: list[str]) -> Counter[str]:
    query = SQL("SELECT t::text FROM (SELECT {} FROM {}) t")
    chosen = SQL(", ").join(map(Identifier, names))
    return Counter(values(connection, str, query.format(chosen, Identifier("usage", table))))


def missing(before: Kept, after: Kept) -> dict[str, list[str]]:
    """Rows that are not as they were, by table."""
    found = {table: list(rows - after[table][1]) for table, (_, rows) in before.items()}
    return {table: rows[:5] for table, rows in found.items() if rows}


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyHttp]:
    """A server that would take every message, and every door that the demo's configuration names."""
    with faulty_http() as server:
        for name in ("WECOM_OPS_URL", "ITSM_URL", "DIFY_CONSOLE_URL"):
            monkeypatch.setenv(name, server.base)
        for name in ("ITSM_SECRET", "DIFY_ADMIN_KEY"):
            monkeypatch.setenv(name, "x" * 32)
        yield server


@pytest.fixture
def dify(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A Dify that has nothing of what was read: what Dify deletes stays counted."""
    url = new_database()
    with connected(url) as connection:
        create_dify_schema(connection)
    monkeypatch.setenv("DIFY_DATABASE_URL", url)


@pytest.mark.usefixtures("dify")
@pytest.mark.parametrize("dump", _DUMPS)
def test_what_a_release_counted_and_did_is_kept_and_nothing_is_sent_again(
    dump: Path, empty_database: str, tmp_path: Path, channels: FaultyHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    restore(dump, empty_database)
    with connected(empty_database) as connection:
        before = kept(connection)
        assert all(before[table][1] for table in ("usage_event", "daily_usage", "alert_delivery"))
        last = value(connection, datetime, "SELECT max(finished_at) FROM usage.alert_delivery")
        assert migrate(empty_database) == newest_migration()
        migrated = kept(connection, before)
        assert missing(before, migrated) == missing(migrated, before) == {}
        assert verify(connection) is None

        # The configuration of then is valid still, by the file that it stood in.
        config = tmp_path / "usage_pipeline.yaml"
        content = "SELECT content FROM usage.config_version WHERE valid ORDER BY version_id DESC LIMIT 1"
        config.write_text(value(connection, str, content), encoding="utf-8")
        deliveries = values(connection, str, "SELECT delivery_id FROM usage.delivery")
        attempts = value(connection, int, ATTEMPTS, [deliveries])
        settled = kept(connection, but=BY_MIGRATION | BY_TIME)
        summary = run_pass(connection, config, by="the upgraded program")
        assert not (summary.source_errors or summary.differences or summary.configuration_error or summary.restored)
        passed = kept(connection, settled)
        assert missing(settled, passed) == {}
        assert {table: passed[table] for table in COUNTED} == {table: settled[table] for table in COUNTED}
        assert value(connection, int, ATTEMPTS, [deliveries]) == attempts
        if datetime.now(UTC) - last < _SOON:
            assert passed == settled
            assert channels.taken == []
        assert verify(connection) is None
        assert links(connection) > 0
