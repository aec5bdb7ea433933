"""`usage-pipeline keys` and `backfill`, as a person or a program calls them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company

LISTED = {"tenant", "project", "name", "masked", "api_key_id", "state", "created_at", "last_used_at", "gone_at",
          "calls", "tokens", "cost", "told_by"}  # fmt: skip


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Company:
    """A company that the commands work on."""
    company = build_company(new_database, warehouse_url, seed=121, days=3, calls_a_day=8)
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(EXAMPLE))
    company.run()
    return company


def command(*words: str) -> str:
    """What a command prints; it must succeed."""
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_keys_are_listed_masked_with_their_use_and_what_can_be_trusted(company: Company) -> None:
    with connected(company.dify_url) as dify:
        dify.execute("DELETE FROM api_tokens WHERE app_id = (SELECT id FROM apps WHERE name = 'copywriter')")
    company.run()
    found = json.loads(command("keys", "--json"))
    keys = {key["api_key_id"]: key for key in found["keys"]}
    known = {key_id: secret for a in company.history.world.apps.values() for key_id, secret, _ in a.keys}
    assert keys.keys() == known.keys() | {"crm"}
    for key_id, secret in known.items():
        assert set(keys[key_id]) == LISTED
        assert keys[key_id]["masked"] == f"{secret[4:8]}…{secret[-4:]}"
        assert secret not in json.dumps(found)
        assert keys[key_id]["state"] == ("gone" if keys[key_id]["project"] == "copywriter" else "live")
    assert keys["crm"]["state"] == keys["crm"]["told_by"] == "declared"
    rates = {rate["project"]: rate for rate in found["attribution"]}
    assert rates["copywriter"]["rate"] == "1.0000"
    assert rates["copywriter"]["sole"] == rates["copywriter"]["calls"] > 0
    assert rates["brand-chat"]["rate"] == "0.0000"
    bot = rates["support-bot"]
    assert bot["declared"] > 0
    assert bot["declared"] + bot["shared"] == bot["calls"]
    text = command("keys")
    assert "support-bot" in text
    assert "How many API calls are attributed to a key" in text


def test_a_backfill_says_which_other_days_wait(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(EXAMPLE.read_text(encoding="utf-8").replace("Europe/Berlin", "Pacific/Auckland"), "utf-8")
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(config))
    monkeypatch.setenv("DIFY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/gone")
    with connected(company.warehouse_url) as connection:
        days = [str(d) for (d,) in connection.execute("SELECT DISTINCT usage_date FROM usage.usage_event ORDER BY 1")]
    done = json.loads(command("backfill", "--from", days[1], "--to", days[1], "--json"))
    assert done["days"] == 1
    assert done["differences"] == []
    assert done["sent"] == 0
    assert days[1] not in done["waiting"]
    assert set(done["waiting"]) <= {days[0], days[2]}
    assert done["waiting"]


def test_a_backfill_in_dagster_books_past_days_again(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg  # noqa: PLC0415

    from usage_pipeline.defs.resources import Warehouse  # noqa: PLC0415
    from usage_pipeline.defs.usage import daily_tables  # noqa: PLC0415
    from usage_pipeline.run_tags import Work, range_tags  # noqa: PLC0415

    config = tmp_path / "c.yaml"
    config.write_text(EXAMPLE.read_text(encoding="utf-8").replace("{USD: 7.10}", "{USD: 9}"), "utf-8")
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(config))
    rate = (
        b"SELECT max(base_cost / cost) FROM usage.usage_event WHERE currency = 'USD' AND cost > 0 AND usage_date = %s"
    )
    with connected(company.warehouse_url) as connection:
        row = connection.execute("SELECT max(usage_date) - 1 FROM usage.usage_event").fetchone()
        assert row
        tags = range_tags(row[0], row[0])
        with dg.DagsterInstance.ephemeral() as instance:
            for more, wanted in ((Work.LATE_DAYS.tags, "7.1"), ({}, "9")):
                done = dg.materialize(
                    [daily_tables], instance=instance, tags={**tags, **more}, resources={"warehouse": Warehouse()},
                    partition_key=None,
                )  # fmt: skip
                assert done.success
                found = connection.execute(rate, [row[0]]).fetchone()
                assert found
                assert f"{float(str(found[0])):g}" == wanted
            told = done.asset_materializations_for_node("daily_tables")
    metadata = next(m.metadata for m in told if m.asset_key == dg.AssetKey("daily_key_usage"))
    assert "support-bot" in str(metadata["calls_told_to_a_key"].value)
