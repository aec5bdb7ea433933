"""A file that loses much waits: what was active stays so until two passes have seen it, or a person confirms it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from usage_pipeline.alerts.kinds.configuration import raise_configuration_alert
from usage_pipeline.cli import app
from usage_pipeline.configuration import active_configuration, count_pass
from usage_pipeline.settings.last_valid import settings_to_load
from usage_pipeline.warehouse.audit_chain import verify
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.settings.test_losses import TEXT

HALF = TEXT[: TEXT.index("enforcement:")]


@pytest.fixture
def file(warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, whole and active."""
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path / "home"))
    path = tmp_path / "usage_pipeline.yaml"
    path.write_text(TEXT, encoding="utf-8")
    assert active_configuration(warehouse, path).waiting is None
    return path


@pytest.fixture
def run(warehouse_url: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command on that file."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(file))
    return lambda *words: CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


def budgets(connection: Connection, file: Path, pass_id: str | None = None) -> int:
    """How many budgets are active."""
    found = active_configuration(connection, file)
    if found.waiting and pass_id and count_pass(connection, found.waiting, pass_id):
        found = active_configuration(connection, file)
    return len(found.settings.budgets)


def test_it_is_active_when_two_passes_in_a_row_have_seen_it(warehouse: Connection, file: Path) -> None:
    file.write_text(HALF, encoding="utf-8")
    assert budgets(warehouse, file) == budgets(warehouse, file) == 3, "commands and deliveries are no passes"
    assert budgets(warehouse, file, "p1") == 3
    assert budgets(warehouse, file, "p1") == 3, "all steps of a pass are one"
    assert len(settings_to_load(file).budgets) == 3
    file.write_text(TEXT, encoding="utf-8")
    assert budgets(warehouse, file, "p2") == 3
    file.write_text(HALF, encoding="utf-8")
    assert budgets(warehouse, file, "p3") == 3, "it was whole in between: it waits anew"
    file.write_text("version: [", encoding="utf-8")
    assert budgets(warehouse, file, "p4") == 3
    file.write_text(HALF, encoding="utf-8")
    assert budgets(warehouse, file, "p5") == 3
    assert budgets(warehouse, file, "p6") == 0
    assert budgets(warehouse, file) == len(settings_to_load(file).budgets) == 0
    file.write_text(TEXT, encoding="utf-8")
    assert budgets(warehouse, file, "p7") == 3, "what it adds waits for nobody"
    file.write_text(HALF, encoding="utf-8")
    assert budgets(warehouse, file, "p8") == 3, "that it was active once is no reason"
    assert verify(warehouse) is None


def test_the_same_file_at_another_place_waits_too(warehouse: Connection, file: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.yaml"
    moved.write_text(TEXT, encoding="utf-8")
    assert budgets(warehouse, moved) == 3
    moved.write_text(HALF, encoding="utf-8")
    assert budgets(warehouse, moved, "p1") == 3
    other = tmp_path / "other.yaml"
    other.write_text(HALF, encoding="utf-8")
    assert budgets(warehouse, other, "p2") == 0, "who names another file means it"


def test_operators_are_notified_each_time_that_it_waits(warehouse: Connection, file: Path) -> None:
    for passes in (("p1", "p2"), ("p4",)):
        file.write_text(HALF, encoding="utf-8")
        for pass_id in passes:
            raise_configuration_alert(warehouse, active_configuration(warehouse, file))
            budgets(warehouse, file, pass_id)
        file.write_text(TEXT, encoding="utf-8")
        assert active_configuration(warehouse, file).waiting is None
    rows = warehouse.execute("SELECT level, facts -> 'lost', facts ->> 'decide' FROM usage.alert").fetchall()
    assert len(rows) == 2
    level, gone, command = rows[0]
    assert (level, command) == ("critical", "usage-pipeline budgets confirm")
    assert gone == [
        "budgets: company, bots, agents",
        'enforcement.never: {"project":"payments"}, {"tag":"core"}',
        "tiers",
        "budgets",
        "enforcement",
    ]
    recipients = warehouse.execute("SELECT DISTINCT recipient FROM usage.delivery ORDER BY 1").fetchall()
    assert recipients == [("ops",)], "as the configuration says that is active"


def test_a_person_confirms_it(warehouse: Connection, file: Path, run: Callable[..., Result]) -> None:
    assert "nothing waits" in run("budgets", "confirm").stdout
    file.write_text(HALF, encoding="utf-8")
    found = json.loads(run("doctor", "--json").stdout)
    says = [finding["says"] for finding in found if finding["checked"] == "configuration"]
    assert any("budgets: company, bots, agents" in text and "budgets confirm" in text for text in says)
    assert budgets(warehouse, file) == 3
    confirmed = run("budgets", "confirm", "--by", "wang.wu", "--json")
    assert confirmed.exit_code == 0, confirmed.output
    assert json.loads(confirmed.stdout)["confirmed"] is True
    assert budgets(warehouse, file) == 0
    row = warehouse.execute("SELECT confirmed_by FROM usage.config_version ORDER BY version_id DESC LIMIT 1").fetchone()
    assert row
    assert "wang.wu" in str(row[0])
    file.write_text("version: [", encoding="utf-8")
    assert run("budgets", "confirm").exit_code == 2
