"""The overview: true figures, what needs a look comes first, in Chinese or English, short enough to be read at once."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.overview.facts import Overview, overview
from usage_pipeline.overview.text import overview_text, sparkline
from usage_pipeline.pipeline import EVALUATE, ROLL_UP, Pass, run_steps
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world

WORLD = World(("UTC",), ("sales-bot",))
CONFIG = """version: 1
currency: CNY
language: {language}
sources: [{{id: main, kind: dify, url_env: NOWHERE}}]
tiers: [{{at: 100, level: emergency}}]
budgets: [{{id: bots, name: Bots, per: project, period: day, limit: {{cost: 1}}}}]
"""
NOW = datetime.now(UTC)
TODAY = NOW.date()
SHOWN_WHERE_IT_STANDS = 1000  # characters of Markdown that Dagster's UI does not put behind a click


@pytest.fixture
def stood(warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ActiveConfiguration:
    """Thirty days at 10 a day, today 0.5 at the beginning of the day, and a budget that today broke."""
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    (tmp_path / "c.yaml").write_text(CONFIG.format(language="zh"), encoding="utf-8")
    write_world(warehouse, WORLD)
    days = [TODAY - timedelta(days=number) for number in range(30, -1, -1)]
    write_events(warehouse, WORLD, [
        Event(number=number, tenant=0, project=0, key=None, caller=None, model=None, node=None,
              occurred_at=datetime(day.year, day.month, day.day, tzinfo=UTC), input_tokens=100, output_tokens=0,
              cost=Decimal(5) if day == TODAY else Decimal(10))
        for number, day in enumerate(days)])  # fmt: skip
    configuration = active_configuration(warehouse, tmp_path / "c.yaml")
    run_steps(Pass(warehouse, lambda _: configuration, by="t", pass_id="t", days=days), ROLL_UP, EVALUATE)
    warehouse.execute(
        "INSERT INTO usage.source_state (source, kind, last_success_at, read_up_to) VALUES ('main', 'dify',"
        " now() - interval '7 minutes', now()) ON CONFLICT (source) DO UPDATE SET last_success_at ="
        " excluded.last_success_at, read_up_to = excluded.read_up_to, last_error = NULL"
    )
    return configuration


def test_its_figures_are_those_of_the_tables(warehouse: Connection, stood: ActiveConfiguration) -> None:
    found = overview(warehouse, stood, NOW.replace(hour=23, minute=30))
    assert [one.day for one in found.days] == [TODAY - timedelta(days=number) for number in range(30, -1, -1)]
    assert (found.today.cost, found.today.tokens, found.today.cost_so_far) == (5, 100, 5)
    assert (found.usual_so_far, found.change_percent) == (10, -50)
    assert {level: number for level, number in found.levels.items() if number} == {"emergency": 1}
    assert [(one.budget_id, one.percent) for one in found.budgets] == [("bots", 500.0)]
    assert (found.undelivered.failed, found.actions, found.days_reconciled) == (0, [], 0)
    assert found.sources[0].fresh
    assert found.warehouse_bytes > 1_000_000
    midnight = overview(warehouse, stood, NOW.replace(hour=0, minute=30))
    assert midnight.today.cost_so_far == 0, "of the hours before this one"
    assert midnight.change_percent is None


def test_an_empty_warehouse_has_an_overview_too(
    warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    (tmp_path / "c.yaml").write_text(CONFIG.format(language="en"), encoding="utf-8")
    text = overview_text(overview(warehouse, active_configuration(warehouse, tmp_path / "c.yaml")), "en")
    for line in ("**Today**: CN¥0.00 until now", "no days like it are known yet", "main never read to its end",
                 "**Reconciliation**: none yet", "**Budgets**: none", "**Actions in force**: none"):  # fmt: skip
        assert line in text
    assert "Look at: main" in text


def test_it_says_in_words_what_needs_a_look_first(warehouse: Connection, stood: ActiveConfiguration) -> None:
    found = overview(warehouse, stood, NOW.replace(hour=23, minute=30))
    chinese = overview_text(found, "zh", dagster_bytes=25_000_000).splitlines()
    assert chinese[2] == "请查看：1 红色告警"
    assert "- **今日**：¥5.00（至今）  " in chinese
    assert "  同类日此时通常为 ¥10.00（-50 %）" in chinese
    assert "- **预算**：1 红色告警" in chinese
    assert any("Dagster 25 MB" in line for line in chinese)
    assert overview_text(found, "en").splitlines()[2] == "Look at: 1 RED"
    fine = Overview(**{**vars(found), "levels": dict.fromkeys(found.levels, 0)})
    assert overview_text(fine, "en").splitlines()[2] == "All is well."


def test_hundreds_of_sources_with_hostile_names_leave_it_short(
    warehouse: Connection, stood: ActiveConfiguration
) -> None:
    found = overview(warehouse, stood)
    hostile = type(found.sources[0])(**{**vars(found.sources[0]), "source": "<img src=x> [a](b) `c` | \n" * 30})
    late = type(hostile)(**{**vars(hostile), "fresh": False})
    many = Overview(**{**vars(found), "sources": [hostile, late] * 150})
    for language in ("zh", "en"):
        text = overview_text(many, language)
        assert len(text) < SHOWN_WHERE_IT_STANDS
        assert not re.search(r"(?<!\\)[<>\[\]`]", text), "nothing in a name is a mark"
        assert "+297" in text


def test_small_pictures_show_the_highest_and_nothing() -> None:
    assert sparkline([Decimal(0), Decimal(1), Decimal(4)]) == "▁▄█"
    assert sparkline([Decimal(0), Decimal(0)]) == "▁▁"
    assert sparkline([]) == ""


def test_the_asset_says_it_where_it_stands_with_figures_to_plot(
    warehouse: Connection, warehouse_url: str, stood: ActiveConfiguration, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    from usage_pipeline.defs.overview import overview as asset  # noqa: PLC0415  (reads the configuration when loaded)

    done = dg.materialize([asset, dg.AssetSpec("pass_record")], selection=[asset], resources={"warehouse": Warehouse()})
    (made,) = done.asset_materializations_for_node("overview")
    metadata = made.metadata
    assert isinstance(metadata["overview"], dg.MarkdownMetadataValue)
    assert len(metadata["overview"].value or "") < SHOWN_WHERE_IT_STANDS
    assert (metadata["cost_today_cny"].value, metadata["tokens_today"].value) == (5.0, 100)
    assert (metadata["budgets_emergency"].value, metadata["alerts_waiting"].value) == (1, 0)
    lag = metadata["lag_minutes"].value
    assert isinstance(lag, float) and 6.9 < lag < 60
    assert isinstance(metadata["budgets"], dg.TableMetadataValue)
    (row,) = metadata["budgets"].records
    assert (row.data["budget"], row.data["of"], row.data["spent"], row.data["% of it"]) == (
        "Bots", "sales-bot", "5.00 CNY", "500.0 %"
    )  # fmt: skip
    assert date.fromisoformat(str(row.data["since"])) == TODAY
