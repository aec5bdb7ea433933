"""Upgrades from what was released: what a released program counted, sent and did is kept, and nothing is sent again."""

import os
from collections.abc import Callable, Iterator, Mapping
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
# What a pass may write anew of a row that it leaves as it is.
_PASSING = {("delivery", "next_attempt_at"), ("budget_lock", "lock_name")}

# Of a table, its columns and a digest of its rows by these.
Kept = Mapping[str, tuple[list[str], str]]


def kept(connection: Connection, before: Kept | None = None) -> Kept:
    """A fingerprint of everything that was counted and done, by the columns that there are, or were before."""
    found = {}
    for table in COUNTED + AUDIT:
        names = before[table][0] if before and table in before else columns(connection, table)
        if names and (before is None or table in before):
            found[table] = (names, digest(connection, table, names))
    return found


def columns(connection: Connection, table: str) -> list[str]:
    query = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'usage' AND table_name = %s"
    return [name for name in sorted(values(connection, str, query, [table])) if (table, name) not in _PASSING]


def digest(connection: Connection, table: str, names: list[str]) -> str:
    query = SQL("SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\"), '')) "
                "FROM (SELECT {} FROM {}) t")  # fmt: skip
    return value(connection, str, query.format(SQL(", ").join(map(Identifier, names)), Identifier("usage", table)))


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
        assert not [table for table in ("usage_event", "daily_usage", "alert_delivery") if before[table][1][:2] == "0 "]
        assert migrate(empty_database) == newest_migration()
        assert kept(connection, before) == before
        assert verify(connection) is None

        # The configuration of then is valid still, by the file that it stood in.
        config = tmp_path / "usage_pipeline.yaml"
        content = "SELECT content FROM usage.config_version WHERE valid ORDER BY version_id DESC LIMIT 1"
        config.write_text(value(connection, str, content), encoding="utf-8")
        summary = run_pass(connection, config, by="the upgraded program")
        assert summary.ok, summary
        assert kept(connection, before) == before
        assert verify(connection) is None
        assert links(connection) > 0
        assert channels.taken == []
