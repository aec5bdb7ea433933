"""What a configuration can do at apps is said before it does it: by validate, diff and doctor."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.commands.doctor_actions import look_at_actions
from usage_pipeline.enforcement.reach import reach_of
from usage_pipeline_tests.enforcement.conftest import AGENT, Place

COMPANY = "  - {{id: company, period: month, limit: {{tokens: 10}}, tiers: [{{at: 100, level: emergency{more}}}]}}"
PAUSES = COMPANY.format(more=", actions: [pause_app]")


@pytest.fixture(autouse=True)
def _of_the_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", place.company.warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(place.config))


def said(*words: str) -> str:
    """What a command prints, on one line."""
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "240"})
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def spenders(place: Place) -> int:
    """How many apps spent anything."""
    row = place.warehouse.execute(
        "SELECT count(DISTINCT app_id) FROM usage.daily_usage WHERE app_id NOT LIKE 'tools:%'"
        " AND app_id NOT LIKE 'datasets:%'"
    ).fetchone()
    assert row
    return int(row[0])


def test_validate_names_the_apps_that_each_budget_can_pause(place: Place) -> None:
    place.configure(mode="dry_run", more=PAUSES)
    text = said("budgets", "validate")
    assert f"agent-daily: at 100 % of what is spent, can pause 1 app: {AGENT} (mode dry_run)" in text
    assert f"company: at 100 % of what is spent, can pause {spenders(place)} apps: " in text
    place.configure(mode="dry_run", more=PAUSES, enforcement=f", never: [{{project: {AGENT}}}]")
    text = said("budgets", "validate")
    assert f"can pause {spenders(place) - 1} apps: " in text
    assert "can pause no app: none spent in it within 30 days" in text
    place.configure(mode="off", more=PAUSES)
    assert "can pause" not in said("budgets", "validate")


def test_validate_says_so_without_a_warehouse(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WAREHOUSE_URL")
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path / "nothing"))
    assert "agent-daily: at 100 % of what is spent, can pause the apps that spend in it (mode auto)" in said(
        "budgets", "validate"
    )
    found = json.loads(CliRunner().invoke(app, ["budgets", "validate", "--json"]).stdout)
    assert [(one["budget"], one["actions"], one["apps"]) for one in found["actions"]] == [
        ("agent-daily", ["pause_app"], None)
    ]


def test_diff_says_what_it_could_do_that_it_cannot_now(place: Place, tmp_path: Path) -> None:
    place.configure(mode="dry_run", more=COMPANY.format(more=""))
    assert place.in_force
    changed = tmp_path / "changed.yaml"
    changed.write_text(place.config.read_text().replace(COMPANY.format(more=""), PAUSES))
    text = said("budgets", "diff", str(changed))
    assert f"then company: at 100 % of what is spent, can pause {spenders(place)} apps: " in text
    assert "agent-daily: at 100" not in text


def test_doctor_says_it_of_budgets_and_of_loops(place: Place) -> None:
    place.configure(mode="auto", more="loops: {mode: pause}")
    found = [finding.says for finding in look_at_actions(place.in_force.settings, reads=True)]
    assert found[0].startswith("mode auto")
    assert found[1] == f"agent-daily: at 100 % of what is spent, can pause 1 app: {AGENT} (mode auto)"
    assert found[2].startswith(f"loops: one at a time, when its calls loop, can pause {spenders(place)} apps: ")


def test_a_budget_of_hours_and_of_a_model_reaches_what_used_it(place: Place) -> None:
    hourly = (
        "  - {id: hourly, scope: {model: no-such-model}, per: project, period: hour, limit: {tokens: 1},"
        " tiers: [{at: 100, level: emergency, actions: [throttle]}]}"
    )
    place.configure(mode="dry_run", more=hourly)
    *_, reach = reach_of(place.in_force.settings, place.warehouse)
    assert str(reach).endswith("can throttle no app: none spent in it within 30 days (mode dry_run)")


def test_looking_for_apps_ends_in_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.configure(mode="dry_run", more=PAUSES)
    monkeypatch.setattr("usage_pipeline.enforcement.reach._PATIENCE_S", 0.0)
    assert [reach.apps for reach in reach_of(place.in_force.settings, place.warehouse)] == [None, None]
