"""The asset, its schedule and the command write the same report into the same place."""

import json
import sys
import webbrowser
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner, Result

from usage_pipeline.cli import app
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.reports.edition import EDITION_KINDS, edition_of, ended_with, month_of
from usage_pipeline.run_tags import Work
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.reports.test_document import sums
from usage_pipeline_tests.support.company import EXAMPLE
from usage_pipeline_tests.support.report_books import DAY


@pytest.fixture
def home(books_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose warehouse is the books."""
    for name, value in (
        ("WAREHOUSE_URL", books_url),
        ("USAGE_PIPELINE_CONFIG", str(EXAMPLE)),
        ("USAGE_PIPELINE_HOME", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
    return tmp_path


def the_asset() -> dg.AssetsDefinition:
    """Loaded when there is an installation: its module reads the configuration."""
    from usage_pipeline.defs.reports import daily_report  # noqa: PLC0415

    return daily_report


def run(*words: str) -> Result:
    """The command."""
    return CliRunner().invoke(app, ["report", *words])


def test_the_asset_writes_the_day_and_says_its_figures_and_sends_nothing_for_a_person(
    home: Path, books: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Materialize in the UI bears the job's tags: on the morning itself it is not the schedule's own run."""
    monkeypatch.setattr(Settings, "today", lambda _settings, _now=None: DAY + timedelta(days=1))
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [the_asset()],
            partition_key=DAY.isoformat(),
            instance=instance,
            resources={"warehouse": Warehouse()},
            tags=Work.DAILY_REPORT.tags,
        )
        assert done.success
        found = instance.get_latest_materialization_event(dg.AssetKey("daily_report"))
    assert found and found.asset_materialization
    metadata = {name: value.value for name, value in found.asset_materialization.metadata.items()}
    truth = sums(books, DAY, DAY)
    assert metadata["cost_cny"] == pytest.approx(float(truth.base_cost), abs=1e-6)
    assert metadata["total_tokens"] == truth.total_tokens
    assert metadata["provisional"] is False
    assert "sent_to" not in metadata
    assert books.execute("SELECT count(*) FROM usage.alert WHERE kind = 'report'").fetchone() == (0,)
    assert str(metadata["trend"]).startswith("![") and "data:image/png;base64," in str(metadata["trend"])
    assert "project" in str(metadata["projects"])
    folder = home / "reports" / DAY.isoformat()
    assert sorted(path.name for path in folder.iterdir()) == [f"usage-{DAY}.html", f"usage-{DAY}.xlsx"]


def test_without_pictures_the_asset_says_what_installs_them(
    home: Path, books: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [the_asset()], partition_key=DAY.isoformat(), instance=instance, resources={"warehouse": Warehouse()}
        )
        assert done.success
        found = instance.get_latest_materialization_event(dg.AssetKey("daily_report"))
    assert found and found.asset_materialization
    assert found.asset_materialization.metadata["trend"].value == (
        "the picture of the trend needs matplotlib, which is not installed: pip install 'usage-pipeline[pictures]'"
    )


def test_with_a_week_and_a_month_their_editions_are_written_and_told(home: Path, books: Connection) -> None:
    """2026-05-31 is a Sunday and the last day of its month; another day's run writes only itself."""
    assert [edition.name for edition in ended_with(date(2026, 5, 31), EDITION_KINDS)] == [
        "2026-05-31",
        "2026-W22",
        "2026-05",
    ]
    assert [edition.name for edition in ended_with(date(2026, 6, 1), EDITION_KINDS)] == ["2026-06-01"]
    sunday = DAY - timedelta(days=DAY.isoweekday())
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize(
            [the_asset()], partition_key=sunday.isoformat(), instance=instance, resources={"warehouse": Warehouse()}
        ).success
    written = {path.name for path in (home / "reports").iterdir()}
    assert written == {sunday.isoformat(), edition_of("week", sunday).name}


def test_the_last_day_of_a_month_writes_its_chargeback_too(home: Path, books: Connection) -> None:
    last = month_of(DAY).last
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize(
            [the_asset()], partition_key=last.isoformat(), instance=instance, resources={"warehouse": Warehouse()}
        ).success
    month = home / "reports" / f"{DAY:%Y-%m}"
    statements = sorted(path.name for path in month.glob("chargeback-*.csv"))
    assert len(statements) == 2
    assert (month / f"usage-{DAY:%Y-%m}.html").is_file()


def test_each_morning_yesterday_is_written_and_the_day_before_again(home: Path) -> None:
    from usage_pipeline.defs.reports import daily_report_schedule  # noqa: PLC0415  (reads the configuration when loaded)

    # 08:30 in Shanghai is 00:30 UTC; the zone of the configuration in force when the schedule was loaded may differ.
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 3, 18, 12, tzinfo=UTC))
    request = daily_report_schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == "2026-03-16"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-03-17"


def test_the_command_writes_what_was_asked_for(home: Path, books: Connection, tmp_path: Path) -> None:
    done = run("--date", str(DAY), "--format", "csv", "--format", "focus", "--out", str(tmp_path / "out"), "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert Decimal(document["base_cost"]) == sums(books, DAY, DAY).base_cost
    assert [Path(path).name for path in document["files"]] == [f"usage-{DAY}.csv.zip", f"usage-{DAY}.focus.csv"]
    assert len(document["sentences"]) == 3 and str(DAY) in document["sentences"][0]


def test_weeks_months_and_tenants(home: Path, books: Connection) -> None:
    week = json.loads(run("--date", str(DAY), "--period", "week", "--format", "focus", "--json").stdout)
    assert week["edition"] == "2026-W12"
    month = json.loads(
        run("--date", str(DAY), "--period", "month", "--tenant", "tenant-a", "--format", "focus", "--json").stdout
    )
    assert month["edition"] == "2026-03" and Path(month["files"][0]).parent == home / "reports" / "2026-03"
    assert Decimal(month["base_cost"]) == sums(books, DAY.replace(day=1), DAY.replace(day=31), "tenant-a").base_cost


def test_open_opens_the_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert run("--date", str(DAY), "--format", "xlsx", "--open").exit_code == 0
    assert opened == [(home / "reports" / str(DAY) / f"usage-{DAY}.html").resolve().as_uri()]


def test_chargeback_lists_every_tenant(home: Path, books: Connection) -> None:
    rows = json.loads(run("--chargeback", "2026-03", "--json").stdout)
    expected = sums(books, DAY.replace(day=1), DAY.replace(day=31)).base_cost
    assert sum(Decimal(row["base_cost"]) for row in rows) == expected
    assert all(Path(row["file"]).parent == home / "reports" / "2026-03" for row in rows)


def test_a_format_that_is_not_installed_is_asked_for_before_anything_is_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = run("--date", str(DAY), "--format", "html", "--format", "parquet", "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    said = "the format parquet needs pyarrow, which is not installed: pip install 'usage-pipeline[parquet]'"
    assert said in done.output.replace("\n", " ") and "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tenant", "Nobody"), "there is no tenant 'Nobody'; the warehouse knows"),
        (("--format", "pdf"), "write one of html, xlsx, csv, parquet, focus"),
        (("--period", "year"), "write one of day, week, month"),
        (("--out", "/proc/nowhere"), "give another folder with --out"),
    ],
)
def test_mistakes_are_a_line_with_the_way_out(words: tuple[str, ...], says: str, home: Path) -> None:
    done = run("--date", str(DAY), *words)
    assert done.exit_code == 2
    assert says in done.output.replace("\n", " ") and "Traceback" not in done.output
