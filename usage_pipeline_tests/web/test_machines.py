"""What machines are answered: where a budget stands, measurements, and whether all is well."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.commands.doctor_web import look_at_web
from usage_pipeline.links import web_key
from usage_pipeline_tests.web.conftest import MACHINE, TENANTS_MACHINE, Site


def ask(site: Site, path: str, token: str = MACHINE) -> requests.Response:
    """The answer to a program with a token."""
    return requests.get(f"{site.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=10)


def test_a_budget_is_told_with_what_is_left_and_as_of_when(site: Site) -> None:
    row = site.place.warehouse.execute(
        "SELECT spent, \"limit\", level FROM usage.budget_status WHERE budget_id = 'agent-daily' AND period_end > now()"
    ).fetchone()
    assert row
    for scope in ("", "?scope=lead-enricher"):
        told = ask(site, f"/v1/budgets/agent-daily{scope}").json()
        assert (Decimal(told["spent"]), Decimal(told["limit"]), told["level"]) == row
        assert told["left"] == "0" and told["unit"] == "tokens"
        assert told["as_of_ms"] == int(site.place.now.timestamp() * 1000) <= told["answered_ms"]


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/v1/budgets/agent-daily", "", 401),
        ("/v1/budgets/agent-daily", "another", 401),
        ("/v1/budgets/agent-daily", TENANTS_MACHINE, 404),
        ("/v1/budgets/company-day", TENANTS_MACHINE, 404),
        ("/v1/budgets/none", MACHINE, 404),
        ("/v1/budgets/agent-daily?scope=brand-chat", MACHINE, 404),
        ("/metrics", TENANTS_MACHINE, 401),
        ("/metrics", "", 401),
    ],
)
def test_who_may_not_ask_or_asks_for_nothing_is_told_so(site: Site, path: str, token: str, status: int) -> None:
    answer = ask(site, path, token)
    assert answer.status_code == status
    assert "lead-enricher" not in answer.text


def test_measurements_have_what_was_spent_and_every_line_can_be_read(site: Site) -> None:
    text = ask(site, "/metrics").text
    for name in ("budget_spent", "budget_limit", "passes_last_hour", "source_lag_seconds", "alerts_waiting"):
        assert f"\nusage_pipeline_{name}" in text, name
    (line,) = [
        line for line in text.splitlines() if line.startswith('usage_pipeline_budget_limit{budget="agent-daily"')
    ]
    assert line.endswith(" 1e+06") and 'scope="lead-enricher"' in line


def test_a_budget_whose_period_was_changed_is_told_once(site: Site) -> None:
    site.place.warehouse.execute(
        "INSERT INTO usage.budget_status (budget_id, scope_value, period_start, period_end, zone, period, scope_name,"
        ' scope, measure, measures, spent, "limit", ratio, level, as_of, config_version)'
        " SELECT budget_id, scope_value, period_start + interval '1 minute', period_end + interval '9 days', zone,"
        " 'month', scope_name, scope, measure, measures, 7, 7, 1, 'ok', as_of - interval '1 hour', config_version"
        " FROM usage.budget_status WHERE budget_id = 'agent-daily' AND period_end > now()"
    )
    lines = [line.rpartition(" ")[0] for line in ask(site, "/metrics").text.splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines))
    for scope in ("", "?scope=lead-enricher"):
        assert ask(site, f"/v1/budgets/agent-daily{scope}").json()["limit"] == "1000000"


def test_health_says_only_whether_the_warehouse_answers(site: Site) -> None:
    answer = requests.get(f"{site.url}/healthz", timeout=10)
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_sessions_for_machines_only_read_and_come_back_after_they_were_ended(site: Site) -> None:
    ended = site.place.warehouse.execute(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE application_name = 'usage-pipeline web' AND datname = current_database()"
    ).fetchone()
    assert ended and ended[0]
    assert {ask(site, "/v1/budgets/agent-daily").status_code for _ in range(6)} <= {200, 503}
    assert ask(site, "/v1/budgets/agent-daily").status_code == 200


def test_the_command_without_web_says_how(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = site.place.config.with_name("plain.yaml")
    plain.write_text(site.place.config.read_text().partition("\nweb:")[0] + "\n")
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(plain))
    refused = CliRunner().invoke(app, ["web"])
    assert refused.exit_code == 2 and "web: {public_url:" in refused.stderr


def test_doctor_looks_at_the_key_the_tokens_and_the_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = site.place.in_force.settings
    assert [finding.state for finding in look_at_web(settings)] == ["ok"]
    assert settings.web
    plain = settings.model_copy(update={"web": settings.web.model_copy(update={"public_url": "http://10.0.0.5"})})
    assert [finding.state for finding in look_at_web(plain)] == ["ok", "warning"]
    monkeypatch.setenv("USAGE_PIPELINE_WEB_KEY", "short")
    (wrong,) = look_at_web(settings)
    assert wrong.state == "wrong" and "openssl rand" in wrong.says
    monkeypatch.delenv("USAGE_PIPELINE_WEB_KEY")
    monkeypatch.delenv("TENANT_TOKEN")
    (wrong,) = look_at_web(settings)
    assert "TENANT_TOKEN" in wrong.says and "web.tokens.workflow" in wrong.says


def test_the_key_of_an_installation_is_made_once_and_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("USAGE_PIPELINE_WEB_KEY", raising=False)
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: web_key(), range(8)))
    (key,) = keys
    assert len(key) == 64
    assert [(path.name, oct(path.stat().st_mode)[-3:]) for path in tmp_path.iterdir()] == [("web.key", "600")]
