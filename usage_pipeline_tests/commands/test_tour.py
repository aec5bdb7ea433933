"""The tour shows what is there and proposes budgets that the program takes and that the past would not have broken."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.budgets.proposal import rounded_up, usage_history
from usage_pipeline.cli import app
from usage_pipeline.settings import load_settings, parse_settings
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy

HEAD = "version: 1\ntimezone: Asia/Shanghai\ncurrency: CNY\nexchange_rates: {USD: 7.10}\nbudgets:\n"


@pytest.fixture(scope="module")
def company(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company of some days, read by one pass."""
    with company_to_copy(postgres, lambda make, url: build_company(make, url, seed=8, days=6)) as made:
        yield made


@pytest.fixture
def shown(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the tour prints."""
    monkeypatch.setenv("WAREHOUSE_URL", company.warehouse_url)
    monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(EXAMPLE))
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["tour"])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_says_what_is_there_and_writes_a_report_and_nothing_else(
    shown: str, company: Company, tmp_path: Path
) -> None:
    assert "2 workspace(s), 14 app(s)" in shown
    (page,) = tmp_path.rglob("*.html")
    assert page.name in shown
    with connected(company.warehouse_url) as connection:
        assert connection.execute("SELECT count(*) FROM usage.delivery").fetchone() == (0,)


def test_the_proposed_budgets_are_taken_as_they_are_and_lie_above_what_was_usual(shown: str, company: Company) -> None:
    lines = re.findall(r"^  - (\{id: .*\})$", shown, re.MULTILINE)
    assert len(lines) == 3
    budgets = {
        budget.id: budget for budget in parse_settings(HEAD + "".join(f"  - {line}\n" for line in lines), "x").budgets
    }
    assert budgets["workspaces-month"].parent == "all-month"
    with connected(company.warehouse_url) as connection:
        history = usage_history(connection, load_settings(EXAMPLE).today())
        most = connection.execute(
            "SELECT max(tokens) FROM (SELECT sum(total_tokens) AS tokens FROM usage.daily_project_usage"
            " WHERE app_id = %s AND usage_date < %s GROUP BY usage_date) AS days",
            [history.project_id if history else "", load_settings(EXAMPLE).today()],
        ).fetchone()
    assert history is not None
    assert most == (history.project_day_tokens,)
    assert str(history.project) in shown
    assert Decimal(re.findall(r"tokens: (\d+)", lines[2])[0]) >= history.project_day_tokens * Decimal("1.5")
    assert Decimal(re.findall(r"cost: (\d+)", lines[0])[0]) >= history.month_cost * Decimal("1.2")


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0", "1"), ("0.03", "1"), ("1.01", "2"), ("9.2", "10"), ("41", "41"), ("412.5", "420"), ("98901", "99000"),
     ("99100", "100000"), ("1234567", "1300000")],
)  # fmt: skip
def test_limits_are_round_numbers_above(amount: str, rounded: str) -> None:
    assert f"{rounded_up(Decimal(amount)):f}" == rounded


def test_without_usage_the_way_on_is_named(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(EXAMPLE))
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["tour"])
    assert done.exit_code == 2
    assert "usage-pipeline run" in done.output
