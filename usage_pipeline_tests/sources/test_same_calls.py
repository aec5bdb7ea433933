"""The same calls, read from Dify and from a log of them, are the same usage: what differs is listed here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from usage_pipeline.fake_dify.scripts import TrueUnit
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.company import EXAMPLE, build_company
from usage_pipeline_tests.support.logs import Log

# What a log cannot know of Dify, and therefore says otherwise; docs/counting.md lists the same.
DIFFERENT = {
    "source", "event_id", "tenant_id", "app_id", "app_mode", "caller_kind", "environment", "api_key_id",
    "key_attribution", "ingested_at", "seal",
}  # fmt: skip
SAME = {"input_tokens", "output_tokens", "total_tokens", "cost", "currency", "base_cost", "price_source", "provider",
        "model", "caller_id", "status", "occurred_at", "usage_date", "basis"}  # fmt: skip
LOG = """
  - {id: gateway, kind: completion_logs, url_env: LOG_URL, table: calls, columns: {id: call, created_at: at,
     input_tokens: tokens_in, output_tokens: tokens_out, tenant: team, app: app, user: caller, model: model,
     provider: provider, cost: price, currency: currency, status: state}}"""


def write_log(log: Log, units: list[TrueUnit], team: dict[str, str], app: dict[str, str]) -> None:
    """A gateway's log of the calls, as the gateway saw them."""
    log.do(
        "CREATE TABLE calls (call uuid PRIMARY KEY, at timestamptz, tokens_in int, tokens_out int, team text, app text,"
        " caller text, model text, provider text, price numeric, currency text, state text);"
        " CREATE INDEX calls_at ON calls (at)"
    )
    log.do(
        f"INSERT INTO calls VALUES ({', '.join('?' * 12)})",
        [
            (u.event_id.removeprefix("message:"), u.occurred_at, u.input_tokens, u.output_tokens, team[u.tenant_id],
             app[u.app_id], u.caller_id, u.model, u.provider, u.cost, "RMB" if u.currency == "CNY" else u.currency,
             u.status)
            for u in units
        ],
    )  # fmt: skip


def read_back(warehouse: Connection, source: str) -> dict[str, dict[str, object]]:
    """The events of messages that a source gave, by the id that both know them by."""
    cursor = warehouse.execute(
        "SELECT * FROM usage.usage_event WHERE source = %s AND run_id IS NULL AND node_id IS NULL AND basis = 'logged'",
        [source],
    )
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {str(row["event_id"]).removeprefix("message:"): row for row in rows}


def test_a_log_of_the_same_calls_is_the_same_usage(
    new_database: Callable[[], str],
    warehouse_url: str,
    warehouse: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    company = build_company(new_database, warehouse_url, seed=12, days=4, calls_a_day=8, runaway_calls=1_500)
    log = Log(new_database())
    monkeypatch.setenv("LOG_URL", log.url)
    main = "  - {id: main, kind: dify, url_env: DIFY_DATABASE_URL}"
    company.config = tmp_path / "c.yaml"
    company.config.write_text(EXAMPLE.read_text(encoding="utf-8").replace(main, main + LOG), encoding="utf-8")
    units = [u for u in company.history.truth(company.history.now) if u.event_id.startswith("message:")]
    world = company.history.world
    write_log(log, units, {tenant_id: name for name, (tenant_id, _) in world.tenants.items()},
              {a.app_id: a.name for a in world.apps.values()})  # fmt: skip
    assert not company.run().source_errors
    dify, gateway = read_back(warehouse, "main"), read_back(warehouse, "gateway")
    assert dify.keys() == gateway.keys()
    assert len(dify) > 1500
    differing = {
        name for key, row in dify.items() for name, value in row.items() if gateway[key][name] != value
    }  # fmt: skip
    assert differing <= DIFFERENT, {
        name: next((r[name], gateway[k][name]) for k, r in dify.items() if r[name] != gateway[k][name])
        for name in differing - DIFFERENT
    }
    assert not differing & SAME
    assert DIFFERENT - differing <= {"ingested_at"}, "the list names what does not differ"
    totals = warehouse.execute(
        "SELECT source, sum(total_tokens) FROM usage.daily_usage WHERE source = 'gateway' GROUP BY 1"
    ).fetchall()
    assert totals == [("gateway", sum(u.total_tokens for u in units))]
    names = warehouse.execute("SELECT name FROM usage.project WHERE source = 'gateway' ORDER BY 1").fetchall()
    assert {str(name) for (name,) in names} == {
        a.name for a in world.apps.values() if any(u.app_id == a.app_id for u in units)
    }
