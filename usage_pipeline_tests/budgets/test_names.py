"""A name in a scope is one workspace's: what somebody else calls by it is never counted, and never decides."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from usage_pipeline.budgets.evaluate import evaluate_budgets, in_scope_parameters
from usage_pipeline.budgets.names import names_of
from usage_pipeline.budgets.scope import in_scope
from usage_pipeline.settings import Settings
from usage_pipeline.settings.load import load_settings
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value_or_none, values
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_version, write_world

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINE = World(("UTC", "UTC"), ("lead-enricher", "crm"))  # of tenants t0, t1
BOTH = World(("UTC", "UTC"), ("lead-enricher", "lead-enricher"))


def _settings(tmp_path: Path, scope: str) -> Settings:
    path = tmp_path / "c.yaml"
    path.write_text(
        "version: 1\ntimezone: UTC\nrecipients: {ops: {channel: wecom, secret_env: OPS}}\n"
        "tiers: [{at: 100, level: emergency, notify: [ops]}]\n"
        f"budgets: [{{id: leads, scope: {scope}, period: day, limit: {{tokens: 1000}}}}]\n"
    )
    return load_settings(path)


def _spend(warehouse: Connection, world: World, first: int) -> None:
    """100 tokens of project a0 and 5,000 of project a1."""
    write_world(warehouse, world)
    write_events(warehouse, world, [
        Event(number=first + project, tenant=project, project=project, key=None, caller="ann", model="gpt-5", node=None,
              occurred_at=NOW, input_tokens=tokens, output_tokens=0, cost=Decimal(1))
        for project, tokens in enumerate((100, 5000))
    ])  # fmt: skip
    roll_up(warehouse, [NOW.date()])


def _spent(warehouse: Connection, settings: Settings) -> list[Decimal]:
    newest = value_or_none(warehouse, int, "SELECT max(version_id) FROM usage.config_version")
    with warehouse.transaction():
        evaluate_budgets(warehouse, settings, newest or write_version(warehouse), NOW)
    return values(warehouse, Decimal, "SELECT spent FROM usage.budget_status WHERE period_start = '2026-03-10Z'")


def _named(warehouse: Connection, settings: Settings) -> list[str]:
    """Ids of projects of which events are taken in, as alerts and enforcement see them."""
    query = in_scope("enforcement/targets", "CROSS JOIN LATERAL (SELECT d.total_tokens AS amount) AS m")
    span = {"period_start": NOW.replace(hour=0), "period_end": NOW.replace(hour=23), "zone": "UTC", "now": NOW}
    flags = {"by_the_hour": True, "estimated": False}
    parameters = {**in_scope_parameters(warehouse, settings.budgets[0], {}), **span, **flags}
    return sorted(str(found[1]) for found in warehouse.execute(query, parameters).fetchall())


def test_a_name_stays_with_whom_it_was_when_another_workspace_takes_it(warehouse: Connection, tmp_path: Path) -> None:
    settings = _settings(tmp_path, "{project: lead-enricher}")
    _spend(warehouse, MINE, 0)
    assert _spent(warehouse, settings) == [100]
    _spend(warehouse, BOTH, 10)
    assert _spent(warehouse, settings) == [200]
    assert _named(warehouse, settings) == ["a0"]
    (problem,) = names_of(warehouse, settings.budgets).ambiguous
    said = str(problem)
    assert "main/a0 of Tenant 0" in said
    assert "main/a1 of Tenant 1" in said
    assert "counted is main/a0" in said
    write_world(warehouse, MINE)
    assert _spent(warehouse, settings) == [200]
    assert not names_of(warehouse, settings.budgets).ambiguous


def test_a_name_of_several_from_the_first_takes_in_none(warehouse: Connection, tmp_path: Path) -> None:
    settings = _settings(tmp_path, "{project: lead-enricher}")
    _spend(warehouse, BOTH, 0)
    assert _spent(warehouse, settings) == [0]
    assert _named(warehouse, settings) == []
    assert "none of them is taken" in str(names_of(warehouse, settings.budgets).ambiguous[0])


@pytest.mark.parametrize(
    ("scope", "spent"),
    [
        ("{project: lead-enricher, tenant: Tenant 0}", 100),
        ("{project: lead-enricher, tenant: t1}", 5000),
        ("{project: a0}", 100),
        ("{project: lead-*}", 5100),
        ("{not: {project: a1}}", 100),
    ],
)
def test_what_is_written_so_that_it_is_one_is_no_problem(
    warehouse: Connection, tmp_path: Path, scope: str, spent: int
) -> None:
    settings = _settings(tmp_path, scope)
    _spend(warehouse, BOTH, 0)
    assert _spent(warehouse, settings) == [spent]
    assert not names_of(warehouse, settings.budgets).ambiguous


def test_a_project_called_by_anothers_id_is_not_that_project(warehouse: Connection, tmp_path: Path) -> None:
    settings = _settings(tmp_path, "{project: a0}")
    _spend(warehouse, MINE.renamed(1, "a0"), 0)
    assert _spent(warehouse, settings) == [100]
    assert _named(warehouse, settings) == ["a0"]


def test_nobody_leaves_a_budget_by_a_name_that_it_leaves_out(warehouse: Connection, tmp_path: Path) -> None:
    settings = _settings(tmp_path, "{not: {project: lead-enricher}}")
    _spend(warehouse, MINE, 0)
    assert _spent(warehouse, settings) == [5000]
    _spend(warehouse, BOTH, 10)
    assert _spent(warehouse, settings) == [10000]
    assert _named(warehouse, settings) == ["a1"]


def test_tenants_of_one_name_in_two_sources_are_two(warehouse: Connection, tmp_path: Path) -> None:
    settings = _settings(tmp_path, "{tenant: Tenant 0}")
    _spend(warehouse, MINE, 0)
    assert _spent(warehouse, settings) == [100]
    warehouse.execute(
        "INSERT INTO usage.tenant (source, tenant_id, name, timezone) VALUES ('b', 'x', 'Tenant 0', 'UTC')"
    )
    (problem,) = names_of(warehouse, settings.budgets).ambiguous
    assert problem.kept == ("main/t0",)
    assert _spent(warehouse, settings) == [100]
