"""The node view: which node burns the most and what it was before, equal to the truth, one line a node."""

import json
import os
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.fake_dify.scripts import TrueUnit
from usage_pipeline.usage.top_nodes import top_nodes
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import KEY_RULES, Company, build_company, expected
from usage_pipeline_tests.support.forked_programs import run_forked

EVERY = 1000
DAYS = 5


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Company:
    """A company that has been read; nothing of it is a runaway."""
    made = build_company(new_database, warehouse_url, seed=33, days=14, calls_a_day=6, runaway_calls=1)
    assert not made.run().source_errors
    return made


def full_days(company: Company, unit: TrueUnit, now: datetime) -> int:
    """How many days of its tenant's zone the unit's day lies before today."""
    zone = company.history.zone_of(unit.tenant_id)
    return (now.astimezone(ZoneInfo(zone)).date() - unit.usage_date(zone)).days


def test_every_node_has_its_true_figures_of_both_periods(company: Company, warehouse: Connection) -> None:
    now = datetime.now(UTC)
    truth: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    for unit in company.history.truth(company.history.now, KEY_RULES):
        ago = full_days(company, unit, now)
        if unit.node_id is not None and 1 <= ago <= 2 * DAYS:
            row, place = truth[unit.app_id, unit.node_id], 0 if ago <= DAYS else 2
            cost = expected(unit)["base_cost"]
            row[place] += unit.total_tokens
            row[place + 1] += cost if isinstance(cost, Decimal) else 0
    found = top_nodes(warehouse, days=DAYS, limit=EVERY, now=now)
    assert {(n.app_id, n.node_id): [n.tokens, n.cost, n.tokens_before, n.cost_before] for n in found} == {
        key: row for key, row in truth.items() if row[0] + row[2]
    }
    assert len(found) > 3
    assert [n.tokens for n in found] == sorted((n.tokens for n in found), reverse=True)
    for node in found:
        if node.tokens_before:
            change = Decimal(node.tokens - node.tokens_before) * 100 / node.tokens_before
            assert node.tokens_change_percent is not None
            assert abs(node.tokens_change_percent - change) <= Decimal("0.05")
        else:
            assert node.tokens_change_percent is None
    dearest = top_nodes(warehouse, days=DAYS, limit=2, by="cost", now=now)
    assert [n.cost for n in dearest] == sorted((n.cost for n in found), reverse=True)[:2]


def test_a_renamed_node_is_one_line_with_its_newest_title(company: Company, warehouse: Connection) -> None:
    now = datetime.now(UTC)
    before = {(n.app_id, n.node_id): n for n in top_nodes(warehouse, days=DAYS, limit=EVERY, now=now)}
    with connected(company.dify_url) as dify:
        # Renamed in the middle of the newest full day on which it ran: two titles on one day.
        last = dify.execute(
            "SELECT DISTINCT ON (app_id, node_id) app_id::text, node_id, id FROM workflow_node_executions"
            " WHERE created_at < %s AND triggered_from = 'workflow-run' ORDER BY app_id, node_id, created_at DESC",
            [_start_of_today(now)],
        ).fetchall()
        dify.execute(
            "UPDATE workflow_node_executions SET title = 'New name' WHERE id = ANY(%s)", [[r[2] for r in last]]
        )
    company.run()
    after = {(n.app_id, n.node_id): n for n in top_nodes(warehouse, days=DAYS, limit=EVERY, now=now)}
    assert {k: (n.tokens, n.cost, n.tokens_before) for k, n in after.items()} == {
        k: (n.tokens, n.cost, n.tokens_before) for k, n in before.items()
    }
    titles = warehouse.execute(
        "SELECT DISTINCT ON (app_id, node_id) app_id, node_id, node_title FROM usage.usage_event e"
        " JOIN usage.tenant t USING (source, tenant_id)"
        " WHERE node_id IS NOT NULL AND usage_date < (%s AT TIME ZONE t.timezone)::date"
        " ORDER BY app_id, node_id, occurred_at DESC", [now]
    ).fetchall()  # fmt: skip
    newest = {(str(app), str(node)): title for app, node, title in titles}
    assert {k: n.title for k, n in after.items()} == {k: newest[k] for k in after}
    assert "New name" in {n.title for n in after.values()}


