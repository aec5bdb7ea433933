"""No message to a tenant's own recipient holds a name of another tenant; operators see everything."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from usage_pipeline.alerts.kinds.budget import BUDGET
from usage_pipeline.alerts.kinds.registry import Kind, kinds
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.recipient_view import facts_for, sees_all
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.previews import previews
from usage_pipeline.settings import Settings
from usage_pipeline.settings.load import load_settings

CONFIG = """
version: 1
recipients:
  ops: {channel: wecom, secret_env: OPS}
  sales: {channel: wecom, secret_env: SALES}
  legal: {channel: wecom, secret_env: LEGAL}
alerting: {ops: [ops]}
tenants:
  - {tenant: Sales, recipients: [sales]}
  - {tenant: t2, recipients: [legal]}
budgets:
  - {id: company, period: day, limit: {tokens: 1000}}
  - {id: named, period: day, limit: {tokens: 1000}, tiers: [{at: 100, level: warning, notify: [sales]}]}
"""
SALES, LEGAL = [["t1", "Sales"]], [["t2", "Legal"]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "c.yaml").write_text(CONFIG)
    return load_settings(tmp_path / "c.yaml")


def _facts(budget_id: str = "company") -> Mapping[str, object]:
    def shares(word: str) -> list[Mapping[str, object]]:
        rows = ((f"sales-{word}", "60", "0.6", SALES), (f"legal-{word}", "30", "0.3", LEGAL),
                (f"both-{word}", "10", "0.1", SALES + LEGAL), (f"old-{word}", "1", "0.01", None))  # fmt: skip
        return [
            {"name": n, "tokens": t, "cost": None, "share": s} | ({"tenants": w} if w else {}) for n, t, s, w in rows
        ]

    top = {kind: shares(kind) for kind in ("callers", "projects", "nodes")}
    top["models"] = [{"name": "gpt-5", "tokens": "101", "cost": "1", "share": "1", "tenants": SALES + LEGAL}]
    top["models"] += [
        {"name": f"{whose}-model", "tokens": "50", "cost": None, "share": "0.5", "tenants": tenants}
        for whose, tenants in (("legal", LEGAL), ("sales", SALES))
    ]
    stored = {**BUDGET.example().stored(), "budget_id": budget_id, "top": top, "scope_name": "", "tenant_name": None}
    return {**stored, "recipients": ["ops", "sales", "legal"], "fallback": ["legal"]}


def test_a_tenants_recipient_sees_its_own_and_the_sum_of_the_others(settings: Settings) -> None:
    seen = facts_for(settings, "sales", _facts(), "en")
    assert seen["recipients"] == ["sales"]
    assert seen["fallback"] == []
    top = seen["top"]
    assert isinstance(top, Mapping)
    assert top["projects"] == [
        {"name": "sales-projects", "tokens": "60", "cost": None, "share": "0.6"},
        {"name": "other workspaces", "tokens": "41", "cost": None, "share": "0.41"},
    ]
    assert top["models"] == [
        {"name": "gpt-5", "tokens": "101", "cost": "1", "share": "1"},
        {"name": "sales-model", "tokens": "50", "cost": None, "share": "0.5"},
        {"name": "other workspaces", "tokens": "50", "cost": None, "share": "0.5"},
    ]


def test_what_was_done_is_told_of_own_apps_alone(settings: Settings) -> None:
    steps = [
        {"action": "pause_app", "project": f"{name}-app", "at": None, "tenants": tenants}
        for name, tenants in (("sales", SALES), ("legal", LEGAL))
    ]
    ended = {"why": "below", "undone": steps, "still": steps}
    facts = {**_facts(), "top_in_period": _facts()["top"], "dry_run_apps": steps, "ended": ended}
    sales, ops = facts_for(settings, "sales", facts, "en"), facts_for(settings, "ops", facts, "en")
    assert "legal" not in str(sales)
    assert sales["dry_run_apps"] == ["sales-app"]
    assert ops["dry_run_apps"] == ["sales-app", "legal-app"]
    assert isinstance(sales["ended"], Mapping)
    assert [step["project"] for step in sales["ended"]["undone"]] == ["sales-app"]
    assert sales["ended"]["why"] == "below"
    assert isinstance(sales["top_in_period"], Mapping)
    assert sales["top_in_period"]["projects"] == sales["top"]["projects"]  # type: ignore[index]


def test_operators_and_whom_a_tier_names_see_all(settings: Settings) -> None:
    assert sees_all(settings, "ops", "company")
    assert not sees_all(settings, "sales", "company")
    assert sees_all(settings, "sales", "named")
    assert not sees_all(settings, "legal", "named")
    assert "legal-projects" in str(facts_for(settings, "ops", _facts(), "en"))


STEPS = [
    {"action": "pause_app", "project": f"{name}-app", "at": None, "tenants": tenants}
    for name, tenants in (("sales", SALES), ("legal", LEGAL))
]
# Whatever of a kind's facts is several tenants', with names of both.
OF_SEVERAL: dict[str, object] = {
    "top": _facts()["top"],
    "top_in_period": _facts()["top"],
    "dry_run_apps": STEPS,
    "ended": {"why": "below", "undone": STEPS, "still": STEPS},
    "recipients": ["ops", "sales", "legal"],
    "fallback": ["legal"],
}


@pytest.mark.parametrize("recipient", ["sales", "legal"])
@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: str(kind.name))
def test_no_channel_shows_another_tenants_names(settings: Settings, kind: Kind, recipient: str) -> None:
    """Every channel of the registry is asked for every kind, in both languages, what a tenant's recipient would get."""
    foreign = {"sales": "legal", "legal": "sales"}[recipient]
    stored = json.loads(json.dumps(kind.example().stored(), default=str))
    facts = stored | {name: value for name, value in OF_SEVERAL.items() if name in stored} | {"budget_id": "company"}
    assert not _of_whom(facts_for(settings, recipient, facts, "en")), (
        "a fact that several tenants have a part in is cut"
    )
    for language in ("en", "zh"):
        message = Message("d", "B1", kind.name, "emergency", facts, language)
        for name, channel in CHANNELS.items():
            values = channel.example or {"secret_env": "X"}
            its = channel.recipient_class.model_validate({"channel": name, **values})
            only = settings.model_copy(update={"recipients": {**settings.recipients, recipient: its}})
            shown = [each.text for each in previews(message, only, name, language) if each.recipient == recipient]
            assert shown, name
            for text in shown:
                assert f"{foreign}-" not in text, name
                assert "both-" not in text, name
                assert "tenants" not in text, name


def _of_whom(facts: object) -> list[object]:
    """What in the facts still says whose it is: nobody has looked whether the recipient may see it."""
    if isinstance(facts, Mapping):
        named = [facts["tenants"]] if "tenants" in facts else []
        return named + [found for value in facts.values() for found in _of_whom(value)]
    if isinstance(facts, list | tuple):
        return [found for value in facts for found in _of_whom(value)]
    return []


def test_every_kind_is_cut_without_losing_its_facts(settings: Settings) -> None:
    for kind in kinds().values():
        stored = kind.example().stored()
        assert set(facts_for(settings, "sales", stored, "en")) == set(stored)
