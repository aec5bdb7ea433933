"""The partition grid: from the first usage to the last day that has begun anywhere, true whoever made the days."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.commands import grid
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.defs import made_days, shared
from usage_pipeline.defs.made_days import report_missing
from usage_pipeline.pipeline import EVALUATE, ROLL_UP, Pass, run_steps
from usage_pipeline.settings import Settings, parse_settings
from usage_pipeline.settings.first_day import first_day, first_day_file, keep_first_day
from usage_pipeline.usage.days import keep_first_day_of
from usage_pipeline.usage.roll_up import DAILY_TABLES, roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.location import has_dagster
from usage_pipeline_tests.support.dagster_storage import Storage, opened
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world

WORLD = World(("UTC",), ("sales-bot",))
CONFIG = """version: 1
currency: CNY
budgets: [{id: bots, per: project, period: day, limit: {tokens: 1000}}]
"""
TODAY = datetime.now(UTC).date()


def settings(text: str = "") -> Settings:
    """A configuration."""
    return parse_settings(CONFIG + text, "c.yaml")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of its own."""
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def used(warehouse: Connection) -> list[date]:
    """Three days with usage, five days apart, the last of them today."""
    days = [TODAY - timedelta(days=number) for number in (10, 5, 0)]
    write_world(warehouse, WORLD)
    write_events(warehouse, WORLD, [
        Event(number=number, tenant=0, project=0, key=None, caller=None, model=None, node=None,
              occurred_at=datetime(day.year, day.month, day.day, tzinfo=UTC), input_tokens=1500, output_tokens=0,
              cost=Decimal("1.25"))
        for number, day in enumerate(days)])  # fmt: skip
    return days


@pytest.fixture
def storage(
    new_database: Callable[[], str], warehouse_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storage]:
    """The installation's instance of Dagster; no server of its own is started for it."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    url = new_database()
    with opened(url, home / "dagster") as storage:
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
        yield storage


def materialized(storage: Storage, asset: str) -> set[date]:
    """The days that count as materialized."""
    return {date.fromisoformat(key) for key in storage.instance.get_materialized_partitions(dg.AssetKey(asset))}


@pytest.mark.parametrize(
    ("tenants", "now", "newest"),
    [
        ("", "2026-03-02T23:59", "2026-03-02"),
        ("tenants: [{tenant: East, timezone: Pacific/Kiritimati}]", "2026-03-02T09:59", "2026-03-02"),
        ("tenants: [{tenant: East, timezone: Pacific/Kiritimati}]", "2026-03-02T10:00", "2026-03-03"),
        ("tenants: [{tenant: West, timezone: Pacific/Honolulu}]", "2026-03-02T09:00", "2026-03-02"),
    ],
)
def test_the_last_day_is_the_last_that_has_begun_in_any_zone(
    tenants: str, now: str, newest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings(tenants)
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert found.newest_day(moment) == date.fromisoformat(newest)
    monkeypatch.setattr(shared, "settings_at_load", lambda: found)
    keep_first_day(date(2026, 2, 20))
    keys = shared.usage_days.__wrapped__().get_partition_keys(current_time=moment)
    assert (keys[0], keys[-1]) == ("2026-02-20", newest)
    tags = shared.tags_of_pass(moment)
    assert {tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]} <= {*keys}


def test_the_first_day_is_the_first_with_usage_unless_the_configuration_says_one(
    warehouse: Connection, used: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first_day(settings()) == date(2023, 1, 1), "nothing is known yet"
    keep_first_day_of(warehouse)
    assert not first_day_file().exists(), "an empty warehouse knows nothing"
    roll_up(warehouse, used[1:])
    keep_first_day_of(warehouse)
    assert first_day(settings()) == used[1]
    roll_up(warehouse, used)
    keep_first_day_of(warehouse)
    assert first_day(settings()) == used[0]
    assert first_day(settings("usage_from: 2025-01-01")) == date(2025, 1, 1)
    begins_today = settings(f"usage_from: {TODAY}")
    monkeypatch.setattr(shared, "settings_at_load", lambda: begins_today)
    yesterday = str(TODAY - timedelta(days=1))
    assert yesterday in shared.usage_days.__wrapped__().get_partition_keys(), "the first pass takes it along"


def test_what_was_made_before_dagster_was_there_counts_as_materialized(
    warehouse: Connection, used: list[date], storage: Storage
) -> None:
    run_steps(_pass(warehouse, used), ROLL_UP)
    assert report_missing(storage.instance, warehouse, settings()) == len(used) * (len(DAILY_TABLES) + 1)
    for asset in (*DAILY_TABLES, "budget_status"):
        assert materialized(storage, asset) == {*used}, asset
    newest = storage.instance.fetch_materializations(dg.AssetKey("daily_usage"), limit=1).records[0]
    assert newest.partition_key == str(used[-1]), "today is the last one written"
    assert newest.asset_materialization is not None
    figures = {name: found.value for name, found in newest.asset_materialization.metadata.items()}
    assert figures == {"dagster/row_count": 1, "total_tokens": 1500, "cost_cny": 1.25, "calls": 1}
    assert report_missing(storage.instance, warehouse, settings()) == 0, "what is known is not reported again"


def test_a_command_reports_what_it_made_where_there_is_an_instance(
    warehouse: Connection, used: list[date], storage: Storage
) -> None:
    assert has_dagster()
    run_steps(_pass(warehouse, used), ROLL_UP)
    grid.report_made(warehouse, settings(), used[:2])
    assert materialized(storage, "daily_usage") == materialized(storage, "budget_status") == {*used[:2]}
    grid.report_reconciled(settings(), [used[-1], TODAY + timedelta(days=9)])
    assert materialized(storage, "reconciliation") == {used[-1]}, "only what has a partition"


def test_without_an_instance_nothing_is_imported_or_said(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(made_days, "report_days", lambda *_: pytest.fail("there is no instance"))
    assert not has_dagster()
    grid.report_made(warehouse, settings(), [TODAY])
    assert capsys.readouterr().err == ""


def test_a_storage_that_cannot_be_reached_spoils_nothing_and_is_said(
    warehouse: Connection, storage: Storage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise ConnectionError("no way to postgresql://user:secret@host")

    monkeypatch.setattr(made_days, "report_days", fails)
    grid.report_made(warehouse, settings(), [TODAY])
    said = capsys.readouterr().err
    assert "Dagster could not be told which days were made" in said
    assert "secret" not in said


def test_a_pass_without_dagster_corrects_budgets_of_late_days(warehouse: Connection, used: list[date]) -> None:
    work = _pass(warehouse, None)
    warehouse.execute("INSERT INTO usage.changed_day (source, usage_date) SELECT 'main', unnest(%s::date[])", [used])
    run_steps(work, ROLL_UP, EVALUATE)
    found = warehouse.execute(
        "SELECT period_start::date, spent::int, level FROM usage.budget_status ORDER BY 1"
    ).fetchall()
    assert found == [(day, 1500, "emergency") for day in used]
    alerts = warehouse.execute("SELECT period_start::date FROM usage.alert").fetchall()
    assert {day for (day,) in alerts} <= {TODAY}, "past days alert nobody"


def _pass(warehouse: Connection, days: list[date] | None) -> Pass:
    version = warehouse.execute(
        "INSERT INTO usage.config_version (hash, path, valid) VALUES ('h', 'p', true) RETURNING version_id"
    ).fetchone()
    assert version
    active = ActiveConfiguration(settings(), int(str(version[0])))
    return Pass(warehouse, lambda _: active, by="test", pass_id="test", days=days)