def _start_of_today(now: datetime) -> datetime:
    """Midnight of the billing zone, as Dify writes times."""
    local = now.astimezone(ZoneInfo("Asia/Shanghai")).replace(hour=0, minute=0, second=0, microsecond=0)
    return local.astimezone(UTC).replace(tzinfo=None)


def test_projects_are_told_by_name_id_or_glob(company: Company, warehouse: Connection) -> None:
    found = top_nodes(warehouse, days=DAYS, limit=EVERY)
    one = found[0]
    same = [n for n in found if n.app_id == one.app_id]
    for asked in (one.project, one.app_id, one.project[:-2] + "*"):
        assert [
            n for n in top_nodes(warehouse, days=DAYS, limit=EVERY, project=asked) if n.app_id == one.app_id
        ] == same
    assert top_nodes(warehouse, days=DAYS, limit=EVERY, project="no such project") == []


METADATA = """
import dagster as dg, sys
from usage_pipeline.definitions import defs
from usage_pipeline.defs.shared import tags_of_pass
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    tags = tags_of_pass()
    run = defs.resolve_job_def("usage_pass").execute_in_process(instance=instance, tags=tags)
    event = instance.get_latest_materialization_event(dg.AssetKey("daily_node_usage"))
    found = event.asset_materialization.metadata
    print("FIRST", found["top_nodes_of_7_days"].records[0].data)
    print("ROWS", found["dagster/row_count"].value)
"""


def test_people_see_it_in_the_command(company: Company, warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", company.warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(company.config))
    found = top_nodes(warehouse, days=7, limit=3)
    listed = json.loads(CliRunner().invoke(app, ["nodes", "--limit", "3", "--json"]).stdout)
    assert [(n["node_id"], n["tokens"], Decimal(n["cost"])) for n in listed] == [
        (n.node_id, n.tokens, n.cost) for n in found
    ]
    shown = CliRunner().invoke(app, ["nodes", "--project", found[0].project])
    assert f"{found[0].tokens:,}" in shown.stdout
    assert "CNY before" in shown.stdout
    mistake = CliRunner().invoke(app, ["nodes", "--project", "nowhere"])
    assert mistake.exit_code == 2
    assert "there is no project 'nowhere'" in mistake.stderr


def test_people_see_it_on_the_asset(company: Company, warehouse: Connection, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    environment = {**os.environ, "WAREHOUSE_URL": company.warehouse_url, "USAGE_PIPELINE_CONFIG": str(company.config),
                   "DIFY_DATABASE_URL": company.dify_url, "DAGSTER_HOME": str(tmp_path / "home")}  # fmt: skip
    done = run_forked(METADATA, str(tmp_path / "home"), environment=environment)
    assert "ROWS" in done.stdout, done.stderr[-2000:]
    first = top_nodes(warehouse, days=7, limit=1)[0]
    (shown,) = [line for line in done.stdout.splitlines() if line.startswith("FIRST")]
    assert f"{first.tokens:,}" in shown or f" {first.tokens}," in shown


def test_a_day_that_has_not_ended_in_its_zone_is_not_shown(warehouse: Connection) -> None:
    now = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)  # the 25th in Shanghai, still the 24th in Berlin
    for tenant, zone in (("east", "Asia/Shanghai"), ("west", "Europe/Berlin")):
        warehouse.execute("INSERT INTO usage.tenant (source, tenant_id, name, timezone) VALUES ('m', %s, %s, %s)",
                          [tenant, tenant, zone])  # fmt: skip
        for day in range(4):
            warehouse.execute(
                "INSERT INTO usage.daily_node_usage (usage_date, source, tenant_id, app_id, node_id, node_title, calls,"
                " failed_calls, input_tokens, output_tokens, total_tokens, estimated_tokens, unpriced_tokens, cost,"
                " base_cost) VALUES (%s, 'm', %s, 'a', 'n', 't', 1, 0, 0, 0, %s, 0, 0, 0, 0)",
                [(now + timedelta(days=1 - day)).date(), tenant, 10**day],
            )
    found = {n.tenant: (n.tokens, n.tokens_before) for n in top_nodes(warehouse, days=1, now=now)}
    assert found == {"east": (10, 100), "west": (100, 1000)}
