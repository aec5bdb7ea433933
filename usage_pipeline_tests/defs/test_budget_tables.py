"""Budgets in Dagster's metadata: units in keys and cells, names for ids, a link to the app where there is one."""

from datetime import date
from decimal import Decimal

import pytest

from usage_pipeline.budgets.standing import CurrentStanding, in_unit
from usage_pipeline.defs.budget_tables import app_link, standing_figures, standing_table
from usage_pipeline.settings import parse_settings

CONFIG = """version: 1
currency: CNY
budgets: [{id: bots, name: Bots, per: project, period: day, limit: {cost: 2}}]
"""
WEB = "web: {public_url: https://budgets.example.com, dify_url: https://dify.example.com}\n"
SETTINGS = parse_settings(CONFIG, "c.yaml")


def standing(measure: str = "cost", ratio: str = "1.541", **scope: str) -> CurrentStanding:
    """A value of the budget that is over its limit."""
    return CurrentStanding(
        "bots", "sales-bot", scope, date(2026, 3, 2), "day", measure, Decimal("3.082408"), Decimal(2), Decimal(ratio),
        "emergency", None, 7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "keys"),
    [
        ("cost", ["limit_cny", "spent_cny", "spent_percent"]),
        ("tokens", ["limit_tokens", "spent_percent", "spent_tokens"]),
    ],
)
def test_figures_have_their_unit_in_the_key(measure: str, keys: list[str]) -> None:
    figures = standing_figures(SETTINGS, standing(measure))
    assert sorted(figures) == keys
    assert figures["spent_percent"] == 154.1
    assert standing_figures(SETTINGS, None) == {}


def test_what_has_not_reached_its_limit_does_not_read_as_if() -> None:
    assert standing(ratio="0.9999").percent == 99.9


def test_cells_have_names_and_units() -> None:
    (record,) = standing_table(SETTINGS, [standing()]).records
    assert list(record.data.values()) == [
        "Bots", "sales-bot", "2026-03-02", "3.08 CNY", "2.00 CNY", "154.1 %", "emergency", ""
    ]  # fmt: skip
    assert in_unit(Decimal(3082408), "input_tokens", "CNY") == "3,082,408 input tokens"


def test_the_app_is_linked_to_where_the_console_has_an_address() -> None:
    linked = parse_settings(CONFIG + WEB, "c.yaml")
    assert app_link(linked, standing(app_id="a-1"))["app_in_dify"].value == "https://dify.example.com/app/a-1/overview"
    assert app_link(linked, standing(tenant_id="t")) == {}
    assert app_link(SETTINGS, standing(app_id="a-1")) == {}
    assert app_link(linked, None) == {}
